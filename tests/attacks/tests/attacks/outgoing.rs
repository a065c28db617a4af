//! What servers can do to us that we connect to, without being anybody else (incident 30; RFC 6120 §13.12).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use jabiru_attacks::peer::{
    BIDI, DIALBACK, EXTERNAL, Listening, PROCEED, SM, STARTTLS, STARTTLS_FEATURES, element, features,
};
use jabiru_attacks::{Wire, names};
use jabiru_test_support::PATIENCE;
use socket2::SockRef;

use crate::certificates::Shown;
use crate::federation::{EVIL, Federation, HONEST, Silent, reaches_honest, serving, takes_a_message};

const MIB: u64 = 1024 * 1024;

/// Incident 30: stanzas to thousands of domains, whose servers say nothing: connections and memory are bounded, what is
/// over the bound comes back at once, the rest after a time, and who writes elsewhere does not wait for it.
#[test]
fn streams_to_many_domains() {
    let silent = Silent::new();
    let nameserver = names::leading_to(silent.address.port());
    let mut federation = Federation::hosting(
        "[limits]\nrecipients_per_minute = 0\n[log]\nlevel = \"error\"\n",
        "",
        &[],
        &format!(
            "[s2s.resolver]\nnameservers = [\"{nameserver}\"]\n[s2s.limits]\noutgoing = 1000\n\
             connect_timeout_seconds = 2\nnegotiation_timeout_seconds = 4\n"
        ),
    );
    let files = federation.scene.server.open_files().unwrap_or_default();
    federation.scene.server.forget_peak();
    let before = federation.scene.server.peak_bytes();
    let mut mallory = Wire::bound(&federation.scene.server, "mallory", "pencil-7", "cell");
    let begin = Instant::now();
    for number in 0..4_000 {
        mallory.send(format!("<message to='romeo@d{number}.example' id='m'><body>hello</body></message>"));
    }
    let heard = mallory.ping();
    // All that is over the bound is told by now.
    let told = heard.matches("<resource-constraint ").count();
    assert!(told >= 2_900, "{told} were told at once");
    reaches_honest_later(&mut federation);
    let mut most = 0;
    let mut bounced = heard.matches("type='error'").count();
    while bounced < 4_000 && begin.elapsed() < PATIENCE {
        most = most.max(federation.scene.server.open_files().unwrap_or_default());
        std::thread::sleep(Duration::from_millis(50));
        bounced += mallory.ping().matches("type='error'").count();
    }
    let took = begin.elapsed();
    let peak = federation.scene.server.peak_bytes();
    assert!(took < Duration::from_secs(15), "{took:?}");
    assert_eq!(bounced, 4_000, "each one comes back, once");
    assert!(most < files + 1_060, "{most} files, {files} before");
    if let (Some(before), Some(peak)) = (before, peak) {
        assert!(peak < before + 64 * MIB, "{} bytes more", peak - before);
    }
    federation.scene.end();
}

/// At the bound there is no room for one more; as soon as there is, others have it.
fn reaches_honest_later(federation: &mut Federation) {
    let begin = Instant::now();
    loop {
        federation.juliet_writes(HONEST, "later");
        if let Some(honest) = federation.honest.accept_within(Duration::from_millis(500)) {
            takes_a_message(federation, honest);
            return;
        }
        assert_eq!(federation.juliet_is_told("later"), "resource-constraint");
        assert!(begin.elapsed() < Duration::from_secs(10), "others never get a place");
    }
}

/// A server that takes what is sent to it at no speed at all: what waits for it is bounded, its senders are told, others
/// are reached, and what it asks is not answered into memory.
#[test]
fn a_server_that_never_reads() {
    let mut federation = Federation::new(
        "",
        "[s2s.limits]\nunacknowledged_stanzas = 1000000\nunacknowledged_bytes = 300000\nqueue_bytes = 300000\n\
         [limits]\nstanzas_per_second = 0\nbytes_per_second = 0\nstall_timeout_seconds = 3\n",
    );
    let mut mallory = Wire::bound(&federation.scene.server, "mallory", "pencil-7", "cell");
    federation.scene.server.forget_peak();
    let before = federation.scene.server.peak_bytes();
    let body = "x".repeat(10_000);
    let stanza = format!("<message to='romeo@evil.example' id='m'><body>{body}</body></message>");
    mallory.send(&stanza);
    let wire = federation.evil.accept();
    SockRef::from(wire.socket()).set_recv_buffer_size(4096).expect("the option can be set");
    let mut wire = federation.evil.secure(wire, "secured");
    federation.evil.establish(&mut wire, &[BIDI], &[DIALBACK]);
    element(&mut wire, "message");
    let mut refused = None;
    for number in 0..3_000 {
        mallory.send(&stanza);
        let heard = mallory.ping();
        if heard.contains("type='error'") {
            assert!(heard.contains("<resource-constraint "), "{heard}");
            refused = Some(number);
            break;
        }
    }
    let refused = refused.expect("the bound was never reached");
    // 4 MiB, and what the system takes.
    assert!(refused < 1_200, "{refused} messages of 10 KB were taken");
    // Its own questions: the server stops listening to it.
    wire.socket().set_write_timeout(Some(Duration::from_millis(300))).expect("the option can be set");
    let ping = format!("<iq type='get' id='p' from='{EVIL}' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>");
    let pings = ping.repeat(100);
    let asked = (0..3_000).take_while(|_| wire.send(&pings)).count();
    assert!(asked < 3_000, "the server goes on reading");
    reaches_honest(&mut federation, Duration::from_secs(3));
    let peak = federation.scene.server.peak_bytes();
    if let (Some(before), Some(peak)) = (before, peak) {
        assert!(peak < before + 16 * MIB, "{} bytes more", peak - before);
    }
    // It is given up at last, and who wrote to it is told.
    let begin = Instant::now();
    while !mallory.ping().contains("<remote-server-timeout ") {
        assert!(begin.elapsed() < Duration::from_secs(8), "it is not given up");
        std::thread::sleep(Duration::from_millis(50));
    }
    drop(wire);
    federation.scene.end();
}

