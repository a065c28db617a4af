//! Both machines against each other, in one thread with invented time, the wire cut at every octet.

mod support;

use std::cell::Cell;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jabiru_negotiation::{
    Authentication, CertificateValidity, InitiatingError, InitiatingEvent, InitiatingPolicy, Login, Mechanism,
    ScramHash, Security, TlsInfo,
};
use jabiru_stanza::{SaslCondition, StreamCondition};

use support::{Client, PASSWORD, Server, converse, login, policy, single, tls, tls_with, whole};

/// Who logs in by this mechanism.
fn login_by(mechanism: Mechanism) -> Login {
    let mut login = login("juliet@im.example", PASSWORD, Some("balcony"));
    match mechanism {
        Mechanism::External => login.authentication = Authentication::Certificate { authzid: false },
        Mechanism::Anonymous => {
            login = Login { resource: login.resource, ..Login::anonymous("im.example".parse().expect("a domain")) };
        }
        _ => {}
    }
    login
}

/// Both ends of a stream on which nothing but this mechanism can be used.
fn pair(mechanism: Mechanism, starttls: bool, server_tls: TlsInfo, client_tls: TlsInfo) -> (Client, Server) {
    let mut rules = policy();
    rules.mechanisms = vec![mechanism];
    let security = |tls: &TlsInfo| if starttls { Security::Plaintext } else { Security::Tls(tls.clone()) };
    let mut server = Server::new(rules, security(&server_tls));
    let mut client = Client::new(login_by(mechanism), InitiatingPolicy::default(), security(&client_tls));
    (server.tls, client.tls) = (server_tls, client_tls);
    (client, server)
}

/// Both see the same end: the resource that was asked for, of the account that logged in.
fn assert_established(mechanism: Mechanism, client: &Client, server: &Server) {
    let InitiatingEvent::Established { jid } = client.end() else {
        panic!("{mechanism}: {:?} {:?}", client.log, server.log)
    };
    assert_eq!(client.log[0], InitiatingEvent::Authenticated { mechanism });
    let account = jid.to_bare();
    assert_eq!(account.as_str() == "juliet@im.example", mechanism != Mechanism::Anonymous);
    assert_eq!(
        server.log,
        [format!("authenticated {account} {mechanism}"), format!("established {account}/balcony Some(\"en\")")]
    );
    assert_eq!(server.established.as_ref(), Some(jid));
    assert_eq!((server.machine.poll_timeout(), client.machine.poll_timeout()), (None, None));
}

/// Every mechanism, by STARTTLS and by direct TLS, whatever way the octets of both directions arrive.
#[test]
fn any_cut_leads_to_the_same_end() {
    let certified = || tls_with(&["juliet@im.example"], CertificateValidity::Valid);
    for mechanism in Mechanism::ALL {
        for starttls in [true, false] {
            let run = |cut: &dyn Fn(&[u8]) -> Vec<Vec<u8>>| {
                let (mut client, mut server) = pair(mechanism, starttls, certified(), tls());
                converse(&mut client, &mut server, cut);
                assert_established(mechanism, &client, &server);
                assert_eq!(server.starts_tls, starttls);
            };
            run(&single);
            let longest = Cell::new(0);
            run(&|said: &[u8]| {
                longest.set(longest.get().max(said.len()));
                whole(said)
            });
            assert!((200..1000).contains(&longest.get()), "{}", longest.get());
            for at in 1..longest.get() {
                run(&|said: &[u8]| {
                    let (first, rest) = said.split_at(at.min(said.len()));
                    [first, rest].into_iter().flat_map(whole).collect()
                });
            }
        }
    }
}

