//! Reaching servers, on addresses of the loopback interface.

#![allow(clippy::unwrap_used, reason = "it is all test code")]

mod support;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use jabiru_router::RemoteError;
use jabiru_s2s::connect::{AttemptError, ConnectError, ConnectLimits, Connected, Connector};
use jabiru_s2s::resolve::{Resolver, ResolverSettings};
use jabiru_stanza::DomainPart;
use support::dns::{DnsServer, Mischief, Zone, a, aaaa, srv};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

const LIMITS: ConnectLimits = ConnectLimits {
    attempt_delay: Duration::from_millis(100),
    priority_delay: Duration::from_millis(300),
    attempt_timeout: Duration::from_secs(2),
    total_timeout: Duration::from_secs(20),
    max_addresses: 8,
    max_attempts: 32,
};

/// A machine that accepts connections; its port is free on the other addresses.
async fn alive(address: &str) -> (TcpListener, u16) {
    let listener = TcpListener::bind(format!("{address}:0")).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// A machine that does not answer: its queue is full, so the system drops what comes.
struct Dead {
    _listener: TcpListener,
    _queue: Vec<TcpStream>,
}

impl Dead {
    async fn at(address: &str, port: u16) -> Dead {
        let address: SocketAddr = format!("{address}:{port}").parse().unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(address).unwrap();
        let listener = socket.listen(0).unwrap();
        let mut queue = Vec::new();
        while let Ok(connected) = tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
            queue.push(connected.unwrap());
            assert!(queue.len() < 100, "the queue has no end");
        }
        Dead { _listener: listener, _queue: queue }
    }
}

/// What was tried, in lines without timings.
#[derive(Default)]
struct Log(Vec<String>);

impl Log {
    async fn next(&mut self, connector: &mut Connector) -> Result<Connected, ConnectError> {
        let lines = &mut self.0;
        connector
            .next(&mut |step| {
                let line = step.to_string();
                lines.push(line.rsplit_once(" (").map_or(line.clone(), |(step, _)| step.to_owned()));
            })
            .await
    }
}

async fn connector(zone: Zone, limits: ConnectLimits) -> (DnsServer, Connector) {
    let server = DnsServer::start(vec![zone]).await;
    let settings = ResolverSettings {
        nameservers: vec![server.address()],
        timeout: Duration::from_millis(500),
        lookup_timeout: Duration::from_secs(1),
        ..ResolverSettings::default()
    };
    let resolver = Resolver::new(settings).unwrap();
    let found = resolver.find(&DomainPart::new("im.test").unwrap()).await.unwrap();
    (server, Connector::new(resolver, &found, limits))
}

fn one_target(port: u16, addresses: &[&str]) -> Zone {
    let mut zone = Zone::unsigned("test").with("_xmpp-server._tcp.im.test", 60, srv(0, 0, port, "host.test"));
    for address in addresses {
        let record = if address.contains(':') { aaaa(address) } else { a(address) };
        zone = zone.with("host.test", 60, record);
    }
    zone
}

#[tokio::test]
async fn a_dead_address_costs_the_delay_and_no_more() {
    let (_listener, port) = alive("127.0.0.12").await;
    let _dead = Dead::at("127.0.0.11", port).await;
    let (_server, mut connector) = connector(one_target(port, &["127.0.0.11", "127.0.0.12"]), LIMITS).await;
    let (mut log, begun) = (Log::default(), Instant::now());
    let connected = log.next(&mut connector).await.unwrap();
    assert_eq!(connected.address, format!("127.0.0.12:{port}").parse().unwrap());
    assert_eq!(connected.socket.peer_addr().unwrap(), connected.address);
    let elapsed = begun.elapsed();
    assert!((100..1900).contains(&elapsed.as_millis()), "{elapsed:?}: {:?}", log.0);
    let target = format!("host.test:{port}");
    assert_eq!(
        log.0,
        [
            format!("{target} has the addresses 127.0.0.11, 127.0.0.12"),
            format!("{target}: trying 127.0.0.11:{port}"),
            format!("{target}: trying 127.0.0.12:{port}"),
            format!("{target}: connected to 127.0.0.12:{port}"),
        ]
    );
}

