//! The receiving entity, rule by rule: stream headers, features and restarts (RFC 6120 §4).
//!
//! Each row of a table is a dialogue in which one thing is special.

mod support;

use jabiru_negotiation::{Security, TlsInfo};
use support::{BIND, HEADER, NS, PASSWORD, Server, at_bind, at_sasl, auth, policy, tls};

/// RFC 6120 §4.7 and §4.9.1.2: whatever is wrong with a header, ours comes first.
#[test]
fn headers() {
    let from = |domain: &str| format!(" from='{domain}'");
    for (attributes, expected_header, expected_end) in [
        ("to='im.example' version='1.0'", from("im.example"), ""),
        ("to='IM.Example' version='1.0'", from("im.example"), ""),
        ("to='other.example' version='1.0'", from("other.example"), ""),
        ("to='im.example' version='1.1'", " version='1.0'".to_owned(), ""),
        ("to='im.example' version='2.0'", " version='1.0'".to_owned(), ""),
        ("to='im.example' version='01.0'", " version='1.0'".to_owned(), ""),
        ("to='im.example' version='1.0' id='theirs'", " id='".to_owned(), ""),
        ("to='im.example' version='1.0' from='Juliet@im.example/x'", " to='juliet@im.example'".to_owned(), ""),
        ("to='im.example' version='0.9'", " version='0.9'".to_owned(), "unsupported-version"),
        ("to='im.example'", from("im.example"), "unsupported-version"),
        ("to='im.example' version='x'", from("im.example"), "unsupported-version"),
        ("to='unknown.example' version='1.0'", from("im.example"), "host-unknown"),
        ("to='im.example/x' version='1.0'", from("im.example"), "host-unknown"),
        ("to='juliet@im.example' version='1.0'", from("im.example"), "host-unknown"),
        ("to='' version='1.0'", from("im.example"), "host-unknown"),
        ("version='1.0'", from("im.example"), "host-unknown"),
        ("to='other.example' from='@' version='1.0'", from("other.example"), "invalid-from"),
    ] {
        let mut server = Server::direct();
        let answer = server.hears(&format!("<stream:stream {attributes} {NS}>"));
        let header = answer.split_once("><stream:stream ").map(|(_, rest)| &rest[..rest.find('>').unwrap()]);
        let header = header.unwrap_or_else(|| panic!("{attributes}: {answer}"));
        assert!(format!(" {header}").contains(&expected_header), "{attributes}: {answer}");
        assert!(!header.contains("theirs"), "{attributes}: {answer}");
        assert!(header.contains(" xml:lang='en'"), "{attributes}: {answer}");
        if expected_end.is_empty() {
            assert!(answer.ends_with("</stream:features>"), "{attributes}: {answer}");
            assert!(server.log.is_empty());
        } else {
            assert_eq!(server.log, [format!("closed {expected_end}")], "{attributes}");
            assert!(answer.contains(&format!("<stream:error><{expected_end} ")), "{attributes}: {answer}");
            assert!(answer.ends_with("</stream:error></stream:stream>"), "{attributes}: {answer}");
        }
        // §4.7.2: an address only for an address; §4.7.5 rule 4: no version for no version.
        assert_eq!(header.contains(" to='"), attributes.contains("from='J"), "{attributes}: {answer}");
        assert_eq!(header.contains(" version='"), attributes.contains("version='"), "{attributes}: {answer}");
    }
}

/// RFC 6120 §4.8, §4.9.3 and §11: what the reader or the root says, with a header of ours before the error.
#[test]
fn errors_during_setup() {
    for (said, expected) in [
        (
            format!(
                "<stream:stream to='im.example' version='1.0' xmlns='jabber:server' xmlns:stream='{}'>",
                "http://etherx.jabber.org/streams"
            ),
            "invalid-namespace",
        ),
        (
            "<stream:stream to='im.example' version='1.0' xmlns='jabber:client' xmlns:stream='urn:x'>".to_owned(),
            "invalid-namespace",
        ),
        (format!("<stream:flow to='im.example' version='1.0' {NS}>"), "bad-format"),
        (
            "<s:stream to='im.example' version='1.0' xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams'>"
                .to_owned(),
            "bad-namespace-prefix",
        ),
        ("<stream:stream>".to_owned(), "not-well-formed"),
        ("<!DOCTYPE x><stream:stream>".to_owned(), "restricted-xml"),
        ("hello".to_owned(), "not-well-formed"),
    ] {
        let mut server = Server::direct();
        let answer = server.hears(&said);
        assert!(answer.starts_with("<?xml version='1.0'?><stream:stream "), "{said}: {answer}");
        assert!(answer.contains(" from='im.example'"), "{said}: {answer}");
        assert_eq!(server.last(), format!("closed {expected}"), "{said}");
    }
}

