//! Finding servers, against a nameserver on the loopback interface.

#![allow(clippy::unwrap_used, reason = "it is all test code")]

mod support;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use hickory_resolver::proto::rr::RecordType;
use jabiru_router::RemoteError;
use jabiru_s2s::resolve::{Found, Host, ResolveError, Resolver, ResolverSettings, Route, Source};
use jabiru_stanza::DomainPart;
use support::dns::{DnsServer, Mischief, Zone, a, aaaa, cname, srv, srv_to_no_host};

fn domain(text: &str) -> DomainPart {
    DomainPart::new(text).unwrap().into_owned()
}

fn settings(nameserver: SocketAddr) -> ResolverSettings {
    ResolverSettings {
        nameservers: vec![nameserver],
        timeout: Duration::from_millis(500),
        attempts: 1,
        lookup_timeout: Duration::from_secs(3),
        ..ResolverSettings::default()
    }
}

async fn with_zone(zone: Zone) -> (DnsServer, Resolver) {
    let server = DnsServer::start(vec![zone]).await;
    let resolver = Resolver::new(settings(server.address())).unwrap();
    (server, resolver)
}

fn shown(found: &Found) -> Vec<String> {
    found.targets.iter().map(ToString::to_string).collect()
}

/// Time for what is remembered, but not for the sockets of tests.
async fn later(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

/// XEP-0368 §2: both services, by priority.
#[tokio::test]
async fn targets_of_both_services_are_mixed_by_priority() {
    let zone = Zone::unsigned("test")
        .with("_xmpp-server._tcp.im.test", 60, srv(10, 5, 5269, "a.test"))
        .with("_xmpp-server._tcp.im.test", 60, srv(30, 5, 5270, "C.test"))
        .with("_xmpps-server._tcp.im.test", 60, srv(20, 5, 5223, "b.test"));
    let (server, resolver) = with_zone(zone).await;
    let found = resolver.find(&domain("im.test")).await.unwrap();
    assert_eq!(found.source, Source::Srv);
    assert!(!found.secure);
    assert_eq!(shown(&found), ["a.test:5269", "b.test:5223 (direct TLS)", "c.test:5270"]);
    assert_eq!((found.targets[1].priority, found.targets[1].weight), (20, 5));
    // The addresses of targets are nobody's business yet.
    assert!(server.asked().iter().all(|(_, record_type)| *record_type == RecordType::SRV));

    let without = ResolverSettings { direct_tls: false, ..settings(server.address()) };
    let found = Resolver::new(without).unwrap().find(&domain("im.test")).await.unwrap();
    assert_eq!(shown(&found), ["a.test:5269", "c.test:5270"]);
}

/// RFC 2782, RFC 6120 §3.2.1, XEP-0368 §5.
#[tokio::test]
async fn a_declined_service_is_neither_used_nor_fallen_back_from() {
    let zone = Zone::unsigned("test")
        .with("none.test", 60, a("127.0.0.1"))
        .with("_xmpp-server._tcp.none.test", 60, srv(0, 0, 0, "."))
        .with("_xmpps-server._tcp.none.test", 60, srv(0, 0, 0, "."))
        .with("half.test", 60, a("127.0.0.1"))
        .with("_xmpps-server._tcp.half.test", 60, srv(0, 0, 0, "."))
        .with("_xmpps-server._tcp.starttls.test", 60, srv(0, 0, 0, "."))
        .with("_xmpp-server._tcp.starttls.test", 60, srv(0, 0, 5269, "a.test"));
    let (_server, resolver) = with_zone(zone).await;
    for declining in ["none.test", "half.test"] {
        let error = resolver.find(&domain(declining)).await.unwrap_err();
        assert_eq!(error, ResolveError::ServiceDeclined { domain: declining.to_owned() });
        assert_eq!(error.condition(), RemoteError::NotFound);
    }
    let found = resolver.find(&domain("starttls.test")).await.unwrap();
    assert_eq!(shown(&found), ["a.test:5269"]);
}

/// RFC 6120 §3.2.2.
#[tokio::test]
async fn a_domain_without_srv_records_is_its_own_target() {
    let zone = Zone::unsigned("test")
        .with("plain.test", 60, aaaa("::1"))
        .with("plain.test", 60, a("127.0.0.1"))
        .with("text.test", 60, srv(0, 0, 0, "x.test"))
        .with("odd.test", 60, a("127.0.0.1"))
        .with("_xmpp-server._tcp.odd.test", 60, srv_to_no_host());
    let (_server, resolver) = with_zone(zone).await;
    let found = resolver.find(&domain("plain.test")).await.unwrap();
    assert_eq!((found.source, shown(&found)), (Source::Address, vec!["plain.test:5269".to_owned()]));

    let error = resolver.find(&domain("nowhere.test")).await.unwrap_err();
    assert_eq!(error, ResolveError::NoSuchDomain { name: "nowhere.test".to_owned() });
    assert_eq!(error.condition(), RemoteError::NotFound);
    let error = resolver.find(&domain("text.test")).await.unwrap_err();
    assert_eq!(error, ResolveError::NoAddresses { host: "text.test".parse().unwrap() });
    // There are SRV records, though of no use: what the domain itself is does not count.
    let error = resolver.find(&domain("odd.test")).await.unwrap_err();
    assert_eq!(error, ResolveError::NoUsableTarget { domain: "odd.test".to_owned() });
}

#[tokio::test]
async fn internationalized_domains_are_asked_for_by_their_a_labels() {
    let zone =
        Zone::unsigned("test").with("_xmpp-server._tcp.xn--bcher-kva.test", 60, srv(0, 0, 5269, "xn--bcher-kva.test"));
    let (_server, resolver) = with_zone(zone).await;
    for written in ["bücher.test", "BÜCHER.test", "xn--bcher-kva.test"] {
        let found = resolver.find(&domain(written)).await.unwrap();
        assert_eq!(shown(&found), ["xn--bcher-kva.test:5269"], "{written}");
    }
}

#[tokio::test]
async fn addresses_and_routes_need_no_dns() {
    let server = DnsServer::start(Vec::new()).await;
    let route = |host: &str, port| Route { host: host.parse().unwrap(), port, direct_tls: port == 5223 };
    let routes = HashMap::from([(domain("routed.test"), vec![route("a.test", 5223), route("::1", 5270)])]);
    let resolver = Resolver::new(ResolverSettings { routes, ..settings(server.address()) }).unwrap();
    for (text, target) in [("192.0.2.1", "192.0.2.1:5269"), ("[2001:db8::1]", "[2001:db8::1]:5269")] {
        let found = resolver.find(&domain(text)).await.unwrap();
        assert_eq!((found.source, shown(&found)), (Source::Literal, vec![target.to_owned()]));
        assert_eq!(resolver.addresses(&found.targets[0].host).await.unwrap().list.len(), 1);
    }
    let found = resolver.find(&domain("routed.test")).await.unwrap();
    assert_eq!(found.source, Source::Route);
    assert_eq!(shown(&found), ["a.test:5223 (direct TLS)", "[::1]:5270"]);
    assert!(server.asked().is_empty());
}

/// RFC 2782 forbids aliases as targets, not as owners.
#[tokio::test]
async fn aliases_are_followed_but_not_in_circles() {
    let zone = Zone::unsigned("test")
        .with("_xmpp-server._tcp.alias.test", 60, cname("_xmpp-server._tcp.host.test"))
        .with("_xmpp-server._tcp.host.test", 60, srv(0, 0, 5269, "a.test"))
        .with("_xmpp-server._tcp.circle.test", 60, cname("_xmpps-server._tcp.circle.test"))
        .with("_xmpps-server._tcp.circle.test", 60, cname("_xmpp-server._tcp.circle.test"));
    let (_server, resolver) = with_zone(zone).await;
    assert_eq!(shown(&resolver.find(&domain("alias.test")).await.unwrap()), ["a.test:5269"]);
    let error = resolver.find(&domain("circle.test")).await.unwrap_err();
    assert!(matches!(error, ResolveError::TooManyAliases { .. }), "{error}");
}

/// RFC 8305 §4.
#[tokio::test]
async fn addresses_come_with_the_families_by_turns() {
    let mut zone =
        Zone::unsigned("test").with("one.test", 60, a("127.0.0.9")).with("one.test", 60, aaaa("2001:db8::9"));
    for last in 1..=3 {
        zone = zone.with("both.test", 60, a(&format!("127.0.0.{last}")));
    }
    zone = zone.with("both.test", 60, aaaa("2001:db8::1"));
    let (server, resolver) = with_zone(zone).await;
    let both = resolver.addresses(&"both.test".parse().unwrap()).await.unwrap().list;
    let is_v6: Vec<bool> = both.iter().map(IpAddr::is_ipv6).collect();
    assert_eq!(is_v6, [true, false, false, false]);

    // One family is silent: the other one does not wait for it as long as a lookup may take.
    let patient = ResolverSettings {
        timeout: Duration::from_secs(20),
        lookup_timeout: Duration::from_secs(20),
        ..settings(server.address())
    };
    let resolver = Resolver::new(patient).unwrap();
    for (silent, expected) in [(RecordType::AAAA, "127.0.0.9"), (RecordType::A, "2001:db8::9")] {
        server.behave();
        server.misbehave("one.test", Some(silent), Mischief::Silent);
        let begun = Instant::now();
        let one = resolver.addresses(&"one.test".parse().unwrap()).await.unwrap();
        assert_eq!(one.list, [expected.parse::<IpAddr>().unwrap()]);
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        later(61).await;
    }
}

/// An answer lives as long as it says, and so does the absence of one (RFC 2308 §5).
#[tokio::test]
async fn answers_are_remembered_for_as_long_as_they_say() {
    let zone = |port| {
        Zone::unsigned("test").with("_xmpp-server._tcp.im.test", 100, srv(0, 0, port, "a.test")).with(
            "_xmpps-server._tcp.im.test",
            0,
            srv(1, 0, port, "a.test"),
        )
    };
    let (server, resolver) = with_zone(zone(1)).await;
    let ports = async || -> Vec<u16> {
        resolver.find(&domain("im.test")).await.unwrap().targets.iter().map(|target| target.port).collect()
    };
    assert_eq!(ports().await, [1, 1]);
    assert_eq!(server.asked().len(), 2);

    server.set_zones(vec![zone(2)]);
    later(99).await;
    // A TTL of 0 is for this once only.
    assert_eq!(ports().await, [1, 2]);
    assert_eq!(server.asked(), [("_xmpps-server._tcp.im.test.".to_owned(), RecordType::SRV)]);
    later(2).await;
    assert_eq!(ports().await, [2, 2]);
}

#[tokio::test]
async fn absence_is_remembered_for_as_long_as_it_says() {
    let (server, resolver) = with_zone(Zone::unsigned("test")).await;
    let missing = ResolveError::NoSuchDomain { name: "new.test".to_owned() };
    assert_eq!(resolver.find(&domain("new.test")).await, Err(missing.clone()));
    assert_eq!(server.asked().len(), 4);

    server.set_zones(vec![Zone::unsigned("test").with("new.test", 60, a("127.0.0.1"))]);
    later(59).await;
    assert_eq!(resolver.find(&domain("new.test")).await, Err(missing));
    assert_eq!(server.asked(), []);
    later(2).await;
    assert!(resolver.find(&domain("new.test")).await.is_ok());
}

#[tokio::test]
async fn failures_are_told_apart_and_not_remembered() {
    let zone = Zone::unsigned("test").with("im.test", 60, a("127.0.0.1")).with(
        "_xmpp-server._tcp.im.test",
        60,
        srv(0, 0, 5269, "a.test"),
    );
    let (server, resolver) = with_zone(zone).await;
    let (starttls, direct_tls) = ("_xmpp-server._tcp.im.test", "_xmpps-server._tcp.im.test");

    server.misbehave(starttls, None, Mischief::Silent);
    let error = resolver.find(&domain("im.test")).await.unwrap_err();
    assert!(matches!(error, ResolveError::Timeout { .. }), "{error}");
    assert_eq!(error.condition(), RemoteError::Timeout);
    assert!(error.to_string().contains("SRV records of _xmpp-server._tcp.im.test"), "{error}");

    server.misbehave(starttls, None, Mischief::Fails);
    let error = resolver.find(&domain("im.test")).await.unwrap_err();
    assert!(matches!(error, ResolveError::Refused { .. }), "{error}");
    assert_eq!(error.condition(), RemoteError::Timeout);

    // The other service has targets: that is enough, whatever is wrong with the nameserver for direct TLS.
    server.behave();
    server.misbehave(direct_tls, None, Mischief::Fails);
    assert_eq!(shown(&resolver.find(&domain("im.test")).await.unwrap()), ["a.test:5269"]);

    let outside = resolver.find(&domain("other.example")).await.unwrap_err();
    assert!(matches!(outside, ResolveError::Refused { .. }), "{outside}");
}

#[tokio::test]
async fn the_next_nameserver_is_asked_if_one_is_dead() {
    let zone = Zone::unsigned("test").with("_xmpp-server._tcp.im.test", 60, srv(0, 0, 5269, "a.test"));
    let server = DnsServer::start(vec![zone]).await;
    let dead = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut settings = settings(server.address());
    settings.nameservers.insert(0, dead.local_addr().unwrap());
    let resolver = Resolver::new(settings).unwrap();
    assert_eq!(shown(&resolver.find(&domain("im.test")).await.unwrap()), ["a.test:5269"]);
}

/// An answer that does not fit into a datagram is fetched over TCP, and not all of it is used.
#[tokio::test]
async fn many_targets_are_bounded() {
    let mut zone = Zone::unsigned("test");
    for number in 0..500 {
        zone = zone.with("_xmpp-server._tcp.im.test", 60, srv(number / 100, 1, 5269, &format!("host{number}.test")));
    }
    let (_server, resolver) = with_zone(zone).await;
    assert_eq!(resolver.find(&domain("im.test")).await.unwrap().targets.len(), 32);
}

/// However many domains are asked for, so many lookups are under way and no more.
#[tokio::test]
async fn lookups_of_many_domains_are_bounded() {
    let mut zone = Zone::unsigned("test");
    for number in 0..200 {
        zone = zone.with(&format!("_xmpp-server._tcp.d{number}.test"), 60, srv(0, 0, 5269, "a.test"));
    }
    let server = DnsServer::start(vec![zone]).await;
    for number in 0..200 {
        let late = Mischief::Late(Duration::from_millis(100));
        server.misbehave(&format!("_xmpp-server._tcp.d{number}.test"), None, late);
    }
    let bounded = ResolverSettings { max_lookups: 20, direct_tls: false, ..settings(server.address()) };
    let resolver = Resolver::new(bounded).unwrap();
    let begun = Instant::now();
    let mut finds = tokio::task::JoinSet::new();
    for number in 0..200 {
        let resolver = resolver.clone();
        finds.spawn(async move { resolver.find(&domain(&format!("d{number}.test"))).await.unwrap() });
    }
    assert_eq!(finds.join_all().await.len(), 200);
    // 200 lookups of 100 ms each, 20 at a time.
    assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[test]
fn what_can_be_a_host() {
    for (text, expected) in [
        ("im.example", Some("im.example")),
        ("IM.Example.", Some("im.example")),
        ("bücher.example", Some("xn--bcher-kva.example")),
        ("192.0.2.1", Some("192.0.2.1")),
        ("[::1]", Some("::1")),
        ("::1", Some("::1")),
        ("[fe80::1%eth0]", None),
        ("two..dots", None),
        ("", None),
        ("a label with blanks.example", None),
    ] {
        let host = text.parse::<Host>().ok().map(|host| host.to_string());
        assert_eq!(host.as_deref(), expected, "{text}");
    }
    let long = format!("{}.example", "a".repeat(64));
    assert!(long.parse::<Host>().is_err());
}

/// A domain that fits into the DNS, but not with the labels of a service before it.
#[tokio::test]
async fn a_domain_may_be_too_long_for_srv_records() {
    let (_server, resolver) = with_zone(Zone::unsigned("test")).await;
    let label = "a".repeat(59);
    let long = domain(&format!("{label}.{label}.{label}.{label}.test"));
    let error = resolver.find(&long).await.unwrap_err();
    assert!(matches!(error, ResolveError::NotAHost(_)), "{error}");
}