#[tokio::test]
async fn a_refused_address_costs_nothing() {
    let (_listener, port) = alive("127.0.0.14").await;
    let slow = ConnectLimits { attempt_delay: Duration::from_secs(15), ..LIMITS };
    let (_server, mut connector) = connector(one_target(port, &["127.0.0.13", "127.0.0.14"]), slow).await;
    let (mut log, begun) = (Log::default(), Instant::now());
    assert!(log.next(&mut connector).await.is_ok());
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}: {:?}", begun.elapsed(), log.0);
    assert!(log.0.contains(&format!("host.test:{port}: 127.0.0.13:{port}: connection refused")), "{:?}", log.0);
}

/// The machine announces an IPv6 address, but there is no way to it.
#[tokio::test]
async fn broken_ipv6_does_no_harm() {
    let (_listener, port) = alive("127.0.0.15").await;
    // RFC 6666: nothing is ever behind this prefix.
    let (_server, mut connector) = connector(one_target(port, &["100::1", "127.0.0.15"]), LIMITS).await;
    let (mut log, begun) = (Log::default(), Instant::now());
    let connected = log.next(&mut connector).await.unwrap();
    assert!(connected.address.is_ipv4());
    assert!(begun.elapsed() < LIMITS.attempt_timeout, "{:?}: {:?}", begun.elapsed(), log.0);
    assert_eq!(log.0[1], format!("host.test:{port}: trying [100::1]:{port}"));
}

/// The first target can't be reached, its backup can; afterwards there is nothing left.
#[tokio::test]
async fn a_backup_is_used_when_the_first_target_is_dead() {
    let (_listener, port) = alive("127.0.0.18").await;
    let _dead = Dead::at("127.0.0.17", port).await;
    let zone = Zone::unsigned("test")
        .with("_xmpp-server._tcp.im.test", 60, srv(0, 0, port, "first.test"))
        .with("_xmpp-server._tcp.im.test", 60, srv(1, 0, port, "missing.test"))
        .with("_xmpps-server._tcp.im.test", 60, srv(2, 0, port, "backup.test"))
        .with("first.test", 60, a("127.0.0.17"))
        .with("backup.test", 60, a("127.0.0.18"));
    let (_server, mut connector) = connector(zone, LIMITS).await;
    let (mut log, begun) = (Log::default(), Instant::now());
    let connected = log.next(&mut connector).await.unwrap();
    assert_eq!(connected.target.to_string(), format!("backup.test:{port} (direct TLS)"));
    assert!(begun.elapsed() >= LIMITS.priority_delay, "{:?}", begun.elapsed());

    // What was under way for the first target goes on, and comes to nothing.
    let error = log.next(&mut connector).await.unwrap_err();
    assert_eq!(error.timed_out, None);
    let tried: Vec<String> = error.attempts.iter().map(|attempt| attempt.target.host.to_string()).collect();
    assert_eq!(tried, ["missing.test", "first.test"]);
    assert_eq!(error.attempts[1].error, AttemptError::Timeout);
    assert_eq!(error.condition(), RemoteError::Timeout);
}

