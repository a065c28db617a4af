//! Creating, finding, listing, changing and removing accounts.

use jid::{BareJid, DomainPart};

use super::Rule;
use crate::{
    Account, AccountStatus, Accounts, Credentials, MAX_PAGE, Moved, ScramCredential, ScramHash, StorageError, block_on,
};

pub(super) const RULES: &[Rule] = &[
    ("a created account is found, active, with each credential", created_is_found),
    ("an account that was not created is not found", unknown_is_not_found),
    ("an account is created once", created_once),
    ("a domain is no account", domain_is_no_account),
    ("equal localparts in two domains are two accounts", domains_are_apart),
    ("spellings that prepare to the same address are one account", spellings),
    ("credentials are replaced as a whole", credentials_are_replaced),
    ("a disabled account stays, with its credentials", disabled_stays),
    ("a removed account is gone and can be created anew", removed_is_gone),
    ("changing an account that is not there is an error", changes_need_an_account),
    ("lists are sorted and paged", lists_are_sorted_and_paged),
    ("a page has a bound whatever is asked for", pages_are_bounded),
    ("changes take effect in the order of the calls", order_of_calls),
    ("dropping an answer does not undo the change", dropped_answer),
    ("many operations at once are all done", many_at_once),
    ("of two that create the same account one succeeds", creation_race),
];

pub(super) fn address(text: &str) -> BareJid {
    BareJid::new(text).expect("the battery's addresses are valid")
}

/// Credentials for every hash function, told apart by `seed`.
pub(super) fn credentials(seed: u8) -> Credentials {
    let each = ScramHash::ALL.map(|hash| credential(hash, seed));
    Credentials::new(each).expect("there are three")
}

