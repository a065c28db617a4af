//! Slows down those who guess passwords, and is no weapon against those whose passwords are guessed (RFC 6120 §13.12).
//!
//! Failures are remembered for an account from one address, for an address whatever the account, and for an account
//! wherever they came from. All three are forgotten steadily. What follows from them:
//!
//! - The first failures have no effect: people mistype.
//! - Then the answer comes later the more there are.
//! - Above a bound, for the account from this address and for the address, guesses are answered only as fast as failures are
//!   forgotten: who comes then waits for a turn, and is turned away (`temporary-auth-failure`, §6.5.11) if that would
//!   take longer than [`max_wait`](GuessLimits::max_wait). Guesses under way count towards the bound as if they had failed,
//!   or else it would be none for those who make many at once; for an address they do so once more of it has failed
//!   than is free, so that a site whose users all come back at the same moment is not held up.
//! - Failures of an account from many addresses only delay, by no more than [`max_delay`](GuessLimits::max_delay).
//!
//! An address from which the account got in lately is trusted with it: what others do from there with other accounts,
//! and from elsewhere with this one, does not concern it. So whoever has the right password gets in
//!
//! - from an address without failures of its own, after [`max_delay`](GuessLimits::max_delay) at the most;
//! - from an address that is trusted, after [`max_wait`](GuessLimits::max_wait), unless several are guessing at that same
//!   account from that same address at the moment.
//!
//! Many users behind one address have its failures in common, but each of their successes makes up for some.
//!
//! Accounts that do not exist are treated like those that do (§13.11): nothing here knows which is which.
//! Time is passed in. The memory is bounded by [`remembered`](GuessLimits::remembered); who fills it makes it forget the
//! failures that are oldest, and no trust, for which it takes the passwords of accounts.

mod aging;

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use jabiru_stanza::BareJid;

use self::aging::Aging;

/// How those are slowed down who guess passwords.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuessLimits {
    /// For one account from one address.
    pub pair: Guesses,
    /// For one address (IPv4, or a /64 of IPv6), whatever the accounts.
    pub address: Guesses,
    /// For one account, whatever the addresses. At its bound guesses are delayed, not refused.
    pub account: Guesses,
    /// The longest delay of an answer below the bounds.
    pub max_delay: Duration,
    /// The longest wait for a turn above them.
    pub max_wait: Duration,
    /// How long an address is trusted with an account after a success.
    pub trust: Duration,
    /// How many failures of an address each success of another account makes up for.
    pub credit: u32,
    /// How many accounts from an address, addresses, accounts, and trusted addresses of accounts are remembered, of
    /// each kind. One takes about 50 bytes, and none are held before there is a reason.
    pub remembered: usize,
}

/// How failures of one kind count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guesses {
    /// So many have no effect.
    pub free: u32,
    /// From so many on guesses have to wait for a turn. In between the delay grows evenly.
    pub bound: u32,
    /// How long it takes until one is forgotten.
    pub forget: Duration,
}

/// An account from one address may fail 5 times, then 20 times with delays up to 8 seconds, then every 10 seconds; an
/// address 50 times, 250 times, then every 5 seconds. At most about 7 MB are taken, by a world-wide attack.
impl Default for GuessLimits {
    fn default() -> GuessLimits {
        let seconds = Duration::from_secs;
        GuessLimits {
            pair: Guesses { free: 5, bound: 25, forget: seconds(10) },
            address: Guesses { free: 50, bound: 300, forget: seconds(5) },
            account: Guesses { free: 50, bound: 300, forget: seconds(30) },
            max_delay: seconds(8),
            max_wait: seconds(20),
            trust: seconds(30 * 24 * 3600),
            credit: 5,
            remembered: 32_768,
        }
    }
}

