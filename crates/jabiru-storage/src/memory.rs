//! Accounts that live as long as the process: for tests and examples.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

use jid::{BareJid, DomainPart, NodeRef};
use parking_lot::Mutex;

use crate::future::ready;
use crate::{
    Account, AccountChange, AccountStatus, Accounts, ChangeKind, ChangePosition, Changes, Credentials, ListedAccount,
    MAX_PAGE, Moved, ScramHash, StorageError, StorageFuture,
};

/// An [`Accounts`] that keeps everything in memory and answers at once.
///
/// ```
/// use jabiru_storage::{Accounts, MemoryAccounts, ScramHash, block_on};
///
/// let accounts = MemoryAccounts::new();
/// let juliet = "juliet@im.example".parse()?;
/// assert!(block_on(accounts.look_up(&juliet, ScramHash::Sha256))?.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct MemoryAccounts {
    state: Mutex<State>,
    history: usize,
}

#[derive(Debug, Default)]
struct State {
    accounts: BTreeMap<Key, Stored>,
    changes: VecDeque<AccountChange>,
    /// How many changes there have been altogether.
    latest: u64,
}

/// Domainpart and localpart: the order in which accounts are listed.
type Key = (String, String);

#[derive(Debug)]
struct Stored {
    address: BareJid,
    /// The state it is in unless it has moved.
    status: AccountStatus,
    moved: Option<Moved>,
    credentials: Credentials,
}

impl Stored {
    fn status(&self) -> AccountStatus {
        if self.moved.is_some() { AccountStatus::Moved } else { self.status }
    }
}

impl MemoryAccounts {
    /// No accounts yet, and a history of 10,000 changes.
    #[must_use]
    pub fn new() -> Self {
        Self::with_history(crate::DEFAULT_HISTORY)
    }

    /// No accounts yet, and a history of the latest `changes` changes.
    #[must_use]
    pub fn with_history(changes: usize) -> Self {
        Self { state: Mutex::default(), history: changes }
    }

    /// Changes the account at `address`, and remembers that if `change` says so.
    fn change(
        &self,
        address: &BareJid,
        change: impl FnOnce(&mut Stored) -> Option<ChangeKind>,
    ) -> Result<(), StorageError> {
        let mut state = self.state.lock();
        let stored =
            state.accounts.get_mut(&key(address)).ok_or_else(|| StorageError::NotFound { address: address.clone() })?;
        if let Some(kind) = change(stored) {
            state.remember(address, kind, self.history);
        }
        Ok(())
    }

    fn create_now(&self, address: &BareJid, credentials: Credentials) -> Result<(), StorageError> {
        if address.node().is_none() {
            return Err(StorageError::NoLocalpart { address: address.clone() });
        }
        let mut state = self.state.lock();
        if state.accounts.contains_key(&key(address)) {
            return Err(StorageError::AlreadyExists { address: address.clone() });
        }
        let stored = Stored { address: address.clone(), status: AccountStatus::Active, moved: None, credentials };
        state.accounts.insert(key(address), stored);
        state.remember(address, ChangeKind::Created, self.history);
        Ok(())
    }

    fn remove_now(&self, address: &BareJid) -> Result<(), StorageError> {
        let mut state = self.state.lock();
        if state.accounts.remove(&key(address)).is_none() {
            return Err(StorageError::NotFound { address: address.clone() });
        }
        state.remember(address, ChangeKind::Removed, self.history);
        Ok(())
    }
}

impl Default for MemoryAccounts {
    fn default() -> Self {
        Self::new()
    }
}

impl State {
    /// The accounts behind an address, in order.
    fn behind(&self, after: Option<&BareJid>) -> impl Iterator<Item = (&Key, &Stored)> {
        let start = match after {
            Some(address) => Bound::Excluded(key(address)),
            None => Bound::Unbounded,
        };
        self.accounts.range((start, Bound::Unbounded))
    }

    fn remember(&mut self, address: &BareJid, kind: ChangeKind, history: usize) {
        self.latest += 1;
        self.changes.push_back(AccountChange::new(address.clone(), kind));
        if self.changes.len() > history {
            self.changes.pop_front();
        }
    }

