//! RFC 6120 §4.9.3: stream error conditions, each raised by its own cause.

use crate::case;
use crate::case::Case;
use crate::subject::{Stage, Subject};
use crate::tree::Element;

pub(super) const CASES: &[Case] = &[
    case!(Must, namespace_of_the_stream_is_checked, ["4.9.3.10", "4.8.1", "stream-error-generate"]),
    case!(Must, unknown_host_is_refused, ["4.9.3.6", "4.9.1.3"]),
    case!(Must, unclosed_tag_ends_the_stream_at_every_stage, ["4.9.3.13", "11.3", "xml-wellformed-xml"]),
    case!(Must, unknown_first_level_element_is_refused, ["4.9.3.24"]),
    case!(Must, newer_stream_with_the_same_resource_ends_the_older, ["4.9.3.3"]),
];

/// RFC 6120 §4.9.3.10: a stream namespace other than `http://etherx.jabber.org/streams` is `invalid-namespace`.
fn namespace_of_the_stream_is_checked(subject: &Subject) {
    let mut romeo = subject.connect();
    romeo.sends_header(
        "<?xml version='1.0'?><stream:stream to='$domain' version='1.0' xmlns='jabber:client' \
         xmlns:stream='http://wrong.namespace.example.org/'>",
    );
    romeo.receives_stream_error("invalid-namespace");
}

/// RFC 6120 §4.9.3.6, §4.9.1.3: a `to` that names no domain of the server is `host-unknown`; the response header
/// comes first.
fn unknown_host_is_refused(subject: &Subject) {
    let mut romeo = subject.connect();
    romeo.sends_header(
        "<?xml version='1.0'?><stream:stream to='$remote' version='1.0' xmlns='jabber:client' \
         xmlns:stream='http://etherx.jabber.org/streams'>",
    );
    romeo.receives_stream_error("host-unknown");
}

/// RFC 6120 §4.9.3.13, §11.3: XML that is not well-formed ends the stream, however far that has got; `bad-format`
/// may stand for it (§4.9.3.1).
fn unclosed_tag_ends_the_stream_at_every_stage(subject: &Subject) {
    for stage in Stage::OPEN {
        let mut romeo = subject.at(stage, "romeo");
        romeo.notes(&format!("{stage:?}"));
        romeo.sends("<message><body>No closing tag!</message>");
        romeo.receives_stream_error_of(&["not-well-formed", "bad-format"]);
    }
}

/// RFC 6120 §4.9.3.24: a first-level element of the content namespace that is no stanza is
/// `unsupported-stanza-type`.
fn unknown_first_level_element_is_refused(subject: &Subject) {
    let mut romeo = subject.bound("romeo/orchard");
    romeo.sends("<pubsub><create/></pubsub>");
    romeo.receives_stream_error("unsupported-stanza-type");
}

/// RFC 6120 §4.9.3.3, §7.7.2.2: where the newer stream gets the resource of the older, the older is ended with
/// `conflict`. A server may also refuse the newcomer or give it another resource.
fn newer_stream_with_the_same_resource_ends_the_older(subject: &Subject) {
    let mut older = subject.bound("romeo/orchard");
    let (mut newer, _) = subject.authenticated("romeo");
    newer.sends(
        "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
         <resource>orchard</resource></bind></iq>",
    );
    let answer = newer.receives_any();
    let jid = answer.elements().flat_map(Element::elements).find(|child| child.name == "jid");
    if jid.is_none_or(|jid| jid.text() != older.jid()) {
        subject.not_tried("the server does not give the resource to the newcomer");
    }
    older.receives_stream_error("conflict");
}
