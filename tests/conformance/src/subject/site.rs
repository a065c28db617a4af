//! A server that can be reached, and its accounts.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::{Admin, AdminError, Authority};
use crate::case::{Need, Verb};
use crate::client::Trust;
use crate::servers::ServerSide;

/// An account of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The bare JID.
    pub jid: String,
    /// The localpart.
    pub local: String,
    /// The domainpart.
    pub domain: String,
    /// The password.
    pub password: String,
    /// Has the case done something to it, so that no other can use it?
    pub(crate) spoiled: bool,
}

impl Account {
    /// The account with this address.
    #[must_use]
    pub fn new(jid: &str, password: &str) -> Account {
        let (local, domain) = jid.split_once('@').unwrap_or((jid, ""));
        Account {
            jid: jid.to_owned(),
            local: local.to_owned(),
            domain: domain.to_owned(),
            password: password.to_owned(),
            spoiled: false,
        }
    }
}

/// A running server.
pub struct Site {
    /// What it is called in reports.
    pub name: String,
    /// `host:port` for clients that begin in clear.
    pub starttls: String,
    /// `host:port` for clients that begin with TLS.
    pub direct_tls: Option<String>,
    /// The domain that is judged.
    pub domain: String,
    /// Another domain of the same server.
    pub second_domain: Option<String>,
    /// Which certificates it may show.
    pub trust: Trust,
    /// Its administrator.
    pub admin: Box<dyn Admin>,
    /// What it has, beyond what follows from the above.
    pub has: BTreeSet<Need>,
    /// Where its accounts come from.
    pub accounts: Accounts,
    /// Who signs certificates of clients that it accepts, if there is one.
    pub authority: Option<Arc<Authority>>,
    /// Where it takes streams of other servers, if it does.
    pub servers: Option<ServerSide>,
}

/// Accounts that cases take and give back.
#[derive(Debug, Default)]
pub struct Accounts {
    free: Mutex<VecDeque<Account>>,
    returned: Condvar,
    /// How many were given.
    given: usize,
    /// May another case take what one has given back?
    reused: bool,
    /// How many were made.
    count: AtomicUsize,
    /// The addresses of those that were made, to be removed in the end.
    made: Mutex<Vec<String>>,
}

impl Accounts {
    /// New ones for every case, made by the administrator.
    #[must_use]
    pub fn new_ones() -> Accounts {
        Accounts::default()
    }

    /// These, which are used again. If none is free, the administrator makes another one, or if that can't be, the
    /// case waits for those that others have.
    #[must_use]
    pub fn given(accounts: Vec<Account>) -> Accounts {
        let given = accounts.len();
        Accounts { free: Mutex::new(accounts.into()), given, reused: true, ..Accounts::default() }
    }
}

impl Site {
    /// Is this there?
    #[must_use]
    pub fn has(&self, need: Need) -> bool {
        match need {
            Need::SecondDomain => self.second_domain.is_some(),
            Need::DirectTls => self.direct_tls.is_some(),
            Need::Alone => true,
            Need::Admin(verb) => self.admin.knows(verb),
            other => self.has.contains(&other),
        }
    }

    /// How many cases of three roles can run at once; `None` for any number.
    pub(crate) fn parallel_cases(&self) -> Option<usize> {
        (!self.admin.knows(Verb::Create)).then_some((self.accounts.given / 3).max(1))
    }

    /// An account for a case that has so many already, and may wait until `end`.
    pub(crate) fn take_account(&self, role: &str, held: usize, end: Instant) -> Result<Account, AdminError> {
        let mut free = self.accounts.free.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(account) = free.pop_front() {
                return Ok(account);
            }
            if self.admin.knows(Verb::Create) {
                drop(free);
                return self.make_account(role);
            }
            let left = end.saturating_duration_since(Instant::now());
            if held >= self.accounts.given || left.is_zero() {
                return Err(AdminError::Unsupported);
            }
            free = self.accounts.returned.wait_timeout(free, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Makes one, with a name that no other run has used.
    fn make_account(&self, role: &str) -> Result<Account, AdminError> {
        let number = self.accounts.count.fetch_add(1, Ordering::Relaxed);
        let run = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs() % 0x10_0000);
        let jid = format!("{role}-{run:05x}-{number}@{}", self.domain);
        let password = format!("pencil-{run:05x}-{number}");
        self.admin.run(Verb::Create, &[&jid], Some(&password))?;
        self.accounts.made.lock().unwrap_or_else(PoisonError::into_inner).push(jid.clone());
        Ok(Account::new(&jid, &password))
    }

    /// Removes the accounts that were made, as far as that can be done: a case may have removed some.
    pub(crate) fn remove_made_accounts(&self) {
        let made = std::mem::take(&mut *self.accounts.made.lock().unwrap_or_else(PoisonError::into_inner));
        for jid in made {
            if self.admin.run(Verb::Remove, &[&jid], None) == Err(AdminError::Unsupported) {
                return;
            }
        }
    }

    pub(crate) fn give_back(&self, account: Account) {
        if self.accounts.reused {
            self.accounts.free.lock().unwrap_or_else(PoisonError::into_inner).push_back(account);
            self.accounts.returned.notify_all();
        }
    }
}

impl std::fmt::Debug for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Site").field("name", &self.name).field("starttls", &self.starttls).finish_non_exhaustive()
    }
}
