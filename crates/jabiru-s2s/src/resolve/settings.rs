//! How to resolve.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use jabiru_stanza::DomainPart;

use super::Host;

/// How to resolve; [`default`](Self::default) asks the nameservers of the system, without DNSSEC.
#[derive(Clone, Debug)]
pub struct ResolverSettings {
    /// Which nameservers to ask. If there are none here, those of `/etc/resolv.conf`, and `/etc/hosts` is looked at
    /// first for addresses.
    pub nameservers: Vec<SocketAddr>,
    /// Whether to validate answers. The nameservers have to hand on signatures for that; with ones that do not, nearly
    /// every answer is an error.
    pub dnssec: bool,
    /// A file with the DNSKEY records to trust, in the form of a zone file; if `None`, those of the root of the Internet.
    pub trust_anchor: Option<PathBuf>,
    /// How long one nameserver may take for an answer to one query.
    pub timeout: Duration,
    /// How often a query is asked again.
    pub attempts: usize,
    /// How long one lookup may take, with all its attempts and the queries that validation needs.
    pub lookup_timeout: Duration,
    /// How many answers to remember.
    pub cache_entries: usize,
    /// How many lookups may be under way; others wait for their turn.
    pub max_lookups: usize,
    /// Whether to look for direct TLS (XEP-0368).
    pub direct_tls: bool,
    /// Where the servers of some domains are, whatever the DNS says; in the order to try them.
    pub routes: HashMap<DomainPart, Vec<Route>>,
}

impl Default for ResolverSettings {
    fn default() -> ResolverSettings {
        ResolverSettings {
            nameservers: Vec::new(),
            dnssec: false,
            trust_anchor: None,
            timeout: Duration::from_secs(3),
            attempts: 2,
            lookup_timeout: Duration::from_secs(10),
            cache_entries: 4096,
            max_lookups: 256,
            direct_tls: true,
            routes: HashMap::new(),
        }
    }
}

/// Where the server of a domain is, by the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The machine.
    pub host: Host,
    /// The TCP port.
    pub port: u16,
    /// Whether TLS starts with the first octet.
    pub direct_tls: bool,
}

/// Why settings can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The system's nameservers are not known.
    #[error("no nameservers could be read from /etc/resolv.conf: {error}")]
    System {
        /// Why.
        error: String,
    },
    /// The file of trust anchors can't be read, or holds other than DNSKEY records, or none.
    #[error("no DNSSEC trust anchor could be read from {}: {error}", .path.display())]
    TrustAnchor {
        /// The file.
        path: PathBuf,
        /// Why.
        error: String,
    },
}
