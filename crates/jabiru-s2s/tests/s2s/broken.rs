//! Streams that break, and servers that go and come again.

use std::time::Duration;

use jabiru_net::{Admission, ClientCertificates, Listener, TlsSettings};
use jabiru_s2s::Transport;

use crate::proxy::Proxy;
use crate::site::{Resource, Site, assert_counted, authority, eventually};

/// Both directions go through a relay that is cut again and again.
async fn two_that_are_cut(change: impl Fn(&mut crate::site::Setup) + Copy) -> (Site, Site, Proxy, Proxy) {
    let (a, b) = (Site::with("a.example", change), Site::with("b.example", change));
    let (to_a, to_b) = (Proxy::to(a.address).await, Proxy::to(b.address).await);
    a.routes(&b.domain, to_b.address);
    b.routes(&a.domain, to_a.address);
    (a, b, to_a, to_b)
}

async fn log_in_both(a: &Site, b: &Site) -> (Resource, Resource) {
    (a.log_in("romeo@a.example/orchard").await, b.log_in("juliet@b.example/balcony").await)
}

/// XEP-0198 §5: nothing is lost and nothing comes twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_is_cut_is_resumed_without_loss() {
    const COUNT: usize = 2000;
    for bidirectional in [false, true] {
        let (a, b, to_a, to_b) = two_that_are_cut(|setup| setup.policy.bidirectional = bidirectional).await;
        let (romeo, juliet) = log_in_both(&a, &b).await;
        for number in 0..COUNT {
            if number == 1 {
                // Whoever can't be reached in the first place is not waited for.
                juliet.ids(1).await;
                romeo.ids(1).await;
            }
            romeo.says("juliet@b.example/balcony", number).await;
            juliet.says("romeo@a.example/orchard", number).await;
            if number % 300 == 299 {
                // In the middle of what is on its way.
                tokio::time::sleep(Duration::from_millis(10)).await;
                to_a.cut();
                to_b.cut();
            }
        }
        assert_counted(&juliet.ids(COUNT).await, COUNT);
        assert_counted(&romeo.ids(COUNT).await, COUNT);
        assert!(romeo.sink.take().iter().all(|stanza| !stanza.is_response()), "no error came");
    }
}

/// Without stream management whoever sent what may be lost hears of it, in order; nothing vanishes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_management_each_lost_stanza_is_an_error() {
    const COUNT: usize = 1000;
    let (a, b, _to_a, to_b) = two_that_are_cut(|setup| {
        setup.policy.bidirectional = false;
        setup.policy.stream_management = false;
    })
    .await;
    let (romeo, juliet) = log_in_both(&a, &b).await;
    for number in 0..COUNT {
        if number == 1 {
            juliet.ids(1).await;
        }
        romeo.says("juliet@b.example/balcony", number).await;
        if number % 300 == 299 {
            tokio::time::sleep(Duration::from_millis(10)).await;
            to_b.cut();
        }
    }
    // What arrived and what came back, together: everything.
    let all = || {
        let mut ids = juliet.sink.ids();
        ids.extend(romeo.sink.ids());
        ids.sort_by_key(|id| id.parse::<usize>().unwrap_or(usize::MAX));
        ids.dedup();
        ids
    };
    eventually(|| all().len() >= COUNT, || format!("{} are missing", COUNT - all().len())).await;
    assert_counted(&all(), COUNT);
    for ids in [juliet.sink.ids(), romeo.sink.ids()] {
        let in_order: Vec<usize> = ids.iter().map(|id| id.parse().unwrap()).collect();
        assert!(in_order.is_sorted(), "{in_order:?}");
    }
}

/// A server that shuts down says how far it is; what it did not handle is sent to its successor. That includes what comes
/// for accounts that are not there any more because the server ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_loses_nothing() {
    for bidirectional in [false, true] {
        restart(bidirectional).await;
    }
}

