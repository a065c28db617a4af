//! Stanzas between two servers, by every way of proof.

use crate::site::{Site, assert_counted, dialback_allowed, self_signed};

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
    let site = |name| {
        Site::with(name, |setup| {
            setup.identity = self_signed(name);
            setup.policy.rules = dialback_allowed();
        })
    };
    talk(&site("a.example"), &site("b.example"), 200).await;
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
        let site = |name| {
            Site::with(name, |setup| {
                if dialback {
                    setup.identity = self_signed(name);
                    setup.policy.rules = dialback_allowed();
                }
            })
        };
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
