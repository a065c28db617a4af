//! The rows that a run is held against, and what shows those that no conversation can show.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::case::Case;

/// `data/rows.toml`.
const ROWS: &str = include_str!("../data/rows.toml");
/// `data/elsewhere.toml`.
const ELSEWHERE: &str = include_str!("../data/elsewhere.toml");

/// A section of RFC 6120, or a feature of its section 15.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// `4.9.3.1`, `Appendix A`, `sasl-errors`.
    pub id: String,
    /// The section's title, or what the feature asks of clients and servers.
    pub title: String,
    /// Where a feature comes from; empty for a section.
    pub section: String,
}

impl Row {
    /// Is it a feature of section 15?
    #[must_use]
    pub fn is_feature(&self) -> bool {
        !self.section.is_empty()
    }
}

/// What shows rows that no case can show, or shows more of them than cases can.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Elsewhere {
    /// The rows.
    pub rows: Vec<String>,
    /// A test: `path/from/the/root.rs::name_of_the_function`.
    #[serde(default)]
    pub test: Option<String>,
    /// A part of a document: `path/from/the/root.md#anchor`.
    #[serde(default)]
    pub document: Option<String>,
    /// What it shows, or why no case can.
    pub why: String,
    /// Is the rule not kept yet? The document says what is missing.
    #[serde(default)]
    pub not_yet: bool,
}

#[derive(Deserialize)]
struct RowsFile {
    rows: Vec<(String, String)>,
    features: Vec<(String, String, String)>,
}

#[derive(Deserialize)]
struct ElsewhereFile {
    #[serde(default)]
    entry: Vec<Elsewhere>,
}

/// All rows: the sections in the order of the document, then the features.
///
/// # Panics
/// If the data file can't be read, which a test excludes.
#[must_use]
pub fn rows() -> Vec<Row> {
    let file: RowsFile = toml_edit::de::from_str(ROWS).expect("data/rows.toml is sound");
    let sections = file.rows.into_iter().map(|(id, title)| Row { id, title, section: String::new() });
    let features = file.features.into_iter().map(|(id, section, title)| Row { id, title, section });
    sections.chain(features).collect()
}

/// What is shown elsewhere.
///
/// # Errors
/// If the data file can't be read.
pub fn elsewhere() -> Result<Vec<Elsewhere>> {
    let file: ElsewhereFile = toml_edit::de::from_str(ELSEWHERE).context("data/elsewhere.toml")?;
    Ok(file.entry)
}

