//! Checking a password against stored keys, as a job of its own (RFC 4616; RFC 5802 §3).

use std::fmt;

use zeroize::Zeroizing;

use crate::scram::ScramCredentials;
use crate::{PasswordOutcome, ScramHash};

/// A password and what it has to match. PBKDF2 takes milliseconds on purpose, so this leaves the machine
/// and runs wherever the caller keeps such work.
pub struct PasswordCheck {
    pub(crate) hash: ScramHash,
    pub(crate) password: Zeroizing<String>,
    pub(crate) credentials: ScramCredentials,
    /// `false`: made-up credentials of an unknown account, which no password matches.
    pub(crate) known: bool,
}

impl PasswordCheck {
    /// Derives the keys and compares them. Takes the same time whether or not the account exists.
    #[must_use]
    pub fn run(self) -> PasswordOutcome {
        PasswordOutcome { correct: self.credentials.matches(self.hash, &self.password) & self.known }
    }
}

/// Neither the password nor the keys.
impl fmt::Debug for PasswordCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordCheck").field("hash", &self.hash).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_of_an_account_that_is_there() {
        let credentials = ScramCredentials::create(ScramHash::Sha256, "pencil", 2).unwrap();
        for (password, known, expected) in
            [("pencil", true, true), ("pencils", true, false), ("pencil", false, false), ("", true, false)]
        {
            let (password, credentials) = (Zeroizing::new(password.to_owned()), credentials.clone());
            let check = PasswordCheck { hash: ScramHash::Sha256, password, credentials, known };
            assert_eq!(check.run().into_correct(), expected);
        }
    }
}
