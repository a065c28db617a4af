//! The run as JUnit's XML, which pipelines show.

use std::fmt::Write as _;

use super::Run;
use crate::runner::Outcome;
use crate::tree::escape;

/// One test suite; what does not count against the server is no failure.
#[must_use]
pub fn junit(run: &Run) -> String {
    let mut out = String::from("<?xml version='1.0' encoding='UTF-8'?>\n");
    let seconds: f64 = run.reports.iter().map(|report| report.took.as_secs_f64()).sum();
    // Writing to a String can't fail.
    let _ = writeln!(
        out,
        "<testsuite name='{}' tests='{}' failures='{}' skipped='{}' time='{seconds:.3}'>",
        clean(&run.server),
        run.reports.len(),
        run.failures(),
        run.count("not tried"),
    );
    for report in &run.reports {
        let case = report.case;
        let class = format!("{} {}", case.document(), case.section());
        let _ = write!(
            out,
            "  <testcase classname='{}' name='{}' time='{:.3}'",
            clean(&class),
            case.name,
            report.took.as_secs_f64()
        );
        let _ = match &report.outcome {
            Outcome::Pass => writeln!(out, "/>"),
            Outcome::NotTried(reason) => writeln!(out, "><skipped message='{}'/></testcase>", clean(reason)),
            Outcome::Fail(why) if report.is_failure(run.strict) => writeln!(
                out,
                "><failure message='{}' type='{}'>{}</failure></testcase>",
                clean(why),
                case.level.name(),
                clean(&format!("{}\n{why}\n{}", case.rule(), report.dialogue)),
            ),
            Outcome::Fail(why) => {
                writeln!(out, "><system-out>{}</system-out></testcase>", clean(&format!("{}: {why}", report.word())))
            }
        };
    }
    out.push_str("</testsuite>\n");
    out
}

/// Text that may stand in XML: what a server said may hold anything.
fn clean(text: &str) -> String {
    let allowed = |character: &char| {
        matches!(character, '\t' | '\n' | '\r')
            || (*character >= ' ' && *character != '\u{fffe}' && *character != '\u{ffff}')
    };
    escape(&text.chars().filter(allowed).collect::<String>())
}
