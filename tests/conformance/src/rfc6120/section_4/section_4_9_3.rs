//! RFC 6120 §4.9.3: stream error conditions, each raised by its own cause: those that a client raises.
//!
//! What an administrator raises is in `section_4_9_3_16`, what limits raise in `section_4_9_3_14`.

use super::{ANY_CONDITION, header};
use crate::case;
use crate::case::Case;
use crate::client::{Item, Next};
use crate::subject::{Stage, Subject};
use crate::tree::Element;

pub(super) const CASES: &[Case] = &[
    case!(Must, namespace_of_the_stream_is_checked, ["4.9.3", "4.9.3.10", "4.8.1", "stream-error-generate"]),
    case!(Must, unknown_host_is_refused, ["4.9.3.6", "4.9.1.3"]),
    case!(Must, unclosed_tag_ends_the_stream_at_every_stage, ["4.9.3.13", "11.3", "xml-wellformed-xml"]),
    case!(Must, unbound_prefix_ends_the_stream, ["4.9.3.13", "11.3", "xml-wellformed-ns"]),
    case!(Must, text_between_stanzas_is_not_processed, ["4.9.3.1"]),
    case!(Should, text_between_stanzas_is_bad_format, ["4.9.3.1"]),
    case!(Should, prefix_for_stanzas_is_bad, ["4.9.3.2", "4.8.5"]),
    case!(Should, unknown_first_level_element_is_refused, ["4.9.3.24"]),
    case!(Must, newer_stream_with_the_same_resource_ends_the_older, ["4.9.3.3"]),
    case!(Must, from_of_somebody_else_is_not_believed, ["4.9.3.9"]),
    case!(Should, header_of_somebody_else_after_sasl_is_refused, ["4.9.3.9", "4.7.1"]),
    case!(Must, malformed_address_is_told_to_a_client, ["4.9.3.7"]),
    case!(Must, iq_of_no_known_type_is_an_error, ["4.9.3.11", "11.4"]),
    case!(May, second_header_within_a_stream_is_invalid, ["4.9.3.11", "4.9.3.1"]),
    case!(Must, stanza_before_authentication_is_not_processed, ["4.9.3.12"]),
];

/// RFC 6120 §4.9.3.10: a stream namespace other than `http://etherx.jabber.org/streams` is `invalid-namespace`.
fn namespace_of_the_stream_is_checked(subject: &Subject) {
    let mut romeo = subject.connect();
    romeo.sends_header(
        "<?xml version='1.0'?><stream:stream to='$domain' version='1.0' xmlns='jabber:client' \
         xmlns:stream='http://wrong.namespace.example.org/'>",
    );
    // §4.8.1: although some implementations send bad-format instead.
    romeo.receives_stream_error_of(&["invalid-namespace", "bad-format"]);
}

