//! RFC 6120 §8.3.3.7: `item-not-found`.

use super::UNKNOWN;
use crate::case;
use crate::case::Case;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(May, node_that_does_not_exist_is_item_not_found, ["8.3.3.7"]),
    case!(Must, item_not_found_does_not_tell_who_is_there, ["8.3.3.7", "8.3.3.13", "8.3.3.19"]),
];

/// RFC 6120 §8.3.3.7: an item that is asked for and does not exist gets `item-not-found`, such as a node of service
/// discovery (XEP-0030 §7).
fn node_that_does_not_exist_is_item_not_found(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    romeo.sends(
        "<iq id='a' to='$domain' type='get'>\
         <query xmlns='http://jabber.org/protocol/disco#info' node='urn:example:no-such-node'/></iq>",
    );
    romeo.receives_stanza_error("a", "cancel", "item-not-found");
}

/// RFC 6120 §8.3.3.7, §8.3.3.13 (security warnings): where `item-not-found` or `recipient-unavailable` would tell a
/// stranger that a resource is not there, the error is `service-unavailable`.
fn item_not_found_does_not_tell_who_is_there(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    for to in ["$juliet/tomb", "$nurse", "$nurse/kitchen", "$nobody", "$nobody/nowhere"] {
        romeo.sends(format!("<iq type='get' id='a' to='{to}'><q xmlns='{UNKNOWN}'/></iq>"));
        romeo.sends(format!("<message type='groupchat' id='a' to='{to}'><body>hi</body></message>"));
        romeo.sends(format!("<presence id='a' to='{to}'/>"));
        for answer in romeo.collects() {
            for condition in ["item-not-found", "recipient-unavailable"] {
                let told = answer.elements().any(|child| child.child(condition, crate::ns::STANZA_ERRORS).is_some());
                assert!(!told, "{answer}");
            }
        }
    }
    juliet.hears_nothing_from(&mut romeo);
}
