//! More than there is, by other servers and towards them (incidents 3 to 5, 15 and 30; RFC 6120 §13.12).

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use jabiru_attacks::peer::{BIDI, DIALBACK, PROCEED, STARTTLS, element, features, header};
use jabiru_attacks::wire::auth;
use jabiru_attacks::{Wire, names};
use jabiru_test_support::Client;
use socket2::SockRef;

use crate::elsewhere;
use crate::federation::{EVIL, Federation, HONEST, Silent, reaches_honest, shown_key, stream_id};

const MIB: u64 = 1024 * 1024;

/// Honest proves itself by dialback, from another address than the attacker's.
fn honest_dials_back(federation: &mut Federation, number: u32) {
    let mut wire = elsewhere::connect(number, federation.scene.server.s2s_starttls());
    wire.open(&header(HONEST, "localhost", ""));
    wire.send(STARTTLS);
    wire.hear(PROCEED);
    let mut wire = wire.start_tls(federation.connecting(None)).expect("the handshake succeeds");
    wire.open(&header(HONEST, "localhost", ""));
    let id = stream_id(&wire);
    wire.send(shown_key(HONEST, "localhost", "key"));
    let mut asked = federation
        .honest
        .accept_within(Duration::from_secs(3))
        .unwrap_or_else(|| panic!("others' keys are verified: {:?}", wire.hears("</db:result>")));
    asked = federation.honest.secure(asked, "asked");
    asked.send(features(&[DIALBACK]));
    element(&mut asked, "db:verify");
    asked.send(format!("<db:verify from='{HONEST}' to='localhost' id='{id}' type='valid'/>"));
    assert!(element(&mut wire, "db:result").contains("type='valid'"), "{}", wire.text());
    federation.arrives(&mut wire, HONEST);
}

/// Incident 30: keys of a hundred thousand domains, over many streams, with an authoritative server that says nothing:
/// memory, time, and the connections that they make us open are bounded; who shows too many ends a stream; and others prove
/// themselves meanwhile, and are reached.
#[test]
fn keys_of_many_domains() {
    const THREADS: usize = 4;
    const STREAMS: usize = 125;
    const KEYS: usize = 202;
    let silent = Silent::new();
    let nameserver = names::leading_to(silent.address.port());
    let mut federation = Federation::hosting(
        "[limits]\nconnection_attempts_per_minute = 0\n[log]\nlevel = \"error\"\n",
        "require = \"dialback\"\nrequire_tls = false\n",
        &[],
        &format!(
            "[s2s.resolver]\nnameservers = [\"{nameserver}\"]\n\
             [s2s.limits]\nconnect_timeout_seconds = 5\nnegotiation_timeout_seconds = 15\n"
        ),
    );
    let files = federation.scene.server.open_files().unwrap_or_default();
    federation.scene.server.forget_peak();
    let before = federation.scene.server.peak_bytes();
    let begin = Instant::now();
    let address = federation.scene.server.s2s_starttls();
    let most = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                scope.spawn(move || {
                    for stream in 0..STREAMS {
                        let domain = |key| format!("d{key}.s{stream}.t{thread}.example");
                        let keys: String = (0..KEYS).map(|key| shown_key(&domain(key), "localhost", "key")).collect();
                        let mut wire = Wire::connect(address);
                        wire.open(&header(EVIL, "localhost", ""));
                        wire.send(keys);
                        assert_eq!(wire.ended(), "policy-violation");
                        assert!(!wire.text().contains("type='valid'"), "{}", wire.text());
                    }
                })
            })
            .collect();
        let mut most = 0;
        while threads.iter().any(|thread| !thread.is_finished()) {
            most = most.max(federation.scene.server.open_files().unwrap_or_default());
            std::thread::sleep(Duration::from_millis(20));
        }
        most
    });
    assert!(begin.elapsed() < Duration::from_secs(15), "{:?}", begin.elapsed());
    // 50 questions at once by one address, each on a connection of its own, and some to name servers.
    assert!(most < files + 110, "{most} files, {files} before");
    if let (Some(before), Some(peak)) = (before, federation.scene.server.peak_bytes()) {
        assert!(peak < before + 24 * MIB, "{} bytes more", peak - before);
    }
    // While the questions are still open.
    federation.scene.nobody_noticed();
    honest_dials_back(&mut federation, 77);
    reaches_honest(&mut federation, Duration::from_secs(3));
    federation.scene.end();
}

