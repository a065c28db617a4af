//! What is stored in place of a password.

use anyhow::{Context, anyhow};
use jabiru_negotiation::scram::{self, ScramKeys};
use jabiru_negotiation::{Iterations, ScramHash};
use jabiru_storage::{self as storage, Credentials, ScramCredential};

/// Derives a credential for every hash function, each with a salt of its own (XEP-0438 §6.2).
/// Takes tens of milliseconds.
pub(crate) fn derive(password: &str) -> anyhow::Result<Credentials> {
    let mut credentials = Vec::new();
    for hash in ScramHash::ALL {
        let salt = scram::random_salt().map_err(|error| anyhow!("the system gives no random numbers: {error}"))?;
        let iterations = Iterations::default().of(hash);
        let keys = ScramKeys::derive(hash, password, &salt, iterations).context("the password can't be used")?;
        let (stored_key, server_key) = (keys.stored_key().to_vec(), keys.server_key().to_vec());
        let stored_hash = match hash {
            ScramHash::Sha1 => storage::ScramHash::Sha1,
            ScramHash::Sha256 => storage::ScramHash::Sha256,
            ScramHash::Sha512 => storage::ScramHash::Sha512,
        };
        let credential = ScramCredential::new(stored_hash, iterations, salt.to_vec(), stored_key, server_key);
        credentials.push(credential.context("the derived credential is not valid")?);
    }
    Credentials::new(credentials).context("no credential was derived")
}
