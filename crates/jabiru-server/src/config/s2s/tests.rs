//! Every key of `[s2s]`, every kind of mistake in it, and what a running server takes of it.

use std::path::Path;

use jabiru_s2s::resolve::Host;

use super::*;
use crate::config::{Config, Differences, file};

/// Every key, none of them with its default value.
pub(in crate::config) const EVERYTHING: &str = r#"
        [s2s]
        enabled = false
        starttls = ["[::]:5269"]
        direct_tls = []
        require = "dialback"
        require_tls = false
        ca = ["ca.pem", "/etc/ssl/other.pem"]
        system_authorities = false
        allow = ["Example.org", "*.example.org"]
        block = ["bad.example.org"]
        dane = false
        posh = false
        direct_tls_out = false
        bidirectional = false
        stream_management = false
        [s2s.resolver]
        nameservers = ["192.0.2.53", "[2001:db8::53]:5353"]
        dnssec = true
        trust_anchor = "root.key"
        timeout_seconds = 1
        cache_entries = 2
        [s2s.route]
        "example.org" = "192.0.2.1"
        "Café.example" = { host = "xmpp.example.com", direct_tls = true }
        "[2001:db8::1]" = ["xmpp.example.com:1", { host = "2001:db8::2", port = 2 }]
        [[s2s.domain]]
        name = "strict.example"
        require = "certificate"
        require_tls = true
        [[s2s.domain]]
        name = "old.example"
        require_tls = true
        [s2s.limits]
        streams = 9
        incoming_per_address = 8
        outgoing = 7
        pairs_per_stream = 6
        queue_bytes = 10_001
        total_queue_bytes = 10_002
        bytes_per_second = 0
        bytes_burst = 17
        stanzas_per_second = 3
        stanzas_burst = 4
        connect_timeout_seconds = 5
        negotiation_timeout_seconds = 4
        idle_timeout_seconds = 0
        retry_after_seconds = [3, 3]
        unacknowledged_stanzas = 2
        unacknowledged_bytes = 10_000
        resumption_seconds = 0
        "#;

pub(in crate::config) fn everything() -> S2s {
    let domain = |name: &str| name.parse::<DomainPart>().unwrap();
    let address = |text: &str| Host::Address(text.parse().unwrap());
    let named = || Host::Name("xmpp.example.com".to_owned());
    S2s {
        enabled: false,
        starttls: vec!["[::]:5269".parse().unwrap()],
        direct_tls: Vec::new(),
        require: Require::Dialback,
        require_tls: false,
        ca: vec!["ca.pem".into(), "/etc/ssl/other.pem".into()],
        system_authorities: false,
        allow: vec![DomainPattern::Domain(domain("example.org")), DomainPattern::Below(domain("example.org"))],
        block: vec![DomainPattern::Domain(domain("bad.example.org"))],
        dane: false,
        posh: false,
        direct_tls_out: false,
        bidirectional: false,
        stream_management: false,
        resolver: Resolver {
            nameservers: ["192.0.2.53:53", "[2001:db8::53]:5353"].map(|text| text.parse().unwrap()).into(),
            // Without it, trust_anchor would be for nothing.
            dnssec: true,
            trust_anchor: Some("root.key".into()),
            timeout: Duration::from_secs(1),
            cache_entries: 2,
        },
        routes: [
            ("example.org", vec![Route { host: address("192.0.2.1"), port: 5269, direct_tls: false }]),
            ("café.example", vec![Route { host: named(), port: 5270, direct_tls: true }]),
            (
                "[2001:db8::1]",
                vec![
                    Route { host: named(), port: 1, direct_tls: false },
                    Route { host: address("2001:db8::2"), port: 2, direct_tls: false },
                ],
            ),
        ]
        .map(|(name, routes)| (domain(name), routes))
        .into(),
        exceptions: vec![
            Exception { name: domain("strict.example"), require: Some(Require::Certificate), require_tls: Some(true) },
            Exception { name: domain("old.example"), require: None, require_tls: Some(true) },
        ],
        limits: Limits {
            streams: 9,
            incoming_per_address: 8,
            outgoing: 7,
            pairs_per_stream: 6,
            queue_bytes: 10_001,
            total_queue_bytes: 10_002,
            bytes_per_second: None,
            bytes_burst: 17,
            stanzas_per_second: Some(3),
            stanzas_burst: 4,
            connect_timeout: Duration::from_secs(5),
            negotiation_timeout: Duration::from_secs(4),
            idle_timeout: None,
            retry_after: Duration::from_secs(3),
            longest_retry_after: Duration::from_secs(3),
            unacknowledged_stanzas: 2,
            unacknowledged_bytes: 10_000,
            resumption: Duration::ZERO,
        },
    }
}

fn parse(text: &str) -> Result<S2s, String> {
    file::parse(text, Path::new("")).map(|config| config.s2s).map_err(|problems| {
        let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
        lines.join("\n")
    })
}

