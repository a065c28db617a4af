//! RFC 6120 §11.2: namespace names and prefixes.

use crate::case;
use crate::case::Case;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, names_are_told_apart_by_their_namespaces, ["11.2"]),
    case!(Must, any_namespace_can_be_mixed_in, ["11.2"]),
];

/// RFC 6120 §11.2: namespaces separate vocabularies: a `<bind/>` of another one is no request to bind, whatever its name.
fn names_are_told_apart_by_their_namespaces(subject: &Subject) {
    let mut romeo = subject.bound("romeo/orchard");
    romeo.sends("<iq to='$domain' type='get' id='1'><ping xmlns='urn:example:not-ping'/></iq>");
    romeo.receives_stanza_error_of("1", &[("cancel", "service-unavailable"), ("cancel", "feature-not-implemented")]);
    romeo.sends(
        "<iq to='$domain' type='get' id='2'><p:ping xmlns:p='urn:xmpp:ping' xmlns='urn:example:not-ping'/></iq>",
    );
    let answer = romeo.receives_any();
    assert_eq!(answer.attribute("id"), Some("2"), "{answer}");
}

/// RFC 6120 §11.2: any allowable XML can be mixed in, and arrives with the names that it had.
fn any_namespace_can_be_mixed_in(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    for content in [
        "<html xmlns='http://www.w3.org/1999/xhtml'><p style='a:b'>t<br/>u</p></html>",
        "<a xmlns='urn:example:a'><b xmlns='urn:example:b'><c xmlns='urn:example:a'/></b></a>",
        "<a xmlns='urn:example:a&amp;b&lt;c'/>",
        "<é xmlns='urn:example:ü' è='ñ'/>",
        "<a xmlns='urn:example:a' xml:space='preserve'>  two  </a>",
    ] {
        romeo.sends(format!("<message to='$juliet/balcony' type='chat' id='1'>{content}</message>"));
        juliet.receives(format!(
            "<message from='$romeo/orchard' to='$juliet/balcony' type='chat' id='1'>{content}</message>"
        ));
    }
}
