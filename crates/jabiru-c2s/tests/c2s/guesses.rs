//! Those who guess passwords (RFC 6120 §6.5.11, §13.11, §13.12).

use std::time::{Duration, Instant};

use jabiru_c2s::{GuessLimits, Guesses};

use crate::client::Client;
use crate::server::Server;

const HOUR: Duration = Duration::from_secs(3600);
const NEVER: Guesses = Guesses { free: 1000, bound: 1000, forget: HOUR };

fn server(limits: GuessLimits) -> Server {
    let server = Server::with(|setup| {
        setup.policy.max_authentication_attempts = 100;
        setup.settings.guesses = Some(limits);
    });
    server.add(&["juliet@im.example", "romeo@im.example"]);
    server
}

fn refusing() -> GuessLimits {
    let pair = Guesses { free: 3, bound: 3, forget: HOUR };
    GuessLimits { pair, address: NEVER, account: NEVER, ..GuessLimits::default() }
}

fn open(server: &Server, from: &str) -> Client {
    let mut client = Client::connect_from(from, server.address);
    client.open("im.example");
    client
}

/// Above the bound the password is not even looked at, whether there is such an account or not; other accounts, and the
/// same account from another address, are not concerned.
#[test]
fn guesses_from_one_address_end() {
    let server = server(refusing());
    let mut guesser = open(&server, "127.0.0.2");
    for account in ["juliet", "nobody"] {
        for attempt in 0..3 {
            let failure = guesser.authenticate(account, &format!("guess {attempt}"));
            assert_eq!(failure.as_deref(), Some("not-authorized"), "{account} {attempt}");
        }
        for password in ["guess", "secret"] {
            let failure = guesser.authenticate(account, password);
            assert_eq!(failure.as_deref(), Some("temporary-auth-failure"), "{account} {password}");
        }
    }
    // A new connection makes no difference.
    let failure = open(&server, "127.0.0.2").authenticate("juliet", "secret");
    assert_eq!(failure.as_deref(), Some("temporary-auth-failure"));
    assert_eq!(open(&server, "127.0.0.3").authenticate("juliet", "secret"), None);
    assert_eq!(open(&server, "127.0.0.2").authenticate("romeo", "secret"), None);
}

/// A right password is no guess.
#[test]
fn successes_are_not_counted() {
    let server = server(refusing());
    for round in 0..10 {
        assert_eq!(open(&server, "127.0.0.2").authenticate("juliet", "secret"), None, "{round}");
    }
}

/// Before the bound answers come later and later, and a right password gets in all the time.
#[test]
fn guesses_are_delayed() {
    let account = Guesses { free: 0, bound: 4, forget: HOUR };
    let max_delay = Duration::from_millis(800);
    let server = server(GuessLimits { pair: NEVER, address: NEVER, account, max_delay, ..GuessLimits::default() });
    assert_eq!(open(&server, "127.0.0.4").authenticate("juliet", "secret"), None);
    for (guesser, delay) in
        [("127.0.1.1", 0), ("127.0.1.2", 200), ("127.0.1.3", 400), ("127.0.1.4", 600), ("127.0.1.5", 800)]
    {
        let mut client = open(&server, guesser);
        let start = Instant::now();
        assert_eq!(client.authenticate("juliet", "guess").as_deref(), Some("not-authorized"));
        let took = start.elapsed();
        let delay = Duration::from_millis(delay);
        // What was forgotten in between is less than a millisecond's worth.
        assert!(
            took + Duration::from_millis(5) >= delay && took < delay + Duration::from_millis(700),
            "{guesser}: {took:?}"
        );
    }
    // The owner's address is trusted; a new one has to wait, but not for ever.
    for (address, least, most) in [("127.0.0.4", 0, 600), ("127.0.0.5", 790, 1500)] {
        let mut client = open(&server, address);
        let start = Instant::now();
        assert_eq!(client.authenticate("juliet", "secret"), None);
        let took = start.elapsed().as_millis();
        assert!((least..most).contains(&took), "{address}: {took} ms");
    }
}

/// Who waits for an answer can be ended meanwhile, and is not waited for.
#[test]
fn waiting_ends_with_the_server() {
    let account = Guesses { free: 0, bound: 1, forget: HOUR };
    let max_delay = Duration::from_secs(20);
    let server = server(GuessLimits { pair: NEVER, address: NEVER, account, max_delay, ..GuessLimits::default() });
    let mut client = open(&server, "127.0.0.2");
    assert_eq!(client.authenticate("juliet", "guess").as_deref(), Some("not-authorized"));
    let mut waiting = open(&server, "127.0.0.3");
    waiting.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGp1bGlldABndWVzcw==</auth>");
    // It waits once the server has read it, of which nothing tells; the next order comes in either case.
    std::thread::sleep(Duration::from_millis(200));
    let before = Instant::now();
    server.c2s.end_streams();
    assert!(waiting.rest().contains("<system-shutdown "));
    assert!(before.elapsed() < Duration::from_secs(5));
}
