//! What is told of the streams that there are.

use std::time::Duration;

use jabiru_s2s::BackOff;
use jabiru_s2s::report::{
    Direction, ManagementReport, Method, PairReport, Proof, QueueReport, StreamReport, StreamState, TlsReport,
};
use tokio::net::TcpListener;

use crate::proxy::Proxy;
use crate::site::{Site, dialback_allowed, eventually, self_signed};

/// Waits until nothing else is listed any more: a connection that is closing is, for a moment.
async fn the_only_one(site: &Site) -> StreamReport {
    eventually(|| site.s2s.list().len() == 1, || format!("{:#?}", site.s2s.list())).await;
    site.s2s.list().remove(0)
}

/// Waits until one stream is listed that is like this.
async fn listed(site: &Site, like: impl Fn(&StreamReport) -> bool) -> StreamReport {
    let find = || site.s2s.list().into_iter().find(|stream| like(stream));
    eventually(|| find().is_some(), || format!("{:#?}", site.s2s.list())).await;
    find().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_established_stream_with_its_proofs() {
    let (a, b) = (Site::start("a.example"), Site::start("b.example"));
    a.knows(&[&b]);
    b.knows(&[&a]);
    let romeo = a.log_in("romeo@a.example/orchard").await;
    let juliet = b.log_in("juliet@b.example/balcony").await;
    romeo.says("juliet@b.example/balcony", 0).await;
    juliet.ids(1).await;
    juliet.says("romeo@a.example/orchard", 1).await;
    romeo.ids(1).await;
    // Both are acknowledged, and the last acknowledgement is on its way.
    let acknowledged = |stream: &StreamReport| {
        stream.queue == QueueReport::default()
            && stream.stream_management.is_some_and(|management| management.unacknowledged_stanzas == 0)
    };
    let outgoing = listed(&a, acknowledged).await;
    assert_eq!(the_only_one(&a).await.direction, Direction::Outgoing);
    let pair = |local: &str, remote: &str| PairReport {
        local: local.to_owned(),
        remote: remote.to_owned(),
        proofs: vec![Proof::Certificate],
        accepted_by: Some(Method::External),
    };
    let expected = StreamReport {
        direction: Direction::Outgoing,
        local: Some("a.example".to_owned()),
        remote: Some("b.example".to_owned()),
        state: StreamState::Established,
        pairs: vec![pair("a.example", "b.example")],
        address: Some(b.address),
        tls: Some(TlsReport { version: "1.3".to_owned(), direct: false }),
        bidirectional: true,
        stream_management: Some(ManagementReport {
            resumable: true,
            unacknowledged_stanzas: 0,
            unacknowledged_bytes: 0,
        }),
        stanzas_in: 1,
        stanzas_out: 1,
        queue: QueueReport::default(),
        age_seconds: outgoing.age_seconds,
        idle_seconds: outgoing.idle_seconds,
    };
    assert_eq!(outgoing, expected);

    let incoming = listed(&b, acknowledged).await;
    let expected = StreamReport {
        direction: Direction::Incoming,
        local: Some("b.example".to_owned()),
        remote: Some("a.example".to_owned()),
        pairs: vec![pair("b.example", "a.example")],
        address: incoming.address,
        age_seconds: incoming.age_seconds,
        idle_seconds: incoming.idle_seconds,
        ..expected
    };
    assert_eq!(incoming, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_by_dialback_in_both_directions() {
    let site = |name| {
        Site::with(name, |setup| {
            setup.identity = self_signed(name);
            setup.policy.rules = dialback_allowed();
            setup.policy.bidirectional = false;
        })
    };
    let (a, b) = (site("a.example"), site("b.example"));
    a.knows(&[&b]);
    b.knows(&[&a]);
    let romeo = a.log_in("romeo@a.example/orchard").await;
    let juliet = b.log_in("juliet@b.example/balcony").await;
    romeo.says("juliet@b.example/balcony", 0).await;
    juliet.ids(1).await;
    juliet.says("romeo@a.example/orchard", 1).await;
    romeo.ids(1).await;
    let is = |direction| {
        move |stream: &StreamReport| stream.direction == direction && stream.stanzas_in + stream.stanzas_out > 0
    };
    let (outgoing, incoming) = (listed(&a, is(Direction::Outgoing)).await, listed(&a, is(Direction::Incoming)).await);
    // By our rules, that the other side could be found is enough to send there, but proves nothing.
    assert_eq!((&outgoing.pairs[0].proofs[..], outgoing.pairs[0].accepted_by), (&[][..], Some(Method::Dialback)));
    assert_eq!((outgoing.stanzas_out, outgoing.stanzas_in), (1, 0));
    assert_eq!(incoming.pairs[0].proofs, [Proof::Dialback]);
    assert_eq!((incoming.stanzas_out, incoming.stanzas_in), (0, 1));
    assert!(!incoming.bidirectional && !outgoing.bidirectional);
}

#[tokio::test]
async fn a_domain_that_is_down_and_when_it_is_tried_again() {
    let a = Site::with("a.example", |setup| {
        setup.settings.back_off = BackOff { first: Duration::from_secs(60), longest: Duration::from_secs(60) };
    });
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    a.routes(&"b.example".parse().unwrap(), closed);
    let romeo = a.log_in("romeo@a.example/orchard").await;
    romeo.says("juliet@b.example/balcony", 0).await;
    let waiting = listed(&a, |stream| matches!(stream.state, StreamState::Waiting { .. })).await;
    let StreamState::Waiting { attempts, next_try_seconds, last_failure } = &waiting.state else { unreachable!() };
    assert_eq!(*attempts, 1);
    assert!((20..=60).contains(next_try_seconds), "{next_try_seconds}");
    assert!(last_failure.contains("connection refused"), "{last_failure}");
    assert_eq!((waiting.direction, waiting.address), (Direction::Outgoing, None));
    assert_eq!((waiting.local.as_deref(), waiting.remote.as_deref()), (Some("a.example"), Some("b.example")));
    the_only_one(&a).await;
}

#[tokio::test]
async fn a_stream_that_is_being_opened_and_what_waits_for_it() {
    let a = Site::start("a.example");
    // It accepts connections, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    a.routes(&"b.example".parse().unwrap(), silent.local_addr().unwrap());
    let romeo = a.log_in("romeo@a.example/orchard").await;
    romeo.says("juliet@b.example/balcony", 0).await;
    romeo.says("juliet@b.example/balcony", 1).await;
    let negotiating = listed(&a, |stream| stream.state == StreamState::Negotiating).await;
    assert_eq!((negotiating.queue.stanzas, negotiating.stanzas_out), (2, 0));
    assert!(negotiating.queue.bytes > 100, "{negotiating:?}");
    assert_eq!(negotiating.address, Some(silent.local_addr().unwrap()));
    assert_eq!((negotiating.pairs.len(), negotiating.pairs[0].accepted_by), (1, None));
    the_only_one(&a).await;
}

/// A link without a connection, between two attempts, and the other side's session that waits for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_broke_and_may_be_resumed() {
    let site = |name| {
        Site::with(name, |setup| {
            setup.policy.bidirectional = false;
            setup.settings.resumption = Duration::from_secs(100);
            setup.settings.back_off = BackOff { first: Duration::from_secs(8), longest: Duration::from_secs(8) };
        })
    };
    let (a, b) = (site("a.example"), site("b.example"));
    let proxy = Proxy::to(b.address).await;
    a.routes(&b.domain, proxy.address);
    let romeo = a.log_in("romeo@a.example/orchard").await;
    let juliet = b.log_in("juliet@b.example/balcony").await;
    romeo.says("juliet@b.example/balcony", 0).await;
    juliet.ids(1).await;
    listed(&a, |stream| stream.stream_management.is_some_and(|management| management.resumable)).await;
    // Connections to there are refused from now on.
    proxy.cut();
    drop(proxy);
    let suspended = listed(&b, |stream| matches!(stream.state, StreamState::Suspended { .. })).await;
    let StreamState::Suspended { seconds_left } = suspended.state else { unreachable!() };
    assert!((90..=100).contains(&seconds_left), "{seconds_left}");
    assert_eq!((suspended.direction, suspended.remote.as_deref()), (Direction::Incoming, Some("a.example")));
    assert!(suspended.stream_management.is_some_and(|management| management.resumable));
    the_only_one(&b).await;

    listed(&a, |stream| matches!(stream.state, StreamState::Waiting { .. })).await;
    romeo.says("juliet@b.example/balcony", 1).await;
    let waiting = listed(&a, |stream| matches!(stream.state, StreamState::Waiting { .. })).await;
    assert_eq!((waiting.queue.stanzas, waiting.address), (1, None));
    the_only_one(&a).await;
}

/// What nobody has asked for when it was sent is asked for soon, so that it is not in doubt when the stream breaks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_stanzas_are_confirmed_soon() {
    let (a, b) = (Site::start("a.example"), Site::start("b.example"));
    a.knows(&[&b]);
    b.knows(&[&a]);
    let romeo = a.log_in("romeo@a.example/orchard").await;
    let juliet = b.log_in("juliet@b.example/balcony").await;
    // The first of these opens the stream, so that the other direction is that of the answers, too.
    for (sender, receiver, site) in [(&romeo, &juliet, &a), (&juliet, &romeo, &b)] {
        let left = || -> usize {
            let list = site.s2s.list();
            list.iter().filter_map(|stream| stream.stream_management.as_ref()).map(|it| it.unacknowledged_stanzas).sum()
        };
        sender.says(receiver.jid.as_str(), 0).await;
        receiver.ids(1).await;
        eventually(|| left() == 0, || left().to_string()).await;
        for number in 1..4 {
            sender.says(receiver.jid.as_str(), number).await;
        }
        receiver.ids(4).await;
        let confirmed = eventually(|| left() == 0, || left().to_string());
        tokio::time::timeout(Duration::from_secs(10), confirmed).await.expect("they are asked for");
    }
}
