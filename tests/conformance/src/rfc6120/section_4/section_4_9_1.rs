//! RFC 6120 §4.9.1: rules of stream errors.

use super::{ANY_CONDITION, header};
use crate::case;
use crate::case::Case;
use crate::client::{HEADER, Item, Next};
use crate::ns;
use crate::subject::{Stage, Subject};

pub(super) const CASES: &[Case] = &[
    case!(Must, error_closes_the_stream_at_every_stage, ["4.9", "4.9.1", "4.9.1.1", "stream-error-generate"]),
    case!(Must, nothing_behind_an_error_is_processed, ["4.9.1.1", "11.3"]),
    case!(Must, error_of_the_client_closes_the_stream, ["4.9.1.1", "4.9.2", "4.9.3.21", "4.9.3.23"]),
    case!(Must, error_during_setup_follows_a_whole_header, ["4.9.1.2", "4.9.1"]),
    case!(Must, header_before_an_error_does_not_repeat_an_unknown_host, ["4.9.1.3"]),
    case!(Must, header_before_an_error_names_a_host_or_none, ["4.9.1.3"]),
    case!(Must, error_is_sent_on_the_stream_that_it_is_about, ["4.9.1.4", "4.9.1"]),
];

/// RFC 6120 §4.9.1.1: an error at the level of the stream is told, and then the stream is closed: the closing tag, the
/// end of the connection, nothing in between.
fn error_closes_the_stream_at_every_stage(subject: &Subject) {
    for stage in Stage::OPEN {
        let mut romeo = subject.at(stage, "romeo");
        romeo.notes(&format!("{stage:?}"));
        romeo.sends("<message><body>No closing tag!</message>");
        romeo.receives_stream_error_of(&["not-well-formed", "bad-format"]);
        let heard = romeo.heard();
        assert!(heard.trim_end().ends_with("stream>"), "something followed the closing tag: {heard}");
    }
}

/// RFC 6120 §4.9.1.1, §11.3: such errors are unrecoverable: what follows data that is not well-formed is no stanza any
/// more.
fn nothing_behind_an_error_is_processed(subject: &Subject) {
    let [mut romeo, mut juliet, mut nurse] = subject.login(["romeo/orchard", "juliet/balcony", "nurse/house"]);
    romeo.sends(
        "<message><body>No closing tag!</message>\
         <message to='$juliet/balcony' type='chat'><body>from beyond</body></message>",
    );
    romeo.receives_stream_error_of(&["not-well-formed", "bad-format"]);
    juliet.hears_nothing_from(&mut nurse);
}

/// RFC 6120 §4.9.1.1, §4.9.2: who receives a stream error closes the stream, too; a condition that it does not know
/// is to it as `undefined-condition`.
fn error_of_the_client_closes_the_stream(subject: &Subject) {
    for condition in ["unsupported-feature", "undefined-condition", "condition-of-the-future"] {
        for stage in [Stage::Clear, Stage::Bound] {
            let mut romeo = subject.at(stage, "romeo");
            romeo.notes(&format!("{stage:?}"));
            romeo.sends(format!(
                "<stream:error><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
                 <app-error xmlns='http://example.org/ns'/></stream:error></stream:stream>"
            ));
            romeo.receives_close();
            romeo.receives_end();
        }
    }
}

/// RFC 6120 §4.9.1.2: if the initial header itself is in error, a response header goes first, with everything that
/// belongs to one, then the error and the closing tag.
fn error_during_setup_follows_a_whole_header(subject: &Subject) {
    for (header, conditions) in [
        (header("to='$remote' version='1.0'"), ["host-unknown", "host-unknown"]),
        (HEADER.replace("etherx.jabber.org", "wrong.namespace.example.org"), ["invalid-namespace", "bad-format"]),
        (HEADER.replace("xml:lang='en'", "xml:lang='en' xml:lang='de'"), ["not-well-formed", "bad-format"]),
    ] {
        let mut romeo = subject.connect();
        romeo.sends_header(&header);
        romeo.receives_stream_error_of(&conditions);
        let answer = romeo.header();
        for name in ["from", "id", "xml:lang"] {
            assert!(answer.attribute(name).is_some(), "{name} is missing: {}", answer.root);
        }
        assert!(answer.root.is("stream", ns::STREAM), "{}", answer.root);
    }
}

/// RFC 6120 §4.9.1.3: where the host is unknown, `from` of the response header is not what the client has asked for.
fn header_before_an_error_does_not_repeat_an_unknown_host(subject: &Subject) {
    let remote = subject.expand("$remote");
    for to in ["$remote", "sub.$domain", "$domain.$remote", "romeo@$remote"] {
        let mut romeo = subject.connect();
        romeo.sends_header(&header(&format!("to='{to}' version='1.0'")));
        let from = romeo.receives_header().attribute("from").map(str::to_owned);
        let from = from.unwrap_or_else(|| panic!("{to}: from is missing"));
        assert!(!from.contains(&remote), "{to}: the response is from {from:?}");
        assert!(from != subject.expand(to), "{to}: the response is from {from:?}");
        match romeo.receives_next() {
            Next::Item(Item::Element(next)) => assert_eq!(next.name, "error", "{to}: {next}"),
            other => panic!("{to}: an error was due: {other:?}"),
        }
    }
}

/// RFC 6120 §4.9.1.3: where the host is unspecified or unknown and an error follows, `from` of the response header is a
/// domain of the server, or empty.
fn header_before_an_error_names_a_host_or_none(subject: &Subject) {
    let unknown = subject.expand("$remote");
    for to in ["", "to='$remote'", "to=''"] {
        let mut romeo = subject.connect();
        romeo.sends_header(&header(&format!("{to} version='1.0'")));
        let from = romeo.receives_header().attribute("from").map(str::to_owned);
        assert!(from.as_ref().is_some_and(|from| *from != unknown), "{to}: {from:?}");
        let next = romeo.receives_any();
        // To be liberal and take the stream for one to its only domain is allowed where there is no `to` (§4.7.2).
        if next.name == "error" {
            assert!(next.elements().any(|child| ANY_CONDITION.contains(&child.name.as_str())), "{next}");
            romeo.receives_close();
        } else {
            assert!(next.name == "features" && !to.contains("remote"), "{to}: {next}");
        }
    }
}

/// RFC 6120 §4.9.1.4: an error goes back over the connection that caused it; other streams, of the same account even,
/// hear nothing of it and go on.
fn error_is_sent_on_the_stream_that_it_is_about(subject: &Subject) {
    let mut orchard = subject.bound("romeo/orchard");
    let mut house = subject.bound("romeo/house");
    orchard.sends("<message><body>No closing tag!</message>");
    orchard.receives_stream_error_of(&["not-well-formed", "bad-format"]);
    house.settles();
}
