//! A client that says nothing: is it still there? (RFC 6120 §4.6)
//!
//! TCP tells of a dead connection only to who sends. So a client that has been silent for a while is asked by a
//! ping (XEP-0199 §4.2), which also finds a broken stream over a connection that is alive; one that says
//! nothing at all in return is given up, before its resource has swallowed more messages.

use std::time::{Duration, Instant};

/// What is known of one client's silence. Time is passed in.
#[derive(Debug)]
pub(crate) struct Silence {
    idle_timeout: Duration,
    ping_timeout: Duration,
    heard: Instant,
    asked: bool,
    /// When to look again. Not moved by what is heard, so that a busy stream never touches its timer.
    due: Instant,
}

/// What to do when it is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Nothing: something was heard meanwhile.
    Wait,
    /// Ask whether the client is still there.
    Ask,
    /// Nothing came in answer: give it up.
    GiveUp,
}

impl Silence {
    /// Ask after `idle_timeout` of silence, give up after `ping_timeout` more.
    pub(crate) fn new(idle_timeout: Duration, ping_timeout: Duration, now: Instant) -> Silence {
        Silence { idle_timeout, ping_timeout, heard: now, asked: false, due: now + idle_timeout }
    }

    /// When to call [`check`](Self::check).
    pub(crate) fn due(&self) -> Instant {
        self.due
    }

    /// Something came in, be it only whitespace.
    pub(crate) fn heard(&mut self, now: Instant) {
        self.heard = now;
        self.asked = false;
    }

    pub(crate) fn check(&mut self, now: Instant) -> Due {
        let silent = now.saturating_duration_since(self.heard);
        let bound = if self.asked { self.idle_timeout + self.ping_timeout } else { self.idle_timeout };
        if silent < bound {
            self.due = self.heard + bound;
            Due::Wait
        } else if self.asked {
            Due::GiveUp
        } else {
            self.asked = true;
            self.due = now + self.ping_timeout;
            // Late timers must not shorten the time for the answer.
            self.heard = now - self.idle_timeout.min(silent);
            Due::Ask
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asked_once_and_given_up() {
        let start = Instant::now() + Duration::from_secs(1000);
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut silence = Silence::new(Duration::from_secs(100), Duration::from_secs(10), start);
        assert_eq!(silence.due(), at(100));
        silence.heard(at(70));
        assert_eq!(silence.due(), at(100), "the timer is not touched");
        assert_eq!(silence.check(at(100)), Due::Wait);
        assert_eq!(silence.due(), at(170));
        assert_eq!(silence.check(at(171)), Due::Ask);
        assert_eq!(silence.due(), at(181));
        assert_eq!(silence.check(at(175)), Due::Wait, "too early");
        silence.heard(at(180));
        assert_eq!(silence.check(at(181)), Due::Wait);
        assert_eq!(silence.check(at(280)), Due::Ask);
        assert_eq!(silence.check(at(290)), Due::GiveUp);
    }
}
