//! The document with every row, what shows it, and how that went.

use std::fmt::Write as _;

use super::Run;
use crate::case::Case;
use crate::coverage::{self, Elsewhere, Row};

/// Every section and feature with its result, its cases and what else shows it. Paths lead from `docs/conformance`.
#[must_use]
pub fn markdown(run: &Run) -> String {
    let rows = coverage::rows();
    // What can't be read shows nothing here; `docs_covered` says why.
    let elsewhere = coverage::elsewhere().unwrap_or_default();
    let (features, sections): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| row.is_feature());
    let mut out = String::new();
    // Writing to a String can't fail.
    let _ = writeln!(out, "# RFC 6120, row by row: {}\n", run.server);
    out.push_str(
        "Made by `cargo xtask conformance --write-docs`; do not edit. A row passes if all of its cases do; where no\n",
    );
    out.push_str("conversation can show a row, the test or document that does is named (\"elsewhere\").\n\n");
    let _ = writeln!(out, "{}.\n", run.totals());
    out.push_str("## Sections\n\n| section | title | result | shown by |\n|---|---|---|---|\n");
    for row in sections {
        let (result, shown) = (result(run, row, &elsewhere), shown_by(run, row, &elsewhere));
        let _ = writeln!(out, "| {} | {} | {result} | {shown} |", row.id, row.title);
    }
    out.push_str(
        "\n## Features of section 15\n\n| feature | section | roles | result | shown by |\n|---|---|---|---|---|\n",
    );
    for row in features {
        let (result, shown) = (result(run, row, &elsewhere), shown_by(run, row, &elsewhere));
        let _ = writeln!(out, "| {} | {} | {} | {result} | {shown} |", row.id, row.section, row.title);
    }
    out
}

fn result(run: &Run, row: &Row, elsewhere: &[Elsewhere]) -> &'static str {
    let entries: Vec<&Elsewhere> = elsewhere.iter().filter(|entry| entry.rows.contains(&row.id)).collect();
    match run.row_result(&row.id) {
        Some(word) => word,
        None if entries.iter().any(|entry| entry.not_yet) => "not yet",
        None if !entries.is_empty() => "elsewhere",
        None => "**nothing**",
    }
}

fn shown_by(run: &Run, row: &Row, elsewhere: &[Elsewhere]) -> String {
    let mut parts = Vec::new();
    for report in run.reports.iter().filter(|report| report.case.proves.contains(&row.id.as_str())) {
        let link = format!("[{}]({})", report.case.name, path(report.case));
        parts.push(match report.word() {
            "pass" => link,
            word => format!("{link} ({word})"),
        });
    }
    for entry in elsewhere.iter().filter(|entry| entry.rows.contains(&row.id)) {
        let (name, path) = entry.target();
        parts.push(format!("[{name}](../../{path}): {}", entry.why));
    }
    parts.join("<br>")
}

/// The file of a case, as seen from `docs/conformance`.
pub(super) fn path(case: &Case) -> String {
    format!("../../{}", case.file)
}
