//! When to try again (RFC 6120 §3.3).

use std::time::Duration;

use rand::{Rng, RngExt};

/// The pauses between attempts to reach a domain: each up to twice as long as the one before, with chance in it, so that
/// servers that lost each other at the same moment don't come back at the same moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackOff {
    /// The longest that the first pause may be.
    pub first: Duration,
    /// The longest that any may be.
    pub longest: Duration,
}

/// One second, and five minutes.
impl Default for BackOff {
    fn default() -> BackOff {
        BackOff { first: Duration::from_secs(1), longest: Duration::from_secs(300) }
    }
}

impl BackOff {
    /// The pause after so many failures in a row, of which there is one at least: between half of what it may be and all
    /// of it.
    pub fn pause(&self, failures: u32, rng: &mut impl Rng) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        let most = self.first.saturating_mul(1 << doublings).min(self.longest);
        let half = most / 2;
        half + Duration::from_secs_f64(half.as_secs_f64() * rng.random::<f64>())
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_differ() {
        let back_off = BackOff { first: Duration::from_secs(2), longest: Duration::from_secs(60) };
        let mut rng = StdRng::seed_from_u64(1);
        for (failures, most) in [(0, 2), (1, 2), (2, 4), (3, 8), (5, 32), (6, 60), (100, 60), (u32::MAX, 60)] {
            let pauses: Vec<Duration> = (0..50).map(|_| back_off.pause(failures, &mut rng)).collect();
            let most = Duration::from_secs(most);
            assert!(pauses.iter().all(|pause| (most / 2..=most).contains(pause)), "{failures}: {pauses:?}");
            assert!(pauses.windows(2).any(|pair| pair[0] != pair[1]), "{failures}");
        }
    }
}
