//! What a password must be, and what is stored in its place.

use anyhow::{Context, anyhow};
use jabiru_negotiation::scram::{self, ScramKeys};
use jabiru_negotiation::{Iterations, ScramHash};
use jabiru_stanza::BareJid;
use jabiru_storage::{self as storage, Credentials, ScramCredential};
use zeroize::Zeroizing;

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

/// The minimal criteria for a password (RFC 6120 §13.9.4), once SASLprep has prepared it (RFC 4013).
///
/// # Errors
/// One sentence for whoever has chosen it, which does not show it.
pub(crate) fn acceptable(password: &str, address: &BareJid) -> Result<(), String> {
    if password.len() > MAX_PASSWORD_BYTES {
        return Err(format!("a password has at most {MAX_PASSWORD_BYTES} bytes"));
    }
    let Ok(prepared) = stringprep::saslprep(password) else {
        return Err("the password has characters that can't be typed everywhere".to_owned());
    };
    let prepared = Zeroizing::new(prepared.into_owned());
    if prepared.chars().count() < MIN_PASSWORD_CHARACTERS {
        return Err(format!("a password has at least {MIN_PASSWORD_CHARACTERS} characters"));
    }
    let name = address.node().map_or("", |name| name.as_str());
    if [name, address.as_str()].iter().any(|known| known.eq_ignore_ascii_case(&prepared)) {
        return Err("the account's name is no password".to_owned());
    }
    Ok(())
}

/// XEP-0438 §8.
const MIN_PASSWORD_CHARACTERS: usize = 8;
/// PBKDF2 hashes what is longer, so length costs nothing; this is for whoever has to type it.
pub(crate) const MAX_PASSWORD_BYTES: usize = 1024;
