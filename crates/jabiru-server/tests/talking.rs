//! Messages, presence and requests between real streams (RFC 6120 §8 and §10, RFC 6121 §8).

use jabiru_stanza::{Condition, IqType, Stanza, StanzaError, StanzaKind, StreamCondition, ns};
use jabiru_test_support::{Client, Server};
use jabiru_xml::RawElement;

const PROGRAM: &str = env!("CARGO_BIN_EXE_jabiru");

fn server() -> Server {
    let server = Server::start(PROGRAM, "");
    server.add_user("romeo@localhost", "jul13t");
    server.add_user("juliet@localhost", "r0m30");
    server
}

fn body(message: &RawElement) -> String {
    message.child("body", ns::CLIENT).expect("a body").text().into_owned()
}

/// RFC 6120 §8.1.2.1 and §8.1.5: the sender is stamped whatever it claims, its language added.
#[test]
fn messages_arrive_as_sent_with_their_sender() {
    let server = server();
    let mut romeo = Client::online(&server, "romeo", "jul13t", "orchard");
    let mut balcony = Client::online(&server, "juliet", "r0m30", "balcony");
    let text = "a <b> & 'c' \"d\" ]]> \u{1F339}\u{10FFFD} \t two\nlines\r\n";
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\r', "&#13;");
    for to in ["juliet@localhost/balcony", "juliet@localhost", "JULIET@LOCALHOST"] {
        romeo.send(&format!(
            "<message from='juliet@localhost/fake' to='{to}' id='1' type='chat'><body>{escaped}</body>\
             <x xmlns='urn:x' y='&#10;&apos;'><![CDATA[<z/>]]></x></message>"
        ));
        let message = balcony.receive_message();
        assert_eq!(message.attribute("from").unwrap(), "romeo@localhost/orchard");
        assert_eq!(message.attribute("to").unwrap(), to.to_lowercase());
        assert_eq!(message.root().lang().as_deref(), Some("en"));
        assert_eq!(body(&message), text);
        let extension = message.child("x", "urn:x").unwrap();
        assert_eq!((extension.attribute("y").unwrap().as_ref(), extension.text().as_ref()), ("\n'", "<z/>"));
    }
    // RFC 6120 §8.1.5: a language that the sender states is left alone.
    romeo.send("<message to='juliet@localhost' xml:lang='it'><body>Giulietta</body></message>");
    assert_eq!(balcony.receive_message().root().lang().as_deref(), Some("it"));
}

/// RFC 6120 §10.1, with more in flight than any buffer holds.
#[test]
fn order_is_kept() {
    let server = server();
    let mut romeo = Client::online(&server, "romeo", "jul13t", "orchard");
    let mut juliet = Client::online(&server, "juliet", "r0m30", "balcony");
    let filler = "x".repeat(500);
    let reader = std::thread::spawn(move || {
        for number in 0..3_000 {
            assert_eq!(body(&juliet.receive_message()).split(' ').next().unwrap(), number.to_string());
        }
    });
    for number in 0..3_000 {
        let to = if number % 2 == 0 { "juliet@localhost" } else { "juliet@localhost/balcony" };
        romeo.send(&format!("<message to='{to}'><body>{number} {filler}</body></message>"));
    }
    reader.join().unwrap();
}

/// RFC 6120 §8.3 and §10.3 to §10.5: what can't be delivered or answered is returned with its id.
#[test]
fn what_cannot_be_delivered_is_returned() {
    let server = server();
    let mut romeo = Client::online(&server, "romeo", "jul13t", "orchard");
    let query = "<query xmlns='urn:example:unknown'/>";
    for (stanza, expected) in [
        ("<message id='a' to='nobody@localhost'><body>x</body></message>".to_owned(), Condition::ServiceUnavailable),
        ("<message id='a' to='juliet@localhost'><body>x</body></message>".to_owned(), Condition::ServiceUnavailable),
        ("<message id='a' to='juliet@elsewhere.example'/>".to_owned(), Condition::RemoteServerNotFound),
        (format!("<iq type='get' id='a'>{query}</iq>"), Condition::ServiceUnavailable),
        (format!("<iq type='get' id='a' to='localhost'>{query}</iq>"), Condition::ServiceUnavailable),
        (format!("<iq type='get' id='a' to='juliet@localhost'>{query}</iq>"), Condition::ServiceUnavailable),
        (format!("<iq type='get' id='a' to='juliet@localhost/none'>{query}</iq>"), Condition::ServiceUnavailable),
        (format!("<iq type='get' id='a' to='a@b@c'>{query}</iq>"), Condition::JidMalformed),
        ("<iq type='get' id='a'/>".to_owned(), Condition::BadRequest),
    ] {
        romeo.send(&stanza);
        let answer = romeo.receive();
        assert_eq!(answer.attribute("type").unwrap(), "error", "{stanza}");
        assert_eq!(answer.attribute("id").unwrap(), "a", "{stanza}");
        assert_eq!(*StanzaError::parse(&answer).unwrap().condition(), expected, "{stanza}");
    }
    // §8.3.1: an error is never answered; what is sent afterwards would come too late otherwise.
    romeo.send("<message type='error' id='b' to='nobody@localhost'/>");
    romeo.send(&format!(
        "<iq type='result' id='b' to='juliet@localhost/none'/><iq type='error' id='b' to='localhost'>{query}</iq>"
    ));
    romeo.ping();
}

