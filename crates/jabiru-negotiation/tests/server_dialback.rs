//! Server Dialback in its four roles, rule by rule (XEP-0220), and what was done with it against other servers.

mod server_support;

use jabiru_negotiation::{KeyAnswer, KeyToVerify, Security, ServerPurpose, dialback};
use jabiru_stanza::Condition;

use server_support::{
    BIDI, BIDI_FEATURE, CAPULET, DIALBACK, Initiator, Keys, MESSAGE, MONTAGUE, ROOMS, Receiver, answer, auth, capulet,
    converse, dialback_error, header, key, montague, pair, secret, stream_error, tls, usual, whole,
};

/// A receiving end that waits for answers to keys, with the features sent.
fn receiving() -> Receiver {
    let mut receiver = Receiver::direct();
    receiver.keys = Keys::Wait;
    receiver.hears(&usual());
    receiver
}

/// An initiating end whose key was sent, with the id `s1`.
fn initiating() -> Initiator {
    let mut initiator = Initiator::direct();
    let said = initiator.hears(&answer(DIALBACK));
    assert!(said.contains("<db:result "), "{said}");
    initiator
}

fn verify(from: &str, to: &str, id: &str, key: &str) -> String {
    format!("<db:verify from='{from}' to='{to}' id='{id}'>{key}</db:verify>")
}

/// Step 1 (XEP-0220 §2.1.1): the key is bound to both domains and the id, and the answer that counts is that to it.
#[test]
fn initiating_server() {
    let mut initiator = Initiator::direct();
    assert!(initiator.says().contains(" xmlns:db='jabber:server:dialback'"));
    let expected = dialback::key(&secret(CAPULET), MONTAGUE, CAPULET, "s1");
    assert_eq!(initiator.hears(&answer(DIALBACK)), key(CAPULET, MONTAGUE, &expected));
    // XEP-0220 §2.4.1: where the header alone says that dialback is spoken, it is tried too.
    let mut initiator = Initiator::direct();
    initiator.says();
    assert_eq!(initiator.hears(&answer("")), key(CAPULET, MONTAGUE, &expected));

    for (said, expected) in [
        ("<db:result from='montague.example' to='capulet.example' type='valid'/>", "established bidi=false sm=false"),
        ("<db:result from='Montague.Example' to='CAPULET.example' type='valid'/>", "established bidi=false sm=false"),
        (
            "<db:result from='montague.example' to='capulet.example' type='invalid'/>",
            "the dialback key was found invalid",
        ),
        (
            "<db:result from='montague.example' to='capulet.example' type='error'><error type='cancel'>\
             <item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></db:result>",
            "dialback failed: item-not-found",
        ),
        (
            "<db:result from='montague.example' to='capulet.example' type='error'><error>\
             <remote-connection-failed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></db:result>",
            "dialback failed: remote-server-timeout (remote-connection-failed)",
        ),
        (
            "<db:result from='montague.example' to='capulet.example' type='error'/>",
            "dialback failed: undefined-condition",
        ),
        (
            "<db:result from='montague.example' to='capulet.example' type='x'/>",
            "protocol violated: invalid-xml (type is \
          valid, invalid or error)",
        ),
        ("</stream:stream>", "the stream was closed"),
        (
            "<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
            "the stream was closed with host-unknown",
        ),
    ] {
        let mut initiator = initiating();
        initiator.hears(said);
        match expected.starts_with("established") {
            true => assert_eq!(initiator.last(), expected, "{said}"),
            false => assert_eq!(initiator.why(), expected, "{said}"),
        }
    }
}

