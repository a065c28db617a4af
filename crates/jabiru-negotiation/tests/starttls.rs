//! The receiving entity, rule by rule: STARTTLS (RFC 6120 §5).
//!
//! Each row of a table is a dialogue in which one thing is special.

mod support;

use jabiru_negotiation::Security;
use support::{HEADER, PASSWORD, Server, at_bind, at_sasl, auth, policy};

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
        ("<starttls/>", "not-authorized", "closed not-authorized"),
        ("<message to='romeo@im.example'/>", "not-authorized", "closed not-authorized"),
        (
            "<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
            "not-authorized",
            "closed not-authorized",
        ),
        (
            "<compress xmlns='http://jabber.org/protocol/compress'><method>zlib</method></compress>",
            "not-authorized",
            "closed not-authorized",
        ),
        (
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGEAYg==</auth>",
            "<encryption-required/>",
            "failed  PLAIN encryption-required",
        ),
        // Whatever mechanism: what is not on offer under TLS either is called what it is called there.
        (
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-1'/>",
            "<encryption-required/>",
            "failed  SCRAM-SHA-1 encryption-required",
        ),
        (
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='DIGEST-MD5'/>",
            "<invalid-mechanism/>",
            "failed   invalid-mechanism",
        ),
        (
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>AGEAYg==</auth>",
            "<invalid-mechanism/>",
            "failed   invalid-mechanism",
        ),
        ("<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", "not-authorized", "closed not-authorized"),
        ("<message xmlns='jabber:server'/>", "invalid-namespace", "closed invalid-namespace"),
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