#[test]
fn a_stanza_that_is_none_ends_the_stream() {
    let server = server();
    for (xml, expected) in [
        ("<note xmlns='jabber:client'/>", StreamCondition::UnsupportedStanzaType),
        ("<message><a></b></message>", StreamCondition::NotWellFormed),
        ("<message><!-- --></message>", StreamCondition::RestrictedXml),
        ("between", StreamCondition::BadFormat),
        ("<message xmlns='jabber:server'/>", StreamCondition::InvalidNamespace),
    ] {
        let mut romeo = Client::online(&server, "romeo", "jul13t", "orchard");
        romeo.send(xml);
        assert_eq!(*romeo.receive_stream_error().condition(), expected, "{xml}");
    }
    let mut romeo = Client::online(&server, "romeo", "jul13t", "orchard");
    romeo.send(&format!("<message><body>{}</body></message>", "x".repeat(300_000)));
    assert_eq!(*romeo.receive_stream_error().condition(), StreamCondition::PolicyViolation);
}

/// XEP-0030, XEP-0092, XEP-0199 and the legacy session request.
#[test]
fn the_server_answers_for_itself() {
    let server = server();
    let mut romeo = Client::online(&server, "romeo", "jul13t", "orchard");
    for (payload, to, expected) in [
        (format!("<query xmlns='{}'/>", ns::DISCO_INFO), "to='localhost'", Some("urn:xmpp:ping")),
        (format!("<query xmlns='{}'/>", ns::DISCO_ITEMS), "to='localhost'", None),
        (format!("<query xmlns='{}'/>", ns::VERSION), "to='localhost'", Some("Jabiru")),
        (format!("<ping xmlns='{}'/>", ns::PING), "to='localhost'", None),
        (format!("<ping xmlns='{}'/>", ns::PING), "", None),
    ] {
        romeo.send(&format!("<iq type='get' id='q' {to}>{payload}</iq>"));
        let answer = romeo.receive();
        let answered = Stanza::build(&answer.to_element()).unwrap();
        assert_eq!(answered.kind(), StanzaKind::Iq(IqType::Result), "{payload}: {answer:?}");
        let text = String::from_utf8_lossy(answer.as_bytes()).into_owned();
        assert!(expected.is_none_or(|expected| text.contains(expected)), "{text}");
    }
    romeo.send(&format!("<iq type='set' id='s' to='localhost'><session xmlns='{}'/></iq>", ns::SESSION));
    assert_eq!(romeo.receive().attribute("type").unwrap(), "result");
}

/// RFC 6120 §4.6: a silent client is asked; one that answers stays, one that does not is given up.
#[test]
fn silent_clients_are_asked_and_given_up() {
    let server = Server::start(PROGRAM, "[limits]\nidle_timeout_seconds = 1\nping_timeout_seconds = 1\n");
    server.add_user("romeo@localhost", "jul13t");
    let mut romeo = Client::online(&server, "romeo", "jul13t", "orchard");
    for answer in ["<iq type='result' id='still-there' to='localhost'/>", " "] {
        let ping = romeo.receive();
        assert!(ping.child("ping", ns::PING).is_some(), "{ping:?}");
        assert_eq!(ping.attribute("from").unwrap(), "localhost");
        assert_eq!(ping.attribute("to").unwrap(), "romeo@localhost/orchard");
        romeo.send(answer);
    }
    assert!(romeo.receive().child("ping", ns::PING).is_some(), "whatever is heard counts");
    assert_eq!(*romeo.receive_stream_error().condition(), StreamCondition::ConnectionTimeout);
}

/// RFC 6121 §8.5: priority decides who gets what is sent to the bare JID; a negative one gets nothing.
#[test]
fn priorities_decide() {
    let server = server();
    let mut romeo = Client::online(&server, "romeo", "jul13t", "orchard");
    let mut phone = Client::online(&server, "juliet", "r0m30", "phone");
    let mut balcony = Client::online(&server, "juliet", "r0m30", "balcony");
    balcony.send("<presence><priority>5</priority></presence>");
    balcony.ping();
    romeo.send("<message type='chat' to='juliet@localhost'><body>to the most available</body></message>");
    assert_eq!(body(&balcony.receive_message()), "to the most available");
    balcony.send("<presence><priority>-1</priority></presence>");
    balcony.ping();
    romeo.send("<message type='chat' to='juliet@localhost'><body>to who is left</body></message>");
    assert_eq!(body(&phone.receive_message()), "to who is left");
    romeo.send("<message type='chat' to='juliet@localhost/balcony'><body>by name</body></message>");
    assert_eq!(body(&balcony.receive_message()), "by name");
    phone.send("<presence type='unavailable'/>");
    phone.ping();
    romeo.send("<message type='chat' id='n' to='juliet@localhost'><body>to nobody</body></message>");
    let answer = romeo.receive();
    assert_eq!(*StanzaError::parse(&answer).unwrap().condition(), Condition::ServiceUnavailable);
}
