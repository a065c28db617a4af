//! Both ends of server streams against each other, in one thread with invented time, the wire cut at every octet.

mod server_support;

use std::cell::Cell;

use jabiru_negotiation::{CertificateAnswer, InitiatingServerPolicy, KeyAnswer, ReceivingServerPolicy, Security};
use jabiru_stanza::Condition;

use server_support::{
    CAPULET, Initiator, Keys, MESSAGE, MONTAGUE, ROOMS, Receiver, capulet, converse, montague, pair, receiving_policy,
    secret, single, tls, tls_without_certificate, whole,
};

/// A way from the first octet to the first stanza.
struct Way {
    name: &'static str,
    starttls: bool,
    /// Does TLS come up at all?
    tls: bool,
    by: &'static str,
    rules: fn(&mut InitiatingServerPolicy, &mut ReceivingServerPolicy),
    arrange: fn(&mut Receiver),
}

fn nothing(_: &mut Receiver) {}
fn as_it_is(_: &mut InitiatingServerPolicy, _: &mut ReceivingServerPolicy) {}

fn ways() -> [Way; 8] {
    let refused = |receiver: &mut Receiver| {
        receiver.judgement = Some(CertificateAnswer::Refused { text: "an unknown authority".to_owned() });
    };
    let none = |receiver: &mut Receiver| receiver.tls = tls_without_certificate();
    [
        Way {
            name: "STARTTLS, EXTERNAL",
            starttls: true,
            tls: true,
            by: "EXTERNAL",
            rules: as_it_is,
            arrange: nothing,
        },
        Way {
            name: "direct TLS, EXTERNAL",
            starttls: false,
            tls: true,
            by: "EXTERNAL",
            rules: as_it_is,
            arrange: nothing,
        },
        Way {
            name: "STARTTLS, dialback",
            starttls: true,
            tls: true,
            by: "dialback",
            rules: as_it_is,
            arrange: refused,
        },
        Way {
            name: "direct TLS, dialback",
            starttls: false,
            tls: true,
            by: "dialback",
            rules: as_it_is,
            arrange: refused,
        },
        Way {
            name: "no certificate, dialback",
            starttls: true,
            tls: true,
            by: "dialback",
            rules: as_it_is,
            arrange: none,
        },
        Way {
            name: "EXTERNAL only",
            starttls: true,
            tls: true,
            by: "EXTERNAL",
            rules: |ours, theirs| (ours.dialback, theirs.dialback) = (false, false),
            arrange: nothing,
        },
        Way {
            name: "TLS optional and used",
            starttls: true,
            tls: true,
            by: "EXTERNAL",
            rules: |ours, theirs| (ours.require_tls, theirs.require_tls) = (false, false),
            arrange: nothing,
        },
        Way {
            name: "TLS optional and not used",
            starttls: true,
            tls: false,
            by: "dialback",
            rules: |ours, theirs| {
                (ours.require_tls, theirs.require_tls) = (false, false);
                ours.use_starttls = false;
            },
            arrange: nothing,
        },
    ]
}

fn ends(way: &Way, bidi: bool) -> (Initiator, Receiver) {
    let (mut ours, mut theirs) = (capulet(), montague());
    (ours.bidi, theirs.bidi) = (bidi, true);
    (way.rules)(&mut ours, &mut theirs);
    let security = || if way.starttls { Security::Plaintext } else { Security::Tls(tls()) };
    let mut receiver = Receiver::new(theirs, security());
    (way.arrange)(&mut receiver);
    (Initiator::new(ours, security()), receiver)
}

