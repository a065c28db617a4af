//! By what a server believes another, as its log tells, or its list of streams.

use anyhow::{Context, Result};
use serde::Deserialize;

use super::Trial;
use crate::federation::domain::{Purpose, Software};
use crate::federation::judge::Verdict;

/// By what a server proves its domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    External,
    /// SASL EXTERNAL with a certificate that DNSSEC vouches for.
    Dane,
    /// The same, with one that the domain's web server vouches for.
    Posh,
    Dialback,
}

/// Where the logs of both servers end before a check.
pub(super) fn marks(trial: &Trial<'_>) -> Result<[u64; 2]> {
    Ok([trial.stage.server(trial.pair.left)?.log_end(), trial.stage.server(trial.pair.right)?.log_end()])
}

/// Each server must have believed the other by `expected`.
pub(super) fn check(trial: &Trial<'_>, marks: &[u64; 2], left: Purpose, right: Purpose, expected: Proof) -> Result<()> {
    let (left, right) = (trial.left(left), trial.right(right));
    for (local, remote, mark) in [(left, right, marks[0]), (right, left, marks[1])] {
        let server = trial.stage.server(local.party)?;
        let log = server.log_since(mark);
        let (own, other) = (local.name(), remote.name());
        let verdict = match local.party.software() {
            Software::Jabiru => {
                let output = server.administer(&["s2s", "list", "--json"])?;
                let list: Vec<Stream> = serde_json::from_str(&output.stdout)
                    .with_context(|| format!("s2s list --json printed {:?} {}", output.stdout, output.stderr))?;
                listed(&list, &own, &other, expected)
            }
            Software::Prosody => prosody(&log, &own, &other, expected),
            Software::Ejabberd => ejabberd(&log, &own, &other, expected),
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
        (Some(line), Proof::External | Proof::Dane | Proof::Posh) => Ok(shorten(line)),
        (None, Proof::Dialback) => Ok(complete),
        (Some(line), Proof::Dialback) => Err(shorten(line)),
        (None, Proof::External | Proof::Dane | Proof::Posh) => {
            Err("not logged that it accepted the certificate".to_owned())
        }
    }
}

/// ejabberd tells what it accepts.
fn ejabberd(log: &str, own: &str, other: &str, expected: Proof) -> Verdict {
    let start = "Accepted inbound s2s";
    let pair = format!("{other} -> {own}");
    let line = log.lines().find(|line| line.contains(start) && line.contains(&pair));
    let line = line.ok_or_else(|| format!("not logged: {start} … {pair}"))?;
    let word = match expected {
        Proof::External | Proof::Dane | Proof::Posh => "EXTERNAL",
        Proof::Dialback => "dialback",
    };
    if line.contains(word) { Ok(shorten(line)) } else { Err(shorten(line)) }
}

/// Of our own server: what it knows of each pair of domains on each stream.
fn listed(streams: &[Stream], own: &str, other: &str, expected: Proof) -> Verdict {
    let of_pair = |pair: &&Pair| pair.local == own && pair.remote == other;
    let pairs: Vec<&Pair> = streams.iter().flat_map(|stream| &stream.pairs).filter(of_pair).collect();
    let mut proofs: Vec<&str> = pairs.iter().flat_map(|pair| &pair.proofs).map(String::as_str).collect();
    let mut accepted: Vec<&str> = pairs.iter().filter_map(|pair| pair.accepted_by.as_deref()).collect();
    for list in [&mut proofs, &mut accepted] {
        list.sort_unstable();
        list.dedup();
    }
    let seen = format!("{} streams, proven by {proofs:?}, accepted by {accepted:?}", pairs.len());
    let is_right = match expected {
        Proof::External => proofs.contains(&"certificate") && accepted == ["external"],
        Proof::Dane => proofs.contains(&"dane") && accepted == ["external"],
        Proof::Posh => proofs.contains(&"posh") && accepted == ["external"],
        Proof::Dialback => proofs == ["dialback"] && accepted == ["dialback"],
    };
    if is_right { Ok(seen) } else { Err(seen) }
}

/// What is looked at of a row of `jabiru s2s list --json`.
#[derive(Debug, Deserialize)]
struct Stream {
    pairs: Vec<Pair>,
}

#[derive(Debug, Deserialize)]
struct Pair {
    local: String,
    remote: String,
    proofs: Vec<String>,
    accepted_by: Option<String>,
}

/// A line of a log without its time.
fn shorten(line: &str) -> String {
    let text = line.trim();
    let start = ["Accept", "Incoming"].iter().filter_map(|word| text.find(word)).min().unwrap_or(0);
    text[start..].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_and_lists_tell_the_proofs_apart() {
        let (own, other) = ("im.example", "example.net");
        let complete = "s2sin1 info Incoming s2s connection example.net->im.example complete\n";
        let external = format!("saslauth info Accepting SASL EXTERNAL identity from example.net\n{complete}");
        assert!(prosody(&external, own, other, Proof::External).is_ok());
        assert!(prosody(&external, own, other, Proof::Dialback).is_err());
        assert!(prosody(complete, own, other, Proof::Dialback).is_ok());
        assert!(prosody(complete, own, other, Proof::External).is_err());
        assert!(prosody(complete, other, own, Proof::Dialback).is_err());

        let line =
            |proof: &str| format!("[info] (tls) Accepted inbound s2s {proof} authentication {other} -> {own} (::1)\n");
        assert!(ejabberd(&line("EXTERNAL"), own, other, Proof::External).is_ok());
        assert!(ejabberd(&line("dialback"), own, other, Proof::External).is_err());
        assert!(ejabberd(&line("dialback"), own, other, Proof::Dialback).is_ok());
        assert!(ejabberd("", own, other, Proof::Dialback).is_err());

        let streams = |proof: &str, method: &str| -> Vec<Stream> {
            let pair =
                format!(r#"{{"local":"{own}","remote":"{other}","proofs":["{proof}"],"accepted_by":"{method}"}}"#);
            serde_json::from_str(&format!(r#"[{{"direction":"outgoing","pairs":[{pair}]}}]"#)).unwrap()
        };
        for (proof, method, expected, fine) in [
            ("certificate", "external", Proof::External, true),
            ("certificate", "dialback", Proof::External, false),
            ("dane", "external", Proof::External, false),
            ("dane", "external", Proof::Dane, true),
            ("posh", "external", Proof::Posh, true),
            ("certificate", "external", Proof::Posh, false),
            ("dialback", "dialback", Proof::Dialback, true),
            ("certificate", "dialback", Proof::Dialback, false),
        ] {
            assert_eq!(listed(&streams(proof, method), own, other, expected).is_ok(), fine, "{proof} {method}");
        }
        assert!(listed(&[], own, other, Proof::External).is_err());
    }
}
