//! Fetching what domains publish of their certificates (RFC 7711), from a web server on the loopback interface.

#![allow(clippy::unwrap_used, reason = "it is all test code")]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use jabiru_s2s::posh::{Posh, PoshClient, PoshError, PoshSettings};
use jabiru_s2s::resolve::{Resolver, ResolverSettings};
use jabiru_stanza::DomainPart;
use support::dns::{DnsServer, Zone, a};
use support::web::{Page, WebServer};
use tokio::task::JoinSet;

const PATH: &str = "/.well-known/posh/xmpp-server.json";

struct World {
    web: WebServer,
    client: PoshClient,
    _dns: DnsServer,
}

impl World {
    async fn new() -> World {
        World::with(|_| ()).await
    }

    async fn with(change: fn(&mut PoshSettings)) -> World {
        let web = WebServer::start().await;
        let mut zone = Zone::unsigned("test");
        for host in ["im", "hosting", "untrusted", "misnamed", "expired"] {
            zone = zone.with(&format!("{host}.test"), 3600, a("127.0.0.1"));
        }
        for number in 0..50 {
            zone = zone.with(&format!("d{number}.test"), 3600, a("127.0.0.1"));
        }
        zone = zone.with("dark.test", 3600, a("127.0.0.99"));
        let dns = DnsServer::start(vec![zone]).await;
        let nameservers = vec![dns.address()];
        let resolver = Resolver::new(ResolverSettings { nameservers, ..ResolverSettings::default() }).unwrap();
        let mut settings =
            PoshSettings { timeout: Duration::from_secs(5), https_port: web.port(), ..PoshSettings::default() };
        change(&mut settings);
        let client = PoshClient::new(resolver, web.roots(), settings);
        World { web, client, _dns: dns }
    }

    fn publish(&self, page: Page) {
        self.web.put(&format!("im.test{PATH}"), page);
    }

    async fn fetch(&self) -> Result<Arc<Posh>, PoshError> {
        self.fetch_of("im.test").await
    }

    async fn fetch_of(&self, domain: &str) -> Result<Arc<Posh>, PoshError> {
        self.client.fetch(&DomainPart::new(domain).unwrap()).await
    }
}

