//! `cargo xtask bench chat`: the server under load, beside others under the same load in the same minutes.
//!
//! `jabiru-load` (in `tests/load`) drives the clients and reads what the servers' processes have used. The servers take
//! turns, so that whatever else the machine does falls on all of them alike, and the medians count.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use super::peer::{Kind, PASSWORD, Peer};
use crate::workspace::Workspace;
use crate::{certs, process};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Other servers to measure too; what is missing is installed from Debian
    #[arg(long, value_enum, value_delimiter = ',')]
    against: Vec<Kind>,
    /// How often everything is measured; medians count
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..100))]
    rounds: u32,
    /// How long each measurement of an exchange takes
    #[arg(long, default_value_t = 2)]
    seconds: u32,
    /// Replace the figures in BENCHMARKS.md by what was measured
    #[arg(long)]
    pub(super) write: bool,
}

/// One line of the table.
struct Row {
    what: &'static str,
    unit: &'static str,
    tls: bool,
    /// Arguments of `jabiru-load`.
    load: &'static [&'static str],
    figure: Figure,
    /// What the figure may be at most, in its unit.
    target: f64,
}

/// Which of the figures, in the row's unit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Figure {
    CpuMicroseconds,
    CpuMilliseconds,
    /// Of a server that was just started.
    IdleKilobytes,
}

const ROWS: &[Row] = &[
    row("memory of an idle connection, plain", "KB", false, &["idle"], Figure::IdleKilobytes, 5.0),
    row("memory of an idle connection, TLS", "KB", true, &["idle"], Figure::IdleKilobytes, 16.0),
    row("login, plain", "ms", false, &["login", "--count", "500"], Figure::CpuMilliseconds, 0.25),
    row("login, TLS", "ms", true, &["login", "--count", "200"], Figure::CpuMilliseconds, 0.8),
    row("chat, plain, 10 pairs × 32 in flight", "µs", false, &CHAT_10_32, Figure::CpuMicroseconds, 3.0),
    row("chat, plain, 50 pairs × 1 in flight", "µs", false, &CHAT_50_1, Figure::CpuMicroseconds, 14.0),
    row("chat, plain, 1,000 messages/s over 10 pairs", "µs", false, &CHAT_1000, Figure::CpuMicroseconds, 40.0),
    row("chat, TLS, 10 pairs × 32 in flight", "µs", true, &CHAT_10_32, Figure::CpuMicroseconds, 5.0),
    row("chat, TLS, 50 pairs × 1 in flight", "µs", true, &CHAT_50_1, Figure::CpuMicroseconds, 20.0),
    row("ping to the server, 10 × 16 in flight", "µs", false, &PING, Figure::CpuMicroseconds, 2.5),
];

const CHAT_10_32: [&str; 5] = ["chat", "--pairs", "10", "--in-flight", "32"];
const CHAT_50_1: [&str; 5] = ["chat", "--pairs", "50", "--in-flight", "1"];
const CHAT_1000: [&str; 5] = ["chat", "--pairs", "10", "--rate", "1000"];
const PING: [&str; 5] = ["ping", "--clients", "10", "--in-flight", "16"];

const fn row(
    what: &'static str,
    unit: &'static str,
    tls: bool,
    load: &'static [&'static str],
    figure: Figure,
    target: f64,
) -> Row {
    Row { what, unit, tls, load, figure, target }
}

/// Accounts of every server: two for each pair.
const ACCOUNTS: usize = 100;
/// How often the memory is measured, each time of a fresh server: it hardly varies.
const IDLE_ROUNDS: u32 = 1;
pub(super) const BUILD_LIMIT: Duration = Duration::from_secs(60 * 60);
pub(super) const LOAD_LIMIT: Duration = Duration::from_secs(10 * 60);

/// Measures, prints the table, and returns it.
pub(super) fn run(arguments: &Arguments) -> Result<String> {
    let workspace = Workspace::load()?;
    let mut build = process::cargo(&workspace.root);
    build.args(["build", "--release", "--package", "jabiru-server", "--package", "jabiru-load"]);
    process::run(&mut build, BUILD_LIMIT)?;
    let programs = workspace.target_directory.join("release");
    let folder = workspace.target_directory.join("bench-chat");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("can't empty {}", folder.display()))?;
    }
    let authority = certs::write_authority(&folder)?;
    let load = Load { program: programs.join("jabiru-load"), trust: authority.path.clone() };
    let certificate = authority.certify(&folder, "localhost", false)?;

    let mut kinds = vec![Kind::Jabiru];
    kinds.extend(&arguments.against);
    let mut peers = Vec::new();
    for kind in kinds {
        println!("preparing {kind:?}");
        let mut peer = Peer::prepare(kind, &programs.join("jabiru"), &folder, &certificate)?;
        peer.start()?;
        peer.make_accounts(ACCOUNTS, |address| load.register(address, ACCOUNTS))?;
        peers.push(peer);
    }
    let mut medians: Vec<Vec<f64>> = Vec::new();
    for row in ROWS {
        let idle = row.figure == Figure::IdleKilobytes;
        let rounds = if idle { arguments.rounds.min(IDLE_ROUNDS) } else { arguments.rounds };
        let mut found = vec![Vec::new(); peers.len()];
        for _ in 0..rounds {
            for (peer, found) in peers.iter_mut().zip(&mut found) {
                if idle {
                    peer.stop()?;
                    peer.start()?;
                }
                found.push(load.measure(row, peer, arguments.seconds)?);
            }
        }
        let row_medians: Vec<f64> = found.iter_mut().map(|found| median(found)).collect();
        println!("{}: {row_medians:.2?} {} (load average {})", row.what, row.unit, load_average());
        medians.push(row_medians);
    }
    for peer in &mut peers {
        peer.stop()?;
    }
    let names: Vec<String> = peers.iter().map(Peer::name).collect::<Result<_>>()?;
    let table = table(&names, &medians);
    print!("{table}");
    Ok(format!("{table}\nMedians of {} rounds; load average at the end {}.\n", arguments.rounds, load_average()))
}

