//! `jabiru user`: managing accounts, whether the server runs or not.
//!
//! A command changes the storage by itself; a server that runs on the same data notices within
//! about a second and ends the streams of accounts that were disabled, removed, expired, moved or given
//! another password. Passwords come from the terminal without echo, or from standard input; never from
//! the command line, where every process of the machine could read them.

mod console;
mod password;
mod target;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use jabiru_stanza::{BareJid, DomainPart, DomainRef, Jid};
use jabiru_storage::{AccountStatus, Accounts, MAX_PAGE, Moved, ScramHash, StorageError, block_on};

use self::console::{Console, Standard};
use crate::config::Config;
use crate::control::{self, KickArguments};

/// What is to be done with accounts.
#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Creates an account.
    ///
    /// Asks for the password, or reads it as one line from standard input if that is no terminal.
    Add(NewPassword),
    /// Lists accounts with their state.
    List {
        /// Only the accounts of this domain.
        domain: Option<String>,
    },
    /// Gives an account another password.
    ///
    /// Asks for it, or reads it as one line from standard input if that is no terminal. The
    /// account's streams end.
    Passwd(NewPassword),
    /// Keeps an account from logging in, and ends its streams.
    Disable(Address),
    /// Lets an account log in again that was disabled or had to get another password.
    Enable(Address),
    /// Keeps an account from logging in until it gets another password (passwd), and ends its streams.
    Expire(Address),
    /// Sends whoever writes to an account to another address, and keeps it from logging in.
    ///
    /// Senders are told that it is gone, or redirected while it is away for a time. The account's streams
    /// end; what is stored for it stays.
    Move {
        #[command(flatten)]
        account: Address,
        /// Where to: an address, or a URI such as xmpp:juliet@example.net.
        #[arg(required_unless_present = "back", conflicts_with = "back")]
        target: Option<String>,
        /// It will come back: senders are redirected for now.
        #[arg(long, conflicts_with = "back")]
        temporary: bool,
        /// It is back, in the state it had before.
        #[arg(long)]
        back: bool,
    },
    /// Ends an account's streams, or that of one resource. Needs a running server.
    ///
    /// Their owner may come back; `disable` keeps him away.
    Kick(KickArguments),
    /// Removes an account with everything that is stored for it, and ends its streams.
    Remove {
        #[command(flatten)]
        account: Address,
        /// Does not ask.
        #[arg(long, short)]
        yes: bool,
    },
}

/// Which account.
#[derive(Args, Debug)]
pub(crate) struct Address {
    /// The account's address, such as juliet@im.example.
    #[arg(value_name = "ADDRESS")]
    address: String,
}

/// Which account gets a password.
#[derive(Args, Debug)]
pub(crate) struct NewPassword {
    #[command(flatten)]
    account: Address,
    /// Takes a password that is soon guessed, too: a short one, or the account's own name.
    #[arg(long)]
    allow_weak: bool,
}

/// Does what `command` says to the accounts, asking at the terminal where something is to be asked.
///
/// # Errors
/// One sentence for a person: what was wrong with the request, or why it could not be fulfilled.
pub(crate) fn run(command: UserCommand, config: &Config, accounts: Arc<dyn Accounts>) -> anyhow::Result<()> {
    run_with(command, config, accounts, &mut Standard)
}

fn run_with(
    command: UserCommand,
    config: &Config,
    accounts: Arc<dyn Accounts>,
    console: &mut dyn Console,
) -> anyhow::Result<()> {
    let mut administration = Administration { config, accounts, console };
    match command {
        // Not the storage's: it goes to the running server, before any storage is opened.
        UserCommand::Kick(arguments) => control::kick(&config.data_directory, arguments),
        UserCommand::Add(new) => administration.add(&new.account.address, new.allow_weak),
        UserCommand::List { domain } => administration.list(domain.as_deref()),
        UserCommand::Passwd(new) => administration.change_password(&new.account.address, new.allow_weak),
        UserCommand::Disable(account) => administration.set_status(&account.address, AccountStatus::Disabled),
        UserCommand::Enable(account) => administration.set_status(&account.address, AccountStatus::Active),
        UserCommand::Expire(account) => administration.expire(&account.address),
        UserCommand::Move { account, target, temporary, back: _ } => match target {
            Some(target) => administration.move_to(&account.address, &target, !temporary),
            None => administration.move_back(&account.address),
        },
        UserCommand::Remove { account, yes } => administration.remove(&account.address, yes),
    }
}

struct Administration<'a> {
    config: &'a Config,
    accounts: Arc<dyn Accounts>,
    console: &'a mut dyn Console,
}

