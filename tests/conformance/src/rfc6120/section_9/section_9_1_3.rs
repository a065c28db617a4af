//! RFC 6120 §9.1.3: resource binding, where it goes another way than in the first example.

use crate::case;
use crate::case::{Case, Need};
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[case!(Must, alternative_of_step_16, ["9.1", "9.1.3"], needs[Need::ConflictRefuse])];

/// RFC 6120 §9.1.3: step 16 (alt): a resource that is in use is refused with `conflict`.
fn alternative_of_step_16(subject: &Subject) {
    let _first = subject.bound("juliet/balcony");
    let (mut second, _) = subject.authenticated("juliet");
    second.sends(
        "<iq id='yhc13a95' type='set'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
         <resource>balcony</resource></bind></iq>",
    );
    // The type is that of the example, or that of §7.7.2.2.
    second.receives_stanza_error_of("yhc13a95", &[("cancel", "conflict"), ("modify", "conflict")]);
}
