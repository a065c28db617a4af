//! RFC 6120 §4.6: silent peers.

use std::net::Shutdown;
use std::time::Instant;

use crate::case;
use crate::case::{Case, Need};
use crate::client::{Item, Next};
use crate::subject::Subject;
use crate::tree::Element;

pub(super) const CASES: &[Case] = &[
    case!(Must, white_space_keeps_a_stream_alive, ["4.6", "4.6.1", "11.7"]),
    case!(Must, end_of_tcp_ends_the_stream, ["4.6.1"]),
    case!(Should, client_that_does_not_answer_is_ended, ["4.6", "4.6.2", "4.9.3.4"], needs[Need::ShortTimeouts]),
    case!(Should, idle_client_that_answers_is_kept, ["4.6", "4.6.3", "4.9.3.4"], needs[Need::ShortTimeouts]),
    case!(Should, client_that_has_just_spoken_is_not_checked, ["4.6.4"]),
];

/// RFC 6120 §4.6.1, §11.7: a space between stanzas is allowed, changes nothing and gets no answer.
fn white_space_keeps_a_stream_alive(subject: &Subject) {
    let mut romeo = subject.bound("romeo/orchard");
    for _ in 0..20 {
        romeo.sends(" ");
    }
    romeo.sends("\n\r\t ");
    romeo.settles();
}

/// RFC 6120 §4.6.1: if the TCP connection is dead, it is simply terminated; the resource is no longer there.
fn end_of_tcp_ends_the_stream(subject: &Subject) {
    let [mut juliet, mut romeo] = subject.login(["juliet/balcony", "romeo/orchard"]);
    romeo.socket().shutdown(Shutdown::Write).expect("the socket is open");
    loop {
        match romeo.receives_next() {
            Next::End(_) => break,
            Next::Item(Item::Close | Item::Space) => {}
            // Not fatal: an error tells the client what it knows already.
            Next::Item(Item::Element(element)) => assert_eq!(element.name, "error", "{element}"),
            other => panic!("the end of the connection was due: {other:?}"),
        }
    }
    juliet.sends("<iq to='$romeo/orchard' type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>");
    // RFC 6121 §8.5.3.2.3: no such resource any more.
    let answer = juliet.receives("<iq from='$romeo/orchard' to='$juliet/balcony' type='error' id='1'>...</iq>");
    assert!(answer.elements().any(|child| child.name == "error"), "{answer}");
}

/// RFC 6120 §4.6.2, §4.9.3.4: a client that responds to nothing has broken its stream, which is closed with
/// `connection-timeout`.
fn client_that_does_not_answer_is_ended(subject: &Subject) {
    let mut romeo = subject.bound("romeo/orchard");
    romeo.waits(Some(subject.seconds(20.0)));
    let error = loop {
        let element = romeo.receives_any();
        // Whatever checks the stream stays without an answer.
        if element.name == "error" {
            break element;
        }
    };
    let condition = error.elements().next().map(|condition| condition.name.clone());
    assert_eq!(condition.as_deref(), Some("connection-timeout"), "{error}");
    romeo.receives_close();
    romeo.sends("</stream:stream>");
    romeo.receives_end();
}

/// RFC 6120 §4.6.3, §4.9.3.4: a client that sends nothing of its own, but responds to what checks it, is idle and not
/// gone; `connection-timeout` is not for it.
fn idle_client_that_answers_is_kept(subject: &Subject) {
    let mut romeo = subject.bound("romeo/orchard");
    let end = Instant::now() + subject.seconds(5.0);
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        match romeo.receives_next_within(left) {
            Next::Item(Item::Element(element)) => answer(&mut romeo, &element),
            Next::Item(Item::Space) | Next::Nothing => {}
            other => panic!("an idle client was sent away: {other:?}"),
        }
    }
    romeo.settles();
}

/// RFC 6120 §4.6.4: checks cost the network something; one more often than every five minutes is too much.
fn client_that_has_just_spoken_is_not_checked(subject: &Subject) {
    let mut romeo = subject.bound("romeo/orchard");
    for _ in 0..10 {
        // Nothing but the answer comes, so no check does.
        romeo.settles();
    }
}

/// Answers what a server may ask of a client.
#[track_caller]
fn answer(client: &mut crate::client::Client, element: &Element) {
    assert_eq!((element.name.as_str(), element.attribute("type")), ("iq", Some("get")), "no request: {element}");
    let id = element.attribute("id").unwrap_or_default();
    let to = element.attribute("from").map(|from| format!(" to='{from}'")).unwrap_or_default();
    client.sends(format!("<iq type='result' id='{id}'{to}/>"));
}
