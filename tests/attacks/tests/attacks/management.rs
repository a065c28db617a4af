//! Stream management between servers, against who has none of it coming (incident 38; XEP-0198).

use std::time::{Duration, Instant};

use jabiru_attacks::Wire;
use jabiru_attacks::peer::{BIDI, SM, attribute, element, header};
use jabiru_attacks::wire::auth;
use jabiru_test_support::Client;

use crate::federation::{EVIL, Federation, HONEST};

const MIB: u64 = 1024 * 1024;
const ENABLE: &str = "<enable xmlns='urn:xmpp:sm:3' resume='true'/>";

fn resume(h: &str, previd: &str) -> String {
    format!("<resume xmlns='urn:xmpp:sm:3' h='{h}' previd='{previd}'/>")
}

fn ack(h: u32) -> String {
    format!("<a xmlns='urn:xmpp:sm:3' h='{h}'/>")
}

/// The id of a stream that can be resumed from now on.
fn enable(wire: &mut Wire) -> String {
    wire.send(ENABLE);
    let enabled = element(wire, "enabled");
    attribute(&enabled, "id").unwrap_or_else(|| panic!("it can't be resumed: {enabled}"))
}

/// How many stanzas the server says to have handled.
fn handled(wire: &mut Wire) -> String {
    wire.send("<r xmlns='urn:xmpp:sm:3'/>");
    attribute(&element(wire, "a "), "h").expect("a count")
}

/// A stream is resumed by the domain that it was proven for, and by nobody else who knows its id; to try it does no harm.
#[test]
fn streams_of_other_domains_are_not_resumed() {
    let mut federation = Federation::new("", "");
    let mut honest = federation.proven(HONEST);
    let id = enable(&mut honest);
    assert!(id.len() >= 22, "not to be guessed: {id}");
    federation.arrives(&mut honest, HONEST);
    for lost in [false, true] {
        if lost {
            // In the middle of a stanza, so that it breaks.
            honest.send("<message to='");
            drop(honest);
            honest = Wire::connect(federation.scene.server.s2s_starttls());
        }
        for previd in [&id, "", "1", &id.to_uppercase(), &format!("{id} "), &id[1..]] {
            let mut evil = federation.proven(EVIL);
            evil.send(resume("0", previd));
            let failed = element(&mut evil, "failed");
            assert!(failed.contains("<item-not-found ") && !failed.contains(" h="), "{failed}");
            // Nothing else has changed: not the sender, not whether it may begin anew.
            federation.arrives(&mut evil, EVIL);
            evil.send(resume("0", &id));
            element(&mut evil, "failed");
            enable(&mut evil);
            evil.send(resume("0", &id));
            assert!(element(&mut evil, "failed").contains("<unexpected-request "));
            evil.send(format!("<message from='romeo@{HONEST}' to='juliet@localhost'/>"));
            assert_eq!(evil.ended(), "invalid-from");
        }
        // Before anything is proven there is nothing to resume.
        let mut nobody = federation.secured(HONEST, None).expect("the handshake succeeds");
        nobody.send(header(HONEST, "localhost", ""));
        let _refused_or_not = nobody.hears("</stream:features>");
        nobody.send(resume("0", &id));
        assert_eq!(nobody.ended(), "not-authorized");
        if !lost {
            assert_eq!(handled(&mut honest), "1", "the stream itself goes on");
        }
    }
    // Whose it is may have it, once.
    let mut honest = federation.proven(HONEST);
    honest.send(resume("0", &id));
    assert_eq!(attribute(&element(&mut honest, "resumed"), "h").as_deref(), Some("1"));
    federation.arrives(&mut honest, HONEST);
    assert_eq!(handled(&mut honest), "2");
    // What was closed in good order is over.
    honest.send("</stream:stream>");
    assert_eq!(honest.ended(), "closed");
    let mut honest = federation.proven(HONEST);
    honest.send(resume("0", &id));
    assert!(element(&mut honest, "failed").contains("<item-not-found "));
    federation.scene.end();
}

