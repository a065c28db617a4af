//! The backend of one process: everything in memory.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jabiru_stanza::{FullJid, Stanza, StreamCondition, StreamError};
use parking_lot::RwLock;

use crate::{
    Account, Change, Eventually, OnConflict, Presence, Refused, RegisterError, Registration, Resource, ResourceId,
    ResourceSink, RoutingBackend, Snapshot,
};

/// The routing backend of a single process.
///
/// Accounts are spread over shards. Each has its snapshot ready, which a change replaces by a new
/// one, so that looking up costs one shared lock for as long as it takes to count a reference, and
/// no lock is held while anything is delivered.
pub struct InMemory {
    shards: Box<[RwLock<Shard>]>,
    next_id: AtomicU64,
}

type Shard = HashMap<Box<str>, Snapshot>;

/// A power of two, many times the threads that look up at once.
const SHARDS: usize = 64;

impl InMemory {
    /// Without any resource yet.
    #[must_use]
    pub fn new() -> InMemory {
        InMemory { shards: (0..SHARDS).map(|_| RwLock::default()).collect(), next_id: AtomicU64::new(1) }
    }

    fn shard(&self, account: Account<'_>) -> &RwLock<Shard> {
        // FNV-1a: who makes accounts fall into one shard gains nothing but their own contention;
        // the map within hashes with a secret key.
        let hash = account
            .as_str()
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
        &self.shards[(hash ^ (hash >> 32)) as usize % SHARDS]
    }

    /// Replaces the resources of an account by what `change` makes of them; nothing if that is `None`.
    fn change(
        &self,
        account: Account<'_>,
        change: impl FnOnce(&[Resource]) -> Option<Vec<Resource>>,
    ) -> Option<Change> {
        let mut shard = self.shard(account).write();
        let before = shard.get(account.as_str()).cloned().unwrap_or(Snapshot::EMPTY);
        let after = Snapshot::new(change(before.resources())?);
        if after.is_empty() {
            shard.remove(account.as_str());
        } else if let Some(present) = shard.get_mut(account.as_str()) {
            *present = after.clone();
        } else {
            shard.insert(account.as_str().into(), after.clone());
        }
        Some(Change { before, after })
    }
}

impl RoutingBackend for InMemory {
    fn register(
        &self,
        jid: &FullJid,
        sink: Arc<dyn ResourceSink>,
        on_conflict: OnConflict,
        limit: usize,
    ) -> Eventually<Result<Registration, RegisterError>> {
        let Some(account) = Account::of(jid) else { return Eventually::Now(Err(RegisterError::NotAnAccount)) };
        let id = ResourceId(self.next_id.fetch_add(1, Ordering::Relaxed));
        let mut newcomer = Some(Resource { jid: Arc::new(jid.clone()), id, presence: None, sink });
        let mut refused = RegisterError::Conflict;
        let change = self.change(account, |present| {
            let others = present.iter().filter(|other| other.jid.resource() != jid.resource());
            let others: Vec<Resource> = others.cloned().collect();
            if others.len() < present.len() && on_conflict == OnConflict::Refuse {
                return None;
            }
            if others.len() >= limit {
                refused = RegisterError::TooManyResources { limit };
                return None;
            }
            Some(others.into_iter().chain(newcomer.take()).collect())
        });
        let Some(change) = change else { return Eventually::Now(Err(refused)) };
        let replaced = change.before.find(jid.resource()).cloned();
        if let Some(replaced) = &replaced {
            replaced.sink.close(StreamError::new(StreamCondition::Conflict));
        }
        Eventually::Now(Ok(Registration { id, replaced }))
    }

    fn unregister(&self, jid: &FullJid, id: ResourceId) -> Eventually<Option<Change>> {
        let change = Account::of(jid).and_then(|account| {
            self.change(account, |present| {
                present
                    .iter()
                    .any(|resource| resource.id == id)
                    .then(|| present.iter().filter(|resource| resource.id != id).cloned().collect())
            })
        });
        Eventually::Now(change)
    }

    fn set_presence(&self, jid: &FullJid, id: ResourceId, presence: Option<Presence>) -> Eventually<Option<Change>> {
        let change = Account::of(jid).and_then(|account| {
            self.change(account, |present| {
                let mut present = present.to_vec();
                present.iter_mut().find(|resource| resource.id == id)?.presence = presence;
                Some(present)
            })
        });
        Eventually::Now(change)
    }

    fn snapshot(&self, account: Account<'_>) -> Eventually<Snapshot> {
        Eventually::Now(self.shard(account).read().get(account.as_str()).cloned().unwrap_or(Snapshot::EMPTY))
    }

    fn deliver(&self, resource: &Resource, stanza: &Stanza) -> Eventually<Result<(), Refused>> {
        Eventually::Now(resource.sink.deliver(stanza))
    }

    fn close_account(&self, account: Account<'_>, error: &StreamError) -> Eventually<Snapshot> {
        let closed = self.shard(account).write().remove(account.as_str()).unwrap_or(Snapshot::EMPTY);
        for resource in closed.resources() {
            resource.sink.close(error.clone());
        }
        Eventually::Now(closed)
    }
}

impl Default for InMemory {
    fn default() -> InMemory {
        InMemory::new()
    }
}

impl fmt::Debug for InMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InMemory(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::battery::Recorder;

    /// The battery can't see inside: an account without resources has no entry.
    #[test]
    fn no_entry_outlives_its_resources() {
        let backend = InMemory::new();
        let entries = || backend.shards.iter().map(|shard| shard.read().len()).sum::<usize>();
        let mut registered = Vec::new();
        for n in 0..1000 {
            let jid = FullJid::new(&format!("user{n}@im.example/a")).unwrap();
            let registration = backend.register(&jid, Arc::new(Recorder::new()), OnConflict::Refuse, 1);
            registered.push((jid, registration.now().unwrap().unwrap().id));
        }
        assert_eq!(entries(), 1000);
        let fullest = backend.shards.iter().map(|shard| shard.read().len()).max();
        assert!(fullest < Some(60), "1000 accounts over {SHARDS} shards, the fullest has {fullest:?}");
        for (n, (jid, id)) in registered.iter().enumerate() {
            if n % 2 == 0 {
                assert!(backend.unregister(jid, *id).now().unwrap().is_some());
            } else {
                let error = StreamError::new(StreamCondition::Reset);
                assert!(backend.close_account(Account::of(jid).unwrap(), &error).now().is_some());
            }
        }
        assert_eq!(entries(), 0);
    }

    /// A snapshot is the account's own: looking up copies no resource.
    #[test]
    fn snapshots_share_their_resources() {
        let backend = InMemory::new();
        let jid = FullJid::new("juliet@im.example/a").unwrap();
        let _ = backend.register(&jid, Arc::new(Recorder::new()), OnConflict::Refuse, 1);
        let look = || backend.snapshot(Account::of(&jid).unwrap()).now().unwrap();
        assert!(std::ptr::eq(look().resources(), look().resources()));
    }
}
