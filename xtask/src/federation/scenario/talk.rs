//! Messages both ways, over streams that are found, secured and proven in different ways.

use std::net::IpAddr;
use std::time::Instant;

use anyhow::Result;

use super::Trial;
use super::proof::{self, Proof};
use crate::federation::domain::{DIRECT_TLS_PORT, Purpose, STARTTLS_PORT, Software};
use crate::federation::sockets::Connection;

/// How long, in seconds, a second target may take to be found.
const PATIENCE: f64 = 6.0;

pub(super) fn external(trial: &Trial<'_>) -> Result<()> {
    if trial.pair.left == trial.pair.right {
        trial.talk(Purpose::Plain, Purpose::Plain)?;
        let server = trial.stage.server(trial.pair.left)?;
        let to_itself = server
            .connections_to(&server.host)
            .into_iter()
            .filter(|connection| connection.remote.port() == STARTTLS_PORT)
            .count();
        let verdict = if to_itself == 0 {
            Ok("no server stream".to_owned())
        } else {
            Err(format!("{to_itself} connections to itself"))
        };
        trial.push("its own domains are not looked up", verdict);
        return Ok(());
    }
    let marks = proof::marks(trial)?;
    trial.talk(Purpose::Plain, Purpose::Plain)?;
    proof::check(trial, &marks, Purpose::Plain, Purpose::Plain, Proof::External)
}

pub(super) fn dialback(trial: &Trial<'_>) -> Result<()> {
    let marks = proof::marks(trial)?;
    trial.talk(Purpose::Dialback, Purpose::Dialback)?;
    proof::check(trial, &marks, Purpose::Dialback, Purpose::Dialback, Proof::Dialback)
}

pub(super) fn direct(trial: &Trial<'_>) -> Result<()> {
    trial.talk(Purpose::Direct, Purpose::Direct)?;
    for (from, to) in [(trial.pair.left, trial.pair.right), (trial.pair.right, trial.pair.left)] {
        // Prosody 0.12 offers it, but does not look for it.
        if from.software() == Software::Prosody {
            continue;
        }
        let what = format!("{} connects to port {DIRECT_TLS_PORT}", from.name());
        let other = trial.stage.server(to)?.host.clone();
        let found = trial.stage.server(from)?.connections_to(&other);
        // Two of ours need one stream for both directions, whoever was first to open it.
        let both = trial.pair.left.is_ours() && trial.pair.right.is_ours();
        let is_direct = |connection: &&Connection| {
            connection.remote.port() == DIRECT_TLS_PORT || (both && connection.local.port() == DIRECT_TLS_PORT)
        };
        let verdict = match found.iter().find(is_direct) {
            Some(connection) if connection.remote.port() != DIRECT_TLS_PORT => Ok("the other one did".to_owned()),
            Some(connection) => Ok(format!("connected to {}", connection.remote)),
            None => Err(format!("connected to {}", remotes(&found))),
        };
        trial.push(what, verdict);
    }
    Ok(())
}

pub(super) fn targets(trial: &Trial<'_>) -> Result<()> {
    trial.talk(Purpose::Targets, Purpose::Targets)?;
    for (from, to) in [(trial.pair.left, trial.pair.right), (trial.pair.right, trial.pair.left)] {
        let other = trial.stage.server(to)?.host.clone();
        let found = trial.stage.server(from)?.connections_to(&other);
        let last: IpAddr = other.second_v4().into();
        let verdict = match found.iter().find(|connection| connection.remote.ip() == last) {
            Some(connection) => Err(format!("connected to {}, the target of the last priority", connection.remote)),
            None => Ok(format!("connected to {}", remotes(&found))),
        };
        trial.push(format!("{} leaves the last target alone", from.name()), verdict);
    }
    Ok(())
}

/// One way only: others take long to give the first target up.
pub(super) fn silent(trial: &Trial<'_>) -> Result<()> {
    let (from, to) = (trial.stage.user(trial.left(Purpose::Plain))?, trial.stage.user(trial.right(Purpose::Silent))?);
    let start = Instant::now();
    let outcome = trial.stage.try_one(&from, &to.full)?;
    let seconds = start.elapsed().as_secs_f64();
    let verdict = match outcome.messages.len() {
        // RFC 8305: nobody waits for the first target to time out.
        1 if seconds < PATIENCE => Ok(format!("after {seconds:.1} s")),
        arrived => Err(format!("{arrived} after {seconds:.1} s, {:?}", outcome.errors)),
    };
    trial.push("the second target is found", verdict);
    trial.talk(Purpose::Plain, Purpose::Silent)
}

fn remotes(connections: &[Connection]) -> String {
    let remotes: Vec<String> = connections.iter().map(|connection| connection.remote.to_string()).collect();
    if remotes.is_empty() { "nothing".to_owned() } else { remotes.join(", ") }
}
