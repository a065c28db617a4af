//! The run as JSON, for programs.

use serde_json::{Value, json};

use super::Run;
use crate::coverage;
use crate::runner::Outcome;

/// One object with `server`, `totals`, `cases` and `rows`.
#[must_use]
pub fn json(run: &Run) -> String {
    let cases: Vec<Value> = run
        .reports
        .iter()
        .map(|report| {
            let case = report.case;
            let mut value = json!({
                "name": case.name,
                "document": case.document(),
                "section": case.section(),
                "level": case.level.name(),
                "rule": case.rule(),
                "rows": case.proves,
                "result": report.word(),
                "seconds": (report.took.as_secs_f64() * 1000.0).round() / 1000.0,
            });
            match &report.outcome {
                Outcome::Pass => {}
                Outcome::NotTried(reason) => value["reason"] = json!(reason),
                Outcome::Fail(why) => {
                    value["reason"] = json!(why);
                    value["dialogue"] = json!(report.dialogue.lines().collect::<Vec<_>>());
                }
            }
            value
        })
        .collect();
    let rows: Vec<Value> = coverage::rows()
        .iter()
        .map(|row| json!({ "row": row.id, "title": row.title, "result": run.row_result(&row.id) }))
        .collect();
    let totals = json!({
        "cases": run.reports.len(),
        "passed": run.count("pass"),
        "failed": run.count("FAIL"),
        "warnings": run.count("warning"),
        "optional_not_done": run.count("does not"),
        "not_tried": run.count("not tried"),
    });
    let whole = json!({ "server": run.server, "totals": totals, "cases": cases, "rows": rows });
    serde_json::to_string_pretty(&whole).unwrap_or_default() + "\n"
}
