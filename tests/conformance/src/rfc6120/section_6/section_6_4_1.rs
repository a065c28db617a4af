//! RFC 6120 §6.4.1: stream headers and features before SASL.

use crate::case;
use crate::case::{Case, Need};
use crate::client::TlsOptions;
use crate::ns;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, stream_for_sasl_has_a_new_id, ["6.4.1", "6.4", "stream-attribute-response-id-unique"]),
    case!(Must, features_follow_the_header, ["6.4.1", "6.4"]),
    case!(Must, mechanisms_are_listed_one_by_one, ["6.4.1", "6.3.5"]),
    case!(Should, mechanisms_are_offered, ["6.4.1", "6.4"]),
    case!(Must, sasl_is_offered_under_direct_tls, ["6.4.1"], needs[Need::DirectTls]),
];

/// RFC 6120 §6.4.1: the stream under TLS has an ID that is unique, and not that of the stream before.
fn stream_for_sasl_has_a_new_id(subject: &Subject) {
    let mut ids = std::collections::BTreeSet::new();
    for _ in 0..4 {
        let mut romeo = subject.connect();
        for tls in [false, true] {
            if tls {
                romeo.starts_tls();
            }
            romeo.opens();
            let id = romeo.header().attribute("id").expect("the response header has an id (§4.7.3)").to_owned();
            assert!(!id.is_empty(), "an empty id");
            assert!(ids.insert(id.clone()), "the same id twice: {id}");
        }
    }
}

/// RFC 6120 §6.4.1: the header is answered with a header, and features follow.
fn features_follow_the_header(subject: &Subject) {
    let mut romeo = subject.connect();
    romeo.opens();
    romeo.starts_tls();
    romeo.sends_header(crate::client::HEADER);
    let header = romeo.receives_header();
    assert_eq!(header.attribute("from"), Some(subject.domain()), "{header:?}");
    romeo.receives_features();
}

/// RFC 6120 §6.4.1: `<mechanisms/>` has one `<mechanism/>` for each mechanism, with a name as RFC 4422 §3.1 has it: no
/// name twice, and nothing else of that namespace.
fn mechanisms_are_listed_one_by_one(subject: &Subject) {
    let (_, features) = subject.secure();
    let mechanisms = features.0.child("mechanisms", ns::SASL).expect("SASL is offered");
    let mut names = Vec::new();
    for child in mechanisms.elements().filter(|child| child.namespace == ns::SASL) {
        assert_eq!(child.name, "mechanism", "{mechanisms}");
        names.push(child.text());
    }
    assert!(!names.is_empty(), "{mechanisms}");
    for (place, name) in names.iter().enumerate() {
        let sound = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
        assert!((1..=20).contains(&name.len()) && name.bytes().all(sound), "no name of a mechanism: {name:?}");
        assert!(!names[..place].contains(name), "twice: {name}");
    }
}

/// RFC 6120 §6.4.1: SASL is advertised wherever it can be done, so to a client under TLS that has not authenticated.
fn mechanisms_are_offered(subject: &Subject) {
    let (_, features) = subject.secure();
    assert!(!features.mechanisms().is_empty(), "{}", features.0);
}

/// RFC 6120 §6.4.1, XEP-0368: under TLS from the first octet SASL is offered at once.
fn sasl_is_offered_under_direct_tls(subject: &Subject) {
    let mut romeo = subject.connect_direct_tls(&TlsOptions::default());
    let features = romeo.opens();
    romeo.authenticates("romeo", &features);
    assert!(romeo.opens().bind(), "resource binding was due");
}
