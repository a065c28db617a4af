//! All that is running in one run, and what scenarios do with it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::{Value, json};

use super::credentials::Credentials;
use super::domain::{Certificate, Domain, Party, Software};
use super::judge::{self, Outcome, Sent, Verdict};
use super::nameserver::Nameserver;
use super::network::Network;
use super::server::{CLIENT_PORT, Server, Setting};
use super::users::{Pending, Users};
use super::website::Website;
use crate::workspace::Workspace;

/// The host of the users.
const USERS: &str = "users";

/// The localpart of the account of every domain.
const LOCAL: &str = "romeo";

/// How many messages two users exchange.
const MESSAGES: usize = 200;

/// Longest wait for messages, in seconds; a server may have to find out first that another is gone.
const PATIENCE: f64 = 40.0;

/// One line of the table: what was tried between whom, and how it went.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) pair: String,
    pub(super) scenario: &'static str,
    pub(super) what: String,
    pub(super) verdict: Verdict,
}

/// The test hosts with their servers and users, for scenarios that may run at once.
///
/// A lock is held for one step at a time, but for that of a server which is being started again.
#[derive(Debug)]
pub(super) struct Stage {
    users: Users,
    servers: BTreeMap<Party, Mutex<Server>>,
    nameserver: Nameserver,
    website: Website,
    network: Network,
    credentials: Credentials,
    accounts: Mutex<BTreeSet<String>>,
    /// The full JIDs of the users that are online, by their bare ones.
    online: Mutex<BTreeMap<String, String>>,
    tokens: AtomicU32,
    rows: Mutex<Vec<Row>>,
}

impl Stage {
    /// Builds the hosts of `parties` and starts their servers; ours is at `jabiru`.
    pub(super) fn build(workspace: &Workspace, parties: &[Party], jabiru: &Path, folder: &Path) -> Result<Stage> {
        let mut names: Vec<&'static str> = parties.iter().map(|party| party.name()).collect();
        names.push(USERS);
        let network = Network::build(&names)?;
        let credentials = Credentials::write(parties, &folder.join("certificates"))?;
        let nameserver = Nameserver::start(&network, parties, &credentials, &folder.join("dns"))?;
        let website = Website::start(workspace, network.nameserver(), parties, &credentials, folder)?;
        let mut servers = BTreeMap::new();
        for party in parties {
            let setting = Setting {
                domains: Domain::hosted_by(*party).collect(),
                others: parties.iter().copied().filter(|other| other != party).collect(),
                credentials: &credentials,
                nameserver: nameserver.address(),
                anchor: nameserver.anchor(),
                measured: false,
            };
            let mut server = Server::prepare(*party, jabiru, network.host(party.name())?, folder, &setting)?;
            server.begin()?;
            servers.insert(*party, server);
        }
        let users = Users::start(workspace, network.host(USERS)?, folder)?;
        for server in servers.values_mut() {
            server.wait_until_ready()?;
        }
        Ok(Stage {
            users,
            servers: servers.into_iter().map(|(party, server)| (party, Mutex::new(server))).collect(),
            nameserver,
            website,
            network,
            credentials,
            accounts: Mutex::default(),
            online: Mutex::default(),
            tokens: AtomicU32::new(1),
            rows: Mutex::default(),
        })
    }

