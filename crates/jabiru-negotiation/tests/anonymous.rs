//! The receiving entity, rule by rule: ANONYMOUS (RFC 4505, XEP-0175).

mod support;

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jabiru_negotiation::{Mechanism, Policy, Security};
use support::{BIND, HEADER, NS, Server, at_sasl, auth, policy, refusal, sasl, tls};

const SUCCESS: &str = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";

fn rules() -> Policy {
    let mut rules = policy();
    rules.mechanisms.push(Mechanism::Anonymous);
    rules
}

fn server() -> Server {
    let mut server = Server::new(rules(), Security::Tls(tls()));
    assert!(server.hears(HEADER).contains("<mechanism>ANONYMOUS</mechanism></mechanisms>"));
    server
}

/// XEP-0175 §3: only where it was enabled.
#[test]
fn not_by_default() {
    let mut server = at_sasl();
    assert_eq!(refusal(&server.hears(&sasl("auth", " mechanism='ANONYMOUS'", "="))), "invalid-mechanism");
    let mut server = Server::new(rules(), Security::Plaintext);
    server.hears(HEADER);
    assert_eq!(refusal(&server.hears(&sasl("auth", " mechanism='ANONYMOUS'", "="))), "encryption-required");
}

/// XEP-0175 §3: an account that no other stream has or had, of the stream's domain, long and random.
#[test]
fn accounts_are_made_up() {
    let mut seen = BTreeSet::new();
    for _ in 0..50 {
        let mut server = server();
        assert_eq!(server.hears(&sasl("auth", " mechanism='ANONYMOUS'", "")), SUCCESS);
        let account = server.last().strip_prefix("authenticated ").and_then(|rest| rest.strip_suffix(" ANONYMOUS"));
        let account = account.unwrap_or_else(|| panic!("{:?}", server.log)).to_owned();
        assert!(account.ends_with("@im.example") && account.len() == 36 + "@im.example".len(), "{account}");
        server.hears(HEADER);
        let answer = server.hears(&format!("<iq type='set' id='1'><bind {BIND}/></iq>"));
        assert!(answer.contains(&format!("<jid>{account}/generated</jid>")), "{answer}");
        assert!(seen.insert(account));
    }
    for position in (0..36).filter(|position| ![8, 13, 14, 18, 23].contains(position)) {
        let drawn: BTreeSet<u8> = seen.iter().map(|account| account.as_bytes()[position]).collect();
        assert!(drawn.len() > 3 || position == 19 && drawn.len() > 1, "position {position} of {seen:?}");
    }
}

/// RFC 4505 §2 and §3: trace information is checked, and used for nothing.
#[test]
fn traces() {
    let longest = "\u{FC}".repeat(255);
    let too_long = format!("{longest}x");
    for (said, expected) in [
        (sasl("auth", " mechanism='ANONYMOUS'", "="), SUCCESS),
        (auth("ANONYMOUS", "juliet"), SUCCESS),
        (auth("ANONYMOUS", "juliet@im.example"), SUCCESS),
        (auth("ANONYMOUS", &longest), SUCCESS),
        (auth("ANONYMOUS", &too_long), "malformed-request"),
        (auth("ANONYMOUS", "a\u{7}"), "malformed-request"),
        (auth("ANONYMOUS", "@im.example"), "malformed-request"),
        (sasl("auth", " mechanism='ANONYMOUS'", &STANDARD.encode(b"\xFF")), "malformed-request"),
        (sasl("auth", " mechanism='ANONYMOUS'", "trace"), "incorrect-encoding"),
    ] {
        let mut server = server();
        let answer = server.hears(&said);
        if expected == SUCCESS {
            assert_eq!(answer, SUCCESS, "{said}");
            assert!(!server.last().contains("juliet"), "{}", server.last());
        } else {
            assert_eq!(refusal(&answer), expected, "{said}");
            assert_eq!(server.last(), format!("failed  ANONYMOUS {expected}"));
        }
    }
}

/// RFC 6120 §6.4.6: whoever states an address is not nobody.
#[test]
fn header_from() {
    let mut server = Server::new(rules(), Security::Tls(tls()));
    server.hears(&format!("<stream:stream from='juliet@im.example' to='im.example' version='1.0' {NS}>"));
    server.hears(&sasl("auth", " mechanism='ANONYMOUS'", ""));
    assert_eq!(server.last(), "closed invalid-from");
}
