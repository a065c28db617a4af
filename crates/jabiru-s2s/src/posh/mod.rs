//! What a domain publishes over HTTPS of the certificates of its server: POSH (RFC 7711; RFC 7712 §5).
//!
//! [`PoshClient::fetch`] gets the fingerprints of a domain, bounded in time and size, and remembers them for as long as they
//! say. Comparing a certificate with them is [`verify_posh`](jabiru_net::certificate::posh::verify_posh).

mod client;
mod document;
mod error;
mod https;
mod settings;

use jabiru_net::certificate::posh::Fingerprint;
use tokio::time::Instant;

pub use client::PoshClient;
pub use error::PoshError;
pub use settings::PoshSettings;

/// What a domain publishes of the certificates of its server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posh {
    /// Digests over certificates; the server's has to match one. At least one.
    pub fingerprints: Vec<Fingerprint>,
    /// Where they were found in the end.
    pub url: String,
    /// Until when they count.
    pub expires: Instant,
}