/// Who acknowledges what was never sent, or takes an acknowledgement back, ends the stream (XEP-0198 §4); nothing counts
/// as delivered by that.
#[test]
fn more_acknowledged_than_was_sent() {
    let mut federation = Federation::new("", "");
    let too_high = |wire: &mut Wire| {
        assert_eq!(wire.ended(), "undefined-condition");
        assert!(wire.text().contains("<handled-count-too-high "), "{}", wire.text());
    };
    // On streams that we opened.
    for h in [2, 1000, u32::MAX] {
        federation.juliet_writes(EVIL, "counted");
        let mut wire = federation.evil.accept_established(&[], &[SM]);
        wire.hear(ENABLE_OURS);
        wire.send("<enabled xmlns='urn:xmpp:sm:3' id='x' resume='true'/>");
        element(&mut wire, "message");
        wire.send(ack(h));
        too_high(&mut wire);
        assert_eq!(federation.juliet_is_told("counted"), "remote-server-timeout");
    }
    federation.juliet_writes(EVIL, "counted");
    let mut wire = federation.evil.accept_established(&[], &[SM]);
    wire.hear(ENABLE_OURS);
    wire.send("<enabled xmlns='urn:xmpp:sm:3' id='x' resume='true'/>");
    element(&mut wire, "message");
    wire.send(ack(1) + &ack(0));
    too_high(&mut wire);
    // With the answer to what is to be resumed.
    federation.juliet_writes(EVIL, "resumed");
    let mut wire = federation.evil.accept_established(&[], &[SM]);
    wire.hear(ENABLE_OURS);
    wire.send("<enabled xmlns='urn:xmpp:sm:3' id='x' resume='true'/>");
    element(&mut wire, "message");
    drop(wire);
    let mut wire = federation.evil.accept_established(&[], &[SM]);
    assert_eq!(attribute(&element(&mut wire, "resume"), "previd").as_deref(), Some("x"));
    wire.send("<resumed xmlns='urn:xmpp:sm:3' h='7' previd='x'/>");
    too_high(&mut wire);
    assert_eq!(federation.juliet_is_told("resumed"), "remote-server-timeout");
    // On streams of others that have both directions, and by whoever resumes one.
    for resuming in [false, true] {
        let mut wire = federation.secured(EVIL, Some(&federation.shown(EVIL))).expect("the handshake succeeds");
        let open = |wire: &mut Wire| {
            wire.open(&header(EVIL, "localhost", ""));
            wire.send(format!("<bidi xmlns='urn:xmpp:bidi'/>{}", auth("EXTERNAL", b"")));
            assert_eq!(wire.sasl_answer(), "success");
            wire.open(&header(EVIL, "localhost", ""));
        };
        open(&mut wire);
        let id = enable(&mut wire);
        federation.juliet_writes(EVIL, "back");
        element(&mut wire, "message");
        if resuming {
            wire.send("<message to='");
            drop(wire);
            wire = federation.secured(EVIL, Some(&federation.shown(EVIL))).expect("the handshake succeeds");
            open(&mut wire);
            wire.send(resume("9", &id));
        } else {
            wire.send(ack(9));
        }
        too_high(&mut wire);
        assert_eq!(federation.juliet_is_told("back"), "remote-server-timeout", "{resuming}");
    }
    federation.scene.end();
}

/// What is asked of a server that knows stream management.
const ENABLE_OURS: &str = "<enable xmlns='urn:xmpp:sm:3' resume='true'/>";

/// What a server does not acknowledge is bounded in stanzas and in bytes: whoever sends more is told so, and nobody
/// else waits.
#[test]
fn what_is_never_acknowledged() {
    let mut federation =
        Federation::new("", "[s2s.limits]\nunacknowledged_stanzas = 10\nunacknowledged_bytes = 300000\n");
    let mut mallory = Client::online(&federation.scene.server, "mallory", "pencil-7", "cell");
    federation.scene.server.forget_peak();
    let before = federation.scene.server.peak_bytes();
    mallory.send("<message to='romeo@evil.example' id='m'/>");
    let mut wire = federation.evil.accept_established(&[BIDI], &[SM]);
    wire.hear(ENABLE_OURS);
    wire.send("<enabled xmlns='urn:xmpp:sm:3' id='x' resume='true'/>");
    element(&mut wire, "message");
    let mut refused = 0;
    for _ in 0..2_000 {
        mallory.send("<message to='romeo@evil.example' id='m'/>");
        mallory.send("<iq type='get' id='ping' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>");
        loop {
            let answer = mallory.receive();
            if answer.name() == "iq" {
                break;
            }
            let error = answer.child("error", "jabber:client").expect("an error");
            assert!(error.children().any(|child| child.name() == "resource-constraint"), "{answer:?}");
            refused += 1;
        }
    }
    assert_eq!(refused, 2_000 - 9, "ten may be on their way");
    // In bytes: a few large ones.
    wire.send(ack(10));
    federation.arrives(&mut wire, EVIL);
    let large = format!("<message to='romeo@evil.example' id='m'><body>{}</body></message>", "x".repeat(100_000));
    for number in 0..10 {
        mallory.send(&large);
        mallory.send("<iq type='get' id='ping' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>");
        if number >= 2 {
            assert_eq!(mallory.receive().attribute("type").as_deref(), Some("error"), "{number}");
        }
        assert_eq!(mallory.receive().name(), "iq", "{number}");
    }
    if let (Some(before), Some(peak)) = (before, federation.scene.server.peak_bytes()) {
        assert!(peak < before + 4 * MIB, "{} bytes more", peak - before);
    }
    // Another server is not concerned.
    federation.juliet_writes(HONEST, "others");
    let mut honest = federation.honest.accept_established(&[], &[SM]);
    honest.hear(ENABLE_OURS);
    element(&mut honest, "message");
    honest.send("<enabled xmlns='urn:xmpp:sm:3'/>");
    honest.send(ack(1));
    honest.send("</stream:stream>");
    assert_eq!(honest.ended(), "closed");
    federation.scene.end();
}

