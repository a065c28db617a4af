//! Guessing passwords over many streams, and making a weapon of what slows that down (incident 25).

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jabiru_attacks::scene::{MALLORY, PASSWORD};
use jabiru_attacks::wire::auth;
use jabiru_attacks::{Scene, Wire};

use crate::elsewhere;

/// Bounds that are reached soon, and nobody waits: who would have to is told so.
const SOON: &str = "[limits]\nauthentication_attempts = 100\n[guesses]\nof_account_from_address_free = 5\n\
                    of_account_from_address = 10\nfrom_address_free = 20\nfrom_address = 40\nof_account_free = 20\n\
                    of_account = 40\nlongest_delay_seconds = 0\nlongest_wait_seconds = 0\n";

/// How long until a failure is forgotten: of an account from an address, and of an address.
const FORGET: Duration = Duration::from_secs(10);
const FORGET_ADDRESS: Duration = Duration::from_secs(5);

/// Logs in from another address: the answer, and after how long.
fn log_in(scene: &Scene, number: u32, user: &str) -> (String, Duration) {
    let mut wire = elsewhere::protected(number, scene);
    let begin = Instant::now();
    (wire.plain(format!("\0{user}\0{PASSWORD}").as_bytes()), begin.elapsed())
}

/// Thousands of guesses from one address, however they are spread over streams and moments, come to no more than the
/// bound and what is forgotten meanwhile; the owner gets in from elsewhere all the time.
#[test]
fn from_one_address_at_one_account() {
    let mut scene = Scene::new(SOON);
    let guess = auth("PLAIN", b"\0juliet\0wrong");
    let begin = Instant::now();
    let (mut made, mut refused) = (0, 0);
    let attacked = AtomicBool::new(true);
    std::thread::scope(|scope| {
        let owner = scope.spawn(|| {
            let mut longest = Duration::ZERO;
            while attacked.load(Ordering::Relaxed) {
                let (answer, time) = log_in(&scene, 99, "juliet");
                assert_eq!(answer, "success");
                longest = longest.max(time);
            }
            longest
        });
        for _round in 0..4 {
            let mut wires: Vec<Wire> = (0..25).map(|_| elsewhere::protected(1, &scene)).collect();
            // All at once, before any of them has failed.
            for _ in 0..20 {
                wires.iter_mut().for_each(|wire| assert!(wire.send(&guess)));
                for wire in &mut wires {
                    match wire.sasl_answer().as_str() {
                        "not-authorized" => made += 1,
                        "temporary-auth-failure" => refused += 1,
                        other => panic!("{other}"),
                    }
                }
            }
        }
        attacked.store(false, Ordering::Relaxed);
        let longest = owner.join().expect("the owner gets in");
        assert!(longest < Duration::from_secs(5), "{longest:?}");
    });
    let forgotten = begin.elapsed().as_secs() / FORGET.as_secs();
    assert_eq!(made + refused, 2_000);
    assert!((10..=11 + forgotten).contains(&made), "{made} guesses were made in {:?}", begin.elapsed());
    // The right password is refused as the wrong ones are: the answer tells nothing.
    assert_eq!(log_in(&scene, 1, "juliet").0, "temporary-auth-failure");
    scene.nobody_noticed();
    scene.end();
}

/// Many accounts from one address: the same. Who is elsewhere, or has logged in from there, is not concerned.
#[test]
fn from_one_address_at_many_accounts() {
    let mut scene = Scene::new(SOON);
    assert_eq!(log_in(&scene, 1, "juliet").0, "success");
    let begin = Instant::now();
    let mut made = 0;
    let mut wire = elsewhere::protected(1, &scene);
    for number in 0..500 {
        if number % 90 == 89 {
            wire = elsewhere::protected(1, &scene);
        }
        match wire.plain(format!("\0user{number}\0{PASSWORD}").as_bytes()).as_str() {
            "not-authorized" => made += 1,
            "temporary-auth-failure" => {}
            other => panic!("{other}"),
        }
    }
    let forgotten = begin.elapsed().as_secs() / FORGET_ADDRESS.as_secs();
    // As many as a login makes up for are no more than that (credit).
    assert!((40..=46 + forgotten).contains(&made), "{made} guesses were made in {:?}", begin.elapsed());
    for (number, user, expected) in
        [(1, "juliet", "success"), (1, MALLORY, "temporary-auth-failure"), (2, MALLORY, "success")]
    {
        let (answer, time) = log_in(&scene, number, user);
        assert_eq!(answer, expected, "{user} from {number}");
        assert!(time < Duration::from_secs(5), "{time:?}");
    }
    scene.nobody_noticed();
    scene.end();
}

/// One account from everywhere: that only delays, by a stated time, and not where the owner has been before. So nobody
/// is locked out by others.
#[test]
fn from_many_addresses_at_one_account() {
    let bounds = SOON.replace("longest_delay_seconds = 0", "longest_delay_seconds = 2");
    let mut scene = Scene::new(&bounds);
    assert_eq!(log_in(&scene, 99, MALLORY).0, "success");
    let mut wires: Vec<Wire> = (100..120).map(|number| elsewhere::protected(number, &scene)).collect();
    for _ in 0..4 {
        wires.iter_mut().for_each(|wire| assert!(wire.send(auth("PLAIN", b"\0mallory\0wrong"))));
        for wire in &mut wires {
            assert_eq!(wire.sasl_answer(), "not-authorized");
        }
    }
    let (answer, time) = log_in(&scene, 99, MALLORY);
    assert_eq!(answer, "success", "where the owner has been before");
    assert!(time < Duration::from_secs(1), "{time:?}");
    let (answer, time) = log_in(&scene, 98, MALLORY);
    assert_eq!(answer, "success", "where the owner has not been before");
    assert!((Duration::from_millis(1500)..Duration::from_secs(5)).contains(&time), "{time:?}");
    scene.nobody_noticed();
    scene.end();
}

/// Incident 23 again: names without account are slowed down and refused at the same guess as those with one, in each
/// mechanism; and a handshake that is broken off before anything was proved is no guess.
#[test]
fn nothing_tells_who_exists() {
    let scene = Scene::new(SOON);
    let outcomes = |number: u32, user: &str| -> Vec<String> {
        let mut wire = elsewhere::protected(number, &scene);
        let broken_off = auth("SCRAM-SHA-256", format!("n,,n={user},r=abc").as_bytes());
        (0..30)
            .map(|_| {
                wire.send(&broken_off);
                let challenge = wire.sasl_answer();
                if challenge.starts_with("challenge ") {
                    wire.send("<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
                    assert_eq!(wire.sasl_answer(), "aborted");
                }
                let first = challenge.split(' ').next().unwrap_or_default().to_owned();
                first + " " + &wire.plain(format!("\0{user}\0wrong").as_bytes())
            })
            .collect()
    };
    let exists = outcomes(1, MALLORY);
    assert_eq!(exists, outcomes(2, "nobody"));
    let refused = exists.iter().position(|outcome| outcome.contains("temporary")).expect("it is bounded");
    assert_eq!(refused, 10, "{exists:?}");
    assert!(exists[refused..].iter().all(|outcome| outcome == "temporary-auth-failure temporary-auth-failure"));
    scene.end();
}
