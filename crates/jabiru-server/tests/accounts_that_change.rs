//! Accounts whose credentials expire, that move, and whose streams the operator ends.

use jabiru_stanza::{Condition, SaslCondition, StanzaError, StreamCondition};
use jabiru_test_support::{Client, Login, Security, Server};

const PROGRAM: &str = env!("CARGO_BIN_EXE_jabiru");

fn server() -> Server {
    let server = Server::start(PROGRAM, "");
    server.add_user("juliet@localhost", "r0m30");
    server.add_user("romeo@localhost", "jul13t");
    server
}

fn command(server: &Server, arguments: &str) -> String {
    let run = server.run(&arguments.split(' ').collect::<Vec<_>>(), "");
    assert!(run.success, "{arguments}: {run:?}");
    run.output
}

fn refusal(server: &Server, password: &str, mechanism: &str) -> SaslCondition {
    let login = Login { user: "juliet", password, mechanism };
    Client::log_in(server, Security::Direct, login, None).expect_err("the login is refused").condition
}

/// RFC 6120 §6.5.4 for who knows the password, and nothing for who does not.
#[test]
fn expired_credentials() {
    let server = server();
    let mut juliet = Client::online(&server, "juliet", "r0m30", "balcony");
    let said = command(&server, "user expire juliet@localhost");
    assert!(said.contains("needs another password"), "{said}");
    assert_eq!(*juliet.receive_stream_error().condition(), StreamCondition::Reset);
    for mechanism in ["SCRAM-SHA-1", "SCRAM-SHA-256-PLUS", "PLAIN"] {
        assert_eq!(refusal(&server, "r0m30", mechanism), SaslCondition::CredentialsExpired, "{mechanism}");
        assert_eq!(refusal(&server, "wrong", mechanism), SaslCondition::NotAuthorized, "{mechanism}");
    }
    assert!(command(&server, "user list").contains("juliet@localhost                        expired"));
    assert!(server.run(&["user", "passwd", "juliet@localhost"], "n3w-r0m30\n").success);
    drop(Client::online(&server, "juliet", "n3w-r0m30", "balcony"));
}

/// RFC 6120 §8.3.3.5 and §8.3.3.14: who writes to the account learns where it is; its owner can't log in.
#[test]
fn moved_accounts() {
    let server = server();
    let mut romeo = Client::online(&server, "romeo", "jul13t", "orchard");
    let mut juliet = Client::online(&server, "juliet", "r0m30", "balcony");
    command(&server, "user move juliet@localhost Juliet@capulet.example");
    assert_eq!(*juliet.receive_stream_error().condition(), StreamCondition::UndefinedCondition);
    assert_eq!(refusal(&server, "r0m30", "SCRAM-SHA-256"), SaslCondition::AccountDisabled);

    let mut ask = |server: &Server, expected: Condition| {
        // The table of the moved is as old as the last look at the storage, a second at the most.
        for _ in 0..100 {
            romeo.send("<message to='juliet@localhost' id='m'><body>Art thou there?</body></message>");
            let error = StanzaError::parse(&romeo.receive_message()).expect("nobody takes it");
            if *error.condition() == expected {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("{expected:?} never came:\n{}", server.log());
    };
    let there = || Some("xmpp:juliet@capulet.example".to_owned());
    ask(&server, Condition::Gone(there()));
    command(&server, "user move --temporary juliet@localhost xmpp:juliet@capulet.example");
    ask(&server, Condition::Redirect(there()));
    let listed = command(&server, "user list");
    assert!(listed.contains("moved to xmpp:juliet@capulet.example for a time\n"), "{listed}");
    command(&server, "user move juliet@localhost --back");
    ask(&server, Condition::ServiceUnavailable);
    drop(Client::online(&server, "juliet", "r0m30", "balcony"));
}

/// A restarted server knows at once who has moved.
#[test]
fn moved_accounts_stay_moved() {
    let mut server = server();
    command(&server, "user move juliet@localhost xmpp:juliet@capulet.example");
    assert_eq!(server.terminate().0, Some(0));
    server.restart();
    let mut romeo = Client::online(&server, "romeo", "jul13t", "orchard");
    romeo.send("<message to='juliet@localhost' id='m'><body>Art thou there?</body></message>");
    let error = StanzaError::parse(&romeo.receive_message()).expect("nobody takes it");
    assert_eq!(*error.condition(), Condition::Gone(Some("xmpp:juliet@capulet.example".to_owned())));
}

/// RFC 6120 §4.9.3.16: the operator ends one stream, or all of an account; its owner may come back.
#[test]
fn kick() {
    let server = server();
    let mut romeo = Client::online(&server, "romeo", "jul13t", "orchard");
    let online = |resource| Client::online(&server, "juliet", "r0m30", resource);
    let (mut balcony, mut chamber, mut garden) = (online("balcony"), online("chamber"), online("garden"));
    let kick = |arguments: &[&str]| {
        let run = server.run(&[&["user", "kick"], arguments].concat(), "");
        assert!(run.success, "{arguments:?}: {run:?}");
        run.output
    };
    let said = kick(&["juliet@localhost/balcony", "--reason", "the nurse <calls> & waits"]);
    assert_eq!(said, "Ended 1 stream of juliet@localhost/balcony.\n");
    let error = balcony.receive_stream_error();
    assert_eq!(*error.condition(), StreamCondition::Reset);
    assert_eq!(error.text(), Some("the nurse <calls> & waits"));
    assert_eq!(kick(&["juliet@localhost/balcony"]), "juliet@localhost/balcony has no streams.\n");

    assert_eq!(kick(&["Juliet@localhost"]), "Ended 2 streams of Juliet@localhost.\n");
    for client in [&mut chamber, &mut garden] {
        assert_eq!(*client.receive_stream_error().condition(), StreamCondition::Reset);
    }
    assert_eq!(kick(&["juliet@elsewhere.example"]), "juliet@elsewhere.example has no streams.\n");
    drop(online("balcony"));
    romeo.ping();

    for (address, expected) in [("localhost", "is a domain, not an account"), ("a@b@c", "is no address")] {
        let run = server.run(&["user", "kick", address], "");
        assert!(!run.success && run.errors.contains(expected), "{address}: {run:?}");
    }
}
