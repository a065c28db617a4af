//! Bounds of connecting.

use std::time::Duration;

/// How long and how often to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectLimits {
    /// After which time the next address is tried while the one before has not answered (RFC 8305 §5, "Connection Attempt
    /// Delay").
    pub attempt_delay: Duration,
    /// The same where the next address belongs to a target of another SRV priority: it is only for when those before it
    /// can't be reached (RFC 2782), not for when they are a little farther away.
    pub priority_delay: Duration,
    /// How long the TCP connection to one address may take.
    pub attempt_timeout: Duration,
    /// How long one call of [`Connector::next`](super::Connector::next) may take.
    pub total_timeout: Duration,
    /// How many addresses of one target are tried.
    pub max_addresses: usize,
    /// How many addresses are tried altogether.
    pub max_attempts: usize,
}

impl Default for ConnectLimits {
    fn default() -> ConnectLimits {
        ConnectLimits {
            attempt_delay: Duration::from_millis(250),
            priority_delay: Duration::from_secs(2),
            attempt_timeout: Duration::from_secs(10),
            total_timeout: Duration::from_secs(30),
            max_addresses: 8,
            max_attempts: 32,
        }
    }
}
