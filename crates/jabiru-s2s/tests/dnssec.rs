//! What is validated, what can't be, and what fails validation (RFC 4035 §4.3; RFC 7673 §3).

#![allow(clippy::unwrap_used, reason = "it is all test code")]

mod support;

use std::io::Write;
use std::time::Duration;

use hickory_resolver::proto::rr::RecordType;
use jabiru_net::certificate::dane::TlsaRecord;
use jabiru_router::RemoteError;
use jabiru_s2s::resolve::{Found, Host, ResolveError, Resolver, ResolverSettings, ServerTarget, SettingsError, Source};
use jabiru_stanza::DomainPart;
use support::dns::{DnsServer, Mischief, Zone, a, aaaa, cname, srv, tlsa};
use tempfile::NamedTempFile;

/// A signed root with a signed zone, an unsigned one, and one whose keys are not those that the root vouches for.
struct World {
    server: DnsServer,
    anchor: NamedTempFile,
}

impl World {
    async fn new() -> World {
        let signed = Zone::signed("signed.test")
            .with("_xmpp-server._tcp.signed.test", 60, srv(1, 0, 5269, "host.signed.test"))
            .with("host.signed.test", 60, a("127.0.0.1"))
            .with("host.signed.test", 60, aaaa("::1"))
            .with("only4.signed.test", 60, a("127.0.0.1"))
            .with("_5269._tcp.host.signed.test", 60, tlsa(3, 1, 1, b"digest"))
            .with("_xmpp-server._tcp.alias.signed.test", 60, cname("_xmpp-server._tcp.signed.test"))
            .with("*.wild.signed.test", 60, a("127.0.0.1"))
            .with("exists.wild.signed.test", 60, a("127.0.0.2"))
            .with("below.ent.wild.signed.test", 60, a("127.0.0.3"))
            .with("*._tcp.many.signed.test", 60, tlsa(3, 1, 1, b"digest"))
            .with("_xmpp-server._tcp.away.signed.test", 60, cname("_xmpp-server._tcp.unsigned.test"));
        let unsigned = Zone::unsigned("unsigned.test")
            .with("_xmpp-server._tcp.unsigned.test", 60, srv(1, 0, 5269, "host.unsigned.test"))
            .with("host.unsigned.test", 60, a("127.0.0.1"))
            .with("_5269._tcp.host.unsigned.test", 60, tlsa(3, 1, 1, b"digest"));
        let broken = Zone::signed("broken.test")
            .with("_xmpp-server._tcp.broken.test", 60, srv(1, 0, 5269, "host.broken.test"))
            .with("host.broken.test", 60, a("127.0.0.1"));
        let root = Zone::signed("").delegating(&signed).delegating(&unsigned).delegating(&Zone::signed("broken.test"));
        let mut anchor = NamedTempFile::new().unwrap();
        write!(anchor, "; The root of this test\n{}", root.trust_anchor()).unwrap();
        let server = DnsServer::start(vec![root, signed, unsigned, broken]).await;
        World { server, anchor }
    }

    fn settings(&self) -> ResolverSettings {
        ResolverSettings {
            nameservers: vec![self.server.address()],
            dnssec: true,
            trust_anchor: Some(self.anchor.path().to_owned()),
            timeout: Duration::from_millis(500),
            attempts: 1,
            ..ResolverSettings::default()
        }
    }

    fn resolver(&self) -> Resolver {
        Resolver::new(self.settings()).unwrap()
    }
}

async fn find(resolver: &Resolver, domain: &str) -> Result<Found, ResolveError> {
    resolver.find(&DomainPart::new(domain).unwrap()).await
}

fn host(text: &str) -> Host {
    text.parse().unwrap()
}

#[tokio::test]
async fn signed_answers_are_secure() {
    let world = World::new().await;
    let resolver = world.resolver();
    let found = find(&resolver, "signed.test").await.unwrap();
    assert!(found.secure, "that there is no direct TLS is proven too");
    assert!(found.targets[0].secure);

    let addresses = resolver.addresses(&host("host.signed.test")).await.unwrap();
    assert_eq!((addresses.list.len(), addresses.secure), (2, true));
    let addresses = resolver.addresses(&host("only4.signed.test")).await.unwrap();
    assert_eq!((addresses.list.len(), addresses.secure), (1, true));

    let found = resolver.tlsa(&host("host.signed.test"), 5269).await.unwrap();
    assert!(found.secure);
    assert_eq!(found.records, [TlsaRecord::new(3, 1, 1, b"digest".to_vec())]);
    let none = resolver.tlsa(&host("host.signed.test"), 5270).await.unwrap();
    assert_eq!((none.records.len(), none.secure), (0, true));

    // What is remembered is as secure as it was.
    world.server.asked();
    assert!(find(&resolver, "signed.test").await.unwrap().secure);
    assert_eq!(world.server.asked(), []);
}

