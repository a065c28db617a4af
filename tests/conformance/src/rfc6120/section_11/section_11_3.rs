//! RFC 6120 §11.3: well-formedness, of XML and of namespaces.

use super::{outcome_of, outcome_of_header, receives_any_error};
use crate::case;
use crate::case::Case;
use crate::client::HEADER;
use crate::subject::Subject;
use crate::tree::Element;

pub(super) const CASES: &[Case] = &[
    case!(Must, xml_that_is_not_well_formed_ends_the_stream, ["11.3", "4.9.3.13", "xml-wellformed-xml"]),
    case!(Must, header_that_is_not_well_formed_is_refused, ["11.3", "4.9.1.2", "xml-wellformed-xml"]),
    case!(Must, namespaces_that_are_not_well_formed_are_refused, ["11.3", "4.9.3.13", "xml-wellformed-ns"]),
    case!(Must, what_is_not_well_formed_is_not_delivered, ["11.3", "xml-wellformed-ns"]),
    case!(Must, what_is_not_well_formed_is_so_however_it_is_cut, ["11.3", "xml-wellformed-xml"]),
    case!(Must, what_is_well_formed_is_so_however_it_is_cut, ["11.3", "xml-wellformed-xml"]),
    case!(Must, well_formed_xml_of_every_shape_is_accepted, ["11.3", "xml-wellformed-xml"]),
    case!(Must, server_sends_what_is_well_formed, ["11.3", "xml-wellformed-xml", "xml-wellformed-ns"]),
];

/// Breaks of the rules of XML 1.0.
const NOT_WELL_FORMED: [&str; 15] = [
    "<message to='$domain'><body>No closing tag!</message>",
    "<message to='$domain'><body></Body></message>",
    "<message to='$domain' to='$domain'/>",
    "<message to=$domain/>",
    "<message to='$domain' id='<'/>",
    "<message to='$domain'><body>a & b</body></message>",
    "<message to='$domain'><body>&#0;</body></message>",
    "<message to='$domain'><body>&#xFFFE;</body></message>",
    "<message to='$domain'><body>&#xD800;</body></message>",
    "<message to='$domain'><body>\u{1}</body></message>",
    "<message to='$domain'><body>]]></body></message>",
    "<message to='$domain'id='1'/>",
    "<1message to='$domain'/>",
    "< message to='$domain'/>",
    "<message to='$domain'><![cdata[a]]></message>",
];

/// Breaks of the rules of Namespaces in XML 1.0.
const NOT_NAMESPACE_WELL_FORMED: [&str; 8] = [
    "<message to='$juliet/balcony' id='1'><foo:body>What is this foo?</foo:body></message>",
    "<message to='$juliet/balcony' id='1' foo:a='b'><body>hi</body></message>",
    "<message to='$juliet/balcony' id='1'><x xmlns:a='u' xmlns:b='u' a:c='1' b:c='2'/></message>",
    "<message to='$juliet/balcony' id='1'><x xmlns:a=''/></message>",
    "<message to='$juliet/balcony' id='1'><a:b:c xmlns:a='u'/></message>",
    "<message to='$juliet/balcony' id='1'><x xmlns:xml='urn:example:other'/></message>",
    "<message to='$juliet/balcony' id='1'><x xmlns:xmlns='urn:example:other'/></message>",
    "<message to='$juliet/balcony' id='1'><x xmlns:a='http://www.w3.org/XML/1998/namespace'/></message>",
];

/// RFC 6120 §11.3 rule 2: data that is not XML-well-formed ends the stream with `not-well-formed`; `bad-format` may stand
/// for it (§4.9.3.1).
fn xml_that_is_not_well_formed_ends_the_stream(subject: &Subject) {
    for text in NOT_WELL_FORMED {
        let mut romeo = subject.bound("romeo/orchard");
        romeo.sends(text);
        romeo.receives_stream_error_of(&["not-well-formed", "bad-format"]);
    }
}

/// RFC 6120 §11.3 rule 2, §4.9.1.2: so does such a header, behind a response header.
fn header_that_is_not_well_formed_is_refused(subject: &Subject) {
    for header in [
        HEADER.replace("version='1.0' xml", "version='1.0' version='1.0' xml"),
        HEADER.replace("to='$domain'", "to=$domain"),
        HEADER.replace("to='$domain'", "to='<$domain'"),
        HEADER.replace("<stream:stream", "<stream:stream<"),
        HEADER.replace("to='$domain'", "to='&$domain'"),
    ] {
        let mut romeo = subject.connect();
        romeo.sends_header(&header);
        romeo.receives_stream_error_of(&["not-well-formed", "bad-format"]);
    }
}

