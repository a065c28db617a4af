//! Servers beside each other: the small table of the README, and the document with what others do otherwise.

use std::fmt::Write as _;

use super::Run;
use super::markdown::path;
use crate::case::Level;
use crate::peers::{Finding, Peers};
use crate::runner::Outcome;

/// A server of others, as the document shows it.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its name in `data/peers.toml`.
    pub name: &'static str,
    /// How it was run.
    pub configuration: &'static str,
    /// What came of that.
    pub run: Run,
}

/// How many cases have which result, a server on each line.
#[must_use]
pub fn comparison<'a>(runs: impl IntoIterator<Item = &'a Run>) -> String {
    let mut out = String::from(
        "| server | cases | passed | MUST broken | SHOULD not kept | MAY not done | not tried |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for run in runs {
        let count = |word| run.count(word);
        let (failed, warned) = (count("FAIL"), count("warning"));
        // Writing to a String can't fail.
        let _ = writeln!(
            out,
            "| {} | {} | {} | {failed} | {warned} | {} | {} |",
            run.server,
            run.reports.len(),
            count("pass"),
            count("does not"),
            count("not tried"),
        );
    }
    out
}

/// The document: the table, how they ran, and each failure with its sentence. Paths lead from `docs/conformance`.
#[must_use]
pub fn peers(ours: &Run, others: &[Peer], known: &Peers) -> String {
    let mut out = String::from(
        "# Servers beside each other\n\n\
         Made by `cargo xtask conformance --write-docs --against prosody --against ejabberd`; do not edit. What the\n\
         others do otherwise is kept in [peers.toml](../../tests/conformance/data/peers.toml): every failure has been\n\
         read against the RFC, and a run that differs from that list, in either direction, fails.\n\n",
    );
    out.push_str(&comparison(std::iter::once(ours).chain(others.iter().map(|peer| &peer.run))));
    out.push_str(
        "\nA SHOULD that Jabiru does not keep counts as a failure. Not tried is what a server has no configuration or\n\
         command for in this run: client certificates, short time-outs, small limits, disabled or moved accounts, a\n\
         drain. That says nothing about whether it could. A few verdicts on the others are not the same each time\n\
         (`by_chance`), so their numbers may differ by one or two between runs.\n\n## How the others ran\n\n",
    );
    // Writing to a String can't fail.
    for peer in others {
        let _ = writeln!(out, "- **{}**: {}", peer.run.server, peer.configuration);
    }
    for (level, title) in [(Level::Must, "What they have to do"), (Level::Should, "What they should do")] {
        let _ = writeln!(out, "\n## {title}, and do otherwise\n");
        let _ = writeln!(out, "Sections are RFC 6120's if no other document is named.\n");
        let names: Vec<&str> = others.iter().map(|peer| peer.run.server.as_str()).collect();
        let _ = writeln!(out, "| § | the sentence | {} | case |", names.join(" | "));
        let _ = writeln!(out, "|---|---|{}---|", "---|".repeat(others.len()));
        for report in ours.reports.iter().filter(|report| report.case.level == level) {
            let Some(finding) = known.finding.iter().find(|finding| finding.case == report.case.name) else { continue };
            let does: Vec<String> = others.iter().map(|peer| does(finding, peer)).collect();
            let _ = writeln!(
                out,
                "| {} | {} | {} | [{}]({}) |",
                finding.place().trim_start_matches('§'),
                cell(&finding.says),
                does.join(" | "),
                finding.case,
                path(report.case),
            );
        }
    }
    out.push_str("\n## What they may do, and do not\n\n");
    for peer in others {
        let not_done = peer.run.reports.iter().filter(|report| report.word() == "does not");
        let names: Vec<String> =
            not_done.map(|report| format!("[{}]({})", report.case.name, path(report.case))).collect();
        let names = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
        let _ = writeln!(out, "- **{}**: {names}", peer.run.server);
    }
    out
}

/// What a server does instead of what a sentence says.
fn does(finding: &Finding, peer: &Peer) -> String {
    match finding.does.get(peer.name) {
        Some(text) => cell(text),
        None => {
            let report = peer.run.reports.iter().find(|report| report.case.name == finding.case);
            match report.map(|report| &report.outcome) {
                Some(Outcome::NotTried(_)) => "*not tried*".to_owned(),
                _ => "keeps it".to_owned(),
            }
        }
    }
}

/// Text within a table, where only code may have `<` as it is.
fn cell(text: &str) -> String {
    let text = text.replace('|', "\\|").replace('\n', " ");
    let parts = text.split('`').enumerate();
    let parts = parts.map(|(place, part)| if place % 2 == 0 { part.replace('<', "&lt;") } else { part.to_owned() });
    parts.collect::<Vec<_>>().join("`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_in_its_cell() {
        assert_eq!(cell("a <b/> | c\nd `<e/>` <f/>"), "a &lt;b/> \\| c d `<e/>` &lt;f/>");
    }
}
