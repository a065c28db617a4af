//! `cargo xtask ci`: what the pipeline runs after `cargo test --workspace`.
//!
//! Every step runs, even after one has failed, so that one run tells everything that is wrong.

mod steps;

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::table;
use crate::workspace::Workspace;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Run this step alone (may be given several times)
    #[arg(long, value_name = "STEP")]
    only: Vec<String>,
    /// List the steps and run none
    #[arg(long)]
    list: bool,
}

/// One check.
struct Step {
    name: &'static str,
    about: &'static str,
    run: fn(&Workspace) -> Result<Outcome>,
}

/// How a step that did not fail ended.
#[derive(Debug)]
enum Outcome {
    Passed,
    /// Passed, but something about it must be seen by whoever reads the summary.
    PassedBut(String),
}

/// Runs the steps and prints a summary.
///
/// # Errors
/// If a step failed, or `--only` names one that does not exist.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if arguments.list {
        let rows: Vec<_> = steps::ALL.iter().map(|step| [step.name.to_owned(), step.about.to_owned()]).collect();
        print!("{}", table::render(["step", "what it checks"], &rows));
        return Ok(());
    }
    let chosen = choose(&arguments.only)?;
    let workspace = Workspace::load()?;
    let mut results = Vec::new();
    for step in chosen {
        println!("\n==> {}: {}", step.name, step.about);
        let start = Instant::now();
        let outcome = (step.run)(&workspace);
        if let Err(error) = &outcome {
            println!("    FAILED: {error:#}");
        }
        results.push((step.name, start.elapsed(), outcome));
    }
    summarise(&results)
}

fn choose(only: &[String]) -> Result<Vec<&'static Step>> {
    if let Some(unknown) = only.iter().find(|name| steps::ALL.iter().all(|step| step.name != **name)) {
        let known: Vec<&str> = steps::ALL.iter().map(|step| step.name).collect();
        bail!("there is no step {unknown:?}; there are: {}", known.join(", "));
    }
    Ok(steps::ALL.iter().filter(|step| only.is_empty() || only.iter().any(|name| name == step.name)).collect())
}

fn summarise(results: &[(&str, Duration, Result<Outcome>)]) -> Result<()> {
    let rows: Vec<_> = results
        .iter()
        .map(|(name, time, outcome)| {
            let (verdict, note) = match outcome {
                Ok(Outcome::Passed) => ("ok", String::new()),
                Ok(Outcome::PassedBut(note)) => ("ok, BUT", note.clone()),
                Err(error) => ("FAILED", error.to_string().lines().next().unwrap_or_default().to_owned()),
            };
            [(*name).to_owned(), verdict.to_owned(), format!("{:.1}", time.as_secs_f64()), note]
        })
        .collect();
    println!("\n{}", table::render(["step", "result", "seconds", "note"], &rows));
    let failed: Vec<&str> = results.iter().filter(|(_, _, outcome)| outcome.is_err()).map(|(name, ..)| *name).collect();
    if !failed.is_empty() {
        bail!("{} of {} steps failed: {}", failed.len(), results.len(), failed.join(", "));
    }
    println!("all {} steps passed", results.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_fails_the_run() {
        let second = Duration::from_secs(1);
        assert!(
            summarise(&[("a", second, Ok(Outcome::Passed)), ("b", second, Ok(Outcome::PassedBut("n".into())))]).is_ok()
        );
        let error =
            summarise(&[("a", second, Err(anyhow::anyhow!("no"))), ("b", second, Ok(Outcome::Passed))]).unwrap_err();
        assert_eq!(error.to_string(), "1 of 2 steps failed: a");
    }

    #[test]
    fn an_unknown_step_is_refused() {
        assert!(choose(&["nonsense".to_owned()]).is_err());
        assert_eq!(choose(&["fmt".to_owned()]).unwrap().len(), 1);
        assert_eq!(choose(&[]).unwrap().len(), steps::ALL.len());
    }
}
