//! `cargo xtask bench`: measurements, and the tables of BENCHMARKS.md that they fill.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::process;
use crate::workspace::Workspace;

const LIMIT: Duration = Duration::from_secs(60 * 60);

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// XML readers on the same chat messages
    Xml {
        /// Replace the table in BENCHMARKS.md by what was measured
        #[arg(long)]
        write: bool,
    },
}

pub(crate) fn run(command: &Command) -> Result<()> {
    match command {
        Command::Xml { write } => xml(*write),
    }
}

fn xml(write: bool) -> Result<()> {
    let workspace = Workspace::load()?;
    let output = process::capture(process::cargo(&workspace.root).args(["bench", "--package", "jabiru-xml"]), LIMIT)?;
    print!("{}", output.stdout);
    if !output.status.success() {
        bail!("cargo bench: {}\n{}", process::explain(output.status), output.stderr);
    }
    let table = markdown_table(&output.stdout).context("the benchmark printed no table")?;
    if write {
        replace(&workspace.root.join("BENCHMARKS.md"), "xml", &table)?;
        println!("BENCHMARKS.md: table \"xml\" replaced");
    }
    Ok(())
}

/// The first Markdown table of `text`.
fn markdown_table(text: &str) -> Option<String> {
    let lines =
        text.lines().map(str::trim).skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let table: Vec<&str> = lines.collect();
    (table.len() > 2).then(|| table.join("\n") + "\n")
}

/// Replaces what stands between `<!-- begin NAME -->` and `<!-- end NAME -->`.
fn replace(path: &Path, name: &str, table: &str) -> Result<()> {
    let text = fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?;
    let new = splice(&text, name, table).with_context(|| format!("{} has no place marked {name:?}", path.display()))?;
    fs::write(path, new).with_context(|| format!("can't write {}", path.display()))
}

fn splice(text: &str, name: &str, table: &str) -> Option<String> {
    let (head, rest) = text.split_once(&format!("<!-- begin {name} -->\n"))?;
    let end = format!("<!-- end {name} -->");
    let (_, tail) = rest.split_once(&end)?;
    Some(format!("{head}<!-- begin {name} -->\n{table}{end}{tail}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_found_and_put_in_its_place() {
        let table = markdown_table("noise\n| a | b |\n|---|---|\n| 1 | 2 |\nmore").unwrap();
        let text = "x\n<!-- begin xml -->\nold\n<!-- end xml -->\ny\n";
        let expected = "x\n<!-- begin xml -->\n| a | b |\n|---|---|\n| 1 | 2 |\n<!-- end xml -->\ny\n";
        assert_eq!(splice(text, "xml", &table).as_deref(), Some(expected));
        assert_eq!(splice(text, "other", &table), None);
        assert_eq!(markdown_table("| a |\n|---|\n"), None);
    }
}
