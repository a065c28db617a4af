//! From diesel's errors to ours, and what they mean for the work that was under way.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

use crate::{StorageError, error::Unavailable};

/// Why a piece of work failed.
#[derive(Debug)]
pub(super) struct Failure {
    /// What the caller is told.
    pub(super) error: StorageError,
    /// Whether the connection is in doubt: then the transaction ends here, with everything in it.
    pub(super) fatal: bool,
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        Self { error, fatal: false }
    }
}

impl From<DieselError> for Failure {
    fn from(error: DieselError) -> Self {
        let detail = match &error {
            DieselError::DatabaseError(_, information) => information.message().to_owned(),
            other => other.to_string(),
        };
        let fatal = !matches!(
            error,
            DieselError::NotFound
                | DieselError::DatabaseError(
                    DatabaseErrorKind::UniqueViolation
                        | DatabaseErrorKind::ForeignKeyViolation
                        | DatabaseErrorKind::NotNullViolation
                        | DatabaseErrorKind::CheckViolation,
                    _
                )
        );
        Self { error: by_message(detail), fatal }
    }
}

/// Sorts a failure by the engine's words: diesel passes on SQLite's message, not its code. The
/// words are those of `sqlite3ErrStr`, which have not changed in years; a test provokes each.
fn by_message(detail: String) -> StorageError {
    if detail.starts_with("database is locked") || detail.starts_with("database table is locked") {
        StorageError::unavailable(Unavailable::Busy)
    } else if detail.contains("database disk image is malformed") {
        StorageError::corrupt(detail)
    } else if detail.contains("database or disk is full") {
        StorageError::Full
    } else {
        StorageError::Engine { detail }
    }
}
