//! `cargo xtask bench federation`: two servers that federate under load, beside pairs of others under the same load in the
//! same minutes.
//!
//! Each server has a host of its own (a network namespace), and proves itself by a certificate. `jabiru-load` logs senders in
//! at the one and receivers at the other; what both servers' processes have used is divided by what arrived. The pairs take
//! turns, and the medians count.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::chat::{BUILD_LIMIT, LOAD_LIMIT, load_average, median, short};
use super::peer::{Kind, PASSWORD};
use crate::federation::domain::Software;
use crate::federation::pair::FederatedPair;
use crate::process;
use crate::workspace::Workspace;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Other servers to measure too, each with itself; what is missing is installed from Debian
    #[arg(long, value_enum, value_delimiter = ',')]
    against: Vec<Kind>,
    /// How often everything is measured; medians count
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..100))]
    rounds: u32,
    /// How long each measurement takes
    #[arg(long, default_value_t = 3)]
    seconds: u32,
    /// Replace the figures in BENCHMARKS.md by what was measured
    #[arg(long)]
    pub(super) write: bool,
}

/// What is measured: its name, and the arguments of `jabiru-load`.
const ROWS: &[(&str, &[&str])] = &[
    ("10 pairs × 32 in flight", &["chat", "--pairs", "10", "--in-flight", "32"]),
    ("50 pairs × 1 in flight", &["chat", "--pairs", "50", "--in-flight", "1"]),
    ("1,000 messages/s over 10 pairs", &["chat", "--pairs", "10", "--rate", "1000"]),
];

/// Accounts of every server: one for each pair, numbered as the load generator does.
const PAIRS: usize = 50;

/// The figures of one row for one pair of servers.
#[derive(Clone, Copy)]
struct Cost {
    cpu_microseconds: f64,
    a_second: f64,
    median_microseconds: f64,
}

/// Measures, prints the table, and returns it.
pub(super) fn run(arguments: &Arguments) -> Result<String> {
    let workspace = Workspace::load()?;
    let mut build = process::cargo(&workspace.root);
    build.args(["build", "--release", "--package", "jabiru-server", "--package", "jabiru-load"]);
    process::run(&mut build, BUILD_LIMIT)?;
    let programs = workspace.target_directory.join("release");
    let folder = tempfile::Builder::new().prefix("bench-federation-").tempdir_in(&workspace.target_directory)?;

    let mut kinds = vec![Kind::Jabiru];
    kinds.extend(&arguments.against);
    let mut pairs = Vec::new();
    for kind in kinds {
        println!("preparing two of {kind:?}");
        let own = folder.path().join(format!("{kind:?}"));
        fs::create_dir_all(&own)?;
        let pair = FederatedPair::start(software(kind), &programs.join("jabiru"), &own)?;
        for number in 0..PAIRS {
            for (place, server) in pair.servers.iter().enumerate() {
                let name = format!("load-{:04}", 2 * number + place);
                server.add_account(&name, pair.domain(server), PASSWORD)?;
            }
        }
        pairs.push((kind, pair));
    }
    let load = programs.join("jabiru-load");
    let mut table: Vec<Vec<Cost>> = Vec::new();
    for (what, row) in ROWS {
        let mut found = vec![Vec::new(); pairs.len()];
        for _ in 0..arguments.rounds {
            for ((kind, pair), found) in pairs.iter().zip(&mut found) {
                found.push(measure(&load, pair, row, arguments.seconds).with_context(|| format!("{what}, {kind:?}"))?);
            }
        }
        let medians: Vec<Cost> = found.iter().map(|found| middle(found)).collect();
        for ((kind, _), cost) in pairs.iter().zip(&medians) {
            println!(
                "{what}: {kind:?} {:.2} µs, {:.0} messages/s, {:.0} µs on the way (load average {})",
                cost.cpu_microseconds,
                cost.a_second,
                cost.median_microseconds,
                load_average()
            );
        }
        table.push(medians);
    }
    let names = pairs.iter().map(|(kind, _)| kind.name()).collect::<Result<Vec<_>>>()?;
    for (_, pair) in pairs {
        pair.stop()?;
    }
    let table = render(&names, &table);
    print!("{table}");
    Ok(format!("{table}\nMedians of {} rounds; load average at the end {}.\n", arguments.rounds, load_average()))
}