/// Every mechanism with what each end has to bind to: the -PLUS ones are used with whatever both ends have, the better
/// one first.
#[test]
fn channel_bindings() {
    let with = |exporter: bool, end_point: bool| {
        let mut tls = tls_with(&["juliet@im.example"], CertificateValidity::Valid);
        tls.exporter = tls.exporter.filter(|_| exporter);
        tls.server_end_point = tls.server_end_point.filter(|_| end_point);
        tls
    };
    for mechanism in Mechanism::ALL {
        for bits in 0..16 {
            let [server_exporter, server_end_point, client_exporter, client_end_point] =
                [1, 2, 4, 8].map(|bit| bits & bit != 0);
            let bindable = server_exporter && client_exporter || server_end_point && client_end_point;
            let server_tls = with(server_exporter, server_end_point);
            let (mut client, mut server) = pair(mechanism, false, server_tls, with(client_exporter, client_end_point));
            converse(&mut client, &mut server, whole);
            if !mechanism.binds_channel() || bindable {
                assert_established(mechanism, &client, &server);
            } else if server_exporter || server_end_point {
                assert_eq!(*client.end(), InitiatingEvent::Closed { error: Some(InitiatingError::NoMechanism) });
            } else {
                // Nothing is left to be offered.
                assert_eq!(server.log, ["closed policy-violation"]);
            }
        }
    }
}

/// RFC 6120 §6.5: what each account and password leads to, by SCRAM and by PLAIN; account-disabled only after
/// the right password.
#[test]
fn refusals() {
    use SaslCondition::{AccountDisabled, CredentialsExpired, NotAuthorized, TemporaryAuthFailure};
    for mechanism in [Mechanism::ScramPlus(ScramHash::Sha256), Mechanism::Scram(ScramHash::Sha1), Mechanism::Plain] {
        for (jid, password, expected) in [
            ("juliet@im.example", "wrong", NotAuthorized),
            ("nobody@im.example", PASSWORD, NotAuthorized),
            ("disabled@im.example", "wrong", NotAuthorized),
            ("disabled@im.example", PASSWORD, AccountDisabled),
            ("expired@im.example", "wrong", NotAuthorized),
            ("expired@im.example", PASSWORD, CredentialsExpired),
            ("broken@im.example", PASSWORD, TemporaryAuthFailure),
            ("guessed@im.example", PASSWORD, TemporaryAuthFailure),
        ] {
            let mut rules = policy();
            rules.mechanisms = vec![mechanism];
            let mut server = Server::new(rules, Security::Tls(tls()));
            let mut client = Client::new(login(jid, password, None), InitiatingPolicy::default(), Security::Tls(tls()));
            converse(&mut client, &mut server, whole);
            match client.end() {
                InitiatingEvent::Closed { error: Some(InitiatingError::Sasl(failure)) } => {
                    assert_eq!(failure.condition, expected, "{mechanism} {jid} {password}");
                    assert!(expected != NotAuthorized || failure.text.is_none(), "nothing to tell accounts by");
                }
                other => panic!("{mechanism} {jid} {password}: {other:?}"),
            }
            assert_eq!(server.log, [format!("failed {jid} {mechanism} {}", expected.name()), "closed".to_owned()]);
        }
    }
}

/// Somebody between the two, with a certificate of his own: the keying material differs.
#[test]
fn a_relay_is_noticed() {
    let mut server = Server::direct();
    let elsewhere = TlsInfo { exporter: Some(vec![9; 32]), ..tls() };
    let mut client =
        Client::new(login("juliet@im.example", PASSWORD, None), InitiatingPolicy::default(), Security::Tls(elsewhere));
    converse(&mut client, &mut server, whole);
    assert_eq!(server.log[0], "failed juliet@im.example SCRAM-SHA-512-PLUS not-authorized");
}

/// A relay that takes the -PLUS mechanisms out of the offer: the client says `y`, and the server knows.
#[test]
fn a_downgrade_is_noticed() {
    let mut server = Server::direct();
    let mut client =
        Client::new(login("juliet@im.example", PASSWORD, None), InitiatingPolicy::default(), Security::Tls(tls()));
    for _ in 0..4 {
        let answer = server.receives(&client.says());
        let relayed = Mechanism::DEFAULT
            .iter()
            .filter(|mechanism| mechanism.binds_channel())
            .fold(answer, |answer, mechanism| answer.replace(&format!("<mechanism>{mechanism}</mechanism>"), ""));
        client.receives(relayed.as_bytes());
    }
    assert_eq!(server.log[0], "failed  SCRAM-SHA-512 not-authorized");
}

