//! The way to other domains (RFC 6120 §10.4): what federation plugs into.

use jabiru_stanza::{Condition, Stanza};

use crate::Eventually;

/// Takes stanzas for domains that are not hosted here ([`Router::with_remote`](crate::Router::with_remote)).
///
/// Without one, every such stanza is answered with `remote-server-not-found`.
pub trait RemoteDomains: Send + Sync + 'static {
    /// Sends a stanza on its way: its `to` is of another domain, its `from` can be trusted. A clone of it costs
    /// a reference count and the address.
    ///
    /// Order (§10.1): stanzas handed in one after the other, each after what the call before returned has been awaited,
    /// arrive in that order if they have the same `from` and `to`.
    ///
    /// # Errors
    /// Then nothing of the stanza was or will be sent; its sender is told, if it may be (§10.4.3).
    fn send(&self, stanza: &Stanza) -> Eventually<Result<(), RemoteError>>;
}

/// Why a stanza did not reach another domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteError {
    /// The domain could not be resolved, or runs no such service (§10.4.3, §3.2).
    #[error("the domain has no server that could be found")]
    NotFound,
    /// It was resolved, but no stream could be negotiated, in time or at all (§10.4.3).
    #[error("no stream to the domain could be negotiated")]
    Timeout,
    /// The stream to it takes no more at the moment: its queue is at its bound.
    #[error("the queue of the domain is full")]
    Full,
    /// Whoever runs this server does not want traffic with that domain.
    #[error("no traffic with the domain is wanted")]
    Blocked,
    /// Our own fault.
    #[error("the stanza could not be sent, by a fault of this server")]
    Internal,
}

impl RemoteError {
    /// What the sender is told.
    #[must_use]
    pub fn condition(self) -> Condition {
        match self {
            RemoteError::NotFound => Condition::RemoteServerNotFound,
            RemoteError::Timeout => Condition::RemoteServerTimeout,
            RemoteError::Full => Condition::ResourceConstraint,
            RemoteError::Blocked => Condition::PolicyViolation,
            RemoteError::Internal => Condition::InternalServerError,
        }
    }
}
