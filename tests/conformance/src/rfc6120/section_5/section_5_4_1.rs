//! RFC 6120 §5.4.1: stream headers and features before STARTTLS.

use crate::case;
use crate::case::{Case, Need};
use crate::ns;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, header_is_answered_with_header_and_features, ["5.4.1", "stream-negotiation-features"]),
    case!(Must, starttls_is_advertised, ["5.4.1", "5.1", "tls-support"]),
    case!(Must, mandatory_starttls_is_said_to_be_required, ["5.4.1", "5.3.1", "tls-mtn"]),
    case!(Must, voluntary_starttls_is_advertised, ["5.4.1", "5.3.1"], needs[Need::Plaintext]),
];

/// RFC 6120 §5.4.1: the initial stream header is answered with a response header, and that is followed by features.
fn header_is_answered_with_header_and_features(subject: &Subject) {
    let mut romeo = subject.connect();
    romeo.sends_header(
        "<stream:stream from='$romeo' to='$domain' version='1.0' xml:lang='en' xmlns='jabber:client' \
         xmlns:stream='http://etherx.jabber.org/streams'>",
    );
    let header = romeo.receives_header();
    assert_eq!(header.attribute("from"), Some(subject.domain()), "{header:?}");
    romeo.receives_features();
}

/// RFC 6120 §5.4.1: a server that supports TLS, as all do (§5.2), advertises `<starttls/>`.
fn starttls_is_advertised(subject: &Subject) {
    let mut romeo = subject.connect();
    let features = romeo.opens();
    assert!(features.0.child("starttls", ns::TLS).is_some(), "{}", features.0);
}

/// RFC 6120 §5.4.1: where STARTTLS is mandatory-to-negotiate, its advertisement has an empty `<required/>`. That it is
/// offered alone makes it mandatory, too (§5.3.1).
fn mandatory_starttls_is_said_to_be_required(subject: &Subject) {
    let mut romeo = subject.connect();
    let features = romeo.opens();
    if features.starttls() == Some(false) && features.0.elements().count() > 1 {
        subject.not_tried("TLS is voluntary here");
    }
    let starttls = features.0.child("starttls", ns::TLS).expect("<starttls/> is offered");
    let Some(required) = starttls.child("required", ns::TLS) else { panic!("<required/> is missing: {starttls}") };
    assert!(required.children.is_empty() && required.attributes.is_empty(), "<required/> is not empty: {starttls}");
}

/// RFC 6120 §5.4.1: a server that lets clients go on in clear advertises STARTTLS all the same, beside what else there
/// is, and does not say that it is required.
fn voluntary_starttls_is_advertised(subject: &Subject) {
    let mut romeo = subject.connect();
    let features = romeo.opens();
    assert_eq!(features.starttls(), Some(false), "{}", features.0);
    assert!(!features.mechanisms().is_empty(), "offered alone, it would be mandatory (§5.3.1): {}", features.0);
    romeo.starts_tls();
    let features = romeo.opens();
    assert_eq!(features.starttls(), None, "{}", features.0);
}