fn software(kind: Kind) -> Software {
    match kind {
        Kind::Jabiru => Software::Jabiru,
        Kind::Prosody => Software::Prosody,
        Kind::Ejabberd => Software::Ejabberd,
    }
}

fn measure(load: &PathBuf, pair: &FederatedPair, row: &[&str], seconds: u32) -> Result<Cost> {
    let [from, to] = &pair.servers;
    let mut command = pair.client(Path::new(load));
    command.args(["--address", &pair.address(from).to_string(), "--domain", &pair.domain(from).name()]);
    command.args(["--other-address", &pair.address(to).to_string(), "--other-domain", &pair.domain(to).name()]);
    command.args(["--password", PASSWORD]);
    for server in [from, to] {
        command.args(["--process", &server.process()?.to_string()]);
    }
    command.args(row).args(["--seconds", &seconds.to_string()]);
    let output = process::capture(&mut command, LOAD_LIMIT)?;
    anyhow::ensure!(output.status.success(), "{}: {}", process::explain(output.status), output.stderr);
    let figures: BTreeMap<String, f64> = serde_json::from_str(&output.stdout)?;
    let figure = |name: &str| figures.get(name).copied().with_context(|| format!("no {name}"));
    Ok(Cost {
        cpu_microseconds: figure("cpu_microseconds")?,
        a_second: figure("count")? / figure("seconds")?,
        median_microseconds: figure("median_microseconds")?,
    })
}

fn middle(found: &[Cost]) -> Cost {
    let of = |figure: fn(&Cost) -> f64| median(&mut found.iter().map(figure).collect::<Vec<f64>>());
    Cost {
        cpu_microseconds: of(|cost| cost.cpu_microseconds),
        a_second: of(|cost| cost.a_second),
        median_microseconds: of(|cost| cost.median_microseconds),
    }
}

/// In Markdown: what each costs, and how many times as much as ours.
fn render(names: &[String], rows: &[Vec<Cost>]) -> String {
    let mut text = String::from("| what | unit |");
    for name in names {
        // Writing to a String can't fail.
        let _ = write!(text, " {name} with itself |");
    }
    let _ = writeln!(text, "\n|---|---|{}", "---|".repeat(names.len()));
    type Figure = (&'static str, fn(&Cost) -> f64);
    let figures: [Figure; 3] = [
        ("CPU µs a message, both servers", |cost| cost.cpu_microseconds),
        ("messages/s", |cost| cost.a_second),
        ("µs on the way, median", |cost| cost.median_microseconds),
    ];
    for ((what, _), costs) in ROWS.iter().zip(rows) {
        for (unit, figure) in figures {
            let _ = write!(text, "| {what} | {unit} |");
            let ours = costs.first().map_or(f64::NAN, figure);
            for (place, cost) in costs.iter().enumerate() {
                let _ = match place {
                    0 => write!(text, " {} |", short(figure(cost))),
                    _ => write!(text, " {} = {} × |", short(figure(cost)), short(figure(cost) / ours)),
                };
            }
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_stand_beside_ours_as_multiples() {
        let cost = |cpu_microseconds| Cost { cpu_microseconds, a_second: 1000.0, median_microseconds: 50.0 };
        let rows: Vec<Vec<Cost>> = ROWS.iter().map(|_| vec![cost(2.0), cost(80.0)]).collect();
        let table = render(&["Jabiru".to_owned(), "Other 1".to_owned()], &rows);
        assert_eq!(table.lines().count(), 3 * ROWS.len() + 2, "{table}");
        assert!(table.contains("| CPU µs a message, both servers | 2.00 | 80.0 = 40.0 × |"), "{table}");
        assert_eq!(middle(&[cost(3.0), cost(1.0), cost(2.0)]).cpu_microseconds, 2.0);
    }
}