/// XEP-0220 §3.1, the notice of 2012 (CVE-2012-3525, CVE-2012-4669, CVE-2012-4672): answers to what was not asked for on this stream
/// prove nothing, at the initiating end…
#[test]
fn unsolicited_answers_to_the_initiating_server() {
    let unsolicited = [
        "<db:result from='verona.example' to='capulet.example' type='valid'/>",
        "<db:result from='montague.example' to='verona.example' type='valid'/>",
        "<db:result from='capulet.example' to='montague.example' type='valid'/>",
        "<db:result from='rooms.montague.example' to='capulet.example' type='valid'/>",
        "<db:verify from='montague.example' to='capulet.example' id='s1' type='valid'/>",
        "<db:verify from='capulet.example' to='montague.example' id='s1' type='valid'/>",
        "<db:verify from='verona.example' to='capulet.example' id='x' type='invalid'/>",
    ];
    for said in unsolicited {
        let mut initiator = initiating();
        assert_eq!(initiator.hears(said), "", "{said}");
        assert!(initiator.log.is_empty() && initiator.verified.is_empty(), "{said}: {:?}", initiator.log);
        assert!(initiator.machine.accepted_pairs().is_empty(), "{said}");
        initiator.hears("<db:result from='montague.example' to='capulet.example' type='valid'/>");
        assert_eq!(initiator.last(), "established bidi=false sm=false");
        for said in unsolicited {
            assert_eq!(initiator.hears(said), "");
        }
        // What was answered is: a second answer is none.
        initiator.hears("<db:result from='montague.example' to='capulet.example' type='invalid'/>");
        assert!(!initiator.closed && initiator.machine.accepted_pairs().len() == 1, "{:?}", initiator.log);
        assert!(!initiator.is_proven(MONTAGUE, CAPULET), "this stream has one direction");
    }
    // Before anything was sent there is nothing to be answered.
    for said in unsolicited {
        let mut initiator = Initiator::direct();
        initiator.hears(&header("from='montague.example' id='s1'"));
        initiator.hears(said);
        assert!(initiator.why().starts_with("protocol violated: bad-format"), "{}", initiator.why());
    }
}

/// … nor at the receiving end, where they end the stream.
#[test]
fn unsolicited_answers_to_the_receiving_server() {
    for said in [
        "<db:result from='capulet.example' to='montague.example' type='valid'/>",
        "<db:result from='montague.example' to='capulet.example' type='valid'/>",
        "<db:result from='verona.example' to='montague.example' type='invalid'/>",
        "<db:result from='verona.example' to='montague.example' type='error'/>",
        "<db:verify from='capulet.example' to='montague.example' id='ID' type='valid'/>",
        "<db:verify from='verona.example' to='montague.example' id='ID' type='valid'/>",
        "<db:verify from='capulet.example' to='montague.example' id='ID' type='error'/>",
    ] {
        for (name, begin) in [("at first", ""), ("while a key is verified", "k"), ("bidirectional", BIDI)] {
            let mut receiver = receiving();
            match begin {
                "k" => assert_eq!(receiver.hears(&key(CAPULET, MONTAGUE, "k")), ""),
                begin => assert_eq!(receiver.hears(begin), ""),
            }
            let answer = receiver.hears(&said.replace("ID", receiver.machine.id()));
            assert_eq!(stream_error(&answer), "not-authorized", "{name}: {said}: {answer}");
            assert!(receiver.machine.proven_pairs().is_empty(), "{name}: {said}");
            // Nor does the right answer count any more.
            for claim in std::mem::take(&mut receiver.asked) {
                receiver.machine.handle_key(&claim, KeyAnswer::Valid, receiver.now);
            }
            assert!(!receiver.is_proven(CAPULET, MONTAGUE) && receiver.says().is_empty());
        }
    }
}

