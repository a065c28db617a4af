//! XEP-0220 §2.1.2: the subject as receiving server, when it asks for the verification of a key.

use super::{KEY, answers, is_not_heard, is_not_valid, is_valid, message, sends_key, without_certificate};
use crate::case;
use crate::case::{Case, Need};
use crate::client::{Item, Next};
use crate::servers::{PeerServer, Srv};
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, key_is_verified_as_it_came, ["13.5", "8.1.2.2"], needs[Need::Servers]),
    case!(Must, key_is_asked_for_at_the_domain_that_it_is_of, ["13.5", "8.1.2.2", "13.9.2"], needs[Need::Servers]),
    case!(Must, answer_for_another_stream_proves_nothing, ["13.5", "8.1.2.2"], needs[Need::Servers]),
    case!(Must, answer_of_another_server_proves_nothing, ["13.5", "8.1.2.2"], needs[Need::Servers]),
    case!(
        Must,
        authoritative_server_that_is_away_proves_nothing,
        ["13.5", "8.1.2.2", "4.9.3.15"],
        needs[Need::Servers]
    ),
    case!(Must, authoritative_server_that_is_away_is_an_error, ["13.5", "4.9.3.15"], needs[Need::Servers]),
];

/// XEP-0220 §2.1.2: the request has the target domain as `from`, the sender domain as `to`, the id of the response header
/// of the stream that the key came on, and the key.
fn key_is_verified_as_it_came(subject: &Subject) {
    let mut verona = subject.server("verona");
    let mut stream = without_certificate(&verona);
    let (_, request) = sends_key(&mut stream, &mut verona);
    assert_eq!(request.attribute("from"), Some(subject.domain()), "{request}");
    assert_eq!(request.attribute("to"), Some(verona.domain()), "{request}");
    assert_eq!(request.attribute("id"), stream.header().attribute("id"), "{request}");
    assert_eq!(request.attribute("type"), None, "{request}");
    assert_eq!(request.text().trim(), KEY, "{request}");
}

/// XEP-0220 §2.1.2: the authoritative server is found by the DNS, never by who has sent the key.
fn key_is_asked_for_at_the_domain_that_it_is_of(subject: &Subject) {
    let [mut romeo, mut nurse] = subject.login(["romeo/orchard", "nurse/house"]);
    let (verona, mut mantua) = (subject.server("verona"), subject.server("mantua"));
    // Verona says that it is mantua.
    let mut stream = verona.connects();
    stream.sends_header(&mantua.header());
    stream.receives_header();
    stream.receives_features();
    stream.sends(format!("<starttls xmlns='{}'/>", crate::ns::TLS));
    stream.receives(format!("<proceed xmlns='{}'/>", crate::ns::TLS));
    stream.shakes_hands(&crate::TlsOptions::default());
    stream.sends_header(&mantua.header());
    stream.receives_header();
    stream.receives_features();
    let request = sends_key(&mut stream, &mut mantua);
    answers(&mut mantua, &request, "invalid");
    is_not_valid(&mut stream);
    is_not_heard(subject, &mut stream, "$mantua", &mut romeo, &mut nurse);
}

/// XEP-0220 §2.1.2, §3.1: an answer is matched by `from`, `to` and `id`; one that fits no request is dropped.
fn answer_for_another_stream_proves_nothing(subject: &Subject) {
    let [mut romeo, mut nurse] = subject.login(["romeo/orchard", "nurse/house"]);
    for answer in [
        "<db:verify from='$verona' to='$domain' id='another' type='valid'/>",
        "<db:verify from='$mantua' to='$domain' id='$id' type='valid'/>",
        "<db:verify from='$verona' to='$remote' id='$id' type='valid'/>",
    ] {
        let (mut verona, _mantua) = (subject.server("verona"), subject.server("mantua"));
        let mut stream = without_certificate(&verona);
        let (place, request) = sends_key(&mut stream, &mut verona);
        let id = request.attribute("id").unwrap_or_default();
        verona.incoming()[place].client.sends(answer.replace("$id", id));
        is_not_heard(subject, &mut stream, "$verona", &mut romeo, &mut nurse);
    }
}

/// XEP-0220 §3.1: an answer counts only on the stream that the request was sent over: not on that of the server that wants
/// to be proven, nor on another server's.
fn answer_of_another_server_proves_nothing(subject: &Subject) {
    let [mut romeo, mut nurse] = subject.login(["romeo/orchard", "nurse/house"]);
    let (mut verona, mantua) = (subject.server("verona"), subject.server("mantua"));
    let mut stream = without_certificate(&verona);
    let (_, request) = sends_key(&mut stream, &mut verona);
    let id = request.attribute("id").unwrap_or_default();
    let answer = format!("<db:verify from='$verona' to='$domain' id='{id}' type='valid'/>");
    let mut other = mantua.authenticated();
    let _ = other.tries_to_send(subject.expand(&answer).as_bytes());
    other.receives_next_within(subject.seconds(1.0));
    let _ = stream.tries_to_send(subject.expand(&answer).as_bytes());
    is_not_heard(subject, &mut stream, "$verona", &mut romeo, &mut nurse);
}

/// XEP-0220 §2.1.2: where the authoritative server can't be found or reached, the key is not valid.
fn authoritative_server_that_is_away_proves_nothing(subject: &Subject) {
    let [mut romeo, mut nurse] = subject.login(["romeo/orchard", "nurse/house"]);
    for found in [false, true] {
        let verona = subject.server("verona");
        let mut stream = without_certificate(&verona);
        goes_away(&verona, found);
        stream.sends(format!("<db:result from='$verona' to='$domain'>{KEY}</db:result>"));
        match stream.receives_next_within(subject.seconds(2.0)) {
            Next::Item(Item::Element(element)) => assert_ne!(element.attribute("type"), Some("valid"), "{element}"),
            other => stream.notes(&format!("{other:?}")),
        }
        is_not_heard(subject, &mut stream, "$verona", &mut romeo, &mut nurse);
    }
    // The same server that is there is proven.
    let mut verona = subject.server("verona");
    let mut stream = without_certificate(&verona);
    let request = sends_key(&mut stream, &mut verona);
    answers(&mut verona, &request, "valid");
    is_valid(&mut stream, &verona);
    stream.sends(message("$verona", "a"));
    romeo.receives(message("$verona", "a"));
}

/// XEP-0220 §2.5: the initiating server is told so, by a dialback error, or by the end of the stream.
fn authoritative_server_that_is_away_is_an_error(subject: &Subject) {
    for found in [false, true] {
        let verona = subject.server("verona");
        let mut stream = without_certificate(&verona);
        goes_away(&verona, found);
        stream.waits(Some(subject.seconds(15.0)));
        stream.sends(format!("<db:result from='$verona' to='$domain'>{KEY}</db:result>"));
        let kind = is_not_valid(&mut stream);
        stream.notes(&kind);
    }
}

/// Has the domain lead nowhere, or to where nobody listens.
fn goes_away(server: &PeerServer, found: bool) {
    if found {
        server.is_found_by(&[Srv { port: 1, ..server.target(10) }]);
    } else {
        server.is_not_found();
    }
}
