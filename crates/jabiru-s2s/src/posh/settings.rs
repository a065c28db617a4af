//! Bounds of fetching.

use std::time::Duration;

/// How to fetch; [`default`](Self::default) is what fits documents of a few hundred octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoshSettings {
    /// How long the whole may take: waiting for a turn, lookups, connections, redirects, bodies.
    pub timeout: Duration,
    /// How many octets a document may have.
    pub max_body_bytes: usize,
    /// How many redirects are followed altogether (RFC 7711 §10 advises 10 at the most). A reference to another document
    /// does not count; there can be one only.
    pub max_redirects: usize,
    /// How many domains may be fetched from at the same time; others wait for their turn.
    pub max_fetches: usize,
    /// How many results to remember.
    pub cache_entries: usize,
    /// For how long results are remembered at the most, whatever they say (RFC 7711 §6).
    pub max_lifetime: Duration,
    /// For how long it is remembered that a domain publishes nothing, or nothing of use.
    pub failure_lifetime: Duration,
    /// Where web servers listen, unless a URL says otherwise. Anything but 443 is of use for tests alone.
    pub https_port: u16,
}

impl Default for PoshSettings {
    fn default() -> PoshSettings {
        PoshSettings {
            timeout: Duration::from_secs(10),
            max_body_bytes: 64 * 1024,
            max_redirects: 3,
            max_fetches: 32,
            cache_entries: 1024,
            max_lifetime: Duration::from_secs(24 * 60 * 60),
            failure_lifetime: Duration::from_secs(5 * 60),
            https_port: 443,
        }
    }
}
