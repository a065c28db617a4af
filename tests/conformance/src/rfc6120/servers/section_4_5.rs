//! RFC 6120 §4.5: directionality of streams between servers.

use super::message_from;
use crate::case;
use crate::case::{Case, Need};
use crate::client::{Item, Next};
use crate::ns;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, answers_to_a_server_come_on_a_stream_of_their_own, ["4.5", "10.4.2"], needs[Need::Servers]),
    case!(Must, messages_to_a_server_come_on_a_stream_of_their_own, ["4.5", "9.2.3"], needs[Need::Servers]),
];

/// RFC 6120 §4.5: the stream of an initiating server carries its stanzas alone; what answers them comes on another
/// connection, which the subject opens.
fn answers_to_a_server_come_on_a_stream_of_their_own(subject: &Subject) {
    let mut verona = subject.server("verona");
    let mut stream = verona.authenticated();
    stream.sends("<iq type='get' id='a' from='juliet@$verona/balcony' to='$domain'><ping xmlns='urn:xmpp:ping'/></iq>");
    let answer = verona.receives_any();
    assert_eq!(answer.attribute("id"), Some("a"), "{answer}");
    assert_eq!(answer.attribute("to"), Some(subject.expand("juliet@$verona/balcony").as_str()), "{answer}");
    carries_no_stanza(&mut stream);
}

/// RFC 6120 §4.5: so do messages from the subject's users.
fn messages_to_a_server_come_on_a_stream_of_their_own(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    let mut verona = subject.server("verona");
    let mut stream = verona.authenticated();
    stream.sends(message_from(verona.domain(), "a"));
    romeo.receives(message_from("$verona", "a"));
    romeo.sends("<message to='juliet@$verona/balcony' type='chat' id='b'><body>hi</body></message>");
    verona.receives(
        "<message from='$romeo/orchard' to='juliet@$verona/balcony' type='chat' id='b'><body>hi</body></message>",
    );
    carries_no_stanza(&mut stream);
}

/// Closes the stream; nothing but negotiation may have come on it until its end.
#[track_caller]
fn carries_no_stanza(stream: &mut crate::Client) {
    stream.sends("</stream:stream>");
    loop {
        match stream.receives_next() {
            Next::Item(Item::Element(element)) => {
                let is_stanza = ["message", "presence", "iq"].contains(&element.name.as_str());
                assert!(
                    !is_stanza || element.namespace != ns::SERVER,
                    "on the stream of the other direction: {element}"
                );
            }
            Next::Item(Item::Close) | Next::End(_) => return,
            Next::Item(_) => {}
            Next::Nothing => panic!("the closing tag was due"),
        }
    }
}
