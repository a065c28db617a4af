//! RFC 6120 §4.8.5: namespace declarations and prefixes.

use super::{ANY_CONDITION, header};
use crate::case;
use crate::case::Case;
use crate::client::Client;
use crate::subject::Subject;
use crate::tree::Element;

pub(super) const CASES: &[Case] = &[
    case!(Must, another_prefix_for_streams_is_accepted_or_refused, ["4.8.5", "xml-namespace-streams-prefix"]),
    case!(Should, prefix_that_is_not_accepted_is_called_bad, ["4.8.5", "4.9.3.2"]),
    case!(Must, content_is_sent_without_prefixes, ["4.8.5"]),
    case!(Must, prefixed_content_is_not_delivered_as_it_came, ["4.8.5"]),
    case!(Should, prefixed_content_is_not_accepted, ["4.8.5", "4.9.3.2"]),
    case!(Must, namespaces_of_the_header_are_declared_where_they_arrive, ["4.8.5"]),
    case!(Should, namespace_for_content_in_the_header_ends_the_stream, ["4.8.5", "4.9.3.10"]),
    case!(Must, prefixes_of_extensions_arrive_with_their_namespaces, ["4.8.5", "11.3", "xml-wellformed-ns"]),
];

/// RFC 6120 §4.8.5: a header with another prefix for the stream namespace opens a stream, or ends with a stream error.
fn another_prefix_for_streams_is_accepted_or_refused(subject: &Subject) {
    let mut romeo = subject.connect();
    romeo.sends_header(FOOBAR);
    romeo.receives_header();
    let next = romeo.receives_any();
    if next.name != "features" {
        assert_eq!(next.name, "error", "{next}");
        assert!(next.elements().any(|child| ANY_CONDITION.contains(&child.name.as_str())), "{next}");
        romeo.receives_close();
        romeo.sends_bytes("</foobar:stream>").receives_end();
    }
}

/// RFC 6120 §4.8.5, §4.9.3.2: the error is `bad-namespace-prefix`, or `bad-format` from some implementations.
fn prefix_that_is_not_accepted_is_called_bad(subject: &Subject) {
    let mut romeo = subject.connect();
    romeo.sends_header(FOOBAR);
    romeo.receives_header();
    let next = romeo.receives_any();
    let called = |name: &str| next.elements().any(|child| child.name == name);
    assert!(next.name == "features" || called("bad-namespace-prefix") || called("bad-format"), "{next}");
}

/// RFC 6120 §4.8.5: no prefixes are made for elements of the content namespace, in stanzas of the server or of others.
fn content_is_sent_without_prefixes(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    romeo.sends(
        "<message to='$juliet/balcony' type='chat'><subject>s</subject><body>b</body><thread>t</thread></message>",
    );
    no_prefix(&juliet.receives_any());
    juliet.sends("<iq to='$domain' type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>");
    no_prefix(&juliet.receives_any());
    juliet.sends("<iq to='$remote' type='get' id='2'><ping xmlns='urn:xmpp:ping'/></iq>");
    no_prefix(&juliet.receives_any());
}

/// RFC 6120 §4.8.5: data with such prefixes is not delivered to another entity, unless the error is corrected first.
fn prefixed_content_is_not_delivered_as_it_came(subject: &Subject) {
    let [mut juliet, mut nurse] = subject.login(["juliet/balcony", "nurse/house"]);
    for stanza in PREFIXED {
        let mut romeo = subject.bound("romeo/orchard");
        romeo.sends(stanza);
        // An error or, if it was ignored or corrected, the answer to this.
        romeo.sends_bytes("<iq type='get' id='after'><ping xmlns='urn:xmpp:ping'/></iq>");
        let _ = romeo.receives_next();
        for delivered in juliet.collects_from(&mut nurse) {
            no_prefix(&delivered);
        }
    }
}

/// RFC 6120 §4.8.5: data with such prefixes is not accepted, but ignored, or it ends the stream with
/// `bad-namespace-prefix`.
fn prefixed_content_is_not_accepted(subject: &Subject) {
    let [mut juliet, mut nurse] = subject.login(["juliet/balcony", "nurse/house"]);
    for stanza in PREFIXED {
        let mut romeo = subject.bound("romeo/orchard");
        romeo.sends(stanza);
        romeo.sends("<iq to='$domain' type='get' id='after'><ping xmlns='urn:xmpp:ping'/></iq>");
        let next = romeo.receives_any();
        let bad = next.name == "error" && next.elements().any(|child| child.name == "bad-namespace-prefix");
        assert!(bad || next.attribute("id") == Some("after"), "{next}");
        juliet.hears_nothing_from(&mut nurse);
    }
}