/// The cases that prove each row, by its id.
#[must_use]
pub fn cases_of_rows(cases: &[&'static Case]) -> BTreeMap<&'static str, Vec<&'static Case>> {
    let mut found: BTreeMap<&'static str, Vec<&'static Case>> = BTreeMap::new();
    for case in cases {
        for row in case.proves {
            found.entry(row).or_default().push(case);
        }
    }
    found
}

/// Fails unless every row has a case or an entry of `data/elsewhere.toml`, and every entry points to something.
///
/// `root` is the folder of the workspace.
///
/// # Errors
/// All that is wrong, one a line.
pub fn docs_covered(root: &Path) -> Result<()> {
    let cases = crate::rfc6120::cases();
    let by_case = cases_of_rows(&cases);
    let elsewhere = elsewhere()?;
    let rows = rows();
    let known: BTreeSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let mut wrong = Vec::new();
    for row in &rows {
        let is_elsewhere = elsewhere.iter().any(|entry| entry.rows.contains(&row.id));
        if !by_case.contains_key(row.id.as_str()) && !is_elsewhere {
            wrong.push(format!(
                "row {} ({}): neither a case nor an entry of elsewhere.toml shows it",
                row.id, row.title
            ));
        }
    }
    for (row, cases) in &by_case {
        if !known.contains(row) {
            wrong.push(format!("{:?} proves {row}, which is no row", cases[0]));
        }
    }
    for entry in &elsewhere {
        wrong.extend(entry.rows.iter().filter(|row| !known.contains(row.as_str())).map(|row| format!("no row {row}")));
        wrong.extend(entry.check(root).err().map(|error| format!("elsewhere.toml: {error}")));
    }
    if wrong.is_empty() {
        return Ok(());
    }
    bail!("{}", wrong.join("\n"))
}

impl Elsewhere {
    /// Is what it points to there?
    fn check(&self, root: &Path) -> Result<()> {
        let (target, mark) = match (&self.test, &self.document) {
            (Some(test), None) => (test, "::"),
            (None, Some(document)) => (document, "#"),
            _ => bail!("{:?}: a test or a document, one of them", self.rows),
        };
        let (path, name) = target.split_once(mark).with_context(|| format!("{target}: no {mark} in it"))?;
        let text = std::fs::read_to_string(root.join(path)).with_context(|| format!("can't read {path}"))?;
        let is_there = match mark {
            "::" => text.contains(&format!("fn {name}(")),
            _ => text.lines().filter(|line| line.starts_with('#')).any(|line| anchor(line) == name),
        };
        if !is_there {
            bail!("{path} has no {name}");
        }
        Ok(())
    }

    /// What it points to, and where, seen from the root.
    #[must_use]
    pub fn target(&self) -> (String, String) {
        match (&self.test, &self.document) {
            (Some(test), _) => {
                let (path, name) = test.split_once("::").unwrap_or((test, test));
                (name.to_owned(), path.to_owned())
            }
            (None, document) => {
                let document = document.clone().unwrap_or_default();
                let path = document.split('#').next().unwrap_or_default().to_owned();
                (path, document)
            }
        }
    }
}

/// The anchor of a heading, as code hosts make it.
fn anchor(heading: &str) -> String {
    heading
        .trim_start_matches('#')
        .trim()
        .to_lowercase()
        .chars()
        .filter(|character| character.is_alphanumeric() || matches!(character, ' ' | '-' | '_'))
        .map(|character| if character == ' ' { '-' } else { character })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_is_sound() {
        let rows = rows();
        assert_eq!(rows.iter().filter(|row| !row.is_feature()).count(), 282);
        assert_eq!(rows.iter().filter(|row| row.is_feature()).count(), 63);
        let ids: BTreeSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
        assert_eq!(ids.len(), rows.len(), "a row is there twice");
        elsewhere().unwrap();
    }

    #[test]
    fn cases_prove_rows_that_exist() {
        let rows = rows();
        for case in crate::rfc6120::cases() {
            for row in case.proves {
                assert!(rows.iter().any(|known| known.id == *row), "{case:?} proves {row}, which is no row");
            }
        }
    }

    #[test]
    fn cases_are_documented_and_have_names_of_their_own() {
        let mut names = BTreeSet::new();
        for case in crate::rfc6120::cases() {
            assert!(names.insert(case.name), "two cases are called {}", case.name);
            let rule = case.rule();
            assert!(
                (rule.starts_with("RFC ") || rule.starts_with("XEP-")) && (rule.contains('§') || rule.contains(": ")),
                "{case:?} does not name its rule: {rule:?}"
            );
        }
    }

    #[test]
    fn what_points_to_nothing_is_noticed() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let entry = |test: Option<&str>, document: Option<&str>| Elsewhere {
            rows: vec!["4".to_owned()],
            test: test.map(str::to_owned),
            document: document.map(str::to_owned),
            why: String::new(),
            not_yet: false,
        };
        for (entry, sound) in [
            (entry(Some("src/coverage.rs::the_data_is_sound"), None), true),
            (entry(Some("src/coverage.rs::no_such_test"), None), false),
            (entry(Some("src/nothing.rs::the_data_is_sound"), None), false),
            (entry(None, Some("README.md#the-subject")), true),
            (entry(None, Some("README.md#nothing")), false),
            (entry(None, None), false),
        ] {
            assert_eq!(entry.check(root).is_ok(), sound, "{entry:?}");
        }
    }
}
