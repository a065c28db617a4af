//! What accounts do to themselves (XEP-0077): another password, and the end.

use jabiru_stanza::{SaslCondition, StanzaError, StreamCondition, ns};
use jabiru_test_support::{Client, Login, Security, Server};

const PROGRAM: &str = env!("CARGO_BIN_EXE_jabiru");

/// What comes for a request, presence before it passed over.
fn ask(client: &mut Client, query: &str) -> Option<StanzaError> {
    client.send(&format!("<iq type='set' id='ask'><query xmlns='jabber:iq:register'>{query}</query></iq>"));
    loop {
        let answer = client.receive();
        if answer.is("iq", ns::CLIENT) {
            assert_eq!(answer.attribute("id").as_deref(), Some("ask"), "{answer:?}");
            return StanzaError::parse(&answer);
        }
        assert!(answer.is("presence", ns::CLIENT), "{answer:?}");
    }
}

fn refused(server: &Server, password: &str) -> SaslCondition {
    let login = Login { user: "juliet", password, mechanism: "SCRAM-SHA-256" };
    Client::log_in(server, Security::Direct, login, None).expect_err("the login is refused").condition
}

/// XEP-0077 §3.3; RFC 6120 §4.9.3.16: every stream of the account was negotiated with what holds no more, and the one
/// that asked hears the answer first.
#[test]
fn another_password() {
    let server = Server::start(PROGRAM, "");
    server.add_user("juliet@localhost", "the old password");
    let [mut asks, mut other] =
        ["balcony", "phone"].map(|resource| Client::online(&server, "juliet", "the old password", resource));
    let weak = ask(&mut asks, "<username>juliet</username><password>weak</password>").unwrap();
    assert_eq!(weak.condition().name(), "not-acceptable");
    other.ping();
    assert_eq!(ask(&mut asks, "<username>juliet</username><password>the new password</password>"), None);
    for client in [&mut asks, &mut other] {
        assert_eq!(*client.receive_stream_error().condition(), StreamCondition::Reset);
    }
    assert_eq!(refused(&server, "the old password"), SaslCondition::NotAuthorized);
    for mechanism in ["SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "PLAIN"] {
        let login = Login { user: "juliet", password: "the new password", mechanism };
        Client::log_in(&server, Security::Direct, login, None).unwrap().close();
    }
    // Nowhere in the log.
    assert!(!server.log().contains("the new password") && server.log().contains("password changed by its owner"));
}

/// XEP-0077 §3.2: off unless the operator wants it; then the account's streams end with `not-authorized`, after the answer.
#[test]
fn the_end_of_an_account() {
    for (configuration, expected) in [("", Some("not-allowed")), ("[features]\naccount_cancellation = true\n", None)] {
        let server = Server::start(PROGRAM, configuration);
        server.add_user("juliet@localhost", "the old password");
        let [mut asks, mut other] =
            ["balcony", "phone"].map(|resource| Client::online(&server, "juliet", "the old password", resource));
        let error = ask(&mut asks, "<remove/>");
        assert_eq!(error.as_ref().map(|error| error.condition().name()), expected);
        if expected.is_some() {
            asks.ping();
            other.ping();
            continue;
        }
        for client in [&mut asks, &mut other] {
            assert_eq!(*client.receive_stream_error().condition(), StreamCondition::NotAuthorized);
        }
        assert_eq!(refused(&server, "the old password"), SaslCondition::NotAuthorized);
    }
}
