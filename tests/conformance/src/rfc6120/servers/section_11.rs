//! RFC 6120 §11: XML on streams between servers.

use super::{Stage, message_from, romeo_writes};
use crate::case;
use crate::case::{Case, Need};
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(
        Must,
        xml_of_a_server_that_is_not_well_formed_ends_the_stream,
        ["11.3", "4.9.3.13", "xml-wellformed-xml"],
        needs[Need::Servers]
    ),
    case!(
        Must,
        restricted_xml_of_a_server_ends_the_stream,
        ["11.1", "4.9.3.18", "xml-restriction-comment", "xml-restriction-dtd", "xml-restriction-pi"],
        needs[Need::Servers]
    ),
    case!(Must, stanza_of_a_server_may_arrive_byte_by_byte, ["11.3"], needs[Need::Servers]),
    case!(
        Must,
        xml_of_a_receiving_server_that_is_not_well_formed_ends_the_stream,
        ["11.3", "4.9.3.13"],
        needs[Need::Servers]
    ),
];

/// RFC 6120 §11.3: XML that is not well-formed ends the stream, however far it has got.
fn xml_of_a_server_that_is_not_well_formed_ends_the_stream(subject: &Subject) {
    let verona = subject.server("verona");
    for stage in Stage::ALL {
        let mut stream = stage.reach(&verona);
        stream.sends("<message><body>No closing tag!</message>");
        stream.receives_stream_error_of(&["not-well-formed", "bad-format"]);
    }
}

/// RFC 6120 §11.1: comments, processing instructions and document type declarations end the stream.
fn restricted_xml_of_a_server_ends_the_stream(subject: &Subject) {
    let verona = subject.server("verona");
    for stage in Stage::ALL {
        for text in ["<!-- hello -->", "<?php echo 1 ?>", "<!DOCTYPE stream SYSTEM 'http://example.com/stream.dtd'>"] {
            let mut stream = stage.reach(&verona);
            stream.sends(text);
            stream.receives_stream_error_of(&["restricted-xml", "bad-format", "not-well-formed", "invalid-xml"]);
        }
    }
}

/// RFC 6120 §11.3: what is well-formed is so however it is cut.
fn stanza_of_a_server_may_arrive_byte_by_byte(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    let verona = subject.server("verona");
    let mut stream = verona.authenticated();
    stream.sends_in_pieces(message_from("$verona", "a").replace("hi", "Grüße 日本 🎭 &amp;"), 1);
    romeo.receives(message_from("$verona", "a").replace("hi", "Grüße 日本 🎭 &amp;"));
}

/// RFC 6120 §11.3: the subject ends a stream of its own, too, if what the receiving server sends is not well-formed.
fn xml_of_a_receiving_server_that_is_not_well_formed_ends_the_stream(subject: &Subject) {
    let mut verona = subject.server("verona");
    let _romeo = romeo_writes(subject, &verona);
    let (place, _) = verona.receives_with_stream();
    let stream = &mut verona.incoming()[place].client;
    stream.sends("<a></b>");
    stream.receives_stream_error_of(&["not-well-formed", "bad-format"]);
}
