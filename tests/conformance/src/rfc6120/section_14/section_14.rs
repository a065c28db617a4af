//! RFC 6120 §14: the namespaces that are registered, as a server uses them.

use crate::case;
use crate::case::{Case, Need};
use crate::client::{STANZA_CONDITIONS, TlsOptions};
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, starttls_has_its_namespace, ["14", "14.1", "A.3"]),
    case!(Must, sasl_has_its_namespace, ["14.2", "A.4"]),
    case!(Must, stream_errors_have_their_namespace, ["14.3", "A.2"]),
    case!(Must, resource_binding_has_its_namespace, ["14.4", "A.7"]),
    case!(Must, stanza_errors_have_their_namespace, ["14.5", "A.8"]),
    case!(Must, near_misses_of_namespaces_are_not_understood, ["14"]),
    case!(May, direct_tls_has_its_own_name, ["14.7"], needs[Need::DirectTls]),
];

/// RFC 6120 §14.1: STARTTLS is `urn:ietf:params:xml:ns:xmpp-tls`, in the offer and in the answer.
fn starttls_has_its_namespace(subject: &Subject) {
    let mut romeo = subject.connect();
    let features = romeo.opens();
    let offer = features.0.elements().find(|feature| feature.name == "starttls");
    let offer = offer.unwrap_or_else(|| panic!("STARTTLS is not offered: {}", features.0));
    assert_eq!(offer.namespace, "urn:ietf:params:xml:ns:xmpp-tls");
    romeo.sends("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    romeo.receives("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
}

/// RFC 6120 §14.2: SASL is `urn:ietf:params:xml:ns:xmpp-sasl`: the mechanisms, a failure, and a success.
fn sasl_has_its_namespace(subject: &Subject) {
    let (mut romeo, features) = subject.secure();
    let offer = features.0.elements().find(|feature| feature.name == "mechanisms");
    let offer = offer.unwrap_or_else(|| panic!("SASL is not offered: {}", features.0));
    assert_eq!(offer.namespace, "urn:ietf:params:xml:ns:xmpp-sasl");
    romeo.sends("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='NO-SUCH'/>");
    let failure = romeo.receives("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><invalid-mechanism/>...</failure>");
    assert_eq!(failure.namespace, "urn:ietf:params:xml:ns:xmpp-sasl");
    romeo.authenticates("romeo", &features);
    assert!(romeo.heard().contains("urn:ietf:params:xml:ns:xmpp-sasl"));
}

/// RFC 6120 §14.3: conditions of stream errors are of `urn:ietf:params:xml:ns:xmpp-streams`, the error itself is of the
/// stream namespace.
fn stream_errors_have_their_namespace(subject: &Subject) {
    let mut romeo = subject.bound("romeo/orchard");
    romeo.sends("<message><body>No closing tag!</message>");
    let error = romeo.receives_stream_error_of(&["not-well-formed", "bad-format"]).element;
    assert_eq!(error.namespace, "http://etherx.jabber.org/streams");
    let condition = error.elements().next();
    assert_eq!(condition.map(|condition| condition.namespace.as_str()), Some("urn:ietf:params:xml:ns:xmpp-streams"));
}

/// RFC 6120 §14.4: resource binding is `urn:ietf:params:xml:ns:xmpp-bind`, in the offer and in the answer.
fn resource_binding_has_its_namespace(subject: &Subject) {
    let (mut romeo, features) = subject.authenticated("romeo");
    let offer = features.0.elements().find(|feature| feature.name == "bind");
    let offer = offer.unwrap_or_else(|| panic!("resource binding is not offered: {}", features.0));
    assert_eq!(offer.namespace, "urn:ietf:params:xml:ns:xmpp-bind");
    romeo.sends("<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
    romeo.receives(
        "<iq type='result' id='1' from='?' to='?'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>*</jid></bind></iq>",
    );
}

/// RFC 6120 §14.5: conditions of stanza errors are of `urn:ietf:params:xml:ns:xmpp-stanzas`, the error itself is of the
/// stanza's namespace.
fn stanza_errors_have_their_namespace(subject: &Subject) {
    let mut romeo = subject.bound("romeo/orchard");
    romeo.sends("<iq to='$nobody' type='get' id='1'><x xmlns='urn:example:unknown'/></iq>");
    let answer = romeo.receives_any();
    let error = answer.child("error", "jabber:client").unwrap_or_else(|| panic!("an error was due: {answer}"));
    let condition = error.elements().next().unwrap_or_else(|| panic!("a condition was due: {answer}"));
    assert_eq!(condition.namespace, "urn:ietf:params:xml:ns:xmpp-stanzas");
    assert!(STANZA_CONDITIONS.contains(&condition.name.as_str()), "{answer}");
}

/// RFC 6120 §14, §11.2: namespaces are compared to the letter: what differs in one is something else.
fn near_misses_of_namespaces_are_not_understood(subject: &Subject) {
    for namespace in
        ["urn:ietf:params:xml:ns:xmpp-TLS", "URN:ietf:params:xml:ns:xmpp-tls", "urn:ietf:params:xml:ns:xmpp-tls "]
    {
        let mut romeo = subject.connect();
        romeo.opens();
        romeo.sends(format!("<starttls xmlns='{namespace}'/></stream:stream>"));
        if let crate::client::Next::Item(crate::client::Item::Element(next)) = romeo.receives_next() {
            assert_ne!(next.name, "proceed", "{namespace:?} was taken for STARTTLS");
        }
    }
}

/// RFC 6120 §14.7 registers `xmpp-client` for clients; where TLS is spoken from the first octet, ALPN uses the same name
/// (XEP-0368).
fn direct_tls_has_its_own_name(subject: &Subject) {
    let mut romeo = subject.connect_direct_tls(&TlsOptions { alpn: vec!["xmpp-client"], ..TlsOptions::default() });
    let chosen = romeo.tls().and_then(|tls| tls.alpn_protocol()).map(<[u8]>::to_vec);
    assert_eq!(chosen.as_deref(), Some(b"xmpp-client".as_slice()));
    assert!(!romeo.opens().mechanisms().is_empty());
}
