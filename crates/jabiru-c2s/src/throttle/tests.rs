use super::*;

const JULIET: &str = "juliet@im.example";
const HOME: &str = "192.0.2.1";
const ELSEWHERE: &str = "2001:db8::1";

/// A throttle and its invented time.
struct Scene {
    throttle: Throttle,
    now: Instant,
}

impl Scene {
    fn new() -> Scene {
        let now = Instant::now();
        Scene { throttle: Throttle::new(GuessLimits::default(), now), now }
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    fn ask(&mut self, account: &str, address: &str) -> Verdict {
        self.throttle.ask(&BareJid::new(account).unwrap(), address.parse().unwrap(), self.now)
    }

    /// How long a guess has to wait that is then not made; `None`: it is refused.
    fn wait(&mut self, account: &str, address: &str) -> Option<u64> {
        match self.ask(account, address) {
            Verdict::After(wait, guess) => {
                self.throttle.abandoned(&guess, self.now);
                Some(wait.as_secs())
            }
            Verdict::Refuse => None,
        }
    }

    /// A guess with its outcome; `false` if it was refused.
    fn guess(&mut self, account: &str, address: &str, right: bool) -> bool {
        let Verdict::After(wait, guess) = self.ask(account, address) else { return false };
        self.now += wait;
        if right {
            self.throttle.succeeded(&guess, self.now);
        } else {
            self.throttle.failed(&guess, self.now);
        }
        true
    }

    /// Wrong guesses made at the same moment; how many were not refused.
    fn wrong(&mut self, count: usize, account: &str, address: &str) -> usize {
        let guesses: Vec<Guess> = (0..count)
            .filter_map(|_| match self.ask(account, address) {
                Verdict::After(_, guess) => Some(guess),
                Verdict::Refuse => None,
            })
            .collect();
        guesses.iter().for_each(|guess| self.throttle.failed(guess, self.now));
        guesses.len()
    }
}

#[test]
fn failures_of_an_account_from_an_address_delay_and_then_take_turns() {
    for (failures, wait) in [(0, 0), (4, 0), (5, 0), (10, 2), (20, 6), (24, 7), (25, 10)] {
        let mut scene = Scene::new();
        for _ in 0..failures {
            scene.wrong(1, JULIET, HOME);
        }
        assert_eq!(scene.wait(JULIET, HOME), Some(wait), "{failures}");
    }
    // Two wait for their turns, the third is turned away; nobody elsewhere notices.
    let mut crowd = Scene::new();
    assert_eq!(crowd.wrong(25, JULIET, HOME), 25);
    let mut waiting = Vec::new();
    for expected in [10, 20] {
        let Verdict::After(wait, guess) = crowd.ask(JULIET, HOME) else { panic!("refused") };
        assert_eq!(wait.as_secs(), expected);
        waiting.push(guess);
    }
    assert_eq!([crowd.wait(JULIET, HOME), crowd.wait(JULIET, HOME)], [None, None]);
    assert_eq!(crowd.wait(JULIET, ELSEWHERE), Some(0));
    assert_eq!(crowd.wait("romeo@im.example", HOME), Some(0));
    crowd.pass(10);
    crowd.throttle.failed(&waiting.remove(0), crowd.now);
    assert_eq!(crowd.wait(JULIET, HOME), Some(20), "a turn is free again");
    crowd.throttle.abandoned(&waiting.remove(0), crowd.now);
    assert_eq!(crowd.wait(JULIET, HOME), Some(10), "so is one that was not made use of");
    crowd.pass(400);
    assert_eq!(crowd.wait(JULIET, HOME), Some(0), "all is forgotten");
}

/// Guesses made at the same moment, before any of them has failed, are no way around the bound, and don't lock anybody
/// out for longer.
#[test]
fn bursts_are_bounded_and_so_is_the_wait_after_them() {
    let mut scene = Scene::new();
    let (mut at_first, mut made) = (0, 0);
    for round in 0..24 * 360 {
        let burst = scene.wrong(if round == 0 { 1000 } else { 50 }, JULIET, HOME);
        at_first = if round == 0 { burst } else { at_first };
        made += burst;
        scene.pass(10);
        assert_eq!(scene.wait(JULIET, HOME), Some(20), "{round}");
    }
    assert_eq!(at_first, 27, "25, and two that take turns");
    assert!((8_600..8_700).contains(&made), "{made} in a day");
}

/// The same for an address, whatever the accounts; but as long as nothing has failed there, any number may come.
#[test]
fn bursts_from_one_address() {
    let mut scene = Scene::new();
    let everybody = |scene: &mut Scene| -> Vec<Guess> {
        (0..1000)
            .filter_map(|number| match scene.ask(&format!("user{number}@im.example"), HOME) {
                Verdict::After(_, guess) => Some(guess),
                Verdict::Refuse => None,
            })
            .collect()
    };
    let guesses = everybody(&mut scene);
    assert_eq!(guesses.len(), 1000, "all come back at once");
    guesses.iter().for_each(|guess| scene.throttle.failed(guess, scene.now));
    for _ in 0..100 {
        scene.pass(5);
        let guesses = everybody(&mut scene);
        assert!(guesses.len() < 10, "{}", guesses.len());
        guesses.iter().for_each(|guess| scene.throttle.failed(guess, scene.now));
    }
}

/// Many clients of one account that come back together, with the right password.
#[test]
fn an_account_may_log_in_many_times_at_once() {
    let mut scene = Scene::new();
    let guesses: Vec<Guess> = (0..25)
        .map(|_| match scene.ask(JULIET, HOME) {
            Verdict::After(Duration::ZERO, guess) => guess,
            verdict => panic!("{verdict:?}"),
        })
        .collect();
    guesses.iter().for_each(|guess| scene.throttle.succeeded(guess, scene.now));
    assert_eq!(scene.wait(JULIET, HOME), Some(0));
}

/// However long somebody guesses at full speed, from one address they get one guess for each that is forgotten.
#[test]
fn the_rate_of_guesses_is_bounded() {
    let mut scene = Scene::new();
    let start = scene.now;
    let mut made = 0;
    while scene.now - start < Duration::from_secs(24 * 3600) {
        made += usize::from(scene.guess(JULIET, HOME, false));
    }
    assert!((8_600..8_700).contains(&made), "{made} in a day");
}

#[test]
fn a_success_forgives_what_people_mistype() {
    let mut scene = Scene::new();
    scene.wrong(7, JULIET, HOME);
    assert!(scene.guess(JULIET, HOME, true));
    assert_eq!(scene.wrong(3, JULIET, HOME), 3);
    assert_eq!(scene.wait(JULIET, HOME), Some(0));
}

/// A forgotten phone with the old password tries for ever; the laptop behind the same address gets in.
#[test]
fn one_who_fails_for_ever_leaves_turns_for_others_at_the_same_address() {
    let mut scene = Scene::new();
    for round in 0..100 {
        scene.wrong(1, JULIET, HOME);
        assert!(scene.wait(JULIET, HOME).is_some_and(|wait| wait <= 20), "{round}");
        scene.pass(15);
    }
}

/// An attack on an account from everywhere is no weapon against its owner.
#[test]
fn an_attack_from_many_addresses_delays_only_strangers() {
    let mut scene = Scene::new();
    assert!(scene.guess(JULIET, HOME, true));
    for address in 0..10_000u32 {
        scene.wrong(10, JULIET, &std::net::Ipv4Addr::from(0x0A00_0000 + address).to_string());
    }
    assert_eq!(scene.wait(JULIET, HOME), Some(0), "trusted");
    assert_eq!(scene.wait(JULIET, ELSEWHERE), Some(8), "a right password gets in from a new address too");
    assert_eq!(scene.wait("romeo@im.example", ELSEWHERE), Some(0));
    scene.pass(31 * 24 * 3600);
    scene.wrong(300, JULIET, ELSEWHERE);
    for address in 0..300u32 {
        scene.wrong(1, JULIET, &std::net::Ipv4Addr::from(0x0B00_0000 + address).to_string());
    }
    assert_eq!(scene.wait(JULIET, HOME), Some(8), "trust ends");
}

/// Many accounts from one address: strangers have to wait, those who got in lately from there don't.
#[test]
fn guessing_at_many_accounts_from_one_address() {
    let mut scene = Scene::new();
    assert!(scene.guess(JULIET, HOME, true));
    let made: usize = (0..1000).map(|number| scene.wrong(1, &format!("user{number}@im.example"), HOME)).sum();
    assert!((300..320).contains(&made), "{made}");
    assert_eq!(scene.wait("romeo@im.example", HOME), None);
    assert_eq!(scene.wait(JULIET, HOME), Some(0));
    assert_eq!(scene.wait("romeo@im.example", ELSEWHERE), Some(0));
    // The same /64 is the same site, another is not.
    let mut scene = Scene::new();
    for number in 0..1000 {
        scene.wrong(1, &format!("user{number}@im.example"), "2001:db8::1");
    }
    assert_eq!(scene.wait("romeo@im.example", "2001:db8::2"), None);
    assert_eq!(scene.wait("romeo@im.example", "2001:db8:0:1::1"), Some(0));
}

/// Behind one address a thousand users mistype now and then, and nobody waits.
#[test]
fn a_busy_site_is_not_slowed_down() {
    let mut scene = Scene::new();
    for number in 0..1000 {
        let account = format!("user{number}@im.example");
        assert_eq!(scene.wait(&account, HOME), Some(0), "{number}");
        for _ in 0..4 {
            scene.wrong(1, &account, HOME);
        }
        assert!(scene.guess(&account, HOME, true));
    }
}

/// Who has an account can't pay with it for guesses at others.
#[test]
fn credit_is_earned_once_in_a_while() {
    let mut scene = Scene::new();
    for number in 0..400 {
        scene.wrong(1, &format!("user{number}@im.example"), HOME);
        assert!(scene.guess(JULIET, HOME, true));
    }
    assert_eq!(scene.wait("romeo@im.example", HOME), None);
}

/// RFC 6120 §13.11: nothing tells who exists. Without a success, two accounts fare alike in everything.
#[test]
fn who_exists_makes_no_difference() {
    let (mut one, mut other) = (Scene::new(), Scene::new());
    for round in 0..60 {
        assert_eq!(one.wait("exists@im.example", HOME), other.wait("exists-not@im.example", HOME), "{round}");
        one.wrong(1, "exists@im.example", HOME);
        other.wrong(1, "exists-not@im.example", HOME);
    }
}

/// Nobody is locked out by failures elsewhere, however the two times are configured.
#[test]
fn a_delay_is_no_refusal() {
    let mut scene = Scene::new();
    scene.throttle = Throttle::new(GuessLimits { max_wait: Duration::ZERO, ..GuessLimits::default() }, scene.now);
    for address in 0..300u32 {
        scene.wrong(1, JULIET, &std::net::Ipv4Addr::from(0x0A00_0000 + address).to_string());
    }
    assert_eq!(scene.wait(JULIET, HOME), Some(8));
    scene.wrong(25, JULIET, HOME);
    assert_eq!(scene.wait(JULIET, HOME), None);
}

/// Limits that make no sense do no harm.
#[test]
fn odd_limits() {
    for (free, bound) in [(0, 0), (5, 0), (0, 1), (u32::MAX, u32::MAX)] {
        let guesses = Guesses { free, bound, forget: Duration::from_millis(1) };
        let limits =
            GuessLimits { pair: guesses, address: guesses, account: guesses, remembered: 0, ..GuessLimits::default() };
        let now = Instant::now();
        let mut throttle = Throttle::new(limits, now);
        for _ in 0..10 {
            let verdict = throttle.ask(&BareJid::new(JULIET).unwrap(), HOME.parse().unwrap(), now);
            let Verdict::After(_, guess) = verdict else { panic!("a millisecond is no wait") };
            throttle.failed(&guess, now);
        }
    }
}
