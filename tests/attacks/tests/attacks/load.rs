//! More than there is: connections, time, memory (incidents 4, 5, and what no server was spared).

use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use jabiru_attacks::scene::{MALLORY, PASSWORD};
use jabiru_attacks::wire::{auth, trusting};
use jabiru_attacks::{HEADER, Scene, Stage, Wire};
use jabiru_test_support::{PATIENCE, program};
use socket2::{Domain, SockRef, Socket, Type};

const MIB: u64 = 1024 * 1024;
const STARTTLS: &str = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

/// Connects, sends, and is gone, with a reset or in order.
fn touch(address: SocketAddr, bytes: &[u8], reset: bool) {
    use std::io::Write;
    let mut socket = TcpStream::connect(address).expect("the server listens");
    if reset {
        SockRef::from(&socket).set_linger(Some(Duration::ZERO)).expect("the option can be set");
    }
    // The server may have refused already.
    let _ = socket.write_all(bytes);
    let _ = socket.shutdown(Shutdown::Write);
}

/// Incident 4: connections that come to nothing leave nothing: not a file, and of memory no more than a stated slack.
#[test]
fn connections_that_come_to_nothing() {
    let scene = Scene::new("");
    let files = scene.server.open_files();
    let half = format!("{HEADER}{STARTTLS}");
    let kinds: [&[u8]; 6] = [
        b"",
        &HEADER.as_bytes()[..60],
        HEADER.as_bytes(),
        half.as_bytes(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ];
    let round = |count: usize| {
        for number in 0..count {
            let address = if number % 2 == 0 { scene.server.starttls() } else { scene.server.direct_tls() };
            // In order only a few: each of those keeps a port of this machine for a minute.
            touch(address, kinds[number % kinds.len()], number % 10 != 0);
        }
        scene.server_has_at_most(files);
    };
    round(2_000);
    let warm = scene.server.resident_bytes();
    round(20_000);
    if let (Some(before), Some(after)) = (warm, scene.server.resident_bytes()) {
        assert!(after < before + 8 * MIB, "{} bytes more", after - before);
    }
    scene.end();
}

/// Slow-loris: who says nothing, or a byte now and then, is gone after the time for negotiation, at whatever stage
/// and however busy it looks.
#[test]
fn silence_and_single_bytes() {
    let scene = Scene::new("[limits]\nnegotiation_timeout_seconds = 3\n");
    let mut slow: Vec<(Wire, &str, &str)> = Vec::new();
    for stage in [Stage::Connected, Stage::Clear, Stage::Protected, Stage::Authenticated] {
        for bytes in ["", "<iq type='set' id='", "               "] {
            slow.push((scene.attacker(stage), bytes, "connection-timeout"));
        }
    }
    // Within a SASL handshake, and where TLS is due.
    let mut wire = scene.attacker(Stage::Protected);
    wire.send(auth("SCRAM-SHA-256", b"n,,n=mallory,r=abc"));
    slow.push((wire, "", "connection-timeout"));
    let mut wire = scene.attacker(Stage::Clear);
    wire.send(STARTTLS);
    slow.push((wire, "", "cut"));
    slow.push((Wire::connect(scene.server.direct_tls()), "", "silence"));
    // A byte now and then, for as long as the server takes them.
    let mut sending = slow.len();
    for place in 0.. {
        if sending == 0 || place == 400 {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
        sending = slow
            .iter_mut()
            .filter_map(|(wire, bytes, _)| {
                bytes.as_bytes().get(place % bytes.len().max(1)).map(|byte| wire.send([*byte]))
            })
            .filter(|taken| *taken)
            .count();
    }
    for (wire, bytes, expected) in &mut slow {
        let ended = wire.ended();
        // A byte that came too late may have cost the last words.
        let cut_short = !bytes.is_empty() && ended != "closed";
        assert!(ended == *expected || cut_short, "{bytes:?}: {ended}: {}", wire.text());
    }
    // Who has a resource may be silent: it has proved who it is.
    scene.end();
}

/// A client that always has something more to say, be it only whitespace, gets no more time than a silent one; nor
/// does one that is refused.
#[test]
fn talking_without_end_buys_no_time() {
    let settings = "negotiation_timeout_seconds = 2\nclosing_timeout_seconds = 1\nconnections_per_address = 12\n";
    let scene = Scene::new(&format!("[limits]\n{settings}bytes_per_second = 0\n"));
    let before = scene.server.resident_bytes();
    let spaces = " ".repeat(64 * 1024);
    let mut talking: Vec<Wire> = Vec::new();
    for stage in [Stage::Clear, Stage::Protected, Stage::Authenticated] {
        talking.extend((0..3).map(|_| scene.attacker(stage)));
    }
    // Over the bound.
    talking.extend((0..2).map(|_| Wire::connect(scene.server.starttls())));
    let begin = Instant::now();
    let lasted: Vec<Duration> = std::thread::scope(|scope| {
        let threads: Vec<_> = talking
            .iter_mut()
            .map(|wire| {
                scope.spawn(|| {
                    while begin.elapsed() < PATIENCE && wire.send(&spaces) {}
                    begin.elapsed()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("it only talks")).collect()
    });
    let longest = lasted.iter().max().expect("there are some");
    assert!(*longest < Duration::from_secs(8), "{lasted:?}");
    if let (Some(before), Some(after)) = (before, scene.server.resident_bytes()) {
        assert!(after < before + 4 * MIB, "{} bytes more", after - before);
    }
    drop(talking);
    scene.end();
}

/// A client that takes nothing: what waits for it is bounded, whoever sends to it is told, it is given up after a
/// time, and others notice nothing. Its own requests stop with it.
#[test]
fn a_client_that_never_reads() {
    let mut scene = Scene::new(
        "[limits]\nelement_bytes = 16384\noutbox_bytes = 65536\nstall_timeout_seconds = 3\nclosing_timeout_seconds = 1\n",
    );
    // With a small buffer of the system for what is not read.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(4096).expect("the option can be set");
    socket.connect(&scene.server.direct_tls().into()).expect("the server listens");
    let wire = Wire::over(socket.into()).start_tls(trusting(&scene.server.certificate())).expect("TLS");
    let mut deaf = wire.bind(MALLORY, PASSWORD, "deaf");
    deaf.send("<presence/>");
    scene.server.forget_peak();
    let before = scene.server.peak_bytes();
    let mut sender = Wire::bound(&scene.server, MALLORY, PASSWORD, "cell");
    let message = format!("<message id='m' to='mallory@localhost/deaf'><body>{}</body></message>", "x".repeat(10_000));
    let mut refused = None;
    for number in 0..3_000 {
        sender.send(&message);
        let heard = sender.ping();
        if heard.contains("type='error'") {
            assert!(heard.contains("<resource-constraint ") && heard.contains("type='wait'"), "{heard}");
            refused = Some(number);
            break;
        }
    }
    let refused = refused.expect("the bound was never reached");
    // 64 KiB, and what the system takes: a few MiB at the most.
    assert!(refused < 1_000, "{refused} messages of 10 KB were taken");
    scene.nobody_noticed();
    // What it asks for itself: the server stops listening to it, and does not answer into memory.
    let ping = "<iq type='get' id='p' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>".repeat(100);
    let (socket, session) = deaf.into_parts();
    let mut session = session.expect("TLS");
    socket.set_write_timeout(Some(Duration::from_millis(200))).expect("the option can be set");
    let asked = (0..2_000).take_while(|_| {
        use std::io::Write;
        let _ = session.writer().write_all(ping.as_bytes());
        while session.wants_write() {
            if session.write_tls(&mut &socket).is_err() {
                return false;
            }
        }
        true
    });
    let asked = asked.count();
    assert!(asked < 2_000, "the server goes on reading");
    if let (Some(before), Some(peak)) = (before, scene.server.peak_bytes()) {
        assert!(peak < before + 2 * MIB, "{} bytes more", peak - before);
    }
    // It is given up at last: its resource is gone.
    loop {
        sender.send("<message id='m' to='mallory@localhost/deaf'/>");
        if sender.ping().contains("<service-unavailable ") {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    drop(socket);
    scene.end();
}

/// Connections beyond those that one address may have are told so, a few at a time, and else closed unheard
/// (RFC 6120 §4.9.3.17); those there are go on, and a place that is given back can be had again.
#[test]
fn more_connections_than_one_address_may_have() {
    let mut scene = Scene::new("[limits]\nconnections_per_address = 20\nclosing_timeout_seconds = 2\n");
    // Three are the others'.
    let mut admitted: Vec<Wire> = (0..17).map(|_| scene.attacker(Stage::Clear)).collect();
    let files = scene.server.open_files();
    // One after the other, each is told; over TLS if that is awaited.
    for _ in 0..20 {
        for protected in [false, true] {
            let mut wire = match protected {
                false => Wire::connect(scene.server.starttls()),
                true => Wire::direct_tls(&scene.server),
            };
            wire.send(HEADER.replace("to=", "from='&lt;/&gt;&apos;' to="));
            assert_eq!(wire.ended(), "resource-constraint");
            drop(wire);
            scene.server_has_at_most(files);
        }
    }
    // Many at once: no more than a few, whether they speak or not, and for a short time.
    let before = scene.server.resident_bytes();
    let mut many: Vec<Wire> = (0..300).map(|_| Wire::connect(scene.server.starttls())).collect();
    assert!(scene.server.open_files() <= files.map(|files| files + 40), "{:?}, {files:?}", scene.server.open_files());
    scene.nobody_noticed();
    let told = many.iter_mut().map(Wire::ended).filter(|ended| ended != "silence" && ended != "cut").count();
    assert!((1..=64).contains(&told), "{told} were told");
    drop(many);
    scene.server_has_at_most(files);
    if let (Some(before), Some(after)) = (before, scene.server.resident_bytes()) {
        assert!(after < before + 4 * MIB, "{} bytes more", after - before);
    }
    scene.nobody_noticed();
    for wire in &mut admitted {
        wire.send("</stream:stream>");
        assert_eq!(wire.ended(), "closed");
    }
    drop(admitted);
    // The places are free as soon as the server has noticed.
    scene.server_has_at_most(files.map(|files| files - 17));
    let mut again = scene.attacker(Stage::Protected);
    again.send("</stream:stream>");
    assert_eq!(again.ended(), "closed");
    scene.end();
}

/// A shell script that is the server with this limit on open files.
#[cfg(unix)]
fn limited(folder: &std::path::Path, limit: &str) -> String {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.join("limited");
    std::fs::write(&path, format!("#!/bin/sh\nulimit {limit}\nexec '{}' \"$@\"\n", program())).expect("it is written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("it may be run");
    path.to_str().expect("UTF-8").to_owned()
}

/// All files that the process may have open, taken by connections: the limit that programs start with is raised to
/// what the system allows; at that, streams go on, and the server recovers by itself.
#[cfg(unix)]
#[test]
fn more_connections_than_open_files() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (limit, all) in [("-S -n 100", true), ("-n 100", false)] {
        let mut scene = Scene::with_program(&limited(folder.path(), limit), "");
        let mut wires: Vec<Wire> = (0..200).map(|_| Wire::connect(scene.server.starttls())).collect();
        for wire in wires.iter_mut().take(if all { 200 } else { 50 }) {
            wire.open(HEADER);
        }
        scene.nobody_noticed();
        // Whoever is in the queue is served once there is room.
        drop(wires);
        scene.attacker(Stage::Bound).ping();
        scene.end();
    }
}

/// More streams than one account may have are refused with a stanza error (RFC 6120 §7.6.2.1), and asking again and
/// again ends the stream (§7.7.3).
#[test]
fn more_streams_than_one_account_may_have() {
    let scene = Scene::new("[limits]\nstreams_per_account = 3\n");
    let streams: Vec<Wire> =
        (0..3).map(|number| Wire::bound(&scene.server, MALLORY, PASSWORD, &format!("r{number}"))).collect();
    let mut wire = scene.attacker(Stage::Authenticated);
    for number in 0..8 {
        wire.send(format!("<iq type='set' id='{number}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"));
        let answer = wire.hear("</iq>");
        assert!(answer.contains("<resource-constraint "), "{answer}");
    }
    assert_eq!(wire.ended(), "policy-violation");
    drop(streams);
    scene.end();
}

/// Passwords are checked by a bounded number of threads, however many ask at once: computing a key takes
/// milliseconds, and nobody has proved anything yet.
#[test]
fn passwords_to_be_checked_at_once() {
    // Guesses that are slowed down would be no load.
    let mut scene = Scene::new("[guesses]\nthrottled = false\n");
    let mut wires: Vec<Wire> = (0..400).map(|_| scene.attacker(Stage::Protected)).collect();
    let before = scene.server.thread_count();
    for wire in &mut wires {
        wire.send(auth("PLAIN", b"\0juliet\0wrong"));
    }
    let mut most = 0;
    for wire in &mut wires {
        assert_eq!(wire.sasl_answer(), "not-authorized");
        most = most.max(scene.server.thread_count().unwrap_or_default());
        wire.send(auth("PLAIN", b"\0juliet\0wrong"));
    }
    scene.nobody_noticed();
    for wire in &mut wires {
        assert_eq!(wire.sasl_answer(), "not-authorized");
        most = most.max(scene.server.thread_count().unwrap_or_default());
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    if let Some(before) = before {
        assert!(most <= before + cores, "{most} threads, {before} before");
    }
    scene.end();
}
