//! RFC 6120 §8.3.4: application-specific conditions.

use crate::case;
use crate::case::Case;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, application_specific_condition_is_relayed, ["8.3.4", "8.3.3.21"]),
    case!(Must, unknown_application_specific_condition_is_ignored, ["8.3.4", "stanza-error-reply"]),
];

/// The examples of §8.3.4.
const ERRORS: [&str; 2] = [
    "<error type='modify'><bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>\
     <too-many-parameters xmlns='http://example.org/ns'/></error>",
    "<error type='modify'><undefined-condition xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>\
     <text xml:lang='en' xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>[ ... application-specific information ... ]</text>\
     <too-many-parameters xmlns='http://example.org/ns'/></error>",
];

/// RFC 6120 §8.3.4: an application-specific condition is relayed with the defined one that it belongs to.
fn application_specific_condition_is_relayed(subject: &Subject) {
    let [mut orchard, mut garden] = subject.login(["romeo/orchard", "romeo/garden"]);
    for error in ERRORS {
        for kind in ["iq", "message"] {
            orchard.sends(format!("<{kind} id='ixc3v1b9' type='error' to='$romeo/garden'>{error}</{kind}>"));
            garden.receives(format!(
                "<{kind} id='ixc3v1b9' type='error' from='$romeo/orchard' to='$romeo/garden'>{error}</{kind}>"
            ));
        }
    }
}

/// RFC 6120 §8.3.4: a server that gets one which it does not understand takes the rest as the error that it is: it
/// does not answer.
fn unknown_application_specific_condition_is_ignored(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    for error in ERRORS {
        romeo.sends(format!("<iq id='a' type='error' to='$domain'>{error}</iq>"));
        romeo.sends(format!("<message id='b' type='error' to='$domain'>{error}</message>"));
    }
    romeo.settles();
}
