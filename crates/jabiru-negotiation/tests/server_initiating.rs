//! The initiating end of server streams, rule by rule.

mod server_support;

use jabiru_negotiation::{InitiatingServerPolicy, Security};

use server_support::{
    BIDI, BIDI_FEATURE, CAPULET, DIALBACK, EXTERNAL, Initiator, MONTAGUE, STARTTLS, SUCCESS, answer, auth, capulet,
    header, pair, stream_error, tls,
};

fn plaintext() -> Initiator {
    Initiator::new(capulet(), Security::Plaintext)
}

/// RFC 6120 §4.7: both domains, the version, and the prefix of dialback stand in the header.
#[test]
fn our_header() {
    let said = plaintext().says();
    for part in [
        "<?xml version='1.0'?><stream:stream xmlns='jabber:server'",
        " xmlns:db='jabber:server:dialback'",
        " from='capulet.example' to='montague.example'",
        " version='1.0'>",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

/// What the response header may be (RFC 6120 §4.7).
#[test]
fn response_headers() {
    for (attributes, expected) in [
        ("from='montague.example' to='capulet.example' id='1' version='1.0'", None),
        ("from='Montague.EXAMPLE' id='1' version='1.1'", None),
        ("id='1' version='1.0'", None),
        ("from='rooms.montague.example' id='1' version='1.0'", Some("invalid-from")),
        ("from='' id='1' version='1.0'", Some("invalid-from")),
        ("from='romeo@montague.example' id='1' version='1.0'", Some("invalid-from")),
        ("from='montague.example' id='1'", Some("unsupported-version")),
        ("from='montague.example' id='1' version='0.9'", Some("unsupported-version")),
        // A key can't be bound to a stream without id.
        ("from='montague.example' version='1.0'", Some("bad-format")),
        ("from='montague.example' id='' version='1.0'", Some("bad-format")),
    ] {
        let mut initiator = Initiator::direct();
        initiator.says();
        let header = format!("<stream:stream {attributes} {}>", server_support::NS);
        let said = initiator.hears(&format!("{header}<stream:features>{DIALBACK}</stream:features>"));
        match expected {
            None => assert!(said.starts_with("<db:result "), "{attributes}: {said}"),
            Some(condition) => assert_eq!(stream_error(&said), condition, "{attributes}: {said}"),
        }
    }
    // The other side's own error says more than what is wrong with its header (§4.9.1.3).
    let mut initiator = Initiator::direct();
    let error = "<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>";
    initiator.hears(&format!("<stream:stream from='' {}>{error}", server_support::NS));
    assert_eq!(initiator.why(), "the stream was closed with host-unknown");
    let mut initiator = Initiator::direct();
    initiator.says();
    let said = initiator.hears("<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>");
    assert_eq!(stream_error(&said), "invalid-namespace");
}

/// What is chosen of what is offered. The policy stands for the columns: EXTERNAL, dialback, bidi.
#[test]
fn choices() {
    let key = "<db:result from='capulet.example' to='montague.example'>";
    let no_declaration = answer("").replace(" xmlns:db='jabber:server:dialback'", "");
    let without = |features: &str| no_declaration.replace("<stream:features>", &format!("<stream:features>{features}"));
    for (name, policy, offered, expected) in [
        ("both", [true, true, false], answer(&format!("{EXTERNAL}{DIALBACK}")), auth(CAPULET)),
        (
            "bidi first",
            [true, true, true],
            answer(&format!("{EXTERNAL}{BIDI_FEATURE}")),
            format!("{BIDI}{}", auth(CAPULET)),
        ),
        ("no EXTERNAL wanted", [false, true, false], answer(&format!("{EXTERNAL}{DIALBACK}")), key.to_owned()),
        ("dialback", [true, true, true], answer(&format!("{DIALBACK}{BIDI_FEATURE}")), format!("{BIDI}{key}")),
        ("by the feature alone", [true, true, false], without(DIALBACK), key.to_owned()),
        ("by the header alone", [true, true, false], answer(""), key.to_owned()),
        ("nothing", [true, true, false], without(""), "no acceptable way".to_owned()),
        ("dialback unwanted", [true, false, false], answer(DIALBACK), "no acceptable way".to_owned()),
        ("neither", [false, false, false], answer(&format!("{EXTERNAL}{DIALBACK}")), "no acceptable way".to_owned()),
        (
            "other mechanisms",
            [true, false, false],
            answer(&EXTERNAL.replace("EXTERNAL", "PLAIN")),
            "no acceptable way".to_owned(),
        ),
        (
            "something unknown first",
            [true, false, false],
            answer("<x xmlns='urn:x'><required/></x>"),
            "x of urn:x is not supported".to_owned(),
        ),
    ] {
        let mut rules = capulet();
        [rules.external, rules.dialback, rules.bidi] = policy;
        let mut initiator = Initiator::new(rules, Security::Tls(tls()));
        initiator.says();
        let said = initiator.hears(&offered);
        match initiator.closed {
            true => assert!(initiator.why().contains(&expected), "{name}: {}", initiator.why()),
            false => assert!(said.starts_with(&expected), "{name}: {said}"),
        }
    }
}

/// Whoever takes STARTTLS out of the offer gets nothing (RFC 6120 §13.8; the class of CVE-2016-10027).
#[test]
fn stripped_starttls_ends_it() {
    type Change = fn(&mut InitiatingServerPolicy);
    let optional: Change = |rules| rules.require_tls = false;
    let unused: Change = |rules| rules.use_starttls = false;
    let neither: Change = |rules| (rules.require_tls, rules.use_starttls) = (false, false);
    let required = STARTTLS.replace("/>", "><required/></starttls>");
    for (name, change, features, expected) in [
        ("stripped", (|_| {}) as Change, format!("{EXTERNAL}{DIALBACK}"), "STARTTLS is required and was not offered"),
        ("no features", |_| {}, String::new(), "STARTTLS is required and was not offered"),
        ("offered", |_| {}, format!("{STARTTLS}{DIALBACK}"), "<starttls"),
        ("direct only", unused, STARTTLS.to_owned(), "STARTTLS is required and was not offered"),
        ("optional, offered", optional, format!("{STARTTLS}{DIALBACK}"), "<starttls"),
        ("optional, absent", optional, DIALBACK.to_owned(), "<db:result"),
        ("optional, EXTERNAL in plaintext", optional, format!("{EXTERNAL}{DIALBACK}"), "<db:result"),
        ("unused", neither, format!("{STARTTLS}{DIALBACK}"), "<db:result"),
        ("unused, required", neither, required, "no acceptable way to authenticate was offered"),
    ] {
        let mut rules = capulet();
        change(&mut rules);
        let mut initiator = Initiator::new(rules, Security::Plaintext);
        initiator.says();
        let said = initiator.hears(&answer(&features));
        match initiator.closed {
            true => assert_eq!((initiator.why().as_str(), said.as_str()), (expected, "</stream:stream>"), "{name}"),
            false => assert!(said.starts_with(expected), "{name}: {said}"),
        }
    }
}

/// RFC 6120 §5.4.2 and §5.4.3.3: what may answer `<starttls/>`, and that nothing behind `<proceed/>` is read in plaintext.
#[test]
fn starttls() {
    const TLS: &str = "xmlns='urn:ietf:params:xml:ns:xmpp-tls'";
    for (said, expected) in [
        (format!("<failure {TLS}/>"), "STARTTLS was refused"),
        (DIALBACK.to_owned(), "protocol violated: unsupported-stanza-type (unexpected element)"),
        (SUCCESS.to_owned(), "protocol violated: unsupported-stanza-type (unexpected element)"),
        ("<message/>".to_owned(), "protocol violated: not-authorized (stanzas may not be sent on this stream)"),
        ("<proceed xmlns='urn:x'/>".to_owned(), "protocol violated: unsupported-stanza-type (unexpected element)"),
    ] {
        let mut initiator = plaintext();
        initiator.hears(&answer(STARTTLS));
        initiator.hears(&said);
        assert_eq!(initiator.why(), expected, "{said}");
    }
    for injected in [
        answer(&format!("{EXTERNAL}{DIALBACK}")),
        "<db:result from='montague.example' to='capulet.example' type='valid'/>".to_owned(),
        SUCCESS.to_owned(),
        "</stream:stream>".to_owned(),
    ] {
        let mut initiator = plaintext();
        initiator.hears(&answer(STARTTLS));
        let said = initiator.hears(&format!("<proceed {TLS}/>{injected}"));
        // A new header, and nothing in answer to what was injected.
        assert!(said.starts_with("<?xml ") && said.ends_with(" version='1.0'>"), "{injected}: {said}");
        assert_eq!(initiator.log, ["tls"], "{injected}");
    }
}

/// The same for events that a caller hands over all the same.
#[test]
fn events_behind_proceed() {
    use jabiru_negotiation::{InitiatingServerEvent, InitiatingServerStream, ServerPurpose};
    let now = std::time::Instant::now();
    let (pair, rules) = (pair(CAPULET, MONTAGUE), std::sync::Arc::new(capulet()));
    let mut machine = InitiatingServerStream::new(pair, ServerPurpose::Stanzas, rules, Security::Plaintext, now);
    machine.take_output(&mut Vec::new());
    let mut reader = jabiru_xml::Reader::new(jabiru_xml::Limits::UNAUTHENTICATED);
    let injected = "<db:result from='montague.example' to='capulet.example' type='valid'/></stream:stream>";
    let said = format!("{}<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>{SUCCESS}{injected}", answer(STARTTLS));
    let mut input = said.as_bytes();
    while let Ok(Some(event)) = reader.read(&mut input) {
        machine.handle_event(event, now);
    }
    let root = jabiru_xml::RawElement::parse("<x/>", "jabber:server").unwrap();
    machine.handle_event(jabiru_xml::Event::StreamOpen(root), now);
    let mut out = Vec::new();
    machine.take_output(&mut out);
    assert_eq!(String::from_utf8(out).unwrap(), STARTTLS);
    assert!(matches!(machine.poll_event(), Some(InitiatingServerEvent::Header(_))));
    assert!(matches!(machine.poll_event(), Some(InitiatingServerEvent::Features(_))));
    assert!(matches!(machine.poll_event(), Some(InitiatingServerEvent::StartTls)));
    assert!(machine.poll_event().is_none());
}

/// XEP-0178 §3: what may answer `<auth/>`, and what follows.
#[test]
fn external() {
    const FAILURE: &str =
        "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/><text>no</text></failure>";
    let no_dialback = answer(EXTERNAL).replace(" xmlns:db='jabber:server:dialback'", "");
    for (header, said, expected) in [
        (answer(EXTERNAL), FAILURE, "dialback"),
        (no_dialback.clone(), FAILURE, "EXTERNAL failed: not-authorized (no)"),
        (no_dialback, &format!("{FAILURE}</stream:stream>"), "EXTERNAL failed: not-authorized (no)"),
        // It did not wait for dialback: what it said first is the reason.
        (answer(EXTERNAL), &format!("{FAILURE}</stream:stream>"), "EXTERNAL failed: not-authorized (no)"),
        (answer(EXTERNAL), "</stream:stream>", "the stream was closed"),
        (
            answer(EXTERNAL),
            "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
            "protocol violated: unsupported-stanza-type (unexpected element)",
        ),
        (
            answer(EXTERNAL),
            "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>QQ==</success>",
            "protocol violated: undefined-condition (unexpected data with success)",
        ),
        (
            answer(EXTERNAL),
            "<db:result from='montague.example' to='capulet.example' type='valid'/>",
            "protocol violated: unsupported-stanza-type (unexpected element)",
        ),
    ] {
        let mut initiator = Initiator::direct();
        initiator.says();
        assert_eq!(initiator.hears(&header), auth(CAPULET));
        let answer = initiator.hears(said);
        match expected {
            "dialback" => assert!(answer.starts_with("<db:result "), "{said}: {answer}"),
            expected => assert_eq!(initiator.why(), expected, "{said}"),
        }
        assert!(initiator.machine.accepted_pairs().is_empty());
    }

    // After success a new stream: by the same domain, and with whatever features.
    for (features, expected) in [
        ("", "established bidi=false sm=false"),
        ("<sm xmlns='urn:xmpp:sm:3'/>", "established bidi=false sm=true"),
        ("<x xmlns='urn:x'><required/></x>", "x of urn:x is not supported"),
    ] {
        let mut initiator = Initiator::direct();
        initiator.hears(&answer(EXTERNAL));
        let said = initiator.hears(SUCCESS);
        assert!(said.contains(" from='capulet.example' to='montague.example'"), "{said}");
        assert_eq!(initiator.log, ["proven capulet.example -> montague.example EXTERNAL"]);
        assert_eq!(initiator.machine.id(), None, "that of before is no more");
        initiator.hears(&answer(features));
        match initiator.closed {
            true => assert!(initiator.why().contains(expected), "{features}: {}", initiator.why()),
            false => assert_eq!(initiator.last(), expected),
        }
    }
    let mut initiator = Initiator::direct();
    initiator.hears(&answer(EXTERNAL));
    initiator.hears(SUCCESS);
    initiator.says();
    let said = initiator.hears(&answer("").replace("from='montague", "from='rooms.montague"));
    assert_eq!(stream_error(&said), "invalid-from");
}

/// Once stanzas may be sent: what the other side may send, by the direction of the stream.
#[test]
fn after_establishment() {
    for (said, one, two) in [
        ("<message from='romeo@montague.example' to='juliet@capulet.example'/>", "not-authorized", "element message"),
        ("<iq type='get' id='1'/>", "not-authorized", "element iq"),
        ("<a xmlns='urn:xmpp:sm:3' h='0'/>", "element a", "element a"),
        ("<r xmlns='urn:xmpp:sm:3'/>", "element r", "element r"),
        ("<message xmlns='jabber:client'/>", "invalid-namespace", "invalid-namespace"),
        (SUCCESS, "unsupported-stanza-type", "unsupported-stanza-type"),
        (STARTTLS, "unsupported-stanza-type", "unsupported-stanza-type"),
        ("<stream:features/>", "unsupported-stanza-type", "unsupported-stanza-type"),
    ] {
        for (bidi, expected) in [(false, one), (true, two)] {
            let mut rules = capulet();
            rules.bidi = bidi;
            let mut initiator = Initiator::new(rules, Security::Tls(tls()));
            initiator.hears(&answer(&format!("{EXTERNAL}{BIDI_FEATURE}")));
            initiator.hears(SUCCESS);
            initiator.hears(&answer(""));
            assert_eq!(initiator.last(), format!("established bidi={bidi} sm=false"));
            let answer = initiator.hears(said);
            match expected.starts_with("element") {
                true => assert_eq!(initiator.last(), expected, "{said} {bidi}"),
                false => assert_eq!(stream_error(&answer), expected, "{said} {bidi}: {answer}"),
            }
        }
    }
}

/// More pairs need dialback, on the part of both.
#[test]
fn pairs_are_added_where_they_can_be() {
    let established = |rules: InitiatingServerPolicy, header: &str| {
        let mut initiator = Initiator::new(rules, Security::Tls(tls()));
        initiator.hears(&answer(EXTERNAL));
        initiator.hears(SUCCESS);
        initiator.hears(header);
        assert_eq!(initiator.last(), "established bidi=false sm=false");
        initiator
    };
    let more = pair("rooms.capulet.example", MONTAGUE);
    let mut initiator = established(capulet(), &answer(""));
    assert!(initiator.machine.add_pair(&more, initiator.now));
    assert!(initiator.says().starts_with("<db:result from='rooms.capulet.example' to='montague.example'>"));
    initiator.hears("<db:result from='montague.example' to='rooms.capulet.example' type='invalid'/>");
    assert_eq!(initiator.last(), "not accepted rooms.capulet.example -> montague.example invalid");
    assert!(initiator.machine.add_pair(&more, initiator.now), "again, with what it takes");
    initiator.machine.close();
    initiator.settle();
    let lost = "not accepted rooms.capulet.example -> montague.example remote-server-timeout";
    assert_eq!(initiator.log[initiator.log.len() - 2..], [lost, "closed"]);
    assert!(!initiator.machine.add_pair(&more, initiator.now), "it is closed");

    // XEP-0220 §2.6.2: another target domain only where that can't end the stream.
    let target = pair(CAPULET, "rooms.montague.example");
    for (features, expected) in
        [("", false), ("<dialback xmlns='urn:xmpp:features:dialback'/>", false), (DIALBACK, true)]
    {
        let mut initiator = established(capulet(), &answer(features));
        assert_eq!(initiator.machine.add_pair(&target, initiator.now), expected, "{features}");
    }

    let no_dialback = answer("").replace(" xmlns:db='jabber:server:dialback'", "");
    let mut initiator = established(capulet(), &no_dialback);
    assert!(!initiator.machine.add_pair(&more, initiator.now));
    let mut rules = capulet();
    rules.dialback = false;
    let mut initiator = established(rules, &answer(""));
    assert!(!initiator.machine.add_pair(&more, initiator.now));
    let mut rules = capulet();
    rules.max_pairs = 1;
    let mut initiator = established(rules, &answer(""));
    assert!(!initiator.machine.add_pair(&more, initiator.now));
    let mut initiator = Initiator::direct();
    assert!(!initiator.machine.add_pair(&more, initiator.now), "it is not established yet");
    initiator.hears(&header("from='montague.example' id='1'"));
    assert!(!initiator.machine.add_pair(&more, initiator.now));
}
