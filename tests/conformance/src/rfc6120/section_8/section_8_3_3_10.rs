//! RFC 6120 §8.3.3.10: `not-allowed`.

use super::of_any_type;
use crate::case;
use crate::case::Case;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[case!(Must, second_resource_on_a_stream_is_refused, ["8.3.3.10", "7.6.2.2"])];

/// RFC 6120 §8.3.3.10: what nobody may do gets `not-allowed`: to bind a second resource to one stream (§7.6.2.2).
fn second_resource_on_a_stream_is_refused(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    romeo.sends(
        "<iq id='a' type='set'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>garden</resource></bind></iq>",
    );
    // A server that forgets binding once it is done does not understand the namespace any more (§8.4).
    let conditions = ["not-allowed", "service-unavailable", "unexpected-request", "feature-not-implemented"];
    romeo.receives_stanza_error_of("a", &of_any_type(&conditions));
    romeo.settles();
}