/// Every way, bidirectional or not, whatever way the octets of both directions arrive.
#[test]
fn any_cut_leads_to_the_same_end() {
    for way in &ways() {
        for bidi in [false, true] {
            let run = |cut: &dyn Fn(&[u8]) -> Vec<Vec<u8>>| {
                let (mut initiator, mut receiver) = ends(way, bidi);
                converse(&mut initiator, &mut receiver, cut);
                let row = format!("{} bidi={bidi}: {:?} {:?}", way.name, initiator.log, receiver.log);
                assert_eq!(initiator.last(), format!("established bidi={bidi} sm=true"), "{row}");
                let proven = format!("proven capulet.example -> montague.example {}", way.by);
                assert!(initiator.log.contains(&proven) && receiver.last() == proven, "{row}");
                assert_eq!(receiver.starts_tls, way.starttls && way.tls, "{row}");
                assert_eq!(receiver.log.contains(&"bidi".to_owned()), bidi, "{row}");
                assert_eq!(initiator.machine.id(), Some(receiver.machine.id()), "{row}");
                assert_eq!((initiator.machine.poll_timeout(), receiver.machine.poll_timeout()), (None, None), "{row}");

                // What is proven, and nothing else.
                for (sender, target) in
                    [(CAPULET, MONTAGUE), (MONTAGUE, CAPULET), (CAPULET, ROOMS), ("x.capulet.example", MONTAGUE)]
                {
                    let proven = (sender, target) == (CAPULET, MONTAGUE);
                    assert_eq!(receiver.is_proven(sender, target), proven, "{sender} {target} {row}");
                    let inverse = bidi && (sender, target) == (MONTAGUE, CAPULET);
                    assert_eq!(initiator.is_proven(sender, target), inverse, "{sender} {target} {row}");
                }
                for piece in cut(MESSAGE.as_bytes()) {
                    assert_eq!(receiver.receives(&piece), "");
                }
                assert_eq!(receiver.last(), "element message");
                for piece in cut(b"<iq type='get' id='1'/>") {
                    initiator.receives(&piece);
                }
                assert_eq!(initiator.last(), if bidi { "element iq" } else { "closed" });
            };
            run(&single);
            let longest = Cell::new(0);
            run(&|said: &[u8]| {
                longest.set(longest.get().max(said.len()));
                whole(said)
            });
            assert!((200..1200).contains(&longest.get()), "{}", longest.get());
            for at in 1..longest.get() {
                run(&|said: &[u8]| {
                    let (first, rest) = said.split_at(at.min(said.len()));
                    [first, rest].into_iter().flat_map(whole).collect()
                });
            }
        }
    }
}

/// A certificate that is offered EXTERNAL for, and refused then: by another authorization identity a server would do
/// that; here, because the receiving server lost the domain in between. Dialback follows on the same stream.
#[test]
fn dialback_follows_where_external_fails() {
    let mut initiator = Initiator::direct();
    let mut receiver = Receiver::direct();
    receiver.hears(&initiator.says());
    // What a receiving server that takes no certificates after all says.
    let offer = format!("{}{}", server_support::EXTERNAL, server_support::DIALBACK);
    let header = server_support::header(&format!("from='montague.example' id='{}'", receiver.machine.id()));
    let said = initiator.hears(&format!("{header}<stream:features>{offer}</stream:features>"));
    assert_eq!(said, server_support::auth(CAPULET));
    let said = initiator.hears("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>");
    assert_eq!(initiator.last(), "EXTERNAL failed not-authorized");
    let answer = receiver.hears(&said);
    assert_eq!(answer, "<db:result from='montague.example' to='capulet.example' type='valid'/>");
    assert_eq!(initiator.hears(&answer), "");
    assert_eq!(initiator.last(), "established bidi=false sm=false");
    assert!(receiver.is_proven(CAPULET, MONTAGUE));
}

