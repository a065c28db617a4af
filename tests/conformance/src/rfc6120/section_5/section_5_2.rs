//! RFC 6120 §5.2: support for STARTTLS.

use crate::case;
use crate::case::Case;
use crate::client::TlsOptions;
use crate::ns;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, starttls_leads_to_a_protected_stream, ["5", "5.3", "5.4", "5.1", "5.2", "13.4", "tls-support"]),
    case!(Must, tls_1_2_is_spoken, ["5.2", "5.4.3.1", "13.9.5"]),
    case!(May, tls_1_3_is_spoken, ["5.2", "13.9.5"]),
];

/// RFC 6120 §5.1, §5.2, §13.4: servers support STARTTLS, under the namespace `urn:ietf:params:xml:ns:xmpp-tls`, and
/// all of a stream can be done under its protection.
fn starttls_leads_to_a_protected_stream(subject: &Subject) {
    let mut romeo = subject.connect();
    let features = romeo.opens();
    assert!(features.0.child("starttls", ns::TLS).is_some(), "no <starttls/> of {}: {}", ns::TLS, features.0);
    romeo.starts_tls();
    let features = romeo.opens();
    romeo.authenticates("romeo", &features);
    romeo.opens();
    romeo.binds("orchard");
    romeo.sends("<iq type='get' id='ping' to='$domain'><ping xmlns='urn:xmpp:ping'/></iq>");
    let answer = romeo.receives_any();
    assert_eq!(answer.attribute("id"), Some("ping"), "{answer}");
}

/// RFC 6120 §5.4.3.1: TLS follows the process of RFC 5246, which is TLS 1.2.
fn tls_1_2_is_spoken(subject: &Subject) {
    let (mut romeo, features) = subject.secure_with(&TlsOptions::with_version(&rustls::version::TLS12));
    romeo.authenticates("romeo", &features);
    romeo.opens();
}

/// RFC 8446; RFC 7590 §3 by way of RFC 9325 §3.1.1: TLS 1.3 is spoken, too. RFC 6120 is older than it.
fn tls_1_3_is_spoken(subject: &Subject) {
    let (mut romeo, features) = subject.secure_with(&TlsOptions::with_version(&rustls::version::TLS13));
    romeo.authenticates("romeo", &features);
    romeo.opens();
}
