//! A client that says nothing: is it still there? (RFC 6120 §4.6)
//!
//! TCP tells of a dead connection only to who sends. So a client that has been silent for a while is sent whitespace,
//! which TCP must get acknowledged (§4.6.1), or asked by a ping (XEP-0199 §4.2), which also finds a broken stream over a
//! connection that is alive (§4.6.2); one that says nothing at all in return is given up, before its resource has
//! swallowed more messages. An idle client that answers stays (§4.6.3). Each check is optional.

use std::time::{Duration, Instant};

/// What is known of one client's silence. Time is passed in.
#[derive(Debug)]
pub(crate) struct Silence<'a> {
    checks: &'a Checks,
    heard: Instant,
    /// When whitespace was sent last.
    touched: Instant,
    /// When the ping was sent that is not answered.
    asked: Option<Instant>,
    /// When to look again. Not moved by what is heard, so that a busy stream never touches its timer.
    due: Option<Instant>,
}

/// Which checks there are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Checks {
    /// Send whitespace after so much silence, and again after as much more.
    pub(crate) whitespace: Option<Duration>,
    /// Ask after so much silence.
    pub(crate) ask: Option<Duration>,
    /// Give up if for so long no answer comes.
    pub(crate) answer: Duration,
}

/// What to do when it is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Nothing: something was heard meanwhile.
    Wait,
    /// Send whitespace.
    Touch,
    /// Ask whether the client is still there.
    Ask,
    /// Nothing came in answer: give it up.
    GiveUp,
}

impl Silence<'_> {
    pub(crate) fn new(checks: &Checks, now: Instant) -> Silence<'_> {
        let mut silence = Silence { checks, heard: now, touched: now, asked: None, due: None };
        silence.due = silence.next_due();
        silence
    }

    /// When to call [`check`](Self::check).
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Something came in, be it only whitespace.
    pub(crate) fn heard(&mut self, now: Instant) {
        self.heard = now;
        self.asked = None;
    }

    /// Looks what is to be done. `sending`: something still waits to be sent, so that the client may not have got
    /// what it is to answer, and may not have been read from (a connection with much to send does not read). That
    /// time does not count against it; a socket that takes nothing is given up elsewhere.
    pub(crate) fn check(&mut self, now: Instant, sending: bool) -> Due {
        if sending {
            self.heard = self.heard.max(now);
            self.asked = self.asked.map(|_| now);
        }
        let due = if self.next_due().is_none_or(|due| due > now) {
            Due::Wait
        } else if self.give_up_at().is_some_and(|at| at <= now) {
            Due::GiveUp
        } else if self.ask_at().is_some_and(|at| at <= now) {
            self.asked = Some(now);
            Due::Ask
        } else {
            self.touched = now;
            Due::Touch
        };
        self.due = self.next_due();
        due
    }

    fn next_due(&self) -> Option<Instant> {
        [self.touch_at(), self.ask_at(), self.give_up_at()].into_iter().flatten().min()
    }

    fn touch_at(&self) -> Option<Instant> {
        self.checks.whitespace.map(|interval| self.heard.max(self.touched) + interval)
    }

    fn ask_at(&self) -> Option<Instant> {
        self.checks.ask.filter(|_| self.asked.is_none()).map(|after| self.heard + after)
    }

    fn give_up_at(&self) -> Option<Instant> {
        self.asked.map(|asked| asked + self.checks.answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// What happens at a second, and what comes of it.
    enum Step {
        Heard,
        /// Whether something waits to be sent; what is to be done; when it is due again.
        Check(bool, Due, Option<u32>),
    }
    use Step::{Check, Heard};

    fn play(whitespace: Option<u32>, ask: Option<u32>, steps: &[(u32, Step)]) {
        let start = Instant::now();
        let checks = Checks {
            whitespace: whitespace.map(|seconds| seconds * SECOND),
            ask: ask.map(|seconds| seconds * SECOND),
            answer: 10 * SECOND,
        };
        let mut silence = Silence::new(&checks, start);
        for (second, step) in steps {
            let now = start + *second * SECOND;
            match step {
                Heard => silence.heard(now),
                Check(sending, due, next) => {
                    assert_eq!(silence.check(now, *sending), *due, "at {second}");
                    assert_eq!(silence.due(), next.map(|next| start + next * SECOND), "after {second}");
                }
            }
        }
    }

    #[test]
    fn asked_once_and_given_up() {
        play(
            None,
            Some(100),
            &[
                (70, Heard),
                (100, Check(false, Due::Wait, Some(170))),
                (171, Check(false, Due::Ask, Some(181))),
                (175, Check(false, Due::Wait, Some(181))),
                (180, Heard),
                (181, Check(false, Due::Wait, Some(280))),
                (280, Check(false, Due::Ask, Some(290))),
                (290, Check(false, Due::GiveUp, Some(290))),
            ],
        );
    }

    #[test]
    fn whitespace_in_between() {
        play(
            Some(40),
            Some(100),
            &[
                (40, Check(false, Due::Touch, Some(80))),
                (60, Heard),
                (80, Check(false, Due::Wait, Some(100))),
                (100, Check(false, Due::Touch, Some(140))),
                (140, Check(false, Due::Touch, Some(160))),
                (160, Check(false, Due::Ask, Some(170))),
                (170, Check(false, Due::GiveUp, Some(170))),
            ],
        );
        play(Some(40), None, &[(40, Check(false, Due::Touch, Some(80))), (80, Check(false, Due::Touch, Some(120)))]);
    }

    #[test]
    fn no_checks_at_all() {
        play(None, None, &[(1_000_000, Check(false, Due::Wait, None))]);
    }

    /// What the client could not hear, or was not listened to, is not held against it.
    #[test]
    fn time_without_reading_does_not_count() {
        play(
            None,
            Some(100),
            &[
                (100, Check(true, Due::Wait, Some(200))),
                (200, Check(false, Due::Ask, Some(210))),
                (210, Check(true, Due::Wait, Some(220))),
                (220, Check(false, Due::GiveUp, Some(220))),
            ],
        );
    }
}