/// Acknowledgements, requests for them and everything else of stream management without end cost no memory, and nobody
/// waits for it, even where the answers are not read.
#[test]
fn floods_of_acknowledgements() {
    let mut federation = Federation::new("", "");
    federation.scene.server.forget_peak();
    let before = federation.scene.server.peak_bytes();
    let begin = Instant::now();
    let mut wire = federation.proven(EVIL);
    let id = enable(&mut wire);
    for piece in [
        ack(0),
        ENABLE.to_owned(),
        resume("0", &id),
        "<enabled xmlns='urn:xmpp:sm:3' id='x' resume='true'/>".to_owned(),
        "<failed xmlns='urn:xmpp:sm:3'/>".to_owned(),
        "<resumed xmlns='urn:xmpp:sm:3' h='0' previd='x'/>".to_owned(),
    ] {
        let answered = piece.starts_with("<enable ") || piece.starts_with("<resume ");
        for _ in 0..100 {
            wire.send(piece.repeat(100));
            if answered {
                for _ in 0..100 {
                    element(&mut wire, "failed");
                }
            }
        }
        federation.arrives(&mut wire, EVIL);
    }
    assert_eq!(handled(&mut wire), "6");
    assert!(begin.elapsed() < Duration::from_secs(15), "{:?}", begin.elapsed());
    federation.scene.nobody_noticed();
    // Requests whose answers are not taken: the server stops to listen.
    wire.socket().set_write_timeout(Some(Duration::from_millis(300))).expect("the option can be set");
    let piece = "<r xmlns='urn:xmpp:sm:3'/>".repeat(1000);
    let taken = (0..4_000).take_while(|_| wire.send(&piece)).count();
    assert!(taken < 4_000, "the server goes on reading");
    federation.scene.nobody_noticed();
    if let (Some(before), Some(peak)) = (before, federation.scene.server.peak_bytes()) {
        assert!(peak < before + 12 * MIB, "{} bytes more", peak - before);
    }
    federation.scene.end();
}

/// Streams that are left to be resumed, by one server again and again: there are only so many, and they cost little.
#[test]
fn streams_that_nobody_comes_back_for() {
    let mut federation = Federation::new("", "[s2s.limits]\nstreams = 100\nincoming_per_address = 100\n");
    let files = federation.scene.server.open_files();
    let leave = |count: usize| {
        let resumable = (0..count).filter(|_| {
            let mut wire = federation.proven(EVIL);
            wire.send(ENABLE);
            attribute(&element(&mut wire, "enabled"), "id").is_some()
        });
        let resumable = resumable.count();
        federation.scene.server_has_at_most(files);
        (resumable, federation.scene.server.resident_bytes())
    };
    let (first, before) = leave(100);
    assert_eq!(first, 100, "as many as there may be streams");
    let (_, after) = leave(300);
    if let (Some(before), Some(after)) = (before, after) {
        assert!(after < before + 4 * MIB, "{} bytes more", after - before);
    }
    // Others are served all the same.
    let mut honest = federation.proven(HONEST);
    let _id = enable(&mut honest);
    federation.arrives(&mut honest, HONEST);
    federation.scene.end();
}
