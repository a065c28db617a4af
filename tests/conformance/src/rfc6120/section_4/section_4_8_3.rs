//! RFC 6120 §4.8.3: XMPP content namespaces.

use super::ANY_CONDITION;
use crate::case;
use crate::case::Case;
use crate::client::{Item, Next};
use crate::ns;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(
        Must,
        clients_are_sent_the_client_namespace,
        ["4.8.3", "xml-namespace-content-client", "xml-namespace-content-server"]
    ),
    case!(Must, content_namespace_of_another_application_is_not_served, ["4.8.3", "4.9.3.10"]),
    case!(Should, unknown_content_namespace_is_called_invalid, ["4.8.3", "4.9.3.10"]),
    case!(Must, stanza_of_a_server_is_not_taken_from_a_client, ["4.8.3", "xml-namespace-content-server"]),
    case!(Should, stanza_of_a_server_from_a_client_is_called_invalid, ["4.8.3", "4.9.3.10"]),
    case!(Must, content_of_extensions_keeps_its_namespace, ["4.8.3"]),
];

/// RFC 6120 §4.8.3: stanzas for a connected client are of `jabber:client`, whether another client, or the server itself,
/// has sent them.
fn clients_are_sent_the_client_namespace(subject: &Subject) {
    let (mut orchard, mut house) = (subject.bound("romeo/orchard"), subject.bound("romeo/house"));
    orchard.sends("<message to='$romeo/house' type='chat'><body>hi</body></message>");
    // Between resources of one account, which share presence, a request is delivered (RFC 6121 §8.5.3.1).
    orchard.sends("<iq to='$romeo/house' type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>");
    for name in ["message", "iq"] {
        let stanza = house.receives_any();
        assert!(stanza.is(name, ns::CLIENT), "{stanza}");
    }
    house.sends("<iq to='$remote' type='get' id='2'><ping xmlns='urn:xmpp:ping'/></iq>");
    let error = house.receives_any();
    assert!(error.is("iq", ns::CLIENT), "{error}");
}

/// RFC 6120 §4.8.3: a content namespace that is not supported may be refused with the header; if it is not, then the
/// first element that is qualified by it is refused.
fn content_namespace_of_another_application_is_not_served(subject: &Subject) {
    for namespace in ["urn:example:content", "jabber:component:accept", "JABBER:CLIENT"] {
        let mut romeo = subject.connect();
        romeo.sends_header(&with_content(namespace));
        romeo.receives_header();
        let Next::Item(Item::Element(next)) = romeo.receives_next() else { panic!("features or an error were due") };
        if next.name == "features" {
            romeo.sends("<message to='$domain'><body>hi</body></message>");
            romeo.receives_stream_error_of(&ANY_CONDITION);
        } else {
            assert_eq!(next.name, "error", "{next}");
            romeo.receives_close();
        }
    }
}

/// RFC 6120 §4.8.3, §4.9.3.10: the error for it is `invalid-namespace`, or `bad-format` from some implementations.
fn unknown_content_namespace_is_called_invalid(subject: &Subject) {
    for namespace in ["urn:example:content", "jabber:server"] {
        let mut romeo = subject.connect();
        romeo.sends_header(&with_content(namespace));
        romeo.receives_header();
        let mut next = romeo.receives_any();
        if next.name == "features" && namespace != "jabber:server" {
            romeo.sends("<message to='$domain'><body>hi</body></message>");
            next = romeo.receives_any();
        }
        let conditions: Vec<&str> = next.elements().map(|child| child.name.as_str()).collect();
        assert!(
            conditions.contains(&"invalid-namespace") || conditions.contains(&"bad-format"),
            "{namespace}: invalid-namespace was due: {next}"
        );
    }
}

/// RFC 6120 §4.8.3: a client must not send stanzas of `jabber:server`; one all the same reaches nobody.
fn stanza_of_a_server_is_not_taken_from_a_client(subject: &Subject) {
    let [mut juliet, mut romeo, mut nurse] = subject.login(["juliet/balcony", "romeo/orchard", "nurse/house"]);
    romeo.sends(
        "<message xmlns='jabber:server' from='$romeo/orchard' to='$juliet/balcony' type='chat'><body>hi</body></message>",
    );
    // The stream may have ended, so somebody else shows that nothing is on its way.
    let _ = romeo.receives_next_within(subject.seconds(1.0));
    juliet.hears_nothing_from(&mut nurse);
}

/// RFC 6120 §4.8.3: an element of a content namespace that is not supported on this stream ends it with
/// `invalid-namespace`.
fn stanza_of_a_server_from_a_client_is_called_invalid(subject: &Subject) {
    let mut romeo = subject.bound("romeo/orchard");
    romeo.sends("<message xmlns='jabber:server' from='$romeo/orchard' to='$domain'><body>hi</body></message>");
    romeo.receives_stream_error("invalid-namespace");
}

/// RFC 6120 §4.8.3: the content namespace is that of stanzas; what an extension contains keeps its own namespace, also
/// where that is the one of server streams.
fn content_of_extensions_keeps_its_namespace(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    romeo.sends(
        "<message to='$juliet/balcony' type='chat' id='1'><body>see</body>\
         <forwarded xmlns='urn:xmpp:forward:0'><x xmlns='urn:example:x' a='1'><y xmlns=''/></x></forwarded></message>",
    );
    juliet.receives(
        "<message from='$romeo/orchard' to='$juliet/balcony' type='chat' id='1'><body>see</body>\
         <forwarded xmlns='urn:xmpp:forward:0'><x xmlns='urn:example:x' a='1'><y xmlns=''/></x></forwarded></message>",
    );
}

fn with_content(namespace: &str) -> String {
    format!(
        "<?xml version='1.0'?><stream:stream to='$domain' version='1.0' xmlns='{namespace}' \
         xmlns:stream='http://etherx.jabber.org/streams'>"
    )
}
