//! The receiving entity, rule by rule: SASL (RFC 6120 §6).
//!
//! Each row of a table is a dialogue in which one thing is special.

mod support;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jabiru_negotiation::{CertificateValidity, Mechanism, ScramHash, Security};
use support::{HEADER, NS, PASSWORD, Server, at_sasl, auth, policy, refusal, sasl, tls, tls_with};

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
        assert_eq!(refusal(&server.hears(&said)), expected, "{said}");
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
    assert_eq!(refusal(&server.hears(&sasl("response", "", "="))), "incorrect-encoding");
    assert_eq!(refusal(&server.hears(&sasl("response", "", "AAAA"))), "malformed-request", "the handshake is over");

    let mut server = at_sasl();
    server.hears(&auth("SCRAM-SHA-1", "n,,n=romeo,r=abc"));
    server.hears(&auth("PLAIN", &format!("\0juliet\0{PASSWORD}")));
    assert_eq!(server.log, ["authenticated juliet@im.example PLAIN"]);

    let mut server = at_sasl();
    server.hears(&auth("SCRAM-SHA-1", "n,,n=juliet,r=abc"));
    assert_eq!(refusal(&server.hears(&sasl("abort", "", ""))), "aborted");
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
        while !server.closed && times < 10 {
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
    assert_eq!(refusal(&end), "not-authorized");
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
        assert_eq!(refusal(&server.hears(&said)), expected, "{said}");
        // TLS is still to be had.
        assert!(server.hears("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>").starts_with("<proceed "));
    }
    let mut server = Server::new(rules, Security::Plaintext);
    server.hears(HEADER);
    assert!(server.hears(&auth("SCRAM-SHA-1", "y,,n=juliet,r=abc")).starts_with("<challenge "), "nothing was offered");
}

/// RFC 6120 §6.5.9: a mechanism that is known here, and left out because all that are enabled are stronger.
#[test]
fn too_weak() {
    use Mechanism::{External, Plain, Scram, ScramPlus};
    use ScramHash::{Sha1, Sha256, Sha512};
    for (enabled, asked, expected) in [
        (&[Scram(Sha256)][..], "PLAIN", "mechanism-too-weak"),
        (&[Scram(Sha256)], "SCRAM-SHA-1", "mechanism-too-weak"),
        (&[Scram(Sha512), Scram(Sha256)], "SCRAM-SHA-1", "mechanism-too-weak"),
        (&[ScramPlus(Sha1)], "SCRAM-SHA-512", "mechanism-too-weak"),
        (&[ScramPlus(Sha256)], "SCRAM-SHA-1-PLUS", "mechanism-too-weak"),
        (&[External], "SCRAM-SHA-512-PLUS", "mechanism-too-weak"),
        (&[Scram(Sha256), Mechanism::Anonymous], "PLAIN", "mechanism-too-weak"),
        // Something as weak is enabled: that it is weak can't be why.
        (&[Scram(Sha256), Plain], "SCRAM-SHA-1", "invalid-mechanism"),
        (&[Scram(Sha1)], "SCRAM-SHA-256", "invalid-mechanism"),
        (&[Mechanism::Anonymous], "PLAIN", "invalid-mechanism"),
        // Never heard of, or nothing to compare.
        (&[Scram(Sha256)], "DIGEST-MD5", "invalid-mechanism"),
        (&[Scram(Sha256)], "ANONYMOUS", "invalid-mechanism"),
    ] {
        for security in
            [Security::Tls(tls_with(&["juliet@im.example"], CertificateValidity::Valid)), Security::Plaintext]
        {
            let mut rules = policy();
            rules.mechanisms = enabled.to_vec();
            let mut server = Server::new(rules, security);
            server.hears(HEADER);
            let answer = server.hears(&sasl("auth", &format!(" mechanism='{asked}'"), ""));
            assert_eq!(refusal(&answer), expected, "{asked} instead of {enabled:?}");
        }
    }
}

/// The client of the `sasl` crate, which shares nothing with ours.
#[test]
fn a_foreign_client() {
    use ::sasl::client::mechanisms::Scram;
    use ::sasl::common::ChannelBinding;
    use ::sasl::common::scram::{Sha1, Sha256};

    fn log_in(mut client: impl ::sasl::client::Mechanism) {
        let mut server = at_sasl();
        let name = client.name().to_owned();
        let request = sasl("auth", &format!(" mechanism='{name}'"), &STANDARD.encode(client.initial()));
        let content = |answer: &str| {
            let content = answer.split('>').nth(1).and_then(|rest| rest.split('<').next()).unwrap_or_default();
            STANDARD.decode(content).unwrap_or_else(|_| panic!("{answer}"))
        };
        let challenge = server.hears(&request);
        let response = client.response(&content(&challenge)).unwrap_or_else(|error| panic!("{challenge}: {error}"));
        let success = server.hears(&sasl("response", "", &STANDARD.encode(response)));
        client.success(&content(&success)).unwrap_or_else(|error| panic!("{success}: {error}"));
        assert_eq!(server.log, [format!("authenticated juliet@im.example {name}")]);
    }
    let exporter = || ChannelBinding::TlsExporter(tls().exporter.unwrap_or_default());
    log_in(Scram::<Sha1>::new("juliet", PASSWORD, ChannelBinding::None).unwrap());
    log_in(Scram::<Sha256>::new("juliet", PASSWORD, ChannelBinding::None).unwrap());
    log_in(Scram::<Sha1>::new("juliet", PASSWORD, exporter()).unwrap());
    log_in(Scram::<Sha256>::new("juliet", PASSWORD, exporter()).unwrap());
}

