//! RFC 6120 §11.1: XML restrictions.

use super::{header_behind, outcome_of_header, receives_any_error};
use crate::case;
use crate::case::Case;
use crate::subject::{Stage, Subject};

pub(super) const CASES: &[Case] = &[
    case!(Must, comment_ends_the_stream, ["11.1", "11", "4.9.3.18", "xml-restriction-comment"]),
    case!(Must, processing_instruction_ends_the_stream, ["11.1", "4.9.3.18", "xml-restriction-pi"]),
    case!(Must, document_type_declaration_ends_the_stream, ["11.1", "4.9.3.18", "xml-restriction-dtd"]),
    case!(Must, entity_reference_ends_the_stream, ["11.1", "4.9.3.18", "xml-restriction-ref"]),
    case!(Should, restricted_xml_is_called_so, ["11.1", "4.9.3.18"]),
    case!(Must, restricted_xml_before_the_header_is_refused, ["11.1", "4.9.1.2", "xml-restriction-dtd"]),
    case!(Must, restricted_xml_is_not_delivered, ["11.1", "4.9.3.18"]),
    case!(Must, predefined_entities_and_character_references_are_allowed, ["11.1", "xml-restriction-ref"]),
    case!(Must, server_sends_no_restricted_xml, ["11.1", "xml-restriction-comment", "xml-restriction-pi"]),
];

const COMMENTS: [&str; 3] = [
    "<message to='$domain'><!--<subject/>--><body>This message has no subject.</body></message>",
    "<!-- between stanzas -->",
    "<message to='$domain'><body>in <!-- the middle --> of text</body></message>",
];

const INSTRUCTIONS: [&str; 3] = [
    "<message to='$domain'><?php echo 1 ?><body>hi</body></message>",
    "<?target data?>",
    "<?xml-stylesheet href='a'?>",
];

const DECLARATIONS: [&str; 3] = [
    "<!DOCTYPE stream SYSTEM 'http://example.com/stream.dtd'>",
    "<!DOCTYPE message [<!ENTITY a 'b'>]>",
    "<message to='$domain'><!DOCTYPE x><body>hi</body></message>",
];

const REFERENCES: [&str; 3] = [
    "<message to='$domain'><body>&copy; 2011</body></message>",
    "<message to='$domain' id='&nbsp;'><body>hi</body></message>",
    "<message to='$domain'><body>&lol9;</body></message>",
];

/// RFC 6120 §11.1: a comment ends the stream with an error, wherever it stands.
fn comment_ends_the_stream(subject: &Subject) {
    each_ends_the_stream(subject, &COMMENTS);
}

/// RFC 6120 §11.1: a processing instruction ends the stream with an error.
fn processing_instruction_ends_the_stream(subject: &Subject) {
    each_ends_the_stream(subject, &INSTRUCTIONS);
}

/// RFC 6120 §11.1: a DTD subset, internal or external, ends the stream with an error.
fn document_type_declaration_ends_the_stream(subject: &Subject) {
    each_ends_the_stream(subject, &DECLARATIONS);
}

/// RFC 6120 §11.1: a reference to an entity that is not predefined ends the stream with an error.
fn entity_reference_ends_the_stream(subject: &Subject) {
    each_ends_the_stream(subject, &REFERENCES);
}

/// RFC 6120 §11.1: the error is `restricted-xml`, or `bad-format` from some implementations. An entity that nobody has
/// declared, or a declaration in the wrong place, is not well-formed either (§11.3).
fn restricted_xml_is_called_so(subject: &Subject) {
    for (texts, allowed) in [
        (COMMENTS, ["restricted-xml", "bad-format", "restricted-xml"]),
        (INSTRUCTIONS, ["restricted-xml", "bad-format", "restricted-xml"]),
        (DECLARATIONS, ["restricted-xml", "bad-format", "not-well-formed"]),
        (REFERENCES, ["restricted-xml", "bad-format", "not-well-formed"]),
    ] {
        for text in texts {
            let mut romeo = subject.bound("romeo/orchard");
            romeo.sends(text);
            romeo.receives_stream_error_of(&allowed);
        }
    }
}

/// RFC 6120 §11.1, §4.9.1.2: before the header, too, behind a response header.
fn restricted_xml_before_the_header_is_refused(subject: &Subject) {
    for prologue in [
        "<?xml version='1.0'?><!DOCTYPE stream:stream>",
        "<?xml version='1.0'?><!DOCTYPE stream:stream SYSTEM 'http://example.com/stream.dtd'>",
        "<?xml version='1.0'?><!DOCTYPE s [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;&a;'>]>",
        "<?xml version='1.0'?><!-- hello -->",
        "<?xml version='1.0'?><?target data?>",
        "<!-- hello -->",
    ] {
        let mut romeo = subject.connect();
        romeo.sends_header(&header_behind(prologue));
        let outcome = outcome_of_header(&mut romeo);
        assert!(outcome.is_err(), "{prologue} was accepted");
    }
}

/// RFC 6120 §11.1: what is refused goes nowhere.
fn restricted_xml_is_not_delivered(subject: &Subject) {
    let [mut juliet, mut nurse] = subject.login(["juliet/balcony", "nurse/house"]);
    for content in ["<!--<subject/>--><body>one</body>", "<?php echo 1 ?><body>two</body>", "<body>&copy;</body>"] {
        let mut romeo = subject.bound("romeo/orchard");
        romeo.sends(format!("<message to='$juliet/balcony' type='chat'>{content}</message>"));
        receives_any_error(&mut romeo);
        juliet.hears_nothing_from(&mut nurse);
    }
}

/// RFC 6120 §11.1: the predefined entities are allowed, and so are references to characters; the text arrives.
fn predefined_entities_and_character_references_are_allowed(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    for text in ["&lt;&gt;&amp;&apos;&quot;", "&#65;&#x42;&#x1F600;", "<![CDATA[<&>]]>", "a]]&gt;b", "&#10;&#9;x"] {
        romeo.sends(format!("<message to='$juliet/balcony' type='chat' id='1'><body>{text}</body></message>"));
        juliet.receives(format!(
            "<message from='$romeo/orchard' to='$juliet/balcony' type='chat' id='1'><body>{text}</body></message>"
        ));
    }
}

/// RFC 6120 §11.1: no implementation injects such features: what the server has sent by itself over a whole session
/// has none. The suite's parser refuses them.
fn server_sends_no_restricted_xml(subject: &Subject) {
    let mut romeo = subject.bound("romeo/orchard");
    romeo.sends("<iq to='$domain' type='get' id='1'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>");
    romeo.collects();
    romeo.sends("<message><body>No closing tag!</message>");
    receives_any_error(&mut romeo);
    let heard = romeo.heard();
    assert!(!heard.contains("<!"), "{heard}");
    assert!(heard.matches("<?").count() <= 1, "more than the declaration: {heard}");
}

#[track_caller]
fn each_ends_the_stream(subject: &Subject, texts: &[&str]) {
    for text in texts {
        let mut romeo = subject.bound("romeo/orchard");
        romeo.sends(text);
        receives_any_error(&mut romeo);
    }
    for stage in [Stage::Clear, Stage::Secure, Stage::Authenticated] {
        let mut romeo = subject.at(stage, "romeo");
        romeo.notes(&format!("{stage:?}"));
        romeo.sends(texts[0]);
        receives_any_error(&mut romeo);
    }
}
