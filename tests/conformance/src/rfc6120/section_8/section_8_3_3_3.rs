//! RFC 6120 §8.3.3.3: `feature-not-implemented`.

use crate::case;
use crate::case::Case;
use crate::subject::Subject;

pub(super) const CASES: &[Case] =
    &[case!(May, unknown_element_of_a_known_namespace_is_feature_not_implemented, ["8.3.3.3"])];

/// RFC 6120 §8.3.3.3: an element that is not known in a namespace that is, may get `feature-not-implemented`.
fn unknown_element_of_a_known_namespace_is_feature_not_implemented(subject: &Subject) {
    let [mut juliet] = subject.login(["juliet/balcony"]);
    juliet.sends("<iq id='a' to='$domain' type='get'><pong xmlns='urn:xmpp:ping'/></iq>");
    let allowed = [("cancel", "feature-not-implemented"), ("modify", "feature-not-implemented")];
    juliet.receives_stanza_error_of("a", &allowed);
}
