//! What an account's password leaves behind: SCRAM credentials, and nothing else.
//!
//! A server that keeps `StoredKey` and `ServerKey` (RFC 5802 §3) can check a password and prove
//! that it knows it, but neither it nor a thief of its database can log in elsewhere with them.
//! Deriving the keys from a password belongs to the negotiation; here they are octets.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The hash function of a SCRAM mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScramHash {
    /// SCRAM-SHA-1 (RFC 5802), mandatory to implement for XMPP (RFC 6120 §13.8).
    Sha1,
    /// SCRAM-SHA-256 (RFC 7677).
    Sha256,
    /// SCRAM-SHA-512.
    Sha512,
}

impl ScramHash {
    /// Every hash function, from the weakest to the strongest.
    pub const ALL: [Self; 3] = [Self::Sha1, Self::Sha256, Self::Sha512];

    /// The name of the mechanism without channel binding, for example `SCRAM-SHA-256`. The SQLite
    /// engine writes it to the database, so it never changes.
    #[must_use]
    pub fn mechanism(self) -> &'static str {
        match self {
            Self::Sha1 => "SCRAM-SHA-1",
            Self::Sha256 => "SCRAM-SHA-256",
            Self::Sha512 => "SCRAM-SHA-512",
        }
    }

    /// The length of this function's output, and so of `StoredKey` and `ServerKey`, in octets.
    #[must_use]
    pub fn key_length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
}

impl fmt::Display for ScramHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.mechanism())
    }
}

/// What the server keeps for one SCRAM mechanism of one account (RFC 5802 §5).
///
/// Wiped from memory when dropped; `Debug` shows neither salt nor keys.
#[derive(Clone)]
pub struct ScramCredential {
    hash: ScramHash,
    iterations: u32,
    salt: Zeroizing<Vec<u8>>,
    stored_key: Zeroizing<Vec<u8>>,
    server_key: Zeroizing<Vec<u8>>,
}

impl ScramCredential {
    /// The longest salt that is accepted, in octets.
    pub const MAX_SALT_LENGTH: usize = 1024;

    /// Takes the parts of a credential as they were derived or imported.
    ///
    /// # Errors
    /// [`InvalidCredential`] if a key has not the length of the hash function's output, if the
    /// salt is empty or longer than [`MAX_SALT_LENGTH`](Self::MAX_SALT_LENGTH), or if
    /// `iterations` is 0 or above `i32::MAX` (RFC 5802 §5.1 wants a positive number).
    pub fn new(
        hash: ScramHash,
        iterations: u32,
        salt: Vec<u8>,
        stored_key: Vec<u8>,
        server_key: Vec<u8>,
    ) -> Result<Self, InvalidCredential> {
        // Built first: what is refused is wiped too.
        let [salt, stored_key, server_key] = [salt, stored_key, server_key].map(Zeroizing::new);
        let credential = Self { hash, iterations, salt, stored_key, server_key };
        if credential.salt.is_empty() || credential.salt.len() > Self::MAX_SALT_LENGTH {
            return Err(InvalidCredential::Salt { length: credential.salt.len() });
        }
        if iterations == 0 || i32::try_from(iterations).is_err() {
            return Err(InvalidCredential::Iterations { iterations });
        }
        for key in [&credential.stored_key, &credential.server_key] {
            if key.len() != hash.key_length() {
                return Err(InvalidCredential::Key { hash, length: key.len() });
            }
        }
        Ok(credential)
    }

    /// The hash function this credential belongs to.
    #[must_use]
    pub fn hash(&self) -> ScramHash {
        self.hash
    }

    /// How often the password was hashed: the `i` of the server's first message.
    #[must_use]
    pub fn iterations(&self) -> u32 {
        self.iterations
    }

    /// The salt: the `s` of the server's first message, before base64.
    #[must_use]
    pub fn salt(&self) -> &[u8] {
        &self.salt
    }

    /// `StoredKey`, against which the client's proof is checked.
    #[must_use]
    pub fn stored_key(&self) -> &[u8] {
        &self.stored_key
    }

    /// `ServerKey`, with which the server proves itself to the client.
    #[must_use]
    pub fn server_key(&self) -> &[u8] {
        &self.server_key
    }
}

/// In constant time for keys of one length, so that nobody learns by asking how much of a key was right.
impl PartialEq for ScramCredential {
    fn eq(&self, other: &Self) -> bool {
        let keys = self.stored_key.ct_eq(&other.stored_key) & self.server_key.ct_eq(&other.server_key);
        bool::from(keys) && (self.hash, self.iterations, &self.salt) == (other.hash, other.iterations, &other.salt)
    }
}

impl Eq for ScramCredential {}

impl fmt::Debug for ScramCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScramCredential")
            .field("hash", &self.hash)
            .field("iterations", &self.iterations)
            .finish_non_exhaustive()
    }
}

