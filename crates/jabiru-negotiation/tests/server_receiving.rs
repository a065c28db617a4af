//! The receiving end of server streams, rule by rule.
//!
//! Each row of a table is a dialogue in which one thing is special.

mod server_support;

use jabiru_negotiation::{CertificateAnswer, ReceivingServerPolicy, Security, TlsInfo};

use server_support::{
    BIDI, CAPULET, DIALBACK, EXTERNAL, Keys, MESSAGE, MONTAGUE, NS, Receiver, SUCCESS, auth, dialback_error, failure,
    header, key, montague, stream_error, tls, tls_without_certificate, usual,
};

const AUTH: &str = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='";
const TLS: &str = "xmlns='urn:ietf:params:xml:ns:xmpp-tls'";
const REFUSED: CertificateAnswer = CertificateAnswer::Refused { text: String::new() };

fn plaintext() -> Receiver {
    Receiver::new(montague(), Security::Plaintext)
}

/// RFC 6120 §4.7: whom a header is from and to, and the version.
#[test]
fn headers() {
    for (attributes, expected) in [
        ("from='capulet.example' to='montague.example'", "none"),
        ("from='CAPULET.example' to='Montague.Example'", "none"),
        ("from='capulet.example' to='rooms.montague.example'", "none"),
        // Without an address nothing but verification and dialback is possible.
        ("to='montague.example'", "none"),
        ("from='' to='montague.example'", "none"),
        ("from='capulet.example'", "host-unknown"),
        ("from='capulet.example' to=''", "host-unknown"),
        ("from='capulet.example' to='verona.example'", "host-unknown"),
        ("from='capulet.example' to='romeo@montague.example'", "host-unknown"),
        ("from='juliet@capulet.example' to='montague.example'", "invalid-from"),
        ("from='not a domain' to='montague.example'", "invalid-from"),
        // A loop, or somebody who would like to be us.
        ("from='montague.example' to='montague.example'", "invalid-from"),
        ("from='rooms.montague.example' to='montague.example'", "invalid-from"),
    ] {
        let answer = Receiver::direct().hears(&header(attributes));
        assert_eq!(stream_error(&answer), expected, "{attributes}: {answer}");
        assert!(answer.contains(" xmlns:db='jabber:server:dialback'"), "{answer}");
        if attributes.starts_with("from='capulet") {
            assert!(answer.contains(" to='capulet.example'"), "{answer}");
        }
    }
    for (root, expected) in [
        (format!("<stream:stream to='montague.example' {NS}>"), "unsupported-version"),
        (format!("<stream:stream to='montague.example' version='0.9' {NS}>"), "unsupported-version"),
        (usual().replace("jabber:server'", "jabber:client'"), "invalid-namespace"),
        (usual().replace("etherx", "ether"), "invalid-namespace"),
        (usual().replace("stream:stream", "stream:flow"), "bad-format"),
    ] {
        let answer = Receiver::direct().hears(&root);
        assert_eq!(stream_error(&answer), expected, "{root}: {answer}");
        assert!(answer.starts_with("<?xml version='1.0'?><stream:stream "), "{answer}");
    }
}

