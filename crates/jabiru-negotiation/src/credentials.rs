//! What the machine asks its caller about an account, and what it hears.

use std::fmt;

use crate::scram::ScramCredentials;

/// The answer to [`Event::LookUpCredentials`](crate::Event::LookUpCredentials).
#[derive(Clone, Debug)]
pub enum CredentialsAnswer {
    /// The account exists.
    Found {
        /// Its keys for the hash that was asked for.
        credentials: ScramCredentials,
        /// Whether it may log in.
        status: AccountStatus,
    },
    /// No such account, or one without keys for this hash: the initiating entity can't tell which,
    /// nor tell it from a wrong password (RFC 6120 §6.5.10).
    Unknown,
    /// The storage does not answer: `temporary-auth-failure` (§6.5.11).
    Unavailable,
    /// Too many guesses, at this account or from this address: `temporary-auth-failure`, and the keys were not
    /// even looked at. It counts as an attempt.
    Throttled,
}

/// Whether an account may log in. Told to the other side only after the right password, so that nobody
/// learns by asking which accounts exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountStatus {
    /// It may.
    Active,
    /// It may not: `account-disabled` (RFC 6120 §6.5.2).
    Disabled,
    /// Not before its password is renewed: `credentials-expired` (§6.5.3).
    CredentialsExpired,
}

/// The result of [`PasswordCheck::run`](crate::PasswordCheck::run).
pub struct PasswordOutcome {
    pub(crate) correct: bool,
}

impl PasswordOutcome {
    /// One outcome answers one question.
    pub(crate) fn into_correct(self) -> bool {
        self.correct
    }
}

/// Whether a password was right is nobody's business but the machine's.
impl fmt::Debug for PasswordOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordOutcome").finish_non_exhaustive()
    }
}
