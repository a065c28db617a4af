//! What accounts may do to accounts, and guests to anybody (incident 21; XEP-0077, XEP-0175).

use std::time::{Duration, Instant};

use jabiru_attacks::scene::{MALLORY, PASSWORD};
use jabiru_attacks::wire::auth;
use jabiru_attacks::{HEADER, Scene, Stage, Wire};

const BIND: &str =
    "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>cell</resource></bind></iq>";

/// A password change as a client would send it.
fn change(to: &str, username: &str, password: &str) -> String {
    format!(
        "<iq type='set' id='change'{to}><query xmlns='jabber:iq:register'><username>{username}</username>\
         <password>{password}</password></query></iq>"
    )
}

/// The answer to an iq: `result`, or the condition of the error.
fn answer(wire: &mut Wire, request: &str) -> String {
    wire.send(request);
    let answer = wire.hear("</iq>");
    if answer.contains("type='result'") {
        return "result".to_owned();
    }
    let condition = answer.split("<error").nth(1).and_then(|rest| rest.split("><").nth(1));
    condition.and_then(|rest| rest.split(' ').next()).unwrap_or_else(|| panic!("no condition: {answer}")).to_owned()
}

fn logs_in(scene: &Scene, user: &str, password: &str) -> bool {
    scene.attacker(Stage::Protected).plain(format!("\0{user}\0{password}").as_bytes()) == "success"
}

/// A guest's stream, up to the answer to its request to bind.
fn guest(scene: &Scene, message: &[u8]) -> (Wire, String) {
    let mut wire = scene.attacker(Stage::Protected);
    wire.send(auth("ANONYMOUS", message));
    assert_eq!(wire.sasl_answer(), "success");
    wire.open(HEADER);
    wire.send(BIND);
    let answer = wire.hear("</iq>");
    (wire, answer)
}

/// Incident 21: where guests are welcome they are nobody who is there already, whatever they say; they can't register,
/// nor change or take a password; and their number is bounded, without a place for anybody else less.
#[test]
fn guests_are_nobody() {
    let settings = "[c2s]\nmechanisms = [\"SCRAM-SHA-256-PLUS\", \"PLAIN\", \"ANONYMOUS\"]\n\
                    [limits]\nanonymous_streams = 5\n[features]\naccount_cancellation = true\n";
    let mut scene = Scene::new(settings);
    let before = scene.server.run(&["user", "list"], "").output;
    let mut names = Vec::new();
    for message in [&b""[..], b"juliet", b"juliet@localhost"] {
        let (mut wire, bound) = guest(&scene, message);
        let jid = bound.split("<jid>").nth(1).and_then(|rest| rest.split('@').next()).expect("an address").to_owned();
        assert!(jid.len() == 36 && !jid.contains("juliet") && !names.contains(&jid), "{jid}");
        // Not even itself: there is no account that a password would be of.
        for username in ["juliet", &jid, MALLORY] {
            for to in ["", " to='localhost'", " to='juliet@localhost'"] {
                let refused = answer(&mut wire, &change(to, username, "a stolen password"));
                assert_ne!(refused, "result", "{username} {to}");
            }
        }
        for query in ["<remove/>", "<username>eve</username><password>eve's password</password>"] {
            let register = format!("<iq type='set' id='r'><query xmlns='jabber:iq:register'>{query}</query></iq>");
            assert_ne!(answer(&mut wire, &register), "result", "{query}");
        }
        assert!(!logs_in(&scene, &jid, "a stolen password") && !logs_in(&scene, "juliet", "a stolen password"));
        // A header that claims somebody else (RFC 6120 §6.4.6).
        let mut claims = Wire::direct_tls(&scene.server);
        claims.open(&HEADER.replace("to=", "from='juliet@localhost' to="));
        claims.send(auth("ANONYMOUS", message));
        assert_eq!(claims.ended(), "invalid-from");
        names.push(jid);
    }
    for message in [&b"\0"[..], b"\0juliet\0pencil-7", b"\xff", &[b'x'; 300]] {
        let mut wire = scene.attacker(Stage::Protected);
        wire.send(auth("ANONYMOUS", message));
        assert_eq!(wire.sasl_answer(), "malformed-request", "{}", message.escape_ascii());
    }
    // The streams of the first three have ended, as soon as the server has noticed.
    let deadline = Instant::now() + Duration::from_secs(10);
    let mut there: Vec<Wire> = Vec::new();
    while there.len() < 5 {
        assert!(Instant::now() < deadline, "only {} places", there.len());
        let (wire, bound) = guest(&scene, b"");
        there.extend(bound.contains("<jid>").then_some(wire));
    }
    let (mut sixth, bound) = guest(&scene, b"");
    assert!(bound.contains("<resource-constraint "), "{bound}");
    // It stays without a resource, so it can do nothing.
    sixth.send("<message to='juliet@localhost'><body>x</body></message>");
    assert_eq!(sixth.ended(), "not-authorized");
    assert!(logs_in(&scene, MALLORY, PASSWORD));
    there.iter_mut().for_each(|wire| drop(wire.ping()));
    // None of it is in the storage.
    assert_eq!(scene.server.run(&["user", "list"], "").output, before);
    scene.nobody_noticed();
    scene.end();
}