/// RFC 6120 §3.2.1: when a target turns out to be of no use, the next one is tried, not another address of it.
#[tokio::test]
async fn the_caller_can_go_on_with_the_next_target() {
    let (_first, port) = alive("127.0.0.21").await;
    let _same = TcpListener::bind(("127.0.0.22", port)).await.unwrap();
    let _second = TcpListener::bind(("127.0.0.23", port)).await.unwrap();
    let zone = Zone::unsigned("test")
        .with("_xmpp-server._tcp.im.test", 60, srv(0, 0, port, "first.test"))
        .with("_xmpp-server._tcp.im.test", 60, srv(1, 0, port, "second.test"))
        .with("first.test", 60, a("127.0.0.21"))
        .with("first.test", 60, a("127.0.0.22"))
        .with("second.test", 60, a("127.0.0.23"));
    let (_server, mut connector) = connector(zone, LIMITS).await;
    let mut log = Log::default();
    for expected in ["127.0.0.21", "127.0.0.23"] {
        let connected = log.next(&mut connector).await.unwrap();
        assert_eq!(connected.address.ip().to_string(), expected);
    }
    let error = log.next(&mut connector).await.unwrap_err();
    assert_eq!(error, ConnectError { attempts: Vec::new(), timed_out: None });
}

#[tokio::test]
async fn every_failure_is_told() {
    let (listener, port) = alive("127.0.0.25").await;
    drop(listener);
    let zone = one_target(port, &["127.0.0.25", "127.0.0.26"]).with(
        "_xmpp-server._tcp.im.test",
        60,
        srv(9, 0, port, "missing.test"),
    );
    let (_server, mut connector) = connector(zone, LIMITS).await;
    let error = Log::default().next(&mut connector).await.unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("no server could be reached: "), "{text}");
    for part in [
        format!("host.test:{port} at 127.0.0.25:{port}: connection refused"),
        format!("host.test:{port} at 127.0.0.26:{port}: connection refused"),
        "there is no domain missing.test in the DNS (NXDOMAIN)".to_owned(),
    ] {
        assert!(text.contains(&part), "{text}");
    }
    assert_eq!(error.condition(), RemoteError::Timeout);
}

#[tokio::test]
async fn a_server_without_addresses_is_not_found() {
    let (server, mut connector) = connector(one_target(5269, &[]), LIMITS).await;
    let error = Log::default().next(&mut connector).await.unwrap_err();
    assert_eq!((error.attempts.len(), error.condition()), (1, RemoteError::NotFound));

    // But a nameserver that does not answer may do so later.
    let resolver_forgets = Duration::from_secs(61);
    tokio::time::pause();
    tokio::time::advance(resolver_forgets).await;
    tokio::time::resume();
    server.misbehave("host.test", None, Mischief::Silent);
    let settings = ResolverSettings {
        nameservers: vec![server.address()],
        timeout: Duration::from_millis(100),
        lookup_timeout: Duration::from_millis(500),
        ..ResolverSettings::default()
    };
    let resolver = Resolver::new(settings).unwrap();
    let found = resolver.find(&DomainPart::new("im.test").unwrap()).await.unwrap();
    let error = Log::default().next(&mut Connector::new(resolver, &found, LIMITS)).await.unwrap_err();
    assert_eq!((error.attempts.len(), error.condition()), (1, RemoteError::Timeout), "{error}");
}

#[tokio::test]
async fn the_whole_is_bounded_in_time() {
    let (listener, port) = alive("127.0.0.31").await;
    drop(listener);
    let mut dead = Vec::new();
    for last in 31..=34 {
        dead.push(Dead::at(&format!("127.0.0.{last}"), port).await);
    }
    let addresses = ["127.0.0.31", "127.0.0.32", "127.0.0.33", "127.0.0.34"];
    let limits = ConnectLimits { total_timeout: Duration::from_millis(250), ..LIMITS };
    let (_server, mut connector) = connector(one_target(port, &addresses), limits).await;
    let begun = Instant::now();
    let error = Log::default().next(&mut connector).await.unwrap_err();
    assert!(begun.elapsed() < LIMITS.attempt_timeout, "{:?}", begun.elapsed());
    assert_eq!(error.timed_out, Some(limits.total_timeout));
    // One each 100 ms: three were begun.
    assert_eq!(error.attempts.len(), 3, "{error}");
    assert!(error.to_string().starts_with("no server could be reached within 0.25 s: "), "{error}");

    let again = Log::default().next(&mut connector).await.unwrap_err();
    assert_eq!(again, error);
}
