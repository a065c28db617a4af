//! The receiving entity, rule by rule. Each row of a table is a dialogue in which one thing is special.

mod support;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jabiru_negotiation::{Mechanism, ScramHash, Security, TlsInfo};
use support::{HEADER, PASSWORD, Server, policy, tls};

const NS: &str = "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'";
const BIND: &str = "xmlns='urn:ietf:params:xml:ns:xmpp-bind'";

fn auth(mechanism: &str, message: &str) -> String {
    sasl("auth", &format!(" mechanism='{mechanism}'"), &STANDARD.encode(message))
}

fn sasl(name: &str, attributes: &str, content: &str) -> String {
    format!("<{name} xmlns='urn:ietf:params:xml:ns:xmpp-sasl'{attributes}>{content}</{name}>")
}

fn failure(condition: &str) -> String {
    format!("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><{condition}/></failure>")
}

/// Under TLS and at the offer of mechanisms.
fn at_sasl() -> Server {
    let mut server = Server::direct();
    server.hears(HEADER);
    server
}

/// Authenticated, and at the offer to bind.
fn at_bind() -> Server {
    let mut server = at_sasl();
    server.hears(&auth("PLAIN", &format!("\0juliet\0{PASSWORD}")));
    assert_eq!(server.last(), "authenticated juliet@im.example PLAIN");
    server.hears(HEADER);
    server
}

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

