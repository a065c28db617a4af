//! Keys: how they are made and compared (XEP-0185).

use std::fmt;

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// What initiating and authoritative servers of a domain share and nobody else knows (XEP-0185 §2).
pub struct DialbackSecret {
    /// SHA-256 of the secret in hexadecimal, which is what keys are made with.
    hashed: Zeroizing<String>,
}

impl DialbackSecret {
    /// From what all machines of the domains are configured with.
    #[must_use]
    pub fn new(secret: &[u8]) -> DialbackSecret {
        DialbackSecret { hashed: Zeroizing::new(hex(&Sha256::digest(secret))) }
    }

    /// 256 random bits, for a server that is alone; it lasts as long as the process needs it.
    ///
    /// # Errors
    /// If the operating system has no randomness.
    pub fn random() -> Result<DialbackSecret, getrandom::Error> {
        let mut secret = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *secret)?;
        Ok(DialbackSecret::new(&*secret))
    }
}

/// Not the secret.
impl fmt::Debug for DialbackSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DialbackSecret").finish_non_exhaustive()
    }
}

/// The key by which `initiating` may send to `receiving` on the stream of this id, and on no other.
///
/// The three are kept apart by spaces, which no domain has: else one pair's key might do for another (XEP-0185 §2, note 5).
/// Domains are given in their prepared form.
#[must_use]
pub fn key(secret: &DialbackSecret, receiving: &str, initiating: &str, stream_id: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.hashed.as_bytes()).expect("HMAC takes keys of any length");
    for part in [receiving, " ", initiating, " ", stream_id] {
        mac.update(part.as_bytes());
    }
    hex(&mac.finalize().into_bytes())
}

/// Was this key made by [`key`] with the same secret and for the same stream? Takes the same time for every wrong key.
#[must_use]
pub fn verify(secret: &DialbackSecret, receiving: &str, initiating: &str, stream_id: &str, shown: &str) -> bool {
    let expected = key(secret, receiving, initiating, stream_id);
    expected.as_bytes().ct_eq(shown.as_bytes()).into()
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| DIGITS[usize::from(digit)] as char).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// XEP-0185 §3; XEP-0220 §2.1.1 and §2.2.2.
    #[test]
    fn published_keys() {
        for (secret, receiving, initiating, stream_id, expected) in [
            (
                "s3cr3tf0rd14lb4ck",
                "xmpp.example.com",
                "example.org",
                "D60000229F",
                "37c69b1cf07a3f67c04a5ef5902fa5114f2c76fe4a2686482ba5b89323075643",
            ),
            (
                "s3cr3tf0rd14lb4ck",
                "montague.example",
                "capulet.example",
                "D60000229F",
                "b4835385f37fe2895af6c196b59097b16862406db80559900d96bf6fa7d23df3",
            ),
            (
                "d14lb4ck43v3r",
                "capulet.example",
                "montague.example",
                "417GAF25",
                "225cc5aa6a071133249d25fef42ae516fc7a86c523aa1c6980a7f73e784c972d",
            ),
        ] {
            let secret = DialbackSecret::new(secret.as_bytes());
            assert_eq!(key(&secret, receiving, initiating, stream_id), expected);
            assert!(verify(&secret, receiving, initiating, stream_id, expected));
        }
    }

    /// CVE-2016-0756 and its kind: whatever is moved between the parts, or told of another stream, makes another key.
    #[test]
    fn keys_are_bound_to_all_they_are_for() {
        let secret = DialbackSecret::new(b"secret");
        let right = key(&secret, "a.example", "b.example", "id");
        for (receiving, initiating, stream_id) in [
            ("b.example", "a.example", "id"),
            ("a.examplea", "b.example", "id"),
            ("a.example", "a.b.example", "id"),
            ("a.example", "b.example", "id2"),
            ("a.example", "b.exampleid", ""),
            ("a.exampleb.example", "", "id"),
        ] {
            assert_ne!(key(&secret, receiving, initiating, stream_id), right, "{receiving} {initiating} {stream_id}");
            assert!(!verify(&secret, receiving, initiating, stream_id, &right));
        }
        let upper = right.to_uppercase();
        for wrong in ["", &right[1..], &format!("{right}0"), &format!(" {right}"), upper.as_str()] {
            assert!(!verify(&secret, "a.example", "b.example", "id", wrong), "{wrong}");
        }
        assert!(!verify(&DialbackSecret::new(b"Secret"), "a.example", "b.example", "id", &right));
        assert_eq!(format!("{secret:?}"), "DialbackSecret { .. }");
    }

    #[test]
    fn random_secrets_differ() {
        let [one, other] = [DialbackSecret::random().unwrap(), DialbackSecret::random().unwrap()];
        assert_ne!(key(&one, "a", "b", "c"), key(&other, "a", "b", "c"));
    }
}
