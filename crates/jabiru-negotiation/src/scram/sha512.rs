//! SHA-512 for the `sasl` crate's client, which knows SHA-1 and SHA-256.

use hmac::digest::InvalidLength;
use sasl::common::Password;
use sasl::common::scram::{DeriveError, ScramProvider};
use sasl::secret::Secret;

use super::keys::{digest, hmac, salted_password};
use crate::ScramHash;

/// Makes `sasl::client::mechanisms::Scram` speak SCRAM-SHA-512.
pub(crate) struct Sha512;

/// The kind of secret that [`Sha512`] works with. It has no values: only the client side is used, with passwords.
pub(crate) enum Pbkdf2Sha512 {}

impl Secret for Pbkdf2Sha512 {}

impl ScramProvider for Sha512 {
    type Secret = Pbkdf2Sha512;

    fn name() -> &'static str {
        ScramHash::Sha512.name()
    }

    fn hash(data: &[u8]) -> Vec<u8> {
        digest(ScramHash::Sha512, data).to_vec()
    }

    fn hmac(data: &[u8], key: &[u8]) -> Result<Vec<u8>, InvalidLength> {
        Ok(hmac(ScramHash::Sha512, key, data).to_vec())
    }

    fn derive(password: &Password, salt: &[u8], iterations: u32) -> Result<Vec<u8>, DeriveError> {
        match password {
            Password::Plain(password) => {
                Ok(salted_password(ScramHash::Sha512, password.as_bytes(), salt, iterations).to_vec())
            }
            Password::Pbkdf2 { method, .. } => {
                Err(DeriveError::IncompatibleHashingMethod(method.clone(), Self::name().to_owned()))
            }
        }
    }
}
