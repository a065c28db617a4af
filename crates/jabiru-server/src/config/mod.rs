//! The configuration: what the file says, what holds without one, and what is wrong with it.
//!
//! `jabiru.example.toml` documents every key; a test keeps it equal to [`Config::default`]. How the
//! other crates get their settings from it is in `assemble.rs`.

mod differences;
mod file;
mod listeners;
mod problem;
mod reader;
pub mod s2s;
#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jabiru_negotiation::Mechanism;
use jabiru_stanza::{DomainPart, DomainRef};

pub use self::differences::Differences;
pub use self::problem::ConfigError;
pub use self::s2s::S2s;

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
    /// Streams to and from other servers.
    pub s2s: S2s,
    /// The certificates' dates.
    pub tls: Tls,
    /// How much of what anyone may use.
    pub limits: Limits,
    /// How those are slowed down who guess passwords.
    pub guesses: Guesses,
    /// What accounts may do to themselves.
    pub features: Features,
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
    /// A PEM file with the authorities whose certificates clients may log in with, by EXTERNAL (XEP-0178);
    /// `None`: clients are not asked for certificates.
    pub client_certificates: Option<PathBuf>,
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
    /// Connections that one network address may begin in a minute, as many at once; `None` for as many as it likes.
    pub connection_attempts_per_minute: Option<u32>,
    /// Connections at once, altogether, that are not authenticated yet.
    pub unauthenticated_connections: usize,
    /// Connections at once from one network address that are not authenticated yet.
    pub unauthenticated_connections_per_address: usize,
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
    /// Streams at once of clients that log in by ANONYMOUS.
    pub anonymous_streams: usize,
    /// Bytes that one client may send each second in the long run; `None` for as many as it likes.
    pub bytes_per_second: Option<u32>,
    /// Bytes that it may send at once after a silence.
    pub bytes_burst: u32,
    /// Stanzas that one client may send each second in the long run; `None` for as many as it likes.
    pub stanzas_per_second: Option<u32>,
    /// Stanzas that it may send at once after a silence.
    pub stanzas_burst: u32,
    /// What happens to a client that sends faster.
    pub too_fast: TooFast,
    /// Different accounts and servers that one client may write to in a minute; `None` for as many as it likes.
    pub recipients_per_minute: Option<u32>,
    /// Bytes that may wait to be sent to one client.
    pub outbox_bytes: usize,
    /// After how much silence of a client, and again after as much more, it is sent whitespace, so that TCP notices
    /// if it is gone (§4.6.1).
    pub whitespace_interval: Option<Duration>,
    /// How long a client may send nothing before it is asked whether it is still there (§4.6); `None` for ever.
    pub idle_timeout: Option<Duration>,
    /// How long it may then still send nothing before its stream is ended.
    pub ping_timeout: Duration,
    /// After how long a silence TCP itself probes the connection (RFC 9293 §3.8.4).
    pub tcp_keepalive: Option<Duration>,
    /// How long what was sent may stay unacknowledged before TCP gives the connection up (RFC 5482); `None` for the
    /// system's own patience.
    pub tcp_user_timeout: Option<Duration>,
    /// How long a client may take nothing of what waits for it.
    pub stall_timeout: Duration,
    /// How long the other side may take to close its half of a stream (§4.4).
    pub closing_timeout: Duration,
}

/// What happens to a client that sends faster than it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooFast {
    /// It is read more slowly.
    Slow,
    /// Its stream ends with `policy-violation` (RFC 6120 §4.9.3.14).
    Close,
}

/// What is done about the certificates' dates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// How long before its end a certificate of the server is warned of. Zero: not before.
    pub warn_before_expiry: Duration,
    /// How long before the end of a certificate of the server the domain's streams are ended with `reset`, so that
    /// clients and other servers come again and see its successor (§4.9.3.16, §13.7.2.3); `None` for never.
    pub restart_streams_before_expiry: Option<Duration>,
}