/// RFC 6120 §4.8.2: "prefix-free canonicalization", where each element states its namespace.
#[test]
fn prefix_free() {
    let header =
        "<stream from='juliet@im.example' to='im.example' version='1.0' xmlns='http://etherx.jabber.org/streams'>";
    let mut server = Server::direct();
    assert!(server.hears(header).contains(" to='juliet@im.example'"));
    assert!(server.hears(&auth("PLAIN", &format!("\0juliet\0{PASSWORD}"))).starts_with("<success "));
    server.hears(header);
    let answer = server.hears(&format!("<iq xmlns='jabber:client' type='set' id='1'><bind {BIND}/></iq>"));
    assert!(answer.contains("<jid>juliet@im.example/generated</jid>"), "{answer}");
}

/// RFC 6120 §4.7.3: ids are long, and new with every header.
#[test]
fn stream_ids() {
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..50 {
        let mut server = Server::plaintext();
        for said in [HEADER, "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", HEADER, "AUTH", HEADER] {
            let answer = server.hears(&said.replace("AUTH", &auth("PLAIN", &format!("\0juliet\0{PASSWORD}"))));
            let Some((_, rest)) = answer.split_once(" id='") else { continue };
            let id = rest.split('\'').next().unwrap().to_owned();
            assert_eq!(id.len(), 24);
            assert!(seen.insert(id));
        }
    }
    assert_eq!(seen.len(), 150);
}

/// RFC 6120 §4.3.3, §4.3.4 and §5.4.3.3: a restart brings a header and the features of what comes next, no more.
#[test]
fn restarts() {
    const NAMES: [&str; 5] =
        ["<starttls ", "<required/>", "<mechanisms ", "<bind ", "<ver xmlns='urn:xmpp:features:rosterver'/>"];
    let mut rules = policy();
    rules.stream_features = vec![jabiru_stanza::Element::new("ver", "urn:xmpp:features:rosterver")];
    let mut server = Server::new(rules, Security::Plaintext);
    let password = auth("PLAIN", &format!("\0juliet\0{PASSWORD}"));
    for (next, expected) in [
        ("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", &NAMES[..2]),
        (&password, &NAMES[2..3]),
        ("", &NAMES[3..]),
    ] {
        let answer = server.hears(HEADER);
        assert!(answer.starts_with("<?xml version='1.0'?><stream:stream ") && answer.ends_with("</stream:features>"));
        assert_eq!(answer.matches("<stream:features>").count(), 1, "{answer}");
        for name in NAMES {
            assert_eq!(answer.contains(name), expected.contains(&name), "{name} in {answer}");
        }
        assert!(!server.hears(next).contains("</stream:stream>"), "the stream is replaced, not closed");
    }
}

/// RFC 6120 §4.9.1.3 and §4.9.3.5: without a domain to answer as, and with one that is no longer served.
#[test]
fn domains_that_are_not_there() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    let mut rules = policy();
    let served = Arc::new(AtomicBool::new(true));
    let answer = served.clone();
    rules.domains = Arc::new(move |_: &jabiru_stanza::DomainRef| answer.load(Ordering::Relaxed));
    let mut server = Server::new(rules.clone(), Security::Tls(tls()));
    server.hears(HEADER);
    server.hears(&auth("PLAIN", &format!("\0juliet\0{PASSWORD}")));
    served.store(false, Ordering::Relaxed);
    let answer = server.hears(HEADER);
    assert!(answer.contains(" from='im.example'"), "{answer}");
    assert_eq!(server.last(), "closed host-gone");

    let mut server = Server::new(rules, Security::Tls(tls()));
    let answer = server.hears(HEADER);
    assert!(answer.contains(" from=''"), "{answer}");
    assert_eq!(server.last(), "closed host-unknown");
}