/// What is remembered of failures and successes.
#[derive(Debug)]
pub(crate) struct Throttle {
    limits: GuessLimits,
    /// Makes keys that nobody can foresee: who makes them collide would hit somebody else.
    keys: RandomState,
    pairs: Failures,
    addresses: Failures,
    accounts: Failures,
    /// When the last success was that earned credit.
    trusted: Aging<Instant>,
}

/// What is to be done about a guess.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It may be made after this time, which is zero as a rule. Its outcome has to be told.
    After(Duration, Guess),
    /// It is not to be made.
    Refuse,
}

/// A guess under way. Its outcome has to be told, even if it has none: [`Throttle::abandoned`].
#[derive(Debug)]
pub(crate) struct Guess {
    pair: u64,
    address: u64,
    account: u64,
    /// It counts among those under way from its address.
    address_pending: bool,
    /// It waits for a turn of the account from its address.
    pair_turn: bool,
    /// It waits for a turn of its address.
    address_turn: bool,
}

impl Throttle {
    pub(crate) fn new(limits: GuessLimits, now: Instant) -> Throttle {
        let failures = |guesses: Guesses| {
            // By then everything is forgotten that was not added to.
            let lifetime = guesses.forget * guesses.bound.saturating_add(1) + limits.max_wait;
            Failures { guesses, records: Aging::new(limits.remembered, lifetime, now) }
        };
        Throttle {
            keys: RandomState::new(),
            pairs: failures(limits.pair),
            addresses: failures(limits.address),
            accounts: failures(limits.account),
            trusted: Aging::new(limits.remembered, limits.trust, now),
            limits,
        }
    }

    /// May this account be guessed at from this address?
    pub(crate) fn ask(&mut self, account: &BareJid, address: IpAddr, now: Instant) -> Verdict {
        let (account, address) = (account.as_str(), site(address));
        let mut guess = Guess {
            pair: self.keys.hash_one((account, address)),
            address: self.keys.hash_one(address),
            account: self.keys.hash_one(account),
            address_pending: false,
            pair_turn: false,
            address_turn: false,
        };
        let GuessLimits { max_delay, max_wait, trust, .. } = self.limits;
        let trusted =
            self.trusted.get(guess.pair, now).is_some_and(|since| now.saturating_duration_since(since) < trust);
        let wait_for = |standing: Standing| match standing {
            Standing::Below(share) => (max_delay.mul_f64(share), false),
            Standing::Above(wait) => (wait, true),
        };
        let (mut wait, pair_turn) = wait_for(self.pairs.standing(guess.pair, now));
        guess.pair_turn = pair_turn;
        if !trusted {
            guess.address_pending = self.addresses.is_past_free(guess.address, now);
            let by_account = match self.accounts.standing(guess.account, now) {
                Standing::Below(share) => max_delay.mul_f64(share),
                Standing::Above(_) => max_delay,
            };
            let (by_address, address_turn) = wait_for(self.addresses.standing(guess.address, now));
            guess.address_turn = address_turn;
            wait = wait.max(by_address).max(by_account);
        }
        // Below the bounds it is only ever a delay, even if that were configured to be longer than a wait.
        if (guess.pair_turn || guess.address_turn) && wait > max_wait {
            return Verdict::Refuse;
        }
        // The turn is taken now, so that the next one waits for another.
        self.pairs.begin(guess.pair, now);
        if guess.address_pending {
            self.addresses.begin(guess.address, now);
        }
        Verdict::After(wait, guess)
    }

    /// The password was wrong, or there is no such account.
    pub(crate) fn failed(&mut self, guess: &Guess, now: Instant) {
        self.abandoned(guess, now);
        self.pairs.add(guess.pair, guess.pair_turn, now);
        self.addresses.add(guess.address, guess.address_turn, now);
        self.accounts.add(guess.account, false, now);
    }