fn credential(hash: ScramHash, seed: u8) -> ScramCredential {
    let key = |offset: u8| vec![seed.wrapping_add(offset); hash.key_length()];
    // Octets that are no text: 0, and what is invalid in UTF-8.
    let salt = vec![0, seed, 0xff, 0xfe, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
    ScramCredential::new(hash, 4096 + u32::from(seed), salt, key(100), key(200))
        .expect("the battery's credentials are valid")
}

pub(super) fn create(accounts: &dyn Accounts, name: &str, seed: u8) -> BareJid {
    let address = address(name);
    block_on(accounts.create(&address, credentials(seed))).expect("a new account is created");
    address
}

fn find(accounts: &dyn Accounts, address: &BareJid, hash: ScramHash) -> Option<Account> {
    block_on(accounts.look_up(address, hash)).expect("a look-up succeeds")
}

fn created_is_found(accounts: &dyn Accounts) {
    let juliet = create(accounts, "juliet@im.example", 1);
    for hash in ScramHash::ALL {
        let account = find(accounts, &juliet, hash).expect("the account is there");
        assert_eq!(account.status, AccountStatus::Active);
        assert_eq!(account.credential, Some(credential(hash, 1)), "{hash}");
    }
}

fn unknown_is_not_found(accounts: &dyn Accounts) {
    create(accounts, "juliet@im.example", 1);
    for name in ["romeo@im.example", "im.example", "juliet@example", "juliet@im.example.net"] {
        assert_eq!(find(accounts, &address(name), ScramHash::Sha1), None, "{name}");
    }
}

fn created_once(accounts: &dyn Accounts) {
    let juliet = create(accounts, "juliet@im.example", 1);
    let again = block_on(accounts.create(&juliet, credentials(2)));
    assert!(matches!(&again, Err(StorageError::AlreadyExists { address }) if *address == juliet), "{again:?}");
    let account = find(accounts, &juliet, ScramHash::Sha256).expect("the account is there");
    assert_eq!(account.credential, Some(credential(ScramHash::Sha256, 1)), "left as it was");
}

fn domain_is_no_account(accounts: &dyn Accounts) {
    let created = block_on(accounts.create(&address("im.example"), credentials(1)));
    assert!(matches!(created, Err(StorageError::NoLocalpart { .. })), "{created:?}");
}

fn domains_are_apart(accounts: &dyn Accounts) {
    let here = create(accounts, "juliet@im.example", 1);
    let there = create(accounts, "juliet@example.net", 2);
    block_on(accounts.remove(&here)).expect("the account is removed");
    let account = find(accounts, &there, ScramHash::Sha512).expect("the other one is there");
    assert_eq!(account.credential, Some(credential(ScramHash::Sha512, 2)));
}

fn spellings(accounts: &dyn Accounts) {
    create(accounts, "Juliet@IM.Example", 1);
    // Fullwidth letters fold in preparation; the second is a letter outside ASCII.
    create(accounts, "Ｒomeo@bücher.example", 2);
    for (name, there) in [
        ("juliet@im.example", true),
        ("JULIET@im.example.", true),
        ("romeo@BÜCHER.example", true),
        ("juliét@im.example", false),
    ] {
        let found = find(accounts, &address(name), ScramHash::Sha1);
        assert_eq!(found.is_some(), there, "{name}");
    }
    let listed = block_on(accounts.list(None, None, 10)).expect("a list succeeds");
    let listed: Vec<_> = listed.iter().map(|account| account.address.as_str()).collect();
    assert_eq!(listed, ["romeo@bücher.example", "juliet@im.example"]);
}

fn credentials_are_replaced(accounts: &dyn Accounts) {
    let juliet = create(accounts, "juliet@im.example", 1);
    let romeo = create(accounts, "romeo@im.example", 2);
    let only = Credentials::new([credential(ScramHash::Sha256, 3)]).expect("there is one");
    block_on(accounts.replace_credentials(&juliet, only)).expect("credentials are replaced");
    for (hash, expected) in [
        (ScramHash::Sha1, None),
        (ScramHash::Sha256, Some(credential(ScramHash::Sha256, 3))),
        (ScramHash::Sha512, None),
    ] {
        let account = find(accounts, &juliet, hash).expect("the account is there");
        assert_eq!(account.credential, expected, "{hash}");
        let other = find(accounts, &romeo, hash).expect("the other account is there");
        assert_eq!(other.credential, Some(credential(hash, 2)), "{hash}");
    }
}

fn disabled_stays(accounts: &dyn Accounts) {
    let juliet = create(accounts, "juliet@im.example", 1);
    let romeo = create(accounts, "romeo@im.example", 2);
    for status in [AccountStatus::Disabled, AccountStatus::Disabled, AccountStatus::Active] {
        block_on(accounts.set_status(&juliet, status)).expect("the status is set");
        let account = find(accounts, &juliet, ScramHash::Sha1).expect("the account is there");
        assert_eq!(account, Account::new(status, Some(credential(ScramHash::Sha1, 1))));
        let other = find(accounts, &romeo, ScramHash::Sha1).expect("the other account is there");
        assert_eq!(other.status, AccountStatus::Active);
        let listed = block_on(accounts.list(None, None, 10)).expect("a list succeeds");
        assert_eq!(listed[0].status, status);
    }
}

fn removed_is_gone(accounts: &dyn Accounts) {
    let juliet = create(accounts, "juliet@im.example", 1);
    block_on(accounts.set_status(&juliet, AccountStatus::Disabled)).expect("the status is set");
    block_on(accounts.remove(&juliet)).expect("the account is removed");
    assert_eq!(find(accounts, &juliet, ScramHash::Sha1), None);
    assert_eq!(block_on(accounts.list(None, None, 10)).expect("a list succeeds"), []);
    let only = Credentials::new([credential(ScramHash::Sha1, 2)]).expect("there is one");
    block_on(accounts.create(&juliet, only)).expect("the address is free again");
    let account = find(accounts, &juliet, ScramHash::Sha512).expect("the account is there");
    assert_eq!(account, Account::new(AccountStatus::Active, None), "nothing of the old one");
}

fn changes_need_an_account(accounts: &dyn Accounts) {
    create(accounts, "juliet@im.example", 1);
    let nobody = address("nobody@im.example");
    for (what, result) in [
        ("replace_credentials", block_on(accounts.replace_credentials(&nobody, credentials(1)))),
        ("disable", block_on(accounts.set_status(&nobody, AccountStatus::Disabled))),
        ("enable", block_on(accounts.set_status(&nobody, AccountStatus::Active))),
        ("expire", block_on(accounts.set_status(&nobody, AccountStatus::CredentialsExpired))),
        ("move", block_on(accounts.set_moved(&nobody, Some(Moved { uri: "xmpp:a@b".to_owned(), permanent: true })))),
        ("move back", block_on(accounts.set_moved(&nobody, None))),
        ("remove", block_on(accounts.remove(&nobody))),
    ] {
        assert!(matches!(&result, Err(StorageError::NotFound { address }) if *address == nobody), "{what}: {result:?}");
    }
    assert_eq!(find(accounts, &nobody, ScramHash::Sha1), None);
}

fn lists_are_sorted_and_paged(accounts: &dyn Accounts) {
    // Octet order, not a dictionary's: "-" before "1" before "a" before "é", and "a" before "ab".
    let sorted =
        ["b@a.example", "a-b@im.example", "a1@im.example", "ab@im.example", "éa@im.example", "a@im.example.net"];
    for index in [3, 0, 5, 4, 1, 2] {
        create(accounts, sorted[index], 1);
    }
    let page = |domain: Option<&str>, after: Option<&str>, limit| -> Vec<String> {
        let domain: Option<DomainPart> = domain.map(|domain| domain.parse().expect("the battery's domains are valid"));
        let after = after.map(address);
        let page = block_on(accounts.list(domain.as_ref(), after.as_ref(), limit));
        page.expect("a list succeeds").iter().map(|account| account.address.to_string()).collect()
    };
    for (domain, after, limit, expected) in [
        (None, None, 10, &sorted[..]),
        (None, None, 2, &sorted[..2]),
        (None, Some("a-b@im.example"), 2, &sorted[2..4]),
        (None, Some("éa@im.example"), 10, &sorted[5..]),
        (None, Some("a@im.example.net"), 10, &[]),
        (None, None, 0, &[]),
        (Some("im.example"), None, 10, &sorted[1..5]),
        (Some("im.example"), None, 3, &sorted[1..4]),
        (Some("im.example"), Some("ab@im.example"), 10, &sorted[4..5]),
        // Not there (any more), or of another domain: the place in the order is what counts.
        (Some("im.example"), Some("aa@im.example"), 1, &sorted[3..4]),
        (Some("im.example"), Some("z@a.example"), 1, &sorted[1..2]),
        (Some("im.example"), Some("im.example"), 1, &sorted[1..2]),
        (Some("im.example"), Some("a@im.example.net"), 10, &[]),
        (Some("example"), None, 10, &[]),
    ] {
        assert_eq!(page(domain, after, limit), expected, "{domain:?} {after:?} {limit}");
    }
}

fn pages_are_bounded(accounts: &dyn Accounts) {
    let count = MAX_PAGE + 10;
    let answers: Vec<_> =
        (0..count).map(|index| accounts.create(&address(&format!("u{index:05}@im.example")), credentials(1))).collect();
    for answer in answers {
        block_on(answer).expect("a new account is created");
    }
    let first = block_on(accounts.list(None, None, usize::MAX)).expect("a list succeeds");
    assert_eq!(first.len(), MAX_PAGE);
    let last = first.last().map(|account| &account.address);
    let second = block_on(accounts.list(None, last, usize::MAX)).expect("a list succeeds");
    assert_eq!(second.len(), 10);
    assert_eq!(second[0].address, address(&format!("u{MAX_PAGE:05}@im.example")));
}

fn order_of_calls(accounts: &dyn Accounts) {
    let juliet = address("juliet@im.example");
    // None is awaited before the next is called.
    let mut answers = vec![accounts.create(&juliet, credentials(1))];
    for seed in 2..50 {
        answers.push(accounts.replace_credentials(&juliet, credentials(seed)));
        answers.push(accounts.remove(&juliet));
        answers.push(accounts.create(&juliet, credentials(seed + 1)));
    }
    for answer in answers {
        block_on(answer).expect("each finds what the one before it left");
    }
    let account = find(accounts, &juliet, ScramHash::Sha1).expect("the account is there");
    assert_eq!(account.credential, Some(credential(ScramHash::Sha1, 50)));
}

fn dropped_answer(accounts: &dyn Accounts) {
    let juliet = create(accounts, "juliet@im.example", 1);
    drop(accounts.set_status(&juliet, AccountStatus::Disabled));
    // What is called later takes effect later: once it has, so has the other.
    block_on(accounts.replace_credentials(&juliet, credentials(2))).expect("it is replaced");
    let account = find(accounts, &juliet, ScramHash::Sha1).expect("the account is there");
    assert_eq!(account.status, AccountStatus::Disabled);
}

fn many_at_once(accounts: &dyn Accounts) {
    let name = |thread, index| address(&format!("u{index}@t{thread}.example"));
    std::thread::scope(|scope| {
        for thread in 0..4_u8 {
            scope.spawn(move || {
                let answers: Vec<_> =
                    (0..100).map(|index| accounts.create(&name(thread, index), credentials(thread))).collect();
                for (index, answer) in answers.into_iter().enumerate() {
                    block_on(answer).expect("a new account is created");
                    let found = find(accounts, &name(thread, index), ScramHash::Sha1);
                    let found = found.expect("acknowledged, so it is there");
                    assert_eq!(found.credential, Some(credential(ScramHash::Sha1, thread)));
                }
            });
        }
    });
    let listed = block_on(accounts.list(None, None, MAX_PAGE)).expect("a list succeeds");
    assert_eq!(listed.len(), 400);
}

fn creation_race(accounts: &dyn Accounts) {
    let juliet = address("juliet@im.example");
    let created: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|seed| {
                let juliet = &juliet;
                scope.spawn(move || block_on(accounts.create(juliet, credentials(seed))).is_ok())
            })
            .collect();
        threads.into_iter().map(|thread| usize::from(thread.join().unwrap_or(false))).sum()
    });
    assert_eq!(created, 1);
}