/// RFC 6120 §6.5: all eleven failures, each by a cause of its own, and the stream goes on after each.
#[test]
fn every_failure_has_its_cause() {
    use std::collections::BTreeSet;

    let plain = |name: &str, password: &str| auth("PLAIN", &format!("\0{name}\0{password}"));
    let mut seen = BTreeSet::new();
    for (cause, said, expected, text) in [
        ("an abort", sasl("abort", "", ""), "aborted", ""),
        ("a disabled account", plain("disabled", PASSWORD), "account-disabled", "the account is disabled"),
        ("an expired password", plain("expired", PASSWORD), "credentials-expired", "the password has to be renewed"),
        ("no TLS", plain("juliet", PASSWORD), "encryption-required", "TLS has to come first"),
        ("no base64", sasl("auth", " mechanism='PLAIN'", "?"), "incorrect-encoding", ""),
        ("another's authzid", auth("PLAIN", "romeo@im.example\0juliet\0x"), "invalid-authzid", ""),
        ("an unknown mechanism", auth("DIGEST-MD5", "x"), "invalid-mechanism", ""),
        ("a malformed message", auth("PLAIN", "juliet"), "malformed-request", ""),
        ("a weak mechanism", auth("SCRAM-SHA-1", "x"), "mechanism-too-weak", "a stronger mechanism is wanted"),
        ("a wrong password", plain("juliet", "x"), "not-authorized", ""),
        ("no such account", plain("nobody", PASSWORD), "not-authorized", ""),
        ("our own trouble", plain("broken", PASSWORD), "temporary-auth-failure", "try again later"),
        ("a throttle", plain("guessed", PASSWORD), "temporary-auth-failure", "too many attempts: try again later"),
    ] {
        let mut rules = policy();
        if expected == "mechanism-too-weak" {
            rules.mechanisms = vec![Mechanism::Scram(ScramHash::Sha256)];
        }
        let security = if cause == "no TLS" { Security::Plaintext } else { Security::Tls(tls()) };
        let mut server = Server::new(rules, security);
        server.hears(HEADER);
        let answer = server.hears(&said);
        assert_eq!(refusal(&answer), expected, "{cause}");
        match text {
            "" => assert!(!answer.contains("<text"), "{cause}: {answer}"),
            _ => assert!(answer.contains(&format!("<text xml:lang='en'>{text}</text>")), "{cause}: {answer}"),
        }
        assert!(!server.closed, "{cause}");
        seen.insert(expected);
    }
    assert_eq!(seen.len(), jabiru_stanza::SaslCondition::ALL.len());
}

/// RFC 6120 §6.4.4: an abort ends a handshake wherever it is, also where it has to wait for us.
#[test]
fn aborts() {
    let abort = sasl("abort", "", "");
    for said in [
        sasl("auth", " mechanism='PLAIN'", ""),
        auth("SCRAM-SHA-1", "n,,n=juliet,r=abc"),
        auth("SCRAM-SHA-1", "n,,n=nobody,r=abc"),
    ] {
        let mut server = at_sasl();
        let answer = server.hears(&format!("{said}{abort}"));
        let (challenge, failure) = answer.split_at(answer.find("<failure").unwrap());
        assert!(challenge.starts_with("<challenge "), "{said}: {answer}");
        assert_eq!(refusal(failure), "aborted", "{said}");
        // Held back while the machine waits for the storage: the same in the end.
        let mut server = at_sasl();
        for xml in [&said, &abort] {
            let element = jabiru_xml::RawElement::parse(xml, "jabber:client").unwrap();
            server.machine.handle_event(jabiru_xml::Event::Element(element), server.now);
        }
        server.settle();
        assert!(server.output.ends_with("<aborted/></failure>"), "{said}: {}", server.output);
        assert!(server.last().ends_with(" aborted"), "{:?}", server.log);
        // And another handshake may begin.
        assert!(server.hears(&auth("PLAIN", &format!("\0juliet\0{PASSWORD}"))).contains("<success "));
    }
}
