//! The embedded engine: one SQLite file, opened by any number of processes.
//!
//! What was acknowledged is on disk: a write-ahead log, synchronised at every commit
//! (`synchronous = FULL`). Nothing is cached, so a look-up sees what another process has committed.

mod accounts;
mod database;
mod engine;
mod failure;
mod queue;
mod schema;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jid::{BareJid, DomainPart};

use self::database::Database;
use self::engine::Engine;
use crate::future::ready;
use crate::{
    Account, AccountStatus, Accounts, ChangePosition, Changes, Credentials, ListedAccount, Moved, ScramHash,
    StorageError, StorageFuture,
};

/// Storage in a SQLite file.
///
/// ```
/// use std::sync::Arc;
/// use jabiru_storage::{Accounts, SqliteStorage, block_on};
///
/// let folder = tempfile::tempdir()?;
/// let storage = SqliteStorage::open(folder.path().join("jabiru.sqlite"))?;
/// let accounts: Arc<dyn Accounts> = Arc::new(storage);
/// assert_eq!(block_on(accounts.list(None, None, 100))?, []);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Dropping it finishes what has been asked for and waits for that, as [`close`](Self::close) does.
pub struct SqliteStorage {
    path: PathBuf,
    engine: Engine,
    history: u32,
}

/// How a [`SqliteStorage`] works; the defaults suit a server.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SqliteOptions {
    /// How long to wait for a lock that another process holds. 5 s.
    pub busy_timeout: Duration,
    /// The most writes that may wait; further ones are refused at once. 4096.
    pub write_queue: usize,
    /// The most reads that may wait; further ones are refused at once. 16,384.
    pub read_queue: usize,
    /// The most writes that share a transaction. At least 1; 256.
    pub group: usize,
    /// How many threads read, each with a connection of its own. At least 1; 2.
    pub readers: usize,
    /// How many changes [`Accounts::changes_since`] can look back on. At least 1; 10,000.
    pub history: u32,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            busy_timeout: Duration::from_secs(5),
            write_queue: 4096,
            read_queue: 16_384,
            group: 256,
            readers: 2,
            history: crate::DEFAULT_HISTORY as u32,
        }
    }
}

/// What a [`SqliteStorage`] has done since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// Reads that were answered.
    pub reads: u64,
    /// Writes whose transaction was committed, those included that ended in an error of their own.
    pub writes: u64,
    /// Committed transactions; one waits for the disk once.
    pub transactions: u64,
    /// Operations refused because a queue was full or the storage closed.
    pub refused: u64,
}

impl SqliteStorage {
    /// Opens the file at `path` with the default options; see [`open_with`](Self::open_with).
    ///
    /// # Errors
    /// As for [`open_with`](Self::open_with).
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StorageError> {
        Self::open_with(path, &SqliteOptions::default())
    }

    /// Opens the file at `path`, and brings its schema up to date.
    ///
    /// A file that is missing is created, with its folder; only their owner may read them (modes
    /// 600 and 700). The call waits for the disk.
    ///
    /// # Errors
    /// [`NewerSchema`](StorageError::NewerSchema) and [`Foreign`](StorageError::Foreign) if the
    /// file is not for this version or not ours, which leave it untouched;
    /// [`Io`](StorageError::Io) if it cannot be created or opened;
    /// [`Unavailable`](StorageError::Unavailable) if another process keeps it locked.
    pub fn open_with(path: impl AsRef<Path>, options: &SqliteOptions) -> Result<Self, StorageError> {
        let database = Database::prepare(path.as_ref(), options.busy_timeout)?;
        let engine = Engine::start(&database, options)?;
        Ok(Self { path: database.path().to_owned(), engine, history: options.history.max(1) })
    }

    /// Refuses further operations and waits until those that were asked for are done.
    pub fn close(&self) {
        self.engine.close();
    }

    /// The file, as an absolute path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was done so far, for metrics.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.engine.statistics()
    }
}

impl fmt::Debug for SqliteStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStorage").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Accounts for SqliteStorage {
    fn create(&self, address: &BareJid, credentials: Credentials) -> StorageFuture<()> {
        let (address, history) = (address.clone(), self.history);
        if address.node().is_none() {
            return ready(Err(StorageError::NoLocalpart { address }));
        }
        self.engine.write(move |db| accounts::create(db, &address, &credentials, history))
    }

    fn look_up(&self, address: &BareJid, hash: ScramHash) -> StorageFuture<Option<Account>> {
        let address = address.clone();
        self.engine.read(move |db| accounts::look_up(db, &address, hash))
    }

    fn list(
        &self,
        domain: Option<&DomainPart>,
        after: Option<&BareJid>,
        limit: usize,
    ) -> StorageFuture<Vec<ListedAccount>> {
        let domain = domain.map(|domain| domain.as_str().to_owned());
        let after = after.cloned();
        self.engine.read(move |db| accounts::list(db, domain.as_deref(), after.as_ref(), limit))
    }

    fn replace_credentials(&self, address: &BareJid, credentials: Credentials) -> StorageFuture<()> {
        let (address, history) = (address.clone(), self.history);
        self.engine.write(move |db| accounts::replace_credentials(db, &address, &credentials, history))
    }

    fn set_status(&self, address: &BareJid, status: AccountStatus) -> StorageFuture<()> {
        let (address, history) = (address.clone(), self.history);
        self.engine.write(move |db| accounts::set_status(db, &address, status, history))
    }

    fn set_moved(&self, address: &BareJid, moved: Option<Moved>) -> StorageFuture<()> {
        let (address, history) = (address.clone(), self.history);
        if moved.as_ref().is_some_and(|moved| !moved.fits()) {
            return ready(Err(StorageError::InvalidTarget { address }));
        }
        self.engine.write(move |db| accounts::set_moved(db, &address, moved.as_ref(), history))
    }

    fn moved(&self, after: Option<&BareJid>, limit: usize) -> StorageFuture<Vec<(BareJid, Moved)>> {
        let after = after.cloned();
        self.engine.read(move |db| accounts::moved(db, after.as_ref(), limit))
    }

    fn remove(&self, address: &BareJid) -> StorageFuture<()> {
        let (address, history) = (address.clone(), self.history);
        self.engine.write(move |db| accounts::remove(db, &address, history))
    }

    fn latest_change(&self) -> StorageFuture<ChangePosition> {
        self.engine.read(accounts::latest_change)
    }

    fn changes_since(&self, position: ChangePosition) -> StorageFuture<Changes> {
        self.engine.read(move |db| accounts::changes_since(db, position))
    }
}