/// The same by servers that connect to us.
#[test]
fn silence_and_single_bytes_of_servers() {
    let federation = Federation::by_dialback("[s2s.limits]\nnegotiation_timeout_seconds = 3\n");
    let files = federation.scene.server.open_files();
    let shown = federation.shown(EVIL);
    let address = federation.scene.server.s2s_starttls();
    let mut slow: Vec<(Wire, &str, &[&str])> = Vec::new();
    let told: &[&str] = &["connection-timeout"];
    for bytes in ["", "<message from='", "               "] {
        slow.push((Wire::connect(address), bytes, told));
        slow.push((federation.clear(EVIL), bytes, told));
        slow.push((federation.uncertified(EVIL).0, bytes, told));
        let mut wire = federation.secured(EVIL, Some(&shown)).expect("the handshake succeeds");
        wire.open(&header(EVIL, "localhost", ""));
        wire.send(auth("EXTERNAL", b""));
        assert_eq!(wire.sasl_answer(), "success");
        // The next header is due: what was heard is of the stream before.
        wire.begin_anew();
        slow.push((wire, bytes, &["connection-timeout", "not-well-formed"]));
    }
    let mut wire = federation.clear(EVIL);
    wire.send(STARTTLS);
    slow.push((wire, "", &["cut"]));
    slow.push((Wire::connect(federation.scene.server.s2s_direct_tls()), "", &["silence"]));
    let begin = Instant::now();
    for place in 0..400 {
        std::thread::sleep(Duration::from_millis(10));
        let sending = slow.iter_mut().filter_map(|(wire, bytes, _)| {
            bytes.as_bytes().get(place % bytes.len().max(1)).map(|byte| wire.send([*byte]))
        });
        if !sending.fold(false, |any, taken| any | taken) {
            break;
        }
    }
    for (wire, bytes, expected) in &mut slow {
        let ended = wire.ended();
        // A byte that came too late may have cost the last words.
        let cut_short = !bytes.is_empty() && ended != "closed";
        assert!(expected.contains(&&*ended) || cut_short, "{bytes:?}: {ended}: {}", wire.text());
    }
    assert!(begin.elapsed() < Duration::from_secs(8), "{:?}", begin.elapsed());
    drop(slow);
    federation.scene.server_has_at_most(files);
    federation.scene.end();
}

/// Stanzas of one server without a pause: users and other servers do not wait for it, and nothing is heaped up.
#[test]
fn stanzas_of_a_server_without_a_pause() {
    let mut federation = Federation::new("", "");
    let mut honest = federation.proven(HONEST);
    federation.scene.server.forget_peak();
    let before = federation.scene.server.peak_bytes();
    let floods: Vec<Wire> = (0..4).map(|_| federation.proven(EVIL)).collect();
    let flood = "<message from='romeo@evil.example' to='mallory@localhost/none' type='error'/>".repeat(100);
    let begin = Instant::now();
    let time = Duration::from_secs(3);
    let mut longest = Duration::ZERO;
    let sent: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = floods
            .into_iter()
            .map(|mut wire| {
                let flood = &flood;
                scope.spawn(move || {
                    let mut rounds = 0;
                    while begin.elapsed() < time && wire.send(flood) {
                        rounds += 1;
                    }
                    rounds * 100
                })
            })
            .collect();
        while begin.elapsed() < time {
            let round = Instant::now();
            federation.scene.nobody_noticed();
            federation.arrives(&mut honest, HONEST);
            longest = longest.max(round.elapsed());
        }
        threads.into_iter().map(|thread| thread.join().expect("it only sends")).sum()
    });
    let peak = federation.scene.server.peak_bytes();
    assert!(sent > 10_000, "{sent} are no flood");
    assert!(longest < Duration::from_secs(2), "{longest:?}");
    if let (Some(before), Some(peak)) = (before, peak) {
        assert!(peak < before + 4 * MIB, "{} bytes more", peak - before);
    }
    federation.scene.end();
}

