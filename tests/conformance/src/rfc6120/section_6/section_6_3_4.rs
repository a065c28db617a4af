//! RFC 6120 §6.3.4: which mechanisms are offered depends on the stream.

use crate::case;
use crate::case::{Case, Need};
use crate::client::TlsOptions;
use crate::subject::{ClientCertificate, Subject};

pub(super) const CASES: &[Case] = &[
    case!(Must, mechanisms_that_need_tls_are_not_offered_before_it, ["6.3.4", "13.8.3"]),
    case!(Must, plain_is_not_offered_in_clear, ["6.3.4", "13.8.3"], needs[Need::Plaintext]),
    case!(Must, channel_binding_is_not_offered_in_clear, ["6.3.4", "13.9.4"], needs[Need::Plaintext]),
    case!(Must, what_offers_channel_binding_offers_its_absence, ["6.3.4"]),
    case!(Should, external_is_offered_to_who_has_a_certificate, ["6.3.4"], needs[Need::External]),
    case!(Should, external_is_offered_first, ["6.3.4"], needs[Need::External]),
];

/// RFC 6120 §6.3.4: a mechanism for which TLS is mandatory is not advertised before TLS. Where TLS is mandatory for
/// everything, none is.
fn mechanisms_that_need_tls_are_not_offered_before_it(subject: &Subject) {
    let mut romeo = subject.connect();
    let features = romeo.opens();
    let offered = features.mechanisms();
    if features.starttls() == Some(true) {
        assert!(offered.is_empty(), "offered before mandatory TLS: {offered:?}");
    }
    for mechanism in ["PLAIN", "LOGIN", "EXTERNAL"] {
        assert!(!features.offers(mechanism), "{mechanism} is offered in clear: {offered:?}");
    }
}

/// RFC 6120 §13.8.3: PLAIN is not offered where nothing protects the stream, even if other mechanisms are.
fn plain_is_not_offered_in_clear(subject: &Subject) {
    let mut romeo = subject.connect();
    let features = romeo.opens();
    assert!(!features.mechanisms().is_empty(), "nothing is offered in clear: {}", features.0);
    assert!(!features.offers("PLAIN"), "{:?}", features.mechanisms());
    romeo.starts_tls();
    let features = romeo.opens();
    romeo.notes(&format!("under TLS: {:?}", features.mechanisms()));
}

/// RFC 6120 §13.9.4, RFC 5802 §6: without TLS there is nothing to bind to, so no mechanism with -PLUS is offered.
fn channel_binding_is_not_offered_in_clear(subject: &Subject) {
    let mut romeo = subject.connect();
    let offered = romeo.opens().mechanisms();
    assert!(!offered.iter().any(|mechanism| mechanism.ends_with("-PLUS")), "{offered:?}");
    assert!(!offered.is_empty(), "nothing is offered in clear");
}

/// RFC 5802 §6, by way of RFC 6120 §13.8.1: a server that offers a mechanism with channel binding offers it without, too.
fn what_offers_channel_binding_offers_its_absence(subject: &Subject) {
    let (_, features) = subject.secure();
    for plus in features.mechanisms().iter().filter(|name| name.ends_with("-PLUS")) {
        assert!(features.offers(plus.trim_end_matches("-PLUS")), "{:?}", features.mechanisms());
    }
}

/// RFC 6120 §6.3.4: EXTERNAL is offered to a client whose certificate is acceptable and names an account of the server.
fn external_is_offered_to_who_has_a_certificate(subject: &Subject) {
    let romeo = subject.account("romeo");
    let Some(authority) = &subject.site().authority else { subject.not_tried("nobody signs client certificates") };
    let identity = authority.certify_client(&ClientCertificate { addresses: &[&romeo.jid], ..Default::default() });
    let (_, features) = subject.secure_with(&TlsOptions::with_identity(identity));
    assert!(features.offers("EXTERNAL"), "{:?}", features.mechanisms());
}

/// RFC 6120 §6.3.4: where EXTERNAL is offered, it is listed first.
fn external_is_offered_first(subject: &Subject) {
    let romeo = subject.account("romeo");
    let Some(authority) = &subject.site().authority else { subject.not_tried("nobody signs client certificates") };
    let identity = authority.certify_client(&ClientCertificate { addresses: &[&romeo.jid], ..Default::default() });
    let (_, features) = subject.secure_with(&TlsOptions::with_identity(identity));
    assert!(features.offers("EXTERNAL"), "{:?}", features.mechanisms());
    assert_eq!(features.mechanisms()[0], "EXTERNAL", "{:?}", features.mechanisms());
}
