//! `cargo xtask fuzz`: the targets of `fuzz/`, each for a bounded time.
//!
//! cargo-fuzz wants a nightly compiler for its sanitizer flags; `RUSTC_BOOTSTRAP=1` makes a stable
//! one accept them. New inputs are kept in `fuzz/corpus/TARGET` (not committed); `fuzz/seeds/TARGET`
//! is where every run begins.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;
use crate::{process, table, tools};

/// Building every target from nothing, with instrumentation.
const BUILD_LIMIT: Duration = Duration::from_secs(30 * 60);

/// What libFuzzer may take beyond its time: the last input and the report.
const GRACE: Duration = Duration::from_secs(120);

/// Memory that one input may take before it counts as a finding.
const MEMORY_LIMIT_MIB: u32 = 1024;

/// Time that one input may take before it counts as a finding.
const INPUT_LIMIT_SECONDS: u32 = 10;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How long each target runs
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Run this target alone
    target: Option<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let workspace = Workspace::load()?;
    let mut targets = targets(&workspace.root)?;
    if let Some(wanted) = &arguments.target {
        if !targets.contains(wanted) {
            bail!("there is no fuzz target {wanted:?}; there are: {}", targets.join(", "));
        }
        targets = vec![wanted.clone()];
    }
    run_targets(&workspace.root, &targets, arguments.seconds)
}

/// Every target for `seconds`.
pub(crate) fn run_all(seconds: u64) -> Result<()> {
    let workspace = Workspace::load()?;
    let targets = targets(&workspace.root)?;
    run_targets(&workspace.root, &targets, seconds)
}

/// The binaries that `fuzz/Cargo.toml` names.
fn targets(root: &Path) -> Result<Vec<String>> {
    let path = root.join("fuzz/Cargo.toml");
    let manifest = fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))?;
    let manifest: toml_edit::DocumentMut = manifest.parse().context("fuzz/Cargo.toml")?;
    let binaries =
        manifest.get("bin").and_then(|bin| bin.as_array_of_tables()).context("fuzz/Cargo.toml has no [[bin]]")?;
    let names: Vec<String> =
        binaries.iter().filter_map(|binary| binary.get("name")?.as_str().map(ToOwned::to_owned)).collect();
    if names.is_empty() {
        bail!("fuzz/Cargo.toml names no target");
    }
    Ok(names)
}

fn run_targets(root: &Path, targets: &[String], seconds: u64) -> Result<()> {
    tools::cargo_subcommand(root, "fuzz")?;
    // libFuzzer is C++, and is built along.
    tools::programs(&[("c++", "g++")])?;
    process::run(cargo_fuzz(root).args(["fuzz", "build"]), BUILD_LIMIT)?;
    let mut rows = Vec::new();
    let mut failed = Vec::new();
    for target in targets {
        let result = run_target(root, target, seconds);
        let verdict = result.as_ref().map_or_else(|error| format!("{error:#}"), |()| "no finding".to_owned());
        if result.is_err() {
            failed.push(target.as_str());
        }
        rows.push([target.clone(), seconds.to_string(), verdict]);
    }
    println!("\n{}", table::render(["target", "seconds", "result"], &rows));
    if !failed.is_empty() {
        bail!("findings in {}: see fuzz/artifacts", failed.join(", "));
    }
    Ok(())
}

fn run_target(root: &Path, target: &str, seconds: u64) -> Result<()> {
    let corpus = format!("fuzz/corpus/{target}");
    fs::create_dir_all(root.join(&corpus)).with_context(|| format!("can't create {corpus}"))?;
    let seeds = format!("fuzz/seeds/{target}");
    let mut fuzz = cargo_fuzz(root);
    fuzz.args(["fuzz", "run", target, &corpus]);
    if root.join(&seeds).is_dir() {
        fuzz.arg(&seeds);
    }
    fuzz.arg("--")
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-rss_limit_mb={MEMORY_LIMIT_MIB}"))
        .arg(format!("-timeout={INPUT_LIMIT_SECONDS}"))
        .arg("-print_final_stats=1");
    let words = root.join("fuzz/xml.dict");
    if words.is_file() {
        fuzz.arg(format!("-dict={}", words.display()));
    }
    process::run(&mut fuzz, BUILD_LIMIT + Duration::from_secs(seconds) + GRACE)
}

fn cargo_fuzz(root: &Path) -> std::process::Command {
    let mut cargo = process::cargo(root);
    cargo.env("RUSTC_BOOTSTRAP", "1");
    cargo
}
