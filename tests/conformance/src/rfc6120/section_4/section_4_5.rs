//! RFC 6120 §4.5: directionality.

use crate::case;
use crate::case::Case;
use crate::client::{Item, Next};
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, one_connection_carries_both_directions, ["4.5"]),
    case!(Should, direction_of_the_server_lasts_until_it_has_said_everything, ["4.5", "4.4"]),
];

/// RFC 6120 §4.5: a server allows a client to use one TCP connection for both streams, also when both directions are
/// busy at once.
fn one_connection_carries_both_directions(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    for id in 1..=20 {
        romeo.sends(format!("<message to='$juliet/balcony' id='r{id}' type='chat'><body>to her</body></message>"));
        juliet.sends(format!("<message to='$romeo/orchard' id='j{id}' type='chat'><body>to him</body></message>"));
    }
    for id in 1..=20 {
        juliet.receives(format!(
            "<message from='$romeo/orchard' to='$juliet/balcony' id='r{id}' type='chat'><body>to her</body></message>"
        ));
        romeo.receives(format!(
            "<message from='$juliet/balcony' to='$romeo/orchard' id='j{id}' type='chat'><body>to him</body></message>"
        ));
    }
}

/// RFC 6120 §4.5, §4.4: the two streams are closed one by one: after the client has closed its own, it still gets
/// what was on its way to it, and then the closing tag of the other.
fn direction_of_the_server_lasts_until_it_has_said_everything(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    for id in 1..=20 {
        juliet.sends(format!("<message to='$romeo/orchard' id='{id}' type='chat'><body>wait</body></message>"));
    }
    // Her stream is processed in order (§10.1): what she has sent before is on its way.
    juliet.settles();
    romeo.sends("</stream:stream>");
    for id in 1..=20 {
        romeo.receives(format!(
            "<message from='$juliet/balcony' to='$romeo/orchard' id='{id}' type='chat'><body>wait</body></message>"
        ));
    }
    match romeo.receives_next() {
        Next::Item(Item::Close) => {}
        other => panic!("the closing tag was due: {other:?}"),
    }
    romeo.receives_end();
}
