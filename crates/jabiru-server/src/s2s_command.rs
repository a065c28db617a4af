//! `jabiru s2s`: looks at streams to and from other servers, and finds out why there are none.
//!
//! All of it is done by the running server, asked over its control socket: a test too, because other servers ask back
//! whether it is what it says.

mod list;
mod steps;
mod words;

use std::path::Path;

use anyhow::bail;
use clap::{Args, Subcommand};

use self::list::Table;
use self::steps::Line;
use self::words::Shown;
use crate::control::{self, Answer, Request, say};

/// What to do with streams to and from other servers.
#[derive(Debug, Subcommand)]
pub(crate) enum S2sCommand {
    /// Shows the streams to and from other servers: whose they are, what has proven that, what waits in them.
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Finds out whether another domain can be reached, and if not, why.
    ///
    /// Walks every step on the way there and prints what it finds: how the domain is looked up, which addresses are tried,
    /// TLS and the certificate, what proves it and whether that is enough, what is offered and agreed on, and whether a
    /// ping comes back. The exit status is 0 only if it does, or an error from that domain.
    ///
    /// The running server does it, over a stream of its own for the test.
    Test(TestArguments),
    /// Closes the streams to and from another domain; the next stanza opens one anew.
    Close {
        /// The other server's domain.
        domain: String,
    },
}

/// What to test.
#[derive(Args, Debug)]
pub(crate) struct TestArguments {
    /// The other server's domain.
    domain: String,
    /// The hosted domain on whose behalf; by default the first one.
    #[arg(long, value_name = "DOMAIN")]
    from: Option<String>,
    /// As JSON, once all of it is there.
    #[arg(long)]
    json: bool,
}

/// Does it, by the server of a data directory.
pub(crate) fn run(command: S2sCommand, directory: &Path) -> anyhow::Result<()> {
    match command {
        S2sCommand::List { json } => list(directory, json),
        S2sCommand::Test(arguments) => test(directory, arguments),
        S2sCommand::Close { domain } => close(directory, &domain),
    }
}

fn list(directory: &Path, json: bool) -> anyhow::Result<()> {
    match control::ask(directory, &Request::S2sList)? {
        Answer::S2sStreams(streams) if json => say(&serde_json::to_string_pretty(&streams)?),
        Answer::S2sStreams(streams) => say(&Table(&streams).to_string()),
        other => control::unexpected(&other),
    }
}

fn test(directory: &Path, arguments: TestArguments) -> anyhow::Result<()> {
    let TestArguments { domain, from, json } = arguments;
    let told = control::follow(directory, &Request::S2sTest { domain, from }, |progress| match progress {
        Answer::S2sFinding(finding) if !json => say(&Line(&finding).to_string()),
        _ => Ok(()),
    })?;
    let Answer::S2sDiagnosis(diagnosis) = told else { return control::unexpected(&told) };
    if json {
        say(&serde_json::to_string_pretty(&diagnosis)?)?;
    }
    let domain = &diagnosis.domain;
    if diagnosis.conclusion.reached {
        if !json {
            say(&format!("{domain} can be reached from {}.", diagnosis.from))?;
        }
        return Ok(());
    }
    let failure = diagnosis.conclusion.failure.as_deref().unwrap_or("nothing came back");
    bail!("{domain} can't be reached from {}: {}", diagnosis.from, Shown(failure))
}

fn close(directory: &Path, domain: &str) -> anyhow::Result<()> {
    match control::ask(directory, &Request::S2sClose { domain: domain.to_owned() })? {
        Answer::S2sClosed { streams: 0 } => say(&format!("There are no streams to or from {domain}.")),
        Answer::S2sClosed { streams: 1 } => say(&format!("Closing 1 stream to or from {domain}.")),
        Answer::S2sClosed { streams } => say(&format!("Closing {streams} streams to or from {domain}.")),
        other => control::unexpected(&other),
    }
}
