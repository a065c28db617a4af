//! The configuration: what the file says, what holds without one, and what is wrong with it.
//!
//! `jabiru.example.toml` documents every key; a test keeps it equal to [`Config::default`]. How the
//! other crates get their settings from it is in `assemble.rs`.

mod file;
mod problem;
mod reader;
#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jabiru_negotiation::Mechanism;
use jabiru_stanza::{DomainPart, DomainRef};

pub use self::problem::ConfigError;

/// Everything an operator can set. The default is what runs without a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The domains that are hosted, at least one, none twice. The first one answers streams that name none.
    pub domains: Vec<Domain>,
    /// Where everything is kept that must outlive the process.
    pub data_directory: PathBuf,
    /// What is logged, and how.
    pub log: Log,
    /// Client streams.
    pub c2s: C2s,
    /// How much of what anyone may use.
    pub limits: Limits,
    /// The storage engine.
    pub storage: Storage,
    /// The end.
    pub shutdown: Shutdown,
}

/// A hosted domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    /// Its name, prepared.
    pub name: DomainPart,
    /// Its certificate; `None` for one that is made at the first start and kept in the data directory.
    pub certificate: Option<CertificateFiles>,
}

/// A certificate with its private key, in PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The chain, the domain's own certificate first.
    pub certificate: PathBuf,
    /// The private key of the first certificate.
    pub key: PathBuf,
}

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// How a line looks.
    pub format: LogFormat,
    /// The least severe level that is logged, followed by exceptions for single modules:
    /// `info,jabiru_c2s=debug`. The form that `tracing_subscriber::EnvFilter` reads.
    pub level: String,
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people; in colour on a terminal.
    Human,
    /// One JSON object a line.
    Json,
}

/// Client streams (RFC 6120).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct C2s {
    /// Where streams start in plaintext and become TLS by STARTTLS (§5). Port 0 leaves the choice to the system.
    pub starttls: Vec<SocketAddr>,
    /// Where streams start with TLS (XEP-0368).
    pub direct_tls: Vec<SocketAddr>,
    /// Whether nothing but STARTTLS is possible in plaintext (§5.3.1).
    pub require_tls: bool,
    /// Whether PLAIN is offered in plaintext too (§13.8.3). Never together with `require_tls`.
    pub plain_without_tls: bool,
    /// The SASL mechanisms, most wanted first (§6.3.3).
    pub mechanisms: Vec<Mechanism>,
    /// What happens to a stream whose resource another stream of its account asks for (§7.7.2.2).
    pub resource_conflict: ResourceConflict,
}

/// What happens when a client asks for a resource that is in use (RFC 6120 §7.7.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceConflict {
    /// The older stream is closed with the stream error `conflict`.
    Replace,
    /// The newcomer is refused.
    Refuse,
    /// The newcomer gets another resource.
    Assign,
}

/// How much of what anyone may use; every one of these is a bound (RFC 6120 §13.12).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once, altogether.
    pub connections: usize,
    /// Connections at once from one network address (an IPv6 network of 64 bits counts as one).
    pub connections_per_address: usize,
    /// Bytes of one first-level element before authentication.
    pub element_bytes_before_authentication: usize,
    /// Bytes of one first-level element, such as a stanza, after it. At least 10,000 (§13.12).
    pub element_bytes: usize,
    /// From the connection to the bound resource.
    pub negotiation_timeout: Duration,
    /// Failed attempts to authenticate after which a stream is closed (§6.4.5).
    pub authentication_attempts: u32,
    /// Streams that one account may have at once (§7.6.2.1).
    pub streams_per_account: usize,
    /// Bytes that may wait to be sent to one client.
    pub outbox_bytes: usize,
    /// How long a client may send nothing before it is asked whether it is still there (§4.6).
    pub idle_timeout: Duration,
    /// How long it may then still send nothing before its stream is ended.
    pub ping_timeout: Duration,
    /// How long a client may take nothing of what waits for it.
    pub stall_timeout: Duration,
    /// How long the other side may take to close its half of a stream (§4.4).
    pub closing_timeout: Duration,
}

/// The storage engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storage {
    /// Which one.
    pub engine: StorageEngine,
    /// How long its answer is waited for before it counts as away.
    pub timeout: Duration,
}

/// Which storage engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StorageEngine {
    /// One SQLite file in the data directory.
    Sqlite,
}

/// The end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shutdown {
    /// How long streams may take to end, with everything that waits in them, before the process exits.
    pub timeout: Duration,
}

impl Config {
    /// Reads the file at `path`. Relative paths in it start at its folder.
    ///
    /// # Errors
    /// [`ConfigError::Read`] if it cannot be read; [`ConfigError::Invalid`] with all that is wrong in it.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        file::load(path)
    }

    /// The hosted domain of this name.
    pub fn domain(&self, name: &DomainRef) -> Option<&Domain> {
        self.domains.iter().find(|domain| *domain.name == *name)
    }

    /// The file of the SQLite engine.
    pub fn database_file(&self) -> PathBuf {
        self.data_directory.join("jabiru.sqlite")
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            domains: vec![Domain::new("localhost").expect("localhost is a valid domain")],
            data_directory: PathBuf::from("jabiru-data"),
            log: Log::default(),
            c2s: C2s::default(),
            limits: Limits::default(),
            storage: Storage::default(),
            shutdown: Shutdown::default(),
        }
    }
}

impl Domain {
    /// A domain without a certificate of the operator's.
    fn new(name: &str) -> Option<Self> {
        Some(Self { name: name.parse().ok()?, certificate: None })
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Human, level: "info".to_owned() }
    }
}

impl Default for C2s {
    fn default() -> Self {
        let loopback = |port| vec![(Ipv4Addr::LOCALHOST, port).into(), (Ipv6Addr::LOCALHOST, port).into()];
        Self {
            starttls: loopback(5222),
            direct_tls: loopback(5223),
            require_tls: true,
            plain_without_tls: false,
            mechanisms: Mechanism::DEFAULT.to_vec(),
            resource_conflict: ResourceConflict::Replace,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 100_000,
            connections_per_address: 2_000,
            element_bytes_before_authentication: 16 * 1024,
            element_bytes: 256 * 1024,
            negotiation_timeout: Duration::from_secs(60),
            authentication_attempts: 5,
            streams_per_account: 20,
            outbox_bytes: 1024 * 1024,
            idle_timeout: Duration::from_secs(600),
            ping_timeout: Duration::from_secs(60),
            stall_timeout: Duration::from_secs(60),
            closing_timeout: Duration::from_secs(5),
        }
    }
}

impl Default for Storage {
    fn default() -> Self {
        Self { engine: StorageEngine::Sqlite, timeout: Duration::from_secs(10) }
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(10) }
    }
}
