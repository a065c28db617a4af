//! How fast the other side of a stream may send (RFC 6120 §13.12).
//!
//! By default one that is too fast is just read more slowly: TCP holds it back, and nobody else notices. Time is passed
//! in, once for each piece that was read.

use std::time::{Duration, Instant};

/// How much may come in how short a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// What may come each second in the long run; 0 counts as 1.
    pub per_second: u32,
    /// What may come at once after a long silence.
    pub burst: u32,
}

/// How fast one stream may be written to by its other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimits {
    /// Octets, below them those of whitespace.
    pub bytes: Option<Rate>,
    /// First-level elements.
    pub stanzas: Option<Rate>,
    /// What happens to one that is faster.
    pub on_excess: OnExcess,
}

/// What happens to who sends too fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnExcess {
    /// It is read more slowly.
    Slow,
    /// The stream ends with `policy-violation` (RFC 6120 §4.9.3.14).
    Close,
}

impl RateLimits {
    /// No bounds.
    pub const NONE: RateLimits = RateLimits { bytes: None, stanzas: None, on_excess: OnExcess::Slow };
}

/// 1 MB each second after 5 MB at once, 1,000 stanzas each second after 10,000; what is faster is read more slowly.
impl Default for RateLimits {
    fn default() -> RateLimits {
        RateLimits {
            bytes: Some(Rate { per_second: 1_000_000, burst: 5_000_000 }),
            stanzas: Some(Rate { per_second: 1_000, burst: 10_000 }),
            on_excess: OnExcess::Slow,
        }
    }
}

/// How one stream is to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// As it likes.
    Go,
    /// Not before this moment.
    Rest(Instant),
    /// Not at all.
    Close,
}

/// Measures one stream.
#[derive(Debug)]
pub struct Meter<'a> {
    limits: &'a RateLimits,
    bytes: Bucket,
    stanzas: Bucket,
}

/// A token bucket, kept as the moment at which it will be full again.
#[derive(Debug)]
struct Bucket {
    full_at: Instant,
}

impl Meter<'_> {
    /// Of a stream from which nothing was read yet.
    #[must_use]
    pub fn new(limits: &RateLimits, now: Instant) -> Meter<'_> {
        Meter { limits, bytes: Bucket { full_at: now }, stanzas: Bucket { full_at: now } }
    }

    /// Takes note of what was read at `now`, and says how to go on.
    pub fn read(&mut self, bytes: usize, stanzas: usize, now: Instant) -> Pace {
        let bytes = self.limits.bytes.map_or(Duration::ZERO, |rate| self.bytes.take(bytes, rate, now));
        let stanzas = self.limits.stanzas.map_or(Duration::ZERO, |rate| self.stanzas.take(stanzas, rate, now));
        match (bytes.max(stanzas), self.limits.on_excess) {
            (Duration::ZERO, _) => Pace::Go,
            (rest, OnExcess::Slow) => Pace::Rest(now + rest),
            (_, OnExcess::Close) => Pace::Close,
        }
    }
}

impl Bucket {
    /// Takes out `count`, even if that is more than there is; gives how long until the debt is paid.
    fn take(&mut self, count: usize, rate: Rate, now: Instant) -> Duration {
        self.full_at = self.full_at.max(now) + time_for(count as u64, rate);
        (self.full_at - now).saturating_sub(time_for(u64::from(rate.burst), rate))
    }
}

/// How long it takes to fill in so many.
fn time_for(count: u64, rate: Rate) -> Duration {
    Duration::from_nanos(count.saturating_mul(1_000_000_000) / u64::from(rate.per_second.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(on_excess: OnExcess) -> RateLimits {
        RateLimits {
            bytes: Some(Rate { per_second: 100, burst: 500 }),
            stanzas: Some(Rate { per_second: 2, burst: 4 }),
            on_excess,
        }
    }

    /// Each row goes on where the one before it ended; times in milliseconds.
    #[test]
    fn bursts_are_free_and_the_rest_is_paid_in_time() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let limits = limits(OnExcess::Slow);
        let mut meter = Meter::new(&limits, start);
        for (now, bytes, stanzas, expected) in [
            (0, 500, 0, Pace::Go),
            (0, 10, 0, Pace::Rest(at(100))),
            (100, 0, 0, Pace::Go),
            // One second brings 100 bytes back.
            (1_100, 100, 0, Pace::Go),
            (1_100, 50, 0, Pace::Rest(at(1_600))),
            // Not more than the burst is saved up.
            (1_000_000, 0, 4, Pace::Go),
            (1_000_000, 0, 1, Pace::Rest(at(1_000_500))),
            // The longer of the two counts.
            (2_000_000, 510, 6, Pace::Rest(at(2_001_000))),
        ] {
            assert_eq!(meter.read(bytes, stanzas, at(now)), expected, "{now}: {bytes} bytes, {stanzas} stanzas");
        }
    }

    #[test]
    fn limits_that_close_or_are_none() {
        let start = Instant::now();
        let closing = limits(OnExcess::Close);
        let mut closing = Meter::new(&closing, start);
        assert_eq!(closing.read(500, 4, start), Pace::Go);
        assert_eq!(closing.read(0, 1, start), Pace::Close);
        let mut unbounded = Meter::new(&RateLimits::NONE, start);
        assert_eq!(unbounded.read(usize::MAX, usize::MAX, start), Pace::Go);
        let odd = RateLimits { bytes: Some(Rate { per_second: 0, burst: 0 }), ..RateLimits::NONE };
        assert_eq!(Meter::new(&odd, start).read(3, 0, start), Pace::Rest(start + Duration::from_secs(3)));
    }
}
