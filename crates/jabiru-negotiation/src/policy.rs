//! What the receiving entity allows and offers, the same for all streams of a listener.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jabiru_stanza::{DomainPart, DomainRef, Element};

use crate::{Mechanism, ScramHash, scram};

/// The rules by which [`ClientStream`](crate::ClientStream) negotiates.
#[derive(Clone)]
pub struct Policy {
    /// Which domains are served. Asked anew by every stream, so that it may change under way.
    pub domains: Arc<dyn Domains>,
    /// Nothing but STARTTLS is possible in plaintext (RFC 6120 §5.3.1).
    pub require_tls: bool,
    /// STARTTLS is offered in plaintext. Required without being available means that a plaintext stream
    /// can do nothing at all.
    pub starttls_available: bool,
    /// SASL mechanisms in order of preference (§6.3.3). Offered are those that the stream's security allows: EXTERNAL,
    /// in the first place wherever it stands here, only to who presented a valid certificate with an address of the
    /// stream's domain (§6.3.4). One that is known here and weaker than all of these is refused as too weak (§6.5.9).
    pub mechanisms: Vec<Mechanism>,
    /// PLAIN without TLS: only for tests and for streams that something else protects (§13.8.3).
    pub plain_without_tls: bool,
    /// Failed attempts after which the stream is closed (§6.4.5 wants 2 to 5 retries). At least 1.
    pub max_authentication_attempts: u32,
    /// Refused requests to bind a resource after which the stream is closed (§7.7.3 wants 5 to 10 retries).
    pub max_bind_attempts: u32,
    /// From the first octet to the bound resource.
    pub negotiation_timeout: Duration,
    /// Language of our texts: `xml:lang` of the response stream header (§4.7.4).
    pub lang: String,
    /// Secret from which unknown accounts get a salt that stays the same; random, kept over restarts
    /// and equal on all machines of a domain, or else the salts tell who exists.
    pub fake_salt_key: [u8; 32],
    /// Iterations that an unknown account seems to have: those that real accounts are stored with.
    pub iterations: Iterations,
    /// The hash whose keys check a password that came by PLAIN.
    pub plain_hash: ScramHash,
    /// Stream features that are offered after authentication, beside resource binding: those of the floors
    /// above, none of them mandatory to negotiate (§4.3.2).
    pub stream_features: Vec<Element>,
}

impl Policy {
    /// The defaults for these domains: TLS required, [`Mechanism::DEFAULT`], 5 authentication attempts,
    /// 8 bind attempts, one minute, English.
    #[must_use]
    pub fn new(domains: Arc<dyn Domains>, fake_salt_key: [u8; 32]) -> Policy {
        Policy {
            domains,
            require_tls: true,
            starttls_available: true,
            mechanisms: Mechanism::DEFAULT.to_vec(),
            plain_without_tls: false,
            max_authentication_attempts: 5,
            max_bind_attempts: 8,
            negotiation_timeout: Duration::from_secs(60),
            lang: "en".to_owned(),
            fake_salt_key,
            iterations: Iterations::default(),
            plain_hash: ScramHash::Sha256,
            stream_features: Vec::new(),
        }
    }
}

/// The key stays out of logs.
impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("require_tls", &self.require_tls)
            .field("starttls_available", &self.starttls_available)
            .field("mechanisms", &self.mechanisms)
            .finish_non_exhaustive()
    }
}

/// Which domains are served here.
pub trait Domains: Send + Sync {
    /// Is this domain served here?
    fn hosts(&self, domain: &DomainRef) -> bool;

    /// The domain to answer as when the one asked for is absent or unknown (RFC 6120 §4.9.1.3);
    /// `None` leaves the `from` of the stream header empty.
    fn default_domain(&self) -> Option<DomainPart> {
        None
    }
}

/// A function that says whether a domain is served.
impl<F: Fn(&DomainRef) -> bool + Send + Sync> Domains for F {
    fn hosts(&self, domain: &DomainRef) -> bool {
        self(domain)
    }
}

/// A fixed list; the first is the default.
impl Domains for Vec<DomainPart> {
    fn hosts(&self, domain: &DomainRef) -> bool {
        self.iter().any(|hosted| hosted.as_str() == domain.as_str())
    }

    fn default_domain(&self) -> Option<DomainPart> {
        self.first().cloned()
    }
}

/// PBKDF2 iterations for each hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Iterations {
    /// For SCRAM-SHA-1.
    pub sha1: u32,
    /// For SCRAM-SHA-256.
    pub sha256: u32,
    /// For SCRAM-SHA-512.
    pub sha512: u32,
}

impl Iterations {
    /// The count for one hash.
    #[must_use]
    pub fn of(self, hash: ScramHash) -> u32 {
        match hash {
            ScramHash::Sha1 => self.sha1,
            ScramHash::Sha256 => self.sha256,
            ScramHash::Sha512 => self.sha512,
        }
    }
}

impl Default for Iterations {
    fn default() -> Iterations {
        let count = scram::DEFAULT_ITERATIONS;
        Iterations { sha1: count, sha256: count, sha512: count }
    }
}
