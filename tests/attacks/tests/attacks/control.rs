//! The operator's commands: who may give them, what a server is told that is none, and what its users notice.

use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::{Duration, Instant};

use jabiru_attacks::scene::{MALLORY, PASSWORD};
use jabiru_attacks::wire::trusting;
use jabiru_attacks::{HEADER, Scene, Stage, Wire};
use jabiru_test_support::{PATIENCE, Server};

const MIB: u64 = 1024 * 1024;

fn ask(socket: &Path, request: &[u8]) -> String {
    let mut stream = UnixStream::connect(socket).expect("the server listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("the option can be set");
    stream.set_write_timeout(Some(PATIENCE)).expect("the option can be set");
    // It may stop reading before the end, and answer.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn status(server: &Server) -> String {
    let run = server.run(&["status"], "");
    assert!(run.success, "{run:?}");
    run.output
}

/// The socket for commands is its owner's alone; what is no command changes nothing; nobody who is silent, or many, or
/// endless takes more than a moment from the operator, and nothing from the users.
#[test]
fn what_is_no_command() {
    let mut scene = Scene::new("");
    let data = scene.server.folder().join("jabiru-data");
    let socket = data.join("control");
    let mode = |path: &Path| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&socket), 0o600);
    assert!(!data.join("control.new").exists());
    let files = scene.server.open_files();
    let before = scene.server.resident_bytes();
    let deep = "[".repeat(8_000) + "\n";
    let long = format!("{{\"command\":\"kick\",\"address\":\"{}\"}}\n", "j".repeat(1 << 20));
    let unknown = "{\"command\":\"kick\",\"address\":\"juliet@localhost\",\"everybody\":true}\n";
    for request in [
        &b"\n"[..],
        b"{}\n",
        b"[]\n",
        b"null\n",
        b"\"kick\"\n",
        b"\0\n",
        b"\xff\xfe\n",
        b"GET /status HTTP/1.1\n",
        b"{\"command\":\"shutdown\"}\n",
        b"{\"command\":\"kick\"}\n",
        b"{\"command\":\"KICK\",\"address\":\"juliet@localhost\"}\n",
        b"{\"command\":[\"kick\"],\"address\":\"juliet@localhost\"}\n",
        b"{\"command\":\"kick\",\"address\":\"localhost\"}\n",
        b"{\"command\":\"kick\",\"address\":\"@localhost\"}\n",
        b"{\"command\":\"kick\",\"address\":\"juliet@localhost\\u0000\"}\n",
        b"{\"command\":\"drain\",\"to\":\"</stream:error>\"}\n",
        b"{\"command\":\"drain\",\"to\":\"elsewhere.example:0\"}\n",
        b"{\"command\":\"drain\",\"to\":\"\"}\n",
        // Half of a request, and the end.
        b"{\"command\":\"drain\"",
        unknown.as_bytes(),
        deep.as_bytes(),
        long.as_bytes(),
    ] {
        // Half a request is waited for.
        if request.ends_with(b"\n") {
            let answer = ask(&socket, request);
            assert!(
                answer.starts_with("{\"refused\":"),
                "{}: {answer}",
                request[..40.min(request.len())].escape_ascii()
            );
        } else {
            let mut stream = UnixStream::connect(&socket).expect("the server listens");
            stream.write_all(request).expect("it is short");
            drop(stream);
        }
    }
    // What names nobody ends nothing, and what a reason says arrives as text.
    let reason =
        b"{\"command\":\"kick\",\"address\":\"mallory@localhost\",\"reason\":\"</text></stream:error>\\u0000\"}\n";
    let mut wire = scene.attacker(Stage::Bound);
    ask(&socket, reason);
    assert_eq!(wire.ended(), "reset", "read by two parsers");

    // Many who say nothing, and go; then as many as are heard at once, who stay.
    for _ in 0..1_000 {
        drop(UnixStream::connect(&socket).expect("the server listens"));
    }
    let silent: Vec<UnixStream> = (0..8)
        .map(|_| {
            let mut stream = UnixStream::connect(&socket).expect("the server listens");
            stream.write_all(b"{\"command\":").expect("it is short");
            stream
        })
        .collect();
    scene.nobody_noticed();
    let begin = Instant::now();
    assert!(status(&scene.server).contains("streams        3\n"), "{}", status(&scene.server));
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    drop(silent);
    scene.server_has_at_most(files);
    if let (Some(before), Some(after)) = (before, scene.server.resident_bytes()) {
        assert!(after < before + 4 * MIB, "{} bytes more", after - before);
    }
    scene.end();
}

/// What lies where the socket is to be is replaced, not followed and not opened.
#[test]
fn what_lies_in_place_of_the_socket() {
    let mut scene = Scene::new("");
    let folder = scene.server.folder().to_owned();
    let (data, precious) = (folder.join("jabiru-data"), folder.join("precious"));
    std::fs::create_dir(&precious).expect("a folder");
    std::fs::write(precious.join("file"), "precious").expect("a file");
    let (socket, new) = (data.join("control"), data.join("control.new"));
    type Place = Box<dyn Fn()>;
    let places: [(&str, Place); 4] = [
        (
            "a file",
            Box::new({
                let socket = socket.clone();
                move || std::fs::write(&socket, "x").expect("a file")
            }),
        ),
        (
            "a link to a file",
            Box::new({
                let (socket, precious) = (socket.clone(), precious.clone());
                move || symlink(precious.join("file"), &socket).expect("a link")
            }),
        ),
        (
            "a socket that nobody listens on",
            Box::new({
                let socket = socket.clone();
                move || drop(UnixListener::bind(&socket).expect("a socket"))
            }),
        ),
        (
            "a link to a folder, where it is made",
            Box::new({
                let (new, precious) = (new.clone(), precious.clone());
                move || symlink(&precious, &new).expect("a link")
            }),
        ),
    ];
    for (what, place) in places {
        scene.server.terminate();
        assert!(!socket.exists() && !new.exists(), "nothing is left");
        place();
        scene.server.restart();
        let found = std::fs::symlink_metadata(&socket).expect("the socket is there");
        assert_eq!(found.permissions().mode() & 0o777, 0o600, "{what}");
        assert!(status(&scene.server).contains("streams"), "{what}");
        assert_eq!(std::fs::read_to_string(precious.join("file")).expect("it is untouched"), "precious", "{what}");
        assert_eq!(std::fs::read_dir(&precious).expect("it is there").count(), 1, "{what}");
    }
}