/// Steps 2 and 4 (XEP-0220 §2.2.1): which keys are asked about, and what the others are answered.
#[test]
fn receiving_server() {
    for (from, to, shown, expected) in [
        (CAPULET, MONTAGUE, "k", "asked"),
        (CAPULET, ROOMS, "k", "asked"),
        // XEP-0220 §2.6.1: another sender domain than that of the header.
        ("rooms.capulet.example", MONTAGUE, "k", "asked"),
        (CAPULET, "verona.example", "k", "item-not-found"),
        (CAPULET, "x.montague.example", "k", "item-not-found"),
        (MONTAGUE, ROOMS, "k", "forbidden"),
        (ROOMS, MONTAGUE, "k", "forbidden"),
        (CAPULET, MONTAGUE, "", "bad-request"),
        (CAPULET, MONTAGUE, "  ", "bad-request"),
    ] {
        let mut receiver = receiving();
        let answer = receiver.hears(&key(from, to, shown));
        let row = format!("{from} {to} {shown:?}: {answer}");
        if expected == "asked" {
            let claim =
                KeyToVerify { pair: pair(from, to), stream_id: receiver.machine.id().to_owned(), key: "k".into() };
            assert_eq!((answer.as_str(), &receiver.asked[..]), ("", &[claim][..]), "{row}");
        } else {
            assert_eq!(dialback_error(&answer), expected, "{row}");
            // In the words of the request, turned around, and without an end of the stream.
            assert!(answer.starts_with(&format!("<db:result from='{to}' to='{from}' type='error'>")), "{row}");
            assert!(!receiver.closed && receiver.asked.is_empty(), "{row}");
            assert_eq!(receiver.last(), format!("refused {from} -> {to}: dialback {expected}"), "{row}");
        }
    }
    // XEP-0220 §2.5: a policy that wants certificates.
    let mut rules = montague();
    rules.dialback = false;
    let mut receiver = Receiver::new(rules, Security::Tls(tls()));
    receiver.hears(&usual());
    assert_eq!(dialback_error(&receiver.hears(&key(CAPULET, MONTAGUE, "k"))), "not-authorized");
    assert_eq!(receiver.hears(&auth("")), server_support::SUCCESS);
}

/// Step 4: what the answers lead to, with and without another pair that is proven (XEP-0220 §2.2.1, §2.5).
#[test]
fn answers_are_passed_on() {
    let timeout = || KeyAnswer::from(Condition::RemoteServerTimeout);
    for (given, alone, beside) in [
        (KeyAnswer::Valid, "valid", "valid"),
        (KeyAnswer::Invalid, "invalid and the end", "forbidden"),
        (timeout(), "remote-server-timeout", "remote-server-timeout"),
    ] {
        for (proven, expected) in [(false, alone), (true, beside)] {
            let mut receiver = receiving();
            if proven {
                receiver.hears(&auth(""));
                receiver.hears(&usual());
            }
            receiver.hears(&key("rooms.capulet.example", MONTAGUE, "k"));
            let claim = receiver.asked.pop().unwrap();
            receiver.machine.handle_key(&claim, given.clone(), receiver.now);
            let said = receiver.says();
            let row = format!("{given:?} {proven}: {said}");
            let prefix = "<db:result from='montague.example' to='rooms.capulet.example' type=";
            assert!(said.starts_with(prefix), "{row}");
            match expected {
                "valid" => assert!(said.ends_with("type='valid'/>"), "{row}"),
                "invalid and the end" => assert!(said.ends_with("type='invalid'/></stream:stream>"), "{row}"),
                condition => assert_eq!(dialback_error(&said), condition, "{row}"),
            }
            assert_eq!(receiver.is_proven("rooms.capulet.example", MONTAGUE), expected == "valid", "{row}");
            assert_eq!(receiver.closed, expected == "invalid and the end", "{row}");
            if !receiver.closed {
                // Stanzas only where something is proven; and the stream goes on for those that are.
                receiver.hears(MESSAGE);
                assert_eq!(receiver.closed, !proven && expected != "valid", "{row}");
            }
            // An answer counts once.
            receiver.machine.handle_key(&claim, KeyAnswer::Valid, receiver.now);
            assert_eq!(receiver.says(), "", "{row}");
        }
    }
}

