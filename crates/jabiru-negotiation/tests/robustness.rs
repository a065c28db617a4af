//! Whatever is sent, the machine neither panics nor lets in somebody else, and its secrets stay inside.

mod support;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jabiru_negotiation::{CertificateValidity, ClientStream, InitiatingPolicy, InitiatingStream, Mechanism, Security};
use support::{BIND, HEADER, PASSWORD, Server, auth, login, policy, sasl, tls, tls_with};

/// Good dialogues with one octet replaced, left out or doubled.
#[test]
fn damaged_dialogues() {
    for request in [
        auth("PLAIN", &format!("\0juliet\0{PASSWORD}")),
        auth("EXTERNAL", "juliet@im.example"),
        sasl("auth", " mechanism='EXTERNAL'", "="),
    ] {
        let dialogue = format!("{HEADER}{request}{HEADER}<iq type='set' id='1'><bind {BIND}/></iq>");
        let octets = dialogue.as_bytes();
        let mut bound = 0;
        for at in 0..octets.len() {
            for replacement in
                [&b""[..], b"<", b">", b"'", b"&", b" ", b"\0", b"\xFF", b"=", b"/", &octets[at..=at].repeat(2)]
            {
                let damaged = [&octets[..at], replacement, &octets[at + 1..]].concat();
                let mut rules = policy();
                rules.mechanisms.push(Mechanism::External);
                // Nobody but juliet has a password, and nobody but her and romeo is named in the certificate.
                let certificate = tls_with(&["juliet@im.example", "romeo@other.example"], CertificateValidity::Valid);
                let mut server = Server::new(rules, Security::Tls(certificate));
                server.receives(&damaged);
                for line in &server.log {
                    let somebody = line.starts_with("authenticated") || line.starts_with("established");
                    assert!(!somebody || line.contains(" juliet@im.example"), "{line}: {}", damaged.escape_ascii());
                }
                bound += usize::from(server.established.is_some());
            }
        }
        assert!(bound > 0, "a doubled space does no harm");
    }
}

/// Neither machine shows a password in its debugging output, at any point of a dialogue.
#[test]
fn debug_shows_no_password() {
    let hidden = [PASSWORD.to_owned(), STANDARD.encode(format!("\0juliet\0{PASSWORD}"))];
    let check = |shown: String| assert!(!hidden.iter().any(|secret| shown.contains(&**secret)), "{shown}");

    let mut rules = policy();
    rules.mechanisms = vec![Mechanism::Plain];
    let mut server = Server::new(rules.clone(), Security::Tls(tls()));
    let mut client = support::Client::new(
        login("juliet@im.example", PASSWORD, None),
        InitiatingPolicy::default(),
        Security::Tls(tls()),
    );
    let features = server.receives(&client.says());
    client.receives(features.as_bytes());
    // The password is in its output now.
    check(format!("{:?}", client.machine));
    assert!(client.says().ends_with(b"</auth>"));

    let mut machine = ClientStream::new(std::sync::Arc::new(rules), Security::Tls(tls()), server.now);
    let mut reader = jabiru_xml::Reader::new(jabiru_xml::Limits::UNAUTHENTICATED);
    let message = auth("PLAIN", &format!("\0juliet\0{PASSWORD}"));
    // The second waits behind the first.
    let said = format!("{HEADER}{message}{message}");
    let mut input = said.as_bytes();
    while let Some(event) = reader.read(&mut input).unwrap() {
        machine.handle_event(event, server.now);
        check(format!("{machine:?}"));
    }
    let event = machine.poll_event();
    check(format!("{event:?}"));
    check(format!("{:?} {:?}", login("juliet@im.example", PASSWORD, None), policy()));
    let stream = InitiatingStream::new(
        login("juliet@im.example", PASSWORD, None),
        InitiatingPolicy::default(),
        Security::Plaintext,
        server.now,
    );
    check(format!("{stream:?}"));
}
