//! One server, and everything that the clients do with it.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::client::Client;
use super::job::{Account, DOMAIN, Job, Message, Outcome, Over, Task, UNKNOWN, messages};
use super::server::{Kind, Server};
use super::{Row, judge};
use crate::certs;
use crate::workspace::Workspace;

/// The stream errors that tell a client that its account is no longer welcome: RFC 6120 names
/// not-authorized for what is not permitted (§4.9.3.12) and policy-violation for local rules
/// (§4.9.3.14).
const NO_LONGER_WELCOME: [&str; 2] = ["not-authorized", "policy-violation"];

/// A running server and the clients to try.
pub(super) struct Conversation<'a> {
    workspace: &'a Workspace,
    folder: &'a Path,
    server: Server,
    clients: &'a [Client],
    /// The authority that signed the server's certificate, and one that did not.
    authority: PathBuf,
    stranger: PathBuf,
    rows: Vec<Row>,
}

/// What tells the accounts of one client apart.
const FIRST: &str = "juliet";
const SECOND: &str = "romeo";
const DISABLED: &str = "tybalt";
const REMOVED: &str = "mercutio";

impl<'a> Conversation<'a> {
    /// Starts the server. The first client's accounts are made before that, the others' while it runs.
    pub(super) fn start(
        workspace: &'a Workspace,
        folder: &'a Path,
        kind: Kind,
        program: &Path,
        clients: &'a [Client],
    ) -> Result<Conversation<'a>> {
        let authority = certs::write_authority(&folder.join("authority"))?;
        let stranger = certs::write_authority(&folder.join("stranger"))?;
        let certificate = authority.certify(&folder.join("authority"), DOMAIN, false)?;
        let mut server = Server::prepare(kind, program, folder, &certificate)?;
        let mut is_running = false;
        for client in clients {
            for name in [FIRST, SECOND, DISABLED, REMOVED] {
                server.add_account(&account(*client, name))?;
            }
            if !is_running {
                server.start()?;
                is_running = true;
            }
        }
        let (authority, stranger) = (authority.path, stranger.path);
        Ok(Conversation { workspace, folder, server, clients, authority, stranger, rows: Vec::new() })
    }

    /// Everything, in the end the shutdown.
    pub(super) fn run(mut self) -> Result<Vec<Row>> {
        for client in self.clients {
            for over in Over::BOTH {
                self.talk(*client, over)?;
                self.refusals(*client, over)?;
                self.stranger(*client, over)?;
            }
            if self.server.can_disable() {
                self.removal(*client)?;
            }
        }
        self.shutdown()?;
        Ok(self.rows)
    }

    fn talk(&mut self, client: Client, over: Over) -> Result<()> {
        let messages = [messages(FIRST), messages(SECOND)];
        let job = self.job(Task::Talk, over, vec![account(client, FIRST), account(client, SECOND)], messages);
        let report = client.run(self.workspace, self.folder, &job_name(client, over, "talk"), &job)?;
        for (what, verdict) in judge::talk(&job, &report) {
            self.rows.push(Row { client: client.name(), over: over.name(), what, verdict });
        }
        Ok(())
    }

    /// A wrong password, an unknown account, a disabled account, and being disabled while online.
    fn refusals(&mut self, client: Client, over: Over) -> Result<()> {
        let disabled = account(client, DISABLED);
        let mut accounts = vec![
            Account { password: "a wrong password".to_owned(), ..account(client, FIRST) },
            Account { jid: UNKNOWN.to_owned(), password: "no matter".to_owned() },
        ];
        let mut expected = vec![
            ("a wrong password is refused", "not-authorized"),
            ("an unknown account is refused", "not-authorized"),
        ];
        if self.server.can_disable() {
            let job = self.job(Task::Stay, over, vec![disabled.clone()], [vec![], vec![]]);
            let online = client.stay(self.workspace, self.folder, &job_name(client, over, "stay"), &job)?;
            self.server.change_account("disable", &disabled.jid)?;
            let report = online.finish()?;
            let verdict = judge::thrown_out(report.outcomes.first(), &NO_LONGER_WELCOME);
            self.push(client, over, "an account disabled while online is thrown out", verdict);
            accounts.push(disabled.clone());
            expected.push(("a disabled account is refused", "account-disabled"));
        }
        let outcomes = self.attempt(client, over, "refusals", accounts, None)?;
        for (number, (what, condition)) in expected.into_iter().enumerate() {
            self.push(client, over, what, judge::refused(outcomes.get(number), condition));
        }
        if self.server.can_disable() {
            self.server.change_account("enable", &disabled.jid)?;
            let outcomes = self.attempt(client, over, "enabled", vec![disabled], None)?;
            self.push(client, over, "an enabled account is let in again", online(outcomes.first()));
        }
        Ok(())
    }

    /// If the clients accepted any certificate, nothing here would show that ours is verified.
    fn stranger(&mut self, client: Client, over: Over) -> Result<()> {
        let stranger = self.stranger.clone();
        let outcomes = self.attempt(client, over, "stranger", vec![account(client, FIRST)], Some(stranger))?;
        self.push(client, over, "trust another authority", judge::certificate_refused(outcomes.first()));
        Ok(())
    }

    fn removal(&mut self, client: Client) -> Result<()> {
        let over = Over::DirectTls;
        let removed = account(client, REMOVED);
        let job = self.job(Task::Stay, over, vec![removed.clone()], [vec![], vec![]]);
        let online = client.stay(self.workspace, self.folder, &job_name(client, over, "removed"), &job)?;
        self.server.change_account("remove", &removed.jid)?;
        let report = online.finish()?;
        let verdict = judge::thrown_out(report.outcomes.first(), &NO_LONGER_WELCOME);
        self.push(client, over, "an account removed while online is thrown out", verdict);
        let outcomes = self.attempt(client, over, "after-removal", vec![removed], None)?;
        self.push(client, over, "a removed account is refused", judge::refused(outcomes.first(), "not-authorized"));
        Ok(())
    }

    /// SIGTERM while every client is online.
    fn shutdown(&mut self) -> Result<()> {
        let over = Over::StartTls;
        let mut staying = Vec::new();
        for client in self.clients {
            let job = self.job(Task::Stay, over, vec![account(*client, FIRST)], [vec![], vec![]]);
            let online = client.stay(self.workspace, self.folder, &job_name(*client, over, "shutdown"), &job)?;
            staying.push((*client, online));
        }
        let (status, time) = self.server.stop()?;
        let ended = format!("{} after {:.1} s", crate::process::explain(status), time.as_secs_f64());
        for (client, online) in staying {
            let report = online.finish()?;
            let verdict = judge::thrown_out(report.outcomes.first(), &["system-shutdown"]);
            self.push(client, over, "SIGTERM closes the stream", verdict);
        }
        let verdict = if status.success() { Ok(ended) } else { Err(ended) };
        self.rows.push(Row { client: "-", over: "-", what: "the server ends with 0".to_owned(), verdict });
        Ok(())
    }

    fn attempt(
        &self,
        client: Client,
        over: Over,
        name: &str,
        accounts: Vec<Account>,
        authority: Option<PathBuf>,
    ) -> Result<Vec<Outcome>> {
        let mut job = self.job(Task::Attempt, over, accounts, [vec![], vec![]]);
        if let Some(authority) = authority {
            job.ca = authority;
        }
        Ok(client.run(self.workspace, self.folder, &job_name(client, over, name), &job)?.outcomes)
    }

    fn job(&self, task: Task, over: Over, accounts: Vec<Account>, messages: [Vec<Message>; 2]) -> Job {
        Job {
            task,
            domain: DOMAIN,
            host: "127.0.0.1",
            port: self.server.port(over),
            direct_tls: over == Over::DirectTls,
            ca: self.authority.clone(),
            accounts,
            unknown: UNKNOWN,
            messages,
        }
    }

    fn push(&mut self, client: Client, over: Over, what: &str, verdict: Result<String, String>) {
        self.rows.push(Row { client: client.name(), over: over.name(), what: what.to_owned(), verdict });
    }
}

fn account(client: Client, name: &str) -> Account {
    let prefix = client.prefix();
    Account { jid: format!("{prefix}.{name}@{DOMAIN}"), password: format!("pässwörd of {prefix} {name}") }
}

fn job_name(client: Client, over: Over, what: &str) -> String {
    format!("{}-{}-{what}", client.prefix(), over.name().replace(' ', "-"))
}

fn online(outcome: Option<&Outcome>) -> Result<String, String> {
    match outcome {
        Some(outcome) if outcome.outcome == "online" => Ok("online".to_owned()),
        other => Err(format!("{other:?}")),
    }
}
