//! `cargo xtask docs`: what the documents and comments say, checked against what is there.
//!
//! - Every cited section of an RFC exists ([`sections`]).
//! - Links between Markdown files lead somewhere ([`links`]).
//! - ARCHITECTURE.md describes the crates that exist, and CHANGELOG.md has an `Unreleased` part.
//! - Every row of RFC 6120 has a case of the conformance suite, or an entry that says what shows it instead.
//! - doap.xml is well-formed, and what it says of XEPs agrees with README.md and the source
//!   ([`xeps`]).

mod links;
mod sections;
mod xeps;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use jabiru_conformance::coverage::docs_covered;

use crate::workspace::{Workspace, files};

#[derive(Debug, Default, clap::Args)]
pub(crate) struct Arguments {
    /// Rewrite xtask/data/rfc-sections.json from the RFC texts (rfcNNNN.txt) in this folder
    #[arg(long, value_name = "FOLDER")]
    update_sections: Option<PathBuf>,
}

/// Something a document says that is not so.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    file: PathBuf,
    /// Counted from 1.
    line: usize,
    what: String,
}

/// One text that is checked, with its path from the root.
#[derive(Debug)]
struct Document {
    path: PathBuf,
    text: String,
}

/// Checks every document.
///
/// # Errors
/// If anything is wrong, after printing all of it.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let workspace = Workspace::load()?;
    if let Some(folder) = &arguments.update_sections {
        return sections::update(&workspace.root, folder);
    }
    let documents = documents(&workspace)?;
    let mut findings = sections::check(&workspace.root, &documents)?;
    findings.extend(links::check(&workspace.root, &documents));
    findings.extend(xeps::check(&workspace.root, &documents)?);
    findings.extend(crate_list(&workspace)?);
    findings.extend(changelog(&workspace.root)?);
    findings.extend(coverage(&workspace.root));
    for finding in &findings {
        println!("{}:{}: {}", finding.file.display(), finding.line, finding.what);
    }
    if !findings.is_empty() {
        bail!("{} finding(s) in the documents", findings.len());
    }
    println!("{} files checked", documents.len());
    Ok(())
}

/// Everything that people read: source, documents and configuration.
fn documents(workspace: &Workspace) -> Result<Vec<Document>> {
    files(&workspace.root, &["rs", "md", "toml", "py", "mjs", "js", "sql"])?
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))?;
            Ok(Document { path: workspace.relative(&path).to_owned(), text })
        })
        .collect()
}

/// ARCHITECTURE.md has one heading a crate, such as ``### `jabiru-xml` ``, and no other.
fn crate_list(workspace: &Workspace) -> Result<Vec<Finding>> {
    let path = Path::new("ARCHITECTURE.md");
    let text = fs::read_to_string(workspace.root.join(path)).context("can't read ARCHITECTURE.md")?;
    let existing: BTreeSet<String> = workspace.crates().iter().map(|package| package.name.clone()).collect();
    Ok(compare_crates(path, &text, &existing))
}

fn compare_crates(path: &Path, architecture: &str, existing: &BTreeSet<String>) -> Vec<Finding> {
    let finding = |line: usize, what: String| Finding { file: path.to_owned(), line, what };
    let mut described = BTreeSet::new();
    let mut findings = Vec::new();
    for (index, line) in architecture.lines().enumerate() {
        let Some(name) = line.strip_prefix("### `").and_then(|rest| rest.split('`').next()) else { continue };
        if !name.starts_with("jabiru-") {
            continue;
        }
        if !existing.contains(name) {
            findings.push(finding(index + 1, format!("describes {name}, which is not in crates/")));
        }
        if !described.insert(name.to_owned()) {
            findings.push(finding(index + 1, format!("describes {name} twice")));
        }
    }
    for name in existing.difference(&described) {
        findings.push(finding(1, format!("does not describe {name}: a heading ### `{name}` is missing")));
    }
    findings
}

/// CHANGELOG.md begins with what is not yet released.
fn changelog(root: &Path) -> Result<Vec<Finding>> {
    let path = Path::new("CHANGELOG.md");
    let text = fs::read_to_string(root.join(path)).context("can't read CHANGELOG.md")?;
    let first = text.lines().find(|line| line.starts_with("## "));
    if first == Some("## [Unreleased]") {
        return Ok(Vec::new());
    }
    Ok(vec![Finding { file: path.to_owned(), line: 1, what: "the first part is not \"## [Unreleased]\"".to_owned() }])
}

/// Every row of RFC 6120 is shown by a case or by something that exists.
fn coverage(root: &Path) -> Vec<Finding> {
    let Err(error) = docs_covered(root) else { return Vec::new() };
    let file = Path::new("tests/conformance/data/elsewhere.toml");
    let finding = |what: &str| Finding { file: file.to_owned(), line: 1, what: what.to_owned() };
    error.to_string().lines().map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crate_list_must_equal_what_exists() {
        let existing: BTreeSet<String> = ["jabiru-xml".to_owned(), "jabiru-net".to_owned()].into();
        for (text, expected) in [
            ("### `jabiru-xml`\n### `jabiru-net` (floor 3)\n", vec![]),
            ("### `jabiru-xml`\n", vec!["does not describe jabiru-net: a heading ### `jabiru-net` is missing"]),
            (
                "### `jabiru-net`\n### `jabiru-xml`\n### `jabiru-im`\n",
                vec!["describes jabiru-im, which is not in crates/"],
            ),
            ("### `jabiru-net`\n### `jabiru-xml`\n### `jabiru-xml`\n", vec!["describes jabiru-xml twice"]),
        ] {
            let found: Vec<String> =
                compare_crates(Path::new("A.md"), text, &existing).into_iter().map(|finding| finding.what).collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