/// XEP-0077 §3.3: nobody changes the password of somebody else, however the account is named, nor without TLS, nor
/// before the stream has a resource; and nobody learns by that who exists.
#[test]
fn passwords_of_others() {
    let mut scene = Scene::new("[features]\naccount_cancellation = true\n");
    let mut wire = scene.attacker(Stage::Bound);
    for (to, username) in [
        ("", "juliet"),
        ("", "JULIET"),
        ("", "juliet@localhost"),
        ("", "nobody"),
        ("", ""),
        ("", "mallory juliet"),
        ("", "mallory@localhost"),
        ("", "mallory</username><username>juliet"),
        ("", "juliet</username><username>mallory"),
        (" to='localhost'", "juliet"),
        (" to='juliet@localhost'", "juliet"),
        (" to='juliet@localhost'", "mallory"),
        (" to='nobody@localhost'", "nobody"),
        (" to='juliet@localhost/balcony'", "nobody"),
        (" to='elsewhere.example'", "mallory"),
        (" from='juliet@localhost/balcony'", "juliet"),
        (" from='juliet@localhost/balcony' to='juliet@localhost'", "juliet"),
    ] {
        // Her client has to answer what comes to her full JID, so that is not awaited.
        if to.contains("/balcony'") && !to.contains("from") {
            continue;
        }
        let refused = answer(&mut wire, &change(to, username, "a stolen password"));
        assert_ne!(refused, "result", "{to} {username}");
    }
    let [hers, nobodys] = ["juliet", "nobody"].map(|user| {
        let query = |to: String, inner: &str| {
            format!("<iq type='set' id='q'{to}><query xmlns='jabber:iq:register'>{inner}</query></iq>")
        };
        let to = || format!(" to='{user}@localhost'");
        [
            change("", user, "a stolen password"),
            change(&to(), user, "a stolen password"),
            query(to(), "<remove/>"),
            query(to(), ""),
            query(to(), "").replace("'set'", "'get'"),
        ]
        .map(|request| answer(&mut wire, &request))
    });
    assert_eq!(hers, nobodys);
    for stage in [Stage::Protected, Stage::Authenticated] {
        let mut wire = scene.attacker(stage);
        wire.send(change("", MALLORY, "a new password"));
        assert_eq!(wire.ended(), "not-authorized");
    }
    for user in ["juliet", "nurse", "peter", MALLORY] {
        assert!(logs_in(&scene, user, PASSWORD) && !logs_in(&scene, user, "a stolen password"), "{user}");
    }
    scene.nobody_noticed();
    scene.end();
}