/// CVE-2018-10847 and RFC 6120 §4.3.3: the domain stays what it was, through TLS and through SASL, and so does the
/// account.
#[test]
fn restarts_change_nothing() {
    for (restart, expected) in [
        ("to='im.example' version='1.0'", ""),
        ("version='1.0'", ""),
        ("to='im.example' version='1.0' from='juliet@im.example'", ""),
        ("to='other.example' version='1.0'", "not-authorized"),
        ("to='unknown.example' version='1.0'", "host-unknown"),
        ("to='im.example'", "unsupported-version"),
        ("to='im.example' version='1.0' from='romeo@im.example'", "invalid-from"),
        ("to='im.example' version='1.0' from='im.example'", "invalid-from"),
        ("to='im.example' version='1.0' from='@'", "invalid-from"),
    ] {
        let header = format!("<stream:stream {restart} {NS}>");
        let mut server = at_sasl();
        server.hears(&auth("PLAIN", &format!("\0juliet\0{PASSWORD}")));
        let answer = server.hears(&header);
        assert!(answer.contains(" from='im.example'"), "{restart}: {answer}");
        let closed = format!("closed {expected}");
        assert_eq!(server.log.get(1).map(String::as_str), Some(&*closed).filter(|_| !expected.is_empty()), "{restart}");

        // Without TLS the account is no other for that.
        let mut rules = policy();
        (rules.require_tls, rules.plain_without_tls) = (false, true);
        let mut server = Server::new(rules, Security::Plaintext);
        server.hears(&HEADER.replace(" to=", " from='@' to="));
        server.hears(&auth("PLAIN", &format!("\0juliet\0{PASSWORD}")));
        server.hears(&header);
        assert_eq!(server.log.get(1).map(String::as_str), Some(&*closed).filter(|_| !expected.is_empty()), "{restart}");

        if !restart.contains("romeo") && !restart.contains("from='im") {
            let mut server = Server::plaintext();
            server.hears(HEADER);
            server.hears("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
            server.hears(&header);
            assert_eq!(
                server.log.first().map(String::as_str),
                Some(&*closed).filter(|_| !expected.is_empty()),
                "{restart}"
            );
        }
    }
}

/// The name asked for in TLS (SNI) against that of the stream header.
#[test]
fn server_name_indication() {
    for (server_name, to, expected) in [
        (Some("im.example"), "to='im.example'", None),
        (Some("IM.EXAMPLE"), "to='im.example'", None),
        (Some("im.example"), "", None),
        (Some("xmpp.machine.example"), "to='im.example'", None),
        (Some("xmpp.machine.example"), "", Some("closed host-unknown")),
        (Some("other.example"), "to='im.example'", Some("closed not-authorized")),
        (None, "to='im.example'", None),
    ] {
        let info = TlsInfo { server_name: server_name.map(str::to_owned), ..tls() };
        let mut server = Server::new(policy(), Security::Tls(info));
        server.hears(&format!("<stream:stream {to} version='1.0' {NS}>"));
        assert_eq!(server.log.first().map(String::as_str), expected, "{server_name:?} {to}");
    }
}

/// RFC 6120 §4.3.2 and §5.3.1, XEP-0440: what is offered when.
#[test]
fn features() {
    const TLS: &str = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'";
    const SCRAM: &str = "<mechanism>SCRAM-SHA-256</mechanism>";
    const PLUS: &str = "<mechanism>SCRAM-SHA-256-PLUS</mechanism>";
    const PLAIN: &str = "<mechanism>PLAIN</mechanism>";
    const CB: &str = "<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'>";
    const EXPORTER: &str = "<channel-binding type='tls-exporter'/>";
    const END_POINT: &str = "<channel-binding type='tls-server-end-point'/>";
    const ALL: [&str; 7] = [TLS, SCRAM, PLUS, PLAIN, CB, EXPORTER, END_POINT];
    let bare = TlsInfo::default();
    let end_point = TlsInfo { exporter: None, ..tls() };
    for (name, security, require_tls, starttls_available, plain_without_tls, expected) in [
        ("plaintext, TLS required", Security::Plaintext, true, true, true, &[TLS][..]),
        ("plaintext, TLS optional", Security::Plaintext, false, true, false, &[TLS, SCRAM]),
        ("plaintext, no TLS", Security::Plaintext, false, false, false, &[SCRAM]),
        ("plaintext, no TLS, PLAIN", Security::Plaintext, false, false, true, &[SCRAM, PLAIN]),
        ("TLS", Security::Tls(tls()), true, true, false, &[SCRAM, PLUS, PLAIN, CB, EXPORTER, END_POINT]),
        ("TLS 1.2", Security::Tls(end_point), true, true, false, &[SCRAM, PLUS, PLAIN, CB, END_POINT]),
        ("TLS, nothing to bind to", Security::Tls(bare), true, true, false, &[SCRAM, PLAIN]),
    ] {
        let mut rules = policy();
        (rules.require_tls, rules.starttls_available) = (require_tls, starttls_available);
        rules.plain_without_tls = plain_without_tls;
        let answer = Server::new(rules, security).hears(HEADER);
        for feature in ALL {
            assert_eq!(answer.contains(feature), expected.contains(&feature), "{name}: {feature} in {answer}");
        }
        assert_eq!(answer.contains("<required/>"), name == "plaintext, TLS required", "{name}");
        assert!(!answer.contains("urn:ietf:params:xml:ns:xmpp-bind"), "{name}");
    }
    let mut rules = policy();
    rules.starttls_available = false;
    let mut server = Server::new(rules, Security::Plaintext);
    server.hears(HEADER);
    assert_eq!(server.last(), "closed policy-violation");

    let mut server = at_bind();
    assert!(server.hears("").is_empty());
    assert_eq!(server.log.len(), 1);
}

/// RFC 6120 §4.7.4: the language of the last header, if it is one.
#[test]
fn language_of_the_stream() {
    for (lang, expected) in [(" xml:lang='de-CH'", "Some(\"de-CH\")"), ("", "None"), (" xml:lang='no good'", "None")] {
        let mut server = at_sasl();
        server.hears(&auth("PLAIN", &format!("\0juliet\0{PASSWORD}")));
        server.hears(&format!("<stream:stream to='im.example'{lang} version='1.0' {NS}>"));
        server.hears(&format!("<iq type='set' id='1'><bind {BIND}/></iq>"));
        assert_eq!(server.last(), format!("established juliet@im.example/generated {expected}"));
    }
}
