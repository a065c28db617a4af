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
    /// The last priority that it was the turn of.
    reached: Option<u16>,
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
        Race {
            limits,
            runners,
            attempts_left: limits.max_attempts,
            last_begun: None,
            ended_since: false,
            reached: None,
        }
    }

    /// What to do at `now`. What it says to begin counts as begun.
    pub(super) fn poll(&mut self, now: Instant) -> Action {
        let may_dial = self.attempts_left > 0;
        let next = self
            .runners
            .iter()
            .position(|runner| runner.resolution == Resolution::Needed || (may_dial && !runner.waiting.is_empty()));
        let is_waiting = self.runners.iter().any(Runner::is_active);
        let (next, due) = match (next.filter(|_| may_dial), is_waiting) {
            (None, false) => return Action::Exhausted,
            (None, true) => return Action::Wait(None),
            (Some(next), false) => (next, now),
            (Some(next), true) => (next, self.due(self.runners[next].target.priority, now)),
        };
        if due > now {
            return Action::Wait(Some(due));
        }
        self.last_begun = Some(now);
        self.ended_since = false;
        let runner = &mut self.runners[next];
        self.reached = self.reached.max(Some(runner.target.priority));
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

    /// When something for a target of this priority may begin, while something else is under way. The first thing for a
    /// priority waits longer than what follows for it.
    fn due(&self, priority: u16, now: Instant) -> Instant {
        let last_begun = self.last_begun.unwrap_or(now);
        if Some(priority) > self.reached {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::resolve::Host;

    const LIMITS: ConnectLimits = ConnectLimits {
        attempt_delay: Duration::from_millis(250),
        priority_delay: Duration::from_millis(2000),
        attempt_timeout: Duration::from_secs(10),
        total_timeout: Duration::from_secs(30),
        max_addresses: 3,
        max_attempts: 6,
    };

    /// A race between targets of these priorities, at an invented time.
    struct Course {
        race: Race,
        begun: Instant,
        now: Instant,
    }

    impl Course {
        fn new(priorities: &[u16]) -> Course {
            let target = |&priority| ServerTarget {
                host: Host::Name("host.example".to_owned()),
                port: 5269,
                direct_tls: false,
                priority,
                weight: 0,
                secure: false,
            };
            let now = Instant::now();
            let race = Race::new(priorities.iter().map(target).collect(), LIMITS);
            Course { race, begun: now, now }
        }

        fn at(&mut self, milliseconds: u64) -> &mut Course {
            self.now = self.begun + Duration::from_millis(milliseconds);
            self
        }

        fn resolves(&mut self, number: usize) -> &mut Course {
            assert_eq!(self.race.poll(self.now), Action::Resolve(number));
            self
        }

        fn finds(&mut self, number: usize, addresses: &[&str]) -> &mut Course {
            self.race.resolved(number, addresses.iter().map(|address| ip(address)).collect());
            self
        }

        fn dials(&mut self, number: usize, address: &str) -> &mut Course {
            assert_eq!(self.race.poll(self.now), Action::Dial(number, SocketAddr::new(ip(address), 5269)));
            self
        }

        fn waits_until(&mut self, milliseconds: u64) -> &mut Course {
            let until = self.begun + Duration::from_millis(milliseconds);
            assert_eq!(self.race.poll(self.now), Action::Wait(Some(until)));
            self
        }

        fn only_waits(&mut self) -> &mut Course {
            assert_eq!(self.race.poll(self.now), Action::Wait(None));
            self
        }

        fn fails(&mut self, number: usize, address: &str) -> &mut Course {
            self.race.failed(number, ip(address));
            self
        }

        fn wins(&mut self, number: usize) -> &mut Course {
            self.race.won(number);
            self
        }

        fn is_exhausted(&mut self) {
            assert_eq!(self.race.poll(self.now), Action::Exhausted);
        }
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// RFC 8305 §5.
    #[test]
    fn the_next_address_is_tried_after_a_delay_or_a_failure() {
        let mut course = Course::new(&[0]);
        course.resolves(0).only_waits().at(20).finds(0, &["::1", "127.0.0.1", "127.0.0.2"]).dials(0, "::1");
        course.waits_until(270).at(269).waits_until(270).at(270).dials(0, "127.0.0.1").waits_until(520);
        course.at(300).fails(0, "127.0.0.1").dials(0, "127.0.0.2").only_waits();
        course.at(400).fails(0, "::1").only_waits().fails(0, "127.0.0.2").is_exhausted();
    }

    /// RFC 2782: the next priority is for when this one can't be reached; within one, targets are equals.
    #[test]
    fn targets_of_another_priority_wait_longer() {
        let mut course = Course::new(&[10, 10, 20]);
        course.resolves(0).finds(0, &["127.0.0.1"]).dials(0, "127.0.0.1").waits_until(250);
        course.at(250).resolves(1).waits_until(2250).finds(1, &["127.0.0.2"]).dials(1, "127.0.0.2");
        course.waits_until(2250).at(2250).resolves(2).finds(2, &["127.0.0.3"]).dials(2, "127.0.0.3").only_waits();
    }

    #[test]
    fn a_target_without_addresses_is_passed_over_at_once() {
        let mut course = Course::new(&[10, 20]);
        course.resolves(0).finds(0, &[]).resolves(1).finds(1, &["127.0.0.1"]).dials(1, "127.0.0.1");
        course.fails(1, "127.0.0.1").is_exhausted();
    }

    /// A nameserver that is silent about one target does not hold up the others.
    #[test]
    fn a_lookup_that_hangs_is_overtaken() {
        let mut course = Course::new(&[10, 10]);
        course.resolves(0).at(250).resolves(1).finds(1, &["127.0.0.2"]).dials(1, "127.0.0.2").only_waits();
        course.at(300).finds(0, &["127.0.0.1"]).dials(0, "127.0.0.1");
    }

    #[test]
    fn the_race_goes_on_without_the_target_that_won() {
        let mut course = Course::new(&[10, 10]);
        course.resolves(0).finds(0, &["127.0.0.1", "127.0.0.2"]).dials(0, "127.0.0.1").at(250).dials(0, "127.0.0.2");
        course.at(500).resolves(1).finds(1, &["127.0.0.3", "127.0.0.4"]).dials(1, "127.0.0.3");
        // The other address of the first target is of no interest, but the one of the second that was under way is.
        course.wins(0).at(9000).dials(1, "127.0.0.3").fails(1, "127.0.0.3").dials(1, "127.0.0.4");
        course.wins(1).is_exhausted();
    }

    #[test]
    fn what_was_under_way_when_a_call_was_dropped_begins_anew() {
        let mut course = Course::new(&[10, 10]);
        course.resolves(0).finds(0, &["127.0.0.1"]).dials(0, "127.0.0.1").at(250).resolves(1);
        course.race.rewind();
        course.dials(0, "127.0.0.1").fails(0, "127.0.0.1").resolves(1);
    }

    #[test]
    fn addresses_and_attempts_are_bounded() {
        let mut course = Course::new(&[0, 0, 0]);
        let many = ["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"];
        for number in 0..2 {
            course.resolves(number).finds(number, &many);
            for address in &many[..3] {
                course.dials(number, address).fails(number, address);
            }
        }
        course.is_exhausted();
    }

    #[test]
    fn nothing_is_tried_when_the_time_is_over() {
        let mut course = Course::new(&[0, 0]);
        course.resolves(0).finds(0, &["127.0.0.1", "127.0.0.2"]).dials(0, "127.0.0.1").at(250).dials(0, "127.0.0.2");
        course.at(500).resolves(1);
        let address = |text| Some(SocketAddr::new(ip(text), 5269));
        assert_eq!(course.race.stop(), [(0, address("127.0.0.1")), (0, address("127.0.0.2")), (1, None)]);
        course.is_exhausted();
    }
}
