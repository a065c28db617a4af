//! Silence ends a negotiation at its deadline and not before, in whatever state (RFC 6120 §4.9.3.4), by invented time.

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use jabiru_negotiation::CertificateValidity::Valid;
use jabiru_negotiation::{
    CredentialsAnswer, Event, InitiatingError, InitiatingEvent, InitiatingPolicy, Mechanism, PasswordCheck, Security,
};
use jabiru_xml::{Limits, RawElement, Reader};
use support::{BIND, Client, HEADER, PASSWORD, Server, TIMEOUT, auth, login, look_up, policy, sasl, tls, tls_with};

const TICK: Duration = Duration::from_nanos(1);
const STARTTLS: &str = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

fn state(server: &Server) -> String {
    format!("{:?}", server.machine).split('"').nth(1).expect("a state").to_owned()
}

/// Says it to the machine, and answers nothing that the machine asks for.
fn tell(server: &mut Server, xml: &str) {
    let element = RawElement::parse(xml, "jabber:client").expect("an element");
    server.machine.handle_event(jabiru_xml::Event::Element(element), server.now);
}

/// A stream under TLS, at the offer of mechanisms.
fn offered() -> Server {
    let mut rules = policy();
    rules.mechanisms.push(Mechanism::External);
    let mut server = Server::new(rules, Security::Tls(tls_with(&["juliet@im.example"], Valid)));
    server.hears(HEADER);
    server
}

fn asked(mechanism: &str, message: &str) -> Server {
    let mut server = offered();
    tell(&mut server, &auth(mechanism, message));
    server
}

fn at_password_check() -> (Server, PasswordCheck) {
    let mut server = asked("PLAIN", &format!("\0juliet\0{PASSWORD}"));
    let Some(Event::LookUpCredentials { account, hash }) = server.machine.poll_event() else { panic!("no question") };
    server.machine.handle_credentials(look_up(&account, hash), server.now);
    let Some(Event::CheckPassword(check)) = server.machine.poll_event() else { panic!("no check") };
    (server, check)
}

fn authenticated() -> Server {
    let mut server = offered();
    server.hears(&auth("PLAIN", &format!("\0juliet\0{PASSWORD}")));
    server
}

/// Every state of the receiving entity but the last two, which have no deadline.
fn every_state() -> Vec<(&'static str, Server)> {
    let with = |mut server: Server, said: &[&str]| {
        for xml in said {
            server.hears(xml);
        }
        server
    };
    let bind = format!("<iq type='set' id='1'><bind {BIND}/></iq>");
    let mut starting = with(Server::plaintext(), &[HEADER]);
    tell(&mut starting, STARTTLS);
    let mut binding = with(authenticated(), &[HEADER]);
    tell(&mut binding, &bind);
    vec![
        ("AwaitHeader", Server::plaintext()),
        ("AwaitStartTls", with(Server::plaintext(), &[HEADER])),
        ("TlsHandshake", starting),
        ("AwaitHeader", with(Server::plaintext(), &[HEADER, STARTTLS])),
        ("AwaitAuth", offered()),
        ("AwaitInitialResponse", with(offered(), &[&sasl("auth", " mechanism='PLAIN'", "")])),
        ("AwaitScramCredentials", asked("SCRAM-SHA-1", "n,,n=juliet,r=abc")),
        ("AwaitScramProof", with(offered(), &[&auth("SCRAM-SHA-1", "n,,n=juliet,r=abc")])),
        ("AwaitPlainCredentials", asked("PLAIN", "\0juliet\0x")),
        ("AwaitExternalAccount", asked("EXTERNAL", "juliet@im.example")),
        ("AwaitPasswordCheck", at_password_check().0),
        ("AwaitHeader", authenticated()),
        ("AwaitBind", with(authenticated(), &[HEADER])),
        ("AwaitResource", binding),
    ]
}

#[test]
fn receiving_entity() {
    let mut seen = BTreeSet::new();
    for (name, mut server) in every_state() {
        assert_eq!(state(&server), name);
        let expected = match name {
            "AwaitInitialResponse" | "AwaitPlainCredentials" | "AwaitPasswordCheck" => Some("PLAIN"),
            "AwaitScramCredentials" | "AwaitScramProof" => Some("SCRAM-SHA-1"),
            "AwaitExternalAccount" => Some("EXTERNAL"),
            _ => None,
        };
        assert_eq!(server.machine.mechanism().map(Mechanism::name), expected, "{name}");
        let deadline = server.machine.poll_timeout().unwrap();
        assert_eq!(deadline, server.now + TIMEOUT, "{name}: one deadline for all of it");
        // What was asked is not answered any more.
        while server.machine.poll_event().is_some() {}
        let mut before = Vec::new();
        server.machine.take_output(&mut before);

        server.machine.handle_timeout(deadline - TICK);
        assert_eq!(state(&server), name, "not before its time");
        server.machine.handle_timeout(deadline);
        assert_eq!((state(&server).as_str(), server.machine.poll_timeout()), ("Closed", None), "{name}");
        let ended = server.machine.poll_event();
        let Some(Event::Closed { error: Some(error) }) = ended else { panic!("{name}: {ended:?}") };
        assert_eq!(error.condition().name(), "connection-timeout", "{name}");
        assert!(server.machine.poll_event().is_none(), "{name}");
        let mut said = Vec::new();
        server.machine.take_output(&mut said);
        let said = String::from_utf8(said).unwrap();
        match name {
            // Nothing can be said.
            "TlsHandshake" => assert_eq!(said, ""),
            "AwaitHeader" => assert!(said.starts_with("<?xml version='1.0'?><stream:stream "), "{said}"),
            _ => assert!(said.starts_with("<stream:error><connection-timeout "), "{name}: {said}"),
        }
        assert!(said.is_empty() || said.ends_with("</stream:error></stream:stream>"), "{name}: {said}");
        seen.insert(name);

        // Whatever comes now comes to nobody.
        let now = deadline + TICK;
        server.machine.handle_tls(tls(), now);
        server.machine.handle_credentials(CredentialsAnswer::Unavailable, now);
        server.machine.handle_password_check(at_password_check().1.run(), now);
        server.machine.handle_bind(Ok("juliet@im.example/r".parse().unwrap()));
        server.machine.close(None);
        assert!(server.machine.poll_event().is_none() && !server.machine.take_output(&mut before), "{name}");
    }
    assert_eq!(seen.len(), 12);
}