/// RFC 6120 §4.7.2 and CVE-2018-10847: neither domain of a stream changes; only who the other side said it was before TLS
/// is forgotten with it (§5.4.3.3).
#[test]
fn domains_stay() {
    type Step = (&'static str, fn() -> Receiver);
    let steps: [Step; 2] = [
        ("after TLS", || {
            let mut receiver = plaintext();
            receiver.hears(&usual());
            assert!(receiver.hears(&format!("<starttls {TLS}/>")).starts_with("<proceed"));
            receiver
        }),
        ("after EXTERNAL", || {
            let mut receiver = Receiver::direct();
            receiver.hears(&usual());
            assert_eq!(receiver.hears(&auth("")), SUCCESS);
            receiver
        }),
    ];
    for (name, at) in steps {
        let another = if name == "after TLS" { "none" } else { "invalid-from" };
        for (attributes, expected) in [
            ("from='capulet.example' to='montague.example'", "none"),
            ("from='capulet.example'", "none"),
            ("to='montague.example'", "none"),
            ("from='capulet.example' to='rooms.montague.example'", "not-authorized"),
            ("from='verona.example' to='montague.example'", another),
            ("from='x.capulet.example' to='montague.example'", another),
            ("from='montague.example' to='montague.example'", "invalid-from"),
        ] {
            let mut receiver = at();
            let answer = receiver.hears(&header(attributes));
            assert_eq!(stream_error(&answer), expected, "{name} {attributes}: {answer}");
            if expected != "none" {
                assert_eq!(receiver.hears(MESSAGE), "", "nothing is taken any more");
                assert!(!receiver.log.contains(&"element message".to_owned()));
            }
        }
    }
    // RFC 6066: nor is it another one than that whose certificate was shown.
    let named = |name: &str| TlsInfo { server_name: Some(name.to_owned()), ..tls() };
    for (name, expected) in
        [("montague.example", "none"), ("xmpp.montague.example", "none"), ("rooms.montague.example", "not-authorized")]
    {
        let answer = Receiver::new(montague(), Security::Tls(named(name))).hears(&usual());
        assert_eq!(stream_error(&answer), expected, "{name}");
    }
}

/// What is offered when (XEP-0178 §3, XEP-0220 §2.4.2, XEP-0288 §2.1).
#[test]
fn offers() {
    type Change = fn(&mut ReceivingServerPolicy);
    let rows: [(&str, Change, Security, Option<CertificateAnswer>, &str); 9] = [
        ("TLS first", |_| {}, Security::Plaintext, None, "<starttls><required>"),
        ("all", |_| {}, Security::Tls(tls()), Some(CertificateAnswer::Proves), "EXTERNAL bidi dialback sm"),
        ("refused", |_| {}, Security::Tls(tls()), Some(REFUSED), "bidi dialback sm"),
        ("no certificate", |_| {}, Security::Tls(tls_without_certificate()), None, "bidi dialback sm"),
        ("no EXTERNAL", |rules| rules.external = false, Security::Tls(tls()), None, "bidi dialback sm"),
        (
            "no dialback",
            |rules| (rules.dialback, rules.bidi) = (false, false),
            Security::Tls(tls()),
            Some(CertificateAnswer::Proves),
            "EXTERNAL",
        ),
        ("optional", |rules| rules.require_tls = false, Security::Plaintext, None, "<starttls> bidi dialback sm"),
        (
            "none",
            |rules| (rules.require_tls, rules.starttls_available) = (false, false),
            Security::Plaintext,
            None,
            "bidi dialback sm",
        ),
        (
            "nothing yet",
            |rules| (rules.require_tls, rules.dialback, rules.bidi) = (false, false, false),
            Security::Plaintext,
            None,
            "<starttls>",
        ),
    ];
    for (name, change, security, judgement, expected) in rows {
        let mut rules = montague();
        change(&mut rules);
        let mut receiver = Receiver::new(rules, security);
        receiver.judgement = judgement.clone();
        let answer = receiver.hears(&usual());
        let features = answer.split_once("<stream:features>").map_or(answer.as_str(), |(_, features)| features);
        let mut offered = Vec::new();
        for (sign, name) in [
            (format!("<starttls {TLS}/>"), "<starttls>"),
            (format!("<starttls {TLS}><required/></starttls>"), "<starttls><required>"),
            (EXTERNAL.to_owned(), "EXTERNAL"),
            (server_support::BIDI_FEATURE.to_owned(), "bidi"),
            (DIALBACK.to_owned(), "dialback"),
            ("<sm xmlns='urn:xmpp:sm:3'/>".to_owned(), "sm"),
        ] {
            if features.contains(&sign) {
                offered.push(name);
            }
        }
        assert_eq!(offered.join(" "), expected, "{name}: {features}");
        assert_eq!(receiver.log.contains(&"judge capulet.example".to_owned()), judgement.is_some(), "{name}");
    }
    // XEP-0220 §2.6: after EXTERNAL more pairs can be proven by dialback, and there is nothing else to be proven.
    let mut receiver = Receiver::direct();
    receiver.hears(&usual());
    receiver.hears(&auth(""));
    let answer = receiver.hears(&usual());
    let expected = format!("<stream:features>{DIALBACK}<sm xmlns='urn:xmpp:sm:3'/></stream:features>");
    assert!(answer.ends_with(&expected), "{answer}");
}

/// Where nothing can be proven the stream ends at once, and says why.
#[test]
fn no_way_to_prove_anything() {
    for (name, security, attributes, condition, text) in [
        (
            "refused",
            Security::Tls(tls()),
            "from='capulet.example' to='montague.example'",
            "not-authorized",
            "it is bad",
        ),
        (
            "no certificate",
            Security::Tls(tls_without_certificate()),
            "from='capulet.example' to='montague.example'",
            "not-authorized",
            "a certificate is required",
        ),
        ("nobody", Security::Tls(tls()), "to='montague.example'", "improper-addressing", "from is missing"),
        (
            "no TLS",
            Security::Plaintext,
            "from='capulet.example' to='montague.example'",
            "not-authorized",
            "without TLS",
        ),
    ] {
        let mut rules = montague();
        (rules.dialback, rules.require_tls, rules.starttls_available) = (false, false, false);
        let mut receiver = Receiver::new(rules, security);
        receiver.judgement = Some(CertificateAnswer::Refused { text: "it is bad".to_owned() });
        let answer = receiver.hears(&header(attributes));
        assert_eq!(stream_error(&answer), condition, "{name}: {answer}");
        assert!(answer.contains(text), "{name}: {answer}");
    }
    let mut rules = montague();
    rules.starttls_available = false;
    let answer = Receiver::new(rules, Security::Plaintext).hears(&usual());
    assert_eq!(stream_error(&answer), "policy-violation", "TLS is required and can't be had");
}

/// RFC 6120 §5.4.2 and §13.8: in plaintext there is STARTTLS and nothing else.
#[test]
fn before_tls() {
    for (said, expected) in [
        (MESSAGE, "not-authorized"),
        (BIDI, "not-authorized"),
        ("<message xmlns='jabber:client'/>", "invalid-namespace"),
        ("<compress xmlns='http://jabber.org/protocol/compress'/>", "not-authorized"),
        ("<enable xmlns='urn:xmpp:sm:3'/>", "not-authorized"),
    ] {
        let mut receiver = plaintext();
        receiver.hears(&usual());
        let answer = receiver.hears(said);
        assert_eq!(stream_error(&answer), expected, "{said}: {answer}");
    }
    let mut receiver = plaintext();
    receiver.hears(&usual());
    assert_eq!(failure(&receiver.hears(&auth(""))), "encryption-required");
    // XEP-0220 §2.5, and the stream goes on.
    assert_eq!(dialback_error(&receiver.hears(&key(CAPULET, MONTAGUE, "k"))), "policy-violation");
    let verify = "<db:verify from='capulet.example' to='montague.example' id='1'>k</db:verify>";
    assert_eq!(dialback_error(&receiver.hears(verify)), "policy-violation");
    assert!(receiver.asked.is_empty());
    assert_eq!(receiver.hears(&format!("<starttls {TLS}/>")), format!("<proceed {TLS}/>"));
    assert!(receiver.starts_tls);

    for said in [format!("<starttls {TLS}><x/></starttls>"), format!("<starttls {TLS}>x</starttls>")] {
        let mut receiver = plaintext();
        receiver.hears(&usual());
        assert_eq!(receiver.hears(&said), format!("<failure {TLS}/></stream:stream>"));
    }
    // Where it is not offered: under TLS, and after something was proven.
    for proven in [false, true] {
        let mut receiver = Receiver::direct();
        receiver.hears(&usual());
        if proven {
            receiver.hears(&auth(""));
            receiver.hears(&usual());
        }
        assert_eq!(receiver.hears(&format!("<starttls {TLS}/>")), format!("<failure {TLS}/></stream:stream>"));
        assert_eq!(receiver.last(), "closed - -");
    }
}

/// RFC 6120 §5.4.3.3, the class of CVE-2011-0411: what came in plaintext behind `<starttls/>` is not read.
#[test]
fn plaintext_behind_starttls() {
    for injected in [MESSAGE.to_owned(), usual(), format!("{}{}", usual(), auth("")), "</stream:stream>".to_owned()] {
        let mut receiver = plaintext();
        receiver.hears(&usual());
        let answer = receiver.hears(&format!("<starttls {TLS}/>{injected}"));
        assert_eq!(answer, format!("<proceed {TLS}/>"), "{injected}");
        assert!(receiver.log.is_empty() && !receiver.closed, "{injected}: {:?}", receiver.log);
        assert!(receiver.hears(&usual()).contains(EXTERNAL), "{injected}");
    }
}

/// The same for events that a caller hands over all the same.
#[test]
fn events_behind_starttls() {
    use jabiru_negotiation::{ReceivingServerEvent, ReceivingServerStream};
    use jabiru_xml::{Event, RawElement};
    let now = std::time::Instant::now();
    let mut machine = ReceivingServerStream::new(std::sync::Arc::new(montague()), Security::Plaintext, now);
    let mut reader = jabiru_xml::Reader::new(jabiru_xml::Limits::UNAUTHENTICATED);
    let said = format!("{}<starttls {TLS}/>{}{MESSAGE}", usual(), key(CAPULET, MONTAGUE, "k"));
    let mut input = said.as_bytes();
    while let Ok(Some(event)) = reader.read(&mut input) {
        machine.handle_event(event, now);
    }
    let root = RawElement::parse("<x/>", "jabber:server").unwrap();
    machine.handle_event(Event::StreamOpen(root), now);
    let mut out = Vec::new();
    machine.take_output(&mut out);
    assert!(String::from_utf8(out).unwrap().ends_with(&format!("<proceed {TLS}/>")));
    assert!(matches!(machine.poll_event(), Some(ReceivingServerEvent::StartTls)));
    assert!(machine.poll_event().is_none());
}

/// XEP-0178 §3 and RFC 6120 §6.3.8: the authorization identity is the domain of the header, or none.
#[test]
fn authorization_identities() {
    for (authzid, expected) in [
        ("", "success"),
        ("capulet.example", "success"),
        ("Capulet.EXAMPLE", "success"),
        ("verona.example", "invalid-authzid"),
        ("x.capulet.example", "invalid-authzid"),
        ("example", "invalid-authzid"),
        ("montague.example", "invalid-authzid"),
        ("juliet@capulet.example", "invalid-authzid"),
        ("capulet.example/x", "invalid-authzid"),
        ("capulet.example ", "invalid-authzid"),
        ("capulet.example\0", "malformed-request"),
        ("\0capulet.example", "malformed-request"),
    ] {
        let at_once = auth(authzid);
        let response = at_once.replace("<auth ", "<response ").replace(" mechanism='EXTERNAL'", "");
        let response = response.replace("</auth>", "</response>").replace(">=<", "><");
        let begin = format!("{AUTH}EXTERNAL'/>");
        for said in [vec![at_once.as_str()], vec![begin.as_str(), response.as_str()]] {
            let mut receiver = Receiver::direct();
            receiver.hears(&usual());
            let answer = said.iter().map(|said| receiver.hears(said)).last().unwrap();
            let row = format!("{authzid:?} {said:?}: {answer}");
            if expected == "success" {
                assert_eq!(answer, SUCCESS, "{row}");
                assert_eq!(receiver.last(), "proven capulet.example -> montague.example EXTERNAL", "{row}");
            } else {
                assert_eq!(failure(&answer), expected, "{row}");
                let refused = format!("refused capulet.example -> montague.example: SASL {expected}");
                assert!(receiver.last().starts_with(&refused), "{row} {:?}", receiver.log);
                assert!(receiver.machine.proven_pairs().is_empty(), "{row}");
                // It may still prove itself.
                assert_eq!(receiver.hears(&auth("")), SUCCESS, "{row}");
            }
        }
    }
}

/// RFC 6120 §6.5: EXTERNAL where it was not offered, other mechanisms, and what is no SASL.
#[test]
fn sasl_failures() {
    type Arrange = fn() -> Receiver;
    let direct: Arrange = Receiver::direct;
    let refused: Arrange = || {
        let mut receiver = Receiver::direct();
        receiver.judgement = Some(CertificateAnswer::Refused { text: "it has expired".to_owned() });
        receiver
    };
    let without: Arrange = || Receiver::new(montague(), Security::Tls(tls_without_certificate()));
    let disabled: Arrange = || {
        let mut rules = montague();
        rules.external = false;
        Receiver::new(rules, Security::Tls(tls()))
    };
    let optional: Arrange = || {
        let mut rules = montague();
        rules.require_tls = false;
        Receiver::new(rules, Security::Plaintext)
    };
    let external = auth("");
    for (name, arrange, said, expected) in [
        ("refused", refused, external.as_str(), "not-authorized"),
        ("none presented", without, &external, "invalid-mechanism"),
        ("disabled", disabled, &external, "invalid-mechanism"),
        ("plaintext", optional, &external, "encryption-required"),
        ("PLAIN", direct, &format!("{AUTH}PLAIN'>AGEAYg==</auth>"), "invalid-mechanism"),
        ("ANONYMOUS", direct, &format!("{AUTH}ANONYMOUS'/>"), "invalid-mechanism"),
        ("SCRAM", direct, &format!("{AUTH}SCRAM-SHA-1'>biws</auth>"), "invalid-mechanism"),
        ("case", direct, &format!("{AUTH}external'>=</auth>"), "invalid-mechanism"),
        ("none named", direct, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>=</auth>", "invalid-mechanism"),
        ("base64", direct, &format!("{AUTH}EXTERNAL'>?</auth>"), "incorrect-encoding"),
        ("no text", direct, &format!("{AUTH}EXTERNAL'>/w==</auth>"), "malformed-request"),
        ("child", direct, &format!("{AUTH}EXTERNAL'><x/></auth>"), "malformed-request"),
        ("response", direct, "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", "malformed-request"),
        ("abort", direct, "<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", "aborted"),
    ] {
        let mut receiver = arrange();
        receiver.hears(&usual());
        let answer = receiver.hears(said);
        assert_eq!(failure(&answer), expected, "{name}: {answer}");
        assert!(receiver.machine.proven_pairs().is_empty() && !receiver.closed, "{name}");
        match name {
            "refused" => assert!(answer.contains(">it has expired</text>"), "{answer}"),
            "none presented" => assert!(answer.contains(">no certificate was presented</text>"), "{answer}"),
            "disabled" => assert!(!answer.contains("<text"), "a certificate would change nothing: {answer}"),
            _ => {}
        }
        // XEP-0178 §3, step 11: dialback may still do.
        let answer = receiver.hears(&key(CAPULET, MONTAGUE, "k"));
        let refused = "refused capulet.example -> montague.example: dialback invalid".to_owned();
        assert!(receiver.log.contains(&refused), "{name}: {:?}", receiver.log);
        assert!(answer.ends_with(" type='invalid'/></stream:stream>"), "{name}: {answer}");
    }
    // §6.4.5: attempts are bounded, aborted and abandoned ones too.
    for said in
        [format!("{AUTH}PLAIN'/>"), format!("{AUTH}EXTERNAL'/><abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")]
    {
        let mut receiver = Receiver::direct();
        receiver.hears(&usual());
        assert_eq!(stream_error(&receiver.hears(&said.repeat(2))), "none", "{said}");
        assert_eq!(stream_error(&receiver.hears(&said)), "policy-violation", "{said}");
    }
    let mut receiver = Receiver::direct();
    receiver.hears(&usual());
    // The first of them is under way until the second comes.
    assert_eq!(stream_error(&receiver.hears(&format!("{AUTH}EXTERNAL'/>").repeat(3))), "none");
    assert_eq!(stream_error(&receiver.hears(&format!("{AUTH}EXTERNAL'/>"))), "policy-violation");
    // Something else in the middle of a handshake.
    let mut receiver = Receiver::direct();
    receiver.hears(&usual());
    assert!(receiver.hears(&format!("{AUTH}EXTERNAL'/>")).starts_with("<challenge "));
    assert_eq!(stream_error(&receiver.hears(MESSAGE)), "not-authorized");
}

/// RFC 6120 §4.9.3.12: stanzas and what else needs a proof, without one.
#[test]
fn nothing_before_a_proof() {
    for (said, expected) in [
        (MESSAGE, "not-authorized"),
        ("<iq type='get' id='1'/>", "not-authorized"),
        ("<enable xmlns='urn:xmpp:sm:3'/>", "not-authorized"),
        ("<message xmlns='jabber:client'/>", "invalid-namespace"),
        ("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", "none"),
    ] {
        let mut receiver = Receiver::direct();
        receiver.keys = Keys::Wait;
        receiver.hears(&usual());
        // A key that is being verified is no proof yet.
        receiver.hears(&key(CAPULET, MONTAGUE, "k"));
        let answer = receiver.hears(said);
        assert_eq!(stream_error(&answer), expected, "{said}: {answer}");
        assert!(!receiver.log.iter().any(|line| line.starts_with("element")), "{said}");
    }
    // Between success and the header that has to follow it (§6.4.6).
    let mut receiver = Receiver::direct();
    receiver.hears(&usual());
    assert_eq!(receiver.hears(&auth("")), SUCCESS);
    let answer = receiver.hears(MESSAGE);
    assert_eq!(stream_error(&answer), "bad-format", "{answer}");
}

/// Once something is proven, what is no negotiation is handed over, and the rest is not.
#[test]
fn after_a_proof() {
    for (said, expected) in [
        (MESSAGE, "element message"),
        ("<presence from='x@verona.example' to='y@montague.example'/>", "element presence"),
        ("<enable xmlns='urn:xmpp:sm:3'/>", "element enable"),
        ("<message xmlns='jabber:client'/>", "closed invalid-namespace -"),
        ("<unknown xmlns='urn:example'/>", "element unknown"),
        (&auth(""), "closed not-authorized -"),
        ("<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>", "closed - conflict"),
        ("</stream:stream>", "closed - -"),
        ("text", "closed bad-format -"),
        ("<a><b></a>", "closed not-well-formed -"),
    ] {
        let mut receiver = Receiver::direct();
        receiver.hears(&usual());
        receiver.hears(&auth(""));
        receiver.hears(&usual());
        let answer = receiver.hears(said);
        assert_eq!(receiver.last(), expected, "{said}: {answer}");
        assert_eq!(receiver.closed, answer.ends_with("</stream:stream>"), "{said}: {answer}");
    }
}

/// XEP-0288 §2.2: enabled once, where it was offered.
#[test]
fn bidi() {
    let mut receiver = Receiver::direct();
    receiver.hears(&usual());
    assert!(!receiver.machine.is_bidirectional());
    assert_eq!(receiver.hears(&BIDI.repeat(2)), "");
    assert!(receiver.machine.is_bidirectional());
    assert_eq!(receiver.log, ["judge capulet.example", "bidi"]);
    receiver.hears(&auth(""));
    receiver.hears(&usual());
    assert!(receiver.machine.is_bidirectional(), "it stays through the restart");

    let mut rules = montague();
    rules.bidi = false;
    let mut receiver = Receiver::new(rules, Security::Tls(tls()));
    receiver.hears(&usual());
    assert_eq!(stream_error(&receiver.hears(BIDI)), "not-authorized");

    // Before TLS it is void.
    let mut rules = montague();
    rules.require_tls = false;
    let mut receiver = Receiver::new(rules, Security::Plaintext);
    receiver.hears(&usual());
    receiver.hears(BIDI);
    assert!(receiver.machine.is_bidirectional());
    receiver.hears(&format!("<starttls {TLS}/>"));
    assert!(!receiver.machine.is_bidirectional());
}

/// A certificate takes its time to be judged: what comes meanwhile waits, up to a bound.
#[test]
fn while_a_certificate_is_judged() {
    let mut receiver = Receiver::direct();
    receiver.judgement = None;
    let answer = receiver.hears(&usual());
    assert!(answer.ends_with(" version='1.0'>") && receiver.machine.is_waiting(), "{answer}");
    // The caller of this world does not read on; one that does finds it held back.
    let element = |xml: &str| jabiru_xml::Event::Element(jabiru_xml::RawElement::parse(xml, "jabber:server").unwrap());
    receiver.machine.handle_event(element(&auth("")), receiver.now);
    assert_eq!(receiver.says(), "");
    receiver.machine.handle_certificate(CertificateAnswer::Proves, receiver.now);
    assert!(receiver.says().ends_with(SUCCESS));
    // A second answer is none.
    receiver.machine.handle_certificate(REFUSED, receiver.now);
    assert!(!receiver.closed);

    let mut receiver = Receiver::direct();
    receiver.judgement = None;
    receiver.hears(&usual());
    for _ in 0..9 {
        assert!(!receiver.closed);
        receiver.machine.handle_event(element(MESSAGE), receiver.now);
        receiver.settle();
    }
    assert_eq!(receiver.last(), "closed policy-violation -");

    // Whoever does not want such a domain at all closes instead.
    let mut receiver = Receiver::direct();
    receiver.judgement = None;
    receiver.hears(&usual());
    receiver.machine.close(Some(jabiru_stanza::StreamCondition::PolicyViolation.into()));
    assert_eq!(stream_error(&receiver.says()), "policy-violation");
    receiver.machine.handle_certificate(CertificateAnswer::Proves, receiver.now);
    assert_eq!(receiver.says(), "");
}

/// RFC 6120 §4.3.3: a stream begins when it has to, and not otherwise.
#[test]
fn headers_out_of_turn() {
    let mut receiver = Receiver::direct();
    receiver.hears(&usual());
    receiver.machine.handle_event(
        jabiru_xml::Event::StreamOpen(jabiru_xml::RawElement::parse("<x/>", "jabber:server").unwrap()),
        receiver.now,
    );
    assert_eq!(stream_error(&receiver.says()), "bad-format");
    assert_eq!(format!("{:?}", receiver.machine).split('{').next(), Some("ReceivingServerStream "));
}
