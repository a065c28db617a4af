//! RFC 6120 §6.4: the process of SASL between servers, and its failures (§6.5).

use super::{Stage, ends, is_told, message_from, romeo_writes};
use crate::case;
use crate::case::{Case, Need};
use crate::client::{Answer, Item, Next, TlsOptions};
use crate::ns;
use crate::servers::Offers;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, certificate_proves_a_server, ["6.4.6", "9.2.2", "sasl-support", "13.8.4"], needs[Need::Servers]),
    case!(Must, server_without_a_certificate_proves_nothing, ["6.4.5", "6.5.10", "13.7.2.1"], needs[Need::Servers]),
    case!(Must, unknown_mechanism_of_a_server_is_invalid, ["6.5.7", "sasl-errors"], needs[Need::Servers]),
    case!(Must, abort_of_a_server_is_told, ["6.4.4", "6.5.1", "sasl-errors"], needs[Need::Servers]),
    case!(Must, what_is_not_base64_from_a_server_is_no_proof, ["6.3.5", "6.5.5"], needs[Need::Servers]),
    case!(Must, proven_domain_does_not_change_with_the_restart, ["6.4.6", "8.1.2.2", "13.7.2.1"], needs[Need::Servers]),
    case!(
        Must,
        subject_uses_external_where_nothing_else_is_offered,
        ["6.4.2", "9.2.2", "13.8.4"],
        needs[Need::Servers]
    ),
    case!(Must, subject_sends_nothing_after_a_failure_of_sasl, ["6.4.5", "4.3.5"], needs[Need::Servers]),
];

/// RFC 6120 §6.4.6: a server with a certificate for its domain is authenticated by EXTERNAL, and may then send stanzas.
fn certificate_proves_a_server(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    let verona = subject.server("verona");
    let mut stream = verona.authenticated();
    stream.sends(message_from(verona.domain(), "a"));
    romeo.receives(message_from("$verona", "a"));
}

/// RFC 6120 §6.5.10: who has shown no certificate is not authenticated by EXTERNAL, whether it is offered or not.
fn server_without_a_certificate_proves_nothing(subject: &Subject) {
    let verona = subject.server("verona");
    for initial in ["", "$verona"] {
        let (mut stream, _) = verona.secure_with(&TlsOptions::default());
        stream.sends_auth("EXTERNAL", Some(subject.expand(initial).as_bytes()));
        is_refused(&mut stream);
    }
}

/// RFC 6120 §6.5.7: a mechanism that is not offered is `invalid-mechanism`; PLAIN and SCRAM are nothing for servers.
fn unknown_mechanism_of_a_server_is_invalid(subject: &Subject) {
    let verona = subject.server("verona");
    for mechanism in ["NO-SUCH-MECHANISM", "PLAIN"] {
        let mut stream = Stage::Secure.reach(&verona);
        stream.sends_auth(mechanism, Some(b"\0verona\0secret"));
        stream.receives_sasl_failure("invalid-mechanism");
    }
}

/// RFC 6120 §6.4.4, §6.5.1: a server that aborts, instead of answering a challenge, is told `aborted`.
fn abort_of_a_server_is_told(subject: &Subject) {
    let mut stream = Stage::Secure.reach(&subject.server("verona"));
    // Without an initial response: EXTERNAL asks for it by an empty challenge (RFC 4422 appendix A).
    stream.sends_auth("EXTERNAL", None);
    if !matches!(stream.receives_sasl_answer(), Answer::Challenge(_)) {
        subject.not_tried("the server does not ask for a response that is missing");
    }
    stream.sends(format!("<abort xmlns='{}'/>", ns::SASL));
    stream.receives_sasl_failure("aborted");
}

/// RFC 6120 §6.3.5: an initial response that is not base64 proves nothing, good as the certificate may be.
fn what_is_not_base64_from_a_server_is_no_proof(subject: &Subject) {
    let verona = subject.server("verona");
    for text in ["!!!", "dmVyb25h=", "====", "dmVy b25h"] {
        let mut stream = Stage::Secure.reach(&verona);
        stream.sends(format!("<auth xmlns='{}' mechanism='EXTERNAL'>{text}</auth>", ns::SASL));
        is_refused(&mut stream);
    }
}

/// RFC 6120 §8.1.2.2, §13.7.2.1: the domain that was proven stays the same, whatever the header after SASL says: nobody
/// proves one domain and speaks for another.
fn proven_domain_does_not_change_with_the_restart(subject: &Subject) {
    let [mut romeo, mut nurse] = subject.login(["romeo/orchard", "nurse/house"]);
    let (verona, mantua) = (subject.server("verona"), subject.server("mantua"));
    let (mut stream, _) = verona.secure();
    stream.sends_auth("EXTERNAL", Some(&[]));
    assert!(stream.receives_sasl_answer().is_success());
    stream.sends_header(&mantua.header());
    stream.receives_header();
    if stream.receives_any().is("features", ns::STREAM) {
        stream.sends(message_from(mantua.domain(), "a"));
        stream.receives_next_within(subject.seconds(1.0));
    }
    romeo.hears_nothing_from(&mut nurse);
}

/// RFC 6120 §6.4.2: where EXTERNAL is all that is offered, the subject shows its certificate and uses it.
fn subject_uses_external_where_nothing_else_is_offered(subject: &Subject) {
    let mut verona = subject.server("verona");
    verona.offers(Offers::external());
    let _romeo = romeo_writes(subject, &verona);
    let (place, message) = verona.receives_with_stream();
    assert_eq!(message.attribute("id"), Some("first"), "{message}");
    let stream = &verona.incoming()[place];
    assert!(stream.external.is_some() && stream.proven, "{stream:?}");
}

/// RFC 6120 §6.4.5, §4.3.5: where SASL fails and nothing else is offered, no stanza is sent, and its sender is told.
fn subject_sends_nothing_after_a_failure_of_sasl(subject: &Subject) {
    let mut verona = subject.server("verona");
    verona.offers(Offers { external_succeeds: false, ..Offers::external() });
    let mut romeo = romeo_writes(subject, &verona);
    verona.waits(Some(subject.seconds(15.0)));
    verona.serves_until(|streams| streams.iter().any(|stream| stream.external.is_some() && stream.ended.is_some()));
    romeo.waits(Some(subject.seconds(20.0)));
    is_told(&mut romeo, "first", &["remote-server-timeout", "remote-server-not-found", "internal-server-error"]);
}

/// A failure of SASL, or the end of the stream.
#[track_caller]
fn is_refused(stream: &mut crate::Client) {
    match stream.receives_next() {
        Next::Item(Item::Element(element)) if element.is("error", ns::STREAM) => {
            ends(stream);
        }
        Next::Item(Item::Element(element)) => assert!(element.is("failure", ns::SASL), "{element}"),
        Next::Item(Item::Close) | Next::End(_) => {}
        other => panic!("a failure was due: {other:?}"),
    }
}
