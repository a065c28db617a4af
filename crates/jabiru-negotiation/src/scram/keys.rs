//! StoredKey and ServerKey (RFC 5802 §3), and what is stored beside them.

use std::fmt;

use hmac::{Hmac, Mac};
use jabiru_stanza::BareJid;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use stringprep::saslprep;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::ScramHash;

/// PBKDF2 iterations of new credentials, for each hash.
///
/// RFC 5802 §5.1 and RFC 7677 §4 want at least 4,096; XEP-0438 §7 asks for 10,000, and for careful thought about
/// slow devices, which repeat that work at every login. A stolen table of keys falls to guessing at any count if
/// the passwords are weak; the count multiplies the price of a guess.
pub const DEFAULT_ITERATIONS: u32 = 10_000;

/// Octets of salt for new credentials. 128 random bits never repeat (RFC 5802 §9).
pub const SALT_BYTES: usize = 16;

/// What verifies one password by one hash: StoredKey and ServerKey (RFC 5802 §3).
#[derive(Clone)]
pub struct ScramKeys {
    stored_key: Zeroizing<Vec<u8>>,
    server_key: Zeroizing<Vec<u8>>,
}

impl ScramKeys {
    /// Keys that were stored.
    ///
    /// # Errors
    /// [`PasswordError::KeyLength`] if either is not as long as the output of the hash.
    pub fn from_stored(hash: ScramHash, stored_key: &[u8], server_key: &[u8]) -> Result<ScramKeys, PasswordError> {
        if stored_key.len() != hash.output_len() || server_key.len() != hash.output_len() {
            return Err(PasswordError::KeyLength);
        }
        Ok(ScramKeys {
            stored_key: Zeroizing::new(stored_key.to_vec()),
            server_key: Zeroizing::new(server_key.to_vec()),
        })
    }

    /// Derives the keys of a password, which is prepared by SASLprep first (RFC 4013). Takes milliseconds.
    ///
    /// # Errors
    /// [`PasswordError::Empty`] and [`PasswordError::Prohibited`] for a password that can't be one,
    /// [`PasswordError::NoIterations`] for 0 iterations.
    pub fn derive(hash: ScramHash, password: &str, salt: &[u8], iterations: u32) -> Result<ScramKeys, PasswordError> {
        let prepared = Zeroizing::new(saslprep(password).map_err(|_| PasswordError::Prohibited)?.into_owned());
        if prepared.is_empty() {
            return Err(PasswordError::Empty);
        }
        if iterations == 0 {
            return Err(PasswordError::NoIterations);
        }
        let salted = salted_password(hash, prepared.as_bytes(), salt, iterations);
        let client_key = hmac(hash, &salted, b"Client Key");
        Ok(ScramKeys { stored_key: digest(hash, &client_key), server_key: hmac(hash, &salted, b"Server Key") })
    }

    /// `H(ClientKey)`: checks the client's proof.
    #[must_use]
    pub fn stored_key(&self) -> &[u8] {
        &self.stored_key
    }

    /// `HMAC(SaltedPassword, "Server Key")`: signs for the client that the server knows the account.
    #[must_use]
    pub fn server_key(&self) -> &[u8] {
        &self.server_key
    }
}

/// Keys never appear in logs.
impl fmt::Debug for ScramKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ScramKeys(..)")
    }
}

/// What one account has stored for one hash.
#[derive(Clone, Debug)]
pub struct ScramCredentials {
    /// The keys.
    pub keys: ScramKeys,
    /// The salt they were derived with; the other side gets to see it.
    pub salt: Vec<u8>,
    /// The iterations they were derived with; the other side gets to see them.
    pub iterations: u32,
}

impl ScramCredentials {
    /// New credentials for a password, with a random salt. Takes milliseconds.
    ///
    /// # Errors
    /// As [`ScramKeys::derive`]; [`PasswordError::NoRandomness`] without a salt.
    pub fn create(hash: ScramHash, password: &str, iterations: u32) -> Result<ScramCredentials, PasswordError> {
        let salt = random_salt()?.to_vec();
        Ok(ScramCredentials { keys: ScramKeys::derive(hash, password, &salt, iterations)?, salt, iterations })
    }

    /// Credentials that look like those of an account that is not there (RFC 5802 §9 warns of telling who is).
    ///
    /// The same for every attempt, as the salt of a real account is; unpredictable without `key`; matched by no
    /// password that can be found. Salts differ by hash, as those of real accounts do.
    pub(crate) fn stand_in(key: &[u8; 32], hash: ScramHash, account: &BareJid, iterations: u32) -> ScramCredentials {
        let derive = |what: &str, length: usize| {
            let mut out = hmac(ScramHash::Sha512, key, format!("{what}\0{hash}\0{account}").as_bytes());
            out.truncate(length);
            out
        };
        ScramCredentials {
            keys: ScramKeys {
                stored_key: derive("stored key", hash.output_len()),
                server_key: derive("server key", hash.output_len()),
            },
            salt: derive("salt", SALT_BYTES).to_vec(),
            iterations,
        }
    }

    /// Does this password lead to these keys? Takes as long as [`ScramKeys::derive`], and the same time for
    /// a right and a wrong password.
    #[must_use]
    pub fn matches(&self, hash: ScramHash, password: &str) -> bool {
        match ScramKeys::derive(hash, password, &self.salt, self.iterations) {
            Ok(keys) => keys.stored_key.ct_eq(&self.keys.stored_key).into(),
            Err(_) => false,
        }
    }
}