/// Whoever takes STARTTLS out of the offer gets nothing (RFC 6120 §13.8; the class of CVE-2016-10027).
#[test]
fn stripped_starttls_ends_it() {
    let mut client =
        Client::new(login("juliet@im.example", PASSWORD, None), InitiatingPolicy::default(), Security::Plaintext);
    let said = String::from_utf8(client.says()).unwrap();
    assert!(!said.contains("juliet"), "no address in plaintext: {said}");
    client.receives(
        b"<stream:stream from='im.example' id='1' version='1.0' xmlns='jabber:client' \
          xmlns:stream='http://etherx.jabber.org/streams'><stream:features>\
          <mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms></stream:features>",
    );
    assert_eq!(*client.end(), InitiatingEvent::Closed { error: Some(InitiatingError::TlsNotOffered) });
    assert_eq!(client.says(), b"</stream:stream>");
}

/// A server that does not know the password can't pretend (RFC 5802 §5): each row is what it tries.
#[test]
fn a_server_has_to_prove_itself() {
    const SUCCESS: &str = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'";
    const CHALLENGE: &str = "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>";
    for (answer, expected) in [
        (format!("{SUCCESS}/>"), "did not prove"),
        (format!("{SUCCESS}>=</success>"), "did not prove"),
        // v=AAAA
        (format!("{SUCCESS}>dj1BQUFB</success>"), "did not prove"),
        (format!("{SUCCESS}>dj1BQUF</success>"), "base64"),
        // r=foreign,s=QQ==,i=4096
        (format!("{CHALLENGE}cj1mb3JlaWduLHM9UVE9PSxpPTQwOTY=</challenge>"), "did not prove"),
        (format!("{CHALLENGE}</challenge>"), "did not prove"),
        (format!("{CHALLENGE}{}</challenge>", STANDARD.encode("m=x,r=foreign,s=QQ==,i=4096")), "did not prove"),
        ("<iq type='result' id='bind'/>".to_owned(), "unexpected element"),
    ] {
        let mut client =
            Client::new(login("juliet@im.example", PASSWORD, None), InitiatingPolicy::default(), Security::Tls(tls()));
        let mut server = Server::direct();
        let features = server.receives(&client.says());
        client.receives(features.as_bytes());
        assert!(!client.says().is_empty());
        client.receives(answer.as_bytes());
        let InitiatingEvent::Closed { error: Some(error) } = client.end() else { panic!("{answer}: {:?}", client.log) };
        assert!(error.to_string().contains(expected), "{answer}: {error}");
    }
}

/// What else a server may try with its challenge (RFC 5802 §5.1 and §9); the nonce goes on from the client's.
#[test]
fn hostile_challenges() {
    for (challenge, expected) in [
        ("r=NONCEmore,s=QQ==,i=8", None),
        ("r=NONCE,s=QQ==,i=8", Some("did not prove")),
        ("r=more,s=QQ==,i=8", Some("did not prove")),
        ("r=moreNONCE,s=QQ==,i=8", Some("did not prove")),
        ("m=x,r=NONCEmore,s=QQ==,i=8", Some("did not prove")),
        ("r=NONCEmore,s=QQ==,i=0", Some("iteration count")),
        ("r=NONCEmore,s=QQ==,i=4294967295", Some("iteration count")),
        ("r=NONCEmore,s=QQ==", Some("iteration count")),
        ("r=NONCEmore,i=8", Some("malformed")),
        ("v=AAAA", Some("did not prove")),
    ] {
        let mut client =
            Client::new(login("juliet@im.example", PASSWORD, None), InitiatingPolicy::default(), Security::Tls(tls()));
        let mut server = Server::direct();
        let features = server.receives(&client.says());
        client.receives(features.as_bytes());
        let said = String::from_utf8(client.says()).unwrap();
        let message = said.split('>').nth(1).unwrap().split('<').next().unwrap();
        let message = String::from_utf8(STANDARD.decode(message).unwrap()).unwrap();
        let challenge = challenge.replace("NONCE", message.split("r=").nth(1).unwrap());
        let challenge = support::sasl("challenge", "", &STANDARD.encode(&challenge));
        client.receives(challenge.as_bytes());
        match (client.log.last(), expected) {
            (None, None) => assert!(client.says().starts_with(b"<response ")),
            (Some(InitiatingEvent::Closed { error: Some(error) }), Some(expected)) => {
                assert!(error.to_string().contains(expected), "{challenge}: {error}");
            }
            other => panic!("{challenge}: {other:?}"),
        }
    }
}

