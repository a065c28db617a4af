//! RFC 6120 §4.8.1: the stream namespace.

use super::{ANY_CONDITION, header, three_headers};
use crate::case;
use crate::case::Case;
use crate::client::HEADER;
use crate::ns;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(
        Must,
        every_response_header_is_of_the_stream_namespace,
        ["4.8.1", "4.8", "xml-namespace-streams-declaration"]
    ),
    case!(Must, features_and_errors_are_of_the_stream_namespace, ["4.8.1", "xml-namespace-streams-prefix"]),
    case!(Must, header_of_no_stream_is_refused, ["4.8.1", "4.9.1.2", "xml-namespace-streams-declaration"]),
    case!(Should, wrong_stream_namespace_is_called_invalid, ["4.8.1", "4.9.3.10"]),
];

/// RFC 6120 §4.8.1: the root of every response stream is qualified by the stream namespace, which is declared in it.
fn every_response_header_is_of_the_stream_namespace(subject: &Subject) {
    for answer in three_headers(subject, &header("to='$domain' version='1.0'")) {
        assert!(answer.root.is("stream", ns::STREAM), "{}", answer.root);
        assert!(answer.namespaces.values().any(|namespace| namespace == ns::STREAM), "{:?}", answer.namespaces);
    }
}

/// RFC 6120 §4.8.1, §4.9.2: features and errors are of the stream namespace, with the prefix that the header has
/// declared for it.
fn features_and_errors_are_of_the_stream_namespace(subject: &Subject) {
    let mut romeo = subject.connect();
    romeo.sends(HEADER);
    let root = romeo.receives_header().root;
    let features = romeo.receives_features();
    assert_eq!(features.0.prefix, root.prefix, "{}", features.0);
    romeo.sends("<message><body>No closing tag!</message>");
    let error = romeo.receives_stream_error_of(&["not-well-formed", "bad-format"]);
    assert_eq!(error.element.prefix, root.prefix, "{}", error.element);
}

/// RFC 6120 §4.8.1, §4.9.1.2: a root that is not `stream` of the stream namespace ends the stream with an error, behind
/// a response header.
fn header_of_no_stream_is_refused(subject: &Subject) {
    for header in [
        // Another namespace, none, that of content, and one that differs by a character.
        "<stream:stream to='$domain' version='1.0' xmlns='jabber:client' xmlns:stream='http://wrong.namespace.example.org/'>",
        "<stream to='$domain' version='1.0'>",
        "<stream to='$domain' version='1.0' xmlns='jabber:client'>",
        "<stream:stream to='$domain' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams/'>",
        "<stream:stream to='$domain' version='1.0' xmlns='jabber:client' xmlns:stream='HTTP://etherx.jabber.org/streams'>",
        // A prefix that is bound to nothing.
        "<stream:stream to='$domain' version='1.0' xmlns='jabber:client'>",
        // Another element.
        "<stream:features to='$domain' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>",
        "<flash-stream to='$domain' version='1.0' xmlns='jabber:client'>",
    ] {
        let mut romeo = subject.connect();
        romeo.sends_header(&format!("<?xml version='1.0'?>{header}"));
        romeo.receives_stream_error_of(&ANY_CONDITION);
    }
}

/// RFC 6120 §4.8.1: the error for a wrong stream namespace is `invalid-namespace`, or `bad-format` from some
/// implementations.
fn wrong_stream_namespace_is_called_invalid(subject: &Subject) {
    for namespace in ["http://wrong.namespace.example.org/", "http://etherx.jabber.org/streams/", "jabber:server"] {
        let mut romeo = subject.connect();
        romeo.sends_header(&format!(
            "<?xml version='1.0'?><stream:stream to='$domain' version='1.0' xmlns='jabber:client' \
             xmlns:stream='{namespace}'>"
        ));
        romeo.receives_stream_error_of(&["invalid-namespace", "bad-format"]);
    }
}
