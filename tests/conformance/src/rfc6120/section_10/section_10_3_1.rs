//! RFC 6120 §10.3.1: messages without `to`.

use crate::case;
use crate::case::Case;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, message_without_to_is_for_the_own_account, ["10.3.1", "10.3", "8.2.1"]),
    case!(Must, headline_without_to_is_for_the_own_account, ["10.3.1"]),
    case!(Must, message_without_to_reaches_another_resource, ["10.3.1"]),
    case!(Must, message_without_to_is_not_for_a_negative_priority, ["10.3.1"]),
];

/// RFC 6120 §10.3.1: a message without `to` counts as one to the bare JID of its sender, whose only resource gets it.
fn message_without_to_is_for_the_own_account(subject: &Subject) {
    reaches_its_sender(subject, &["", "type='chat'", "type='normal'"]);
}

/// RFC 6120 §10.3.1: so does a headline, which is for every available resource (RFC 6121 §8.5.2.1.1).
fn headline_without_to_is_for_the_own_account(subject: &Subject) {
    reaches_its_sender(subject, &["type='headline'"]);
}

fn reaches_its_sender(subject: &Subject, types: &[&str]) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    for kind in types {
        romeo.sends(format!("<message id='a' {kind}><body>note to myself</body></message>"));
        let note = romeo.receives(format!(
            "<message from='$romeo/orchard' to='?' id='a' {kind}><body>note to myself</body></message>"
        ));
        assert!(note.attribute("to").is_none_or(|to| to == subject.account("romeo").jid), "{note}");
    }
}

/// RFC 6120 §10.3.1: with several resources one of them gets it at least (RFC 6121 §8.5.2.1.1).
fn message_without_to_reaches_another_resource(subject: &Subject) {
    let mut orchard = subject.bound("romeo/orchard");
    orchard.sends("<presence><priority>-1</priority></presence>");
    orchard.settles();
    let [mut garden] = subject.login(["romeo/garden"]);
    orchard.collects();
    orchard.sends("<message id='a' type='chat'><body>note to myself</body></message>");
    garden.receives("<message from='$romeo/orchard' to='?' id='a' type='chat'><body>note to myself</body></message>");
    orchard.settles();
}

/// RFC 6120 §10.3.1: as with the bare JID, no resource of negative priority gets it (RFC 6121 §8.5.2.1.1).
fn message_without_to_is_not_for_a_negative_priority(subject: &Subject) {
    let mut romeo = subject.bound("romeo/orchard");
    romeo.sends("<presence><priority>-1</priority></presence>");
    romeo.settles();
    // A headline is neither stored nor refused.
    romeo.sends("<message id='a' type='headline'><body>note to myself</body></message>");
    romeo.settles();
}