    fn changes_since(&self, position: ChangePosition) -> Changes {
        let forgotten = self.latest - self.changes.len() as u64;
        if position.number() < forgotten || position.number() > self.latest {
            return Changes::Resync { position: ChangePosition::new(self.latest) };
        }
        // Fits: it is at most the length of the queue.
        let known = (position.number() - forgotten) as usize;
        let changes: Vec<_> = self.changes.iter().skip(known).take(MAX_PAGE).cloned().collect();
        let position = ChangePosition::new(position.number() + changes.len() as u64);
        Changes::Since { changes, position }
    }
}

impl Accounts for MemoryAccounts {
    fn create(&self, address: &BareJid, credentials: Credentials) -> StorageFuture<()> {
        ready(self.create_now(address, credentials))
    }

    fn look_up(&self, address: &BareJid, hash: ScramHash) -> StorageFuture<Option<Account>> {
        let state = self.state.lock();
        ready(Ok(state
            .accounts
            .get(&key(address))
            .map(|stored| Account::new(stored.status(), stored.credentials.credential(hash).cloned()))))
    }

    fn list(
        &self,
        domain: Option<&DomainPart>,
        after: Option<&BareJid>,
        limit: usize,
    ) -> StorageFuture<Vec<ListedAccount>> {
        let state = self.state.lock();
        let listed = state
            .behind(after)
            .filter(|((name, _), _)| domain.is_none_or(|domain| domain.as_str() == name))
            .take(limit.min(MAX_PAGE))
            .map(|(_, stored)| ListedAccount::new(stored.address.clone(), stored.status()))
            .collect();
        ready(Ok(listed))
    }

    fn replace_credentials(&self, address: &BareJid, credentials: Credentials) -> StorageFuture<()> {
        ready(self.change(address, |stored| {
            stored.credentials = credentials;
            if stored.status == AccountStatus::CredentialsExpired {
                stored.status = AccountStatus::Active;
            }
            Some(ChangeKind::Credentials)
        }))
    }

    fn set_status(&self, address: &BareJid, status: AccountStatus) -> StorageFuture<()> {
        let kind = match status {
            AccountStatus::Active => ChangeKind::Enabled,
            AccountStatus::Disabled => ChangeKind::Disabled,
            AccountStatus::CredentialsExpired => ChangeKind::Expired,
            AccountStatus::Moved => return ready(Err(StorageError::InvalidTarget { address: address.clone() })),
        };
        ready(self.change(address, |stored| {
            let changed = stored.status != status;
            stored.status = status;
            changed.then_some(kind)
        }))
    }

    fn set_moved(&self, address: &BareJid, moved: Option<Moved>) -> StorageFuture<()> {
        if moved.as_ref().is_some_and(|moved| !moved.fits()) {
            return ready(Err(StorageError::InvalidTarget { address: address.clone() }));
        }
        ready(self.change(address, |stored| {
            if stored.moved == moved {
                return None;
            }
            stored.moved = moved;
            Some(if stored.moved.is_some() { ChangeKind::Moved } else { ChangeKind::MovedBack })
        }))
    }

    fn moved(&self, after: Option<&BareJid>, limit: usize) -> StorageFuture<Vec<(BareJid, Moved)>> {
        let state = self.state.lock();
        let moved = state
            .behind(after)
            .filter_map(|(_, stored)| Some((stored.address.clone(), stored.moved.clone()?)))
            .take(limit.min(MAX_PAGE))
            .collect();
        ready(Ok(moved))
    }

    fn remove(&self, address: &BareJid) -> StorageFuture<()> {
        ready(self.remove_now(address))
    }

    fn latest_change(&self) -> StorageFuture<ChangePosition> {
        ready(Ok(ChangePosition::new(self.state.lock().latest)))
    }

    fn changes_since(&self, position: ChangePosition) -> StorageFuture<Changes> {
        ready(Ok(self.state.lock().changes_since(position)))
    }
}

fn key(address: &BareJid) -> Key {
    let localpart = address.node().map(NodeRef::as_str).unwrap_or_default();
    (address.domain().as_str().to_owned(), localpart.to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::battery;

    #[test]
    fn passes_the_battery() {
        battery::accounts(|| Arc::new(MemoryAccounts::new()));
    }

    #[test]
    fn passes_the_history_battery() {
        battery::account_history(|history| Arc::new(MemoryAccounts::with_history(history)));
    }
}
