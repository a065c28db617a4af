//! The history of changes.

use super::accounts::{address, create, credentials};
use super::{HistoryRule, Rule};
use crate::{AccountChange, AccountStatus, Accounts, ChangeKind, ChangePosition, Changes, MAX_PAGE, Moved, block_on};

pub(super) const RULES: &[Rule] = &[
    ("each change is told once, in order", told_once_in_order),
    ("what changed nothing is not told", nothing_changed),
    ("a position from another history leads to a resync", position_of_another_history),
    ("changes come in bounded pages", changes_are_paged),
];

/// Rules with the history they need.
pub(super) const HISTORY_RULES: &[HistoryRule] = &[
    ("who is within the history gets every change", 3, within_history),
    ("who fell behind the history is told so", 3, behind_history),
    ("a history of one change works", 1, history_of_one),
];

fn latest(accounts: &dyn Accounts) -> ChangePosition {
    block_on(accounts.latest_change()).expect("the position is told")
}

fn since(accounts: &dyn Accounts, position: ChangePosition) -> Changes {
    block_on(accounts.changes_since(position)).expect("changes are told")
}

fn none(position: ChangePosition) -> Changes {
    Changes::Since { changes: Vec::new(), position }
}

fn told_once_in_order(accounts: &dyn Accounts) {
    let start = latest(accounts);
    assert_eq!(since(accounts, start), none(start));
    let juliet = create(accounts, "juliet@im.example", 1);
    let romeo = create(accounts, "romeo@im.example", 1);
    let middle = latest(accounts);
    block_on(accounts.replace_credentials(&juliet, credentials(2))).expect("it is replaced");
    block_on(accounts.set_status(&romeo, AccountStatus::Disabled)).expect("it is disabled");
    block_on(accounts.set_status(&romeo, AccountStatus::Active)).expect("it is enabled");
    block_on(accounts.set_status(&romeo, AccountStatus::CredentialsExpired)).expect("it expires");
    block_on(accounts.replace_credentials(&romeo, credentials(3))).expect("it is replaced");
    for moved in [Some(here(true)), Some(here(false)), None] {
        block_on(accounts.set_moved(&romeo, moved)).expect("it is noted");
    }
    block_on(accounts.remove(&juliet)).expect("it is removed");
    let position = latest(accounts);
    assert!(start < middle && middle < position);

    let changes: Vec<_> = [
        (&juliet, ChangeKind::Created),
        (&romeo, ChangeKind::Created),
        (&juliet, ChangeKind::Credentials),
        (&romeo, ChangeKind::Disabled),
        (&romeo, ChangeKind::Enabled),
        (&romeo, ChangeKind::Expired),
        (&romeo, ChangeKind::Credentials),
        (&romeo, ChangeKind::Moved),
        (&romeo, ChangeKind::Moved),
        (&romeo, ChangeKind::MovedBack),
        (&juliet, ChangeKind::Removed),
    ]
    .map(|(address, kind)| AccountChange::new(address.clone(), kind))
    .into();
    let rest = changes[2..].to_vec();
    assert_eq!(since(accounts, middle), Changes::Since { changes: rest, position });
    assert_eq!(since(accounts, start), Changes::Since { changes, position });
    assert_eq!(since(accounts, position), none(position));
}

fn here(permanent: bool) -> Moved {
    Moved { uri: "xmpp:here@example.net".to_owned(), permanent }
}

fn nothing_changed(accounts: &dyn Accounts) {
    let juliet = create(accounts, "juliet@im.example", 1);
    let romeo = create(accounts, "romeo@im.example", 1);
    block_on(accounts.set_moved(&romeo, Some(here(true)))).expect("it is noted");
    let nobody = address("nobody@im.example");
    let position = latest(accounts);
    block_on(accounts.set_status(&juliet, AccountStatus::Active)).expect("it was active before");
    block_on(accounts.set_moved(&juliet, None)).expect("it was here before");
    block_on(accounts.set_moved(&romeo, Some(here(true)))).expect("it was there before");
    for (what, refused) in [
        ("create", block_on(accounts.create(&juliet, credentials(2)))),
        ("replace_credentials", block_on(accounts.replace_credentials(&nobody, credentials(2)))),
        ("set_status", block_on(accounts.set_status(&nobody, AccountStatus::Disabled))),
        ("set_moved", block_on(accounts.set_moved(&nobody, Some(here(true))))),
        (
            "set_moved to nowhere",
            block_on(accounts.set_moved(&romeo, Some(Moved { uri: String::new(), ..here(true) }))),
        ),
        ("remove", block_on(accounts.remove(&nobody))),
    ] {
        assert!(refused.is_err(), "{what}");
    }
    assert_eq!(since(accounts, position), none(position));
}

fn position_of_another_history(accounts: &dyn Accounts) {
    create(accounts, "juliet@im.example", 1);
    let position = latest(accounts);
    for number in [position.number() + 1, position.number() + 1_000_000, u64::MAX] {
        let changes = since(accounts, ChangePosition::new(number));
        assert_eq!(changes, Changes::Resync { position }, "{number}");
    }
}

fn changes_are_paged(accounts: &dyn Accounts) {
    let juliet = create(accounts, "juliet@im.example", 1);
    let mut position = latest(accounts);
    let answers: Vec<_> = (0..MAX_PAGE + 10).map(|_| accounts.replace_credentials(&juliet, credentials(2))).collect();
    for answer in answers {
        block_on(answer).expect("credentials are replaced");
    }
    let mut pages = Vec::new();
    loop {
        match since(accounts, position) {
            Changes::Since { changes, .. } if changes.is_empty() => break,
            Changes::Since { changes, position: next } => {
                pages.push(changes.len());
                position = next;
            }
            Changes::Resync { .. } => panic!("nothing was forgotten"),
        }
    }
    assert_eq!(pages, [MAX_PAGE, 10]);
    assert_eq!(position, latest(accounts));
}

fn within_history(accounts: &dyn Accounts) {
    let start = latest(accounts);
    let names = ["a@im.example", "b@im.example", "c@im.example"];
    let changes: Vec<_> =
        names.iter().map(|name| AccountChange::new(create(accounts, name, 1), ChangeKind::Created)).collect();
    let position = latest(accounts);
    assert_eq!(since(accounts, start), Changes::Since { changes, position });
}

fn behind_history(accounts: &dyn Accounts) {
    let start = latest(accounts);
    let juliet = create(accounts, "juliet@im.example", 1);
    let after_one = latest(accounts);
    for seed in 0..3 {
        block_on(accounts.replace_credentials(&juliet, credentials(seed))).expect("it is replaced");
    }
    let position = latest(accounts);
    assert_eq!(since(accounts, start), Changes::Resync { position });
    let change = AccountChange::new(juliet, ChangeKind::Credentials);
    let changes = vec![change; 3];
    assert_eq!(since(accounts, after_one), Changes::Since { changes, position });
    assert_eq!(since(accounts, position), none(position), "after the resync it goes on");
}

fn history_of_one(accounts: &dyn Accounts) {
    let start = latest(accounts);
    create(accounts, "a@im.example", 1);
    let middle = latest(accounts);
    let b = create(accounts, "b@im.example", 1);
    let position = latest(accounts);
    assert_eq!(since(accounts, start), Changes::Resync { position });
    let changes = vec![AccountChange::new(b, ChangeKind::Created)];
    assert_eq!(since(accounts, middle), Changes::Since { changes, position });
}