/// An answer counts for the stream, the pair and the key it was asked for, and no other.
#[test]
fn answers_of_other_streams_are_none() {
    let mut receiver = receiving();
    receiver.hears(&key(CAPULET, MONTAGUE, "k"));
    let claim = receiver.asked.pop().unwrap();
    for wrong in [
        KeyToVerify { stream_id: "other".to_owned(), ..claim.clone() },
        KeyToVerify { key: "l".to_owned(), ..claim.clone() },
        KeyToVerify { pair: pair(CAPULET, ROOMS), ..claim.clone() },
        KeyToVerify { pair: pair("verona.example", MONTAGUE), ..claim.clone() },
    ] {
        receiver.machine.handle_key(&wrong, KeyAnswer::Valid, receiver.now);
        assert!(receiver.says().is_empty() && receiver.machine.proven_pairs().is_empty(), "{wrong:?}");
    }
    // The stream restarts: its id is another one, and the key of before is void.
    receiver.hears(&auth(""));
    receiver.machine.handle_key(&claim, KeyAnswer::Invalid, receiver.now);
    assert!(receiver.says().is_empty() && !receiver.closed);

    // The same under TLS of what was claimed in plaintext.
    let mut rules = montague();
    rules.require_tls = false;
    let mut receiver = Receiver::new(rules, Security::Plaintext);
    receiver.keys = Keys::Wait;
    receiver.hears(&usual());
    receiver.hears(&key(CAPULET, MONTAGUE, "k"));
    let claim = receiver.asked.pop().unwrap();
    receiver.hears("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    receiver.machine.handle_key(&claim, KeyAnswer::Valid, receiver.now);
    assert!(receiver.says().is_empty() && receiver.machine.proven_pairs().is_empty());
}

/// XEP-0220 §2.5, and attacks with very many domains: pairs on one stream are bounded, and those there are go on.
#[test]
fn pairs_are_bounded() {
    let mut rules = montague();
    rules.max_pairs = 10;
    let mut receiver = Receiver::new(rules, Security::Tls(tls()));
    receiver.keys = Keys::Wait;
    receiver.hears(&usual());
    let mut refused = 0;
    for n in 0..100_000 {
        let answer = receiver.hears(&key(&format!("d{n}.example"), MONTAGUE, "k"));
        refused += usize::from(dialback_error(&answer) == "resource-constraint");
        receiver.log.clear();
    }
    assert_eq!((receiver.asked.len(), refused), (10, 100_000 - 10));
    let claim = receiver.asked.pop().unwrap();
    receiver.machine.handle_key(&claim, KeyAnswer::Valid, receiver.now);
    assert!(receiver.says().contains("type='valid'"));
    // It is proven now, and takes its room for good.
    assert_eq!(dialback_error(&receiver.hears(&key(CAPULET, MONTAGUE, "k"))), "resource-constraint");
    let claim = receiver.asked.pop().unwrap();
    receiver.machine.handle_key(&claim, Condition::RemoteServerNotFound.into(), receiver.now);
    assert_eq!(dialback_error(&receiver.says()), "remote-server-not-found");
    assert_eq!(receiver.hears(&key(CAPULET, MONTAGUE, "k")), "", "there is room again");
}

/// Step 3 (XEP-0220 §2.2.2): as the authoritative server, by the secret alone; nothing is proven by it.
#[test]
fn authoritative_server() {
    let right = dialback::key(&secret(MONTAGUE), CAPULET, MONTAGUE, "417GAF25");
    let for_rooms = dialback::key(&secret(MONTAGUE), CAPULET, ROOMS, "417GAF25");
    let foreign = dialback::key(&secret(CAPULET), CAPULET, MONTAGUE, "417GAF25");
    for (from, to, id, shown, expected) in [
        (CAPULET, MONTAGUE, "417GAF25", right.as_str(), "valid"),
        (CAPULET, ROOMS, "417GAF25", &for_rooms, "valid"),
        ("CAPULET.Example", MONTAGUE, "417GAF25", &right, "valid"),
        (CAPULET, MONTAGUE, "417GAF26", &right, "invalid"),
        ("verona.example", MONTAGUE, "417GAF25", &right, "invalid"),
        (CAPULET, ROOMS, "417GAF25", &right, "invalid"),
        (CAPULET, MONTAGUE, "417GAF25", &foreign, "invalid"),
        (CAPULET, MONTAGUE, "417GAF25", "", "invalid"),
        (CAPULET, "verona.example", "417GAF25", &right, "error"),
    ] {
        // With a header that names who asks, or without.
        for begin in [usual(), header("to='montague.example'")] {
            let mut receiver = Receiver::direct();
            receiver.hears(&begin);
            let said = receiver.hears(&verify(from, to, id, shown));
            let from = from.to_lowercase();
            let prefix = format!("<db:verify from='{to}' to='{from}' id='{id}' type='{expected}'");
            assert!(said.starts_with(&prefix), "{from} {to} {id}: {said}");
            assert_eq!(dialback_error(&said), if expected == "error" { "item-not-found" } else { "none" });
            assert!(receiver.machine.proven_pairs().is_empty() && !receiver.closed);
            assert_eq!(stream_error(&receiver.hears(MESSAGE)), "not-authorized");
        }
    }
    for (said, expected) in [
        ("<db:verify from='capulet.example' to='montague.example'>k</db:verify>", "invalid-xml"),
        ("<db:verify to='montague.example' id='1'>k</db:verify>", "improper-addressing"),
        ("<db:verify from='capulet.example' id='1'>k</db:verify>", "improper-addressing"),
        ("<db:result to='montague.example'>k</db:result>", "improper-addressing"),
        ("<db:result from='capulet.example'>k</db:result>", "improper-addressing"),
        ("<db:unknown from='capulet.example' to='montague.example'/>", "unsupported-stanza-type"),
    ] {
        assert_eq!(stream_error(&receiving().hears(said)), expected, "{said}");
    }
}

/// As the receiving server, towards the authoritative one (XEP-0220 §2.1.2): each key gets one answer, whatever happens.
#[test]
fn asking_an_authoritative_server() {
    let claim = |id: &str| KeyToVerify { pair: pair(CAPULET, MONTAGUE), stream_id: id.into(), key: "k".into() };
    let asking = |features: &str| {
        let purpose = ServerPurpose::Verify(vec![claim("1"), claim("2")]);
        let pair = pair(MONTAGUE, CAPULET);
        let mut asking = Initiator::for_purpose(pair, purpose, capulet(), Security::Tls(tls()));
        asking.says();
        let header = header("from='capulet.example' to='montague.example' id='s1'");
        let said = asking.hears(&format!("{header}<stream:features>{features}</stream:features>"));
        (asking, said)
    };
    // Neither EXTERNAL nor a key of our own, nor a direction for the other side.
    let (mut initiator, said) = asking(&format!("{}{DIALBACK}{BIDI_FEATURE}", server_support::EXTERNAL));
    assert_eq!(said, verify(MONTAGUE, CAPULET, "1", "k") + &verify(MONTAGUE, CAPULET, "2", "k"));
    initiator.machine.verify_key(claim("3"), initiator.now);
    assert_eq!(initiator.says(), verify(MONTAGUE, CAPULET, "3", "k"));
    // Answers in any order; those to other questions are none.
    let answered = |id: &str, kind: &str| {
        format!("<db:verify from='capulet.example' to='montague.example' id='{id}' type='{kind}'/>")
    };
    initiator.hears(&answered("4", "valid"));
    initiator.hears(&answered("1", "valid").replace("'capulet.", "'verona."));
    initiator.hears(&answered("1", "valid").replace("'montague.", "'verona."));
    assert!(initiator.verified.is_empty());
    initiator.hears(&answered("2", "invalid"));
    initiator.hears(&answered("1", "valid"));
    initiator.hears(&answered("1", "invalid"));
    assert_eq!(initiator.verified, [(claim("2"), KeyAnswer::Invalid), (claim("1"), KeyAnswer::Valid)]);
    initiator.hears("</stream:stream>");
    assert_eq!(initiator.verified[2..], [(claim("3"), Condition::RemoteServerTimeout.into())]);
    // Too late: the stream is closed.
    initiator.machine.verify_key(claim("5"), initiator.now);
    initiator.settle();
    assert_eq!(initiator.verified[3..], [(claim("5"), Condition::RemoteServerTimeout.into())]);

    // XEP-0220 §2.5: what a stream that fails stands for.
    for (said, expected) in [
        ("<stream:error><host-unknown xmlns='S'/></stream:error>", Condition::RemoteServerNotFound),
        ("<stream:error><host-gone xmlns='S'/></stream:error>", Condition::RemoteServerNotFound),
        ("<stream:error><system-shutdown xmlns='S'/></stream:error>", Condition::RemoteServerTimeout),
        ("<message/>", Condition::RemoteServerTimeout),
        ("<", Condition::RemoteServerTimeout),
    ] {
        let (mut initiator, _) = asking("");
        let said = said.replace("'S'", "'urn:ietf:params:xml:ns:xmpp-streams'");
        initiator.hears(&said);
        initiator.machine.close();
        initiator.settle();
        let expected = [(claim("1"), expected.clone().into()), (claim("2"), expected.into())];
        assert_eq!(initiator.verified, expected, "{said}");
    }

    // More than there is room for.
    let purpose = ServerPurpose::Verify(vec![claim("1"), claim("2"), claim("2"), claim("3")]);
    let mut rules = capulet();
    rules.max_pairs = 2;
    let mut initiator = Initiator::for_purpose(pair(MONTAGUE, CAPULET), purpose, rules, Security::Tls(tls()));
    initiator.settle();
    let constraint = || KeyAnswer::from(Condition::ResourceConstraint);
    assert_eq!(initiator.verified, [(claim("2"), constraint()), (claim("3"), constraint())]);
}

/// On a stream that carries stanzas, keys of others are verified too, even before our own has its answer: else two servers
/// that wait for each other wait for ever.
#[test]
fn verification_beside_stanzas() {
    let claim = KeyToVerify { pair: pair(MONTAGUE, CAPULET), stream_id: "x".into(), key: "k".into() };
    let mut initiator = Initiator::direct();
    initiator.machine.verify_key(claim.clone(), initiator.now);
    initiator.says();
    let said = initiator.hears(&answer(DIALBACK));
    assert!(said.starts_with("<db:result ") && said.ends_with(&verify(CAPULET, MONTAGUE, "x", "k")), "{said}");
    initiator.hears("<db:verify from='montague.example' to='capulet.example' id='x' type='valid'/>");
    assert_eq!(initiator.verified, [(claim, KeyAnswer::Valid)]);
    assert!(initiator.machine.accepted_pairs().is_empty() && initiator.log.is_empty());
}

/// A server whose requests come on a stream that has one direction (XEP-0220 §2.2).
#[test]
fn requests_against_the_direction() {
    for said in [key(MONTAGUE, CAPULET, "k"), verify(MONTAGUE, CAPULET, "x", "k")] {
        let mut initiator = initiating();
        initiator.hears(&said);
        assert!(initiator.why().starts_with("protocol violated: not-authorized"), "{}", initiator.why());
    }
}

/// XEP-0288 §2.2: on a bidirectional stream the receiving server may prove more, to the domains that it accepted.
#[test]
fn requests_on_a_bidirectional_stream() {
    let bidirectional = || {
        let mut initiator = Initiator::direct();
        initiator.says();
        let said = initiator.hears(&answer(&format!("{DIALBACK}{BIDI_FEATURE}")));
        assert!(said.starts_with(&format!("{BIDI}<db:result ")), "{said}");
        // Not yet: nothing is accepted.
        assert_eq!(dialback_error(&initiator.hears(&key(ROOMS, CAPULET, "k"))), "item-not-found");
        assert!(!initiator.is_proven(MONTAGUE, CAPULET));
        initiator.hears("<db:result from='montague.example' to='capulet.example' type='valid'/>");
        initiator
    };
    let mut initiator = bidirectional();
    assert!(initiator.is_proven(MONTAGUE, CAPULET) && !initiator.is_proven(ROOMS, CAPULET));
    for (from, to, expected) in [
        // It is the inverse of what is proven.
        (MONTAGUE, CAPULET, "valid"),
        (ROOMS, "rooms.capulet.example", "item-not-found"),
        (CAPULET, CAPULET, "forbidden"),
        (ROOMS, CAPULET, "asked"),
    ] {
        let said = initiator.hears(&key(from, to, "k"));
        match expected {
            "asked" => assert_eq!(said, ""),
            "valid" => assert!(said.ends_with(" type='valid'/>"), "{said}"),
            condition => assert_eq!(dialback_error(&said), condition, "{from} {to}: {said}"),
        }
    }
    let claim = initiator.asked.pop().unwrap();
    assert_eq!((claim.pair.clone(), claim.stream_id.as_str()), (pair(ROOMS, CAPULET), "s1"));
    let other = KeyToVerify { key: "l".into(), ..claim.clone() };
    initiator.machine.handle_key(&other, KeyAnswer::Valid, initiator.now);
    assert!(!initiator.is_proven(ROOMS, CAPULET));
    initiator.machine.handle_key(&claim, KeyAnswer::Valid, initiator.now);
    assert_eq!(initiator.says(), "<db:result from='capulet.example' to='rooms.montague.example' type='valid'/>");
    assert!(initiator.is_proven(ROOMS, CAPULET) && !initiator.is_proven(CAPULET, ROOMS));

    for (given, expected) in
        [(KeyAnswer::Invalid, "forbidden"), (Condition::RemoteServerNotFound.into(), "remote-server-not-found")]
    {
        let mut initiator = bidirectional();
        initiator.hears(&key(ROOMS, CAPULET, "k"));
        let claim = initiator.asked.pop().unwrap();
        initiator.machine.handle_key(&claim, given, initiator.now);
        assert_eq!(dialback_error(&initiator.says()), expected);
        assert!(!initiator.is_proven(ROOMS, CAPULET) && !initiator.closed);
    }

    // As the authoritative server of what was accepted, and of nothing else.
    let right = dialback::key(&secret(CAPULET), MONTAGUE, CAPULET, "x");
    let mut initiator = bidirectional();
    for (to, shown, expected) in [
        (CAPULET, right.as_str(), "type='valid'/>"),
        (CAPULET, "k", "type='invalid'/>"),
        ("verona.example", &right, "</db:verify>"),
    ] {
        let said = initiator.hears(&verify(MONTAGUE, to, "x", shown));
        assert!(said.ends_with(expected), "{to}: {said}");
    }
}

/// CVE-2021-32919 and its kind: whoever can't be asked proves nothing, however long nothing comes.
#[test]
fn no_answer_is_no_proof() {
    let mut receiver = receiving();
    receiver.hears(&key(CAPULET, MONTAGUE, "k"));
    let claim = receiver.asked.pop().unwrap();
    receiver.now += server_support::DIALBACK_TIMEOUT;
    assert_eq!(receiver.machine.poll_timeout(), Some(receiver.now));
    receiver.machine.handle_timeout(receiver.now);
    assert_eq!(dialback_error(&receiver.says()), "remote-server-timeout");
    receiver.machine.handle_key(&claim, KeyAnswer::Valid, receiver.now);
    assert!(receiver.says().is_empty() && receiver.machine.proven_pairs().is_empty());
}

/// Both servers dial each other back, each over streams of its own (XEP-0220 §2.3).
#[test]
fn both_directions() {
    for (ours, theirs) in [(CAPULET, MONTAGUE), (MONTAGUE, CAPULET)] {
        let mut rules = capulet();
        (rules.external, rules.dialback_secret) = (false, secret(ours));
        let pair = pair(ours, theirs);
        let mut initiator = Initiator::for_purpose(pair.clone(), ServerPurpose::Stanzas, rules, Security::Plaintext);
        let mut receiver = Receiver::new(server_support::receiving_policy(&[theirs]), Security::Plaintext);
        receiver.keys = Keys::Ask(server_support::receiving_policy(&[ours]));
        converse(&mut initiator, &mut receiver, whole);
        assert_eq!(receiver.last(), format!("proven {pair} dialback"));
    }
}
