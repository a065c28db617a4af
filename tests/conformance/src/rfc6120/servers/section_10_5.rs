//! RFC 6120 §10.5: stanzas of other servers for the local domain.

use super::message_from;
use crate::case;
use crate::case::{Case, Need};
use crate::ns;
use crate::subject::Subject;
use crate::tree::Element;

pub(super) const CASES: &[Case] = &[
    case!(Must, request_of_a_server_to_nobody_is_answered, ["10.5.3.1", "10.4.3", "8.3.3.19"], needs[Need::Servers]),
    case!(
        Must,
        request_to_the_domain_is_answered_to_another_server,
        ["10.5.1", "stanza-iq-reply"],
        needs[Need::Servers]
    ),
    case!(
        Must,
        every_kind_of_stanza_of_a_server_is_delivered,
        ["10.5.4", "8.2.1", "8.2.2", "8.2.3"],
        needs[Need::Servers]
    ),
    case!(Must, errors_of_a_server_are_not_answered, ["8.3.1", "stanza-error-reply"], needs[Need::Servers]),
];

/// RFC 6120 §10.5.3.1, §10.4.3: a request to an account that does not exist is answered with an error, to the sender by way
/// of the sender's server.
fn request_of_a_server_to_nobody_is_answered(subject: &Subject) {
    let mut verona = subject.server("verona");
    let mut stream = verona.authenticated();
    stream.sends("<iq from='juliet@$verona/balcony' to='$nobody' type='get' id='a'><x xmlns='urn:example:x'/></iq>");
    let answer = verona.receives_any();
    is_error(subject, &answer, "$nobody");
}

/// RFC 6120 §10.5.1, §8.2.3: a request to the domain itself is answered.
fn request_to_the_domain_is_answered_to_another_server(subject: &Subject) {
    let mut verona = subject.server("verona");
    let mut stream = verona.authenticated();
    stream.sends("<iq from='juliet@$verona/balcony' to='$domain' type='get' id='a'><x xmlns='urn:example:x'/></iq>");
    let answer = verona.receives_any();
    is_error(subject, &answer, "$domain");
}

/// RFC 6120 §10.5.4: messages, presence and responses from another server reach the resource they are for.
fn every_kind_of_stanza_of_a_server_is_delivered(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    let verona = subject.server("verona");
    let mut stream = verona.authenticated();
    for stanza in [
        message_from("$verona", "a"),
        "<presence from='juliet@$verona/balcony' to='$romeo/orchard' id='b'/>".to_owned(),
        "<iq from='juliet@$verona/balcony' to='$romeo/orchard' type='result' id='c'><x xmlns='urn:example:x'/></iq>"
            .to_owned(),
    ] {
        stream.sends(&stanza);
        romeo.receives(&stanza);
    }
}

/// RFC 6120 §8.3.1: an error from another server is not answered, not even if it is for nobody.
fn errors_of_a_server_are_not_answered(subject: &Subject) {
    let mut verona = subject.server("verona");
    let mut stream = verona.authenticated();
    let error = "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    stream.sends(format!("<message from='juliet@$verona' to='$nobody' type='error' id='a'>{error}</message>"));
    stream.sends(format!("<iq from='juliet@$verona' to='$nobody' type='error' id='b'>{error}</iq>"));
    stream.sends("<iq from='juliet@$verona' to='$nobody' type='result' id='c'/>");
    verona.settles(&mut stream);
}

#[track_caller]
fn is_error(subject: &Subject, answer: &Element, from: &str) {
    assert!(answer.is("iq", ns::SERVER), "{answer}");
    assert_eq!((answer.attribute("type"), answer.attribute("id")), (Some("error"), Some("a")), "{answer}");
    assert_eq!(answer.attribute("from"), Some(subject.expand(from).as_str()), "{answer}");
    assert_eq!(answer.attribute("to"), Some(subject.expand("juliet@$verona/balcony").as_str()), "{answer}");
    let (_, condition) = crate::client::stanza_error(answer);
    assert!(
        ["service-unavailable", "item-not-found", "feature-not-implemented"].contains(&condition.as_str()),
        "{answer}"
    );
}