/// RFC 6120 §4.8.5: a namespace that is declared in the header is for that stream alone. Who declares one for content
/// of stanzas may lose the stream over it (`invalid-namespace`); but nothing is delivered without its declaration.
fn namespaces_of_the_header_are_declared_where_they_arrive(subject: &Subject) {
    let [mut juliet, mut nurse] = subject.login(["juliet/balcony", "nurse/house"]);
    let (mut romeo, features) = subject.secure();
    romeo.authenticates("romeo", &features);
    romeo.sends_header(&header("to='$domain' version='1.0' xmlns:ext='urn:example:ext'"));
    romeo.receives_header();
    let next = romeo.receives_any();
    if next.name == "error" {
        assert!(next.elements().any(|child| child.name == "invalid-namespace"), "{next}");
        return;
    }
    romeo.binds("orchard");
    romeo.sends("<message to='$juliet/balcony' type='chat' id='1'><body>see</body><ext:data ext:a='1'/></message>");
    romeo.sends("<iq to='$domain' type='get' id='after'><ping xmlns='urn:xmpp:ping'/></iq>");
    let next = romeo.receives_any();
    if next.name == "error" {
        assert!(next.elements().any(|child| child.name == "invalid-namespace"), "{next}");
    }
    // What arrives can be read only if its prefixes are declared.
    for message in juliet.collects_from(&mut nurse) {
        let data = message.child("data", "urn:example:ext");
        assert!(data.is_some_and(|data| data.attribute("{urn:example:ext}a") == Some("1")), "{message}");
    }
}

/// RFC 6120 §4.8.5: a namespace for extended content must not be declared in the header; a stream that does so is closed
/// with `invalid-namespace`, at the latest when a stanza makes use of it.
fn namespace_for_content_in_the_header_ends_the_stream(subject: &Subject) {
    let (mut romeo, features) = subject.secure();
    romeo.authenticates("romeo", &features);
    romeo.sends_header(&header("to='$domain' version='1.0' xmlns:ext='urn:example:ext'"));
    romeo.receives_header();
    let mut next = romeo.receives_any();
    if next.name == "features" {
        romeo.binds("orchard");
        romeo.sends("<message to='$romeo/orchard' type='chat' id='1'><body>see</body><ext:data/></message>");
        next = romeo.receives_any();
    }
    assert!(next.elements().any(|child| child.is("invalid-namespace", crate::ns::STREAM_ERRORS)), "{next}");
    romeo.receives_close();
}

/// RFC 6120 §4.8.5: prefixes are a stanza's own affair, wherever in it they are declared, and however often.
fn prefixes_of_extensions_arrive_with_their_namespaces(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    let mut exchange = |content: &str| exchanges(&mut romeo, &mut juliet, content);
    exchange("<p:x xmlns:p='urn:example:p' p:a='1' b='2'/>");
    exchange("<p:x xmlns:p='urn:example:p'><p:x xmlns:p='urn:example:q'><p:y/></p:x><p:z/></p:x>");
    exchange("<x xmlns='urn:example:p' xmlns:q='urn:example:q'><q:y q:a='1'/><y xmlns=''/></x>");
    exchange("<stream:x xmlns:stream='urn:example:p'/>");
}

/// A header with another prefix for the stream namespace.
const FOOBAR: &str = "<?xml version='1.0'?><foobar:stream to='$domain' version='1.0' xmlns='jabber:client' \
                      xmlns:foobar='http://etherx.jabber.org/streams'>";

/// Stanzas with prefixes for the content namespace.
const PREFIXED: [&str; 2] = [
    "<foo:message xmlns:foo='jabber:client' to='$juliet/balcony' type='chat'><foo:body>foo</foo:body></foo:message>",
    "<foo:message xmlns:foo='jabber:client' to='$juliet/balcony' type='chat'><body>foo</body></foo:message>",
];

#[track_caller]
fn no_prefix(element: &Element) {
    if element.namespace == crate::ns::CLIENT {
        assert_eq!(element.prefix, "", "{} has a prefix", element.name);
    }
    element.elements().for_each(no_prefix);
}

#[track_caller]
fn exchanges(romeo: &mut Client, juliet: &mut Client, content: &str) {
    romeo.sends(format!("<message to='$juliet/balcony' type='chat' id='1'><body>see</body>{content}</message>"));
    juliet.receives(format!(
        "<message from='$romeo/orchard' to='$juliet/balcony' type='chat' id='1'><body>see</body>{content}</message>"
    ));
}
