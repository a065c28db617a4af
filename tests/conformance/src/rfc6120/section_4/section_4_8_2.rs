//! RFC 6120 §4.8.2: the content namespace, declared as the default one or with every element.

use crate::case;
use crate::case::Case;
use crate::client::{Client, Features};
use crate::ns;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, content_namespace_is_the_same_in_both_directions, ["4.8.2", "xml-namespace-content-client"]),
    case!(Must, content_namespace_is_for_all_that_has_no_other, ["4.8.2", "4.8", "xml-namespace-content-client"]),
    case!(Should, stream_without_prefixes_is_as_good, ["4.8.2", "4.8.5"]),
    case!(Should, content_namespace_need_not_be_declared, ["4.8.2"]),
];

/// RFC 6120 §4.8.2: the content namespace of the response stream is that of the initial stream, and not the stream
/// namespace.
fn content_namespace_is_the_same_in_both_directions(subject: &Subject) {
    let mut romeo = subject.connect();
    let features = romeo.opens();
    assert_eq!(romeo.header().namespaces.get("").map(String::as_str), Some(ns::CLIENT), "in clear");
    drop(features);
    let features = romeo.starts_tls().opens();
    assert_eq!(romeo.header().namespaces.get("").map(String::as_str), Some(ns::CLIENT), "under TLS");
    romeo.authenticates("romeo", &features).opens();
    assert_eq!(romeo.header().namespaces.get("").map(String::as_str), Some(ns::CLIENT), "authenticated");
}

/// RFC 6120 §4.8.2: as the default namespace it applies to all first-level elements that are not qualified otherwise;
/// one that says so itself is no different.
fn content_namespace_is_for_all_that_has_no_other(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    romeo.sends("<message to='$juliet/balcony' type='chat' id='1'><body>by inheritance</body></message>");
    romeo
        .sends("<message xmlns='jabber:client' to='$juliet/balcony' type='chat' id='2'><body>by name</body></message>");
    juliet.receives(
        "<message from='$romeo/orchard' to='$juliet/balcony' type='chat' id='1'><body>by inheritance</body></message>",
    );
    juliet.receives(
        "<message from='$romeo/orchard' to='$juliet/balcony' type='chat' id='2'><body>by name</body></message>",
    );
}

/// RFC 6120 §4.8.2: both styles are acceptable: here the stream namespace is the default one, and each first-level
/// element tells its own.
fn stream_without_prefixes_is_as_good(subject: &Subject) {
    let header = "<?xml version='1.0'?><stream to='$domain' version='1.0' xmlns='http://etherx.jabber.org/streams'>";
    whole_session(subject, header, "</stream>");
}

/// RFC 6120 §4.8.2: declaring a content namespace is optional (MAY), also where the stream namespace has a prefix.
fn content_namespace_need_not_be_declared(subject: &Subject) {
    let header = "<?xml version='1.0'?><stream:stream to='$domain' version='1.0' \
                  xmlns:stream='http://etherx.jabber.org/streams'>";
    whole_session(subject, header, "</stream:stream>");
}

/// Negotiates three streams with this header, exchanges stanzas that tell their namespace, and closes.
fn whole_session(subject: &Subject, header: &str, end: &str) {
    let [mut juliet] = subject.login(["juliet/balcony"]);
    let open = |client: &mut Client| -> Features {
        client.sends_header(header);
        client.receives_header();
        client.receives_features()
    };
    let mut romeo = subject.connect();
    open(&mut romeo);
    romeo.starts_tls();
    let features = open(&mut romeo);
    romeo.authenticates("romeo", &features);
    open(&mut romeo);
    romeo.sends(
        "<iq xmlns='jabber:client' type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
         <resource>orchard</resource></bind></iq>",
    );
    romeo.receives(
        "<iq type='result' id='bind' from='?' to='?'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
         <jid>$romeo/orchard</jid></bind></iq>",
    );
    romeo.sends("<message xmlns='jabber:client' to='$juliet/balcony' type='chat' id='1'><body>hi</body></message>");
    juliet.receives("<message from='$romeo/orchard' to='$juliet/balcony' type='chat' id='1'><body>hi</body></message>");
    juliet.sends("<message to='$romeo/orchard' type='chat' id='2'><body>ho</body></message>");
    romeo.receives("<message from='$juliet/balcony' to='$romeo/orchard' type='chat' id='2'><body>ho</body></message>");
    romeo.sends(end);
    romeo.receives_close();
    romeo.receives_end();
}
