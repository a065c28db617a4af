//! The table that people read, and the failures with their dialogues.

use std::fmt::Write as _;

use crate::runner::{Outcome, Report};

/// Every case on a line, then each that did not pass with its rule, what went wrong, and the dialogue; totals.
#[must_use]
pub fn table(server: &str, reports: &[Report], strict: bool) -> String {
    let mut out = String::new();
    let widths = [
        reports.iter().map(|report| report.case.section().len()).max().unwrap_or(0),
        reports.iter().map(|report| report.case.name.len()).max().unwrap_or(0),
    ];
    // Writing to a String can't fail.
    for report in reports {
        let (section, name, level) = (report.case.section(), report.case.name, report.case.level.name());
        let _ = write!(out, "{section:0$}  {name:1$}  {level:6}  {2}", widths[0], widths[1], report.word());
        let _ = match &report.outcome {
            Outcome::NotTried(reason) => writeln!(out, ": {reason}"),
            Outcome::Pass | Outcome::Fail(_) => writeln!(out),
        };
    }
    for report in reports {
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
    let _ = writeln!(out, "\n{}", totals(server, reports, strict));
    out
}

/// One line of numbers.
#[must_use]
pub(crate) fn totals(server: &str, reports: &[Report], strict: bool) -> String {
    let count = |word: &str| reports.iter().filter(|report| report.word() == word).count();
    let failures = reports.iter().filter(|report| report.is_failure(strict)).count();
    format!(
        "{server}: {} cases, {} passed, {} failed, {} warnings, {} optional and not done, {} not tried; {failures} count",
        reports.len(),
        count("pass"),
        count("FAIL"),
        count("warning"),
        count("does not"),
        count("not tried"),
    )
}