/// The credentials of one account: at most one for each [`ScramHash`], at least one altogether.
///
/// A new account gets all three; one that was imported may have fewer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    by_hash: [Option<ScramCredential>; ScramHash::ALL.len()],
}

impl Credentials {
    /// Collects credentials; of two for the same hash function the later one is kept.
    ///
    /// # Errors
    /// [`InvalidCredential::None`] if there is not one.
    pub fn new(credentials: impl IntoIterator<Item = ScramCredential>) -> Result<Self, InvalidCredential> {
        let mut by_hash = [const { None }; ScramHash::ALL.len()];
        for credential in credentials {
            let slot = credential.hash() as usize;
            by_hash[slot] = Some(credential);
        }
        if by_hash.iter().all(Option::is_none) {
            return Err(InvalidCredential::None);
        }
        Ok(Self { by_hash })
    }

    /// The credential for one hash function, if there is one.
    #[must_use]
    pub fn credential(&self, hash: ScramHash) -> Option<&ScramCredential> {
        self.by_hash[hash as usize].as_ref()
    }

    /// Every credential there is, weakest hash function first.
    pub fn iter(&self) -> impl Iterator<Item = &ScramCredential> {
        self.by_hash.iter().flatten()
    }
}

/// Why octets are not a SCRAM credential.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidCredential {
    /// The salt has a length that is not allowed.
    #[error("a salt of {length} octets; 1 to {max} are allowed", max = ScramCredential::MAX_SALT_LENGTH)]
    Salt {
        /// The salt's length in octets.
        length: usize,
    },
    /// The iteration count is not a positive number of 31 bits.
    #[error("{iterations} iterations; 1 to 2147483647 are allowed")]
    Iterations {
        /// The count that was given.
        iterations: u32,
    },
    /// A key is not as long as the hash function's output.
    #[error("a key of {length} octets where {hash} has {}", hash.key_length())]
    Key {
        /// The hash function the key was given for.
        hash: ScramHash,
        /// The key's length in octets.
        length: usize,
    },
    /// There is no credential at all.
    #[error("no credential given")]
    None,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credential(hash: ScramHash) -> ScramCredential {
        let key = vec![7; hash.key_length()];
        ScramCredential::new(hash, 4096, vec![1; 16], key.clone(), key).unwrap()
    }

    /// Each part is checked by itself.
    #[test]
    fn equal_are_those_with_all_parts_equal() {
        let make = |hash: ScramHash, iterations, salt: u8, stored: u8, server: u8| {
            let key = |byte| vec![byte; hash.key_length()];
            ScramCredential::new(hash, iterations, vec![salt; 16], key(stored), key(server)).unwrap()
        };
        let one = make(ScramHash::Sha256, 4096, 1, 2, 3);
        assert_eq!(one, one.clone());
        for other in [
            make(ScramHash::Sha1, 4096, 1, 2, 3),
            make(ScramHash::Sha256, 4097, 1, 2, 3),
            make(ScramHash::Sha256, 4096, 9, 2, 3),
            make(ScramHash::Sha256, 4096, 1, 9, 3),
            make(ScramHash::Sha256, 4096, 1, 2, 9),
        ] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn parts_are_checked() {
        use InvalidCredential as E;
        let hash = ScramHash::Sha256;
        for (iterations, salt, stored, server, expected) in [
            (1, 1, 32, 32, None),
            (i32::MAX as u32, 1024, 32, 32, None),
            (0, 16, 32, 32, Some(E::Iterations { iterations: 0 })),
            (1 << 31, 16, 32, 32, Some(E::Iterations { iterations: 1 << 31 })),
            (1, 0, 32, 32, Some(E::Salt { length: 0 })),
            (1, 1025, 32, 32, Some(E::Salt { length: 1025 })),
            (1, 16, 20, 32, Some(E::Key { hash, length: 20 })),
            (1, 16, 32, 33, Some(E::Key { hash, length: 33 })),
        ] {
            let got = ScramCredential::new(hash, iterations, vec![0; salt], vec![0; stored], vec![0; server]);
            assert_eq!(got.err(), expected, "{iterations} {salt} {stored} {server}");
        }
    }

    /// What is logged by mistake tells nothing.
    #[test]
    fn debug_is_redacted() {
        let text = format!("{:?}", Credentials::new([credential(ScramHash::Sha1)]).unwrap());
        assert!(text.contains("4096") && text.contains("Sha1"), "{text}");
        assert!(!text.contains('7') && !text.contains("salt") && !text.contains("key"), "{text}");
    }

    #[test]
    fn one_credential_for_each_hash() {
        assert_eq!(Credentials::new([]), Err(InvalidCredential::None));
        let some = Credentials::new([credential(ScramHash::Sha512), credential(ScramHash::Sha1)]);
        let some = some.unwrap();
        let hashes: Vec<_> = some.iter().map(ScramCredential::hash).collect();
        assert_eq!(hashes, [ScramHash::Sha1, ScramHash::Sha512]);
        assert!(some.credential(ScramHash::Sha256).is_none());
    }
}