/// The load generator.
struct Load {
    program: PathBuf,
    trust: PathBuf,
}

impl Load {
    fn register(&self, address: &str, accounts: usize) -> Result<()> {
        self.run(&["--address", address, "--password", PASSWORD, "register", "--accounts", &accounts.to_string()])
            .map(|_| ())
    }

    fn measure(&self, row: &Row, peer: &Peer, seconds: u32) -> Result<f64> {
        let trust = self.trust.display().to_string();
        let address = peer.address(row.tls);
        let process = peer.process()?.to_string();
        let mut arguments = vec!["--address", &address, "--password", PASSWORD, "--process", &process];
        if row.tls {
            arguments.extend(["--tls", "direct", "--trust", &trust]);
        }
        arguments.extend(row.load);
        let seconds = seconds.to_string();
        if row.figure == Figure::CpuMicroseconds {
            arguments.extend(["--seconds", &seconds]);
        }
        let output = self.run(&arguments).with_context(|| format!("{} on {:?}", row.what, peer.kind()))?;
        if row.figure == Figure::IdleKilobytes {
            return Ok(output.trim().parse::<f64>()? / 1024.0);
        }
        let figures: BTreeMap<String, f64> = serde_json::from_str(&output)?;
        let microseconds = figures.get("cpu_microseconds").context("no CPU time")?;
        Ok(if row.figure == Figure::CpuMilliseconds { microseconds / 1000.0 } else { *microseconds })
    }

    fn run(&self, arguments: &[&str]) -> Result<String> {
        let output = process::capture(process::command(&self.program).args(arguments), LOAD_LIMIT)?;
        anyhow::ensure!(output.status.success(), "{}: {}", process::explain(output.status), output.stderr);
        Ok(output.stdout)
    }
}

pub(super) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// In Markdown: what each costs, and how many times as much as ours.
fn table(names: &[String], medians: &[Vec<f64>]) -> String {
    let mut text = String::from("| what | unit | at most |");
    for name in names {
        // Writing to a String can't fail.
        let _ = write!(text, " {name} |");
    }
    text.push_str("\n|---|---|---|");
    text.push_str(&"---|".repeat(names.len()));
    text.push('\n');
    for (row, medians) in ROWS.iter().zip(medians) {
        let _ = write!(text, "| {} | {} | {} |", row.what, row.unit, row.target);
        let ours = medians.first().copied().unwrap_or(f64::NAN);
        for (place, figure) in medians.iter().enumerate() {
            let _ = match place {
                0 => write!(text, " {} |", short(*figure)),
                _ => write!(text, " {} = {} × |", short(*figure), short(figure / ours)),
            };
        }
        text.push('\n');
    }
    text
}

/// Three digits, or whole.
pub(super) fn short(figure: f64) -> String {
    match figure {
        figure if figure < 10.0 => format!("{figure:.2}"),
        figure if figure < 100.0 => format!("{figure:.1}"),
        figure => format!("{figure:.0}"),
    }
}

pub(super) fn load_average() -> String {
    let text = fs::read_to_string(Path::new("/proc/loadavg")).unwrap_or_default();
    text.split(' ').next().unwrap_or("unknown").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_stand_beside_ours_as_multiples() {
        let names = ["Jabiru".to_owned(), "Other 1".to_owned()];
        let medians: Vec<Vec<f64>> = ROWS.iter().map(|_| vec![2.5, 250.0]).collect();
        let table = table(&names, &medians);
        assert_eq!(table.lines().count(), ROWS.len() + 2);
        assert!(table.starts_with("| what | unit | at most | Jabiru | Other 1 |\n|---|---|---|---|---|\n"), "{table}");
        assert!(
            table.ends_with("| ping to the server, 10 × 16 in flight | µs | 2.5 | 2.50 | 250 = 100 × |\n"),
            "{table}"
        );
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), 2.0);
    }
}
