//! Bounds: how fast, and how many (RFC 6120 §13.12).

use std::time::{Duration, Instant};

use jabiru_c2s::{OnExcess, Rate, RateLimits};
use jabiru_net::{Admission, AdmissionLimits};
use jabiru_stanza::{Jid, StreamCondition};

use crate::client::{Client, bind, header, stream_error};
use crate::server::Server;

fn rate(on_excess: OnExcess) -> Server {
    Server::with(|setup| {
        setup.settings.rate = RateLimits {
            bytes: Some(Rate { per_second: 100_000, burst: 100_000 }),
            stanzas: Some(Rate { per_second: 500, burst: 200 }),
            on_excess,
        };
    })
}

/// Who is too fast waits, and gets everything; nobody else does.
#[test]
fn a_fast_client_is_read_more_slowly() {
    let server = rate(OnExcess::Slow);
    let mut juliet = server.log_in("juliet@im.example/balcony");
    for (what, count, padding) in [("stanzas", 1_000, 10), ("bytes", 30, 10_000)] {
        let mut romeo = server.log_in("romeo@im.example/orchard");
        let start = Instant::now();
        let padding = "x".repeat(padding);
        let request = |number| format!("<iq type='get' id='{what}-{number}'><q xmlns='urn:t'>{padding}</q></iq>");
        romeo.send(&(1..=count).map(request).collect::<String>());
        romeo.until(&format!("id='{what}-1'"));
        // The client is held back now, but what is for it arrives at once.
        let before = Instant::now();
        juliet.send("<message to='romeo@im.example/orchard'><body>in between</body></message>");
        romeo.until("in between");
        assert!(before.elapsed() < Duration::from_millis(500), "{what}: {:?}", before.elapsed());
        romeo.until(&format!("id='{what}-{count}'"));
        let took = start.elapsed();
        assert!(took > Duration::from_millis(700) && took < Duration::from_secs(8), "{what}: {took:?}");
        romeo.send("</stream:stream>");
        romeo.rest();
        server.await_streams(1);
    }
}

/// Who writes to many is refused what is for one too many; whom it knows it still reaches, and others do not notice.
#[test]
fn recipients_are_limited() {
    let server = Server::with(|setup| setup.settings.recipients_per_minute = Some(5));
    let mut juliet = server.log_in("juliet@im.example/balcony");
    let mut romeo = server.log_in("romeo@im.example/orchard");
    let mut other = server.log_in("romeo@im.example/house");
    let message = |to: &str, id: &str| format!("<message to='{to}' id='{id}'><body>hi</body></message>");
    romeo.send(&message("juliet@im.example/balcony", "first"));
    for number in 0..4 {
        romeo.send(&message(&format!("n{number}@im.example"), "x"));
        romeo.until("</message>");
    }
    romeo.send(&message("n5@im.example", "many"));
    let refusal = romeo.until("</message>");
    for part in [
        "id='many'",
        "from='n5@im.example'",
        "type='wait'",
        "<policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>",
        "<too-many-stanzas xmlns='urn:xmpp:errors'/>",
    ] {
        assert!(refusal.contains(part), "{part} {refusal}");
    }
    romeo.send(&message("juliet@im.example/balcony", "last"));
    romeo.sync("still-here");
    other.send(&message("juliet@im.example/balcony", "other"));
    let heard = juliet.until("id='other'");
    assert!(heard.contains("id='first'") && heard.contains("id='last'"), "{heard}");
}

/// An order to end does not wait until a client that is held back may be read again.
#[test]
fn a_client_that_is_held_back_can_be_ended() {
    let server = Server::with(|setup| {
        setup.settings.rate = RateLimits { stanzas: Some(Rate { per_second: 1, burst: 1 }), ..RateLimits::NONE };
    });
    let mut romeo = server.log_in("romeo@im.example/orchard");
    romeo.send(&"<iq type='get' id='x'><sync xmlns='urn:test'/></iq>".repeat(100));
    for _ in 0..100 {
        romeo.until("</iq>");
    }
    let before = Instant::now();
    let who = Jid::new("romeo@im.example").unwrap();
    assert_eq!(server.runtime.block_on(server.c2s.kick(&who, StreamCondition::Reset.into())), 1);
    assert_eq!(stream_error(&romeo.rest()).0, "reset");
    assert!(before.elapsed() < Duration::from_secs(2));
}