/// XEP-0220 §2.2.1 and §2.5: what becomes of a key, by the authoritative server's words.
#[test]
fn what_the_authority_says() {
    let capulet_with = |other: &str| {
        let mut policy = receiving_policy(&[CAPULET]);
        policy.dialback_secret = secret(other);
        policy
    };
    for (keys, expected) in [
        (Keys::Ask(receiving_policy(&[CAPULET])), ""),
        (Keys::Ask(capulet_with("another secret")), "the dialback key was found invalid"),
        (Keys::Ask(receiving_policy(&["verona.example"])), "dialback failed: remote-server-not-found"),
        (Keys::Answer(Condition::PolicyViolation.into()), "dialback failed: policy-violation"),
        (Keys::Answer(Condition::NotAuthorized.into()), "dialback failed: not-authorized"),
        (Keys::Answer(KeyAnswer::Invalid), "the dialback key was found invalid"),
    ] {
        let mut theirs = montague();
        theirs.external = false;
        let mut receiver = Receiver::new(theirs, Security::Tls(tls()));
        receiver.keys = keys;
        let mut initiator = Initiator::direct();
        converse(&mut initiator, &mut receiver, whole);
        if expected.is_empty() {
            assert_eq!(initiator.last(), "established bidi=true sm=true");
        } else {
            assert_eq!(initiator.why(), expected);
            assert!(receiver.closed && receiver.machine.proven_pairs().is_empty(), "{:?}", receiver.log);
        }
        assert_eq!(receiver.is_proven(CAPULET, MONTAGUE), expected.is_empty());
    }
}

/// XEP-0220 §2.6: more pairs on the same stream, each proven for itself.
#[test]
fn pairs_are_multiplexed() {
    let mut initiator = Initiator::direct();
    let mut receiver = Receiver::direct();
    receiver.keys = Keys::Ask(receiving_policy(&[CAPULET, "rooms.capulet.example"]));
    converse(&mut initiator, &mut receiver, whole);
    let now = initiator.now;
    let pairs = [pair("rooms.capulet.example", MONTAGUE), pair(CAPULET, ROOMS), pair("stranger.example", MONTAGUE)];
    for pair in &pairs {
        assert!(initiator.machine.add_pair(pair, now));
        assert!(!initiator.machine.add_pair(pair, now), "once is enough");
    }
    assert!(!initiator.machine.add_pair(&pair(CAPULET, MONTAGUE), now), "it is proven by EXTERNAL");
    converse(&mut initiator, &mut receiver, whole);
    assert_eq!(
        initiator.log[2..],
        [
            "proven rooms.capulet.example -> montague.example dialback",
            "proven capulet.example -> rooms.montague.example dialback",
            "not accepted stranger.example -> montague.example remote-server-not-found",
        ]
    );
    let proven: Vec<String> = receiver.machine.proven_pairs().iter().map(|(pair, by)| format!("{pair} {by}")).collect();
    assert_eq!(
        proven,
        [
            "capulet.example -> montague.example EXTERNAL",
            "rooms.capulet.example -> montague.example dialback",
            "capulet.example -> rooms.montague.example dialback",
        ]
    );
    assert!(!receiver.is_proven("rooms.capulet.example", ROOMS), "no pair but those");
    assert_eq!(initiator.machine.accepted_pairs().len(), 3);
    assert!(!receiver.closed && !initiator.closed);
}