/// RFC 6120 §11.3 rule 4: data that is not namespace-well-formed is answered with `not-acceptable`, or ends the stream
/// with `not-well-formed` (`bad-format`, `bad-namespace-prefix` and `invalid-namespace` say the same of it, §4.9.3).
fn namespaces_that_are_not_well_formed_are_refused(subject: &Subject) {
    for text in NOT_NAMESPACE_WELL_FORMED {
        let mut romeo = subject.bound("romeo/orchard");
        romeo.sends(text.replace("$juliet/balcony", "$domain"));
        romeo.sends_bytes("<iq type='get' id='after'><ping xmlns='urn:xmpp:ping'/></iq>");
        let next = romeo.receives_any();
        let within: Vec<_> = next.elements().chain(next.elements().flat_map(Element::elements)).collect();
        let allowed = ["not-well-formed", "not-acceptable", "bad-format", "bad-namespace-prefix", "invalid-namespace"];
        assert!(within.iter().any(|child| allowed.contains(&child.name.as_str())), "{text}: {next}");
    }
}

/// RFC 6120 §11.3 rule 4: in particular it is not delivered.
fn what_is_not_well_formed_is_not_delivered(subject: &Subject) {
    let [mut juliet, mut nurse] = subject.login(["juliet/balcony", "nurse/house"]);
    for text in NOT_NAMESPACE_WELL_FORMED {
        let mut romeo = subject.bound("romeo/orchard");
        romeo.sends(text);
        // Whatever comes, the stanza has been dealt with.
        romeo.sends_bytes("<iq type='get' id='after'><ping xmlns='urn:xmpp:ping'/></iq>");
        let _ = romeo.receives_next();
        juliet.hears_nothing_from(&mut nurse);
    }
}

/// RFC 6120 §11.3, §3.1: pieces of TCP make no difference to what is wrong.
fn what_is_not_well_formed_is_so_however_it_is_cut(subject: &Subject) {
    for text in
        ["<message to='$domain'><body>No closing tag!</message>", "<message to='$domain'><body>\u{1}</body></message>"]
    {
        let mut romeo = subject.bound("romeo/orchard");
        for byte in subject.expand(text).as_bytes() {
            // It may be over before all is said.
            if romeo.tries_to_send(&[*byte]).is_err() {
                break;
            }
        }
        receives_any_error(&mut romeo);
    }
}

/// RFC 6120 §11.3, §3.1: nor to what is right: every cut between two bytes gives the same stanza.
fn what_is_well_formed_is_so_however_it_is_cut(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    let stanza = "<message to='$juliet/balcony' type='chat' id='1'><body>é&amp;&#x1F600;😀<![CDATA[<]]></body>\
                  <x xmlns='urn:example:x' a='\"'/></message>";
    let received = "<message from='$romeo/orchard' to='$juliet/balcony' type='chat' id='1'>\
                    <body>é&amp;&#x1F600;😀<![CDATA[<]]></body><x xmlns='urn:example:x' a='\"'/></message>";
    let bytes = subject.expand(stanza).into_bytes();
    for cut in 1..bytes.len() {
        romeo.sends_bytes(&bytes[..cut]).sends_bytes(&bytes[cut..]);
        juliet.receives(received);
    }
    romeo.sends_in_pieces(stanza, 1);
    juliet.receives(received);
}

/// RFC 6120 §11.3: what is well-formed is accepted in every shape that XML gives it.
fn well_formed_xml_of_every_shape_is_accepted(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    let plain = "<message from='$romeo/orchard' to='$juliet/balcony' type='chat' id='1'><body>hi</body></message>";
    for stanza in [
        "<message to=\"$juliet/balcony\" type=\"chat\" id=\"1\"><body>hi</body></message>",
        "<message\n\tid = '1'\r\n  type\n=\n'chat' to='$juliet/balcony' ><body >hi</body\n></message >",
        "<message to='$juliet/balcony' type='&#99;hat' id='&#x31;'><body>&#104;i</body></message>",
        "<message to='$juliet/balcony' type='chat' id='1'><body><![CDATA[hi]]></body></message>",
        "<message to='$juliet/balcony' type='chat' id='1'><body>h<![CDATA[]]>i</body></message>",
    ] {
        romeo.sends(stanza);
        juliet.receives(plain);
    }
}

/// RFC 6120 §11.3 rules 1 and 3: a server generates nothing that is not well-formed, even out of text that needs to be
/// escaped. The suite's parser refuses it.
fn server_sends_what_is_well_formed(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    romeo.sends("<message to='$juliet/balcony' type='chat' id='&lt;&amp;&quot;&apos;&gt;'><body>]]&gt;&lt;/body&gt;</body></message>");
    juliet.receives(
        "<message from='$romeo/orchard' to='$juliet/balcony' type='chat' id='&lt;&amp;&quot;&apos;&gt;'>\
         <body>]]&gt;&lt;/body&gt;</body></message>",
    );
    romeo.sends("<iq to='$domain' type='get' id='&lt;&amp;&quot;&apos;&gt;'><ping xmlns='urn:xmpp:ping'/></iq>");
    let answer = outcome_of(&mut romeo, "<&\"'>");
    assert!(answer.is_ok(), "{answer:?}");
    // In a header, too.
    let mut nurse = subject.connect();
    nurse.sends_header(&HEADER.replace("to='$domain'", "to='&lt;&apos;&amp;' from='&lt;&apos;&amp;@$domain'"));
    let outcome = outcome_of_header(&mut nurse);
    assert!(outcome.is_err(), "{outcome:?}");
}
