//! Time-outs of server streams, in every state, with invented time.

mod server_support;

use std::time::Duration;

use jabiru_negotiation::{KeyAnswer, KeyToVerify, Security, ServerPurpose};
use jabiru_stanza::Condition;

use server_support::{
    BIDI_FEATURE, CAPULET, DIALBACK, DIALBACK_TIMEOUT, EXTERNAL, Initiator, Keys, MONTAGUE, ROOMS, Receiver, STARTTLS,
    SUCCESS, TIMEOUT, answer, auth, capulet, dialback_error, header, key, montague, pair, stream_error, tls, usual,
};

const BEFORE: Duration = Duration::from_millis(1);

/// RFC 6120 §4.9.3.4: whoever proves nothing in time is told so, in whatever state.
#[test]
fn receiving_states() {
    let challenge = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'/>";
    for (name, security, said) in [
        ("no header", Security::Plaintext, vec![]),
        ("STARTTLS", Security::Plaintext, vec![usual()]),
        ("header after TLS", Security::Plaintext, vec![usual(), STARTTLS.to_owned()]),
        ("proof", Security::Tls(tls()), vec![usual()]),
        ("initial response", Security::Tls(tls()), vec![usual(), challenge.to_owned()]),
        ("header after SASL", Security::Tls(tls()), vec![usual(), auth("")]),
    ] {
        let mut receiver = Receiver::new(montague(), security);
        let begin = receiver.now;
        for said in &said {
            receiver.hears(said);
        }
        assert_eq!(receiver.machine.poll_timeout(), Some(begin + TIMEOUT), "{name}");
        receiver.machine.handle_timeout(begin + TIMEOUT - BEFORE);
        receiver.settle();
        assert!(!receiver.closed, "{name}");
        receiver.machine.handle_timeout(begin + TIMEOUT);
        let said = receiver.says();
        assert_eq!(stream_error(&said), "connection-timeout", "{name}: {said}");
        assert_eq!((receiver.last(), receiver.machine.poll_timeout()), ("closed connection-timeout -", None), "{name}");
        receiver.machine.handle_timeout(begin + TIMEOUT * 2);
        assert_eq!(receiver.says(), "", "{name}");
    }
    // While a certificate is judged too, and what comes at the deadline is not taken.
    let mut receiver = Receiver::direct();
    receiver.judgement = None;
    receiver.hears(&usual());
    let late = receiver.now + TIMEOUT;
    receiver.machine.handle_certificate(jabiru_negotiation::CertificateAnswer::Proves, late);
    assert_eq!(stream_error(&receiver.says()), "connection-timeout");
    let mut receiver = Receiver::direct();
    receiver.now += TIMEOUT;
    assert_eq!(stream_error(&receiver.hears(&usual())), "connection-timeout");
}

/// The TLS handshake takes its time out of the same; nothing can be said in it.
#[test]
fn receiving_tls() {
    use jabiru_negotiation::{ReceivingServerEvent, ReceivingServerStream};
    let now = std::time::Instant::now();
    let mut machine = ReceivingServerStream::new(std::sync::Arc::new(montague()), Security::Plaintext, now);
    let mut reader = jabiru_xml::Reader::new(jabiru_xml::Limits::UNAUTHENTICATED);
    let said = usual() + STARTTLS;
    let mut input = said.as_bytes();
    while let Ok(Some(event)) = reader.read(&mut input) {
        machine.handle_event(event, now);
    }
    machine.take_output(&mut Vec::new());
    assert!(matches!(machine.poll_event(), Some(ReceivingServerEvent::StartTls)));
    machine.handle_tls(tls(), now + TIMEOUT);
    assert!(matches!(machine.poll_event(), Some(ReceivingServerEvent::Closed { error: Some(_), .. })));
    assert!(!machine.take_output(&mut Vec::new()));
}

