//! What is done to accounts meanwhile, and their states.

use std::time::{Duration, Instant};

use jabiru_router::Account;
use jabiru_stanza::Jid;
use jabiru_storage::{AccountStatus, Accounts, MemoryAccounts, Moved, block_on};

use crate::client::{Client, bind, stream_error};
use crate::server::{Server, bare, credentials};

const JULIET: &str = "juliet@im.example";

fn moved(uri: &str) -> Option<Moved> {
    Some(Moved { uri: uri.to_owned(), permanent: true })
}

/// Where the router says that the account has moved.
fn moved_to(server: &Server, account: &str) -> Option<String> {
    let jid = Jid::new(account).unwrap();
    server.router.moved().get(Account::of(&jid).unwrap()).map(|moved| moved.uri)
}

fn await_moved(server: &Server, account: &str, expected: Option<&str>) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while moved_to(server, account).as_deref() != expected {
        assert!(Instant::now() < deadline, "{account} is not at {expected:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Each change that takes a stream's ground away ends it and says why.
#[test]
fn streams_end_with_their_ground() {
    type Change = fn(&Server);
    let cases: [(Change, &str, &str); 5] = [
        (
            |server| block_on(server.accounts.replace_credentials(&bare(JULIET), credentials())).unwrap(),
            "reset",
            "the password was changed",
        ),
        (
            |server| block_on(server.accounts.set_status(&bare(JULIET), AccountStatus::CredentialsExpired)).unwrap(),
            "reset",
            "the credentials have expired",
        ),
        (
            |server| block_on(server.accounts.set_status(&bare(JULIET), AccountStatus::Disabled)).unwrap(),
            "not-authorized",
            "the account was disabled",
        ),
        (
            |server| block_on(server.accounts.remove(&bare(JULIET))).unwrap(),
            "not-authorized",
            "the account was removed",
        ),
        (
            |server| block_on(server.accounts.set_moved(&bare(JULIET), moved("xmpp:j@new.example?a&b"))).unwrap(),
            "undefined-condition",
            "<account-moved xmlns='urn:jabiru:errors:0'>xmpp:j@new.example?a&amp;b</account-moved>",
        ),
    ];
    for (change, condition, text) in cases {
        let server = Server::start().watching();
        let mut juliet = server.log_in("juliet@im.example/balcony");
        let mut romeo = server.log_in("romeo@im.example/orchard");
        // The watch has found its place once it follows a change.
        block_on(server.accounts.set_moved(&bare("romeo@im.example"), None)).unwrap();
        server.add(&["marker@im.example"]);
        block_on(server.accounts.set_moved(&bare("marker@im.example"), moved("xmpp:marker"))).unwrap();
        await_moved(&server, "marker@im.example", Some("xmpp:marker"));
        change(&server);
        let rest = juliet.rest();
        let (found, more) = stream_error(&rest);
        assert_eq!(found, condition, "{rest}");
        assert!(more.contains(text), "{rest}");
        romeo.sync("not-concerned");
    }
}

/// RFC 6120 §6.5.2, §6.5.3: told only to who has the right password (§13.11).
#[test]
fn states_that_keep_somebody_out() {
    for (status, failure) in
        [(AccountStatus::Disabled, "account-disabled"), (AccountStatus::CredentialsExpired, "credentials-expired")]
    {
        let server = Server::start();
        server.add(&[JULIET]);
        block_on(server.accounts.set_status(&bare(JULIET), status)).unwrap();
        let mut client = Client::connect(server.address);
        client.open("im.example");
        assert_eq!(client.authenticate("juliet", "guess").as_deref(), Some("not-authorized"), "{failure}");
        assert_eq!(client.authenticate("juliet", "secret").as_deref(), Some(failure));
    }
    let server = Server::start();
    server.add(&[JULIET]);
    block_on(server.accounts.set_moved(&bare(JULIET), moved("xmpp:x@y"))).unwrap();
    let mut client = Client::connect(server.address);
    client.open("im.example");
    assert_eq!(client.authenticate("juliet", "secret").as_deref(), Some("account-disabled"));
}

/// The router's table is loaded at the start, and follows.
#[test]
fn the_router_knows_who_has_moved() {
    let server = Server::start();
    server.add(&[JULIET, "romeo@im.example"]);
    block_on(server.accounts.set_moved(&bare(JULIET), moved("xmpp:one"))).unwrap();
    let server = server.watching();
    await_moved(&server, JULIET, Some("xmpp:one"));
    block_on(server.accounts.set_moved(&bare("romeo@im.example"), moved("xmpp:two"))).unwrap();
    await_moved(&server, "romeo@im.example", Some("xmpp:two"));
    block_on(server.accounts.set_moved(&bare(JULIET), moved("xmpp:three"))).unwrap();
    await_moved(&server, JULIET, Some("xmpp:three"));
    block_on(server.accounts.set_moved(&bare(JULIET), None)).unwrap();
    await_moved(&server, JULIET, None);
    block_on(server.accounts.remove(&bare("romeo@im.example"))).unwrap();
    await_moved(&server, "romeo@im.example", None);
}

/// Where more has happened than is told, every stream whose account may be another now ends. That of nobody in particular
/// has none to be looked up.
#[test]
fn changes_that_were_missed() {
    let server = Server::with(|setup| {
        setup.accounts = MemoryAccounts::with_history(2);
        setup.settings.account_watch_interval = Duration::from_millis(300);
    })
    .watching();
    let mut juliet = server.log_in("juliet@im.example/balcony");
    let mut nobody = Client::connect(server.address);
    nobody.open("im.example");
    nobody.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'>=</auth>");
    assert_eq!(nobody.outcome(), None);
    nobody.open("im.example");
    nobody.send(&bind("mask"));
    nobody.until("</iq>");
    // Once it has noticed something, the watch has found its place; then it misses what is done at once.
    let noticed = |account: &str| {
        let mut client = server.log_in(&format!("{account}/street"));
        block_on(server.accounts.set_status(&bare(account), AccountStatus::Disabled)).unwrap();
        assert_eq!(stream_error(&client.rest()).0, "not-authorized");
    };
    noticed("romeo@im.example");
    let others: Vec<String> = (0..100).map(|number| format!("other{number}@im.example")).collect();
    server.add(&others.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(stream_error(&juliet.rest()).0, "reset");
    // What the watch does in a later round comes after all that it did in this one.
    noticed("mercutio@im.example");
    nobody.sync("still-here");
}
