//! Commands to a running server: status, drain, reload, and the socket they go over.
#![allow(clippy::unwrap_used)] // a helper that fails fails its test

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use jabiru_stanza::{StreamCondition, StreamError, ns};
use jabiru_test_support::{Client, Login, PATIENCE, Security, Server};
use jabiru_xml::Event;

const PROGRAM: &str = env!("CARGO_BIN_EXE_jabiru");

fn command(server: &Server, arguments: &[&str]) -> String {
    let run = server.run(arguments, "");
    assert!(run.success, "{arguments:?}: {run:?}");
    run.output
}

fn status(server: &Server) -> serde_json::Value {
    serde_json::from_str(&command(server, &["status", "--json"])).expect("JSON")
}

fn domains(names: &[&str]) -> String {
    names.iter().map(|name| format!("[[domain]]\nname = \"{name}\"\n")).collect()
}

const JULIET: Login<'_> = Login { user: "juliet", password: "r0m30", mechanism: "SCRAM-SHA-256-PLUS" };

/// Begins a stream where none is to be had, and gives the error that it is told.
fn refused(mut client: Client, domain: &str) -> StreamError {
    client.send_header(domain);
    assert!(matches!(client.event(), Event::StreamOpen(_)), "the header comes first (RFC 6120 §4.9.1.2)");
    client.receive_stream_error()
}

#[test]
fn status_for_people_and_machines() {
    let server = Server::start(PROGRAM, &domains(&["localhost", "im.example"]));
    server.add_user("juliet@localhost", "r0m30");
    let _juliet = Client::online(&server, "juliet", "r0m30", "balcony");
    let json = status(&server);
    assert_eq!(json["streams"], 1);
    assert_eq!(json["draining"], serde_json::Value::Null);
    let names: Vec<_> = json["domains"].as_array().unwrap().iter().map(|domain| &domain["name"]).collect();
    assert_eq!(names, ["localhost", "im.example"]);
    let certificate = &json["domains"][1]["certificate"];
    assert_eq!((&certificate["validity"], &certificate["self_made"]), (&"good".into(), &true.into()));
    assert!(certificate["days_left"].as_i64().unwrap() > 3600, "{certificate}");
    let text = command(&server, &["status"]);
    assert!(text.contains("  streams        1\n") && text.contains("im.example, self-made certificate"), "{text}");
}

/// Whoever asks a server that is not there is told so, and what to do.
#[test]
fn no_server_to_command() {
    let mut server = Server::start(PROGRAM, "");
    let socket = server.folder().join("jabiru-data/control");
    assert!(socket.exists());
    assert_eq!(server.terminate().0, Some(0));
    assert!(!socket.exists(), "removed at the end");
    for arguments in
        [&["status"][..], &["reload"], &["drain"], &["user", "kick", "juliet@localhost"], &["status", "--json"]]
    {
        let run = server.run(arguments, "");
        assert!(!run.success, "{arguments:?}");
        let expected = "jabiru: no server runs on the data directory jabiru-data; start it, or name the configuration";
        assert!(run.errors.starts_with(expected), "{arguments:?}: {}", run.errors);
    }
}

/// RFC 6120 §4.9.3.19: live streams and those that still come are sent elsewhere.
#[test]
fn drain_to_another_host() {
    let server = Server::start(PROGRAM, "");
    server.add_user("juliet@localhost", "r0m30");
    let mut established = Client::online(&server, "juliet", "r0m30", "balcony");
    let (mut negotiating, _) = Client::secure(&server, Security::Direct);
    let run = server.run(&["drain", "--to", "2001:db8::1"], "");
    assert!(!run.success && run.errors.contains("in brackets: [2001:db8::1]"), "{run:?}");
    established.ping();

    let said = command(&server, &["drain", "--to", "[2001:DB8::1]:9222"]);
    assert!(said.starts_with("Ending 2 streams; who still comes is told to go to"), "{said}");
    let elsewhere = StreamCondition::SeeOtherHost("[2001:db8::1]:9222".to_owned());
    for client in [&mut established, &mut negotiating] {
        assert_eq!(*client.receive_stream_error().condition(), elsewhere);
    }
    // Where somebody on the way could write it, it is not believed, and so not said.
    let mut starttls = Client::connect(server.starttls());
    assert_eq!(starttls.open().starttls(), Some(true));
    starttls.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    assert!(starttls.receive().is("proceed", ns::TLS));
    starttls.start_tls(&server.certificate());
    assert_eq!(*refused(starttls, "localhost").condition(), elsewhere);
    let mut direct = Client::connect(server.direct_tls());
    direct.start_tls(&server.certificate());
    assert_eq!(*refused(direct, "localhost").condition(), elsewhere);
    assert_eq!(status(&server)["draining"]["to"], "[2001:db8::1]:9222");

    // Another order takes the place of the first.
    command(&server, &["drain"]);
    let error = refused(Client::connect(server.starttls()), "localhost");
    assert_eq!(*error.condition(), StreamCondition::SystemShutdown);
    assert!(command(&server, &["status"]).contains("clients are told that the server shuts down"));
}

