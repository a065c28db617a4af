//! The bounds and policies of client streams, beyond those of negotiation.

use std::time::Duration;

use jabiru_net::ConnectionLimits;
use jabiru_xml::Limits;

/// The bounds and policies of client streams, beyond those of
/// [`Policy`](jabiru_negotiation::Policy).
#[derive(Clone, Debug)]
pub struct Settings {
    /// What is read before authentication; far less than afterwards (RFC 6120 §13.12).
    pub unauthenticated: Limits,
    /// What is read of an authenticated client.
    pub authenticated: Limits,
    /// Bytes that may wait to be sent to one client before deliveries to it are refused.
    pub outbox_bytes: usize,
    /// How long a client may take nothing of what waits for it.
    pub stall_timeout: Duration,
    /// How long a client may send nothing before it is asked whether it is still there (§4.6).
    pub idle_timeout: Duration,
    /// How long it may then still send nothing before its stream is ended with `connection-timeout`.
    pub ping_timeout: Duration,
    /// How long the end of a stream may take: sending what waits, and the other side's end (§4.4).
    pub closing_timeout: Duration,
    /// How long an answer of the storage is waited for before it counts as away.
    pub storage_timeout: Duration,
    /// Resources that one account may have at once (§7.6.2.1).
    pub resources_per_account: usize,
    /// What to do if the resource asked for is in use (§7.7.2.2).
    pub on_conflict: ConflictPolicy,
    /// How often is asked which accounts were disabled, removed or given another password.
    pub account_watch_interval: Duration,
}

/// What happens when a client asks for a resource that is in use (RFC 6120 §7.7.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConflictPolicy {
    /// The newcomer gets another, server-made resource.
    Assign,
    /// The newcomer is refused.
    Refuse,
    /// The older stream is closed with the stream error `conflict`. What a client expects that
    /// comes back after its network was lost.
    Replace,
}

impl Settings {
    pub(crate) fn connection(&self) -> ConnectionLimits {
        ConnectionLimits::new(self.outbox_bytes, self.stall_timeout)
    }
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            unauthenticated: Limits::UNAUTHENTICATED,
            authenticated: Limits::AUTHENTICATED,
            outbox_bytes: 1024 * 1024,
            stall_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(600),
            ping_timeout: Duration::from_secs(60),
            closing_timeout: Duration::from_secs(5),
            storage_timeout: Duration::from_secs(10),
            resources_per_account: 20,
            on_conflict: ConflictPolicy::Replace,
            account_watch_interval: Duration::from_secs(1),
        }
    }
}