/// RFC 6120 §4.7.1 and §4.7.5: who answers, and in which version.
#[test]
fn response_headers() {
    for (attributes, expected) in [
        ("from='im.example' id='1' version='1.0'", None),
        ("id='1' version='1.0'", None),
        ("from='other.example' id='1' version='1.0'", Some("invalid-from")),
        ("from='@' id='1' version='1.0'", Some("invalid-from")),
        ("from='im.example' id='1'", Some("unsupported-version")),
        ("from='im.example' id='1' version='0.9'", Some("unsupported-version")),
    ] {
        let mut client =
            Client::new(login("juliet@im.example", PASSWORD, None), InitiatingPolicy::default(), Security::Plaintext);
        client.says();
        let features = "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>";
        client.receives(format!("<stream:stream {attributes} {}>{features}", support::NS).as_bytes());
        let said = String::from_utf8(client.says()).unwrap();
        match expected {
            None => assert!(said.starts_with("<starttls "), "{attributes}: {said}"),
            Some(condition) => {
                assert!(said.starts_with(&format!("<stream:error><{condition} ")), "{attributes}: {said}");
            }
        }
    }
}

/// The signature in `<success/>` is verified, not merely wanted (RFC 5802 §5).
#[test]
fn a_wrong_signature_is_noticed() {
    for tampered in [false, true] {
        let mut client =
            Client::new(login("juliet@im.example", PASSWORD, None), InitiatingPolicy::default(), Security::Tls(tls()));
        let mut server = Server::direct();
        // Header, auth, response, header, bind.
        for _ in 0..5 {
            let mut answer = server.receives(&client.says());
            if tampered && answer.starts_with("<success ") {
                let (before, rest) = answer.split_once('>').unwrap();
                let (signature, after) = rest.split_once('<').unwrap();
                let mut signature = STANDARD.decode(signature).unwrap();
                // The first octet behind "v=", itself in base64.
                signature[2] = if signature[2] == b'A' { b'B' } else { b'A' };
                answer = format!("{before}>{}<{after}", STANDARD.encode(signature));
            }
            client.receives(answer.as_bytes());
        }
        let expected = match tampered {
            true => InitiatingEvent::Closed { error: Some(InitiatingError::NotVerified) },
            false => InitiatingEvent::Established { jid: "juliet@im.example/generated".parse().unwrap() },
        };
        assert_eq!(*client.end(), expected);
    }
}

/// What the server says of an error reaches the caller of the other side.
#[test]
fn stream_errors_arrive() {
    let mut client =
        Client::new(login("juliet@unknown.example", PASSWORD, None), InitiatingPolicy::default(), Security::Tls(tls()));
    let mut server = Server::direct();
    converse(&mut client, &mut server, whole);
    match client.end() {
        InitiatingEvent::Closed { error: Some(InitiatingError::StreamError(error)) } => {
            assert_eq!(*error.condition(), StreamCondition::HostUnknown);
        }
        other => panic!("{other:?}"),
    }
}

