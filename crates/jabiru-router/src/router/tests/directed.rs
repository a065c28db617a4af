//! Directed presence: whom a resource has shown itself to (RFC 6121 §4.6).

use super::*;
use crate::MAX_DIRECTED_PRESENCE;

const ASKS: &str = "<iq type='get' id='1' to='juliet@im.example/balcony'><q xmlns='urn:q'/></iq>";

/// RFC 6121 §8.5.3.1: requests reach a resource from those to whom it has shown itself, by the full or the bare JID, and
/// from nobody else, until it is gone for them.
#[test]
fn requests_reach_who_has_shown_itself() {
    let asked = "<iq type='get' id='1' to='juliet@im.example/balcony' from='romeo@im.example/orchard'><q \
                 xmlns='urn:q'/></iq>";
    let refused = format!(
        "<iq type='error' id='1' from='juliet@im.example/balcony' to='romeo@im.example/orchard'>{UNAVAILABLE}</iq>"
    );
    for server in Server::each() {
        let [romeo, nurse, juliet] = ["romeo@im.example/orchard", "nurse@im.example/ward", "juliet@im.example/balcony"]
            .map(|jid| server.login(jid));
        for (presence, passes) in [
            ("", false),
            ("<presence to='romeo@im.example/orchard'/>", true),
            ("<presence to='romeo@im.example/orchard'/>", true),
            ("<presence to='nurse@im.example' type='unavailable'/>", true),
            ("<presence to='romeo@im.example/orchard' type='unavailable'/>", false),
            ("<presence to='romeo@im.example/street'/>", false),
            ("<presence to='romeo@im.example' type='subscribe'/>", false),
            ("<presence to='romeo@im.example'/>", true),
            ("<presence/>", true),
            ("<presence type='unavailable'/>", false),
        ] {
            if !presence.is_empty() {
                juliet.sends(presence);
            }
            for client in [&romeo, &nurse, &juliet] {
                client.stream.take_written();
            }
            romeo.sends(ASKS);
            let (there, back) = ([asked], [refused.as_str()]);
            juliet.receives(if passes { &there } else { &[] });
            romeo.receives(if passes { &[] } else { &back });
            nurse.sends(ASKS);
            juliet.receives(&[]);
        }
    }
}

/// RFC 6121 §4.6.3: who was told that a resource is there is told once that it is gone, in whatever way it goes.
#[test]
fn who_was_told_is_told_of_the_end() {
    let gone = "<presence type='unavailable' from='juliet@im.example/balcony' to='romeo@im.example/orchard'/>";
    for server in Server::each() {
        for ends in [
            (|juliet: &Client<'_>| juliet.sends("<presence type='unavailable'/>")) as fn(&Client<'_>),
            |juliet| juliet.leaves(),
            |juliet| {
                let _successor = juliet.server.login("juliet@im.example/balcony");
                juliet.leaves();
            },
        ] {
            let [romeo, nurse, juliet] =
                ["romeo@im.example/orchard", "nurse@im.example/ward", "juliet@im.example/balcony"]
                    .map(|jid| server.login(jid));
            // Available to all, or only to these: it is the same (case 3).
            juliet.sends("<presence to='romeo@im.example/orchard'/>");
            juliet.sends("<presence to='nurse@im.example/ward'/>");
            juliet.sends("<presence to='juliet@im.example/balcony'/>");
            juliet.sends("<presence type='unavailable' to='nurse@im.example/ward'/>");
            for client in [&romeo, &nurse, &juliet] {
                client.stream.take_written();
            }
            ends(&juliet);
            let came = romeo.stream.take_written();
            assert_eq!(came.len(), 1, "{came:?}");
            let raw = |xml: &str| RawElement::parse(xml, ns::CLIENT).unwrap();
            for name in ["type", "from", "to"] {
                assert_eq!(raw(&came[0]).attribute(name), raw(gone).attribute(name), "{came:?}");
            }
            nurse.receives(&[]);
            // Nothing is left to be told of.
            juliet.leaves();
            romeo.receives(&[]);
        }
    }
}

/// What is remembered of one resource is bounded, and at the bound presence is not sent.
#[test]
fn as_many_as_may_be() {
    for server in Server::each() {
        let [romeo, juliet] = ["romeo@im.example/orchard", "juliet@im.example/balcony"].map(|jid| server.login(jid));
        for number in 0..MAX_DIRECTED_PRESENCE {
            juliet.sends(&format!("<presence to='a{number}@im.example'/>"));
        }
        juliet.receives(&[]);
        juliet.sends("<presence id='1' to='romeo@im.example/orchard'/>");
        romeo.receives(&[]);
        juliet.receives(&[&format!(
            "<presence type='error' id='1' from='romeo@im.example/orchard' to='juliet@im.example/balcony'>{CONSTRAINT}\
             </presence>"
        )]);
        juliet.sends("<presence to='a7@im.example' type='unavailable'/>");
        juliet.sends("<presence id='2' to='romeo@im.example/orchard'/>");
        romeo.receives(&["<presence id='2' to='romeo@im.example/orchard' from='juliet@im.example/balcony'/>"]);
    }
}
