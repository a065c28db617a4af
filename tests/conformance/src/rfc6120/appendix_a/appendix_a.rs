//! RFC 6120 appendix A: what a server sends by itself, held against the schemas, which describe and do not bind.

use crate::case;
use crate::case::Case;
use crate::client::SASL_CONDITIONS;
use crate::ns;
use crate::subject::Subject;
use crate::tree::Element;

pub(super) const CASES: &[Case] = &[
    case!(Should, streams_look_as_described, ["Appendix A", "A.1"]),
    case!(Should, stream_errors_look_as_described, ["A.2"]),
    case!(Should, starttls_looks_as_described, ["A.3"]),
    case!(Should, sasl_looks_as_described, ["A.4"]),
    case!(Should, stanzas_look_as_described, ["A.5"]),
    case!(Should, resource_binding_looks_as_described, ["A.7"]),
    case!(Should, stanza_errors_look_as_described, ["A.8"]),
];

/// RFC 6120 A.1: the root has five attributes of its own; features come first and once, and have only elements of other
/// namespaces.
fn streams_look_as_described(subject: &Subject) {
    let mut romeo = subject.connect();
    let clear = romeo.opens();
    let secure = romeo.starts_tls().opens();
    for name in romeo.header().root.attributes.keys() {
        let known = ["from", "id", "to", "version", "xml:lang"].contains(&name.as_str());
        assert!(known || name.starts_with('{'), "the schema has no attribute {name}");
    }
    for features in [clear, secure] {
        assert_eq!(features.0.elements().filter(|child| child.namespace == ns::STREAM).count(), 0, "{}", features.0);
    }
}

/// RFC 6120 A.2: a condition, which is empty, then at most one text, with no attribute but `xml:lang`.
fn stream_errors_look_as_described(subject: &Subject) {
    let mut romeo = subject.bound("romeo/orchard");
    romeo.sends("<message><body>No closing tag!</message>");
    let error = romeo.receives_stream_error_of(&["not-well-formed", "bad-format"]).element;
    let own: Vec<&Element> = error.elements().filter(|child| child.namespace == ns::STREAM_ERRORS).collect();
    assert!(own[0].attributes.is_empty() && own[0].children.is_empty(), "{error}");
    assert!(own.len() <= 2, "{error}");
    for text in &own[1..] {
        assert_eq!(text.name, "text", "{error}");
        has_only(text, &["xml:lang"]);
        assert_eq!(text.elements().count(), 0, "{error}");
    }
}

/// RFC 6120 A.3: `<starttls/>` has nothing in it but `<required/>`; `<proceed/>` is empty.
fn starttls_looks_as_described(subject: &Subject) {
    let mut romeo = subject.connect();
    let features = romeo.opens();
    let starttls = features.0.child("starttls", ns::TLS).unwrap_or_else(|| panic!("no STARTTLS: {}", features.0));
    has_only(starttls, &[]);
    assert!(starttls.elements().count() <= 1, "{starttls}");
    for required in starttls.elements() {
        assert!(required.is("required", ns::TLS) && required.children.is_empty(), "{starttls}");
    }
    romeo.sends("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    let proceed = romeo.receives_any();
    assert!(
        proceed.is("proceed", ns::TLS) && proceed.children.is_empty() && proceed.attributes.is_empty(),
        "{proceed}"
    );
}

/// RFC 6120 A.4: mechanisms are name tokens; a failure has a condition and at most one text.
fn sasl_looks_as_described(subject: &Subject) {
    let (mut romeo, features) = subject.secure();
    let mechanisms = features.0.child("mechanisms", ns::SASL).unwrap_or_else(|| panic!("no SASL: {}", features.0));
    has_only(mechanisms, &[]);
    for mechanism in mechanisms.elements().filter(|child| child.namespace == ns::SASL) {
        assert_eq!(mechanism.name, "mechanism", "{mechanisms}");
        has_only(mechanism, &[]);
        let name = mechanism.text();
        assert!(!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic()), "{mechanisms}");
    }
    romeo.sends("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='NO-SUCH'/>");
    let failure = romeo.receives_any();
    assert!(failure.is("failure", ns::SASL), "{failure}");
    has_only(&failure, &[]);
    let children: Vec<&Element> = failure.elements().collect();
    assert!(children.len() <= 2, "{failure}");
    assert!(SASL_CONDITIONS.contains(&children[0].name.as_str()) && children[0].children.is_empty(), "{failure}");
    for text in &children[1..] {
        assert_eq!(text.name, "text", "{failure}");
        has_only(text, &["xml:lang"]);
    }
}