/// Passwords without end, and floods of changes: bounded time and memory, and each request is answered. What an account
/// changes for itself brings it nothing that it was not allowed: one that was disabled stays so.
#[test]
fn floods_of_passwords() {
    let mut scene = Scene::new("[limits]\nstanzas_per_second = 0\nbytes_per_second = 0\n");
    scene.server.forget_peak();
    let before = scene.server.peak_bytes();
    let mut wire = scene.attacker(Stage::Bound);
    let long = "x".repeat(200_000);
    for password in [
        &long[..],
        &long[..1025],
        "\u{0}",
        "short",
        "",
        "mallory",
        "MALLORY@localhost",
        "\u{e000}\u{e000}\u{e000}\u{e000}\u{e000}\u{e000}\u{e000}\u{e000}",
    ] {
        // A NUL can't stand in XML at all.
        if password == "\0" {
            continue;
        }
        let shown: String = password.chars().take(20).collect();
        assert_eq!(answer(&mut wire, &change("", MALLORY, password)), "not-acceptable", "{shown:?}");
    }
    let many = format!("<password>{PASSWORD}</password>").repeat(5_000);
    let many = format!(
        "<iq type='set' id='m'><query xmlns='jabber:iq:register'><username>mallory</username>{many}</query></iq>"
    );
    assert_eq!(answer(&mut wire, &many), "bad-request");
    // Several streams, each with more changes than it can hear the answers of.
    let mut wires: Vec<Wire> = (0..7)
        .map(|number| Wire::bound(&scene.server, MALLORY, PASSWORD, &format!("r{number}")))
        .chain([wire])
        .collect();
    let flood: String = (0..4).map(|number| change("", MALLORY, &format!("password {number}"))).collect();
    wires.iter_mut().for_each(|wire| assert!(wire.send(&flood)));
    for _ in 0..5 {
        let begin = Instant::now();
        scene.nobody_noticed();
        assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
    }
    for wire in &mut wires {
        assert_eq!(wire.ended(), "reset", "the password was changed");
        assert!(wire.text().contains("id='change'"), "{}", wire.text());
    }
    assert!(!logs_in(&scene, MALLORY, PASSWORD));
    let passwords: Vec<String> = (0..4).map(|number| format!("password {number}")).collect();
    let last: Vec<&String> = passwords.iter().filter(|password| logs_in(&scene, MALLORY, password)).collect();
    assert_eq!(last.len(), 1, "{last:?}");
    if let (Some(before), Some(peak)) = (before, scene.server.peak_bytes()) {
        assert!(peak < before + 16 * 1024 * 1024, "{} bytes more", peak - before);
    }

    // The operator takes the account from a thief, whose stream is still there for a moment: that does not undo it.
    let mut wire = Wire::bound(&scene.server, MALLORY, last[0], "cell");
    let run = scene.server.run(&["user", "expire", "mallory@localhost"], "");
    assert!(run.success, "{run:?}");
    wire.send(change("", MALLORY, "the thief's own"));
    assert_eq!(wire.ended(), "reset");
    for (password, expected) in [(last[0].as_str(), "credentials-expired"), ("the thief's own", "not-authorized")] {
        let message = format!("\0mallory\0{password}");
        assert_eq!(scene.attacker(Stage::Protected).plain(message.as_bytes()), expected);
    }
    let run = scene.server.run(&["user", "passwd", "mallory@localhost"], &format!("{}\n", last[0]));
    assert!(run.success, "{run:?}");
    // Disabled while the request is on its way, or just before.
    let mut wire = Wire::bound(&scene.server, MALLORY, last[0], "cell");
    wire.send(change("", MALLORY, "yet another"));
    let run = scene.server.run(&["user", "disable", "mallory@localhost"], "");
    assert!(run.success, "{run:?}");
    wire.send(change("", MALLORY, "and yet another"));
    let ended = wire.ended();
    assert!(["reset", "not-authorized"].contains(&ended.as_str()), "{ended}");
    for password in [last[0].as_str(), "yet another", "and yet another"] {
        let message = format!("\0mallory\0{password}");
        let refused = scene.attacker(Stage::Protected).plain(message.as_bytes());
        assert!(["account-disabled", "not-authorized"].contains(&refused.as_str()), "{refused}");
    }
    scene.nobody_noticed();
    scene.end();
}