/// A new random salt.
///
/// # Errors
/// [`PasswordError::NoRandomness`] if the system has none to give.
pub fn random_salt() -> Result<[u8; SALT_BYTES], PasswordError> {
    let mut salt = [0; SALT_BYTES];
    getrandom::fill(&mut salt).map_err(|_| PasswordError::NoRandomness)?;
    Ok(salt)
}

/// Why there are no keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Nothing is left of the password after preparation.
    #[error("the password is empty")]
    Empty,
    /// The password has characters that SASLprep prohibits (RFC 4013 §2.3 to §2.5).
    #[error("the password has characters that can't be typed everywhere")]
    Prohibited,
    /// 0 iterations are none.
    #[error("the iteration count is 0")]
    NoIterations,
    /// A stored key is too short or too long for its hash.
    #[error("a stored key does not have the length of its hash")]
    KeyLength,
    /// The system has no randomness for a salt.
    #[error("the system has no randomness to give")]
    NoRandomness,
}

/// `Hi(password, salt, i)`: PBKDF2 with one block of output (RFC 5802 §2.2).
pub(super) fn salted_password(hash: ScramHash, password: &[u8], salt: &[u8], iterations: u32) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(vec![0; hash.output_len()]);
    let done = match hash {
        ScramHash::Sha1 => pbkdf2::pbkdf2::<Hmac<Sha1>>(password, salt, iterations, &mut out),
        ScramHash::Sha256 => pbkdf2::pbkdf2::<Hmac<Sha256>>(password, salt, iterations, &mut out),
        ScramHash::Sha512 => pbkdf2::pbkdf2::<Hmac<Sha512>>(password, salt, iterations, &mut out),
    };
    done.expect("HMAC takes keys of every length");
    out
}

/// HMAC (RFC 2104) of `data` under `key`.
pub(crate) fn hmac(hash: ScramHash, key: &[u8], data: &[u8]) -> Zeroizing<Vec<u8>> {
    fn of<M: Mac + hmac::digest::KeyInit>(key: &[u8], data: &[u8]) -> Zeroizing<Vec<u8>> {
        let mut mac = <M as Mac>::new_from_slice(key).expect("HMAC takes keys of every length");
        mac.update(data);
        Zeroizing::new(mac.finalize().into_bytes().to_vec())
    }
    match hash {
        ScramHash::Sha1 => of::<Hmac<Sha1>>(key, data),
        ScramHash::Sha256 => of::<Hmac<Sha256>>(key, data),
        ScramHash::Sha512 => of::<Hmac<Sha512>>(key, data),
    }
}

/// The hash of `data`.
pub(crate) fn digest(hash: ScramHash, data: &[u8]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(match hash {
        ScramHash::Sha1 => Sha1::digest(data).to_vec(),
        ScramHash::Sha256 => Sha256::digest(data).to_vec(),
        ScramHash::Sha512 => Sha512::digest(data).to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_prepared() {
        let derive = |password| ScramKeys::derive(ScramHash::Sha256, password, b"salt", 2);
        // RFC 4013 §3: a soft hyphen vanishes, compatibility characters are replaced.
        assert_eq!(derive("I\u{AD}X").unwrap().stored_key(), derive("IX").unwrap().stored_key());
        assert_eq!(derive("\u{2168}").unwrap().stored_key(), derive("IX").unwrap().stored_key());
        assert_ne!(derive("ix").unwrap().stored_key(), derive("IX").unwrap().stored_key());
        for (password, expected) in [
            ("", PasswordError::Empty),
            ("\u{AD}", PasswordError::Empty),
            ("a\u{7}", PasswordError::Prohibited),
            ("\u{627}1", PasswordError::Prohibited),
        ] {
            assert_eq!(derive(password).unwrap_err(), expected, "{password:?}");
        }
        assert_eq!(ScramKeys::derive(ScramHash::Sha1, "a", b"salt", 0).unwrap_err(), PasswordError::NoIterations);
    }

    #[test]
    fn keys_have_the_length_of_their_hash() {
        for hash in ScramHash::ALL {
            let keys = ScramKeys::derive(hash, "pencil", b"salt", 3).unwrap();
            assert_eq!((keys.stored_key().len(), keys.server_key().len()), (hash.output_len(), hash.output_len()));
            assert!(ScramKeys::from_stored(hash, keys.stored_key(), keys.server_key()).is_ok());
            assert_eq!(
                ScramKeys::from_stored(hash, &keys.stored_key()[1..], keys.server_key()).unwrap_err(),
                PasswordError::KeyLength
            );
            let credentials = ScramCredentials { keys, salt: b"salt".to_vec(), iterations: 3 };
            assert!(credentials.matches(hash, "pencil"));
            assert!(!credentials.matches(hash, "pencils"));
            assert!(!credentials.matches(hash, ""));
        }
    }

    #[test]
    fn debug_shows_no_key() {
        let keys = ScramKeys::from_stored(ScramHash::Sha1, &[0xAB; 20], &[0xCD; 20]).unwrap();
        let shown = format!("{:?}", ScramCredentials { keys, salt: vec![], iterations: 1 });
        assert!(!shown.contains("171") && !shown.contains("205") && !shown.contains("ab"), "{shown}");
    }
}
