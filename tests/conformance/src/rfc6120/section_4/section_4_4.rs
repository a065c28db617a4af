//! RFC 6120 §4.4: closing a stream.

use std::time::Instant;

use crate::case;
use crate::case::{Case, Need};
use crate::client::{Item, Next};
use crate::subject::{Stage, Subject};

pub(super) const CASES: &[Case] = &[
    case!(Must, closing_tag_is_answered_at_every_stage, ["4.4"]),
    case!(Must, nothing_follows_the_closing_tag, ["4.4"]),
    case!(Must, what_came_before_the_closing_tag_is_processed, ["4.4", "4.5"]),
    case!(Should, requests_before_the_closing_tag_are_answered, ["4.4", "4.5"]),
    case!(Must, tls_ends_with_close_notify_after_an_error, ["4.4"]),
    case!(Should, tls_ends_with_close_notify_after_a_closing_tag, ["4.4"]),
    case!(Must, closed_stream_does_not_wait_for_ever, ["4.4"], needs[Need::ShortTimeouts]),
    case!(May, closing_tag_may_come_in_the_same_breath_as_the_end_of_tcp, ["4.4", "4.5"]),
];

/// RFC 6120 §4.4: a stream is closed by `</stream>` in either direction; then the TCP connection ends.
fn closing_tag_is_answered_at_every_stage(subject: &Subject) {
    for stage in Stage::OPEN {
        let mut romeo = subject.at(stage, "romeo");
        romeo.notes(&format!("{stage:?}"));
        romeo.closes();
    }
}

/// RFC 6120 §4.4: whoever has sent the closing tag sends nothing more over its stream.
fn nothing_follows_the_closing_tag(subject: &Subject) {
    for stage in Stage::OPEN {
        let mut romeo = subject.at(stage, "romeo");
        romeo.notes(&format!("{stage:?}"));
        romeo.closes();
        let heard = romeo.heard();
        assert!(heard.trim_end().ends_with("stream>"), "something followed the closing tag: {heard}");
    }
}

/// RFC 6120 §4.4: data that was sent before the closing tag is processed, all of it and in order.
fn what_came_before_the_closing_tag_is_processed(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    let messages: String = (1..=20)
        .map(|id| format!("<message to='$juliet/balcony' id='{id}' type='chat'><body>quick</body></message>"))
        .collect();
    romeo.sends(format!("{messages}</stream:stream>"));
    for id in 1..=20 {
        juliet.receives(format!(
            "<message from='$romeo/orchard' to='$juliet/balcony' id='{id}' type='chat'><body>quick</body></message>"
        ));
    }
}

/// RFC 6120 §4.4: the wait for the other closing tag gives time to finish transmitting; so what is due to the closing
/// entity comes before that tag.
fn requests_before_the_closing_tag_are_answered(subject: &Subject) {
    let mut romeo = subject.bound("romeo/orchard");
    let requests: String = (1..=20)
        .map(|id| format!("<iq to='$domain' type='get' id='{id}'><ping xmlns='urn:xmpp:ping'/></iq>"))
        .collect();
    romeo.sends(format!("{requests}</stream:stream>"));
    let mut open: Vec<String> = (1..=20).map(|id| id.to_string()).collect();
    while !open.is_empty() {
        let answer = romeo.receives_any();
        let place = open.iter().position(|id| answer.attribute("id") == Some(id));
        open.remove(place.unwrap_or_else(|| panic!("no answer that is open: {answer}")));
    }
    romeo.receives_close();
    romeo.receives_end();
}

/// RFC 6120 §4.4, security warning: the party that closes the stream sends close_notify before it ends TCP.
fn tls_ends_with_close_notify_after_an_error(subject: &Subject) {
    for stage in [Stage::Secure, Stage::Authenticated, Stage::Bound] {
        let mut romeo = subject.at(stage, "romeo");
        romeo.notes(&format!("{stage:?}"));
        romeo.sends("<message><body>No closing tag!</message>");
        romeo.receives_stream_error_of(&["not-well-formed", "bad-format"]);
        assert!(romeo.tls().is_none(), "TCP ended without close_notify at {stage:?}");
    }
}

/// RFC 6120 §4.4, security warning: so does the party that answers a closing tag with its own.
fn tls_ends_with_close_notify_after_a_closing_tag(subject: &Subject) {
    for stage in [Stage::Secure, Stage::Authenticated, Stage::Bound] {
        let mut romeo = subject.at(stage, "romeo");
        romeo.notes(&format!("{stage:?}"));
        romeo.closes();
        assert!(romeo.tls().is_none(), "TCP ended without close_notify at {stage:?}");
    }
}

/// RFC 6120 §4.4: if the other party does not send its closing tag within a reasonable time, the TCP connection is
/// terminated all the same.
fn closed_stream_does_not_wait_for_ever(subject: &Subject) {
    let mut romeo = subject.bound("romeo/orchard");
    romeo.waits(Some(subject.seconds(15.0)));
    romeo.sends("<message><body>No closing tag!</message>");
    romeo.receives_any();
    romeo.receives_close();
    let start = Instant::now();
    // We neither close our stream nor our half of the connection.
    romeo.receives_end();
    romeo.notes(&format!("it took {:.1} s", start.elapsed().as_secs_f64()));
}

/// RFC 6120 §4.4, §4.5: a client that has ended its direction, stream and TCP alike, can still get the server's closing
/// tag. It should have waited for it, so no server need take the pains.
fn closing_tag_may_come_in_the_same_breath_as_the_end_of_tcp(subject: &Subject) {
    for stage in Stage::OPEN {
        let mut romeo = subject.at(stage, "romeo");
        romeo.notes(&format!("{stage:?}"));
        romeo.sends("</stream:stream>").hangs_up();
        match romeo.receives_next() {
            Next::Item(Item::Close) => {}
            other => panic!("the closing tag was due: {other:?}"),
        }
        romeo.receives_end();
    }
}