/// RFC 6120 §4.9.3.5: the streams of a domain that is gone end; one that is new is served; others go on.
#[test]
fn reload_applies_domains() {
    let server = Server::start(PROGRAM, &domains(&["localhost", "old.example"]));
    server.add_user("juliet@localhost", "r0m30");
    server.add_user("juliet@old.example", "r0m30");
    let mut stays = Client::online(&server, "juliet", "r0m30", "balcony");
    let mut goes = Client::log_in_to(&server, "old.example", JULIET, Some("balcony")).unwrap();
    goes.ping();
    assert_eq!(command(&server, &["reload"]), "The configuration was read; nothing has changed.\n");

    server.configure(&format!(
        "{}[limits]\noutbox_bytes = 999999\nstreams_per_account = 3\n",
        domains(&["localhost", "new.example"])
    ));
    let expected = "The configuration was read, and holds.
  now hosted        new.example
  no longer hosted  old.example (1 stream ended)
  needs a restart   limits.streams_per_account, limits.outbox_bytes
";
    assert_eq!(command(&server, &["reload"]), expected);
    assert_eq!(*goes.receive_stream_error().condition(), StreamCondition::HostGone);
    stays.ping();
    server.add_user("juliet@new.example", "r0m30");
    let mut comes = Client::log_in_to(&server, "new.example", JULIET, Some("balcony")).unwrap();
    comes.ping();
    // From one domain to the other, and no more to the third.
    for (to, expected) in [("juliet@localhost", "message"), ("juliet@old.example", "error")] {
        comes.send(&format!("<message to='{to}'><body>{expected}</body></message>"));
    }
    assert_eq!(stays.receive_message().attribute("from").unwrap(), "juliet@new.example/balcony");
    assert_eq!(comes.receive_message().attribute("type").unwrap(), "error");
    // What needs a restart still does, however often it is read.
    assert!(
        command(&server, &["reload"]).contains("needs a restart   limits.streams_per_account, limits.outbox_bytes\n")
    );
}

/// New connections see the new certificate; those that are there go on.
#[test]
fn reload_applies_certificates() {
    let server = Server::start(PROGRAM, "");
    server.add_user("juliet@localhost", "r0m30");
    let mut before = Client::online(&server, "juliet", "r0m30", "balcony");
    let old = server.certificate();
    for name in ["localhost.crt", "localhost.key"] {
        std::fs::remove_file(server.folder().join("jabiru-data/certificates").join(name)).unwrap();
    }
    // Made anew when they are missing.
    let said = command(&server, &["reload"]);
    assert_eq!(said, "The configuration was read, and holds.\n  new certificate   localhost\n");
    assert_ne!(server.certificate(), old);
    // Trusts the new one alone, over either kind of TLS, also for binding to the channel.
    for security in [Security::StartTls, Security::Direct] {
        let mut after = Client::log_in(&server, security, JULIET, None).unwrap();
        after.ping();
    }
    before.ping();
}

