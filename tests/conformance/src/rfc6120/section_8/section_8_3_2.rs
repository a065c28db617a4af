//! RFC 6120 §8.3.2: the syntax of stanza errors.

use super::{UNKNOWN, of_any_type};
use crate::case;
use crate::case::Case;
use crate::client::STANZA_CONDITIONS;
use crate::ns;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, stanza_error_has_the_syntax_of_the_rfc, ["8.3.2", "stanza-error", "stanza-error-child"]),
    case!(Should, text_of_a_stanza_error_names_its_language, ["8.3.2"]),
    case!(Must, error_with_a_condition_of_tomorrow_is_relayed, ["8.3.2", "stanza-error"]),
];

/// Requests that fail, for different reasons.
fn requests() -> Vec<String> {
    let mut requests: Vec<String> = ["", "to='$domain'", "to='$domain/any'", "to='$romeo'", "to='$nobody'"]
        .map(|to| format!("<iq type='get' id='a' {to}><q xmlns='{UNKNOWN}'/></iq>"))
        .into();
    requests.push("<iq type='guess' id='a' to='$domain'><ping xmlns='urn:xmpp:ping'/></iq>".to_owned());
    requests.push("<iq type='get' id='a' to='$domain'/>".to_owned());
    requests.push("<iq type='get' id='a' to='somebody@$remote'><ping xmlns='urn:xmpp:ping'/></iq>".to_owned());
    requests
}

/// RFC 6120 §8.3.2: `<error/>` has one of five types, exactly one defined condition, of its namespace, a text at most
/// for each language, and one application-specific condition at most.
fn stanza_error_has_the_syntax_of_the_rfc(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    romeo.waits(Some(subject.seconds(20.0)));
    for request in requests() {
        romeo.sends(request);
        // All of that is read there.
        romeo.receives_stanza_error_of("a", &of_any_type(&STANZA_CONDITIONS));
    }
}

/// RFC 6120 §8.3.2: the text of an error says with an `xml:lang` of its own in which language it is.
fn text_of_a_stanza_error_names_its_language(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    romeo.waits(Some(subject.seconds(20.0)));
    for request in requests() {
        romeo.sends(request);
        let stanza = romeo.receives_stanza_error_of("a", &of_any_type(&STANZA_CONDITIONS));
        for text in stanza.elements().flat_map(|child| child.child("text", ns::STANZA_ERRORS)) {
            assert!(text.attribute("xml:lang").is_some(), "{stanza}");
        }
    }
}

/// RFC 6120 §8.3.2: more conditions may be defined in the future; a server between the two ends has no opinion on them.
fn error_with_a_condition_of_tomorrow_is_relayed(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    let error = "<error type='cancel' by='$domain'><out-of-cheese xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>\
                 <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>+++ Redo from start +++</text></error>";
    romeo.sends(format!("<message to='$juliet/balcony' id='a' type='error'>{error}</message>"));
    juliet
        .receives(format!("<message from='$romeo/orchard' to='$juliet/balcony' id='a' type='error'>{error}</message>"));
}
