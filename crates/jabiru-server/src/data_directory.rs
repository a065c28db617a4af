//! What is kept in the data directory: the database, the secret, the lock.

use std::fs::{self, File, TryLockError};
use std::path::Path;

use anyhow::{Context, bail};
use jabiru_storage::SqliteStorage;

use crate::certificate::{create_private_folder, write_new};
use crate::config::{Config, StorageEngine};

/// Held while a server uses the data directory; given up by the system however the process ends.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "it is held, not used")] File);

/// Opens the accounts, creating the database at the first use.
pub(crate) fn open_storage(config: &Config) -> anyhow::Result<SqliteStorage> {
    match config.storage.engine {
        StorageEngine::Sqlite => Ok(SqliteStorage::open(config.database_file())?),
    }
}

/// Takes the data directory for this process, creating it at the first start. Two servers on one would
/// not see each other's streams; and a newer one must not change the database under an older.
pub(crate) fn lock(directory: &Path) -> anyhow::Result<Lock> {
    create_private_folder(directory).with_context(|| format!("can't create {}", directory.display()))?;
    let path = directory.join("lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .with_context(|| format!("can't open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(Lock(file)),
        Err(TryLockError::WouldBlock) => {
            bail!("another server uses the data directory {}; stop it first, or name another one", directory.display())
        }
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("can't lock {}", path.display())),
    }
}

/// The secret from which accounts that do not exist get their salts: made once, so that a salt
/// tells nobody by changing that its account is none.
pub(crate) fn secret(directory: &Path) -> anyhow::Result<[u8; 32]> {
    let path = directory.join("secret");
    if !path.exists() {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).context("the system gives no random numbers")?;
        write_new(&path, &secret, 0o600)?;
    }
    let content = fs::read(&path).with_context(|| format!("can't read {}", path.display()))?;
    content.try_into().map_err(|_| anyhow::anyhow!("{} is damaged: it must hold 32 octets", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_stays() {
        let folder = tempfile::tempdir().unwrap();
        let first = secret(folder.path()).unwrap();
        assert_eq!(secret(folder.path()).unwrap(), first);
        fs::write(folder.path().join("secret"), b"short").unwrap();
        assert!(secret(folder.path()).is_err());
    }

    #[test]
    fn one_server_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let held = lock(folder.path()).unwrap();
        assert!(lock(folder.path()).unwrap_err().to_string().contains("another server"));
        drop(held);
        lock(folder.path()).unwrap();
    }
}