/// RFC 6120 §4.4: who ends its stream in good order still takes what the other side had sent before it heard of it.
#[test]
fn nothing_is_lost_at_the_end() {
    let open = || {
        let (mut initiator, mut receiver) = (Initiator::direct(), Receiver::direct());
        converse(&mut initiator, &mut receiver, whole);
        assert_eq!(initiator.last(), "established bidi=true sm=true");
        (initiator, receiver)
    };
    let (mut initiator, mut receiver) = open();
    receiver.machine.finish(receiver.now);
    let end = receiver.says();
    assert_eq!(end, "</stream:stream>");
    // What wants an answer gets none any more.
    let late =
        format!("{MESSAGE}<db:result from='x.example' to='montague.example'>k</db:result><r xmlns='urn:xmpp:sm:3'/>");
    assert_eq!(receiver.hears(&late), "");
    assert_eq!(receiver.log[receiver.log.len() - 2..], ["element message", "element r"]);
    assert_eq!(initiator.hears(&end), "</stream:stream>");
    assert_eq!(receiver.hears("</stream:stream>"), "");
    assert_eq!((initiator.why().as_str(), receiver.last()), ("the stream was closed", "closed - -"));

    let (mut initiator, mut receiver) = open();
    let claim = jabiru_negotiation::KeyToVerify {
        pair: pair(MONTAGUE, CAPULET),
        stream_id: "x".to_owned(),
        key: "k".to_owned(),
    };
    initiator.machine.verify_key(claim.clone(), initiator.now);
    initiator.says();
    initiator.machine.finish(initiator.now);
    initiator.machine.finish(initiator.now);
    assert_eq!(initiator.says(), "</stream:stream>");
    assert_eq!(initiator.verified, [(claim, Condition::RemoteServerTimeout.into())]);
    assert_eq!(initiator.hears("<message/><a xmlns='urn:xmpp:sm:3' h='0'/>"), "");
    assert_eq!(initiator.log[initiator.log.len() - 2..], ["element message", "element a"]);
    assert_eq!(receiver.hears("</stream:stream>"), "</stream:stream>");
    assert_eq!(initiator.hears("</stream:stream>"), "");
    assert_eq!(initiator.why(), "");

    // One that does not end its own is not waited for.
    let (mut initiator, mut receiver) = open();
    let later = initiator.now + std::time::Duration::from_secs(10);
    initiator.machine.finish(initiator.now);
    receiver.machine.finish(receiver.now);
    initiator.says();
    receiver.says();
    let receivers = receiver.now + std::time::Duration::from_secs(10);
    assert_eq!((initiator.machine.poll_timeout(), receiver.machine.poll_timeout()), (Some(later), Some(receivers)));
    initiator.machine.handle_timeout(later);
    receiver.machine.handle_timeout(receivers);
    assert_eq!((initiator.says().as_str(), receiver.says().as_str()), ("", ""));
    assert_eq!((initiator.why().as_str(), receiver.last()), ("", "closed - -"));

    // What breaks the protocol then ends it at once, and nothing is said twice.
    for said in ["<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>", "<a></b>"] {
        let (mut initiator, mut receiver) = open();
        initiator.machine.finish(initiator.now);
        receiver.machine.finish(receiver.now);
        initiator.says();
        receiver.says();
        assert_eq!((initiator.hears(said).as_str(), receiver.hears(said).as_str()), ("", ""), "{said}");
        assert!(initiator.closed && receiver.closed, "{said}");
    }
    // Before anything is proven there is nothing to wait for.
    let mut receiver = Receiver::direct();
    receiver.hears(&server_support::usual());
    receiver.machine.finish(receiver.now);
    assert_eq!((receiver.says().as_str(), receiver.last()), ("</stream:stream>", "closed - -"));
}

/// The end of a stream is one, from either side.
#[test]
fn streams_end() {
    let (mut initiator, mut receiver) = (Initiator::direct(), Receiver::direct());
    converse(&mut initiator, &mut receiver, whole);
    initiator.machine.close();
    converse(&mut initiator, &mut receiver, whole);
    assert_eq!((initiator.why().as_str(), receiver.last()), ("", "closed - -"));

    let (mut initiator, mut receiver) = (Initiator::direct(), Receiver::direct());
    converse(&mut initiator, &mut receiver, whole);
    receiver.machine.close(Some(jabiru_stanza::StreamCondition::SystemShutdown.into()));
    converse(&mut initiator, &mut receiver, whole);
    assert_eq!(initiator.why(), "the stream was closed with system-shutdown");
    assert_eq!(receiver.last(), "closed system-shutdown -");

    let (mut initiator, mut receiver) = (Initiator::direct(), Receiver::direct());
    converse(&mut initiator, &mut receiver, whole);
    initiator.machine.close_with(jabiru_stanza::StreamCondition::InvalidFrom.into());
    converse(&mut initiator, &mut receiver, whole);
    assert_eq!(initiator.why(), "protocol violated: invalid-from");
    assert_eq!(receiver.last(), "closed - invalid-from");
}
