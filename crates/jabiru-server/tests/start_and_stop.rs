//! The binary as an operator meets it: start, mistakes, end.

use std::fs;
use std::net::TcpListener;

use jabiru_stanza::StreamCondition;
use jabiru_test_support::{Client, Login, Security, Server};

const PROGRAM: &str = env!("CARGO_BIN_EXE_jabiru");

/// SIGTERM: every stream hears `system-shutdown` (RFC 6120 §4.9.3.20), also one that is only being
/// negotiated, and the exit code is 0. The certificate and the accounts are there again afterwards.
#[test]
fn shutdown_is_orderly_and_everything_is_kept() {
    let mut server = Server::start(PROGRAM, "");
    server.add_user("juliet@localhost", "r0m30");
    let mut established = Client::online(&server, "juliet", "r0m30", "balcony");
    let (mut negotiating, _) = Client::secure(&server, Security::Direct);
    let mut silent = Client::connect(server.starttls());
    let certificate = server.certificate();

    // One thread waits for the end while the clients still listen.
    let (code, _) = std::thread::scope(|scope| {
        let end = scope.spawn(|| server.terminate());
        for client in [&mut established, &mut negotiating] {
            assert_eq!(*client.receive_stream_error().condition(), StreamCondition::SystemShutdown);
        }
        // RFC 6120 §4.9.1.2: even to who has said nothing yet, the stream header comes first.
        assert!(matches!(silent.event(), jabiru_xml::Event::StreamOpen(_)));
        assert_eq!(*silent.receive_stream_error().condition(), StreamCondition::SystemShutdown);
        drop(silent);
        end.join().unwrap()
    });
    assert_eq!(code, Some(0), "{}", server.log());

    server.restart();
    assert_eq!(server.certificate(), certificate);
    drop(Client::online(&server, "juliet", "r0m30", "balcony"));
}

/// Clients that say nothing, in clear or where TLS is due, can't hold up the end: their patience is
/// longer than the test's.
#[test]
fn silence_does_not_hold_up_the_end() {
    let mut server = Server::start(PROGRAM, "[shutdown]\ntimeout_seconds = 60\n");
    let _silent: Vec<Client> =
        [server.direct_tls(), server.starttls()].into_iter().cycle().take(6).map(Client::connect).collect();
    let (code, took) = server.terminate();
    assert_eq!(code, Some(0));
    assert!(took < jabiru_test_support::PATIENCE);
}

/// One sentence that says what to do, and a non-zero exit.
#[test]
fn what_prevents_the_start_is_said_in_one_sentence() {
    let server = Server::start(PROGRAM, "");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let other = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = other.path().join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let in_use = file("in_use.toml", &format!("data_directory = \"a\"\n[c2s]\nstarttls = [\"{address}\"]\n"));
    let same_data = file(
        "same_data.toml",
        &format!(
            "data_directory = {:?}\n[c2s]\nstarttls = [\"127.0.0.1:0\"]\ndirect_tls = []\n[s2s]\nenabled = false\n",
            server.folder().join("jabiru-data")
        ),
    );
    let bad_key = file(
        "bad_key.toml",
        "data_directory = \"b\"\n[[domain]]\nname = \"im.example\"\ncertificate = \"nowhere.crt\"\nkey = \"nowhere.key\"\n",
    );
    let unknown = file("unknown.toml", "data_directroy = \"c\"\n");
    for (config, expected) in [
        (in_use, "another program does already"),
        (same_data, "another server uses the data directory"),
        (bad_key, "nowhere.crt"),
        (
            unknown.clone(),
            "unknown.toml:1:1: unknown key \"data_directroy\"; the nearest known key is \"data_directory\"",
        ),
        ("no-such-file.toml".to_owned(), "no-such-file.toml"),
    ] {
        let run = server.run(&["--config", &config], "");
        assert!(!run.success, "{config}");
        let said = run.errors.lines().find(|line| line.starts_with("jabiru: ")).unwrap_or_default();
        assert!(said.contains(expected), "{config}: {}", run.errors);
    }
    let check = server.run(&["config", "check", &unknown], "");
    assert!(!check.success && check.errors.contains("data_directory"), "{check:?}");
    let check = server.run(&["config", "check"], "");
    assert!(check.success, "{check:?}");
}

/// A data directory that a later version wrote is left alone.
#[test]
fn newer_data_is_refused() {
    let mut server = Server::start(PROGRAM, "");
    server.add_user("juliet@localhost", "r0m30");
    assert_eq!(server.terminate().0, Some(0));
    let database = server.folder().join("jabiru-data/jabiru.sqlite");
    jabiru_test_support::pretend_newer_schema(&database);
    let run = server.run(&[], "");
    assert!(!run.success);
    assert!(run.errors.contains("newer version"), "{}", run.errors);
    let run = server.run(&["user", "list"], "");
    assert!(!run.success && run.errors.contains("newer version"), "{run:?}");
}

/// No password ever stands in the log, whatever the level and however the login went.
#[test]
fn passwords_are_not_logged() {
    let server = Server::start(PROGRAM, "[log]\nlevel = \"trace\"\nformat = \"json\"\n");
    server.add_user("juliet@localhost", "S3cr3t-of-Juliet");
    for (password, mechanism) in
        [("S3cr3t-of-Juliet", "PLAIN"), ("S3cr3t-of-Juliet", "SCRAM-SHA-1"), ("S3cr3t-of-Juliet-but-wrong", "PLAIN")]
    {
        let login = Login { user: "juliet", password, mechanism };
        let _ = Client::log_in(&server, Security::Direct, login, None);
    }
    let log = server.log();
    assert!(log.contains("authentication failed") && log.contains("\"level\":\"INFO\""), "{log}");
    assert!(!log.contains("S3cr3t") && !log.contains("UzNjcjN0"), "{log}");
}