/// Something proven lifts the deadline; keys have theirs, each for itself, for the life of the stream.
#[test]
fn receiving_keys() {
    let mut receiver = Receiver::direct();
    receiver.keys = Keys::Wait;
    let begin = receiver.now;
    receiver.hears(&usual());
    receiver.hears(&key(CAPULET, MONTAGUE, "k"));
    assert_eq!(receiver.machine.poll_timeout(), Some(begin + DIALBACK_TIMEOUT));
    let claim = receiver.asked.pop().unwrap();
    receiver.machine.handle_key(&claim, KeyAnswer::Valid, begin + DIALBACK_TIMEOUT - BEFORE);
    assert!(receiver.says().contains("type='valid'"));
    assert_eq!(receiver.machine.poll_timeout(), None);

    receiver.now = begin + TIMEOUT * 10;
    receiver.hears(&key(CAPULET, ROOMS, "k"));
    receiver.now += Duration::from_secs(1);
    receiver.hears(&key("rooms.capulet.example", ROOMS, "k"));
    let first = begin + TIMEOUT * 10 + DIALBACK_TIMEOUT;
    assert_eq!(receiver.machine.poll_timeout(), Some(first));
    receiver.machine.handle_timeout(first);
    let said = receiver.says();
    assert!(said.starts_with("<db:result from='rooms.montague.example' to='capulet.example' type='error'>"), "{said}");
    assert_eq!(dialback_error(&said), "remote-server-timeout");
    assert_eq!(receiver.last(), "refused capulet.example -> rooms.montague.example: dialback remote-server-timeout");
    assert_eq!(receiver.machine.poll_timeout(), Some(first + Duration::from_secs(1)));
    // An element that comes at that time finds the key expired as well.
    receiver.now = first + Duration::from_secs(1);
    assert_eq!(dialback_error(&receiver.hears(" ")), "none", "white space is no event");
    let said = receiver.hears("<presence/>");
    assert_eq!(dialback_error(&said), "remote-server-timeout");
    assert_eq!(receiver.machine.poll_timeout(), None);
    assert!(!receiver.closed);
}

/// The initiating end says what it waited for.
#[test]
fn initiating_states() {
    for (said, expected) in [
        (vec![], "negotiation took too long, waiting for a stream header"),
        (vec![header("from='montague.example' id='1'")], "negotiation took too long, waiting for stream features"),
        (vec![answer(STARTTLS)], "negotiation took too long, waiting for the answer to STARTTLS"),
        // A server of before stream features.
        (
            vec![header("from='montague.example' id='1'").replace(" version='1.0'", "")],
            "protocol violated: unsupported-version",
        ),
    ] {
        let mut initiator = Initiator::new(capulet(), Security::Plaintext);
        let begin = initiator.now;
        for said in &said {
            initiator.hears(said);
        }
        assert_eq!(initiator.machine.poll_timeout(), Some(begin + TIMEOUT), "{expected}");
        initiator.machine.handle_timeout(begin + TIMEOUT - BEFORE);
        initiator.settle();
        assert!(!initiator.closed, "{expected}");
        initiator.machine.handle_timeout(begin + TIMEOUT);
        initiator.settle();
        assert_eq!((initiator.why().as_str(), initiator.machine.poll_timeout()), (expected, None));
        assert!(initiator.says().ends_with("</stream:stream>"));
    }
    for (said, after, expected) in [
        (vec![answer(EXTERNAL)], TIMEOUT, "negotiation took too long, waiting for the outcome of EXTERNAL"),
        (vec![answer(EXTERNAL), SUCCESS.to_owned()], TIMEOUT, "negotiation took too long, waiting for a stream header"),
        (
            vec![answer(DIALBACK)],
            DIALBACK_TIMEOUT,
            "negotiation took too long, waiting for the answer to the dialback key",
        ),
    ] {
        let mut initiator = Initiator::direct();
        let begin = initiator.now;
        for said in &said {
            initiator.hears(said);
        }
        assert_eq!(initiator.machine.poll_timeout(), Some(begin + after), "{expected}");
        initiator.machine.handle_timeout(begin + after);
        initiator.settle();
        assert_eq!(initiator.why(), expected);
    }
    // In the TLS handshake nothing can be said.
    use jabiru_negotiation::{InitiatingServerEvent, InitiatingServerStream};
    let now = std::time::Instant::now();
    let rules = std::sync::Arc::new(capulet());
    let purpose = ServerPurpose::Stanzas;
    let mut machine = InitiatingServerStream::new(pair(CAPULET, MONTAGUE), purpose, rules, Security::Plaintext, now);
    let mut reader = jabiru_xml::Reader::new(jabiru_xml::Limits::UNAUTHENTICATED);
    let said = answer(STARTTLS) + "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
    let mut input = said.as_bytes();
    while let Ok(Some(event)) = reader.read(&mut input) {
        machine.handle_event(event, now);
    }
    machine.take_output(&mut Vec::new());
    machine.handle_timeout(now + TIMEOUT);
    assert!(!machine.take_output(&mut Vec::new()));
    let last = std::iter::from_fn(|| machine.poll_event()).last();
    assert!(matches!(last, Some(InitiatingServerEvent::Closed { error: Some(_) })), "{last:?}");
}

