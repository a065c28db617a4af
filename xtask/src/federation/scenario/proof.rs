//! By what a server believes another, as its log tells, or its list of streams.

use anyhow::{Context, Result};
use serde_json::Value;

use super::Trial;
use crate::federation::domain::{Party, Purpose};
use crate::federation::judge::Verdict;

/// By what a server proves its domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    External,
    Dialback,
}

/// Where the logs of both servers end before a check.
pub(super) fn marks(trial: &Trial<'_>) -> Result<[u64; 2]> {
    Ok([trial.stage.server(trial.pair.left)?.log_end(), trial.stage.server(trial.pair.right)?.log_end()])
}

/// Each server must have believed the other by `expected`.
pub(super) fn check(
    trial: &mut Trial<'_>,
    marks: &[u64; 2],
    left: Purpose,
    right: Purpose,
    expected: Proof,
) -> Result<()> {
    let (left, right) = (trial.left(left), trial.right(right));
    for (local, remote, mark) in [(left, right, marks[0]), (right, left, marks[1])] {
        let server = trial.stage.server(local.party)?;
        let log = server.log_since(mark);
        let (own, other) = (local.name(), remote.name());
        let verdict = match local.party {
            Party::Jabiru | Party::Second => {
                let output = server.administer(&["s2s", "list", "--json"])?;
                let list = serde_json::from_str(&output.stdout)
                    .with_context(|| format!("s2s list --json printed {:?} {}", output.stdout, output.stderr))?;
                listed(&list, &own, &other, expected)
            }
            Party::Prosody => prosody(&log, &own, &other, expected),
            Party::Ejabberd => ejabberd(&log, &own, &other, expected),
        };
        trial.push(format!("{} believes {other} by {expected:?}", local.party.name()), verdict);
    }
    Ok(())
}

/// Prosody tells when it accepts a certificate, and when a stream is complete.
fn prosody(log: &str, own: &str, other: &str, expected: Proof) -> Verdict {
    let complete = format!("Incoming s2s connection {other}->{own} complete");
    if !log.contains(&complete) {
        return Err(format!("not logged: {complete}"));
    }
    let accepted = log.lines().find(|line| line.contains(&format!("Accepting SASL EXTERNAL identity from {other}")));
    match (accepted, expected) {
        (Some(line), Proof::External) => Ok(shorten(line)),
        (None, Proof::Dialback) => Ok(complete),
        (Some(line), Proof::Dialback) => Err(shorten(line)),
        (None, Proof::External) => Err("not logged that it accepted the certificate".to_owned()),
    }
}

/// ejabberd tells what it accepts.
fn ejabberd(log: &str, own: &str, other: &str, expected: Proof) -> Verdict {
    let start = "Accepted inbound s2s";
    let pair = format!("{other} -> {own}");
    let line = log.lines().find(|line| line.contains(start) && line.contains(&pair));
    let line = line.ok_or_else(|| format!("not logged: {start} … {pair}"))?;
    let word = match expected {
        Proof::External => "EXTERNAL",
        Proof::Dialback => "dialback",
    };
    if line.contains(word) { Ok(shorten(line)) } else { Err(shorten(line)) }
}

/// A list of streams, each an object: one of them must name both domains and the proof.
fn listed(list: &Value, own: &str, other: &str, expected: Proof) -> Verdict {
    let word = match expected {
        Proof::External => "external",
        Proof::Dialback => "dialback",
    };
    let streams: Vec<String> = streams(list).into_iter().map(|stream| stream.to_string().to_lowercase()).collect();
    let of_pair: Vec<&String> =
        streams.iter().filter(|text| [own, other].iter().all(|domain| text.contains(&format!("\"{domain}\"")))).collect();
    match of_pair.iter().find(|text| text.contains(word)) {
        Some(_) => Ok(format!("{word}, one of {} streams", of_pair.len())),
        None => Err(format!("no stream of both by {word} among {of_pair:?}")),
    }
}

fn streams(list: &Value) -> Vec<&Value> {
    match list {
        Value::Array(streams) => streams.iter().collect(),
        Value::Object(members) => members.values().filter_map(Value::as_array).flatten().collect(),
        _ => Vec::new(),
    }
}

/// A line of a log without its time.
fn shorten(line: &str) -> String {
    let text = line.trim();
    let start = ["Accept", "Incoming"].iter().filter_map(|word| text.find(word)).min().unwrap_or(0);
    text[start..].to_owned()
}
