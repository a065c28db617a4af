//! RFC 6120 §5.4: the process of STARTTLS between servers.

use super::{PROCEED, STARTTLS, ends, message_from, romeo_writes};
use crate::case;
use crate::case::{Case, Need};
use crate::client::TlsOptions;
use crate::ns;
use crate::rfc6120::section_5::raw;
use crate::servers::Srv;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, starttls_of_a_server_leads_to_a_protected_stream, ["5.4", "5.4.2.3", "9.2.1"], needs[Need::Servers]),
    case!(Must, starttls_is_not_offered_to_a_server_again, ["5.4.3.3"], needs[Need::Servers]),
    case!(Must, what_a_server_said_before_tls_is_forgotten, ["5.4.3.3"], needs[Need::Servers]),
    case!(Must, what_is_in_clear_behind_starttls_of_a_server_is_lost, ["5.4.3.1", "5.4.3.3"], needs[Need::Servers]),
    case!(Must, failed_handshake_of_a_server_ends_the_connection, ["5.4.3.2"], needs[Need::Servers]),
    case!(Should, server_is_asked_for_a_certificate, ["5.4.3.1", "13.8.4"], needs[Need::Servers]),
    case!(
        Must,
        subject_uses_starttls_where_it_is_offered,
        ["5.4.2.1", "5.4.2.3", "9.2.1", "tls-support"],
        needs[Need::Servers]
    ),
    case!(Must, subject_closes_the_stream_where_starttls_fails, ["5.4.2.2"], needs[Need::Servers]),
    case!(Must, what_is_in_clear_behind_proceed_is_lost, ["5.4.3.1", "5.4.3.3"], needs[Need::Servers]),
    case!(Must, subject_says_nothing_in_clear_where_tls_fails, ["5.4.3.2"], needs[Need::Servers]),
];

/// RFC 6120 §5.4.2.3: `<starttls/>` of a server is answered by `<proceed/>`, TLS is negotiated, and a new stream is opened.
fn starttls_of_a_server_leads_to_a_protected_stream(subject: &Subject) {
    let verona = subject.server("verona");
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let options = TlsOptions { versions: vec![version], ..verona.tls_options().clone() };
        let (stream, features) = verona.secure_with(&options);
        assert!(stream.tls().is_some(), "{}", features.0);
    }
}

/// RFC 6120 §5.4.3.3 rule 5: the features after TLS have no STARTTLS.
fn starttls_is_not_offered_to_a_server_again(subject: &Subject) {
    let (_, features) = subject.server("verona").secure();
    assert_eq!(features.starttls(), None, "{}", features.0);
}

/// RFC 6120 §5.4.3.3 rule 2: what the server said before TLS is discarded: another domain may be named after it.
fn what_a_server_said_before_tls_is_forgotten(subject: &Subject) {
    let (verona, mantua) = (subject.server("verona"), subject.server("mantua"));
    let mut stream = verona.connects();
    stream.sends_header(&mantua.header());
    stream.receives_header();
    stream.receives_features();
    stream.sends(STARTTLS).receives(PROCEED);
    stream.shakes_hands(verona.tls_options());
    stream.sends_header(&verona.header());
    assert_eq!(stream.receives_header().attribute("to"), Some(verona.domain()));
    stream.receives_features();
    stream.sends_auth("EXTERNAL", Some(&[]));
    assert!(stream.receives_sasl_answer().is_success(), "the certificate is for the domain that was named under TLS");
}

/// RFC 6120 §5.4.3.1, §5.4.3.3: what an attacker puts behind `<starttls/>` in clear never counts as sent under TLS. It is
/// taken for TLS, which then fails, or it is dropped.
fn what_is_in_clear_behind_starttls_of_a_server_is_lost(subject: &Subject) {
    let [mut romeo, mut nurse] = subject.login(["romeo/orchard", "nurse/house"]);
    let verona = subject.server("verona");
    let auth = format!("<auth xmlns='{}' mechanism='NO-SUCH-MECHANISM'/>", ns::SASL);
    let stanza = message_from(verona.domain(), "injected");
    for injected in [auth.clone(), format!("{}{auth}", verona.header()), stanza] {
        let mut stream = verona.connects();
        stream.opens();
        stream.sends(format!("{STARTTLS}{injected}")).receives(PROCEED);
        if let Err(error) = stream.tries_to_shake_hands(verona.tls_options()) {
            stream.notes(&format!("TLS failed, as it may: {error}"));
            continue;
        }
        // One header, features, and the answer to what is sent now: nothing else.
        stream.opens();
        stream.sends(format!("<auth xmlns='{}' mechanism='EXTERNAL'>=</auth>", ns::SASL));
        assert!(stream.receives_sasl_answer().is_success());
        stream.opens();
    }
    romeo.hears_nothing_from(&mut nurse);
}