/// That something does not exist has to be proven as well.
#[tokio::test]
async fn absence_in_a_signed_zone_is_secure_if_proven() {
    let world = World::new().await;
    let resolver = world.resolver();
    let found = find(&resolver, "only4.signed.test").await.unwrap();
    assert_eq!((found.source, found.secure), (Source::Address, true));
    let missing = find(&resolver, "missing.signed.test").await.unwrap_err();
    assert_eq!(missing, ResolveError::NoSuchDomain { name: "missing.signed.test".to_owned() });

    let resolver = world.resolver();
    world.server.misbehave("_xmpp-server._tcp.signed.test", None, Mischief::Denies);
    let error = find(&resolver, "signed.test").await.unwrap_err();
    assert!(matches!(error, ResolveError::Bogus { .. }), "{error}");
    // For whoever forges an answer for one service would choose between them.
    world.server.behave();
    world.server.misbehave("_xmpps-server._tcp.signed.test", None, Mischief::Denies);
    let error = find(&world.resolver(), "signed.test").await.unwrap_err();
    assert!(matches!(error, ResolveError::Bogus { .. }), "{error}");
    world.server.misbehave("_5269._tcp.host.signed.test", None, Mischief::Denies);
    let error = resolver.tlsa(&host("host.signed.test"), 5269).await.unwrap_err();
    assert!(matches!(error, ResolveError::Bogus { .. }), "{error}");
}

#[tokio::test]
async fn unsigned_answers_are_only_insecure() {
    let world = World::new().await;
    let resolver = world.resolver();
    let found = find(&resolver, "unsigned.test").await.unwrap();
    assert!(!found.secure && !found.targets[0].secure);
    assert!(!resolver.addresses(&host("host.unsigned.test")).await.unwrap().secure);
    let found = resolver.tlsa(&host("host.unsigned.test"), 5269).await.unwrap();
    assert_eq!((found.records.len(), found.secure), (1, false));
    let found = find(&resolver, "host.unsigned.test").await.unwrap();
    assert_eq!((found.source, found.secure, found.targets[0].secure), (Source::Address, false, false));
    let missing = find(&resolver, "missing.unsigned.test").await.unwrap_err();
    assert_eq!(missing, ResolveError::NoSuchDomain { name: "missing.unsigned.test".to_owned() });
}

/// RFC 7673 §3.1: the whole chain of aliases has to be secure.
#[tokio::test]
async fn an_alias_is_as_secure_as_what_it_leads_to() {
    let world = World::new().await;
    let resolver = world.resolver();
    assert!(find(&resolver, "alias.signed.test").await.unwrap().targets[0].secure);
    assert!(!find(&resolver, "away.signed.test").await.unwrap().targets[0].secure);
}

#[tokio::test]
async fn what_fails_validation_is_an_error() {
    let world = World::new().await;
    let error = find(&world.resolver(), "broken.test").await.unwrap_err();
    assert!(matches!(error, ResolveError::Bogus { .. }), "{error}");
    assert_eq!(error.condition(), RemoteError::Timeout);
    assert!(error.to_string().contains("failed DNSSEC validation"), "{error}");

    for mischief in [Mischief::Forges, Mischief::Strips] {
        let resolver = world.resolver();
        world.server.misbehave("_xmpp-server._tcp.signed.test", None, mischief);
        let error = find(&resolver, "signed.test").await.unwrap_err();
        assert!(matches!(error, ResolveError::Bogus { .. }), "{mischief:?}: {error}");

        world.server.misbehave("host.signed.test", Some(RecordType::A), mischief);
        let error = resolver.addresses(&host("host.signed.test")).await.unwrap_err();
        assert!(matches!(error, ResolveError::Bogus { .. }), "{mischief:?}: {error}");

        world.server.misbehave("_5269._tcp.host.signed.test", None, mischief);
        let error = resolver.tlsa(&host("host.signed.test"), 5269).await.unwrap_err();
        assert!(matches!(error, ResolveError::Bogus { .. }), "{mischief:?}: {error}");
    }

    // Nothing of that is remembered.
    let resolver = world.resolver();
    assert!(find(&resolver, "signed.test").await.is_err());
    world.server.behave();
    assert!(find(&resolver, "signed.test").await.unwrap().secure);
}