/// RFC 6120 A.5: stanzas have five attributes, and types that the schema knows; an error comes last.
fn stanzas_look_as_described(subject: &Subject) {
    let mut romeo = subject.bound("romeo/orchard");
    romeo.sends("<presence/>");
    romeo.sends("<iq to='$domain' type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>");
    romeo.sends("<iq to='$nobody' type='get' id='2'><ping xmlns='urn:xmpp:ping'/></iq>");
    romeo.sends("<message to='$remote' id='3' type='chat'><body>hi</body></message>");
    romeo.sends("<iq to='$domain' type='get' id='last'><ping xmlns='urn:xmpp:ping'/></iq>");
    loop {
        let stanza = romeo.receives_any();
        has_only(&stanza, &["from", "id", "to", "type", "xml:lang"]);
        let types: &[&str] = match stanza.name.as_str() {
            "message" => &["chat", "error", "groupchat", "headline", "normal", ""],
            "presence" => {
                &["error", "probe", "subscribe", "subscribed", "unavailable", "unsubscribe", "unsubscribed", ""]
            }
            "iq" => &["error", "get", "result", "set"],
            _ => panic!("no stanza: {stanza}"),
        };
        assert!(types.contains(&stanza.attribute("type").unwrap_or_default()), "{stanza}");
        let error = stanza.elements().position(|child| child.is("error", ns::CLIENT));
        assert!(error.is_none_or(|place| place + 1 == stanza.elements().count()), "an error comes last: {stanza}");
        if stanza.attribute("id") == Some("last") {
            return;
        }
    }
}

/// RFC 6120 A.7: `<bind/>` answers with one `<jid/>`, which is a full JID of 8 to 3071 characters.
fn resource_binding_looks_as_described(subject: &Subject) {
    let (mut romeo, features) = subject.authenticated("romeo");
    let offer = features.0.child("bind", ns::BIND).unwrap_or_else(|| panic!("no binding: {}", features.0));
    has_only(offer, &[]);
    romeo.sends("<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
    let answer = romeo.receives_any();
    let bind = answer.child("bind", ns::BIND).unwrap_or_else(|| panic!("no binding: {answer}"));
    has_only(bind, &[]);
    let children: Vec<&Element> = bind.elements().collect();
    assert!(children.len() == 1 && children[0].is("jid", ns::BIND), "{answer}");
    has_only(children[0], &[]);
    let jid = children[0].text();
    assert!(jid.contains('@') && jid.contains('/') && (8..=3071).contains(&jid.chars().count()), "{answer}");
}

/// RFC 6120 A.8: a condition, then at most one text; only `gone` and `redirect` have content.
fn stanza_errors_look_as_described(subject: &Subject) {
    let mut romeo = subject.bound("romeo/orchard");
    for request in [
        "<iq to='$nobody' type='get' id='1'><x xmlns='urn:example:unknown'/></iq>",
        "<iq to='$remote' type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>",
        "<iq to='$domain' type='get' id='1'><x xmlns='urn:example:unknown'/></iq>",
    ] {
        romeo.sends(request);
        let answer = romeo.receives_any();
        let error = answer.child("error", ns::CLIENT).unwrap_or_else(|| panic!("an error was due: {answer}"));
        has_only(error, &["by", "type"]);
        let own: Vec<&Element> = error.elements().filter(|child| child.namespace == ns::STANZA_ERRORS).collect();
        assert!((1..=2).contains(&own.len()), "{answer}");
        assert!(own[0].children.is_empty() || ["gone", "redirect"].contains(&own[0].name.as_str()), "{answer}");
        for text in &own[1..] {
            assert_eq!(text.name, "text", "{answer}");
            has_only(text, &["xml:lang"]);
        }
    }
}

#[track_caller]
fn has_only(element: &Element, attributes: &[&str]) {
    for name in element.attributes.keys() {
        assert!(attributes.contains(&name.as_str()), "the schema has no attribute {name}: {element}");
    }
}
