//! RFC 6120 §4.3.2: the format of stream features.

use crate::case;
use crate::case::Case;
use crate::client::Features;
use crate::ns;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, features_follow_the_header_of_every_stream, ["4.3", "stream-negotiation-features"]),
    case!(Must, features_have_namespaces_of_their_own, ["4.3", "4.8.4"]),
    case!(Should, features_of_later_stages_are_not_offered_yet, ["4.3"]),
];

/// RFC 6120 §4.3.2: whoever sends `version='1.0'` gets `<features/>` right after the response header.
fn features_follow_the_header_of_every_stream(subject: &Subject) {
    for features in three_features(subject) {
        assert!(features.0.attributes.is_empty(), "<features/> has no attributes (A.1): {}", features.0);
        assert!(features.0.text().trim().is_empty(), "<features/> has no text (A.1): {}", features.0);
    }
}

/// RFC 6120 §4.3.2: each condition is an element qualified by a namespace other than the stream's and that of
/// content.
fn features_have_namespaces_of_their_own(subject: &Subject) {
    for features in three_features(subject) {
        for feature in features.0.elements() {
            let namespace = feature.namespace.as_str();
            assert!(![ns::STREAM, ns::CLIENT, ""].contains(&namespace), "{feature} is of {namespace:?}");
        }
    }
}

/// RFC 6120 §4.3.2: SASL is not mandatory at the stage of STARTTLS, nor is resource binding at that of SASL; what
/// was negotiated is not offered again.
fn features_of_later_stages_are_not_offered_yet(subject: &Subject) {
    let [clear, secure, authenticated] = three_features(subject);
    if clear.starttls() == Some(true) {
        assert!(clear.mechanisms().is_empty(), "SASL beside mandatory TLS: {}", clear.0);
    }
    assert!(!clear.bind(), "resource binding before SASL: {}", clear.0);
    assert!(!secure.bind(), "resource binding before SASL: {}", secure.0);
    assert_eq!(secure.starttls(), None, "STARTTLS within TLS: {}", secure.0);
    assert!(!secure.mechanisms().is_empty(), "SASL is mandatory (§6.3.1): {}", secure.0);
    assert_eq!(authenticated.starttls(), None, "STARTTLS after SASL: {}", authenticated.0);
    assert!(authenticated.mechanisms().is_empty(), "SASL after SASL: {}", authenticated.0);
    assert!(authenticated.bind(), "resource binding is mandatory (§7.3.1): {}", authenticated.0);
}

/// The features of a client's three streams: in clear, under TLS, and authenticated.
fn three_features(subject: &Subject) -> [Features; 3] {
    let mut romeo = subject.connect();
    let clear = romeo.opens();
    let secure = romeo.starts_tls().opens();
    let authenticated = romeo.authenticates("romeo", &secure).opens();
    [clear, secure, authenticated]
}
