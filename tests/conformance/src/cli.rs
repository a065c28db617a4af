//! The command line, which `cargo xtask conformance` takes over as it is.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::case::Case;
use crate::report;
use crate::runner::{self, Judged, Options};

/// What to run, and how to tell of it.
#[derive(Clone, Debug, clap::Args)]
pub struct Suite {
    /// Only the cases of this section and those below it, such as 4.9.3; may be repeated
    #[arg(long, value_name = "SECTION")]
    pub section: Vec<String>,
    /// Only the cases whose name contains this; may be repeated
    #[arg(long, value_name = "NAME")]
    pub case: Vec<String>,
    /// List the cases and do not run them
    #[arg(long)]
    pub list: bool,
    /// Make every wait longer by this factor
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    pub patience: f64,
    /// How many cases run at once
    #[arg(long, value_name = "NUMBER", default_value_t = 16)]
    pub threads: usize,
    /// Say of each case when it ends
    #[arg(long, short)]
    pub verbose: bool,
    /// The bundled server's program, instead of building it
    #[arg(long, value_name = "FILE")]
    pub program: Option<PathBuf>,
}

impl Suite {
    /// The cases that are asked for.
    #[must_use]
    pub fn cases(&self) -> Vec<&'static Case> {
        let section = |case: &Case| self.section.iter().any(|section| case.belongs_to(section));
        let name = |case: &Case| self.case.iter().any(|part| case.name.contains(part.as_str()));
        let wanted = |case: &&Case| (self.section.is_empty() && self.case.is_empty()) || section(case) || name(case);
        crate::rfc6120::cases().into_iter().filter(wanted).collect()
    }

    /// How to run them.
    #[must_use]
    pub fn options(&self) -> Options {
        Options { patience: self.patience, threads: self.threads }
    }
}

/// Prints the cases that are asked for.
pub fn list(suite: &Suite) {
    for case in suite.cases() {
        println!("{:10} {:6} {}  [{}]", case.section(), case.level.name(), case.name, case.proves.join(", "));
        println!("{:18}{}", "", case.rule());
    }
}

/// Runs the cases that are asked for and tells of them.
///
/// # Errors
/// If any fails.
pub fn run(suite: &Suite, judged: &Judged) -> Result<()> {
    let start = Instant::now();
    let cases = suite.cases();
    if cases.is_empty() {
        bail!("no case is called so");
    }
    let verbose = suite.verbose;
    let reports = runner::run(judged, &cases, suite.options(), |report| {
        if verbose {
            eprintln!("{:6.2} s  {:9}  {}", report.took.as_secs_f64(), report.word(), report.case.name);
        }
    });
    print!("{}", report::table(&judged.name(), &reports, judged.is_strict()));
    println!("{:.1} s", start.elapsed().as_secs_f64());
    let failures = reports.iter().filter(|report| report.is_failure(judged.is_strict())).count();
    if failures > 0 {
        bail!("{failures} case(s) failed");
    }
    Ok(())
}
