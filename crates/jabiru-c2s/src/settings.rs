//! The bounds and policies of client streams, beyond those of negotiation.

use std::time::Duration;

use jabiru_net::rate::RateLimits;
use jabiru_net::{ConnectionLimits, Keepalive};
use jabiru_xml::Limits;

use crate::silence::Checks;
use crate::throttle::GuessLimits;

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
    /// How long a client may send nothing before it is sent whitespace, and again after as much more: TCP then finds
    /// a dead connection (§4.6.1).
    pub whitespace_interval: Option<Duration>,
    /// How long a client may send nothing before it is asked whether it is still there (§4.6.2). §4.6.4 recommends no
    /// less than 5 minutes, for this and the one above.
    pub idle_timeout: Option<Duration>,
    /// How long it may then still send nothing before its stream is ended with `connection-timeout`. Time in which it
    /// could not get what was sent to it does not count.
    pub ping_timeout: Duration,
    /// Probes by TCP itself on a silent connection (§4.6.1).
    pub keepalive: Option<Keepalive>,
    /// How long TCP tries to get across what was sent before the connection counts as dead (RFC 5482).
    pub user_timeout: Option<Duration>,
    /// How fast a client may send (§13.12).
    pub rate: RateLimits,
    /// To how many different accounts and servers a client may write in a minute; a stanza for one more is answered with
    /// `policy-violation` (§13.12). `None`: as many as it likes. Each stream of an account has its own count.
    pub recipients_per_minute: Option<u32>,
    /// How those are slowed down who guess passwords (§13.12); `None`: not at all.
    pub guesses: Option<GuessLimits>,
    /// How long the end of a stream may take: sending what waits, and the other side's end (§4.4).
    pub closing_timeout: Duration,
    /// How long an answer of the storage is waited for before it counts as away.
    pub storage_timeout: Duration,
    /// Resources that one account may have at once (§7.6.2.1).
    pub resources_per_account: usize,
    /// Streams that there may be at once of clients that authenticated as nobody in particular (SASL ANONYMOUS).
    /// Who is over it gets no resource (§7.6.2.1).
    pub anonymous_streams: usize,
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
        ConnectionLimits {
            keepalive: self.keepalive,
            user_timeout: self.user_timeout,
            ..ConnectionLimits::new(self.outbox_bytes, self.stall_timeout)
        }
    }

    pub(crate) fn silence_checks(&self) -> Checks {
        Checks { whitespace: self.whitespace_interval, ask: self.idle_timeout, answer: self.ping_timeout }
    }
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            unauthenticated: Limits::UNAUTHENTICATED,
            authenticated: Limits::AUTHENTICATED,
            outbox_bytes: 1024 * 1024,
            stall_timeout: Duration::from_secs(60),
            whitespace_interval: None,
            idle_timeout: Some(Duration::from_secs(600)),
            ping_timeout: Duration::from_secs(60),
            keepalive: None,
            user_timeout: Some(Duration::from_secs(300)),
            rate: RateLimits::default(),
            recipients_per_minute: Some(300),
            guesses: Some(GuessLimits::default()),
            closing_timeout: Duration::from_secs(5),
            storage_timeout: Duration::from_secs(10),
            resources_per_account: 20,
            anonymous_streams: 100,
            on_conflict: ConflictPolicy::Replace,
            account_watch_interval: Duration::from_secs(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_connection_is_told() {
        let keepalive = Some(Keepalive { idle: Duration::from_secs(1), interval: Duration::from_secs(2) });
        let user_timeout = Some(Duration::from_secs(3));
        let settings = Settings { keepalive, user_timeout, outbox_bytes: 4, ..Settings::default() };
        let expected =
            ConnectionLimits { outbox_bytes: 4, stall_timeout: Duration::from_secs(60), keepalive, user_timeout };
        assert_eq!(settings.connection(), expected);
    }
}
