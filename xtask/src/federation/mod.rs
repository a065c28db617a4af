//! `cargo xtask interop servers`: our server federates with those that others wrote, and with itself.
//!
//! Each server has a host of its own, a network namespace with its own addresses and resolver ([`network`]); one more
//! has a nameserver with signed zones ([`nameserver`], [`zone`]) and a web server ([`website`]), and one the users, who are slixmpp ([`users`]). What a
//! domain is there for ([`domain`]) decides its certificate ([`credentials`]), its DNS records, and what servers are told
//! of it ([`server`]): so each server runs once for all [`scenario`]s. [`judge`] says whether what happened is what had
//! to happen.

mod credentials;
pub(crate) mod domain;
mod janitor;
mod judge;
mod nameserver;
mod network;
pub(crate) mod pair;
mod scenario;
mod server;
mod sockets;
mod stage;
mod users;
mod website;
mod zone;

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::interop::install_jabiru;
use crate::table;
use crate::workspace::Workspace;
use domain::Party;
use scenario::{Pair, Scenario};
use stage::{Row, Stage};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Which servers: those of ours with each other, with one of others, or others with each other to try the test itself
    #[arg(long = "pair", value_enum, value_name = "PAIR")]
    pairs: Vec<Which>,
    /// Only these scenarios
    #[arg(long, value_enum, value_name = "SCENARIO")]
    only: Vec<Scenario>,
    /// Our server's program, built already, instead of building it
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// The cargo profile that our server is built with
    #[arg(long, default_value = "release")]
    profile: String,
    /// Keep the folder with configurations and logs (always kept on failure)
    #[arg(long)]
    keep: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Which {
    JabiruProsody,
    JabiruEjabberd,
    JabiruJabiru,
    /// Two domains of one server
    OneJabiru,
    ProsodyEjabberd,
}

impl Which {
    /// Those that our server is in.
    const OURS: [Which; 4] = [Which::OneJabiru, Which::JabiruJabiru, Which::JabiruProsody, Which::JabiruEjabberd];

    fn pair(self) -> Pair {
        let (left, right) = match self {
            Which::JabiruProsody => (Party::Jabiru, Party::Prosody),
            Which::JabiruEjabberd => (Party::Jabiru, Party::Ejabberd),
            Which::JabiruJabiru => (Party::Jabiru, Party::Second),
            Which::OneJabiru => (Party::Jabiru, Party::Jabiru),
            Which::ProsodyEjabberd => (Party::Prosody, Party::Ejabberd),
        };
        Pair { left, right }
    }
}

/// Every pair that our server is in, with the release build of it.
pub(crate) fn for_ci() -> Result<()> {
    let profile = "release".to_owned();
    run(&Arguments { pairs: Vec::new(), only: Vec::new(), program: None, profile, keep: false })
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let workspace = Workspace::load()?;
    let which: &[Which] = if arguments.pairs.is_empty() { &Which::OURS } else { &arguments.pairs };
    let pairs: Vec<Pair> = which.iter().map(|which| which.pair()).collect();
    let mut parties: Vec<Party> = pairs.iter().flat_map(|pair| [pair.left, pair.right]).collect();
    parties.sort_unstable();
    parties.dedup();
    let program = match &arguments.program {
        Some(program) => std::path::absolute(program)?,
        None if parties.iter().any(|party| party.is_ours()) => install_jabiru(&workspace, &arguments.profile)?,
        None => PathBuf::new(),
    };
    let scenarios: &[Scenario] = if arguments.only.is_empty() { &Scenario::ALL } else { &arguments.only };

    let parent = workspace.target_directory.join("interop");
    fs::create_dir_all(&parent).with_context(|| format!("can't create {}", parent.display()))?;
    let folder = tempfile::Builder::new().prefix("servers-").tempdir_in(&parent)?;
    let result = play(&workspace, &parties, &pairs, scenarios, &program, folder.path());
    let verdict = result.and_then(|rows| summarise(&rows));
    if verdict.is_err() || arguments.keep {
        println!("kept: {}", folder.keep().display());
    }
    verdict
}

/// Every scenario with every pair that it is for.
fn play(
    workspace: &Workspace,
    parties: &[Party],
    pairs: &[Pair],
    scenarios: &[Scenario],
    program: &Path,
    folder: &Path,
) -> Result<Vec<Row>> {
    let start = Instant::now();
    let stage = Stage::build(workspace, parties, program, folder)?;
    println!("{} servers run after {:.1} s", parties.len(), start.elapsed().as_secs_f64());
    let play = |pair: Pair, scenario: &Scenario| {
        let start = Instant::now();
        scenario.run(&stage, pair);
        println!("{}: {}: {:.1} s", pair.name(), scenario.name(), start.elapsed().as_secs_f64());
    };
    // Most of the time is spent waiting, so that all pairs have their turn at once.
    let (alone, together): (Vec<Scenario>, Vec<Scenario>) = scenarios.iter().partition(|scenario| scenario.is_alone());
    thread::scope(|scope| {
        for pair in pairs {
            let together = together.iter().filter(|scenario| scenario.is_for(*pair));
            scope.spawn(|| together.for_each(|scenario| play(*pair, scenario)));
        }
    });
    for pair in pairs {
        alone.iter().filter(|scenario| scenario.is_for(*pair)).for_each(|scenario| play(*pair, scenario));
    }
    let mut rows = stage.take_down()?;
    rows.sort_by_key(|row| pairs.iter().position(|pair| pair.name() == row.pair));
    Ok(rows)
}

/// As much as a table has room for, on one line.
fn shorten(text: &str) -> String {
    const MOST: usize = 90;
    let mut line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(MOST) {
        line.truncate(end);
        line.push('…');
    }
    line
}

fn summarise(rows: &[Row]) -> Result<()> {
    let cells: Vec<_> = rows
        .iter()
        .map(|row| {
            let (result, note) = match &row.verdict {
                Ok(note) => ("ok", note),
                // Told in full when it happened.
                Err(note) => ("FAILED", note),
            };
            [row.pair.clone(), row.scenario.to_owned(), row.what.clone(), result.to_owned(), shorten(note)]
        })
        .collect();
    println!("\n{}", table::render(["servers", "scenario", "check", "result", "seen"], &cells));
    let failed = rows.iter().filter(|row| row.verdict.is_err()).count();
    if failed > 0 {
        bail!("{failed} of {} checks failed", rows.len());
    }
    if rows.is_empty() {
        bail!("nothing was checked");
    }
    println!("all {} checks passed", rows.len());
    Ok(())
}