/// RFC 6120 §4.9.3.23: what has to be negotiated first, and nobody here knows.
#[test]
fn unknown_features() {
    const REQUIRED: &str = "<example xmlns='urn:xmpp:example'><required/></example>";
    const VOLUNTARY: &str = "<example xmlns='urn:xmpp:example'/>";
    const BIND: &str = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>";
    const PLAIN: &str =
        "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms>";
    let header = format!("<stream:stream from='im.example' id='1' version='1.0' {}>", support::NS);
    for (authenticated, features, expected) in [
        (false, REQUIRED.to_owned(), "<stream:error><unsupported-feature "),
        (false, VOLUNTARY.to_owned(), "</stream:stream>"),
        (false, format!("{REQUIRED}{PLAIN}"), "<auth "),
        (true, REQUIRED.to_owned(), "<stream:error><unsupported-feature "),
        (true, VOLUNTARY.to_owned(), "<stream:error><undefined-condition "),
        (true, format!("{REQUIRED}{BIND}"), "<iq "),
    ] {
        let login = login("juliet@im.example", PASSWORD, None);
        let mut client = Client::new(login, InitiatingPolicy::default(), Security::Tls(tls()));
        if authenticated {
            client.receives(format!("{header}<stream:features>{PLAIN}</stream:features>").as_bytes());
            client.receives(b"<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
        }
        client.says();
        client.receives(format!("{header}<stream:features>{features}</stream:features>").as_bytes());
        let said = String::from_utf8(client.says()).unwrap();
        assert!(said.starts_with(expected), "{authenticated} {features}: {said}");
    }
}

/// XEP-0178 §2, XEP-0175 §3 and RFC 4422 §4: what the initiating entity says of itself, and what it does not take.
#[test]
fn without_a_password() {
    let offer = |name: &str| {
        format!(
            "<stream:stream from='im.example' id='1' version='1.0' {}><stream:features>\
             <mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>{name}</mechanism></mechanisms>\
             </stream:features>",
            support::NS
        )
    };
    let certificate = |authzid| {
        let authentication = Authentication::Certificate { authzid };
        Login { authentication, ..login("juliet@im.example", "", None) }
    };
    let anonymous = || Login::anonymous("im.example".parse().unwrap());
    let auth = |name: &str, content: &str| support::sasl("auth", &format!(" mechanism='{name}'"), content);
    let challenge = support::sasl("challenge", "", "");
    let success = support::sasl("success", "", "");
    for (login, offered, from, expected, then, end) in [
        (certificate(false), "EXTERNAL", true, Some(auth("EXTERNAL", "=")), &success, "<?xml "),
        (certificate(true), "EXTERNAL", true, Some(support::auth("EXTERNAL", "juliet@im.example")), &success, "<?xml "),
        (certificate(false), "EXTERNAL", true, Some(auth("EXTERNAL", "=")), &challenge, "<stream:error>"),
        (certificate(false), "PLAIN", true, None, &success, ""),
        (anonymous(), "ANONYMOUS", false, Some(auth("ANONYMOUS", "")), &success, "<?xml "),
        (anonymous(), "ANONYMOUS", false, Some(auth("ANONYMOUS", "")), &challenge, "<response "),
        (
            anonymous(),
            "ANONYMOUS",
            false,
            Some(auth("ANONYMOUS", "")),
            &support::sasl("success", "", "AAAA"),
            "<stream:error>",
        ),
        (anonymous(), "PLAIN", false, None, &success, ""),
        (login("juliet@im.example", PASSWORD, None), "EXTERNAL", true, None, &success, ""),
        (login("juliet@im.example", PASSWORD, None), "ANONYMOUS", true, None, &success, ""),
    ] {
        let row = format!("{:?} {offered}", login.authentication);
        let mut client = Client::new(login, InitiatingPolicy::default(), Security::Tls(tls()));
        let header = String::from_utf8(client.says()).unwrap();
        assert_eq!(header.contains(" from="), from, "{row}: {header}");
        client.receives(offer(offered).as_bytes());
        let said = String::from_utf8(client.says()).unwrap();
        let empty = expected.as_ref().map(|expected| expected.replace("></auth>", "/>"));
        match empty {
            None => assert_eq!(*client.end(), InitiatingEvent::Closed { error: Some(InitiatingError::NoMechanism) }),
            Some(expected) => assert_eq!(said, expected, "{row}"),
        }
        client.receives(then.as_bytes());
        let said = String::from_utf8(client.says()).unwrap();
        assert!(said.starts_with(end), "{row} {then}: {said}");
    }
    // Nothing that only TLS can mean.
    let rules = InitiatingPolicy { require_tls: false, ..InitiatingPolicy::default() };
    let mut client = Client::new(certificate(false), rules, Security::Plaintext);
    client.receives(offer("EXTERNAL").as_bytes());
    assert_eq!(*client.end(), InitiatingEvent::Closed { error: Some(InitiatingError::NoMechanism) });
}
