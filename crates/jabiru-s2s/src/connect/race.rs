//! What to try next, and when: the schedule of a [`Connector`](super::Connector), without sockets and clocks.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use tokio::time::Instant;

use super::ConnectLimits;
use crate::resolve::ServerTarget;

/// The schedule of a race over the addresses of targets (RFC 8305 §5; RFC 2782).
///
/// [`poll`](Self::poll) says what to begin now, or until when to wait; the other methods take how that ended.
#[derive(Debug)]
pub(super) struct Race {
    limits: ConnectLimits,
    runners: Vec<Runner>,
    /// How many addresses may still be tried.
    attempts_left: usize,
    last_begun: Option<Instant>,
    /// Whether something ended since the last beginning, so that nothing is to be waited for.
    ended_since: bool,
}

#[derive(Debug)]
struct Runner {
    target: ServerTarget,
    resolution: Resolution,
    /// Addresses not tried yet.
    waiting: VecDeque<IpAddr>,
    /// Addresses being tried.
    trying: Vec<IpAddr>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Resolution {
    Needed,
    UnderWay,
    Done,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Find the addresses of the target of this number.
    Resolve(usize),
    /// Connect to this address of the target of this number.
    Dial(usize, SocketAddr),
    /// Wait for something to end, and until then at the most.
    Wait(Option<Instant>),
    /// Nothing is left.
    Exhausted,
}

impl Race {
    pub(super) fn new(targets: Vec<ServerTarget>, limits: ConnectLimits) -> Race {
        let runner =
            |target| Runner { target, resolution: Resolution::Needed, waiting: VecDeque::new(), trying: Vec::new() };
        let runners = targets.into_iter().map(runner).collect();
        Race { limits, runners, attempts_left: limits.max_attempts, last_begun: None, ended_since: false }
    }

    /// What to do at `now`. What it says to begin counts as begun.
    pub(super) fn poll(&mut self, now: Instant) -> Action {
        let may_dial = self.attempts_left > 0;
        let next = self
            .runners
            .iter()
            .position(|runner| runner.resolution == Resolution::Needed || (may_dial && !runner.waiting.is_empty()));
        let active = self.runners.iter().filter(|runner| runner.is_active());
        let first_active = active.map(|runner| runner.target.priority).min();
        let (next, due) = match (next.filter(|_| may_dial), first_active) {
            (None, None) => return Action::Exhausted,
            (None, Some(_)) => return Action::Wait(None),
            (Some(next), None) => (next, now),
            (Some(next), Some(active)) => (next, self.due(self.runners[next].target.priority, active, now)),
        };
        if due > now {
            return Action::Wait(Some(due));
        }
        self.last_begun = Some(now);
        self.ended_since = false;
        let runner = &mut self.runners[next];
        match runner.waiting.pop_front() {
            Some(address) => {
                self.attempts_left -= 1;
                runner.trying.push(address);
                Action::Dial(next, SocketAddr::new(address, runner.target.port))
            }
            None => {
                runner.resolution = Resolution::UnderWay;
                Action::Resolve(next)
            }
        }
    }

    /// When something for a target of this priority may begin, while something of priority `active` is under way.
    fn due(&self, priority: u16, active: u16, now: Instant) -> Instant {
        let last_begun = self.last_begun.unwrap_or(now);
        if priority > active {
            last_begun + self.limits.priority_delay
        } else if self.ended_since {
            now
        } else {
            last_begun + self.limits.attempt_delay
        }
    }

    /// The addresses of a target are known; none, if there are none. Gives those that will be tried.
    pub(super) fn resolved(&mut self, number: usize, mut addresses: Vec<IpAddr>) -> Vec<IpAddr> {
        addresses.truncate(self.limits.max_addresses);
        self.ended_since = true;
        let runner = &mut self.runners[number];
        runner.resolution = Resolution::Done;
        runner.waiting.extend(&addresses);
        addresses
    }

    /// An address did not answer, or said no.
    pub(super) fn failed(&mut self, number: usize, address: IpAddr) {
        self.ended_since = true;
        self.runners[number].trying.retain(|trying| *trying != address);
    }

    /// An address answered: the race is over. If that server turns out to be of no use, the race can go on without its target.
    pub(super) fn won(&mut self, number: usize) {
        let winner = &mut self.runners[number];
        winner.resolution = Resolution::Done;
        winner.waiting.clear();
        winner.trying.clear();
        self.rewind();
    }

    /// Nothing is under way any more: what was, and had not ended, is to begin anew.
    pub(super) fn rewind(&mut self) {
        self.last_begun = None;
        self.ended_since = false;
        for runner in &mut self.runners {
            if runner.resolution == Resolution::UnderWay {
                runner.resolution = Resolution::Needed;
            }
            for address in runner.trying.drain(..).rev() {
                runner.waiting.push_front(address);
                self.attempts_left += 1;
            }
        }
    }

    /// There is no time left: gives what was under way. Nothing is tried afterwards.
    pub(super) fn stop(&mut self) -> Vec<(usize, Option<SocketAddr>)> {
        let mut under_way = Vec::new();
        for (number, runner) in self.runners.iter_mut().enumerate() {
            if runner.resolution == Resolution::UnderWay {
                under_way.push((number, None));
            }
            runner.resolution = Resolution::Done;
            runner.waiting.clear();
            let port = runner.target.port;
            under_way.extend(runner.trying.drain(..).map(|address| (number, Some(SocketAddr::new(address, port)))));
        }
        under_way
    }

    pub(super) fn target(&self, number: usize) -> &ServerTarget {
        &self.runners[number].target
    }
}

impl Runner {
    fn is_active(&self) -> bool {
        self.resolution == Resolution::UnderWay || !self.trying.is_empty()
    }
}