/// Requests of an open stream have their time, each for itself; the stream goes on.
#[test]
fn initiating_requests() {
    let mut initiator = Initiator::direct();
    initiator.hears(&answer(&format!("{EXTERNAL}{BIDI_FEATURE}")));
    initiator.hears(SUCCESS);
    initiator.hears(&answer(DIALBACK));
    assert_eq!((initiator.last(), initiator.machine.poll_timeout()), ("established bidi=true sm=false", None));
    let begin = initiator.now + TIMEOUT * 5;
    initiator.now = begin;
    let more = pair("rooms.capulet.example", MONTAGUE);
    let claim = KeyToVerify { pair: pair(MONTAGUE, CAPULET), stream_id: "x".into(), key: "k".into() };
    assert!(initiator.machine.add_pair(&more, begin));
    initiator.machine.verify_key(claim.clone(), begin);
    initiator.hears(&key(ROOMS, CAPULET, "k"));
    assert_eq!(initiator.machine.poll_timeout(), Some(begin + DIALBACK_TIMEOUT));
    initiator.machine.handle_timeout(begin + DIALBACK_TIMEOUT - BEFORE);
    initiator.says();
    assert!(initiator.verified.is_empty());
    initiator.machine.handle_timeout(begin + DIALBACK_TIMEOUT);
    let said = initiator.says();
    assert_eq!(dialback_error(&said), "remote-server-timeout", "to the key of the other side");
    assert_eq!(initiator.verified, [(claim.clone(), Condition::RemoteServerTimeout.into())]);
    assert!(
        initiator
            .log
            .contains(&"not accepted rooms.capulet.example -> montague.example remote-server-timeout".to_owned())
    );
    assert_eq!((initiator.closed, initiator.machine.poll_timeout()), (false, None));
    // Answers that come now are none.
    initiator.hears("<db:result from='montague.example' to='rooms.capulet.example' type='valid'/>");
    initiator.hears("<db:verify from='montague.example' to='capulet.example' id='x' type='valid'/>");
    initiator.machine.handle_key(&initiator.asked[0].clone(), KeyAnswer::Valid, initiator.now);
    assert_eq!((initiator.machine.accepted_pairs().len(), initiator.verified.len()), (1, 1));
    assert!(!initiator.is_proven(ROOMS, CAPULET));
}

/// A stream that is for keys alone has a deadline for its negotiation, and then one for each key.
#[test]
fn verifying_streams() {
    let claim = KeyToVerify { pair: pair(CAPULET, MONTAGUE), stream_id: "x".into(), key: "k".into() };
    let open = || {
        let mut rules = capulet();
        rules.dialback_timeout = TIMEOUT * 2;
        let purpose = ServerPurpose::Verify(vec![claim.clone()]);
        let mut initiator = Initiator::for_purpose(pair(MONTAGUE, CAPULET), purpose, rules, Security::Tls(tls()));
        initiator.says();
        initiator
    };
    let mut initiator = open();
    let begin = initiator.now;
    initiator.machine.handle_timeout(begin + TIMEOUT);
    initiator.settle();
    assert_eq!(initiator.why(), "negotiation took too long, waiting for a stream header");
    assert_eq!(initiator.verified, [(claim.clone(), Condition::RemoteServerTimeout.into())]);

    let mut initiator = open();
    let begin = initiator.now;
    let header = header("from='capulet.example' to='montague.example' id='1'");
    initiator.hears(&format!("{header}<stream:features/>"));
    assert_eq!(initiator.machine.poll_timeout(), Some(begin + TIMEOUT * 2));
    initiator.machine.handle_timeout(begin + TIMEOUT * 2);
    initiator.settle();
    assert_eq!(initiator.verified, [(claim.clone(), Condition::RemoteServerTimeout.into())]);
    assert!(!initiator.closed, "it is the caller who closes");
}
