//! The receiving entity, rule by rule: resource binding (RFC 6120 §7), waiting, and the end of a stream.
//!
//! Each row of a table is a dialogue in which one thing is special.

mod support;

use support::{BIND, HEADER, Server, at_bind, at_sasl, auth};

/// RFC 6120 §7: what each request to bind leads to.
#[test]
fn binding() {
    let iq = |kind: &str, content: &str| format!("<iq type='{kind}' id='b&lt;1'><bind {BIND}>{content}</bind></iq>");
    let resource = |resource: &str| iq("set", &format!("<resource>{resource}</resource>"));
    let long = "x".repeat(1024);
    let cut = format!("<jid>juliet@im.example/{}</jid>", "x".repeat(1023));
    for (said, expected) in [
        (iq("set", ""), "<jid>juliet@im.example/generated</jid>"),
        (resource(""), "<jid>juliet@im.example/generated</jid>"),
        (resource("balcony"), "<jid>juliet@im.example/balcony</jid>"),
        (resource("o&apos;r &amp; &#xFC;"), "<jid>juliet@im.example/o'r &amp; \u{FC}</jid>"),
        // §7.7.2.1: made to conform. The rose is not assigned in Unicode 3.2, and so not in resourceprep (RFC 6122 §2.4).
        (resource("&#x1F339;"), "<jid>juliet@im.example/generated</jid>"),
        (resource("my &#x1F339; phone"), "<jid>juliet@im.example/my  phone</jid>"),
        (resource("a&#x7F;b"), "<jid>juliet@im.example/ab</jid>"),
        (resource(&long), &cut),
        // Both directions of writing, which no resourcepart may mix.
        (resource("a&#x5D0;&#x7F;"), "<jid>juliet@im.example/generated</jid>"),
        (resource("taken"), "<error type='modify'><conflict "),
        (resource("full"), "<error type='wait'><resource-constraint "),
        // XEP-0205 §4.4
        (resource("full"), "<resource-limit-exceeded xmlns='urn:xmpp:errors'/></error>"),
        (resource("forbidden"), "<error type='cancel'><not-allowed "),
        (resource("trouble"), "<error type='cancel'><internal-server-error "),
        (iq("get", ""), "<error type='modify'><bad-request "),
        (iq("set", "").replace("<iq ", "<iq to='im.example' "), "<jid>juliet@im.example/generated</jid>"),
        (iq("set", "").replace("<iq ", "<iq to='Juliet@im.example' "), "<jid>juliet@im.example/generated</jid>"),
        (iq("set", "").replace("<iq ", "<iq to='@' "), "<error type='modify'><jid-malformed "),
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
    while !server.closed && times < 20 {
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
            "binding asked of somebody else",
            at_bind(),
            "<iq type='set' id='1' to='romeo@im.example'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
        ),
        (
            "binding asked of another domain",
            at_bind(),
            "<iq type='set' id='1' to='other.example'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
        ),
        (
            "binding asked of a resource",
            at_bind(),
            "<iq type='set' id='1' to='juliet@im.example/r'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
        ),
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

/// RFC 6120 §4.8.3, §4.8.5, §4.9.3.15 and §4.9.1.1: other ends than `not-authorized`.
#[test]
fn ends_of_their_own() {
    for (name, said, expected) in [
        (
            "prefixed",
            "<c:iq xmlns:c='jabber:client' type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></c:iq>",
            "closed bad-namespace-prefix",
        ),
        ("of a server stream", "<message xmlns='jabber:server'/>", "closed invalid-namespace"),
        (
            "a backend is away",
            "<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>away</resource></bind></iq>",
            "closed remote-connection-failed",
        ),
        (
            "their own stream error",
            "<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
            "closed",
        ),
    ] {
        let mut server = at_bind();
        let answer = server.hears(said);
        assert!(answer.ends_with("</stream:stream>"), "{name}: {answer}");
        assert_eq!(answer.contains("<stream:error>"), expected != "closed", "{name}: {answer}");
        assert_eq!(server.last(), expected, "{name}");
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