#[test]
fn a_fast_client_can_be_closed() {
    let server = rate(OnExcess::Close);
    let mut romeo = server.log_in("romeo@im.example/orchard");
    romeo.send(&"<iq type='get' id='x'><sync xmlns='urn:test'/></iq>".repeat(201));
    let rest = romeo.rest();
    assert_eq!(stream_error(&rest[rest.find("<stream:error>").unwrap()..]).0, "policy-violation");
    // Before authentication it is the octets that count, whitespace included.
    let mut client = Client::connect(server.address);
    client.open("im.example");
    client.send(&" ".repeat(101_000));
    assert_eq!(stream_error(&client.rest()).0, "policy-violation");
}

/// §4.9.3.17: who is one too many is told so on a stream.
#[test]
fn connections_over_a_bound_are_told() {
    let bounds = AdmissionLimits { unauthenticated: 2, refusals: 8, ..AdmissionLimits::new(3, 3) };
    let server = Server::with(|setup| setup.admission = Admission::with_limits(bounds));
    let refused = |text: &str| {
        let mut client = Client::connect(server.address);
        client.send(&header("im.example"));
        let rest = client.rest();
        assert!(
            rest.starts_with("<?xml version='1.0'?><stream:stream ") && rest.contains(" from='im.example'"),
            "{rest}"
        );
        let (condition, more) = stream_error(&rest);
        assert!(condition == "resource-constraint" && more.contains(text), "{rest}");
    };
    let _first = server.log_in("romeo@im.example/1");
    let mut second = Client::connect(server.address);
    second.open("im.example");
    let _third = Client::connect(server.address);
    server.await_streams(3);
    refused("too many connections");
    drop(_first);
    server.await_streams(2);
    refused("not authenticated");
    // With the second authenticated, there is room for one more.
    server.add(&["juliet@im.example"]);
    assert_eq!(second.authenticate("juliet", "secret"), None);
    second.open("im.example");
    second.send(&bind("balcony"));
    second.until("</iq>");
    let mut fourth = Client::connect(server.address);
    fourth.open("im.example");
}

/// §7.6.2.1
#[test]
fn streams_of_an_account_are_bounded() {
    let server = Server::with(|setup| setup.settings.resources_per_account = 2);
    let mut first = server.log_in("romeo@im.example/1");
    let _second = server.log_in("romeo@im.example/2");
    let mut third = Client::connect(server.address);
    third.open("im.example");
    assert_eq!(third.authenticate("romeo", "secret"), None);
    third.open("im.example");
    third.send(&bind("3"));
    assert!(third.until("</iq>").contains("<resource-constraint "));
    first.send("</stream:stream>");
    first.rest();
    server.await_streams(2);
    third.send(&bind("3"));
    assert!(third.until("</iq>").contains("romeo@im.example/3</jid>"));
}

/// Streams of nobody in particular are bounded altogether, and follow no account.
#[test]
fn anonymous_streams_are_bounded() {
    let server = Server::with(|setup| setup.settings.anonymous_streams = 1).watching();
    let anonymous = || {
        let mut client = Client::connect(server.address);
        client.open("im.example");
        client.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'>=</auth>");
        assert_eq!(client.outcome(), None);
        client.open("im.example");
        client.send(&bind("mask"));
        let answer = client.until("</iq>");
        (client, answer)
    };
    let (mut first, answer) = anonymous();
    assert!(answer.contains("@im.example/mask</jid>"), "{answer}");
    let (mut second, answer) = anonymous();
    assert!(answer.contains("<resource-constraint "), "{answer}");
    first.sync("still-here");
    drop(first);
    server.await_streams(1);
    second.send(&bind("mask"));
    assert!(second.until("</iq>").contains("@im.example/mask</jid>"));
}