/// Reading the configuration anew while everybody talks, and with files that are broken in every way: nothing changes
/// that must not, no stream ends, nothing is lost.
#[test]
fn reloads_under_load() {
    let good = "[limits]\nconnections = 5000\n";
    let scene = Scene::new(good);
    let before = scene.server.open_files();
    let mut wire = scene.attacker(Stage::Bound);
    let mut heard = String::new();
    std::thread::scope(|scope| {
        let server = &scene.server;
        let reloading = scope.spawn(move || {
            for broken in [
                "\0",
                "[[domain]",
                "domains = []\n[c2s]\n",
                "domains = [\"\"]\n[c2s]\n",
                "domains = [\"elsewhere.example\", \"x/y\"]\n[c2s]\n",
                "[limits]\nconnections = 0\n",
                "[limits]\nconnections = 5\nunknown = 1\n",
                "[c2s]\nmechanisms = []\n",
                "[c2s]\nmechanisms = [\"EXTERNAL\"]\n",
                "[[domain]]\nname = \"localhost\"\ncertificate = \"jabiru.toml\"\nkey = \"nowhere\"\n",
            ] {
                server.configure(broken);
                let begin = Instant::now();
                let run = server.run(&["reload"], "");
                assert!(!run.success, "{broken:?}: {run:?}");
                assert!(begin.elapsed() < Duration::from_secs(10), "{broken:?}");
                server.signal("HUP");
                server.configure(good);
                let run = server.run(&["reload"], "");
                assert!(run.success, "{run:?}");
            }
        });
        let mut number = 0;
        while !reloading.is_finished() {
            number += 1;
            wire.send(format!("<message to='mallory@localhost/cell' id='m{number}'/>"));
            heard.push_str(&wire.ping());
            // Newcomers are served all the time.
            if number % 50 == 0 {
                drop(Wire::bound(server, MALLORY, PASSWORD, "other"));
            }
        }
        reloading.join().expect("what is broken is refused");
        let expected: Vec<String> = (1..=number).map(|number| format!("m{number}")).collect();
        let found: Vec<&str> =
            heard.split(" id='m").skip(1).map(|rest| rest.split('\'').next().unwrap_or_default()).collect();
        assert_eq!(found, expected.iter().map(|id| &id[1..]).collect::<Vec<_>>());
    });
    drop(wire);
    scene.server_has_at_most(before);
    scene.end();
}

/// Everybody is sent away in the middle of everything: each hears all that was sent to it before, then where to go; who
/// still comes is told the same, and the server ends in time.
#[test]
fn sent_away_under_load() {
    let mut scene = Scene::new("[limits]\nclosing_timeout_seconds = 2\n");
    let mut deaf: Vec<Wire> =
        (0..10).map(|number| Wire::bound(&scene.server, MALLORY, PASSWORD, &format!("r{number}"))).collect();
    let mut sender = Wire::bound(&scene.server, MALLORY, PASSWORD, "sender");
    for number in 0..10 {
        let message = format!("<message to='mallory@localhost/r{number}'><body>{}</body></message>", "x".repeat(500));
        sender.send(message.repeat(100));
    }
    assert!(!sender.ping().contains("type='error'"));
    let mut early = [Stage::Connected, Stage::Clear, Stage::Protected, Stage::Authenticated]
        .map(|stage| (stage, scene.attacker(stage)));
    let run = scene.server.run(&["drain", "--to", "elsewhere.example:5222"], "");
    assert!(run.success, "{run:?}");
    for wire in &mut deaf {
        assert_eq!(wire.ended(), "see-other-host", "{}", wire.text());
        assert_eq!(wire.text().matches("<message").count(), 100);
        assert!(wire.text().contains(">elsewhere.example:5222</see-other-host>"));
    }
    for (stage, wire) in &mut early {
        let ended = wire.ended();
        // In clear it need not be said at once, but the stream has to end.
        let clear = [Stage::Connected, Stage::Clear].contains(stage);
        assert!(ended == "see-other-host" || clear && ended != "silence", "{stage:?}: {ended}");
    }
    let files = scene.server.open_files();
    for number in 0..100 {
        let mut wire = if number % 2 == 0 {
            // In clear anybody on the way could say where to (RFC 6120 §4.9.3.19).
            let mut wire = scene.attacker(Stage::Clear);
            wire.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
            wire.hear("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
            wire.start_tls(trusting(&scene.server.certificate())).expect("the handshake succeeds")
        } else {
            Wire::direct_tls(&scene.server)
        };
        wire.send(HEADER);
        assert_eq!(wire.ended(), "see-other-host");
    }
    scene.server_has_at_most(files);
    let (code, time) = scene.server.terminate();
    assert_eq!(code, Some(0));
    assert!(time < Duration::from_secs(5), "{time:?}");
    assert!(!scene.server.log().contains("panicked"), "{}", scene.server.log());
}