/// How those are slowed down who guess passwords (RFC 6120 §13.12). Failures are counted three times: for an account
/// from an address, for an address, and for an account. The first few have no effect, those that follow delay the
/// answer, and at the bound guesses wait until earlier ones are forgotten; but those of an account from many addresses
/// only delay, so that nobody is kept from an account by others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guesses {
    /// Whether they are slowed down at all.
    pub throttled: bool,
    /// Failures of one account from one address that have no effect.
    pub of_account_from_address_free: u32,
    /// Failures of one account from one address after which each further guess waits for its turn.
    pub of_account_from_address: u32,
    /// Failures of any accounts from one address that have no effect.
    pub from_address_free: u32,
    /// Failures of any accounts from one address after which each further guess waits for its turn.
    pub from_address: u32,
    /// Failures of one account from anywhere that have no effect.
    pub of_account_free: u32,
    /// Failures of one account from anywhere after which the delay is the longest.
    pub of_account: u32,
    /// The longest delay of an answer.
    pub longest_delay: Duration,
    /// The longest wait for a turn; who would wait longer is refused with `temporary-auth-failure` (§6.5.11).
    pub longest_wait: Duration,
    /// How long an address is trusted with an account that has logged in from there.
    pub trust: Duration,
    /// How many accounts, addresses and pairs of them are remembered.
    pub remembered: usize,
}

/// What accounts may do to themselves by their clients (XEP-0077).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Features {
    /// Give themselves another password, over a stream with TLS.
    pub password_change: bool,
    /// Remove themselves with everything that is stored for them.
    pub account_cancellation: bool,
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

    /// Reads from the file at `path` the `data_directory` alone, whatever else is wrong in it.
    ///
    /// # Errors
    /// As for [`load`](Self::load), if the file can't be read or is not TOML, or just this is wrong.
    pub fn data_directory_of(path: &Path) -> Result<PathBuf, ConfigError> {
        file::data_directory(path)
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
            s2s: S2s::default(),
            tls: Tls::default(),
            limits: Limits::default(),
            guesses: Guesses::default(),
            features: Features::default(),
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
            client_certificates: None,
            resource_conflict: ResourceConflict::Replace,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 100_000,
            connections_per_address: 2_000,
            connection_attempts_per_minute: Some(6_000),
            unauthenticated_connections: 20_000,
            unauthenticated_connections_per_address: 1_000,
            element_bytes_before_authentication: 16 * 1024,
            element_bytes: 256 * 1024,
            negotiation_timeout: Duration::from_secs(60),
            authentication_attempts: 5,
            streams_per_account: 20,
            anonymous_streams: 100,
            bytes_per_second: Some(1_000_000),
            bytes_burst: 5_000_000,
            stanzas_per_second: Some(1_000),
            stanzas_burst: 10_000,
            too_fast: TooFast::Slow,
            recipients_per_minute: Some(300),
            outbox_bytes: 1024 * 1024,
            whitespace_interval: None,
            idle_timeout: Some(Duration::from_secs(600)),
            ping_timeout: Duration::from_secs(60),
            tcp_keepalive: None,
            tcp_user_timeout: Some(Duration::from_secs(300)),
            stall_timeout: Duration::from_secs(60),
            closing_timeout: Duration::from_secs(5),
        }
    }
}

impl Default for Tls {
    fn default() -> Self {
        Self { warn_before_expiry: DAY * 14, restart_streams_before_expiry: None }
    }
}

const DAY: Duration = Duration::from_secs(24 * 3600);

impl Default for Guesses {
    fn default() -> Self {
        Self {
            throttled: true,
            of_account_from_address_free: 5,
            of_account_from_address: 25,
            from_address_free: 50,
            from_address: 300,
            of_account_free: 50,
            of_account: 300,
            longest_delay: Duration::from_secs(8),
            longest_wait: Duration::from_secs(20),
            trust: DAY * 30,
            remembered: 32_768,
        }
    }
}

/// Another password is what its owner needs when others know the old one. Cancellation can't be undone and needs
/// nothing but a client left open, so whoever runs the server decides on it.
impl Default for Features {
    fn default() -> Self {
        Self { password_change: true, account_cancellation: false }
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
