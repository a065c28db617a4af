//! When the certificate that a stream was authenticated with expires, the stream ends (RFC 6120 §13.7.2.3).

use std::time::{Duration, Instant, SystemTime};

/// The end of a certificate's time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expiry {
    at: SystemTime,
    /// When to look at the system's clock again.
    due: Instant,
}

impl Expiry {
    /// `now` and `clock` are the same moment.
    pub(crate) fn new(at: SystemTime, now: Instant, clock: SystemTime) -> Expiry {
        let mut expiry = Expiry { at, due: now };
        expiry.is_over(now, clock);
        expiry
    }

    /// When to call [`is_over`](Self::is_over).
    pub(crate) fn due(&self) -> Instant {
        self.due
    }

    /// Has it expired?
    pub(crate) fn is_over(&mut self, now: Instant, clock: SystemTime) -> bool {
        let left = self.at.duration_since(clock).unwrap_or_default();
        self.due = now + left.min(LOOK_AGAIN);
        left.is_zero()
    }
}

/// The system's clock may be set meanwhile.
const LOOK_AGAIN: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looked_at_again_until_it_is_over() {
        let (start, clock) = (Instant::now(), SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000));
        let seconds = Duration::from_secs;
        let mut expiry = Expiry::new(clock + seconds(5000), start, clock);
        for (passed, set, over, due) in
            [(3600, 0, false, 5000), (4000, 1000, true, 4000), (4000, 0, false, 5000), (5000, 0, true, 5000)]
        {
            assert_eq!(expiry.is_over(start + seconds(passed), clock + seconds(passed + set)), over, "{passed}");
            assert_eq!(expiry.due(), start + seconds(due), "{passed}");
        }
        assert_eq!(Expiry::new(clock - seconds(1), start, clock).due(), start);
    }
}
