//! RFC 6120 §10.1: in-order processing between servers.

use super::message_from;
use crate::case;
use crate::case::{Case, Need};
use crate::subject::Subject;

/// How many stanzas.
const NUMBER: usize = 100;

pub(super) const CASES: &[Case] = &[
    case!(Must, stanzas_of_a_server_are_delivered_in_order, ["10.1"], needs[Need::Servers]),
    case!(Must, stanzas_to_a_server_are_sent_in_order, ["10.1", "10.4.2"], needs[Need::Servers]),
];

/// RFC 6120 §10.1: stanzas that come on one stream are processed in the order in which they came.
fn stanzas_of_a_server_are_delivered_in_order(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    let verona = subject.server("verona");
    let mut stream = verona.authenticated();
    for number in 0..NUMBER {
        stream.sends(message_from("$verona", &number.to_string()));
    }
    for number in 0..NUMBER {
        romeo.receives(message_from("$verona", &number.to_string()));
    }
}

/// RFC 6120 §10.1: stanzas to another server arrive in the order in which they were sent, those included that waited for
/// the stream to be negotiated.
fn stanzas_to_a_server_are_sent_in_order(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    let mut verona = subject.server("verona");
    let message = |from: &str, number: usize| {
        format!("<message {from}to='juliet@$verona' type='chat' id='{number}'><body>hi</body></message>")
    };
    for number in 0..NUMBER {
        romeo.sends(message("", number));
    }
    for number in 0..NUMBER {
        verona.receives(message("from='$romeo/orchard' ", number));
    }
}
