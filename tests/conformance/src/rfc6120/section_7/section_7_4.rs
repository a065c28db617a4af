//! RFC 6120 §7.4: advertising support.

use crate::case;
use crate::case::{Case, Need};
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, binding_is_offered_after_sasl, ["7.3", "7.4", "bind-support", "bind-mtn"]),
    case!(Must, binding_is_not_offered_before_sasl, ["7.4"]),
    case!(Must, binding_is_not_offered_in_clear_before_sasl, ["7.4"], needs[Need::Plaintext]),
];

/// RFC 6120 §7.4: the features after SASL have `<bind/>`.
fn binding_is_offered_after_sasl(subject: &Subject) {
    let (_, features) = subject.authenticated("romeo");
    assert!(features.bind(), "{}", features.0);
}

/// RFC 6120 §7.4: those before it do not.
fn binding_is_not_offered_before_sasl(subject: &Subject) {
    let mut romeo = subject.connect();
    let features = romeo.opens();
    assert!(!features.bind(), "before TLS: {}", features.0);
    romeo.starts_tls();
    let features = romeo.opens();
    assert!(!features.bind(), "before SASL: {}", features.0);
}

/// RFC 6120 §7.4: nor do they where SASL can be done in clear.
fn binding_is_not_offered_in_clear_before_sasl(subject: &Subject) {
    let mut romeo = subject.connect();
    let features = romeo.opens();
    assert!(!features.mechanisms().is_empty(), "{}", features.0);
    assert!(!features.bind(), "{}", features.0);
    romeo.authenticates("romeo", &features);
    let features = romeo.opens();
    assert!(features.bind(), "{}", features.0);
}