    /// Ends everything.
    pub(super) fn take_down(self) -> Result<Vec<Row>> {
        let Stage { users, servers, nameserver, website, network, rows, .. } = self;
        drop((users, servers, nameserver, website));
        network.take_down()?;
        Ok(rows.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn server(&self, party: Party) -> Result<MutexGuard<'_, Server>> {
        self.servers.get(&party).map(locked).with_context(|| format!("{} takes no part", party.name()))
    }

    pub(super) fn users(&self) -> &Users {
        &self.users
    }

    /// What the messages of one check have in their ids.
    pub(super) fn token(&self) -> String {
        format!("t{}", self.tokens.fetch_add(1, Ordering::Relaxed))
    }

    /// Logs the user of a domain in, unless it is online; its account is made when it is first needed.
    pub(super) fn user(&self, domain: Domain) -> Result<User> {
        let bare = format!("{LOCAL}@{}", domain.name());
        // Held meanwhile, so that nobody else makes the same account.
        let mut accounts = locked(&self.accounts);
        if let Some(full) = locked(&self.online).get(&bare) {
            return Ok(User { full: full.clone(), bare });
        }
        if !accounts.contains(&bare) {
            self.server(domain.party)?.add_account(LOCAL, domain, &password(&bare))?;
            accounts.insert(bare.clone());
        }
        let outcome = self.users.ask("login", self.login(domain, &bare, 0.0)?)?;
        self.logged_in(bare, outcome)
    }

    /// What the request to log in needs; the attempts go on for `patience` seconds while there is no connection.
    pub(super) fn login(&self, domain: Domain, bare: &str, patience: f64) -> Result<Value> {
        let wrong = [Certificate::Stranger, Certificate::Expired, Certificate::OtherName];
        let trusted = (!wrong.contains(&domain.purpose.certificate())).then_some(&self.credentials.for_clients);
        Ok(json!({
            "account": bare,
            "jid": bare,
            "password": password(bare),
            "host": self.server(domain.party)?.host.v4(),
            "port": CLIENT_PORT,
            "ca": trusted,
            "patience": patience,
        }))
    }

    /// Takes note of what came of a login.
    pub(super) fn logged_in(&self, bare: String, outcome: LoggedIn) -> Result<User> {
        match (outcome.outcome.as_str(), outcome.jid) {
            ("online", Some(full)) => {
                locked(&self.online).insert(bare.clone(), full.clone());
                Ok(User { full, bare })
            }
            _ => bail!("{bare} can't log in: {}: {}", outcome.outcome, outcome.detail.unwrap_or_default()),
        }
    }

    /// Forgets the connections of the users of a server that has ended.
    pub(super) fn forget(&self, party: Party) -> Result<()> {
        for domain in Domain::hosted_by(party) {
            let bare = format!("{LOCAL}@{}", domain.name());
            if locked(&self.online).remove(&bare).is_some() {
                self.users.ask::<()>("drop", json!({ "account": bare }))?;
            }
        }
        Ok(())
    }

    /// The users of two domains send each other [`MESSAGES`] messages at once.
    pub(super) fn talk(&self, left: Domain, right: Domain) -> Result<[(String, Verdict); 2]> {
        let parties = [left.party, right.party];
        let (left, right) = (self.user(left)?, self.user(right)?);
        for (party, from, to) in [(parties[0], &left, &right), (parties[1], &right, &left)] {
            // Prosody 0.12 sends what comes between its authentication and the new stream's features at once, before
            // what has waited for both.
            if party.software() == Software::Prosody {
                let token = self.token();
                self.send(from, to, &token, 0, &bodies(&token, 1), Duration::ZERO)?.wait::<()>()?;
                self.outcome(from, to, &token, 1)?;
            }
        }
        let directions = [(&left, &right), (&right, &left)].map(|(from, to)| (from, to, self.token()));
        let mut sending = Vec::new();
        for (from, to, token) in &directions {
            sending.push(self.send(from, to, token, 0, &bodies(token, MESSAGES), Duration::ZERO)?);
        }
        for pending in sending {
            pending.wait::<()>()?;
        }
        let mut verdicts = Vec::new();
        for (from, to, token) in &directions {
            let outcome = self.outcome(from, to, token, MESSAGES)?;
            let sent = Sent { from: &from.full, to: &recipients(to), bodies: &bodies(token, MESSAGES) };
            verdicts.push((format!("{} → {}", from.domain(), to.domain()), judge::all_in_order(sent, &outcome)));
        }
        verdicts.try_into().map_err(|_| anyhow::anyhow!("two directions"))
    }

    /// One message and what became of it.
    pub(super) fn try_one(&self, from: &User, to: &str) -> Result<Outcome> {
        let token = self.token();
        let arguments = json!({
            "account": from.bare, "to": [to], "token": token,
            "bodies": { "first": 0, "texts": ["is anybody there?"] },
        });
        self.users.ask::<()>("send", arguments)?;
        let receiver = to.split('/').next().unwrap_or(to);
        // Nobody is online there, or it is one of ours.
        self.users.ask(
            "messages",
            json!({
                "account": receiver, "sender": from.bare, "token": token, "count": 1, "patience": PATIENCE,
            }),
        )
    }

    /// Begins to send messages, from number `first` on.
    pub(super) fn send(
        &self,
        from: &User,
        to: &User,
        token: &str,
        first: usize,
        bodies: &[String],
        pause: Duration,
    ) -> Result<Pending> {
        self.users.begin(
            "send",
            json!({
                "account": from.bare, "to": recipients(to), "token": token, "pause": pause.as_secs_f64(),
                "bodies": { "first": first, "texts": bodies },
            }),
        )
    }

    /// What became of `count` messages.
    pub(super) fn outcome(&self, from: &User, to: &User, token: &str, count: usize) -> Result<Outcome> {
        self.users.ask(
            "messages",
            json!({
                "account": to.bare, "sender": from.bare, "token": token, "count": count, "patience": PATIENCE,
            }),
        )
    }

    pub(super) fn push(&self, pair: &str, scenario: &'static str, what: impl Into<String>, verdict: Verdict) {
        let row = Row { pair: pair.to_owned(), scenario, what: what.into(), verdict };
        if let Err(why) = &row.verdict {
            println!("FAILED: {pair}: {scenario}: {}: {why}", row.what);
        }
        locked(&self.rows).push(row);
    }
}

/// An account that is online.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct User {
    pub(super) full: String,
    pub(super) bare: String,
}

impl User {
    pub(super) fn domain(&self) -> &str {
        self.bare.split_once('@').map_or(&self.bare, |(_, domain)| domain)
    }
}

/// How a login ended.
#[derive(Debug, Deserialize)]
pub(super) struct LoggedIn {
    outcome: String,
    jid: Option<String>,
    detail: Option<String>,
}

/// To the full JID and the bare one in turn.
fn recipients(to: &User) -> [String; 2] {
    [to.full.clone(), to.bare.clone()]
}

fn password(bare: &str) -> String {
    format!("pässwörd of {bare}")
}

/// What is sent: every kind of text, some of them long.
pub(super) fn bodies(token: &str, count: usize) -> Vec<String> {
    let texts =
        ["plain", "emoji 😀 🏳️‍🌈 𝄞", "markup <&>'\"]]> &amp; <body/>", "two\nlines\n\tand a tab", "שלום مرحبا e\u{301}"];
    (0..count)
        .map(|number| {
            let text = texts[number % texts.len()];
            let text = if number % 50 == 49 { text.repeat(100) } else { text.to_owned() };
            format!("{token} {number}: {text}")
        })
        .collect()
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
