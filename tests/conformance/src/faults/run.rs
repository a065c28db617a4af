//! Runs the faults: each has to be found.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::Fault;
use crate::case::{Case, Need};
use crate::runner::{Judged, Options, Outcome, run_case};

/// How many faults are tried at once.
const PARALLEL: usize = 8;

/// What came of a fault.
#[derive(Debug)]
pub struct Found {
    /// The fault.
    pub fault: &'static Fault,
    /// The first case that failed because of it, and what that said; `None` if none did.
    pub by: Option<(&'static Case, String)>,
    /// How many cases were tried.
    pub tried: usize,
}

/// Tries each fault on the cases, those of its section first, until one fails that passes without the fault.
pub fn run(
    judged: &Judged,
    faults: &[&'static Fault],
    cases: &[&'static Case],
    options: Options,
    told: impl Fn(&Found) + Sync,
) -> Vec<Found> {
    let queue: Mutex<VecDeque<&'static Fault>> = Mutex::new(faults.iter().copied().collect());
    let results = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..PARALLEL.min(options.threads) {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                    let Some(fault) = next else { return };
                    let found = try_fault(judged, fault, cases, options);
                    told(&found);
                    results.lock().unwrap_or_else(PoisonError::into_inner).push(found);
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    let place = |found: &Found| faults.iter().position(|fault| fault.name == found.fault.name);
    results.sort_by_key(place);
    results
}

fn try_fault(judged: &Judged, fault: &'static Fault, cases: &[&'static Case], options: Options) -> Found {
    let hasty = Options { patience: options.patience * HASTE, ..options };
    let mut ordered: Vec<&'static Case> = cases.to_vec();
    // The fault's own section first, and in it what needs no server of its own and no time-outs.
    ordered.sort_by_key(|case| (!case.belongs_to(fault.section), cost(case)));
    for (index, case) in ordered.iter().enumerate() {
        let report = run_case(judged, case, hasty, Some(fault));
        let Outcome::Fail(why) = report.outcome else { continue };
        // A case that fails without the fault has found nothing.
        if run_case(judged, case, options, None).outcome == Outcome::Pass {
            return Found { fault, by: Some((case, why)), tried: index + 1 };
        }
    }
    Found { fault, by: None, tried: ordered.len() }
}

/// What a fault holds back will not come however long it is waited for.
const HASTE: f64 = 0.4;

fn cost(case: &Case) -> usize {
    let slow = [Need::ShortTimeouts, Need::ServersShortTimeouts, Need::Alone];
    case.needs.iter().filter(|need| slow.contains(need)).count()
}

/// A line for each fault with the case that found it.
#[must_use]
pub fn table(found: &[Found]) -> String {
    let mut out = String::new();
    let width = found.iter().map(|found| found.fault.name.len()).max().unwrap_or(0);
    // Writing to a String can't fail.
    for Found { fault, by, tried } in found {
        let _ = match by {
            Some((case, why)) => writeln!(
                out,
                "{:width$}  {:8}  found by {} ({tried} tried): {}",
                fault.name,
                fault.section,
                case.name,
                why.lines().next().unwrap_or_default()
            ),
            None => {
                writeln!(out, "{:width$}  {:8}  NOT FOUND ({tried} tried): {}", fault.name, fault.section, fault.what)
            }
        };
    }
    let missed = found.iter().filter(|found| found.by.is_none()).count();
    let _ = writeln!(out, "\n{} faults, {} found, {missed} not found", found.len(), found.len() - missed);
    out
}
