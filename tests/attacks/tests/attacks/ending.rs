//! What other servers were still saying when the server ended: it is answered, or was not acknowledged (RFC 6120 §4.4;
//! XEP-0198 §4).

use jabiru_attacks::Wire;
use jabiru_attacks::peer::{BIDI, SM, attribute, element};

use crate::federation::{EVIL, Federation};

const LATE: &str =
    "<message from='romeo@evil.example/orchard' to='juliet@localhost' type='chat' id='late'><body>hi</body></message>";

/// Clients who do not close their streams hold up what is tried here.
const SHORT: &str = "[shutdown]\ntimeout_seconds = 4\n";

/// Without acknowledgements its sender would never hear that a message came too late.
#[test]
fn what_comes_behind_the_end_is_answered() {
    let mut federation = Federation::new("", SHORT);
    federation.juliet_writes(EVIL, "first");
    let mut ours = federation.evil.accept_established(&[], &[]);
    ours.hear("</message>");
    let mut evil = federation.proven(EVIL);
    federation.arrives(&mut evil, EVIL);
    federation.scene.server.signal("TERM");
    evil.hear("<system-shutdown ");
    assert!(evil.send(LATE), "the connection is there");
    let answer = ours.hear("</message>");
    assert!(answer.contains("id='late'") && answer.contains("<service-unavailable "), "{answer}");
    evil.send("</stream:stream>");
    assert_eq!(ours.ended(), "system-shutdown");
}

/// With them it keeps what is not acknowledged for the server that comes next: accounts that are sent away by the end of a
/// server will be there again.
#[test]
fn what_comes_after_clients_have_gone_is_not_taken() {
    let mut federation = Federation::new("", SHORT);
    let mut evil = federation.proven(EVIL);
    evil.send("<enable xmlns='urn:xmpp:sm:3'/>");
    element(&mut evil, "enabled");
    federation.arrives(&mut evil, EVIL);
    let mut mallory = Wire::bound(&federation.scene.server, "mallory", "pencil-7", "cell");
    federation.scene.server.signal("TERM");
    // Her stream ends as late as it can, and those of servers after it.
    mallory.hear("<system-shutdown ");
    evil.send(LATE);
    evil.send("<r xmlns='urn:xmpp:sm:3'/>");
    let answer = element(&mut evil, "a ");
    assert_eq!(attribute(&answer, "h").as_deref(), Some("1"), "{answer}");
    drop(mallory);
    let end = evil.hear("<system-shutdown ");
    assert_eq!(end.matches("<a xmlns='urn:xmpp:sm:3' h='1'/>").count(), 2, "its last word, twice: {end}");
    assert!(!end.contains("late"), "nobody is told that it could not be delivered: {end}");
    assert_eq!(evil.ended(), "system-shutdown");
}

/// A stream that nobody needs is closed; what is counted and comes behind that was not acknowledged, so it is sent again,
/// and must not be taken twice. What is not counted can't be sent again, and is taken.
#[test]
fn what_comes_behind_the_close_of_a_stream_is_taken_once() {
    let mut federation = Federation::new("", "");
    for managed in [true, false] {
        let federation = &mut federation;
        std::thread::scope(|scope| {
            let server = &federation.scene.server;
            let test = scope.spawn(|| server.run(&["s2s", "test", EVIL], ""));
            let after: &[&str] = if managed { &[SM] } else { &[] };
            let mut ours = federation.evil.accept_established(&[BIDI], after);
            if managed {
                element(&mut ours, "enable");
                ours.send("<enabled xmlns='urn:xmpp:sm:3' id='1' resume='true'/>");
            }
            let ping = element(&mut ours, "iq");
            let id = attribute(&ping, "id").expect("an id");
            ours.send(format!("<iq type='result' id='{id}' from='evil.example' to='localhost'/>"));
            ours.hear("</stream:stream>");
            assert!(ours.send(LATE), "the connection is there");
            ours.send("</stream:stream>");
            ours.ended();
            let test = test.join().expect("it ends");
            assert!(test.success, "{test:?}");
        });
        if !managed {
            let message = federation.scene.juliet.receive_message();
            assert_eq!(message.attribute("id").as_deref(), Some("late"), "{message:?}");
        }
        federation.scene.nobody_noticed();
    }
    federation.scene.end();
}
