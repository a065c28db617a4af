//! Why storage could not do what it was asked.

use std::{io, path::PathBuf, sync::Arc};

use jid::BareJid;

/// Why an operation of a storage engine failed.
///
/// The first four variants are the caller's to handle, [`Unavailable`](Self::Unavailable) is worth
/// trying again later, and the rest needs the operator.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// There is an account with this address already.
    #[error("there is already an account {address}")]
    AlreadyExists {
        /// The account's address.
        address: BareJid,
    },
    /// There is no account with this address.
    #[error("there is no account {address}")]
    NotFound {
        /// The address that was asked for.
        address: BareJid,
    },
    /// An account was to be created for an address that no account can have.
    #[error("{address} has no localpart, so it cannot be an account")]
    NoLocalpart {
        /// The address: a mere domain.
        address: BareJid,
    },
    /// An account was to move without a target, or to one that is not kept.
    #[error("{address} can only move to a URI of 1 to {max} bytes", max = crate::Moved::MAX_URI_LENGTH)]
    InvalidTarget {
        /// The account's address.
        address: BareJid,
    },
    /// The engine cannot serve this now; nothing was done.
    #[error("the storage is unavailable: {reason}")]
    Unavailable {
        /// What is in the way.
        reason: Unavailable,
    },
    /// The data was written by a later version of this software and is left untouched.
    #[error(
        "the data at {} has schema {found}, but this version knows only up to {supported}; \
         use the newer version that wrote it, or restore a backup", path.display()
    )]
    NewerSchema {
        /// Where the data is.
        path: PathBuf,
        /// The newest schema version found in the data.
        found: String,
        /// The newest schema version that this build knows.
        supported: String,
    },
    /// The file is some other program's, or no database at all; it is left untouched.
    #[error("{} is not a Jabiru database: {detail}", path.display())]
    Foreign {
        /// The file in question.
        path: PathBuf,
        /// What makes it so.
        detail: String,
    },
    /// Data that was read back is not what could have been written.
    #[error("the stored data is damaged: {detail}")]
    Corrupt {
        /// What was found.
        detail: String,
    },
    /// The operating system refused to read or write.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was attempted, as in "cannot *create* …".
        action: &'static str,
        /// The file or folder in question.
        path: PathBuf,
        /// The system's answer.
        source: Arc<io::Error>,
    },
    /// The disk, or the file system's quota, has no room left.
    #[error("no room left on the disk that holds the data")]
    Full,
    /// The database engine failed in a way that has no variant of its own.
    #[error("the database failed: {detail}")]
    Engine {
        /// The engine's own words.
        detail: String,
    },
    /// The operation ran into a defect of this software; its effects were undone.
    #[error("internal error in the storage: {detail}")]
    Defect {
        /// The panic's message.
        detail: String,
    },
}

impl StorageError {
    /// Whether the same call may succeed later without anyone's help.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    pub(crate) fn unavailable(reason: Unavailable) -> Self {
        Self::Unavailable { reason }
    }

    pub(crate) fn corrupt(detail: impl Into<String>) -> Self {
        Self::Corrupt { detail: detail.into() }
    }
}

/// Why an engine cannot serve a call now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unavailable {
    /// As many calls are waiting as the queue may hold.
    #[error("too many operations are waiting")]
    QueueFull,
    /// Another process kept the database locked for longer than the busy timeout.
    #[error("the database is locked by another process")]
    Busy,
    /// The engine was closed.
    #[error("it has been closed")]
    Closed,
}
