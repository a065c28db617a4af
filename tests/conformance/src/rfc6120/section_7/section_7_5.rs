//! RFC 6120 §7.5: generation of resource identifiers.

use crate::case;
use crate::case::Case;
use crate::client::{Item, Next};
use crate::subject::Subject;

use super::{Bound, bind};

pub(super) const CASES: &[Case] = &[
    case!(Must, resourceparts_of_an_account_are_unique, ["7.5", "7.7.2.2"]),
    case!(Must, two_spellings_are_one_resourcepart, ["7.5"]),
    case!(Must, same_resourcepart_serves_different_accounts, ["7.5"]),
];

/// RFC 6120 §7.5: among the connected resources of an account no resourcepart is there twice: after two streams have asked
/// for one, either the older has ended, or the addresses differ, or the newer was refused.
fn resourceparts_of_an_account_are_unique(subject: &Subject) {
    stays_unique(subject, "orchard", "orchard");
}

/// RFC 6120 §7.5, RFC 6122 §2.4, RFC 7622 §3.4: two ways to write the same characters, composed and decomposed, are one
/// resourcepart.
fn two_spellings_are_one_resourcepart(subject: &Subject) {
    stays_unique(subject, "caf\u{e9}", "cafe\u{301}");
}

fn stays_unique(subject: &Subject, one: &str, other: &str) {
    let (mut older, _) = subject.authenticated("romeo");
    let older_is = bind(&mut older, "older", Some(one));
    let (mut newer, _) = subject.authenticated("romeo");
    let newer_is = bind(&mut newer, "newer", Some(other));
    older.notes(&format!("{older_is:?}, then {newer_is:?}"));
    let (Bound::Jid(old), Bound::Jid(new)) = (&older_is, &newer_is) else {
        // Refused: §7.7.2.2 has the rules.
        return;
    };
    let same = old == new || composed(old) == composed(new);
    if same {
        let ended = match older.receives_next() {
            Next::Item(Item::Element(element)) => element.is("error", crate::ns::STREAM),
            Next::Item(Item::Close) | Next::End(_) => true,
            _ => false,
        };
        assert!(ended, "both streams have {new}");
    }
}

/// With the one character of these cases composed.
fn composed(text: &str) -> String {
    text.replace("e\u{301}", "\u{e9}")
}

/// RFC 6120 §7.5: unique for an account; others may have the same.
fn same_resourcepart_serves_different_accounts(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/home", "juliet/home"]);
    assert_ne!(romeo.jid(), juliet.jid());
    romeo.settles();
    juliet.settles();
}