/// Each mistake alone, with the whole message.
#[test]
fn messages() {
    for (text, expected) in [
        (
            "[s2s]\nrequire = 'dialbakc'",
            "2:11: s2s.require: expected \"certificate\", \"dialback\" or \"dane\", found 'dialbakc'; the nearest is \"dialback\"",
        ),
        (
            "[s2s.resolver]\ndnsec = true",
            "2:1: unknown key \"s2s.resolver.dnsec\"; the nearest known key is \"s2s.resolver.dnssec\"",
        ),
        ("[s2s.routes]\n", "1:6: unknown key \"s2s.routes\"; the nearest known key is \"s2s.route\""),
        ("[s2s.domain]\n", "1:1: s2s.domain: expected tables that begin with [[s2s.domain]], found a table"),
        (
            "[s2s]\nallow = ['*', 'example.org', '*.example.org']",
            "2:10: s2s.allow: expected a domain such as \"example.org\", or \"*.example.org\" for all below it, found '*'",
        ),
        (
            "[s2s]\nallow = ['a.example']\nblock = ['A.example', '*.a.example']",
            "3:10: s2s.block: it can't be both allowed and blocked",
        ),
        (
            "[s2s.resolver]\nnameservers = ['::1', '127.0.0.1:0', 'ns.example']",
            "2:23: s2s.resolver.nameservers: expected the IP address of a name server, with or without a port, such as \"192.0.2.53\" or \"[::1]:5353\", found '127.0.0.1:0'\n\
             2:38: s2s.resolver.nameservers: expected the IP address of a name server, with or without a port, such as \"192.0.2.53\" or \"[::1]:5353\", found 'ns.example'",
        ),
        // What was asked for can't be had.
        (
            "[s2s]\nrequire_tls = false",
            "2:15: s2s.require_tls: a certificate can be shown over TLS alone: require \"dialback\", or TLS",
        ),
        (
            "[s2s]\nrequire = 'dane'\nresolver.dnssec = true\nrequire_tls = false",
            "2:11: s2s.require: a certificate can be shown over TLS alone: require \"dialback\", or TLS",
        ),
        (
            "[[s2s.domain]]\nname = 'a.example'\nrequire_tls = false",
            "3:15: s2s.domain.require_tls: a certificate can be shown over TLS alone: require \"dialback\", or TLS",
        ),
        (
            "[s2s]\nrequire = 'dane'\ndane = false",
            "2:11: s2s.require: \"dane\" needs dane = true and resolver.dnssec = true",
        ),
        (
            "[s2s.resolver]\ndnssec = false\n[[s2s.domain]]\nname = 'a.example'\nrequire = 'dane'",
            "5:11: s2s.domain.require: \"dane\" needs dane = true and resolver.dnssec = true",
        ),
        (
            "[s2s]\nrequire = 'certificate'\ndane = false\nsystem_authorities = false",
            "2:11: s2s.require: nothing could prove a certificate: no authorities are trusted, and no DANE",
        ),
        (
            "[s2s.resolver]\ndnssec = false\ntrust_anchor = 'root.key'",
            "3:16: s2s.resolver.trust_anchor: nothing is validated by it while dnssec is false",
        ),
        // Listeners of all kinds.
        (
            "[s2s]\nstarttls = ['127.0.0.1:5222']\ndirect_tls = ['127.0.0.1:1', '127.0.0.1:1']",
            "2:13: s2s.starttls: 127.0.0.1:5222 is there twice; a listener needs an address of its own\n\
             3:30: s2s.direct_tls: 127.0.0.1:1 is there twice; a listener needs an address of its own",
        ),
        // Routes and exceptions.
        (
            "[s2s.route]\n'a b' = 'h'\n'a.example' = 5\n'b.example' = { hots = 'h' }\n'c.example' = ['h:0', 'h', true]\n'd.example' = []",
            "2:1: s2s.route.a b: this is no domain\n\
             3:15: s2s.route.a.example: expected \"HOST\", \"HOST:PORT\", a table with host, port and direct_tls, or a list of these, found 5\n\
             4:15: s2s.route.b.example.host is missing: expected a host name or an IP address\n\
             4:17: unknown key \"s2s.route.b.example.hots\"; the nearest known key is \"s2s.route.b.example.host\"\n\
             5:16: s2s.route.c.example: expected \"HOST\", \"HOST:PORT\", a table with host, port and direct_tls, or a list of these, found 'h:0'\n\
             5:28: s2s.route.c.example: expected \"HOST\", \"HOST:PORT\", a table with host, port and direct_tls, or a list of these, found true\n\
             6:15: s2s.route.d.example: there is nothing to connect to; what is not wanted is in block",
        ),
        ("[s2s]\nroute = 5", "2:9: s2s.route: expected a table, found 5"),
        (
            "[s2s.route]\n'localhost' = 'h'",
            "2:1: s2s.route.localhost: localhost is hosted here, and never sought elsewhere",
        ),
        ("[s2s.route]\n'a.example' = 'h'\n'A.example' = 'h'", "3:1: s2s.route.A.example: this domain is there twice"),
        (
            "[[s2s.domain]]\nrequire = 'dialback'",
            "1:1: s2s.domain.name is missing: expected the name of another domain such as \"example.net\"",
        ),
        (
            "[[s2s.domain]]\nname = 'a.example'\nrequire = 'dialback'\n[[s2s.domain]]\nname = 'A.example'",
            "5:8: s2s.domain.name: nothing is different for it: neither require nor require_tls is there\n\
             5:8: s2s.domain.name: a.example is there twice",
        ),
        (
            "[[s2s.domain]]\nname = 'localhost'\nrequire = 'dialback'",
            "2:8: s2s.domain.name: localhost is hosted here, and never sought elsewhere",
        ),
        // Limits.
        (
            "[s2s.limits]\nretry_after_seconds = [5, 1]",
            "2:23: s2s.limits.retry_after_seconds: expected a list of two whole numbers from 1 to 86400, the smaller first, such as [1, 300], found a list",
        ),
        (
            "[s2s.limits]\nretry_after_seconds = 5",
            "2:23: s2s.limits.retry_after_seconds: expected a list of two whole numbers from 1 to 86400, the smaller first, such as [1, 300], found 5",
        ),
        (
            "[s2s.limits]\nincoming_per_address = 10_001",
            "2:24: s2s.limits.incoming_per_address: more than the 10000 streams there may be altogether",
        ),
        (
            "[s2s.limits]\ntotal_queue_bytes = 1_000_000",
            "2:21: s2s.limits.total_queue_bytes: one queue (1048576) would be larger than all of them together (1000000)",
        ),
        (
            "[s2s.limits]\nqueue_bytes = 262_143\nunacknowledged_bytes = 262_143",
            "2:15: s2s.limits.queue_bytes: 262143 must be at least limits.element_bytes (262144), or the longest stanza never leaves\n\
             3:24: s2s.limits.unacknowledged_bytes: 262143 must be at least limits.element_bytes (262144), or the longest stanza never leaves",
        ),
    ] {
        match parse(text) {
            Ok(taken) => panic!("taken: {text}\n{taken:?}"),
            Err(problems) => assert_eq!(problems, expected, "{text}"),
        }
    }
}

