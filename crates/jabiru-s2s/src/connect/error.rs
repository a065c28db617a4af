//! Why no server could be reached.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use jabiru_router::RemoteError;

use crate::resolve::{ResolveError, ServerTarget};

/// There is nothing left to try.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConnectError {
    /// What was tried since the [`Connector`](super::Connector) was made, and failed; in that order.
    pub attempts: Vec<Attempt>,
    /// The bound on the whole that ended it, if one did; otherwise everything was tried.
    pub timed_out: Option<Duration>,
}

/// One try that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The target.
    pub target: ServerTarget,
    /// The address that was tried, and its port; `None` if none was found.
    pub address: Option<SocketAddr>,
    /// Why.
    pub error: AttemptError,
    /// How long it took.
    pub elapsed: Duration,
}

/// Why one try failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AttemptError {
    /// The target has no addresses, or they could not be found.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// Nothing listens there.
    #[error("connection refused")]
    Refused,
    /// Nothing answered in time.
    #[error("no answer in time")]
    Timeout,
    /// The system can't connect to there, such as to IPv6 without a route.
    #[error("{error}")]
    Io {
        /// What kind of error.
        kind: io::ErrorKind,
        /// In the words of the system.
        error: String,
    },
}

impl ConnectError {
    /// What the senders of stanzas are told: the server was found but not reached (RFC 6120 §8.3.3.17), unless there was
    /// not one address (§8.3.3.16).
    #[must_use]
    pub fn condition(&self) -> RemoteError {
        let not_found = |attempt: &Attempt| match &attempt.error {
            AttemptError::Resolve(error) => error.condition() == RemoteError::NotFound,
            AttemptError::Refused | AttemptError::Timeout | AttemptError::Io { .. } => false,
        };
        let nowhere = self.timed_out.is_none() && !self.attempts.is_empty() && self.attempts.iter().all(not_found);
        if nowhere { RemoteError::NotFound } else { RemoteError::Timeout }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // More would not fit in a line of a log; the steps tell them all.
        const SHOWN_ATTEMPTS: usize = 4;
        match self.timed_out {
            Some(within) => write!(f, "no server could be reached within {} s", within.as_secs_f32())?,
            None => f.write_str("no server could be reached")?,
        }
        for (position, attempt) in self.attempts.iter().take(SHOWN_ATTEMPTS).enumerate() {
            f.write_str(if position == 0 { ": " } else { "; " })?;
            match attempt.address {
                Some(address) => write!(f, "{} at {address}: {}", attempt.target, attempt.error)?,
                None => write!(f, "{}: {}", attempt.target, attempt.error)?,
            }
        }
        match self.attempts.len().saturating_sub(SHOWN_ATTEMPTS) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}
