//! Runs cases, many at once, and never longer than their bounds.

use std::any::Any;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::{TcpStream, ToSocketAddrs};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, Once, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::case::{Case, Level, Need};
use crate::faults::{Fault, Memory};
use crate::subject::{NotTried, Site, Subject};

/// The longest that a case may take, before it is multiplied by the patience.
const BOUND: Duration = Duration::from_secs(40);

/// How long the first connection may take.
const CONNECT: Duration = Duration::from_secs(10);

/// How much longer than that it is waited for: its own reads end before.
const GRACE: Duration = Duration::from_secs(10);

/// Which server is judged.
pub enum Judged {
    /// One that the suite starts, as often as cases ask for.
    Started(Box<dyn Start>),
    /// One that runs already.
    Other(Arc<Site>),
}

/// Starts servers of one kind.
pub trait Start: Send + Sync {
    /// What it is called in reports.
    fn name(&self) -> String;

    /// Is it ours, so that a SHOULD that it does not keep is a failure?
    fn is_ours(&self) -> bool;

    /// The server of this profile that all cases share, started if it does not run yet; `None` if it can't be
    /// configured so.
    ///
    /// # Errors
    /// If it does not start.
    fn shared(&self, profile: Option<Need>) -> Result<Option<Arc<Site>>>;

    /// A server of this profile that nobody else uses.
    ///
    /// # Errors
    /// If it does not start.
    fn own(&self, profile: Option<Need>) -> Result<Option<Arc<Site>>>;
}

/// How to run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// By how much every wait is longer than usual.
    pub patience: f64,
    /// How many cases run at once.
    pub threads: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options { patience: 1.0, threads: 16 }
    }
}

/// What came of a case.
#[derive(Clone, Debug)]
pub struct Report {
    /// The case.
    pub case: &'static Case,
    /// Its result.
    pub outcome: Outcome,
    /// How long it took.
    pub took: Duration,
    /// Everything that was said, if it did not pass.
    pub dialogue: String,
}

/// A result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The server keeps the rule.
    Pass,
    /// It breaks it, in the way that the text tells.
    Fail(String),
    /// The case was not tried, for the reason that the text tells.
    NotTried(String),
}

impl Report {
    fn not_tried(case: &'static Case, reason: &str) -> Report {
        let outcome = Outcome::NotTried(reason.to_owned());
        Report { case, outcome, took: Duration::ZERO, dialogue: String::new() }
    }

    /// Does it count against the server? A MAY never does; a SHOULD does if `strict`.
    #[must_use]
    pub fn is_failure(&self, strict: bool) -> bool {
        let binds = match self.case.level {
            Level::Must => true,
            Level::Should => strict,
            Level::May => false,
        };
        binds && matches!(self.outcome, Outcome::Fail(_))
    }

    /// The result in a word or two.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match (&self.outcome, self.case.level) {
            (Outcome::Pass, _) => "pass",
            (Outcome::Fail(_), Level::Must) => "FAIL",
            (Outcome::Fail(_), Level::Should) => "warning",
            (Outcome::Fail(_), Level::May) => "does not",
            (Outcome::NotTried(_), _) => "not tried",
        }
    }
}

impl std::fmt::Debug for Judged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Judged").field(&self.name()).finish()
    }
}

impl Judged {
    /// What the server is called.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Judged::Started(start) => start.name(),
            Judged::Other(site) => site.name.clone(),
        }
    }

    /// Does a SHOULD that is not kept count as a failure?
    #[must_use]
    pub fn is_strict(&self) -> bool {
        matches!(self, Judged::Started(start) if start.is_ours())
    }

    /// Can the server be reached at all? If not, every case would fail for that alone.
    ///
    /// # Errors
    /// If it does not start, or nobody listens.
    pub fn check(&self) -> Result<()> {
        let site = match self {
            Judged::Started(start) => start.shared(None)?.context("the server can't be started")?,
            Judged::Other(site) => Arc::clone(site),
        };
        let addresses = site.starttls.to_socket_addrs().with_context(|| format!("can't find {}", site.starttls))?;
        let reached = addresses.into_iter().any(|address| TcpStream::connect_timeout(&address, CONNECT).is_ok());
        ensure!(reached, "nobody listens on {}", site.starttls);
        Ok(())
    }

    /// The server for a case, or why there is none.
    fn site(&self, case: &Case) -> Result<Arc<Site>, Outcome> {
        let site = match self {
            Judged::Started(start) if case.needs.contains(&Need::Alone) => start.own(case.profile()),
            Judged::Started(start) => start.shared(case.profile()),
            Judged::Other(site) => Ok(Some(Arc::clone(site))),
        };
        let missing = |need: Need| Outcome::NotTried(format!("the server has no {}", need.name()));
        match site {
            Err(error) => Err(Outcome::Fail(format!("{error:#}"))),
            Ok(None) => Err(missing(case.profile().unwrap_or(Need::Alone))),
            Ok(Some(site)) => match case.needs.iter().find(|need| !site.has(**need)) {
                Some(need) => Err(missing(*need)),
                None => Ok(site),
            },
        }
    }
}

