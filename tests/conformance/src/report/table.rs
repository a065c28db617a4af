//! The table that people read, and the failures with their dialogues.

use std::fmt::Write as _;

use super::Run;
use crate::case::Case;
use crate::runner::Outcome;

/// Every case on a line, then each that did not pass and is not `known` for that with its rule, what went wrong, and the
/// dialogue; totals.
#[must_use]
pub fn table(run: &Run, known: impl Fn(&Case) -> bool) -> String {
    let mut out = String::new();
    let width = |length: fn(&crate::runner::Report) -> usize| run.reports.iter().map(length).max().unwrap_or(0);
    let widths = [width(|report| report.case.section().len()), width(|report| report.case.name.len())];
    // Writing to a String can't fail.
    for report in &run.reports {
        let case = report.case;
        let (section, name, level) = (case.section(), case.name, case.level.name());
        let _ = write!(out, "{section:0$}  {name:1$}  {level:6}  {2:9}", widths[0], widths[1], report.word());
        let _ = match &report.outcome {
            Outcome::NotTried(reason) => writeln!(out, "  ({reason})"),
            Outcome::Pass | Outcome::Fail(_) => writeln!(out, "  {}", case.proves.join(", ")),
        };
    }
    out.push_str(&failures_but(run, known));
    let _ = writeln!(out, "\n{}", run.totals());
    out
}

/// Each case that did not pass with its rule, what went wrong, and the dialogue.
#[must_use]
pub fn failures(run: &Run) -> String {
    failures_but(run, |_| false)
}

fn failures_but(run: &Run, known: impl Fn(&Case) -> bool) -> String {
    let mut out = String::new();
    // Writing to a String can't fail.
    for report in run.reports.iter().filter(|report| !known(report.case)) {
        if let Outcome::Fail(why) = &report.outcome {
            let case = report.case;
            let _ = writeln!(out, "\n{}: {} ({})", report.word(), case.name, case.level.name());
            let _ = writeln!(out, "  {}\n  rows: {}", case.rule(), case.proves.join(", "));
            let _ = writeln!(out, "  {}", why.replace('\n', "\n  "));
            let _ = writeln!(out, "  the dialogue ({:.1} s):", report.took.as_secs_f64());
            for line in report.dialogue.lines() {
                let _ = writeln!(out, "    {line}");
            }
        }
    }
    out
}
