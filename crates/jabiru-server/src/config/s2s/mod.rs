//! What an operator can set about streams to and from other servers.

mod differences;
mod file;
#[cfg(test)]
pub(super) mod tests;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use jabiru_s2s::resolve::Route;
use jabiru_s2s::{DomainPattern, Require};
use jabiru_stanza::DomainPart;

pub(super) use self::file::read;

/// Server streams (RFC 6120 §3.2, §4; XEP-0220).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S2s {
    /// Whether there are any, in either direction.
    pub enabled: bool,
    /// Where streams of other servers start in plaintext and become TLS by STARTTLS. Port 0 leaves the choice to the
    /// system.
    pub starttls: Vec<SocketAddr>,
    /// Where they start with TLS (XEP-0368).
    pub direct_tls: Vec<SocketAddr>,
    /// What other servers have to prove, if there is no exception for their domain.
    pub require: Require,
    /// Whether nothing goes without TLS, in either direction, if there is no exception.
    pub require_tls: bool,
    /// PEM files with authorities whose certificates prove other servers.
    pub ca: Vec<PathBuf>,
    /// Whether those that the system trusts do too.
    pub system_authorities: bool,
    /// If there are any: the only domains that this server has to do with.
    pub allow: Vec<DomainPattern>,
    /// Domains that it has nothing to do with, even if they are allowed.
    pub block: Vec<DomainPattern>,
    /// Whether a TLSA record that DNSSEC validates proves a server (RFC 7673).
    pub dane: bool,
    /// Whether a document that the domain publishes over HTTPS does (RFC 7711).
    pub posh: bool,
    /// Whether streams to others may begin with TLS, where their domain has SRV records for it (XEP-0368).
    pub direct_tls_out: bool,
    /// Whether both sides may send over one stream (XEP-0288).
    pub bidirectional: bool,
    /// Whether stanzas are acknowledged, and streams resumed (XEP-0198).
    pub stream_management: bool,
    /// How other servers are found.
    pub resolver: Resolver,
    /// Where they are, in place of what the resolver finds: for each domain what to try in this order, never nothing.
    pub routes: BTreeMap<DomainPart, Vec<Route>>,
    /// Domains of which something else is required, none twice.
    pub exceptions: Vec<Exception>,
    /// How much of what server streams may use.
    pub limits: Limits,
}

/// What is required of one domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// The domain, prepared.
    pub name: DomainPart,
    /// What it has to prove; `None`: what all others have to.
    pub require: Option<Require>,
    /// Whether nothing goes without TLS; `None`: as with all others.
    pub require_tls: Option<bool>,
}

/// The DNS resolver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolver {
    /// Whom to ask; nobody: those of the system (`/etc/resolv.conf`).
    pub nameservers: Vec<SocketAddr>,
    /// Whether answers are validated by DNSSEC. With name servers that keep signatures back, nearly every answer is an error
    /// then, so it is off unless it is asked for.
    pub dnssec: bool,
    /// A file with the DNSKEY records to trust, in place of those of the root.
    pub trust_anchor: Option<PathBuf>,
    /// How long an answer is waited for, before the question is asked once more.
    pub timeout: Duration,
    /// How many answers are kept, each as long as it says.
    pub cache_entries: usize,
}

/// The usual port of STARTTLS (RFC 6120 §14.7).
const STARTTLS_PORT: u16 = 5269;
/// The usual port of direct TLS.
const DIRECT_TLS_PORT: u16 = 5270;

/// How much of what server streams may use; every one of these is a bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections of other servers at once, altogether.
    pub streams: usize,
    /// Connections of other servers at once from one network address (an IPv6 network of 64 bits counts as one).
    pub incoming_per_address: usize,
    /// Streams to other servers at once, also those that are still to be connected.
    pub outgoing: usize,
    /// Pairs of domains on one stream (XEP-0220 §2.4).
    pub pairs_per_stream: usize,
    /// Bytes that may wait for one pair of domains, as while its stream is being connected.
    pub queue_bytes: usize,
    /// Bytes that may wait for all of them together.
    pub total_queue_bytes: usize,
    /// Bytes that one server may send each second in the long run; `None` for as many as it likes.
    pub bytes_per_second: Option<u32>,
    /// Bytes that it may send at once after a silence.
    pub bytes_burst: u32,
    /// Stanzas that one server may send each second in the long run; `None` for as many as it likes.
    pub stanzas_per_second: Option<u32>,
    /// Stanzas that it may send at once after a silence.
    pub stanzas_burst: u32,
    /// How long it may take to find another server and connect to it.
    pub connect_timeout: Duration,
    /// From the connection to the first proven pair of domains.
    pub negotiation_timeout: Duration,
    /// After how long without a stanza a stream is closed; `None` for never.
    pub idle_timeout: Option<Duration>,
    /// How long to wait after a failure before the next attempt, at least.
    pub retry_after: Duration,
    /// How long the wait becomes at most, after failure upon failure.
    pub longest_retry_after: Duration,
    /// Stanzas that may be sent before the first of them is acknowledged (XEP-0198).
    pub unacknowledged_stanzas: usize,
    /// Bytes of these.
    pub unacknowledged_bytes: usize,
    /// How long a stream whose connection is lost can be resumed.
    pub resumption: Duration,
}

/// Listeners on loopback alone, as for clients: who opens a server to the world says so. Outwards, streams are secured
/// by certificates, which nearly every server has today.
impl Default for S2s {
    fn default() -> Self {
        let loopback = |port| vec![(Ipv4Addr::LOCALHOST, port).into(), (Ipv6Addr::LOCALHOST, port).into()];
        Self {
            enabled: true,
            starttls: loopback(STARTTLS_PORT),
            direct_tls: loopback(DIRECT_TLS_PORT),
            require: Require::Certificate,
            require_tls: true,
            ca: Vec::new(),
            system_authorities: true,
            allow: Vec::new(),
            block: Vec::new(),
            dane: true,
            posh: true,
            direct_tls_out: true,
            bidirectional: true,
            stream_management: true,
            resolver: Resolver::default(),
            routes: BTreeMap::new(),
            exceptions: Vec::new(),
            limits: Limits::default(),
        }
    }
}

impl Default for Resolver {
    fn default() -> Self {
        Self {
            nameservers: Vec::new(),
            dnssec: false,
            trust_anchor: None,
            timeout: Duration::from_secs(5),
            cache_entries: 10_000,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            streams: 10_000,
            incoming_per_address: 100,
            outgoing: 5_000,
            pairs_per_stream: 100,
            queue_bytes: 1024 * 1024,
            total_queue_bytes: 256 * 1024 * 1024,
            bytes_per_second: Some(10_000_000),
            bytes_burst: 50_000_000,
            stanzas_per_second: Some(10_000),
            stanzas_burst: 100_000,
            connect_timeout: Duration::from_secs(30),
            negotiation_timeout: Duration::from_secs(60),
            idle_timeout: Some(Duration::from_secs(1800)),
            retry_after: Duration::from_secs(1),
            longest_retry_after: Duration::from_secs(300),
            unacknowledged_stanzas: 10_000,
            unacknowledged_bytes: 8 * 1024 * 1024,
            resumption: Duration::from_secs(300),
        }
    }
}
