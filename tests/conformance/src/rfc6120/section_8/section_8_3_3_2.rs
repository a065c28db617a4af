//! RFC 6120 §8.3.3.2: `conflict`.

use crate::case;
use crate::case::{Case, Need};
use crate::subject::Subject;

pub(super) const CASES: &[Case] =
    &[case!(Must, resource_in_use_is_a_conflict, ["8.3.3.2"], needs[Need::ConflictRefuse])];

/// RFC 6120 §8.3.3.2: who asks for a resource that another stream has, and is refused, gets `conflict`; the type is
/// cancel there and modify in §7.7.2.2.
fn resource_in_use_is_a_conflict(subject: &Subject) {
    let _first = subject.bound("juliet/balcony");
    let (mut second, _) = subject.authenticated("juliet");
    second.sends(
        "<iq id='wy2xa82b4' type='set'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
         <resource>balcony</resource></bind></iq>",
    );
    second.receives_stanza_error_of("wy2xa82b4", &[("cancel", "conflict"), ("modify", "conflict")]);
}
