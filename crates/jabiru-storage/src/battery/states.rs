//! The states of an account: active, disabled, expired, moved.

use jid::BareJid;

use super::Rule;
use super::accounts::{address, create, credentials};
use crate::{AccountStatus, Accounts, MAX_PAGE, Moved, ScramHash, StorageError, block_on};

pub(super) const RULES: &[Rule] = &[
    ("an account is in the state it was put into", states),
    ("another password makes an expired account active, and no other", password_ends_expiry),
    ("an account that has moved shows so, and is back in the state it had", moved_and_back),
    ("only a target that fits is moved to", targets),
    ("the accounts that have moved are listed, sorted and paged", moved_are_listed),
    ("a removed account has not moved", removed_has_not_moved),
];

fn status(accounts: &dyn Accounts, address: &BareJid) -> AccountStatus {
    let found = block_on(accounts.look_up(address, ScramHash::Sha1)).expect("a look-up succeeds");
    let status = found.expect("the account is there").status;
    let listed = block_on(accounts.list(None, None, MAX_PAGE)).expect("a list succeeds");
    let entry = listed.iter().find(|account| account.address == *address).expect("the account is listed");
    assert_eq!(entry.status, status, "look-up and list agree");
    status
}

fn put(accounts: &dyn Accounts, address: &BareJid, status: AccountStatus) {
    block_on(accounts.set_status(address, status)).expect("the status is set");
}

fn set_moved(accounts: &dyn Accounts, address: &BareJid, moved: Option<&Moved>) {
    block_on(accounts.set_moved(address, moved.cloned())).expect("it is noted");
}

fn moved(accounts: &dyn Accounts) -> Vec<(BareJid, Moved)> {
    block_on(accounts.moved(None, MAX_PAGE)).expect("a list succeeds")
}

fn target(uri: &str, permanent: bool) -> Moved {
    Moved { uri: uri.to_owned(), permanent }
}

fn states(accounts: &dyn Accounts) {
    use AccountStatus as S;
    let juliet = create(accounts, "juliet@im.example", 1);
    let romeo = create(accounts, "romeo@im.example", 1);
    for next in [S::CredentialsExpired, S::Disabled, S::Active, S::Disabled, S::CredentialsExpired, S::Active] {
        put(accounts, &juliet, next);
        assert_eq!(status(accounts, &juliet), next);
        assert_eq!(status(accounts, &romeo), S::Active, "another account is left alone");
    }
    let error = block_on(accounts.set_status(&juliet, S::Moved)).expect_err("where to?");
    assert!(matches!(error, StorageError::InvalidTarget { .. }), "{error:?}");
    assert_eq!(status(accounts, &juliet), S::Active);
}

fn password_ends_expiry(accounts: &dyn Accounts) {
    use AccountStatus as S;
    let juliet = create(accounts, "juliet@im.example", 1);
    for (before, after) in [(S::CredentialsExpired, S::Active), (S::Disabled, S::Disabled), (S::Active, S::Active)] {
        put(accounts, &juliet, before);
        block_on(accounts.replace_credentials(&juliet, credentials(2))).expect("credentials are replaced");
        assert_eq!(status(accounts, &juliet), after, "{before:?}");
    }
    put(accounts, &juliet, S::CredentialsExpired);
    set_moved(accounts, &juliet, Some(&target("xmpp:juliet@example.net", true)));
    block_on(accounts.replace_credentials(&juliet, credentials(3))).expect("credentials are replaced");
    assert_eq!(status(accounts, &juliet), S::Moved);
    set_moved(accounts, &juliet, None);
    assert_eq!(status(accounts, &juliet), S::Active);
}

fn moved_and_back(accounts: &dyn Accounts) {
    use AccountStatus as S;
    let juliet = create(accounts, "juliet@im.example", 1);
    create(accounts, "romeo@im.example", 1);
    let (first, second) = (target("xmpp:juliet@example.net", true), target("https://example.net/?a=<b>&é", false));
    for here in [S::Active, S::Disabled, S::CredentialsExpired] {
        put(accounts, &juliet, here);
        for there in [&first, &second, &second] {
            set_moved(accounts, &juliet, Some(there));
            assert_eq!(status(accounts, &juliet), S::Moved, "{here:?}");
            assert_eq!(moved(accounts), [(juliet.clone(), there.clone())]);
        }
        set_moved(accounts, &juliet, None);
        assert_eq!(status(accounts, &juliet), here);
        assert_eq!(moved(accounts), []);
    }
    // What is changed meanwhile counts once it is back.
    set_moved(accounts, &juliet, Some(&first));
    put(accounts, &juliet, S::Disabled);
    assert_eq!(status(accounts, &juliet), S::Moved);
    set_moved(accounts, &juliet, None);
    assert_eq!(status(accounts, &juliet), S::Disabled);
}

fn targets(accounts: &dyn Accounts) {
    let juliet = create(accounts, "juliet@im.example", 1);
    let longest = "x".repeat(Moved::MAX_URI_LENGTH);
    for (uri, fits) in [("", false), ("x", true), (&longest, true), (&format!("{longest}x"), false)] {
        let result = block_on(accounts.set_moved(&juliet, Some(target(uri, true))));
        match result {
            Ok(()) => assert!(fits, "{} bytes", uri.len()),
            Err(StorageError::InvalidTarget { address }) => assert!(!fits && address == juliet, "{} bytes", uri.len()),
            Err(other) => panic!("{} bytes: {other:?}", uri.len()),
        }
    }
    assert_eq!(moved(accounts), [(juliet, target(&longest, true))], "what was refused changed nothing");
}

fn moved_are_listed(accounts: &dyn Accounts) {
    let sorted = ["b@a.example", "a-b@im.example", "a1@im.example", "éa@im.example", "a@im.example.net"];
    for index in [3, 0, 4, 1, 2] {
        let account = create(accounts, sorted[index], 1);
        set_moved(accounts, &account, Some(&target(&format!("xmpp:{index}@example.net"), index % 2 == 0)));
        create(accounts, &format!("c{index}@im.example"), 1);
    }
    for (after, limit, expected) in [
        (None, 10, 0..5),
        (None, 2, 0..2),
        (None, 0, 0..0),
        (Some("a-b@im.example"), 2, 2..4),
        (Some("aa@im.example"), usize::MAX, 3..5),
        (Some("a@im.example.net"), 10, 5..5),
    ] {
        let page = block_on(accounts.moved(after.map(address).as_ref(), limit)).expect("a list succeeds");
        let expected: Vec<_> = expected
            .map(|index| (address(sorted[index]), target(&format!("xmpp:{index}@example.net"), index % 2 == 0)))
            .collect();
        assert_eq!(page, expected, "{after:?} {limit}");
    }
}

fn removed_has_not_moved(accounts: &dyn Accounts) {
    let juliet = create(accounts, "juliet@im.example", 1);
    set_moved(accounts, &juliet, Some(&target("xmpp:juliet@example.net", true)));
    block_on(accounts.remove(&juliet)).expect("the account is removed");
    assert_eq!(moved(accounts), []);
    create(accounts, "juliet@im.example", 1);
    assert_eq!(status(accounts, &juliet), AccountStatus::Active);
    assert_eq!(moved(accounts), []);
}
