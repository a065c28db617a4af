//! RFC 6120 §5.3: rules for STARTTLS between servers.

use super::{PROCEED, STARTTLS, ends, is_told, message_from, romeo_writes};
use crate::case;
use crate::case::{Case, Need};
use crate::client::{Item, Next};
use crate::ns;
use crate::servers::Offers;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, tls_is_required_of_servers, ["5.3.1", "5.4.1", "tls-mtn", "tls-support"], needs[Need::Servers]),
    case!(Must, nothing_proves_a_server_before_mandatory_tls, ["5.3.1", "5.3.4", "tls-mtn"], needs[Need::Servers]),
    case!(Must, server_stream_is_restarted_after_tls, ["5.3.2", "tls-restart"], needs[Need::Servers]),
    case!(Must, subject_restarts_its_stream_after_tls, ["5.3.2", "5.4.3.3", "tls-restart"], needs[Need::Servers]),
    case!(
        Should,
        subject_does_not_go_on_where_tls_is_not_offered,
        ["5.3.1", "13.4", "security-mti-confidentiality"],
        needs[Need::Servers]
    ),
];

/// RFC 6120 §5.3.1, §5.4.1: STARTTLS is offered to servers, and said to be required where nothing goes on without it.
fn tls_is_required_of_servers(subject: &Subject) {
    let verona = subject.server("verona");
    let features = verona.connects().opens();
    assert_eq!(features.starttls(), Some(true), "{}", features.0);
    // §5.4.1: no other feature is mandatory before it.
    assert!(features.mechanisms().is_empty(), "SASL before mandatory TLS: {}", features.0);
}

/// RFC 6120 §5.3.1, §5.3.4: where TLS is mandatory, neither SASL nor Server Dialback proves anything before it.
fn nothing_proves_a_server_before_mandatory_tls(subject: &Subject) {
    let [mut romeo, mut nurse] = subject.login(["romeo/orchard", "nurse/house"]);
    let mut verona = subject.server("verona");
    for proof in [
        format!("<auth xmlns='{}' mechanism='EXTERNAL'>=</auth>", ns::SASL),
        "<db:result from='$verona' to='$domain'>a-key</db:result>".to_owned(),
    ] {
        let mut stream = verona.connects();
        stream.opens();
        stream.sends(proof);
        match stream.receives_next_within(subject.seconds(2.0)) {
            Next::Item(Item::Element(element)) => {
                assert!(!element.is("success", ns::SASL), "{element}");
                assert_ne!(element.attribute("type"), Some("valid"), "{element}");
            }
            other => stream.notes(&format!("{other:?}")),
        }
        // It may have gone.
        let _ = stream.tries_to_send(subject.expand(&message_from(verona.domain(), "a")).as_bytes());
        stream.receives_next_within(subject.seconds(1.0));
        romeo.hears_nothing_from(&mut nurse);
        // Whoever asks for the key gets no answer.
        verona.incoming().clear();
    }
}

/// RFC 6120 §5.3.2: after TLS a new stream is due: a stanza without one is not processed.
fn server_stream_is_restarted_after_tls(subject: &Subject) {
    let [mut romeo, mut nurse] = subject.login(["romeo/orchard", "nurse/house"]);
    let verona = subject.server("verona");
    let mut stream = verona.connects();
    stream.opens();
    stream.sends(STARTTLS).receives(PROCEED);
    stream.shakes_hands(verona.tls_options());
    let _ = stream.tries_to_send(subject.expand(&message_from(verona.domain(), "a")).as_bytes());
    stream.receives_next_within(subject.seconds(1.0));
    romeo.hears_nothing_from(&mut nurse);
}

/// RFC 6120 §5.3.2, §5.4.3.3: the subject sends a new header after TLS, without closing the stream before.
fn subject_restarts_its_stream_after_tls(subject: &Subject) {
    let mut verona = subject.server("verona");
    let _romeo = romeo_writes(subject, &verona);
    let mut stream = verona.accepts();
    stream.receives_header();
    let header = stream.own_header().to_owned();
    stream.sends(format!("{header}<stream:features>{STARTTLS}</stream:features>"));
    stream.receives(STARTTLS);
    stream.sends(PROCEED);
    stream.tries_to_take_hands(verona.tls_options()).expect("TLS with a good certificate");
    let header = stream.receives_header();
    assert_eq!(header.attribute("from"), Some(subject.domain()));
    assert_eq!(header.attribute("to"), Some(verona.domain()));
}

/// RFC 6120 §5.3.1, §13.4: a subject that requires TLS does not go on without it, where an attacker has taken the offer out
/// of the features: it closes the stream, or asks for TLS all the same (RFC 7590 §3.1), and the sender is told.
fn subject_does_not_go_on_where_tls_is_not_offered(subject: &Subject) {
    let mut verona = subject.server("verona");
    verona.offers(Offers { starttls: false, ..Offers::default() });
    let mut romeo = romeo_writes(subject, &verona);
    let mut stream = verona.accepts();
    stream.receives_header();
    let header = stream.own_header().to_owned();
    let dialback = format!("<dialback xmlns='{}'><errors/></dialback>", ns::DIALBACK_FEATURE);
    stream.sends(format!("{header}<stream:features>{dialback}</stream:features>"));
    match stream.receives_next() {
        Next::Item(Item::Element(element)) if element.is("starttls", ns::TLS) => {
            stream.sends(format!("<failure xmlns='{}'/></stream:stream>", ns::TLS));
            ends(&mut stream);
        }
        Next::Item(Item::Element(element)) => assert!(element.is("error", ns::STREAM), "in clear: {element}"),
        Next::Item(Item::Close) | Next::End(_) => {}
        other => panic!("the end of the stream was due: {other:?}"),
    }
    let _ = stream.tries_to_send(b"</stream:stream>");
    drop(stream);
    romeo.waits(Some(subject.seconds(30.0)));
    is_told(&mut romeo, "first", &["remote-server-timeout", "remote-server-not-found", "internal-server-error"]);
}
