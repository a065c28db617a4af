//! How often one network address may connect (RFC 6120 §13.12, point 2 of its list).

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// A number of connections in a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptRate {
    /// Connections that are accepted at once from an address that has been silent.
    pub attempts: u32,
    /// The time in which as many are accepted again, evenly.
    pub within: Duration,
}

impl AttemptRate {
    /// After how long one more is accepted.
    fn interval(&self) -> Duration {
        self.within / self.attempts.max(1)
    }
}

/// Who connected lately. Bounded: while [`MAX_REMEMBERED`] addresses are busy, others are not counted. Whoever
/// has so many addresses is not held off by a limit for each of them.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    /// When all that an address may do at once is there again. What is past is the same as no entry.
    rested: HashMap<IpAddr, Instant>,
    /// Not to be searched for what is past before then.
    next_search: Option<Instant>,
}

/// Addresses remembered at once; about 4 MiB.
const MAX_REMEMBERED: usize = 65_536;

impl Attempts {
    /// Counts an attempt from this address, unless it is one too many.
    pub(crate) fn allow(&mut self, address: IpAddr, rate: AttemptRate, now: Instant) -> bool {
        let interval = rate.interval();
        if let Some(rested) = self.rested.get_mut(&address) {
            let next = (*rested).max(now) + interval;
            let allowed = next - now <= rate.within.max(interval);
            if allowed {
                *rested = next;
            }
            return allowed;
        }
        if self.rested.len() >= MAX_REMEMBERED {
            self.forget(rate, now);
        }
        if self.rested.len() < MAX_REMEMBERED {
            self.rested.insert(address, now + interval);
        }
        true
    }

    /// Forgets who has rested; a search of the whole, so eight times in the rate's time at the most.
    fn forget(&mut self, rate: AttemptRate, now: Instant) {
        if self.next_search.is_none_or(|next| next <= now) {
            self.rested.retain(|_, rested| *rested > now);
            self.next_search = Some(now + rate.within / 8);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: AttemptRate = AttemptRate { attempts: 3, within: Duration::from_secs(30) };

    #[test]
    fn so_many_at_once_and_then_one_by_one() {
        let (mut attempts, begin) = (Attempts::default(), Instant::now());
        let (one, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let mut allow = |address, seconds| attempts.allow(address, RATE, begin + Duration::from_secs(seconds));
        for (address, seconds, expected) in [
            (one, 0, true),
            (one, 0, true),
            (one, 0, true),
            (one, 0, false),
            (other, 0, true),
            (one, 9, false),
            (one, 10, true),
            (one, 10, false),
            (one, 30, true),
            (one, 30, true),
            (one, 30, false),
            (one, 1000, true),
            (one, 1000, true),
            (one, 1000, true),
            (one, 1000, false),
        ] {
            assert_eq!(allow(address, seconds), expected, "{address} after {seconds} s");
        }
    }

    #[test]
    fn memory_is_bounded() {
        let (mut attempts, begin) = (Attempts::default(), Instant::now());
        let addresses = || (0..u32::try_from(MAX_REMEMBERED).unwrap() + 1000).map(|n| IpAddr::from(n.to_be_bytes()));
        for address in addresses() {
            assert!(attempts.allow(address, RATE, begin));
        }
        assert_eq!(attempts.rested.len(), MAX_REMEMBERED);
        // All have rested by now: there is room for those that were not remembered.
        let later = begin + RATE.within;
        assert!(attempts.allow(addresses().next_back().unwrap(), RATE, later));
        assert_eq!(attempts.rested.len(), 1);
    }

    #[test]
    fn odd_rates_do_no_harm() {
        let (mut attempts, now) = (Attempts::default(), Instant::now());
        let address = IpAddr::from([192, 0, 2, 1]);
        let none = AttemptRate { attempts: 0, within: Duration::from_secs(30) };
        assert!(attempts.allow(address, none, now), "read as one");
        assert!(!attempts.allow(address, none, now));
        let at_once = AttemptRate { attempts: 5, within: Duration::ZERO };
        assert!((0..100).all(|_| attempts.allow(IpAddr::from([192, 0, 2, 2]), at_once, now)));
    }
}