/// Runs `cases` and reports each, in their order; `told` hears of each as it ends.
pub fn run(judged: &Judged, cases: &[&'static Case], options: Options, told: impl Fn(&Report) + Sync) -> Vec<Report> {
    // A server that we start is started anew for a case that wants it alone; with any other that has to wait.
    let (alone, together): (Vec<_>, Vec<_>) = cases
        .iter()
        .copied()
        .enumerate()
        .partition(|(_, case)| matches!(judged, Judged::Other(_)) && case.needs.contains(&Need::Alone));
    let parallel = match judged {
        Judged::Started(_) => None,
        Judged::Other(site) => site.parallel_cases(),
    };
    let threads = parallel.map_or(options.threads, |cases| cases.min(options.threads)).max(1);
    // Nobody starts again what a case has stopped.
    let (last, alone): (Vec<_>, Vec<_>) = alone.into_iter().partition(|(_, case)| case.ends_the_server());
    let results = Mutex::new(Vec::with_capacity(cases.len()));
    for (batch, threads) in [(together, threads), (alone, 1)] {
        let queue = Mutex::new(VecDeque::from(batch));
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    loop {
                        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                        let Some((place, case)) = next else { return };
                        let report = run_case(judged, case, options, None);
                        told(&report);
                        results.lock().unwrap_or_else(PoisonError::into_inner).push((place, report));
                    }
                });
            }
        });
    }
    let mut ended = false;
    for (place, case) in last {
        let report = if ended {
            Report::not_tried(case, "the server was ended by a case before")
        } else {
            run_case(judged, case, options, None)
        };
        ended |= !matches!(report.outcome, Outcome::NotTried(_));
        told(&report);
        results.lock().unwrap_or_else(PoisonError::into_inner).push((place, report));
    }
    if let Judged::Other(site) = judged {
        site.remove_made_accounts();
    }
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(place, _)| *place);
    results.into_iter().map(|(_, report)| report).collect()
}

/// Runs one case, with a fault in what the server sends if one is given.
pub fn run_case(judged: &Judged, case: &'static Case, options: Options, fault: Option<&'static Fault>) -> Report {
    let start = Instant::now();
    let (outcome, dialogue) = match judged.site(case) {
        Ok(site) => {
            let bound = BOUND.mul_f64(options.patience.max(1.0));
            let memory = Arc::new(Mutex::new(Memory::new()));
            let subject = Subject::new(site, options.patience, bound, fault.map(|fault| (fault, memory)));
            let outcome = run_in_thread(case, &subject, bound + GRACE);
            let dialogue = if outcome == Outcome::Pass { String::new() } else { subject.dialogue().text() };
            (outcome, dialogue)
        }
        Err(outcome) => (outcome, String::new()),
    };
    Report { case, outcome, took: start.elapsed(), dialogue }
}

/// Runs the case in a thread of its own, which is left behind if it does not end.
fn run_in_thread(case: &'static Case, subject: &Subject, bound: Duration) -> Outcome {
    quiet_panics();
    let (sender, receiver) = mpsc::channel();
    let in_thread = subject.clone();
    let spawned = thread::Builder::new().name(format!("{THREAD}{}", case.name)).spawn(move || {
        let result = catch_unwind(AssertUnwindSafe(|| (case.run)(&in_thread)));
        let outcome = match result {
            Ok(()) => Outcome::Pass,
            Err(payload) => outcome_of(payload.as_ref()),
        };
        in_thread.release();
        // Whoever waited too long does not listen any more.
        let _ = sender.send(outcome);
    });
    if let Err(error) = spawned {
        return Outcome::Fail(format!("no thread: {error}"));
    }
    receiver
        .recv_timeout(bound)
        .unwrap_or_else(|_| Outcome::Fail(format!("the case did not end within {} s", bound.as_secs())))
}

/// What a panic means.
fn outcome_of(payload: &(dyn Any + Send)) -> Outcome {
    if let Some(NotTried(reason)) = payload.downcast_ref() {
        return Outcome::NotTried(reason.clone());
    }
    let text = match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (None, Some(text)) => text.clone(),
        (None, None) => "a panic without words".to_owned(),
    };
    let place = PLACE.with(|place| place.borrow_mut().take());
    Outcome::Fail(place.map_or(text.clone(), |place| format!("{text}\n  at {place}")))
}

/// How the threads of cases are called.
const THREAD: &str = "case ";

thread_local! {
    /// Where the last panic of this thread was.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Has the panics of cases say nothing, but remember where they were.
fn quiet_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if thread::current().name().is_some_and(|name| name.starts_with(THREAD)) {
                PLACE.with(|place| *place.borrow_mut() = panic.location().map(ToString::to_string));
            } else {
                before(panic);
            }
        }));
    });
}
