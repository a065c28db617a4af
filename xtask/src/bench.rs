//! `cargo xtask bench`: measurements, and the parts of BENCHMARKS.md that they fill.

mod chat;
mod federation;
mod peer;

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::process;
use crate::workspace::Workspace;

const LIMIT: Duration = Duration::from_secs(60 * 60);

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// XML readers on the same chat messages
    Xml(Output),
    /// What routing one message costs
    Router(Output),
    /// Chat through the running server, beside other servers under the same load
    Chat(chat::Arguments),
    /// Chat between two servers, beside pairs of other servers under the same load
    Federation(federation::Arguments),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Output {
    /// Replace the figures in BENCHMARKS.md by what was measured
    #[arg(long)]
    write: bool,
}

pub(crate) fn run(command: &Command) -> Result<()> {
    match command {
        // What shows that the benchmark has measured something, and not merely run.
        Command::Xml(output) => bench("xml", "jabiru-xml", "MB/s", output.write),
        Command::Router(output) => bench("router", "jabiru-router", " ns", output.write),
        Command::Chat(arguments) => {
            let table = chat::run(arguments)?;
            if arguments.write { write_figures("chat", &table) } else { Ok(()) }
        }
        Command::Federation(arguments) => {
            let table = federation::run(arguments)?;
            if arguments.write { write_figures("federation", &table) } else { Ok(()) }
        }
    }
}

/// Runs the benchmarks of `package`, whose output has `sign` in it, for the place `name` of BENCHMARKS.md.
fn bench(name: &str, package: &str, sign: &str, write: bool) -> Result<()> {
    let workspace = Workspace::load()?;
    let mut cargo = process::cargo(&workspace.root);
    cargo.args(["bench", "--quiet", "--package", package]);
    let output = process::capture(&mut cargo, LIMIT)?;
    print!("{}", output.stdout);
    if !output.status.success() {
        bail!("cargo bench: {}\n{}", process::explain(output.status), output.stderr);
    }
    let figures = figures(&output.stdout);
    ensure!(figures.contains(sign), "the benchmark printed no figures");
    if write {
        write_figures(name, &format!("```text\n{figures}```\n"))?;
    }
    Ok(())
}

/// Puts the figures into their place in BENCHMARKS.md, with the machine that they are of.
fn write_figures(name: &str, figures: &str) -> Result<()> {
    let root = Workspace::load()?.root;
    let block = format!("{}:\n\n{figures}", machine(&root)?);
    replace(&root.join("BENCHMARKS.md"), name, &block)?;
    println!("BENCHMARKS.md: {name:?} replaced");
    Ok(())
}

/// The output without what the test harness of the library says of its (zero) benchmarks.
fn figures(output: &str) -> String {
    let is_harness = |line: &str| {
        line.starts_with("running ")
            || line.starts_with("test ")
            || line.starts_with("test result:")
            || line.contains("ignored")
    };
    let lines: Vec<&str> = output.lines().filter(|line| !is_harness(line)).collect();
    let text = lines.join("\n");
    format!("{}\n", text.trim())
}

/// What was measured on, as far as Linux tells.
fn machine(root: &Path) -> Result<String> {
    let version = process::capture(process::command("rustc").arg("--version").current_dir(root), LIMIT)?.stdout;
    let version: String = version.split(' ').take(2).collect::<Vec<_>>().join(" ");
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split_once(": "));
    let model = model.map_or("an unknown processor", |(_, model)| model);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Ok(format!("Measured with {version} on {model}, {cores} cores"))
}

/// Replaces what stands between `<!-- begin NAME -->` and `<!-- end NAME -->`.
fn replace(path: &Path, name: &str, block: &str) -> Result<()> {
    let text = fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?;
    let new = splice(&text, name, block).with_context(|| format!("{} has no place marked {name:?}", path.display()))?;
    fs::write(path, new).with_context(|| format!("can't write {}", path.display()))
}

fn splice(text: &str, name: &str, block: &str) -> Option<String> {
    let (head, rest) = text.split_once(&format!("<!-- begin {name} -->\n"))?;
    let end = format!("<!-- end {name} -->");
    let (_, tail) = rest.split_once(&end)?;
    Some(format!("{head}<!-- begin {name} -->\n{block}{end}{tail}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_put_in_their_place() {
        let text = "x\n<!-- begin xml -->\nold\n<!-- end xml -->\ny\n";
        let expected = "x\n<!-- begin xml -->\nnew\n<!-- end xml -->\ny\n";
        assert_eq!(splice(text, "xml", "new\n").as_deref(), Some(expected));
        assert_eq!(splice(text, "other", "new\n"), None);
    }

    #[test]
    fn the_harness_is_left_out() {
        let output =
            "\nrunning 0 tests\n\ntest result: ok. 0 passed; 0 failed; 3 ignored\n\nours 500 MB/s\n\nmore 3 ns\n";
        assert_eq!(figures(output), "ours 500 MB/s\n\nmore 3 ns\n");
    }
}