async fn restart(bidirectional: bool) {
    const COUNT: usize = 1000;
    let change = |setup: &mut crate::site::Setup| setup.policy.bidirectional = bidirectional;
    let a = Site::with("a.example", change);
    let mut first = Site::with("b.example", change);
    a.knows(&[&first]);
    first.knows(&[&a]);
    let romeo = a.log_in("romeo@a.example/orchard").await;
    let before = first.log_in("juliet@b.example/balcony").await;
    let sending = async {
        for number in 0..COUNT {
            romeo.says("juliet@b.example/balcony", number).await;
            if number % 5 == 4 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    };
    let restarting = async {
        before.ids(100).await;
        let address = first.address;
        first.stop_listening();
        first.s2s.take_no_more();
        before.log_out().await;
        // Accounts may take some time to go.
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(first.s2s.shut_down(Duration::from_secs(5)).await, 0, "all streams have ended");
        drop(first);
        // As a program that starts again: the same address, and nothing in memory.
        let mut second = Site::with("b.example", change);
        let after = second.log_in("juliet@b.example/balcony").await;
        let identities = vec![("b.example".to_owned(), authority().identity(&["b.example"]))];
        let tls = TlsSettings::new(identities, None).unwrap();
        tls.set_client_certificates(ClientCertificates::OfServers);
        let listener = loop {
            match Listener::bind(address, Admission::new(100, 100)) {
                Ok(listener) => break listener,
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        };
        second.serve(listener, Transport::StartTls(tls));
        (second, after)
    };
    let ((), (_second, after)) = tokio::join!(sending, restarting);
    let arrived = || {
        let mut ids = before.sink.ids();
        ids.extend(after.sink.ids());
        ids
    };
    eventually(|| arrived().len() >= COUNT, || format!("{} arrived, {}", arrived().len(), romeo.errors())).await;
    assert_counted(&arrived(), COUNT);
    assert_eq!(romeo.errors(), "0 errors: None … None", "bidirectional: {bidirectional}");
}

/// Streams that this server ends are heard out first: nothing that arrived is told to be lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_that_are_closed_under_traffic_lose_nothing() {
    const COUNT: usize = 1000;
    for (bidirectional, stream_management) in [(false, true), (true, true)] {
        let site = |name| {
            Site::with(name, |setup| {
                setup.policy.bidirectional = bidirectional;
                setup.policy.stream_management = stream_management;
            })
        };
        let (a, b) = (site("a.example"), site("b.example"));
        a.knows(&[&b]);
        b.knows(&[&a]);
        let (romeo, juliet) = log_in_both(&a, &b).await;
        for number in 0..COUNT {
            romeo.says("juliet@b.example/balcony", number).await;
            if number % 200 == 199 {
                tokio::time::sleep(Duration::from_millis(10)).await;
                a.s2s.close(&b.domain);
            }
        }
        let arrived = || juliet.sink.ids().len();
        eventually(|| arrived() >= COUNT, || format!("{} arrived, {}", arrived(), romeo.errors())).await;
        assert_counted(&juliet.sink.ids(), COUNT);
        assert_eq!(romeo.errors(), "0 errors: None … None", "bidirectional: {bidirectional}");
    }
}

/// What waits for a stream that is being opened is sent before the server goes, even if the other side has to ask back
/// first, over a stream of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_ends_sends_what_waits() {
    const COUNT: usize = 20;
    for dialback in [false, true] {
        let site = if dialback { Site::by_dialback } else { Site::start };
        let (a, b) = (site("a.example"), site("b.example"));
        a.knows(&[&b]);
        b.knows(&[&a]);
        let (romeo, juliet) = log_in_both(&a, &b).await;
        for number in 0..COUNT {
            romeo.says("juliet@b.example/balcony", number).await;
        }
        assert_eq!(a.s2s.shut_down(Duration::from_secs(5)).await, 0);
        assert_counted(&juliet.ids(COUNT).await, COUNT);
    }
}