impl Administration<'_> {
    fn add(&mut self, address: &str, allow_weak: bool) -> anyhow::Result<()> {
        let address = self.parse_address(address)?;
        if self.config.domain(address.domain()).is_none() {
            bail!("{} is not hosted here; {}", address.domain(), self.hosted());
        }
        // Before a password is asked for in vain.
        if self.exists(&address)? {
            bail!(already_exists(&address));
        }
        let credentials = password::ask(self.console, &address, allow_weak)?;
        match block_on(self.accounts.create(&address, credentials)) {
            Ok(()) => self.say(&format!("Created {address}.")),
            Err(StorageError::AlreadyExists { address }) => bail!(already_exists(&address)),
            Err(error) => Err(error).with_context(|| format!("can't create {address}")),
        }
    }

    fn list(&mut self, domain: Option<&str>) -> anyhow::Result<()> {
        let domain = domain.map(parse_domain).transpose()?;
        let mut after: Option<BareJid> = None;
        loop {
            let page = block_on(self.accounts.list(domain.as_ref(), after.as_ref(), MAX_PAGE))
                .context("can't list the accounts")?;
            if page.is_empty() {
                break;
            }
            let moved = match page.iter().any(|account| account.status == AccountStatus::Moved) {
                true => self.moved(domain.as_ref(), after.as_ref())?,
                false => HashMap::new(),
            };
            for account in &page {
                let target = moved.get(&account.address).map_or_else(String::new, |Moved { uri, permanent }| {
                    format!(" to {uri}{}", if *permanent { "" } else { " for a time" })
                });
                let note = match self.config.domain(account.address.domain()) {
                    Some(_) => "",
                    None => " (domain not hosted)",
                };
                let line = format!("{:<39} {}{target}{note}", account.address.as_str(), account.status.as_str());
                if !self.print(&line)? {
                    return Ok(());
                }
            }
            after = page.into_iter().next_back().map(|account| account.address);
        }
        if after.is_none() {
            match &domain {
                Some(domain) if self.config.domain(domain).is_none() => {
                    bail!("{domain} is not hosted here, and has no accounts; {}", self.hosted())
                }
                Some(domain) => self.console.note(&format!("{domain} has no accounts.")),
                None => self.console.note("There are no accounts."),
            }
        }
        Ok(())
    }

    fn change_password(&mut self, address: &str, allow_weak: bool) -> anyhow::Result<()> {
        let address = self.parse_existing(address)?;
        let credentials = password::ask(self.console, &address, allow_weak)?;
        block_on(self.accounts.replace_credentials(&address, credentials))
            .with_context(|| format!("can't change the password of {address}"))?;
        self.say(&format!("Changed the password of {address}."))
    }

    fn set_status(&mut self, address: &str, status: AccountStatus) -> anyhow::Result<()> {
        let address = self.parse_address(address)?;
        match block_on(self.accounts.set_status(&address, status)) {
            Ok(()) if self.status(&address)? == Some(AccountStatus::Moved) => {
                let back = format!("`jabiru user move {address} --back`");
                self.say(&format!("{address} has moved; it will be {} once it is back ({back}).", status.as_str()))
            }
            Ok(()) => self.say(&format!("{address} is now {}.", status.as_str())),
            Err(StorageError::NotFound { address }) => bail!(not_found(&address)),
            Err(error) => Err(error).with_context(|| format!("can't make {address} {}", status.as_str())),
        }
    }

    fn expire(&mut self, address: &str) -> anyhow::Result<()> {
        let address = self.parse_address(address)?;
        match self.status(&address)? {
            None => bail!(not_found(&address)),
            // Another password would make it active, which whoever disabled it did not want.
            Some(AccountStatus::Disabled) => bail!("{address} is disabled, so nobody logs in with its password anyway"),
            Some(AccountStatus::Moved) => bail!("{address} has moved, so nobody logs in with its password anyway"),
            Some(_) => {}
        }
        block_on(self.accounts.set_status(&address, AccountStatus::CredentialsExpired))
            .with_context(|| format!("can't let the password of {address} expire"))?;
        self.say(&format!("{address} needs another password before it can log in: `jabiru user passwd {address}`."))
    }

    fn move_to(&mut self, address: &str, target: &str, permanent: bool) -> anyhow::Result<()> {
        let address = self.parse_existing(address)?;
        let uri = target::parse(target, &address)?;
        let moved = Moved { uri: uri.clone(), permanent };
        block_on(self.accounts.set_moved(&address, Some(moved))).with_context(|| format!("can't move {address}"))?;
        let duration = if permanent { "for good" } else { "for a time" };
        self.say(&format!("{address} has moved to {uri} {duration}."))
    }

    fn move_back(&mut self, address: &str) -> anyhow::Result<()> {
        let address = self.parse_address(address)?;
        match self.status(&address)? {
            None => bail!(not_found(&address)),
            Some(AccountStatus::Moved) => {}
            Some(_) => bail!("{address} has not moved"),
        }
        block_on(self.accounts.set_moved(&address, None)).with_context(|| format!("can't move {address} back"))?;
        let status = self.status(&address)?.map_or("removed", AccountStatus::as_str);
        self.say(&format!("{address} is back, and {status}."))
    }

    fn remove(&mut self, address: &str, yes: bool) -> anyhow::Result<()> {
        let address = self.parse_existing(address)?;
        if !yes && self.console.is_terminal() {
            let question = format!("Remove {address} with everything that is stored for it? [y/N] ");
            let answer = self.console.ask(&question).context("can't ask whether to remove the account")?;
            if !matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") {
                bail!("{address} was not removed");
            }
        }
        match block_on(self.accounts.remove(&address)) {
            Ok(()) => self.say(&format!("Removed {address}.")),
            Err(error) => Err(error).with_context(|| format!("can't remove {address}")),
        }
    }

    /// The address of an account, whether or not there is one.
    fn parse_address(&self, text: &str) -> anyhow::Result<BareJid> {
        let jid = Jid::new(text).map_err(|error| anyhow::anyhow!("{text:?} is not an address: {error}"))?;
        let bare = jid.to_bare();
        if bare.node().is_none() {
            // The domain is only a guess: the first one, unless the text is a hosted one itself.
            let example = match self.config.domain(jid.domain()) {
                Some(domain) => format!("juliet@{}", domain.name),
                None => match self.config.domains.first() {
                    Some(domain) => format!("{text}@{}", domain.name),
                    None => "juliet@im.example".to_owned(),
                },
            };
            bail!("{text:?} is a domain, not an account; an account's address has the form {example}");
        }
        if jid.resource().is_some() {
            bail!("{text:?} is the address of one resource; the account's is {bare}");
        }
        // Some characters that are younger than stringprep become a capital letter, which then is prepared again by
        // whoever reads the address: one account would be taken for another.
        match BareJid::new(bare.as_str()) {
            Ok(again) if again == bare => {}
            Ok(again) => {
                bail!("{text:?} has characters that not everybody reads alike; it could be taken for {again}")
            }
            Err(error) => bail!("{text:?} is not an address: {error}"),
        }
        Ok(bare)
    }

    /// The address of an account that is there.
    fn parse_existing(&self, text: &str) -> anyhow::Result<BareJid> {
        let address = self.parse_address(text)?;
        if !self.exists(&address)? {
            bail!(not_found(&address));
        }
        Ok(address)
    }

    fn exists(&self, address: &BareJid) -> anyhow::Result<bool> {
        Ok(self.status(address)?.is_some())
    }

    fn status(&self, address: &BareJid) -> anyhow::Result<Option<AccountStatus>> {
        let found = block_on(self.accounts.look_up(address, ScramHash::Sha256));
        Ok(found.with_context(|| format!("can't look up {address}"))?.map(|account| account.status))
    }

    /// Where accounts have moved to: all those of a page of the list, which begins behind `after`.
    fn moved(&self, domain: Option<&DomainPart>, after: Option<&BareJid>) -> anyhow::Result<HashMap<BareJid, Moved>> {
        // The domain itself comes before the first account of the domain.
        let domain = domain.map(|domain| BareJid::from_parts(None, domain));
        let page = block_on(self.accounts.moved(after.or(domain.as_ref()), MAX_PAGE));
        Ok(page.context("can't list the accounts that have moved")?.into_iter().collect())
    }

    fn hosted(&self) -> String {
        let names: Vec<_> = self.config.domains.iter().map(|domain| domain.name.as_str()).collect();
        format!("the configuration hosts {}", names.join(", "))
    }

    fn say(&mut self, line: &str) -> anyhow::Result<()> {
        self.print(line).map(|_| ())
    }

    /// Writes a line of output; `false` if nobody reads it any more, as in `jabiru user list | head`.
    fn print(&mut self, line: &str) -> anyhow::Result<bool> {
        match self.console.print(line) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(error).context("can't write to standard output"),
        }
    }
}

fn parse_domain(text: &str) -> anyhow::Result<DomainPart> {
    let domain = DomainPart::new(text).map(|domain| <DomainRef as ToOwned>::to_owned(&domain));
    domain.map_err(|error| anyhow::anyhow!("{text:?} is not a domain: {error}"))
}

fn already_exists(address: &BareJid) -> String {
    format!("there is already an account {address}; `jabiru user passwd {address}` gives it another password")
}

fn not_found(address: &BareJid) -> String {
    format!("there is no account {address}; `jabiru user list` shows those there are")
}