/// A server that takes connections and then says nothing, at whatever stage, or nothing to the point without end: after
/// the time for negotiation it is given up, and those who wrote to it are told.
#[test]
fn servers_that_say_nothing() {
    let stages = ["connected", "a header", "features", "proceed", "TLS", "a header under TLS", "EXTERNAL", "dialback"];
    let listening: Vec<Listening> = stages
        .iter()
        .chain(&["whitespace", "unknown elements", "answers to nothing"])
        .enumerate()
        .map(|(number, _)| Listening::new(&format!("s{number}.example"), serving(&Shown::new(|_| {}, None, vec![]))))
        .collect();
    let elsewhere: Vec<(&str, SocketAddr)> = listening.iter().map(|one| (&*one.domain, one.address())).collect();
    let mut federation = Federation::hosting(
        "",
        "require = \"dialback\"\n",
        &elsewhere,
        "[s2s.limits]\nconnect_timeout_seconds = 2\nnegotiation_timeout_seconds = 3\n",
    );
    let begin = Instant::now();
    for one in &listening {
        federation.juliet_writes(&one.domain, "silence");
    }
    let mut silent: Vec<Wire> = Vec::new();
    for (stage, one) in listening.iter().enumerate() {
        let wire = match stage {
            0 => one.accept(),
            1 => {
                let mut wire = one.accept();
                wire.hear(">");
                wire
            }
            2 => one.accept_stream(),
            3 | 4 => {
                let mut wire = one.accept_stream();
                wire.send(STARTTLS_FEATURES);
                wire.hear(STARTTLS);
                if stage == 4 {
                    wire.send(PROCEED);
                }
                wire
            }
            _ => {
                let mut wire = one.accept_secured("secured");
                if stage == 6 {
                    wire.send(features(&[EXTERNAL]));
                    wire.hear("</auth>");
                } else if stage > 6 {
                    wire.send(features(&[DIALBACK]));
                    element(&mut wire, "db:result");
                }
                wire
            }
        };
        silent.push(wire);
    }
    // The last three go on talking.
    let talking = silent.split_off(stages.len());
    let lasted = std::thread::scope(|scope| {
        let words = ["   ", "", "<db:result from='other.example' to='localhost' type='valid'/>"];
        let threads: Vec<_> = talking
            .into_iter()
            .zip(words)
            .map(|(mut wire, words)| {
                scope.spawn(move || {
                    while begin.elapsed() < PATIENCE && wire.send(words) {
                        std::thread::sleep(Duration::from_millis(if words.is_empty() { 3_500 } else { 5 }));
                        if words.is_empty() {
                            break;
                        }
                    }
                    begin.elapsed()
                })
            })
            .collect();
        for _ in &listening {
            assert_eq!(federation.juliet_is_told("silence"), "remote-server-timeout");
        }
        assert!(begin.elapsed() < Duration::from_secs(8), "{:?}", begin.elapsed());
        threads.into_iter().map(|thread| thread.join().expect("it only talks")).max()
    });
    assert!(lasted < Some(Duration::from_secs(12)), "{lasted:?}");
    drop(silent);
    federation.scene.end();
}

/// A server that takes a stream, ends it before anything is acknowledged, and lets us come back again and again: each
/// time waits longer than the one before, and who wrote is told in the end.
#[test]
fn streams_that_end_as_soon_as_they_are_used() {
    let mut federation = Federation::new("", "[s2s.limits]\nretry_after_seconds = [1, 1]\n");
    for (way, domain) in [("last word", EVIL), ("resumable", HONEST)] {
        federation.juliet_writes(domain, way);
        let begin = Instant::now();
        let listening = if domain == EVIL { &federation.evil } else { &federation.honest };
        let mut count = 0;
        while let Some(wire) = listening.accept_within(Duration::from_millis(1_500)) {
            count += 1;
            let mut wire = listening.secure(wire, "secured");
            listening.establish(&mut wire, &[], &[SM]);
            wire.hear("urn:xmpp:sm:3");
            let asked = wire.text();
            if asked.contains("<resume ") {
                wire.send("<resumed xmlns='urn:xmpp:sm:3' h='0' previd='x'/>");
            } else {
                let id = if way == "resumable" { "id='x' resume='true'" } else { "" };
                wire.send(format!("<enabled xmlns='urn:xmpp:sm:3' {id}/>"));
            }
            element(&mut wire, "message");
            if way == "last word" {
                // Twice: an answer, and the last word; nothing of it has arrived.
                wire.send("<a xmlns='urn:xmpp:sm:3' h='0'/><a xmlns='urn:xmpp:sm:3' h='0'/></stream:stream>");
                wire.ended();
            }
        }
        assert!((2..=9).contains(&count), "{count} connections in {:?}: {way}", begin.elapsed());
        assert_eq!(federation.juliet_is_told(way), "remote-server-timeout");
    }
    federation.scene.end();
}
