//! Where an XMPP server keeps what must outlive a stream.
//!
//! One trait for each concern, object safe and independent of any async runtime, and engines that
//! implement them. Today there is one concern, [`Accounts`], and two engines: [`SqliteStorage`],
//! whose file several processes may open, and [`MemoryAccounts`] for tests. The public [`battery`]
//! proves an engine, also one written elsewhere.
//!
//! ```
//! use std::sync::Arc;
//! use jabiru_storage::{
//!     AccountStatus, Accounts, Credentials, MemoryAccounts, ScramCredential, ScramHash, block_on,
//! };
//!
//! let accounts: Arc<dyn Accounts> = Arc::new(MemoryAccounts::new());
//! // Derived from the password by whoever negotiates; only octets here.
//! let (salt, stored_key, server_key) = (vec![1; 16], vec![2; 32], vec![3; 32]);
//! let credential = ScramCredential::new(ScramHash::Sha256, 10_000, salt, stored_key, server_key)?;
//!
//! let juliet = "juliet@im.example".parse()?;
//! block_on(accounts.create(&juliet, Credentials::new([credential])?))?;
//! let account = block_on(accounts.look_up(&juliet, ScramHash::Sha256))?.expect("just created");
//! assert_eq!(account.status, AccountStatus::Active);
//! assert_eq!(account.credential.expect("the only one").iterations(), 10_000);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Passwords never come here: a server that keeps SCRAM's `StoredKey` and `ServerKey` (RFC 5802)
//! needs none. Deriving those from a password is in `jabiru-negotiation`.

mod accounts;
pub mod battery;
mod credentials;
mod error;
mod future;
mod memory;
mod sqlite;

pub use accounts::{
    Account, AccountChange, AccountStatus, Accounts, ChangeKind, ChangePosition, Changes, ListedAccount, MAX_PAGE,
    Moved,
};
pub use credentials::{Credentials, InvalidCredential, ScramCredential, ScramHash};
pub use error::{StorageError, Unavailable};
pub use future::{StorageFuture, block_on};
pub use memory::MemoryAccounts;
pub use sqlite::{SqliteOptions, SqliteStorage, Statistics};

/// How many changes an engine remembers unless told otherwise.
const DEFAULT_HISTORY: usize = 10_000;
