//! Logging in: mechanisms, failures, resources, and accounts that change meanwhile.

use jabiru_stanza::{SaslCondition, StreamCondition, ns};
use jabiru_test_support::{Client, Login, Security, Server};

const PROGRAM: &str = env!("CARGO_BIN_EXE_jabiru");

fn server() -> Server {
    let server = Server::start(PROGRAM, "");
    server.add_user("juliet@localhost", "r0m30");
    server
}

#[test]
fn every_mechanism_over_both_kinds_of_tls() {
    let server = server();
    for security in [Security::StartTls, Security::Direct] {
        for mechanism in ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"] {
            let login = Login { user: "juliet", password: "r0m30", mechanism };
            let client = Client::log_in(&server, security, login, None)
                .unwrap_or_else(|failure| panic!("{mechanism} {security:?}: {failure:?}"));
            let (account, resource) = client.jid.split_once('/').unwrap();
            assert_eq!(account, "juliet@localhost");
            assert!(resource.len() >= 16, "a resource that nobody guesses (RFC 6120 §7.5): {resource}");
            client.close();
        }
    }
}

/// RFC 6120 §6.5: a wrong password and an unknown account can't be told apart; a disabled account
/// is named only to who knows its password.
#[test]
fn refused_logins() {
    let server = server();
    server.add_user("mercutio@localhost", "qu33n-mab");
    assert!(server.run(&["user", "disable", "mercutio@localhost"], "").success);
    for (user, password, expected) in [
        ("juliet", "wrong", SaslCondition::NotAuthorized),
        ("nobody", "r0m30", SaslCondition::NotAuthorized),
        ("mercutio", "qu33n-mab", SaslCondition::AccountDisabled),
        ("mercutio", "wrong", SaslCondition::NotAuthorized),
    ] {
        for mechanism in ["SCRAM-SHA-1", "SCRAM-SHA-256-PLUS", "PLAIN"] {
            let login = Login { user, password, mechanism };
            let failure = Client::log_in(&server, Security::Direct, login, None).unwrap_err();
            assert_eq!(failure.condition, expected, "{user} {mechanism}");
        }
    }
    assert!(server.run(&["user", "enable", "mercutio@localhost"], "").success);
    drop(Client::online(&server, "mercutio", "qu33n-mab", "street"));
}

/// RFC 6120 §6.4.5: a client may try again on the same stream, but not for ever.
#[test]
fn guessing_ends_the_stream() {
    let server = server();
    let (mut client, _) = Client::secure(&server, Security::Direct);
    let wrong = Login { user: "juliet", password: "wrong", mechanism: "SCRAM-SHA-1" };
    for _ in 0..5 {
        client.authenticate(wrong).unwrap_err();
    }
    assert_eq!(*client.receive_stream_error().condition(), StreamCondition::PolicyViolation);
}

/// RFC 6120 §7.7.2.2: by default the older stream makes room, and messages reach the newer one.
#[test]
fn a_resource_is_taken_over() {
    let server = server();
    let mut older = Client::online(&server, "juliet", "r0m30", "balcony");
    let mut newer = Client::online(&server, "juliet", "r0m30", "balcony");
    assert_eq!(*older.receive_stream_error().condition(), StreamCondition::Conflict);
    newer.send("<message to='juliet@localhost/balcony'><body>to myself</body></message>");
    assert_eq!(newer.receive_message().child("body", ns::CLIENT).unwrap().text(), "to myself");
}

#[test]
fn other_policies_for_a_resource_in_use() {
    let server = Server::start(PROGRAM, "[c2s]\nresource_conflict = \"assign\"\n");
    server.add_user("juliet@localhost", "r0m30");
    let mut older = Client::online(&server, "juliet", "r0m30", "balcony");
    let newer = Client::online(&server, "juliet", "r0m30", "balcony");
    assert_ne!(newer.jid, older.jid);
    older.ping();
}

/// Live streams of an account that is disabled, removed or given another password end at once,
/// although another process did it; those of others go on.
#[test]
fn live_streams_of_changed_accounts_end() {
    let server = server();
    server.add_user("nurse@localhost", "4ng3l1c4");
    let mut nurse = Client::online(&server, "nurse", "4ng3l1c4", "house");
    for (arguments, input, expected) in [
        (&["user", "passwd", "--allow-weak", "juliet@localhost"][..], "n3w\n", StreamCondition::Reset),
        (&["user", "disable", "juliet@localhost"], "", StreamCondition::NotAuthorized),
        (&["user", "remove", "--yes", "juliet@localhost"], "", StreamCondition::NotAuthorized),
    ] {
        let password = if input.is_empty() { "n3w" } else { "r0m30" };
        let mut client = Client::online(&server, "juliet", password, "balcony");
        let run = server.run(arguments, input);
        assert!(run.success, "{run:?}");
        assert_eq!(*client.receive_stream_error().condition(), expected, "{arguments:?}");
        if arguments.contains(&"disable") {
            assert!(server.run(&["user", "enable", "juliet@localhost"], "").success);
        }
    }
    let login = Login { user: "juliet", password: "n3w", mechanism: "SCRAM-SHA-1" };
    let failure = Client::log_in(&server, Security::Direct, login, None).unwrap_err();
    assert_eq!(failure.condition, SaslCondition::NotAuthorized);
    nurse.ping();
}

/// RFC 6120 §4.9.1.1: who is told of a stream error closes the stream, and has no error of its own to tell.
#[test]
fn a_client_may_end_its_stream_with_an_error() {
    let server = server();
    let mut client = Client::online(&server, "juliet", "r0m30", "balcony");
    client.send("<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>");
    let answer = client.event();
    assert!(matches!(answer, jabiru_xml::Event::StreamClose), "{answer:?}");
    assert!(client.is_at_end());
}

/// RFC 6120 §5.4.3.3: what was sent in clear behind `<starttls/>` never becomes part of the
/// protected stream.
#[test]
fn plaintext_behind_starttls_is_thrown_away() {
    let server = server();
    let mut client = Client::connect(server.starttls());
    let _features = client.open();
    client.send(
        "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><stream:stream to='localhost' version='1.0' \
         xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'><auth \
         xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGp1bGlldAByMG0zMA==</auth>",
    );
    let proceed = client.receive();
    assert!(proceed.is("proceed", ns::TLS));
    client.start_tls(&server.certificate());
    let features = client.open();
    assert!(!features.mechanisms().is_empty(), "the stream begins anew, unauthenticated");
}