/// What looks like a mistake, and is none.
#[test]
fn taken() {
    for text in [
        // Nobody has to prove anything.
        "[s2s]\nenabled = false\ndane = false\nsystem_authorities = false",
        // Nothing listens, or not at the same time.
        "[s2s]\nenabled = false\nstarttls = ['127.0.0.1:5222']",
        "[s2s]\nstarttls = ['127.0.0.1:0', '127.0.0.1:0']\ndirect_tls = []",
        // Without DNSSEC there is no DANE, which nobody has asked for.
        "[s2s.resolver]\ndnssec = false",
        "[s2s]\nrequire = 'dane'\nresolver.dnssec = true\nsystem_authorities = false",
        "[s2s]\nrequire = 'dialback'\nrequire_tls = false\n[[s2s.domain]]\nname = 'a.example'\nrequire = 'certificate'\nrequire_tls = true",
        "[s2s]\nblock = ['bad.example.org']\nallow = ['*.example.org']",
        // Tables may be written at length.
        "[s2s.route.'a.example']\nhost = 'h'\n[[s2s.route.'b.example']]\nhost = 'h'\n[[s2s.route.'b.example']]\nhost = '::1'",
    ] {
        assert!(parse(text).is_ok(), "{text}: {:?}", parse(text));
    }
}

/// Who must be kept out, or has moved, is so without a restart.
#[test]
fn what_a_running_server_takes() {
    let before = Config::default();
    let after = Config { s2s: everything(), ..Config::default() };
    let Differences { applicable, restart } = before.differences(&after);
    assert_eq!(restart.len(), 3 + 15, "{restart:?}");
    let expected = "require require_tls ca system_authorities allow block dane posh direct_tls_out bidirectional \
                    stream_management route domain resolver.nameservers resolver.dnssec resolver.trust_anchor resolver.timeout_seconds \
                    resolver.cache_entries limits.streams limits.incoming_per_address";
    let expected: Vec<_> = expected.split_whitespace().map(|key| format!("s2s.{key}")).collect();
    assert_eq!(applicable, expected);
    let taken = before.with_applicable(&after).s2s;
    assert_eq!((&taken.routes, &taken.exceptions), (&after.s2s.routes, &after.s2s.exceptions));
    assert!(taken.enabled && taken.starttls == before.s2s.starttls, "{restart:?}");
}
