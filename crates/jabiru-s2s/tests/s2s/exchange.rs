//! Stanzas between two servers, by every way of proof.

use std::time::{Duration, Instant};

use jabiru_net::rate::{OnExcess, Rate, RateLimits};

use crate::site::{Setup, Site, assert_counted};

/// Both log in somebody, and both say so many things.
async fn talk(a: &Site, b: &Site, count: usize) {
    a.knows(&[b]);
    b.knows(&[a]);
    let romeo = a.log_in(&format!("romeo@{}/orchard", a.domain)).await;
    let juliet = b.log_in(&format!("juliet@{}/balcony", b.domain)).await;
    for number in 0..count {
        romeo.says(juliet.jid.as_str(), number).await;
        juliet.says(romeo.jid.as_str(), number).await;
    }
    assert_counted(&juliet.ids(count).await, count);
    assert_counted(&romeo.ids(count).await, count);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_certificate_over_starttls() {
    talk(&Site::start("a.example"), &Site::start("b.example"), 200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_certificate_over_direct_tls() {
    let site = |name| Site::with(name, |setup| setup.direct_tls = true);
    talk(&site("a.example"), &site("b.example"), 200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_dialback() {
    talk(&Site::by_dialback("a.example"), &Site::by_dialback("b.example"), 200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_bidirectional_streams_and_without_management() {
    for (bidirectional, stream_management) in [(false, true), (true, false), (false, false)] {
        let site = |name| {
            Site::with(name, |setup| {
                setup.policy.bidirectional = bidirectional;
                setup.policy.stream_management = stream_management;
            })
        };
        talk(&site("a.example"), &site("b.example"), 200).await;
    }
}

/// RFC 6120 §13.12: the tight bounds are for those who have proved nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_stanzas_arrive() {
    for dialback in [false, true] {
        let site = if dialback { Site::by_dialback } else { Site::start };
        let (a, b) = (site("a.example"), site("b.example"));
        a.knows(&[&b]);
        b.knows(&[&a]);
        let romeo = a.log_in("romeo@a.example/orchard").await;
        let juliet = b.log_in("juliet@b.example/balcony").await;
        let body = "x".repeat(100_000);
        let message = |to: &str| format!("<message to='{to}' id='0'><body>{body}</body></message>");
        romeo.send(&message("juliet@b.example/balcony")).await;
        assert_counted(&juliet.ids(1).await, 1);
        juliet.send(&message("romeo@a.example/orchard")).await;
        assert_counted(&romeo.ids(1).await, 1);
        assert!(romeo.sink.take().iter().chain(&juliet.sink.take()).all(|stanza| !stanza.is_response()));
    }
}

/// No more than one stanza in a tenth of a second.
fn measured(on_excess: OnExcess) -> impl Fn(&mut Setup) {
    move |setup| {
        let stanzas = Some(Rate { per_second: 10, burst: 1 });
        setup.settings.rate = RateLimits { stanzas, on_excess, bytes: None };
        setup.policy.stream_management = false;
    }
}

/// RFC 6120 §13.12: in either direction of a stream.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_too_fast_is_read_more_slowly() {
    for bidirectional in [true, false] {
        let change = measured(OnExcess::Slow);
        let site = |name| {
            Site::with(name, |setup| {
                change(setup);
                setup.policy.bidirectional = bidirectional;
            })
        };
        let (a, b) = (site("a.example"), site("b.example"));
        a.knows(&[&b]);
        b.knows(&[&a]);
        let romeo = a.log_in("romeo@a.example/orchard").await;
        let juliet = b.log_in("juliet@b.example/balcony").await;
        for (sender, receiver) in [(&romeo, &juliet), (&juliet, &romeo)] {
            let start = Instant::now();
            for number in 0..10 {
                sender.says(receiver.jid.as_str(), number).await;
                // Each in a piece of its own: a piece that was read is handled.
                receiver.ids(number + 1).await;
            }
            assert_counted(&receiver.ids(10).await, 10);
            assert!(start.elapsed() >= Duration::from_millis(700), "{:?}", start.elapsed());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_too_fast_is_sent_away_where_that_is_wanted() {
    let (a, b) = (Site::start("a.example"), Site::with("b.example", |setup| measured(OnExcess::Close)(setup)));
    a.knows(&[&b]);
    b.knows(&[&a]);
    let romeo = a.log_in("romeo@a.example/orchard").await;
    let juliet = b.log_in("juliet@b.example/balcony").await;
    for number in 0..100 {
        romeo.says(juliet.jid.as_str(), number).await;
    }
    crate::site::eventually(|| romeo.errors().contains("too much in too short a time"), || romeo.errors()).await;
}
