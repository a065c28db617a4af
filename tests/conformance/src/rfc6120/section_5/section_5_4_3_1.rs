//! RFC 6120 §5.4.3.1: rules for the TLS negotiation.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::case;
use crate::case::{Case, Need};
use crate::client::{HEADER, TlsOptions};
use crate::ns;
use crate::subject::Subject;

use super::{PROCEED, STARTTLS, raw};

pub(super) const CASES: &[Case] = &[
    case!(Must, no_xml_between_proceed_and_the_end_of_tls_negotiation, ["5.4.3.1", "5.4.3"]),
    case!(Must, server_presents_a_certificate, ["5.4.3.1", "5.4.3", "13.7.2.1"]),
    case!(Should, client_is_asked_for_a_certificate, ["5.4.3.1", "13.8.4"], needs[Need::External]),
    case!(Should, header_chooses_the_certificate, ["5.4.3.1"], needs[Need::SecondDomain]),
    case!(Should, server_name_chooses_the_certificate, ["5.4.3.1", "13.7.2.1"], needs[Need::SecondDomain]),
    case!(Must, everything_after_tls_is_encrypted, ["5.4.3.1", "13.4", "security-mti-confidentiality"]),
    case!(Must, what_was_sent_in_clear_behind_starttls_is_lost, ["5.4.3.1", "5.4.3.3"]),
];

/// RFC 6120 §5.4.3.1 rule 1: between `<proceed/>` and the end of the TLS negotiation there is no XML: the first octet
/// that the server sends is that of a TLS record.
fn no_xml_between_proceed_and_the_end_of_tls_negotiation(subject: &Subject) {
    let mut romeo = subject.connect();
    romeo.opens();
    romeo.sends(STARTTLS).receives(PROCEED);
    // An alert or a hello answers what is no hello; either is a record.
    raw::send(romeo.socket(), b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00");
    let rest = raw::rest(romeo.socket(), subject.seconds(5.0));
    let record = matches!(rest.bytes.first(), None | Some(0x15 | 0x16));
    assert!(record, "no TLS record: {:?}", rest.text());
}

/// RFC 6120 §5.4.3.1 rule 2: the server presents a certificate.
fn server_presents_a_certificate(subject: &Subject) {
    let (romeo, _) = subject.secure();
    let certificates = romeo.tls().and_then(|tls| tls.peer_certificates()).unwrap_or_default();
    assert!(!certificates.is_empty(), "no certificate");
}

/// RFC 6120 §5.4.3.1 rule 3: the server asks the client for a certificate, so that both can be authenticated by TLS.
fn client_is_asked_for_a_certificate(subject: &Subject) {
    let asked = Arc::new(AtomicBool::new(false));
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        asked.store(false, Ordering::Relaxed);
        let options = TlsOptions { asked: Some(Arc::clone(&asked)), ..TlsOptions::with_version(version) };
        // A client that has none goes on without.
        let (romeo, _) = subject.secure_with(&options);
        romeo.notes(&format!("asked for a certificate: {asked:?}"));
        assert!(asked.load(Ordering::Relaxed), "the server has sent no certificate request");
    }
}

/// RFC 6120 §5.4.3.1 rule 4: `to` of the initial header says which certificate is presented; a client that names no server
/// in TLS (SNI) gets that of the domain it has asked for.
fn header_chooses_the_certificate(subject: &Subject) {
    for (to, domain) in [("$domain", subject.domain().to_owned()), ("$other", subject.expand("$other"))] {
        let mut romeo = subject.connect();
        romeo.sends_header(&HEADER.replace("$domain", to));
        romeo.receives_header();
        romeo.receives_features();
        romeo.sends(STARTTLS).receives(PROCEED);
        // The client accepts no certificate but one for this name.
        let options = TlsOptions { server_name: Some(domain), without_sni: true, ..TlsOptions::default() };
        romeo.shakes_hands(&options);
    }
}

/// RFC 6120 §5.4.3.1 rule 4, RFC 6066 §3: where TLS names the server, as every client of today does, the certificate is for
/// that name.
fn server_name_chooses_the_certificate(subject: &Subject) {
    for (to, domain) in [("$domain", subject.domain().to_owned()), ("$other", subject.expand("$other"))] {
        let mut romeo = subject.connect();
        let header = HEADER.replace("$domain", to);
        romeo.sends_header(&header);
        romeo.receives_header();
        romeo.receives_features();
        romeo.sends(STARTTLS).receives(PROCEED);
        romeo.shakes_hands(&TlsOptions { server_name: Some(domain.clone()), ..TlsOptions::default() });
        romeo.sends_header(&header);
        assert_eq!(romeo.receives_header().attribute("from"), Some(domain.as_str()));
    }
}

/// RFC 6120 §5.4.3.1 rule 7: after TLS, all that is sent is protected: what the server answers arrives as TLS application
/// data, not as XML.
fn everything_after_tls_is_encrypted(subject: &Subject) {
    let (mut romeo, _) = subject.authenticated("romeo");
    romeo.sends("<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
    let mut first = [0];
    romeo.socket().set_read_timeout(Some(subject.seconds(5.0))).expect("a time-out can be set");
    romeo.socket().peek(&mut first).expect("an answer");
    assert_eq!(first, [0x17], "the first octet is that of no record with application data (RFC 5246 §6.2.1)");
    romeo.receives("<iq type='result' id='bind' from='?' to='?'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>*</jid></bind></iq>");
}

/// RFC 6120 §5.4.3.1, §5.4.3.3: what an attacker puts behind `<starttls/>` in clear never counts as sent under TLS. It is
/// taken for TLS, which then fails, or it is dropped.
fn what_was_sent_in_clear_behind_starttls_is_lost(subject: &Subject) {
    let injected = format!("<auth xmlns='{}' mechanism='NO-SUCH-MECHANISM'/>", ns::SASL);
    for injected in [injected.clone(), format!("{HEADER}{injected}"), format!("\n{injected}")] {
        let mut romeo = subject.connect();
        romeo.opens();
        romeo.sends(format!("{STARTTLS}{injected}")).receives(PROCEED);
        if let Err(error) = romeo.tries_to_shake_hands(&TlsOptions::default()) {
            romeo.notes(&format!("TLS failed, as it may: {error}"));
            continue;
        }
        // One header, features, and the answer to what is sent now: nothing else.
        romeo.opens();
        romeo.sends(format!("<abort xmlns='{}'/>", ns::SASL));
        romeo.receives_sasl_failure("aborted");
    }
}