/// Who is flooded with connections can shut the door without a restart.
#[test]
fn reload_applies_bounds_on_connections() {
    let server = Server::start(PROGRAM, "");
    server.add_user("juliet@localhost", "r0m30");
    let mut juliet = Client::online(&server, "juliet", "r0m30", "balcony");
    server.configure("[limits]\nconnections = 1\nconnections_per_address = 1\n");
    let expected = "The configuration was read, and holds.
  changed           limits.connections, limits.connections_per_address
";
    assert_eq!(command(&server, &["reload"]), expected);
    let error = refused(Client::connect(server.starttls()), "localhost");
    assert_eq!(*error.condition(), StreamCondition::ResourceConstraint);
    juliet.ping();
    server.configure("");
    command(&server, &["reload"]);
    drop(Client::online(&server, "juliet", "r0m30", "chamber"));
}

/// Whatever is wrong, all of it is said, and nothing is changed.
#[test]
fn a_broken_configuration_changes_nothing() {
    let server = Server::start(PROGRAM, &domains(&["localhost", "im.example"]));
    server.add_user("juliet@im.example", "r0m30");
    let mut juliet = Client::log_in_to(&server, "im.example", JULIET, Some("balcony")).unwrap();
    for (configuration, expected) in [
        ("domians = []\n[limits]\nconnections = 0\n", &["unknown key \"c2s.domians\"", "limits.connections"][..]),
        ("[[domain]\n", &["not TOML"]),
        (
            "[[domain]]\nname = \"localhost\"\n[[domain]]\nname = \"new.example\"\ncertificate = \"no.crt\"\nkey = \"no.key\"\n",
            &["the certificate of new.example can't be used", "no.crt"],
        ),
    ] {
        server.configure(configuration);
        let run = server.run(&["reload"], "");
        assert!(!run.success, "{run:?}");
        for part in expected {
            assert!(run.errors.contains(part), "{configuration}: {}", run.errors);
        }
        juliet.ping();
        drop(Client::secure_to(&server, "im.example"));
        // Whoever asks needs to know where the data is, which a file that is not TOML does not tell.
        server.configure("");
        let names = status(&server)["domains"].as_array().unwrap().len();
        assert_eq!(names, 2, "{configuration}");
    }
    // A server that was told so by a signal tells its log.
    server.configure("[limits]\nconnections = 0\n");
    server.signal("HUP");
    await_log(&server, "the old one holds");
    juliet.ping();
}

#[test]
fn hangup_reloads() {
    let server = Server::start(PROGRAM, &domains(&["localhost", "old.example"]));
    server.add_user("juliet@old.example", "r0m30");
    let mut goes = Client::log_in_to(&server, "old.example", JULIET, Some("balcony")).unwrap();
    server.configure(&domains(&["localhost", "new.example"]));
    server.signal("HUP");
    assert_eq!(*goes.receive_stream_error().condition(), StreamCondition::HostGone);
    await_log(&server, "configuration read anew");
    drop(Client::secure_to(&server, "new.example"));
    let mut late = Client::connect(server.direct_tls());
    late.start_tls(&server.certificate());
    let condition = refused(late, "old.example").condition().clone();
    assert_eq!(condition, StreamCondition::HostUnknown);
}

/// The socket is its owner's alone, takes no long requests, and is not held up by those who say nothing.
#[test]
fn the_socket_is_bounded() {
    let server = Server::start(PROGRAM, "");
    let path = server.folder().join("jabiru-data/control");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let silent: Vec<_> = (0..20).map(|_| UnixStream::connect(&path).unwrap()).collect();
    let mut long = UnixStream::connect(&path).unwrap();
    long.set_read_timeout(Some(PATIENCE)).unwrap();
    long.set_write_timeout(Some(PATIENCE)).unwrap();
    drop(silent);
    // The server stops reading, and may be gone before all of it is written.
    let _ = long.write_all(&vec![b'x'; 1 << 20]);
    let mut answer = Vec::new();
    let _ = long.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.contains("one line of at most 8192 bytes"), "{answer}");
    assert_eq!(status(&server)["streams"], 0);
}

fn await_log(server: &Server, text: &str) {
    let deadline = Instant::now() + PATIENCE;
    while !server.log().contains(text) {
        assert!(Instant::now() < deadline, "{text:?} is not in the log:\n{}", server.log());
        std::thread::sleep(Duration::from_millis(20));
    }
}
