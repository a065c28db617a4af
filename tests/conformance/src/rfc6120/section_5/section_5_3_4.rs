//! RFC 6120 §5.3.4: TLS comes before SASL.

use crate::case;
use crate::case::{Case, Need};
use crate::client::{Item, Next};
use crate::ns;
use crate::subject::Subject;

use super::STARTTLS;

pub(super) const CASES: &[Case] = &[
    case!(Must, sasl_follows_tls_on_the_same_connection, ["5.3.4", "13.3"]),
    case!(Must, tls_does_not_follow_sasl, ["5.3.4", "13.3"], needs[Need::Plaintext]),
];

/// RFC 6120 §5.3.4, §13.3: SASL is negotiated once TLS is complete, over the stream that TLS protects.
fn sasl_follows_tls_on_the_same_connection(subject: &Subject) {
    let (mut romeo, features) = subject.secure();
    assert!(!features.mechanisms().is_empty(), "no SASL after TLS (§5.4.3.3): {}", features.0);
    romeo.authenticates("romeo", &features);
    let features = romeo.opens();
    assert!(features.bind(), "{}", features.0);
}

/// RFC 6120 §5.3.4, §13.3: the order is TCP, TLS, SASL, XMPP. A client that has gone through SASL in clear can't put TLS
/// below it afterwards: it is refused as §5.4.2.2 says, or by a stream error.
fn tls_does_not_follow_sasl(subject: &Subject) {
    let mut romeo = subject.connect();
    let features = romeo.opens();
    if features.mechanisms().is_empty() {
        subject.not_tried("SASL is not offered in clear");
    }
    romeo.authenticates("romeo", &features);
    romeo.opens();
    romeo.sends(STARTTLS);
    match romeo.receives_next() {
        Next::Item(Item::Element(answer)) => {
            let refused = answer.is("failure", ns::TLS) || answer.is("error", ns::STREAM);
            assert!(refused, "a refusal was due: {answer}");
            romeo.receives_close();
            romeo.receives_end();
        }
        other => panic!("a refusal was due: {other:?}"),
    }
}
