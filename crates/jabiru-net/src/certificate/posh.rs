//! Whether a certificate is one of those that a domain publishes over HTTPS: POSH (RFC 7711 §3.3).
//!
//! What a domain publishes is fetched by whoever speaks HTTP; here are the [`Fingerprint`]s and their comparison.

use std::fmt;
use std::time::SystemTime;

use sha2::{Digest, Sha256, Sha512};

use super::{Certificate, Problem};

/// A digest over a certificate in DER, in one of the kinds that are understood (RFC 7711 §3.1).
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Fingerprint {
    /// `sha-256`
    Sha256([u8; 32]),
    /// `sha-512`
    Sha512([u8; 64]),
}

impl Fingerprint {
    /// The digest by its registered name and its octets; `None` if the name is not known here or the length is not right.
    #[must_use]
    pub fn new(hash: &str, digest: &[u8]) -> Option<Fingerprint> {
        match hash {
            "sha-256" => digest.try_into().ok().map(Fingerprint::Sha256),
            "sha-512" => digest.try_into().ok().map(Fingerprint::Sha512),
            _ => None,
        }
    }

    /// Whether it is that of this certificate, in DER.
    #[must_use]
    pub fn is_of(&self, certificate: &[u8]) -> bool {
        match self {
            Fingerprint::Sha256(digest) => Sha256::digest(certificate)[..] == digest[..],
            Fingerprint::Sha512(digest) => Sha512::digest(certificate)[..] == digest[..],
        }
    }
}

/// `sha-256:0a1b…`, in hexadecimal as most tools show it.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hash, digest): (_, &[u8]) = match self {
            Fingerprint::Sha256(digest) => ("sha-256", digest),
            Fingerprint::Sha512(digest) => ("sha-512", digest),
        };
        write!(f, "{hash}:")?;
        digest.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The certificate is one of those that were published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoshProof {
    /// By which fingerprint.
    pub fingerprint: Fingerprint,
    /// When the certificate expires (RFC 7711 §6).
    pub not_after: SystemTime,
}

/// Why a certificate is not one of those that were published.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PoshProblem {
    /// It is another one.
    #[error("the certificate matches none of the {fingerprints} fingerprints that the domain publishes by POSH")]
    NoMatch {
        /// How many there are.
        fingerprints: usize,
    },
    /// It can't be read, or is not valid at this time.
    #[error(transparent)]
    Certificate(#[from] Problem),
}

/// Compares the server's own certificate, the first of a chain in DER, with what its domain publishes. Its names and its
/// issuer do not matter, its time does (RFC 7711 §6).
///
/// It is for the caller to see that the peer has the key, as TLS does.
///
/// # Errors
/// [`PoshProblem`].
pub fn verify_posh<C: AsRef<[u8]>>(
    chain: &[C],
    fingerprints: &[Fingerprint],
    now: SystemTime,
) -> Result<PoshProof, PoshProblem> {
    let own = chain.first().ok_or(Problem::NoCertificate)?.as_ref();
    let certificate = Certificate::parse(own).map_err(Problem::from)?;
    let Some(fingerprint) = fingerprints.iter().find(|fingerprint| fingerprint.is_of(own)) else {
        return Err(PoshProblem::NoMatch { fingerprints: fingerprints.len() });
    };
    let (not_before, not_after) = (certificate.not_before(), certificate.not_after());
    if now < not_before {
        return Err(Problem::NotYetValid { not_before }.into());
    }
    if now > not_after {
        return Err(Problem::Expired { not_after }.into());
    }
    Ok(PoshProof { fingerprint: fingerprint.clone(), not_after })
}
