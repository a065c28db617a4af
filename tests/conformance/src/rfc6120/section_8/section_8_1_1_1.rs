//! RFC 6120 §8.1.1.1: `to` on client streams.

use super::UNKNOWN;
use crate::case;
use crate::case::Case;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, to_of_messages_is_not_modified, ["8.1.1.1", "8.1.1", "stanza-attribute-to"]),
    case!(Must, to_of_messages_to_the_own_account_is_not_modified, ["8.1.1.1", "8.1.1"]),
    case!(Must, to_of_a_message_that_another_resource_gets_is_not_modified, ["8.1.1.1", "8.1.1", "10.5.4"]),
    case!(Must, to_of_presence_is_not_modified, ["8.1.1.1", "8.1.1", "stanza-attribute-to"]),
    case!(Must, stanza_that_the_server_makes_is_for_the_full_jid, ["8.1.1.1", "stanza-attribute-to"]),
    case!(Must, another_resource_of_the_account_is_addressed_as_any_other, ["8.1.1.1"]),
];

/// RFC 6120 §8.1.1.1: what came from another client is delivered with the `to` that it was sent with: a bare JID
/// stays one.
fn to_of_messages_is_not_modified(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    for to in ["$juliet", "$juliet/balcony"] {
        for kind in ["chat", "headline"] {
            romeo.sends(format!("<message to='{to}' id='a' type='{kind}'><body>hi</body></message>"));
            juliet.receives(format!(
                "<message from='$romeo/orchard' to='{to}' id='a' type='{kind}'><body>hi</body></message>"
            ));
        }
    }
    juliet.hears_nothing_from(&mut romeo);
}

/// RFC 6120 §8.1.1.1: so it is with what comes from another client of the same account.
fn to_of_messages_to_the_own_account_is_not_modified(subject: &Subject) {
    let mut orchard = subject.bound("romeo/orchard");
    orchard.sends("<presence><priority>-1</priority></presence>");
    let [mut garden] = subject.login(["romeo/garden"]);
    orchard.collects();
    for to in ["$romeo", "$romeo/garden"] {
        orchard.sends(format!("<message to='{to}' id='a' type='chat'><body>note</body></message>"));
        garden.receives(format!(
            "<message from='$romeo/orchard' to='{to}' id='a' type='chat'><body>note</body></message>"
        ));
    }
}

/// RFC 6120 §8.1.1.1: so it is with what another resource than the addressed one gets (§10.5.4).
fn to_of_a_message_that_another_resource_gets_is_not_modified(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    romeo.sends("<message type='chat' id='a' to='$juliet/tomb'><body>hi</body></message>");
    juliet.receives("<message type='chat' id='a' from='$romeo/orchard' to='$juliet/tomb'><body>hi</body></message>");
}

/// RFC 6120 §8.1.1.1: directed presence, too, is delivered with the `to` that it was sent with.
fn to_of_presence_is_not_modified(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    for to in ["$juliet", "$juliet/balcony"] {
        romeo.sends(format!("<presence to='{to}' id='a'/>"));
        juliet.receives(format!("<presence from='$romeo/orchard' to='{to}' id='a'/>"));
    }
    juliet.hears_nothing_from(&mut romeo);
}

/// RFC 6120 §8.1.1.1: what the server itself has made, even the answer to an IQ without `to`, names the client's
/// full JID, if it names any.
fn stanza_that_the_server_makes_is_for_the_full_jid(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    for to in ["", "to='$romeo'", "to='$domain'", "to='$domain/anything'", "to='$nobody'"] {
        for payload in ["<ping xmlns='urn:xmpp:ping'/>".to_owned(), format!("<q xmlns='{UNKNOWN}'/>")] {
            romeo.sends(format!("<iq type='get' id='a' {to}>{payload}</iq>"));
            let answer = romeo.receives("<iq type='*' id='a' from='?' to='?'>...</iq>");
            if let Some(to) = answer.attribute("to") {
                assert_eq!(to, romeo.jid(), "{answer}");
            }
        }
    }
}

/// RFC 6120 §8.1.1.1: another resource of the same account is reached by its address, as anybody is.
fn another_resource_of_the_account_is_addressed_as_any_other(subject: &Subject) {
    let [mut orchard, mut garden] = subject.login(["romeo/orchard", "romeo/garden"]);
    orchard.sends("<message to='$romeo/garden' id='a' type='chat'><body>memo</body></message>");
    garden.receives("<message from='$romeo/orchard' to='$romeo/garden' id='a' type='chat'><body>memo</body></message>");
    orchard.settles();
}
