//! More and faster than anybody else: connections, stanzas, handshakes (RFC 6120 §13.12).

use std::time::{Duration, Instant};

use jabiru_attacks::scene::{MALLORY, PASSWORD};
use jabiru_attacks::{HEADER, Scene, Stage, Wire};

use crate::elsewhere;

const MIB: u64 = 1024 * 1024;
const NEGOTIATION: Duration = Duration::from_secs(3);

/// Who connects again and again, from one address, is refused after a stated number of times (§13.12, item 2); who
/// connects from elsewhere notices nothing, and for the address it is over after a while.
#[test]
fn connections_again_and_again() {
    // The scene itself has connected three times, from an address of its own.
    let mut scene = Scene::new("[limits]\nconnection_attempts_per_minute = 60\nclosing_timeout_seconds = 1\n");
    let begin = Instant::now();
    let files = scene.server.open_files();
    let (mut served, mut told) = (0, 0);
    for _ in 0..400 {
        let mut wire = elsewhere::connect(1, scene.server.starttls());
        wire.send(format!("{HEADER}</stream:stream>"));
        match wire.ended().as_str() {
            "closed" => served += 1,
            "resource-constraint" => told += 1,
            "silence" | "cut" => {}
            other => panic!("{other}"),
        }
    }
    let again = begin.elapsed().as_secs();
    assert!((60..=61 + again).contains(&served), "{served} in {again} s");
    assert!(told > 0, "nobody was told");
    elsewhere::protected(2, &scene).plain(b"\0mallory\0pencil-7");
    scene.nobody_noticed();
    scene.server_has_at_most(files);
    // One more each second.
    std::thread::sleep(Duration::from_millis(1100));
    let mut wire = elsewhere::connect(1, scene.server.starttls());
    wire.open(HEADER);
    scene.end();
}

/// Stanzas faster than one client may send them: it is held back, or its stream ends, as configured; others do not
/// wait for it, and what it has sent is not heaped up.
#[test]
fn stanzas_without_a_pause() {
    let settings = "[limits]\nstanzas_per_second = 200\nstanzas_burst = 400\ntoo_fast = ";
    let stanza = "<message to='mallory@localhost/none' type='error'/>";
    let flood = stanza.repeat(100);

    let mut scene = Scene::new(&format!("{settings}\"slow\"\n"));
    scene.server.forget_peak();
    let before = scene.server.peak_bytes();
    let mut wires: Vec<Wire> =
        (0..5).map(|n| Wire::bound(&scene.server, MALLORY, PASSWORD, &format!("r{n}"))).collect();
    let sent: Vec<usize> = std::thread::scope(|scope| {
        let begin = Instant::now();
        let threads: Vec<_> = wires
            .iter_mut()
            .map(|wire| {
                let (socket, session) = std::mem::replace(wire, Wire::connect(scene.server.starttls())).into_parts();
                let flood = &flood;
                scope.spawn(move || {
                    use std::io::Write;
                    let mut session = session.expect("TLS");
                    socket.set_write_timeout(Some(Duration::from_millis(100))).expect("the option can be set");
                    let mut rounds = 0;
                    while begin.elapsed() < Duration::from_secs(3) {
                        // What TLS holds goes first: it would take more although the socket takes nothing.
                        if !session.wants_write() {
                            session.writer().write_all(flood.as_bytes()).expect("TLS takes it");
                            rounds += 1;
                        }
                        let _ = session.write_tls(&mut &socket);
                    }
                    rounds * 100
                })
            })
            .collect();
        while begin.elapsed() < Duration::from_secs(3) {
            let round = Instant::now();
            scene.nobody_noticed();
            assert!(round.elapsed() < Duration::from_secs(2), "{:?}", round.elapsed());
        }
        threads.into_iter().map(|thread| thread.join().expect("it only sends")).collect()
    });
    // 400 at once, 200 each second, and what the system's buffers and the last read hold.
    let most = 400 + 3 * 200 + 8 * MIB as usize / stanza.len();
    assert!(sent.iter().all(|count| *count < most), "{sent:?}, at most {most}");
    if let (Some(before), Some(peak)) = (before, scene.server.peak_bytes()) {
        assert!(peak < before + 2 * MIB, "{} bytes more", peak - before);
    }
    scene.end();

    let mut scene = Scene::new(&format!("{settings}\"close\"\n"));
    for (stage, expected) in [(Stage::Bound, "policy-violation"), (Stage::Protected, "not-authorized")] {
        let mut wire = scene.attacker(stage);
        for _ in 0..50 {
            wire.send(&flood);
        }
        assert_eq!(wire.ended(), expected);
        scene.nobody_noticed();
    }
    scene.end();
}

/// Handshakes that take their time fill the places for those who are not authenticated: those of their own address
/// first, all of them at last, and for the time of a negotiation at most. Who has a stream is not concerned.
#[test]
fn handshakes_that_take_their_time() {
    let mut scene = Scene::new(
        "[limits]\nunauthenticated_connections = 50\nunauthenticated_connections_per_address = 20\n\
         negotiation_timeout_seconds = 3\nclosing_timeout_seconds = 1\n",
    );
    let begin = Instant::now();
    let files = scene.server.open_files();
    let slow = |number: u32, count: usize| -> Vec<Wire> {
        let wires = (0..count).map(|place| {
            let server = &scene.server;
            let mut wire =
                elsewhere::connect(number, if place % 2 == 0 { server.direct_tls() } else { server.starttls() });
            wire.send(if place % 2 == 0 { &b"\x16\x03\x01\x02\x00\x01"[..] } else { b"<?xml version=" });
            wire
        });
        wires.collect()
    };
    // Those that are over the bound are refused; each place is taken by the time the next one asks.
    let first = slow(1, 30);
    while scene.server.open_files() < files.map(|files| files + 20) {
        assert!(begin.elapsed() < NEGOTIATION, "they are not taken");
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut refused = elsewhere::connect(1, scene.server.starttls());
    refused.send(HEADER);
    let ended = refused.ended();
    assert!(["resource-constraint", "silence", "cut"].contains(&ended.as_str()), "{ended}");
    if begin.elapsed() < NEGOTIATION / 2 {
        let mut other = elsewhere::protected(2, &scene);
        assert_eq!(other.plain(b"\0mallory\0pencil-7"), "success", "from elsewhere");
    }
    let more: Vec<Wire> = [3, 4, 5].into_iter().flat_map(|number| slow(number, 20)).collect();
    scene.nobody_noticed();
    // They are given up, and everybody is welcome again.
    std::thread::sleep((NEGOTIATION * 2).saturating_sub(begin.elapsed()));
    for mut wire in first.into_iter().chain(more) {
        let ended = wire.ended();
        assert!(["connection-timeout", "resource-constraint", "silence", "cut"].contains(&ended.as_str()), "{ended}");
    }
    for number in [1, 3, 6] {
        let mut wire = elsewhere::protected(number, &scene);
        assert_eq!(wire.plain(b"\0mallory\0pencil-7"), "success", "{number}");
    }
    scene.end();
}
