//! RFC 6120 §10.2: general considerations.

use super::UNKNOWN;
use crate::case;
use crate::case::Case;
use crate::client::Client;
use crate::subject::Subject;
use crate::tree::Element;

pub(super) const CASES: &[Case] = &[
    case!(Should, requests_do_not_tell_which_accounts_exist, ["10.2", "13.11"]),
    case!(Should, messages_do_not_tell_which_accounts_exist, ["10.2", "13.11"]),
    case!(Should, requests_do_not_tell_which_resources_are_connected, ["10.2", "13.10.2"]),
];

/// Everything that comes in answer, without the address that was asked.
#[track_caller]
fn answers(romeo: &mut Client, stanza: &str, to: &str) -> Vec<Element> {
    romeo.sends(stanza);
    let mut answers = romeo.collects();
    for answer in &mut answers {
        let from = answer.attributes.remove("from");
        assert_eq!(from.as_deref(), Some(to), "{answer}");
    }
    answers
}

/// RFC 6120 §10.2: the answer to a request to a bare JID is the same whether there is such an account or not.
fn requests_do_not_tell_which_accounts_exist(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    let addresses = [subject.account("juliet").jid, subject.expand("$nobody")];
    for kind in ["get", "set"] {
        let [exists, does_not] = addresses.clone().map(|to| {
            answers(&mut romeo, &format!("<iq type='{kind}' id='a' to='{to}'><q xmlns='{UNKNOWN}'/></iq>"), &to)
        });
        assert_eq!(exists, does_not);
    }
}

/// RFC 6120 §10.2: what is done with a message to an account without resources (delivered later, refused or ignored)
/// looks to its sender as if there were no such account.
fn messages_do_not_tell_which_accounts_exist(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    let addresses = [subject.account("juliet").jid, subject.expand("$nobody")];
    let seen = ["chat", "normal"].map(|kind| {
        addresses.clone().map(|to| {
            answers(&mut romeo, &format!("<message type='{kind}' id='a' to='{to}'><body>hi</body></message>"), &to)
        })
    });
    // What was stored is taken, so that it does not come to the next who uses this account.
    let mut juliet = subject.bound("juliet/balcony");
    juliet.sends("<presence/>");
    juliet.collects();
    for [exists, does_not] in seen {
        assert_eq!(exists, does_not);
    }
}

/// RFC 6120 §10.2: a request of a stranger to a full JID is answered in the same way whether that resource is there or
/// not.
fn requests_do_not_tell_which_resources_are_connected(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    let bare = subject.account("juliet").jid;
    for kind in ["get", "set"] {
        let [there, not_there] = ["balcony", "tomb"].map(|resource| {
            let to = format!("{bare}/{resource}");
            answers(&mut romeo, &format!("<iq type='{kind}' id='a' to='{to}'><q xmlns='{UNKNOWN}'/></iq>"), &to)
        });
        assert_eq!(there, not_there);
    }
    juliet.hears_nothing_from(&mut romeo);
}