/// Incidents 3 and 5: what never ends, and what is many times more than its bytes, ends a server's stream at the limit,
/// before anything is proven and after it, and of those that we open.
#[test]
fn what_never_ends_between_servers() {
    let mut federation = Federation::by_dialback("[s2s.limits]\nretry_after_seconds = [1, 1]\n");
    let attributes: String = (0..10_000).map(|n| format!(" a{n}=''")).collect();
    let prefixes: String = (0..10_000).map(|n| format!(" xmlns:n{n}='urn:{n}'")).collect();
    let endless = |limit: usize| {
        let filler = "a".repeat(limit + 1024);
        [
            format!("<message to='{filler}"),
            format!("<message to='juliet@localhost'><body>{filler}"),
            format!("<{filler}"),
            format!("<message {filler}"),
            format!("<message to='juliet@localhost'{}", " ".repeat(limit + 1024)),
            format!("<message xmlns='{filler}"),
            format!("<db:result from='{filler}"),
            format!("<db:result from='{EVIL}' to='localhost'>{filler}"),
            format!("<message>{}", "<a/>".repeat(limit / 4 + 256)),
            format!("<message>{}", "<a>".repeat(10_000)),
            format!("<message{attributes}/>"),
            format!("<message{prefixes}/>"),
            format!("<message>{}", "&amp;".repeat(limit / 5 + 256)),
        ]
    };
    federation.scene.server.forget_peak();
    let before = federation.scene.server.peak_bytes();
    for xml in endless(16_384) {
        for mut wire in [federation.clear(EVIL), federation.uncertified(EVIL).0] {
            wire.send(&xml);
            assert_eq!(wire.ended(), "policy-violation", "{}", &xml[..40]);
        }
    }
    for xml in endless(262_144) {
        let mut wire = federation.proven(EVIL);
        wire.send(&xml);
        assert_eq!(wire.ended(), "policy-violation", "{}", &xml[..40]);
    }
    for xml in ["<?xml version='1.0' ", "<stream:stream to='", "<stream:", "<stream:stream xmlns:stream='"] {
        let mut wire = Wire::connect(federation.scene.server.s2s_starttls());
        let filler = if xml.starts_with("<?xml") { " " } else { "a" };
        wire.send(format!("{xml}{}", filler.repeat(17_000)));
        assert_eq!(wire.ended(), "policy-violation", "{xml}");
    }
    // Entities, comments and the like.
    for xml in ["<!DOCTYPE a [<!ENTITY b 'c'>]>", "<!-- a -->", "<?a b?>", "<message>&b;</message>"] {
        for mut wire in [federation.uncertified(EVIL).0, federation.proven(EVIL)] {
            wire.send(xml);
            assert_eq!(wire.ended(), "restricted-xml", "{xml}");
        }
    }
    // Those that we open.
    for (stage, limit) in [("header", 16_384), ("features", 16_384), ("stanza", 262_144)] {
        federation.juliet_writes(EVIL, "endless");
        let mut wire = match stage {
            "header" => federation.evil.accept(),
            "features" => federation.evil.accept_secured("secured"),
            _ => {
                let mut wire = federation.evil.accept_secured("secured");
                wire.send(features(&[DIALBACK, BIDI]));
                element(&mut wire, "db:result");
                wire.send("<db:result from='evil.example' to='localhost' type='valid'/>");
                element(&mut wire, "message");
                wire
            }
        };
        let begin = match stage {
            "header" => "<stream:stream id='",
            "features" => "<stream:features><a b='",
            _ => "<message from='romeo@evil.example' to='juliet@localhost'><body>",
        };
        wire.send(format!("{begin}{}", "a".repeat(limit + 1024)));
        let ended = wire.ended();
        assert!(ended == "policy-violation", "{stage}: {ended}: {}", wire.text());
        assert_eq!(federation.juliet_is_told("endless"), "remote-server-timeout", "{stage}");
        std::thread::sleep(Duration::from_millis(1_100 * u64::from(stage != "stanza")));
    }
    if let (Some(before), Some(peak)) = (before, federation.scene.server.peak_bytes()) {
        assert!(peak < before + 8 * MIB, "{} bytes more", peak - before);
    }
    federation.scene.end();
}

