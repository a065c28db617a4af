//! RFC 6120 §4.8: the namespaces of streams between servers.

use super::{ends, message_from, three_initial_headers, three_responses};
use crate::case;
use crate::case::{Case, Need};
use crate::client::{Header, STREAM_CONDITIONS};
use crate::ns;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(
        Must,
        servers_are_answered_in_the_server_namespace,
        ["4.8.2", "4.8.3", "xml-namespace-content-server"],
        needs[Need::Servers]
    ),
    case!(
        Must,
        subject_opens_streams_of_the_server_namespace,
        ["4.8.2", "4.8.3", "A.6", "xml-namespace-content-server"],
        needs[Need::Servers]
    ),
    case!(
        Must,
        stanzas_between_servers_are_of_the_server_namespace,
        ["4.8.3", "A.6", "xml-namespace-content-server"],
        needs[Need::Servers]
    ),
    case!(Must, stanza_of_a_client_is_not_taken_from_a_server, ["4.8.3", "4.9.3.10"], needs[Need::Servers]),
    case!(Must, wrong_stream_namespace_of_a_server_is_refused, ["4.8.1", "4.9.3.10"], needs[Need::Servers]),
    case!(Must, unknown_content_of_a_server_is_refused, ["4.8.3", "4.9.3.10"], needs[Need::Servers]),
];

/// RFC 6120 §4.8.3: the response header of a stream between servers declares `jabber:server` for its content.
fn servers_are_answered_in_the_server_namespace(subject: &Subject) {
    let verona = subject.server("verona");
    for header in three_responses(&verona, &verona.header()) {
        is_of_servers(&header);
    }
}

/// RFC 6120 §4.8.3: so does the initial header that the subject sends.
fn subject_opens_streams_of_the_server_namespace(subject: &Subject) {
    let mut verona = subject.server("verona");
    for header in three_initial_headers(subject, &mut verona) {
        is_of_servers(&header);
    }
}

/// RFC 6120 §4.8.3, A.6: a stanza of a client goes to another server in `jabber:server`, with all that is in it, and what
/// a server sends reaches a client in `jabber:client`.
fn stanzas_between_servers_are_of_the_server_namespace(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    let mut verona = subject.server("verona");
    let content = "<body xml:lang='it'>&lt;ciao&gt;</body><x xmlns='urn:example:x'><y xmlns='' a='1'/></x>";
    romeo.sends(format!("<message to='juliet@$verona' type='chat' id='a'>{content}</message>"));
    let received = verona
        .receives(format!("<message from='$romeo/orchard' to='juliet@$verona' type='chat' id='a'>{content}</message>"));
    assert!(received.is("message", ns::SERVER), "{received}");
    let mut stream = verona.authenticated();
    stream.sends(format!("<message from='juliet@$verona' to='$romeo/orchard' type='chat' id='b'>{content}</message>"));
    romeo
        .receives(format!("<message from='juliet@$verona' to='$romeo/orchard' type='chat' id='b'>{content}</message>"));
}

/// RFC 6120 §4.8.3: a stanza of `jabber:client` on a stream of servers is none of theirs: it is not delivered.
fn stanza_of_a_client_is_not_taken_from_a_server(subject: &Subject) {
    let [mut romeo, mut nurse] = subject.login(["romeo/orchard", "nurse/house"]);
    let verona = subject.server("verona");
    let mut stream = verona.authenticated();
    stream.sends(message_from(verona.domain(), "a").replace("<message ", "<message xmlns='jabber:client' "));
    // The stream may have ended, so somebody else shows that nothing is on its way.
    let _ = stream.receives_next_within(subject.seconds(1.0));
    romeo.hears_nothing_from(&mut nurse);
}

/// RFC 6120 §4.8.1, §4.9.3.10: a stream of another namespace is refused.
fn wrong_stream_namespace_of_a_server_is_refused(subject: &Subject) {
    let verona = subject.server("verona");
    let mut stream = verona.connects();
    stream.sends_header(&verona.header().replace(ns::STREAM, "http://wrong.namespace.example.org/"));
    stream.receives_stream_error_of(&["invalid-namespace", "bad-format"]);
}

/// RFC 6120 §4.8.3: a content namespace that is not supported is refused with the header, or else with the first element.
fn unknown_content_of_a_server_is_refused(subject: &Subject) {
    let verona = subject.server("verona");
    let mut stream = verona.connects();
    stream.sends_header(
        &verona.header().replace(ns::SERVER, "urn:example:content").replace("urn:example:content:", "jabber:server:"),
    );
    stream.receives_header();
    let next = stream.receives_any();
    if next.is("features", ns::STREAM) {
        stream.sends("<message from='$verona' to='$domain'><body>hi</body></message>");
        stream.receives_stream_error_of(&STREAM_CONDITIONS);
    } else {
        assert!(next.is("error", ns::STREAM), "{next}");
        ends(&mut stream);
    }
}

#[track_caller]
fn is_of_servers(header: &Header) {
    assert!(header.root.is("stream", ns::STREAM), "{header:?}");
    assert_eq!(header.namespaces.get("").map(String::as_str), Some(ns::SERVER), "{header:?}");
}