/// A caller without a timer: what comes too late ends the stream, whatever it is.
#[test]
fn too_late() {
    for (name, mut server) in every_state() {
        let answers: [&dyn Fn(&mut Server); 4] = [
            &|server| tell(server, "<presence/>"),
            &|server| server.machine.handle_tls(tls(), server.now),
            &|server| server.machine.handle_credentials(CredentialsAnswer::Unavailable, server.now),
            &|server| server.machine.handle_password_check(at_password_check().1.run(), server.now),
        ];
        server.now += TIMEOUT;
        let answer = match name {
            "TlsHandshake" => answers[1],
            "AwaitScramCredentials" | "AwaitPlainCredentials" | "AwaitExternalAccount" => answers[2],
            "AwaitPasswordCheck" => answers[3],
            _ => answers[0],
        };
        while server.machine.poll_event().is_some() {}
        answer(&mut server);
        server.settle();
        assert_eq!(server.log.last().map(String::as_str), Some("closed connection-timeout"), "{name}");
    }
}

/// Both ends, falling silent after each octet of a whole negotiation.
#[test]
fn silence_after_every_octet() {
    let pair = || {
        let login = login("juliet@im.example", PASSWORD, Some("balcony"));
        (Client::new(login, InitiatingPolicy::default(), Security::Plaintext), Server::plaintext())
    };
    // Lets `octets` pass and says how many did.
    let converse = |client: &mut Client, server: &mut Server, octets: usize| {
        let mut passed = 0;
        let mut cut = |said: &[u8]| {
            let some = said[..said.len().min(octets - passed)].to_vec();
            passed += some.len();
            some
        };
        for _ in 0..20 {
            let answer = server.receives(&cut(&client.says()));
            client.receives(&cut(answer.as_bytes()));
        }
        passed
    };
    let (mut client, mut server) = pair();
    let all = converse(&mut client, &mut server, usize::MAX);
    assert!((2000..6000).contains(&all) && server.established.is_some(), "{all}");
    for octets in 0..all {
        let (mut client, mut server) = pair();
        assert_eq!(converse(&mut client, &mut server, octets), octets);
        let deadline = client.machine.poll_timeout().unwrap();
        client.machine.handle_timeout(deadline - TICK);
        assert_eq!(client.machine.poll_event(), None, "{octets}");
        client.machine.handle_timeout(deadline);
        let ended = client.machine.poll_event();
        assert_eq!(ended, Some(InitiatingEvent::Closed { error: Some(InitiatingError::Timeout) }), "{octets}");
        assert_eq!((client.machine.poll_event(), client.machine.poll_timeout()), (None, None));
        assert!(client.says().ends_with(b"</stream:stream>"), "{octets}");

        let deadline = server.machine.poll_timeout();
        assert_eq!(deadline.is_none(), server.established.is_some(), "{octets}");
        if let Some(deadline) = deadline {
            server.machine.handle_timeout(deadline);
            server.settle();
            assert_eq!(server.last(), "closed connection-timeout", "{octets}");
        }
    }
}

/// The wait for TLS at the other end: there is nothing to be said either.
#[test]
fn initiating_entity_in_tls() {
    let login = login("juliet@im.example", PASSWORD, None);
    let mut client = Client::new(login, InitiatingPolicy::default(), Security::Plaintext);
    let mut server = Server::plaintext();
    let features = server.receives(&client.says());
    client.receives(features.as_bytes());
    assert_eq!(client.says(), STARTTLS.as_bytes());
    let mut reader = Reader::new(Limits::AUTHENTICATED);
    let mut proceed = format!("{HEADER}<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>").into_bytes();
    proceed.extend_from_slice(b"<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></stream:stream>");
    let mut input = proceed.as_slice();
    reader.read(&mut input).unwrap();
    // What is behind <proceed/> is nothing (RFC 6120 §5.4.3.3).
    while let Some(event) = reader.read(&mut input).unwrap() {
        client.machine.handle_event(event, client.now);
    }
    assert_eq!(client.machine.poll_event(), Some(InitiatingEvent::StartTls));
    assert_eq!(client.machine.poll_event(), None);
    let deadline = client.machine.poll_timeout().unwrap();
    client.machine.handle_tls(tls(), deadline);
    let ended = client.machine.poll_event();
    assert_eq!(ended, Some(InitiatingEvent::Closed { error: Some(InitiatingError::Timeout) }));
    assert_eq!(client.says(), b"");
}