/// Incidents 4 and 15: connections of servers that come to nothing leave nothing: neither files nor memory.
#[test]
fn connections_of_servers_that_come_to_nothing() {
    let federation = Federation::hosting(
        "[limits]\nconnection_attempts_per_minute = 0\n[log]\nlevel = \"error\"\n",
        "require = \"dialback\"\n",
        &[],
        "[s2s.limits]\nnegotiation_timeout_seconds = 10\n",
    );
    let server = &federation.scene.server;
    let files = server.open_files();
    let own = header(EVIL, "localhost", "");
    let half = format!("{own}{STARTTLS}");
    let keys = format!("{own}{}", shown_key(EVIL, "localhost", "key"));
    let kinds: [&[u8]; 6] =
        [b"", &own.as_bytes()[..60], own.as_bytes(), half.as_bytes(), keys.as_bytes(), b"\x16\x03\x01\x02\x00\x01\x00"];
    let round = |count: usize| {
        for number in 0..count {
            let address = if number % 2 == 0 { server.s2s_starttls() } else { server.s2s_direct_tls() };
            let mut socket = TcpStream::connect(address).expect("the server listens");
            if number % 10 != 0 {
                SockRef::from(&socket).set_linger(Some(Duration::ZERO)).expect("the option can be set");
            }
            // The server may have refused already.
            let _ = socket.write_all(kinds[number % kinds.len()]);
            let _ = socket.shutdown(Shutdown::Write);
        }
        federation.scene.server_has_at_most(files);
    };
    round(2_000);
    let warm = server.resident_bytes();
    round(10_000);
    let after = server.resident_bytes();
    if let (Some(before), Some(after)) = (warm, after) {
        assert!(after < before + 8 * MIB, "{} bytes more", after - before);
    }
    federation.scene.end();
}

/// More connections of servers than one address may have: some are told so, those there are go on, and clients have
/// places of their own.
#[test]
fn more_connections_of_one_server_than_it_may_have() {
    let mut federation = Federation::new("", "[s2s.limits]\nincoming_per_address = 5\n");
    let mut wires: Vec<Wire> = (0..5).map(|_| federation.proven(EVIL)).collect();
    let mut told = 0;
    for _ in 0..20 {
        let mut wire = Wire::connect(federation.scene.server.s2s_starttls());
        wire.send(header(EVIL, "localhost", ""));
        match wire.ended().as_str() {
            "resource-constraint" => told += 1,
            "silence" | "cut" => {}
            other => panic!("{other}"),
        }
    }
    assert!(told > 0, "nobody was told");
    for wire in &mut wires {
        federation.arrives(wire, EVIL);
    }
    drop(Client::online(&federation.scene.server, "mallory", "pencil-7", "cell"));
    let mut elsewhere = elsewhere::connect(88, federation.scene.server.s2s_starttls());
    elsewhere.open(&header(HONEST, "localhost", ""));
    federation.scene.end();
}