/// RFC 6120 §4.7.3: ids are long, and new with every header.
#[test]
fn stream_ids() {
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..50 {
        let answer = Server::plaintext().hears(HEADER);
        let (_, rest) = answer.split_once(" id='").unwrap();
        let id = rest.split('\'').next().unwrap().to_owned();
        assert_eq!(id.len(), 24);
        assert!(seen.insert(id));
    }
    let mut server = at_bind();
    server.hears("</stream:stream>");
    assert_eq!(server.log.len(), 2);
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
    ] {
        let header = format!("<stream:stream {restart} {NS}>");
        let mut server = at_sasl();
        server.hears(&auth("PLAIN", &format!("\0juliet\0{PASSWORD}")));
        let answer = server.hears(&header);
        assert!(answer.contains(" from='im.example'"), "{restart}: {answer}");
        let closed = format!("closed {expected}");
        assert_eq!(server.log.get(1).map(String::as_str), Some(&*closed).filter(|_| !expected.is_empty()), "{restart}");

        if !restart.contains("romeo") {
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

/// RFC 6120 §5.4.2 and §6.5.4: before TLS where TLS is required.
#[test]
fn before_tls() {
    const FAILURE: &str = "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>";
    for (said, expected_answer, expected_end) in [
        (
            "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
            "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
            "",
        ),
        ("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'>now</starttls>", FAILURE, "closed"),
        ("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>", FAILURE, "closed"),
        ("<starttls/>", "policy-violation", "closed policy-violation"),
        ("<message to='romeo@im.example'/>", "policy-violation", "closed policy-violation"),
        (
            "<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
            "policy-violation",
            "closed policy-violation",
        ),
        (
            "<compress xmlns='http://jabber.org/protocol/compress'><method>zlib</method></compress>",
            "policy-violation",
            "closed policy-violation",
        ),
        (
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGEAYg==</auth>",
            "<encryption-required/>",
            "failed   encryption-required",
        ),
        ("</stream:stream>", "</stream:stream>", "closed"),
    ] {
        let mut server = Server::plaintext();
        server.hears(HEADER);
        let answer = server.hears(said);
        assert!(answer.contains(expected_answer), "{said}: {answer}");
        assert_eq!(server.last(), expected_end, "{said}");
    }
}

/// RFC 6120 §5.4.3.3, CVE-2011-0411: what follows `<starttls/>` in the clear is never read.
#[test]
fn nothing_is_read_behind_starttls() {
    let mut server = Server::plaintext();
    server.hears(HEADER);
    let injected = auth("PLAIN", &format!("\0juliet\0{PASSWORD}"));
    let answer = server.hears(&format!("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>{HEADER}{injected}"));
    assert_eq!(answer, "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    assert!(server.hears(HEADER).ends_with("</stream:features>"));
    assert!(server.log.is_empty());

    // Even a caller that goes on feeding its old reader gets nothing out of it.
    use jabiru_negotiation::{ClientStream, Event};
    let now = server.now;
    let mut machine = ClientStream::new(std::sync::Arc::new(policy()), Security::Plaintext, now);
    let mut reader = jabiru_xml::Reader::new(jabiru_xml::Limits::UNAUTHENTICATED);
    let said =
        format!("{HEADER}<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>{injected}<message/></stream:stream>");
    let mut input = said.as_bytes();
    while let Some(event) = reader.read(&mut input).unwrap() {
        machine.handle_event(event, now);
    }
    let mut out = Vec::new();
    machine.take_output(&mut out);
    assert!(out.ends_with(b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"));
    assert!(matches!(machine.poll_event(), Some(Event::StartTls)));
    assert!(matches!(machine.poll_event(), None | Some(Event::Closed { error: None })));
}

/// RFC 6120 §5.4.2.2: STARTTLS where it is not offered.
#[test]
fn starttls_out_of_turn() {
    let said = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
    let mut challenged = at_sasl();
    challenged.hears(&auth("SCRAM-SHA-1", "n,,n=juliet,r=abc"));
    for (name, mut server) in [("under TLS", at_sasl()), ("during SASL", challenged), ("after SASL", at_bind())] {
        let answer = server.hears(said);
        assert_eq!(answer, "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>", "{name}");
        assert_eq!(server.last(), "closed", "{name}");
    }
}

/// RFC 6120 §6.4 and §6.5: the first thing said after the offer of mechanisms.
#[test]
fn sasl_requests() {
    let scram = |message: &str| auth("SCRAM-SHA-1", message);
    let plus = |message: &str| auth("SCRAM-SHA-1-PLUS", message);
    let plain = |message: &str| auth("PLAIN", message);
    let raw = |content: &str| sasl("auth", " mechanism='PLAIN'", content);
    for (said, expected) in [
        // §6.5.7
        (sasl("auth", "", "AGEAYg=="), "invalid-mechanism"),
        (auth("", "x"), "invalid-mechanism"),
        (auth("plain", "x"), "invalid-mechanism"),
        (auth("DIGEST-MD5", "x"), "invalid-mechanism"),
        (auth("EXTERNAL", ""), "invalid-mechanism"),
        (auth("ANONYMOUS", ""), "invalid-mechanism"),
        (auth("SCRAM-SHA-512", "n,,n=juliet,r=abc"), "invalid-mechanism"),
        // §6.5.5, §13.9.1
        (raw("AGEAYg"), "incorrect-encoding"),
        (raw("AGEAYg="), "incorrect-encoding"),
        (raw("AGEAYh=="), "incorrect-encoding"),
        (raw("AGEA Yg=="), "incorrect-encoding"),
        (raw("AGEAYg==\n"), "incorrect-encoding"),
        (raw("=AAA"), "incorrect-encoding"),
        (raw("BBBB=CCC"), "incorrect-encoding"),
        (raw("AGEA-_=="), "incorrect-encoding"),
        (raw("=="), "incorrect-encoding"),
        // §6.5.8
        (raw("="), "malformed-request"),
        (raw("<x/>"), "malformed-request"),
        (plain("juliet"), "malformed-request"),
        (plain("\0\0"), "malformed-request"),
        (plain("\0juliet\0"), "malformed-request"),
        (plain("\0juliet\0a\0b"), "malformed-request"),
        (scram("n,,r=abc"), "malformed-request"),
        (scram("n,,n=juliet"), "malformed-request"),
        (scram("n,,n=jul=iet,r=abc"), "malformed-request"),
        (scram("n,,m=x,n=juliet,r=abc"), "malformed-request"),
        (scram("p=tls-exporter,,n=juliet,r=abc"), "malformed-request"),
        (plus("n,,n=juliet,r=abc"), "malformed-request"),
        (plus("y,,n=juliet,r=abc"), "malformed-request"),
        (sasl("response", "", "AAAA"), "malformed-request"),
        (sasl("success", "", ""), "malformed-request"),
        // §6.4.4
        (sasl("abort", "", ""), "aborted"),
        // §6.5.6
        (plain("romeo@im.example\0juliet\0x"), "invalid-authzid"),
        (plain("juliet@other.example\0juliet\0x"), "invalid-authzid"),
        (plain("juliet@im.example/balcony\0juliet\0x"), "invalid-authzid"),
        (plain("juliet\0juliet\0x"), "invalid-authzid"),
        (plain("@\0juliet\0x"), "invalid-authzid"),
        (scram("n,a=romeo@im.example,n=juliet,r=abc"), "invalid-authzid"),
        (scram("n,a=,n=juliet,r=abc"), "invalid-authzid"),
        (scram("n,a=x=y,n=juliet,r=abc"), "invalid-authzid"),
        // §6.5.10
        (scram("y,,n=juliet,r=abc"), "not-authorized"),
        (plus("p=tls-unique,,n=juliet,r=abc"), "not-authorized"),
        (scram("n,,n=juliet@other.example,r=abc"), "not-authorized"),
        (scram("n,,n=juliet@,r=abc"), "not-authorized"),
        (scram("n,,n=jul iet,r=abc"), "not-authorized"),
        (plain("\0nobody\0x"), "not-authorized"),
        (plain(&format!("\0juliet\0{PASSWORD} ")), "not-authorized"),
        (plain("\0juliet\0\u{7}"), "not-authorized"),
    ] {
        let mut rules = policy();
        rules.mechanisms =
            vec![Mechanism::ScramPlus(ScramHash::Sha1), Mechanism::Scram(ScramHash::Sha1), Mechanism::Plain];
        let mut server = Server::new(rules, Security::Tls(tls()));
        server.hears(HEADER);
        assert_eq!(server.hears(&said), failure(expected), "{said}");
        assert!(server.last().ends_with(expected), "{said}: {:?}", server.log);
        // The stream goes on.
        let answer = server.hears(&plain(&format!("\0juliet\0{PASSWORD}")));
        assert_eq!(answer, "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", "{said}");
    }
}

/// The same account, however the initiating entity writes it.
#[test]
fn user_names() {
    for message in [
        format!("\0juliet\0{PASSWORD}"),
        format!("\0JULIET\0{PASSWORD}"),
        format!("\0juliet@im.example\0{PASSWORD}"),
        format!("\0Juliet@IM.example\0{PASSWORD}"),
        format!("juliet@im.example\0juliet\0{PASSWORD}"),
        format!("JULIET@im.Example\0juliet\0{PASSWORD}"),
    ] {
        let mut server = at_sasl();
        server.hears(&auth("PLAIN", &message));
        assert_eq!(server.last(), "authenticated juliet@im.example PLAIN", "{message:?}");
    }
    for message in ["n,,n=Juliet,r=abc", "n,a=juliet@im.example,n=juliet,r=abc", "n,,n=jul\u{AD}iet@im.example,r=abc"] {
        let mut server = at_sasl();
        assert!(server.hears(&auth("SCRAM-SHA-1", message)).starts_with("<challenge "), "{message}");
    }
}

/// RFC 6120 §6.4.2 and §6.4.3: a mechanism without an initial response, and a second `<auth/>` amidst a handshake.
#[test]
fn sequences() {
    const EMPTY: &str = "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
    let mut server = at_sasl();
    assert_eq!(server.hears(&sasl("auth", " mechanism='PLAIN'", "")), EMPTY);
    let response = STANDARD.encode(format!("\0juliet\0{PASSWORD}"));
    server.hears(&sasl("response", "", &response));
    assert_eq!(server.last(), "authenticated juliet@im.example PLAIN");

    let mut server = at_sasl();
    assert_eq!(server.hears(&sasl("auth", " mechanism='SCRAM-SHA-1'", "")), EMPTY);
    assert!(server.hears(&sasl("response", "", &STANDARD.encode("n,,n=juliet,r=abc"))).starts_with("<challenge "));
    assert_eq!(server.hears(&sasl("response", "", "=")), failure("incorrect-encoding"));
    assert_eq!(server.hears(&sasl("response", "", "AAAA")), failure("malformed-request"), "the handshake is over");

    let mut server = at_sasl();
    server.hears(&auth("SCRAM-SHA-1", "n,,n=romeo,r=abc"));
    server.hears(&auth("PLAIN", &format!("\0juliet\0{PASSWORD}")));
    assert_eq!(server.log, ["authenticated juliet@im.example PLAIN"]);

    let mut server = at_sasl();
    server.hears(&auth("SCRAM-SHA-1", "n,,n=juliet,r=abc"));
    assert_eq!(server.hears(&sasl("abort", "", "")), failure("aborted"));
    assert_eq!(server.last(), "failed juliet@im.example SCRAM-SHA-1 aborted");
}

/// RFC 6120 §6.4.5: attempts are bounded, however they come to nothing.
#[test]
fn attempts_are_bounded() {
    for said in [
        auth("PLAIN", "\0juliet\0wrong"),
        auth("UNKNOWN", ""),
        sasl("abort", "", ""),
        // Each takes the place of the one before, without an answer to it.
        auth("SCRAM-SHA-1", "n,,n=juliet,r=abc"),
    ] {
        let mut server = at_sasl();
        let mut times = 0;
        while !server.closed {
            server.hears(&said);
            times += 1;
        }
        assert!((5..=6).contains(&times), "{said}: {times}");
        assert_eq!(server.last(), "closed policy-violation", "{said}");
    }
}

/// Directory harvesting (RFC 6120 §6.5.10, RFC 5802 §9): an account that is not there looks like one that is.
#[test]
fn unknown_accounts_look_real() {
    let challenge = |mechanism: &str, username: &str, key: [u8; 32]| {
        let mut rules = policy();
        rules.fake_salt_key = key;
        let mut server = Server::new(rules, Security::Tls(tls()));
        server.hears(HEADER);
        let answer = server.hears(&auth(mechanism, &format!("n,,n={username},r=abc")));
        let text = answer.split('>').nth(1).unwrap().split('<').next().unwrap();
        let message = String::from_utf8(STANDARD.decode(text).unwrap()).unwrap();
        let proof = STANDARD.encode(vec![0; if mechanism == "SCRAM-SHA-1" { 20 } else { 32 }]);
        let nonce = message.split(',').next().unwrap();
        let end = server.hears(&sasl("response", "", &STANDARD.encode(format!("c=biws,{nonce},p={proof}"))));
        let (_, rest) = message.split_once(",s=").unwrap();
        (rest.to_owned(), end)
    };
    let key = [7; 32];
    let (real, end) = challenge("SCRAM-SHA-1", "juliet", key);
    let (unknown, unknown_end) = challenge("SCRAM-SHA-1", "nobody", key);
    assert_eq!((real.len(), end.as_str()), (unknown.len(), unknown_end.as_str()), "same shape, same error");
    assert_eq!(end, failure("not-authorized"));
    assert_eq!(real.split(',').nth(1), unknown.split(',').nth(1), "same iterations");
    assert_eq!(unknown, challenge("SCRAM-SHA-1", "nobody", key).0, "same every time");
    assert_eq!(unknown, challenge("SCRAM-SHA-1", "NOBODY", key).0, "same for the same account");
    assert_ne!(unknown, challenge("SCRAM-SHA-1", "nobody2", key).0);
    assert_ne!(unknown, challenge("SCRAM-SHA-256", "nobody", key).0);
    assert_ne!(unknown, challenge("SCRAM-SHA-1", "nobody", [8; 32]).0, "not to be computed without the key");
}

/// RFC 6120 §6.4.6: the address that the header states under TLS must be that of the account.
#[test]
fn header_from_against_account() {
    for (from, expected) in [
        ("juliet@im.example", "authenticated juliet@im.example PLAIN"),
        ("romeo@im.example", "closed invalid-from"),
        ("im.example", "closed invalid-from"),
    ] {
        let mut server = Server::direct();
        server.hears(&format!("<stream:stream from='{from}' to='im.example' version='1.0' {NS}>"));
        server.hears(&auth("PLAIN", &format!("\0juliet\0{PASSWORD}")));
        assert_eq!(server.last(), expected, "{from}");
    }
}

/// PLAIN and -PLUS without TLS (RFC 6120 §6.5.4, §13.8.3).
#[test]
fn plaintext_without_required_tls() {
    let mut rules = policy();
    rules.require_tls = false;
    for (said, expected) in [
        (auth("PLAIN", &format!("\0juliet\0{PASSWORD}")), "encryption-required"),
        (auth("SCRAM-SHA-1-PLUS", "p=tls-exporter,,n=juliet,r=abc"), "encryption-required"),
        (auth("EXTERNAL", ""), "invalid-mechanism"),
    ] {
        let mut server = Server::new(rules.clone(), Security::Plaintext);
        server.hears(HEADER);
        assert_eq!(server.hears(&said), failure(expected), "{said}");
        // TLS is still to be had.
        assert!(server.hears("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>").starts_with("<proceed "));
    }
    let mut server = Server::new(rules, Security::Plaintext);
    server.hears(HEADER);
    assert!(server.hears(&auth("SCRAM-SHA-1", "y,,n=juliet,r=abc")).starts_with("<challenge "), "nothing was offered");
}

/// RFC 6120 §7: what each request to bind leads to.
#[test]
fn binding() {
    let iq = |kind: &str, content: &str| format!("<iq type='{kind}' id='b&lt;1'><bind {BIND}>{content}</bind></iq>");
    let resource = |resource: &str| iq("set", &format!("<resource>{resource}</resource>"));
    let long = "x".repeat(1024);
    for (said, expected) in [
        (iq("set", ""), "<jid>juliet@im.example/generated</jid>"),
        (resource(""), "<jid>juliet@im.example/generated</jid>"),
        (resource("balcony"), "<jid>juliet@im.example/balcony</jid>"),
        (resource("o&apos;r &amp; &#xFC;"), "<jid>juliet@im.example/o'r &amp; \u{FC}</jid>"),
        // Not assigned in Unicode 3.2, and so not in resourceprep (RFC 6122 §2.4).
        (resource("&#x1F339;"), "<error type='modify'><bad-request "),
        (resource("taken"), "<error type='modify'><conflict "),
        (resource("full"), "<error type='wait'><resource-constraint "),
        (resource("forbidden"), "<error type='cancel'><not-allowed "),
        (resource("trouble"), "<error type='cancel'><internal-server-error "),
        (resource(&long), "<error type='modify'><bad-request "),
        (resource("a&#x7F;b"), "<error type='modify'><bad-request "),
        (iq("get", ""), "<error type='modify'><bad-request "),
        (iq("", ""), "<error type='modify'><bad-request "),
        (format!("<iq type='set' id='b&lt;1'><bind {BIND}/><bind {BIND}/></iq>"), "<error type='modify'><bad-request "),
        (format!("<iq type='set'><bind {BIND}/></iq>"), "<error type='modify'><bad-request "),
    ] {
        let mut server = at_bind();
        let answer = server.hears(&said);
        assert!(answer.starts_with("<iq ") && answer.contains(expected), "{said}: {answer}");
        assert_eq!(answer.contains(" id='b&lt;1'"), said.contains(" id="), "{said}: {answer}");
        let bound = answer.contains(" type='result'");
        assert_eq!(bound, expected.starts_with("<jid>"), "{said}: {answer}");
        if bound {
            assert_eq!(server.machine.poll_timeout(), None);
        } else {
            assert!(answer.contains(" type='error'"), "{answer}");
            let answer = server.hears(&resource("balcony"));
            assert!(answer.contains("<jid>juliet@im.example/balcony</jid>"), "a second try: {answer}");
        }
    }
}

/// RFC 6120 §7.7.3: retries are bounded.
#[test]
fn binding_attempts_are_bounded() {
    let mut server = at_bind();
    let said = format!("<iq type='set' id='1'><bind {BIND}><resource>taken</resource></bind></iq>");
    let mut times = 0;
    while !server.closed {
        server.hears(&said);
        times += 1;
    }
    assert_eq!(times, 8);
    assert_eq!(server.last(), "closed policy-violation");
}

/// RFC 6120 §4.9.3.12 and §7.1: what has no business at this point ends the stream.
#[test]
fn out_of_turn() {
    let bind = format!("<iq type='set' id='1'><bind {BIND}/></iq>");
    let session = "<iq type='set' id='1'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>";
    let mut challenged = at_sasl();
    challenged.hears(&auth("SCRAM-SHA-1", "n,,n=juliet,r=abc"));
    for (name, mut server, said) in [
        ("stanza before SASL", at_sasl(), "<message to='romeo@im.example'/>"),
        ("binding before SASL", at_sasl(), &*bind),
        ("unknown before SASL", at_sasl(), "<x xmlns='urn:x'/>"),
        ("compression", at_sasl(), "<compress xmlns='http://jabber.org/protocol/compress'/>"),
        ("stanza during SASL", challenged, "<presence/>"),
        ("stanza before binding", at_bind(), "<presence/>"),
        ("session before binding", at_bind(), session),
        ("SASL again", at_bind(), "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'/>"),
        ("result before binding", at_bind(), "<iq type='result' id='1'/>"),
        (
            "bind of type result",
            at_bind(),
            "<iq type='result' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
        ),
    ] {
        let answer = server.hears(said);
        assert!(answer.ends_with("</stream:error></stream:stream>"), "{name}: {answer}");
        assert_eq!(server.last(), "closed not-authorized", "{name}");
        assert_eq!(server.hears("<presence/>"), "", "{name}: nothing after the end");
    }
}

/// While we wait for ourselves, what comes is held, and in order; too much of it ends the stream.
#[test]
fn waiting() {
    use jabiru_negotiation::{ClientStream, Event};
    use jabiru_stanza::Jid;
    let start = || {
        let mut server = at_bind();
        server.hears("");
        server
    };
    let element = |xml: &str| jabiru_xml::Event::Element(jabiru_xml::RawElement::parse(xml, "jabber:client").unwrap());
    let bind = format!("<iq type='set' id='1'><bind {BIND}/></iq>");
    let asked = |machine: &mut ClientStream| match machine.poll_event() {
        Some(Event::BindResource { account, .. }) => account,
        other => panic!("{other:?}"),
    };

    let mut server = start();
    server.machine.handle_event(element(&bind), server.now);
    let account = asked(&mut server.machine);
    server.machine.handle_event(element("<presence id='a'/>"), server.now);
    server.machine.handle_event(element("<message id='b'/>"), server.now);
    assert!(server.machine.poll_held().is_none(), "not before the end");
    server.machine.handle_bind(Ok(account.with_resource_str("r").unwrap()));
    let mut held = Vec::new();
    while let Some(jabiru_xml::Event::Element(element)) = server.machine.poll_held() {
        held.push(element.attribute("id").unwrap().into_owned());
    }
    assert_eq!(held, ["a", "b"]);

    let mut server = start();
    server.machine.handle_event(element(&bind), server.now);
    for _ in 0..9 {
        server.machine.handle_event(element("<presence/>"), server.now);
    }
    asked(&mut server.machine);
    server.settle();
    assert_eq!(server.last(), "closed policy-violation");
    // Too late: nothing comes of it.
    server.machine.handle_bind(Ok(account.with_resource_str("r").unwrap()));
    server.settle();
    assert_eq!(server.last(), "closed policy-violation");

    // Bound, but to somebody else: our own mistake must not become theirs.
    let mut server = start();
    server.machine.handle_event(element(&bind), server.now);
    asked(&mut server.machine);
    let other = Jid::new("romeo@im.example/r").unwrap().try_into_full().unwrap();
    server.machine.handle_bind(Ok(other));
    server.settle();
    assert_eq!(server.last(), "closed internal-server-error");
}

/// RFC 6120 §4.4: the closing handshake, and the caller's own end.
#[test]
fn closing() {
    for (name, mut server) in [("at SASL", at_sasl()), ("at binding", at_bind()), ("at STARTTLS", Server::plaintext())]
    {
        if name == "at STARTTLS" {
            server.hears(HEADER);
        }
        assert_eq!(server.hears("</stream:stream>"), "</stream:stream>", "{name}");
        assert_eq!(server.last(), "closed", "{name}");
        assert_eq!(server.machine.poll_timeout(), None, "{name}");
    }
    use jabiru_stanza::{StreamCondition, StreamError};
    let mut server = at_sasl();
    server.machine.close(Some(StreamError::new(StreamCondition::SystemShutdown)));
    server.machine.close(None);
    server.settle();
    assert!(server.output.starts_with("<stream:error><system-shutdown "), "{}", server.output);
    assert_eq!(server.log, ["closed system-shutdown"]);

    // Before anything was said.
    let mut server = Server::direct();
    server.machine.close(Some(StreamError::new(StreamCondition::SystemShutdown)));
    server.settle();
    assert!(server.output.starts_with("<?xml version='1.0'?><stream:stream "), "{}", server.output);
    let mut server = Server::direct();
    server.machine.close(None);
    server.settle();
    assert_eq!((server.output.as_str(), server.last()), ("", "closed"));
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