/// RFC 7673 §3, §4.1: what is announced counts only if all that led to it was validated, and then the host stands for the domain.
#[tokio::test]
async fn announcements_count_where_all_of_it_is_secure() {
    let world = World::new().await;
    let resolver = world.resolver();
    let domain = DomainPart::new("signed.test").unwrap();
    let mut target = find(&resolver, "signed.test").await.unwrap().targets.remove(0);
    assert_eq!(resolver.announced(&target).await.unwrap().len(), 1);
    let names = |target: &ServerTarget| -> Vec<String> {
        target.references(&domain).iter().map(|reference| reference.domain().to_owned()).collect()
    };
    assert_eq!(names(&target), ["signed.test", "host.signed.test"]);

    target.secure = false;
    assert_eq!(resolver.announced(&target).await.unwrap(), []);
    assert_eq!(names(&target), ["signed.test"]);

    // A secure record may name a host in a zone that is not.
    target.secure = true;
    target.host = host("host.unsigned.test");
    assert_eq!(resolver.announced(&target).await.unwrap(), []);

    // No answer is not the answer that there is nothing.
    target.host = host("host.signed.test");
    for mischief in [Mischief::Fails, Mischief::Forges, Mischief::Strips, Mischief::Denies] {
        world.server.behave();
        world.server.misbehave("_5269._tcp.host.signed.test", Some(RecordType::TLSA), mischief);
        let result = world.resolver().announced(&target).await;
        assert!(result.is_err(), "{mischief:?}: {result:?}");
    }
    // Where one family of addresses fails, the other one still leads to the records; where it is forged, nothing does.
    for (mischief, is_good) in [(Mischief::Fails, true), (Mischief::Forges, false), (Mischief::Strips, false)] {
        world.server.behave();
        world.server.misbehave("host.signed.test", Some(RecordType::AAAA), mischief);
        let result = world.resolver().announced(&target).await;
        assert_eq!(result.map(|records| records.len()).is_ok_and(|count| count == 1), is_good, "{mischief:?}");
    }
}

/// RFC 4035 §5.3.4: what comes from a wildcard is secure if it is proven that there is no closer name.
#[tokio::test]
async fn answers_from_wildcards_are_secure_where_nothing_is_closer() {
    let world = World::new().await;
    let resolver = world.resolver();
    for name in ["anything.wild.signed.test", "zzz.wild.signed.test", "deep.down.wild.signed.test"] {
        let addresses = resolver.addresses(&host(name)).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((addresses.list.len(), addresses.secure), (1, true), "{name}");
    }
    let tlsa = resolver.tlsa(&host("many.signed.test"), 5269).await.unwrap();
    assert_eq!((tlsa.records.len(), tlsa.secure), (1, true));

    // The signature of the wildcard is good, but these names exist, or something below them does.
    for name in ["exists.wild.signed.test", "ent.wild.signed.test"] {
        world.server.misbehave(name, Some(RecordType::A), Mischief::Expands);
        let error = resolver.addresses(&host(name)).await.unwrap_err();
        assert!(matches!(error, ResolveError::Bogus { .. }), "{name}: {error}");
    }
}

/// Without validation nothing is secure, and TLSA records are not even asked for.
#[tokio::test]
async fn without_validation_nothing_is_secure() {
    let world = World::new().await;
    let resolver = Resolver::new(ResolverSettings { dnssec: false, ..world.settings() }).unwrap();
    let found = find(&resolver, "signed.test").await.unwrap();
    assert!(!found.secure && !found.targets[0].secure);
    assert!(find(&resolver, "broken.test").await.is_ok());
    world.server.asked();
    assert_eq!(resolver.tlsa(&host("host.signed.test"), 5269).await.unwrap().records, []);
    assert_eq!(world.server.asked(), []);
}

#[tokio::test]
async fn other_keys_than_the_trusted_ones_are_of_no_use() {
    let world = World::new().await;
    let settings = ResolverSettings { trust_anchor: None, ..world.settings() };
    let error = find(&Resolver::new(settings).unwrap(), "signed.test").await.unwrap_err();
    assert!(matches!(error, ResolveError::Bogus { .. }), "{error}");
}

#[tokio::test]
async fn a_trust_anchor_that_can_not_be_read_is_told() {
    let world = World::new().await;
    let mut ds = NamedTempFile::new().unwrap();
    writeln!(ds, ". 3600 IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D").unwrap();
    let empty = NamedTempFile::new().unwrap();
    for path in ["/nonexistent/root.key".as_ref(), ds.path(), empty.path()] {
        let settings = ResolverSettings { trust_anchor: Some(path.to_owned()), ..world.settings() };
        let error = Resolver::new(settings).unwrap_err();
        assert!(matches!(error, SettingsError::TrustAnchor { .. }), "{error}");
        println!("{error}");
    }
}
