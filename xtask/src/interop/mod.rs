//! `cargo xtask interop`: conversations with software written by others.
//!
//! A [`Server`](server::Server) is started on loopback with a certificate of a throw-away
//! authority; client libraries that others wrote ([`client`]) are given jobs ([`job`]) and report
//! what happened; [`judge`] says whether that is what had to happen. The server under test is ours
//! or, to prove that the scripts and the judge are fair, Prosody. Conversations with servers that others
//! wrote are in [`federation`].

mod client;
mod conversation;
mod job;
mod judge;
pub(crate) mod server;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;
use crate::{federation, table};
use client::Client;
pub(crate) use client::slixmpp_script;
use conversation::Conversation;
use server::Kind;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Log in and chat with client libraries that others wrote
    Clients(Clients),
    /// Federate with servers that others wrote, on test hosts of their own
    Servers(federation::Arguments),
    /// Start two servers of a kind that federate, to try things by hand
    Pair(federation::pair::Arguments),
}

#[derive(Debug, Default, clap::Args)]
pub(crate) struct Clients {
    /// Which client
    #[arg(long, value_enum, default_value_t)]
    client: Which,
    /// Which server: ours, or Debian's Prosody to try the scripts themselves
    #[arg(long, value_enum, default_value_t)]
    server: Kind,
    /// The server's program, built already, instead of building it
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// The cargo profile that our server is built with
    #[arg(long, default_value = "release")]
    profile: Option<String>,
    /// Keep the folder with the jobs, the configuration and the server's log (always kept on failure)
    #[arg(long)]
    keep: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Which {
    #[default]
    All,
    Slixmpp,
    Xmppjs,
}

/// One line of the table: what was tried and how it went.
#[derive(Debug)]
struct Row {
    client: &'static str,
    over: &'static str,
    what: String,
    /// What was seen, or what is wrong.
    verdict: Result<String, String>,
}

pub(crate) fn run(command: &Command) -> Result<()> {
    match command {
        Command::Clients(arguments) => clients(arguments),
        Command::Servers(arguments) => federation::run(arguments),
        Command::Pair(arguments) => federation::pair::run(arguments),
    }
}

/// Every client against the release build of our server.
pub(crate) fn clients_for_ci() -> Result<()> {
    clients(&Clients::default())
}

fn clients(arguments: &Clients) -> Result<()> {
    let workspace = Workspace::load()?;
    let clients: &[Client] = match arguments.client {
        Which::All => &[Client::Slixmpp, Client::XmppJs],
        Which::Slixmpp => &[Client::Slixmpp],
        Which::Xmppjs => &[Client::XmppJs],
    };
    for client in clients {
        client.install(&workspace)?;
    }
    let program = match &arguments.program {
        Some(program) => std::path::absolute(program)?,
        None => server::install(&workspace, arguments.server, arguments.profile.as_deref().unwrap_or("release"))?,
    };

    let parent = workspace.target_directory.join("interop");
    fs::create_dir_all(&parent).with_context(|| format!("can't create {}", parent.display()))?;
    let folder = tempfile::Builder::new().prefix("clients-").tempdir_in(&parent)?;
    let result =
        Conversation::start(&workspace, folder.path(), arguments.server, &program, clients).and_then(Conversation::run);
    let verdict = result.and_then(|rows| summarise(&rows));
    if verdict.is_err() || arguments.keep {
        let kept = folder.keep();
        println!("kept: {}", kept.display());
        show_log(&kept);
    }
    verdict
}

/// Builds our server with a profile of cargo; its program.
pub(crate) fn install_jabiru(workspace: &Workspace, profile: &str) -> Result<PathBuf> {
    server::install(workspace, Kind::Jabiru, profile)
}

/// Two accounts of a server that runs on `port` of loopback talk by way of slixmpp, over STARTTLS
/// with a certificate that is verified against `trusted`.
///
/// # Errors
/// If anything was not as it must be.
pub(crate) fn two_talk(
    workspace: &Workspace,
    folder: &Path,
    port: u16,
    trusted: &Path,
    accounts: [(&str, String); 2],
) -> Result<()> {
    let client = Client::Slixmpp;
    client.install(workspace)?;
    let messages = [job::messages(accounts[0].0), job::messages(accounts[1].0)];
    let accounts = accounts.map(|(jid, password)| job::Account { jid: jid.to_owned(), password });
    let job = job::Job {
        task: job::Task::Talk,
        domain: job::DOMAIN,
        host: "127.0.0.1",
        port,
        direct_tls: false,
        ca: trusted.to_owned(),
        accounts: accounts.to_vec(),
        unknown: job::UNKNOWN,
        messages,
    };
    let report = client.run(workspace, folder, "talk", &job)?;
    let over = job::Over::StartTls.name();
    let rows: Vec<Row> = judge::talk(&job, &report)
        .into_iter()
        .map(|(what, verdict)| Row { client: client.name(), over, what, verdict })
        .collect();
    summarise(&rows)
}

/// The end of the server's log: the reason of most failures is there.
fn show_log(folder: &Path) {
    const LINES: usize = 40;
    let log = fs::read_to_string(folder.join(server::LOG)).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    for line in &lines[lines.len().saturating_sub(LINES)..] {
        println!("    server: {line}");
    }
}

fn summarise(rows: &[Row]) -> Result<()> {
    let cells: Vec<_> = rows
        .iter()
        .map(|row| {
            let (result, note) = match &row.verdict {
                Ok(note) => ("ok", note),
                Err(note) => ("FAILED", note),
            };
            [row.client.to_owned(), row.over.to_owned(), row.what.clone(), result.to_owned(), note.clone()]
        })
        .collect();
    println!("\n{}", table::render(["client", "over", "check", "result", "seen"], &cells));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failed_row_fails_the_run() {
        let row = |verdict| Row { client: "c", over: "o", what: "w".into(), verdict };
        assert!(summarise(&[row(Ok(String::new()))]).is_ok());
        assert!(summarise(&[row(Ok(String::new())), row(Err("no".into()))]).is_err());
        assert!(summarise(&[]).is_err());
    }
}
