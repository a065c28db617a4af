//! RFC 6120 §10.5: stanzas for a domain of the server.

use super::{UNKNOWN, is_silent_or_refused, of_any_type};
use crate::case;
use crate::case::Case;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, local_stanzas_are_not_forwarded_to_another_domain, ["10.5"]),
    case!(Must, domain_is_compared_as_a_domain, ["10.5"]),
];

/// RFC 6120 §10.5: the server processes all that is for its domains itself: what can't be delivered is not looked for
/// elsewhere, and so never ends in an error about a remote server.
fn local_stanzas_are_not_forwarded_to_another_domain(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    for to in ["$nobody", "$nobody/nowhere", "$domain/nothing"] {
        romeo.sends(format!("<iq type='get' id='a' to='{to}'><q xmlns='{UNKNOWN}'/></iq>"));
        let conditions = ["service-unavailable", "feature-not-implemented", "item-not-found"];
        romeo.receives_stanza_error_of("a", &of_any_type(&conditions));
    }
    romeo.sends("<message id='a' to='$nobody' type='chat'><body>hi</body></message>");
    let come = romeo.collects();
    is_silent_or_refused(&come, "a", "service-unavailable");
}

/// RFC 6120 §10.5: a domain matches however it is written: letters have no case in it (RFC 7622 §3.2).
fn domain_is_compared_as_a_domain(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    let (local, domain) = (subject.account("juliet").local, subject.domain().to_uppercase());
    romeo.sends(format!("<message id='a' type='chat' to='{local}@{domain}/balcony'><body>hi</body></message>"));
    let message = juliet.receives("<message from='$romeo/orchard' to='*' id='a' type='chat'><body>hi</body></message>");
    let to = message.attribute("to").unwrap_or_default();
    assert!(to.eq_ignore_ascii_case(juliet.jid()), "{message}");
}
