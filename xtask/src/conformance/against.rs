//! `cargo xtask conformance --against`: servers of others, and what is known of them.

use std::fs;

use anyhow::{Context, Result, bail, ensure};
use clap::{Parser, ValueEnum};
use jabiru_conformance::cli;
use jabiru_conformance::peers::Peers;
use jabiru_conformance::report::{self, Run};
use jabiru_conformance::runner::Judged;

use super::Arguments;
use super::peer::{Kind, Peer};
use crate::workspace::Workspace;

/// Where the table stands in README.md.
const MARKS: [&str; 2] = ["<!-- conformance -->\n", "<!-- /conformance -->"];

/// Judges each server that is asked for.
///
/// # Errors
/// If one fails a case otherwise than `tests/conformance/data/peers.toml` says, in either direction.
pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let suite = &arguments.suite;
    ensure!(!suite.faults && suite.fault.is_empty(), "faults are for the bundled server");
    let all = Kind::value_variants().iter().all(|kind| arguments.against.contains(kind));
    ensure!(all || !suite.write_docs, "the documents are about all servers: --against each of them");
    let known = Peers::load()?;
    let ours = suite.write_docs.then(|| judge_ours(arguments)).transpose()?;
    let mut others = Vec::new();
    let mut wrong = Vec::new();
    for kind in &arguments.against {
        let (peer, differences) = judge(*kind, arguments, &known)?;
        wrong.extend(differences.into_iter().map(|difference| format!("{}: {difference}", peer.run.server)));
        others.push(peer);
    }
    if !wrong.is_empty() {
        bail!("{} difference(s) from tests/conformance/data/peers.toml:\n{}", wrong.len(), wrong.join("\n"));
    }
    if let Some(ours) = ours {
        write_docs(&ours, &others, &known)?;
    }
    Ok(())
}

/// Both servers, as the pipeline judges them.
///
/// # Errors
/// As [`run`].
pub(crate) fn peers_for_ci() -> Result<()> {
    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }
    let mut line = vec!["conformance".to_owned(), "--s2s".to_owned()];
    for kind in Kind::value_variants() {
        line.extend(["--against".to_owned(), kind.name().to_owned()]);
    }
    run(&Line::try_parse_from(line)?.arguments)
}

fn judge_ours(arguments: &Arguments) -> Result<Run> {
    let run = cli::judge(&arguments.suite.for_ours(), &super::bundled(arguments)?, |_| false)?;
    ensure!(run.failures() == 0, "{} case(s) failed", run.failures());
    Ok(run)
}

/// The same run under a name with the version, as those of the others have it.
fn with_version(run: &Run, workspace: &Workspace) -> Result<Run> {
    let version = workspace.packages.iter().find(|package| package.name == "jabiru-server").map(|found| &found.version);
    let server = format!("{} {}", run.server, version.context("there is no package jabiru-server")?);
    Ok(Run { server, ..run.clone() })
}

/// What came of one server, and how that differs from what is known.
fn judge(kind: Kind, arguments: &Arguments, known: &Peers) -> Result<(report::Peer, Vec<String>)> {
    let name = kind.name();
    let peer = Peer::install(kind)?;
    let mut differences = Vec::new();
    let version = known.version.get(name).map_or("none", String::as_str);
    if version != peer.version() {
        differences.push(format!("this is version {}; what is known is about {version}", peer.version()));
    }
    let judged = Judged::Started(Box::new(peer));
    let suite = &arguments.suite;
    // The documents compare what was asked of all.
    let suite = if suite.write_docs { suite.for_ours() } else { suite.clone() };
    let run = cli::judge(&suite, &judged, |case| known.finding(name, case).is_some())?;
    differences.extend(known.differences(name, &run));
    Ok((report::Peer { name, configuration: kind.configuration(), run }, differences))
}

fn write_docs(ours: &Run, others: &[report::Peer], known: &Peers) -> Result<()> {
    cli::write_docs(ours)?;
    let workspace = Workspace::load()?;
    let ours = with_version(ours, &workspace)?;
    let root = workspace.root;
    let path = root.join("docs/conformance/peers.md");
    fs::write(&path, report::peers(&ours, others, known)).with_context(|| format!("can't write {}", path.display()))?;
    let path = root.join("README.md");
    let readme = fs::read_to_string(&path).context("can't read README.md")?;
    let mut table = report::comparison(std::iter::once(&ours).chain(others.iter().map(|peer| &peer.run)));
    table.push_str("\nWhat the others break, sentence by sentence, is in [peers.md](docs/conformance/peers.md).\n");
    let readme = between_marks(&readme, &table).context("README.md has no marks for the table of conformance")?;
    fs::write(&path, readme).context("can't write README.md")
}

/// Replaces what stands between the marks.
fn between_marks(text: &str, block: &str) -> Option<String> {
    let [begin, end] = MARKS;
    let (head, rest) = text.split_once(begin)?;
    let (_, tail) = rest.split_once(end)?;
    Some(format!("{head}{begin}{block}{end}{tail}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_stands_between_its_marks() {
        let text = "a\n<!-- conformance -->\nold\n<!-- /conformance -->\nb\n";
        let expected = "a\n<!-- conformance -->\nnew\n<!-- /conformance -->\nb\n";
        assert_eq!(between_marks(text, "new\n").as_deref(), Some(expected));
        assert_eq!(between_marks("a\n", "new\n"), None);
    }

    #[test]
    fn every_server_can_be_named() {
        for kind in Kind::value_variants() {
            assert_eq!(Kind::from_str(kind.name(), false), Ok(*kind));
        }
    }
}