/// RFC 6120 §4.9.3.6, §4.9.1.3: a `to` that names no domain of the server is `host-unknown`; the response header
/// comes first.
fn unknown_host_is_refused(subject: &Subject) {
    let mut romeo = subject.connect();
    romeo.sends_header(&header("to='$remote' version='1.0'"));
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

/// RFC 6120 §4.9.3.13, §11.3: XML that is not namespace-well-formed ends the stream, or is answered with the stanza
/// error `not-acceptable`.
fn unbound_prefix_ends_the_stream(subject: &Subject) {
    let mut romeo = subject.bound("romeo/orchard");
    romeo.sends("<message to='$romeo/orchard' id='1'><foo:body>What is this foo?</foo:body></message>");
    let next = romeo.receives_any();
    let condition = next.elements().next().map(|child| child.name.clone()).unwrap_or_default();
    if next.name == "error" {
        assert!(["not-well-formed", "bad-format"].contains(&condition.as_str()), "{next}");
        romeo.receives_close();
    } else {
        let refused = next.elements().flat_map(Element::elements).any(|child| child.name == "not-acceptable");
        assert!(next.attribute("type") == Some("error") && refused, "{next}");
    }
}

/// RFC 6120 §4.9.3.1, A.1: character data between stanzas, which the schema has no place for, ends the stream with an
/// error, or is passed over; it belongs to no stanza.
fn text_between_stanzas_is_not_processed(subject: &Subject) {
    let mut romeo = subject.bound("romeo/orchard");
    romeo.sends("soft!<iq to='$domain' type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>");
    let next = romeo.receives_any();
    if next.name == "error" {
        assert!(next.elements().any(|child| ANY_CONDITION.contains(&child.name.as_str())), "{next}");
        romeo.receives_close();
    } else {
        assert_eq!(next.attribute("id"), Some("1"), "{next}");
    }
}

/// RFC 6120 §4.9.3.1: the error for XML that cannot be processed, though it is well-formed, is `bad-format`.
fn text_between_stanzas_is_bad_format(subject: &Subject) {
    let mut romeo = subject.bound("romeo/orchard");
    romeo.sends("soft!<iq to='$domain' type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>");
    let next = romeo.receives_any();
    if next.name == "error" {
        let allowed = ["bad-format", "invalid-xml", "not-well-formed"];
        assert!(next.elements().any(|child| allowed.contains(&child.name.as_str())), "{next}");
    }
}

/// RFC 6120 §4.9.3.2, §4.8.5: a stanza with a prefix for its content namespace is ignored, or ends the stream with
/// `bad-namespace-prefix`.
fn prefix_for_stanzas_is_bad(subject: &Subject) {
    let mut romeo = subject.bound("romeo/orchard");
    romeo.sends(
        "<foo:iq xmlns:foo='jabber:client' to='$domain' type='get' id='1'><ping xmlns='urn:xmpp:ping'/></foo:iq>",
    );
    romeo.sends("<iq to='$domain' type='get' id='2'><ping xmlns='urn:xmpp:ping'/></iq>");
    let next = romeo.receives_any();
    let bad = next.name == "error" && next.elements().any(|child| child.name == "bad-namespace-prefix");
    assert!(bad || next.attribute("id") == Some("2"), "{next}");
}

/// RFC 6120 §4.9.3.24, §4.8.4: a first-level element of the content namespace that is no stanza is
/// `unsupported-stanza-type`, unless it is ignored.
fn unknown_first_level_element_is_refused(subject: &Subject) {
    let mut romeo = subject.bound("romeo/orchard");
    romeo.sends("<pubsub><create/></pubsub>");
    romeo.sends("<iq to='$domain' type='get' id='after'><ping xmlns='urn:xmpp:ping'/></iq>");
    let next = romeo.receives_any();
    if next.attribute("id") == Some("after") {
        subject.not_tried("the server ignores what it does not know");
    }
    assert!(next.elements().any(|child| child.name == "unsupported-stanza-type"), "{next}");
    romeo.receives_close();
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

/// RFC 6120 §4.9.3.9, §8.1.2.1: a `from` that does not match the client's address is overridden, or ends the stream
/// with `invalid-from`; nobody gets to see it.
fn from_of_somebody_else_is_not_believed(subject: &Subject) {
    let [mut romeo, mut juliet, mut nurse] = subject.login(["romeo/orchard", "juliet/balcony", "nurse/house"]);
    romeo.sends("<message from='$nurse/house' to='$juliet/balcony' type='chat'><body>who?</body></message>");
    romeo.sends("<iq to='$domain' type='get' id='after'><ping xmlns='urn:xmpp:ping'/></iq>");
    let next = romeo.receives_any();
    if next.name == "error" {
        assert!(next.elements().any(|child| child.name == "invalid-from"), "{next}");
        juliet.hears_nothing_from(&mut nurse);
    } else {
        juliet.receives(
            "<message from='$romeo/orchard' to='$juliet/balcony' type='chat' id='?'><body>who?</body></message>",
        );
    }
}

/// RFC 6120 §4.9.3.9, §6.4.6: the `from` of a header after SASL is the address that was authenticated; another one is
/// `invalid-from`. A server may also pay no heed to it: then the stream is still that of the account.
fn header_of_somebody_else_after_sasl_is_refused(subject: &Subject) {
    let (mut romeo, features) = subject.secure();
    romeo.authenticates("romeo", &features);
    romeo.sends_header(&header("from='$juliet' to='$domain' version='1.0'"));
    romeo.receives_header();
    let next = romeo.receives_any();
    if next.name == "error" {
        assert!(next.elements().any(|child| child.name == "invalid-from"), "{next}");
        romeo.receives_close();
    } else {
        let jid = romeo.requests_resource(None);
        assert!(jid.starts_with(&subject.expand("$romeo/")), "{jid}");
    }
}

/// RFC 6120 §4.9.3.7: `improper-addressing` is for stanzas between servers; a client hears of an address that is none
/// by a stanza error (`jid-malformed`, §8.3.3.8), and may lose the stream over it; the stanza goes nowhere.
fn malformed_address_is_told_to_a_client(subject: &Subject) {
    let mut romeo = subject.bound("romeo/orchard");
    romeo.sends("<message to='@@$domain' id='1'><body>hi</body></message>");
    let next = romeo.receives_any();
    if next.is("error", crate::ns::STREAM) {
        assert!(next.elements().any(|child| child.name == "improper-addressing"), "{next}");
    } else {
        assert_eq!((next.attribute("type"), next.attribute("id")), (Some("error"), Some("1")), "{next}");
        romeo.settles();
    }
}

/// RFC 6120 §4.9.3.11, §8.2.3: an IQ of a type that the schema does not have is `invalid-xml` to a server that
/// validates, and `bad-request` to others; it is no request.
fn iq_of_no_known_type_is_an_error(subject: &Subject) {
    let mut romeo = subject.bound("romeo/orchard");
    romeo.sends("<iq to='$domain' id='l3b1vs75' type='subscribe'><ping xmlns='urn:xmpp:ping'/></iq>");
    let next = romeo.receives_any();
    if next.is("error", crate::ns::STREAM) {
        assert!(next.elements().any(|child| child.name == "invalid-xml"), "{next}");
    } else {
        assert_eq!(next.attribute("type"), Some("error"), "{next}");
    }
}

/// RFC 6120 §4.9.3.11, A.1: the schema has no stream header within a stream; a server may say so with `invalid-xml`,
/// or one of the other conditions for what it can't process.
fn second_header_within_a_stream_is_invalid(subject: &Subject) {
    let mut romeo = subject.bound("romeo/orchard");
    romeo.sends(
        "<stream:stream to='$domain' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>",
    );
    romeo.sends("</stream:stream>");
    romeo.receives_stream_error_of(&["invalid-xml", "bad-format", "unsupported-stanza-type"]);
}

/// RFC 6120 §4.9.3.12, §13.12: a stanza before authentication is not processed: a request to the server, which any client
/// with a stream may make, has no result, but ends the stream or is refused.
fn stanza_before_authentication_is_not_processed(subject: &Subject) {
    for stage in [Stage::Clear, Stage::Secure] {
        let mut romeo = subject.at(stage, "romeo");
        romeo.notes(&format!("{stage:?}"));
        romeo.sends("<iq to='$domain' type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>");
        match romeo.receives_next() {
            Next::Item(Item::Element(next)) if next.is("error", crate::ns::STREAM) => romeo.receives_close(),
            Next::Item(Item::Element(next)) => assert_eq!(next.attribute("type"), Some("error"), "{next}"),
            other => panic!("an error was due: {other:?}"),
        }
    }
}