fn document(expires: u64) -> String {
    format!(r#"{{"fingerprints":[{{"sha-256":"otyLADSKjRDjVpj8X7/hmCAD5C7Qe+PedcmYV7cUncE="}}],"expires":{expires}}}"#)
}

fn reference(url: &str, expires: u64) -> Page {
    Page::Is(format!(r#"{{"url":"{url}","expires":{expires}}}"#))
}

/// Time for what is remembered, but not for the sockets of tests.
async fn later(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

fn lifetime(posh: &Posh) -> u64 {
    // Half a second for the fetch.
    (posh.expires - tokio::time::Instant::now() + Duration::from_millis(500)).as_secs()
}

#[tokio::test]
async fn fingerprints_are_fetched_and_remembered_for_as_long_as_they_say() {
    let world = World::new().await;
    world.publish(Page::Is(document(100)));
    let posh = world.fetch().await.unwrap();
    assert_eq!(posh.fingerprints.len(), 1);
    assert_eq!(posh.url, format!("https://im.test{PATH}"));
    assert_eq!(lifetime(&posh), 100);
    assert_eq!(world.web.asked(), [format!("im.test{PATH}")]);

    later(98).await;
    assert_eq!(world.fetch().await, Ok(posh));
    assert_eq!(world.web.asked().len(), 0);
    later(3).await;
    world.publish(Page::Is(document(7)));
    assert_eq!(lifetime(&world.fetch().await.unwrap()), 7);
}

/// RFC 7711 §3.2, §6: the lower of both times; and never longer than we want.
#[tokio::test]
async fn a_reference_is_followed_once() {
    for (of_reference, of_document, expected) in [(50, 100, 50), (100, 50, 50), (10_000_000, 10_000_000, 86_400)] {
        let world = World::new().await;
        world.publish(reference("https://hosting.test/posh.json", of_reference));
        world.web.put("hosting.test/posh.json", Page::Is(document(of_document)));
        let posh = world.fetch().await.unwrap();
        assert_eq!((lifetime(&posh), &*posh.url), (expected, "https://hosting.test/posh.json"));
    }

    let world = World::new().await;
    world.publish(reference("https://hosting.test/posh.json", 60));
    world.web.put("hosting.test/posh.json", reference("https://im.test/again.json", 60));
    world.web.put("im.test/again.json", Page::Is(document(60)));
    let error = world.fetch().await.unwrap_err();
    assert_eq!(error, PoshError::SecondReference { url: "https://hosting.test/posh.json".to_owned() });
    assert_eq!(world.web.asked().len(), 2);
}

/// RFC 7711 §10.
#[tokio::test]
async fn redirects_are_followed_a_few_times_and_to_https_alone() {
    let world = World::new().await;
    world.publish(Page::Leads("/1".to_owned()));
    world.web.put("im.test/1", Page::Leads("https://hosting.test/2".to_owned()));
    world.web.put("hosting.test/2", Page::Leads("/3".to_owned()));
    world.web.put("hosting.test/3", Page::Is(document(60)));
    assert_eq!(world.fetch().await.unwrap().url, "https://hosting.test/3");

    let world = World::new().await;
    world.publish(Page::Leads(format!("https://im.test{PATH}")));
    let error = world.fetch().await.unwrap_err();
    assert_eq!(error, PoshError::TooManyRedirects { url: format!("https://im.test{PATH}"), limit: 3 });
    assert_eq!(world.web.asked().len(), 4);

    for (page, to) in [
        (Page::Leads("http://im.test/1".to_owned()), "http://im.test/1"),
        (reference("http://im.test/1", 60), "http://im.test/1"),
        (reference("nowhere", 60), "nowhere"),
    ] {
        let world = World::new().await;
        world.publish(page);
        let error = world.fetch().await.unwrap_err();
        assert_eq!(error, PoshError::NotHttps { url: format!("https://im.test{PATH}"), to: to.to_owned() });
        assert_eq!(world.web.asked().len(), 1);
    }
}

/// RFC 7711 §3: the web server has to prove itself by a certificate of the usual kind.
#[tokio::test]
async fn the_web_server_is_not_believed_without_a_good_certificate() {
    let world = World::new().await;
    for (domain, words) in
        [("untrusted.test", "UnknownIssuer"), ("misnamed.test", "not valid for name"), ("expired.test", "expired")]
    {
        world.web.put(&format!("{domain}{PATH}"), Page::Is(document(60)));
        let error = world.fetch_of(domain).await.unwrap_err();
        assert!(matches!(error, PoshError::Tls { .. }), "{domain}: {error}");
        assert!(error.to_string().contains(words), "{domain}: {error}");
        // Nor where another one leads to it.
        world.web.put(&format!("im.test{PATH}"), reference(&format!("https://{domain}{PATH}"), 60));
        let error = world.fetch().await.unwrap_err();
        assert!(matches!(&error, PoshError::Tls { url, .. } if url.contains(domain)), "{error}");
        later(301).await;
    }
    assert_eq!(world.web.asked(), vec![format!("im.test{PATH}"); 3]);
}

#[tokio::test]
async fn each_failure_is_told() {
    let url = || format!("https://im.test{PATH}");
    let limit = 64 * 1024;
    let rows: Vec<(Page, PoshError)> = vec![
        (Page::Status(404), PoshError::NotPublished { url: url() }),
        (Page::Status(410), PoshError::NotPublished { url: url() }),
        (Page::Status(500), PoshError::Status { url: url(), status: 500 }),
        (Page::Status(204), PoshError::Status { url: url(), status: 204 }),
        (Page::Status(302), PoshError::Status { url: url(), status: 302 }),
        (Page::Large(limit + 1), PoshError::TooLarge { url: url(), limit }),
        (Page::Endless, PoshError::TooLarge { url: url(), limit }),
        (Page::Is(document(0)), PoshError::Expired { url: url() }),
    ];
    for (page, expected) in rows {
        let world = World::new().await;
        world.publish(page.clone());
        assert_eq!(world.fetch().await, Err(expected), "{page:?}");
    }

    let world = World::new().await;
    world.publish(Page::Nonsense);
    let error = world.fetch().await.unwrap_err();
    assert!(matches!(error, PoshError::Http { .. }), "{error}");
    world.web.put(&format!("hosting.test{PATH}"), Page::Is("<html>".to_owned()));
    let error = world.fetch_of("hosting.test").await.unwrap_err();
    assert!(matches!(error, PoshError::Malformed { .. }), "{error}");
    for (domain, words) in [("dark.test", "connection refused"), ("missing.test", "NXDOMAIN")] {
        let error = world.fetch_of(domain).await.unwrap_err();
        assert!(matches!(error, PoshError::Connect { .. }), "{error}");
        assert!(error.to_string().contains(words) && error.to_string().contains(domain), "{error}");
    }
    // As large as is allowed, but no document.
    let world = World::new().await;
    world.publish(Page::Large(limit));
    let error = world.fetch().await.unwrap_err();
    assert!(matches!(error, PoshError::Malformed { .. }), "{error}");
}

#[tokio::test]
async fn whatever_takes_too_long_ends() {
    for page in [Page::Silent, Page::Trickles] {
        let world = World::with(|settings| settings.timeout = Duration::from_millis(400)).await;
        world.publish(page.clone());
        let begun = Instant::now();
        let error = world.fetch().await.unwrap_err();
        assert!(matches!(error, PoshError::Timeout { .. }), "{page:?}: {error}");
        assert!(begun.elapsed() < Duration::from_millis(1500), "{page:?}: {:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn failures_are_remembered_for_a_shorter_time() {
    let world = World::new().await;
    assert!(world.fetch().await.is_err());
    world.publish(Page::Is(document(60)));
    later(298).await;
    assert!(world.fetch().await.is_err());
    assert_eq!(world.web.asked().len(), 1);
    later(3).await;
    assert!(world.fetch().await.is_ok());
}

/// A flood of streams for one domain makes one fetch; if who began it goes away, another one takes over.
#[tokio::test]
async fn a_domain_is_fetched_once_for_all_who_ask() {
    let world = World::new().await;
    world.publish(Page::Late(Duration::from_millis(300), document(60)));
    let mut askers = JoinSet::new();
    for _ in 0..100 {
        let client = world.client.clone();
        askers.spawn(async move { client.fetch(&DomainPart::new("im.test").unwrap()).await });
    }
    for outcome in askers.join_all().await {
        assert!(outcome.is_ok(), "{outcome:?}");
    }
    assert_eq!(world.web.asked().len(), 1);

    let world = World::new().await;
    world.publish(Page::Late(Duration::from_millis(300), document(60)));
    let client = world.client.clone();
    let first = tokio::spawn(async move { client.fetch(&DomainPart::new("im.test").unwrap()).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let client = world.client.clone();
    let second = tokio::spawn(async move { client.fetch(&DomainPart::new("im.test").unwrap()).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    first.abort();
    assert!(second.await.unwrap().is_ok());
}

/// However many domains are asked for, so many fetches are under way and no more.
#[tokio::test]
async fn fetches_from_many_domains_are_bounded() {
    let world = World::with(|settings| settings.max_fetches = 10).await;
    let late = Duration::from_millis(100);
    let mut askers = JoinSet::new();
    let begun = Instant::now();
    for number in 0..50 {
        let domain = format!("d{number}.test");
        world.web.put(&format!("{domain}{PATH}"), Page::Late(late, document(60)));
        let client = world.client.clone();
        askers.spawn(async move { client.fetch(&DomainPart::new(&domain).unwrap()).await.is_ok() });
    }
    assert!(askers.join_all().await.into_iter().all(|is_ok| is_ok));
    assert!(begun.elapsed() >= late * 5, "{:?}", begun.elapsed());
}