/// RFC 6120 §5.4.3.2: where TLS fails, the receiving entity ends the connection, and says nothing in clear.
fn failed_handshake_of_a_server_ends_the_connection(subject: &Subject) {
    let verona = subject.server("verona");
    let mut stream = verona.connects();
    stream.opens();
    stream.sends(STARTTLS).receives(PROCEED);
    raw::send(stream.socket(), b"this is no TLS at all, as everybody can see\n\n\n\n");
    let rest = raw::rest(stream.socket(), subject.seconds(10.0));
    assert!(rest.ended, "the connection stays");
    assert!(!rest.text().contains("</stream:stream>"), "{}", rest.text());
}

/// RFC 6120 §5.4.3.1 rule 3, §13.8.4: a server that connects is asked for its certificate, so that both are authenticated by
/// TLS.
fn server_is_asked_for_a_certificate(subject: &Subject) {
    let verona = subject.server("verona");
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let asked = std::sync::Arc::default();
        let options = TlsOptions { asked: Some(std::sync::Arc::clone(&asked)), ..TlsOptions::with_version(version) };
        let _ = verona.secure_with(&options);
        assert!(asked.load(std::sync::atomic::Ordering::Relaxed), "no certificate request in {version:?}");
    }
}

/// RFC 6120 §5.4.2.1: where STARTTLS is offered as mandatory, the subject asks for it before anything else, and goes on
/// under TLS.
fn subject_uses_starttls_where_it_is_offered(subject: &Subject) {
    let mut verona = subject.server("verona");
    let _romeo = romeo_writes(subject, &verona);
    let (place, _) = verona.receives_with_stream();
    let stream = &verona.incoming()[place];
    assert!(stream.secure, "in clear: {stream:?}");
    assert!(stream.headers.len() >= 2, "the stream was not opened anew: {stream:?}");
}

/// RFC 6120 §5.4.2.2: where STARTTLS fails, the receiving entity closes the stream; the subject does so, too, and sends
/// nothing more.
fn subject_closes_the_stream_where_starttls_fails(subject: &Subject) {
    let mut verona = subject.server("verona");
    let _romeo = romeo_writes(subject, &verona);
    let mut stream = verona.accepts();
    stream.receives_header();
    let header = stream.own_header().to_owned();
    stream.sends(format!("{header}<stream:features>{STARTTLS}</stream:features>"));
    stream.receives(STARTTLS);
    stream.sends(format!("<failure xmlns='{}'/></stream:stream>", ns::TLS));
    ends(&mut stream);
}

/// RFC 6120 §5.4.3.1, §5.4.3.3: what comes in clear behind `<proceed/>` was not said under TLS: it is taken for TLS, which
/// then fails, or dropped. No proof or stanza follows from it.
fn what_is_in_clear_behind_proceed_is_lost(subject: &Subject) {
    let mut verona = subject.server("verona");
    let _romeo = romeo_writes(subject, &verona);
    let mut stream = verona.accepts();
    stream.receives_header();
    let header = stream.own_header().to_owned();
    stream.sends(format!("{header}<stream:features>{STARTTLS}</stream:features>"));
    stream.receives(STARTTLS);
    let external = format!("<mechanisms xmlns='{}'><mechanism>EXTERNAL</mechanism></mechanisms>", ns::SASL);
    stream.sends(format!("{PROCEED}{header}<stream:features>{external}</stream:features>"));
    if let Err(error) = stream.tries_to_take_hands(verona.tls_options()) {
        stream.notes(&format!("TLS failed, as it may: {error}"));
        return;
    }
    stream.receives_header();
    match stream.receives_next_within(subject.seconds(1.0)) {
        crate::Next::Nothing | crate::Next::End(_) | crate::Next::Item(crate::Item::Close) => {}
        crate::Next::Item(crate::Item::Element(element)) if element.is("error", ns::STREAM) => {}
        other => panic!("an answer to what was said in clear: {other:?}"),
    }
}

/// RFC 6120 §5.4.3.2: where TLS fails, both consider the stream closed: the subject says nothing more in clear, and its
/// stanza is sent nowhere.
fn subject_says_nothing_in_clear_where_tls_fails(subject: &Subject) {
    let mut verona = subject.server("verona");
    let mut romeo = romeo_writes(subject, &verona);
    let mut stream = verona.accepts();
    stream.receives_header();
    let header = stream.own_header().to_owned();
    stream.sends(format!("{header}<stream:features>{STARTTLS}</stream:features>"));
    stream.receives(STARTTLS);
    stream.sends(PROCEED);
    raw::send(stream.socket(), b"this is no TLS at all, as everybody can see\n\n\n\n");
    let rest = raw::rest(stream.socket(), subject.seconds(1.0));
    for word in ["<stream", "</stream", "<message", "<?xml"] {
        assert!(!rest.text().contains(word), "{}", rest.text());
    }
    drop(stream);
    verona.is_found_by(&[Srv { port: 1, ..verona.target(10) }]);
    romeo.waits(Some(subject.seconds(20.0)));
    super::is_told(&mut romeo, "first", &["remote-server-timeout", "remote-server-not-found", "internal-server-error"]);
}
