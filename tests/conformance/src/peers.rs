//! What other servers are known to do otherwise than RFC 6120 says, held against what a run has found.
//!
//! Each entry of `data/peers.toml` has been read against the RFC: it quotes the sentence that the server breaks and
//! tells what the server does instead. A failure without an entry is either new or a defect of the case.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::case::{Case, Level};
use crate::report::Run;
use crate::runner::{Outcome, Report};

/// `data/peers.toml`.
const DATA: &str = include_str!("../data/peers.toml");

/// All that is known.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Peers {
    /// The version of each server that the entries are about, as its package calls it.
    pub version: BTreeMap<String, String>,
    /// What they do otherwise, in the order of the cases.
    pub finding: Vec<Finding>,
}

/// One sentence, and what servers do instead.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// The case that shows it.
    pub case: String,
    /// Where the sentence is: `4.3.5`, or with its document where that is not RFC 6120: `RFC 5802 §6`.
    pub section: String,
    /// The sentence, shortened.
    pub says: String,
    /// What each server does instead, by its name.
    pub does: BTreeMap<String, String>,
    /// The servers that do so only sometimes, as `does` explains: every verdict is right.
    #[serde(default)]
    pub by_chance: BTreeSet<String>,
}

impl Peers {
    /// What is known.
    ///
    /// # Errors
    /// If the data file can't be read.
    pub fn load() -> Result<Peers> {
        toml_edit::de::from_str(DATA).context("data/peers.toml")
    }

    /// What is known of this server and case.
    #[must_use]
    pub fn finding(&self, server: &str, case: &Case) -> Option<&Finding> {
        self.finding.iter().find(|finding| finding.case == case.name && finding.does.contains_key(server))
    }

    /// Whatever a run has found otherwise than it is known, one a line; empty if nothing.
    #[must_use]
    pub fn differences(&self, server: &str, run: &Run) -> Vec<String> {
        run.reports.iter().filter_map(|report| self.difference(server, report)).collect()
    }

    fn difference(&self, server: &str, report: &Report) -> Option<String> {
        let name = report.case.name;
        let finding = self.finding(server, report.case);
        match (&report.outcome, finding) {
            (Outcome::Fail(_), None) if report.case.level == Level::May => None,
            (Outcome::Fail(_), None) => Some(format!("{name} fails, and peers.toml does not know of it")),
            (Outcome::Fail(_), Some(_)) | (Outcome::Pass | Outcome::NotTried(_), None) => None,
            (Outcome::Pass | Outcome::NotTried(_), Some(finding)) if finding.by_chance.contains(server) => None,
            (Outcome::Pass, Some(_)) => Some(format!("{name} passes, although peers.toml says that it fails")),
            (Outcome::NotTried(why), Some(_)) => {
                Some(format!("{name} was not tried ({why}), although peers.toml says that it fails"))
            }
        }
    }
}

impl Finding {
    /// Where the sentence is, with its document.
    #[must_use]
    pub fn place(&self) -> String {
        if self.section.contains('§') { self.section.clone() } else { format!("§{}", self.section) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_data_is_sound() {
        let peers = Peers::load().unwrap();
        let cases = crate::rfc6120::cases();
        let mut seen = BTreeSet::new();
        for finding in &peers.finding {
            let name = &finding.case;
            assert!(seen.insert(name), "{name} is there twice");
            let case = cases.iter().find(|case| case.name == *name).unwrap_or_else(|| panic!("no case {name}"));
            assert_ne!(case.level, Level::May, "{name} is a MAY, which nobody has to do");
            assert!(!finding.does.is_empty() && !finding.says.is_empty() && !finding.section.is_empty(), "{name}");
            for server in finding.does.keys().chain(&finding.by_chance) {
                assert!(peers.version.contains_key(server), "{name}: who is {server}?");
                assert!(finding.does.contains_key(server), "{name}: what does {server} do?");
            }
        }
    }

    #[test]
    fn new_failures_and_old_ones_that_have_gone_are_noticed() {
        let case = |level: Level| {
            let found = crate::rfc6120::cases().into_iter().find(|case| case.level == level);
            found.expect("there are cases of every level")
        };
        let fail = || Outcome::Fail("why".to_owned());
        let not_tried = || Outcome::NotTried("why".to_owned());
        for (level, outcome, listed, by_chance, quiet) in [
            (Level::Must, Outcome::Pass, false, false, true),
            (Level::Must, Outcome::Pass, true, false, false),
            (Level::Must, Outcome::Pass, true, true, true),
            (Level::Must, fail(), false, false, false),
            (Level::Must, fail(), true, false, true),
            (Level::Must, fail(), true, true, true),
            (Level::Should, fail(), false, false, false),
            (Level::Should, fail(), true, false, true),
            (Level::May, fail(), false, false, true),
            (Level::Must, not_tried(), false, false, true),
            (Level::Must, not_tried(), true, false, false),
            (Level::Must, not_tried(), true, true, true),
        ] {
            let case = case(level);
            let server = || "server".to_owned();
            let finding = Finding {
                case: case.name.to_owned(),
                section: "1".to_owned(),
                says: "says".to_owned(),
                does: BTreeMap::from([(server(), "does".to_owned())]),
                by_chance: by_chance.then(server).into_iter().collect(),
            };
            let finding = listed.then_some(finding).into_iter().collect();
            let peers = Peers { version: BTreeMap::from([(server(), "1".to_owned())]), finding };
            let report = Report { case, outcome, took: Duration::ZERO, dialogue: String::new() };
            let text = format!("{report:?} {listed} {by_chance}");
            let run = Run { server: "Server 1".to_owned(), reports: vec![report], strict: false };
            assert_eq!(peers.differences("server", &run).is_empty(), quiet, "{text}");
        }
    }
}