    /// The password was right.
    pub(crate) fn succeeded(&mut self, guess: &Guess, now: Instant) {
        self.abandoned(guess, now);
        self.pairs.subtract(guess.pair, self.limits.pair.free, now);
        // Not by each success, or else who has an account could pay with it for guesses at others.
        let earned = self
            .trusted
            .get(guess.pair, now)
            .is_none_or(|since| now.saturating_duration_since(since) >= CREDIT_INTERVAL);
        if earned {
            self.addresses.subtract(guess.address, self.limits.credit, now);
            self.trusted.set(guess.pair, now, now);
        }
    }

    /// Nothing was learned about the password.
    pub(crate) fn abandoned(&mut self, guess: &Guess, now: Instant) {
        self.pairs.end(guess.pair, now);
        if guess.address_pending {
            self.addresses.end(guess.address, now);
        }
    }
}

/// An account earns an address credit once in this time.
const CREDIT_INTERVAL: Duration = Duration::from_secs(600);

/// The failures of one kind.
#[derive(Debug)]
struct Failures {
    guesses: Guesses,
    records: Aging<Record>,
}

/// The failures of one of the kind.
#[derive(Clone, Copy, Debug)]
struct Record {
    /// The moment at which all of them will be forgotten.
    until: Instant,
    /// Guesses under way.
    pending: u32,
}

/// Where somebody stands.
enum Standing {
    /// Below the bound: how far between what is free and the bound, 0 to 1.
    Below(f64),
    /// At the bound: how long until there is a turn.
    Above(Duration),
}

impl Failures {
    fn standing(&mut self, key: u64, now: Instant) -> Standing {
        let Guesses { free, bound, forget } = self.guesses;
        let Some(Record { until, pending }) = self.records.get(key, now) else { return Standing::Below(0.0) };
        let debt = until.saturating_duration_since(now);
        // One more must not pass the bound, should all that are under way fail.
        let most = forget * bound.max(1) - forget;
        let possible = debt.saturating_add(forget.saturating_mul(pending));
        if possible > most {
            return Standing::Above(possible - most);
        }
        let above_free = debt.saturating_sub(forget * free).as_secs_f64();
        let span = (forget * bound.saturating_sub(free)).as_secs_f64();
        Standing::Below(if span > 0.0 { (above_free / span).min(1.0) } else { 0.0 })
    }

    /// Has more failed than is free?
    fn is_past_free(&mut self, key: u64, now: Instant) -> bool {
        let Guesses { free, forget, .. } = self.guesses;
        let record = self.records.get(key, now);
        record.is_some_and(|record| record.until.saturating_duration_since(now) > forget * free)
    }

    /// Adds a failure; beyond the bound only if it had a turn: guesses that were made at the same moment must not add
    /// up to more than one turn's wait.
    fn add(&mut self, key: u64, turn: bool, now: Instant) {
        let most = now + self.guesses.forget * self.guesses.bound;
        self.change(key, now, |record, forget| {
            let until = record.until + forget;
            record.until = if turn { until } else { until.min(most.max(record.until)) };
        });
    }

    /// A guess is under way.
    fn begin(&mut self, key: u64, now: Instant) {
        self.change(key, now, |record, _| record.pending = record.pending.saturating_add(1));
    }

    /// It no longer is.
    fn end(&mut self, key: u64, now: Instant) {
        self.change(key, now, |record, _| record.pending = record.pending.saturating_sub(1));
    }

    fn subtract(&mut self, key: u64, count: u32, now: Instant) {
        if self.records.get(key, now).is_some_and(|record| record.until > now) {
            self.change(key, now, |record, forget| {
                record.until = now + record.until.saturating_duration_since(now).saturating_sub(forget * count);
            });
        }
    }

    fn change(&mut self, key: u64, now: Instant, change: impl FnOnce(&mut Record, Duration)) {
        let mut record = self.records.get(key, now).unwrap_or(Record { until: now, pending: 0 });
        record.until = record.until.max(now);
        change(&mut record, self.guesses.forget);
        self.records.set(key, record, now);
    }
}

/// The address by which guesses are counted: what one site has at the least.
fn site(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests;
