//! Why the server of a domain was not found.

use std::fmt;
use std::time::Duration;

use jabiru_router::RemoteError;

use super::{Host, NotAHost};

/// Why nothing was found, each with the question that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// The DNS can't hold such a name.
    #[error(transparent)]
    NotAHost(#[from] NotAHost),
    /// The name does not exist.
    #[error("there is no domain {name} in the DNS (NXDOMAIN)")]
    NoSuchDomain {
        /// As A-labels.
        name: String,
    },
    /// The only SRV target is `.`: the domain says that it has no such service (RFC 2782; RFC 6120 §3.2.1). There is no
    /// fallback then.
    #[error("{domain} declares that it has no XMPP server (SRV target \".\")")]
    ServiceDeclined {
        /// As A-labels.
        domain: String,
    },
    /// There are SRV records, but their targets can't be hosts. There is no fallback then either.
    #[error("no target of the SRV records of {domain} can be a host")]
    NoUsableTarget {
        /// As A-labels.
        domain: String,
    },
    /// The name exists, but has no addresses.
    #[error("{host} has neither A nor AAAA records")]
    NoAddresses {
        /// The host asked for.
        host: Host,
    },
    /// Nobody answered in time.
    #[error("no answer to the query for {question} within {} s", .within.as_secs_f32())]
    Timeout {
        /// What was asked.
        question: Question,
        /// How long was waited.
        within: Duration,
    },
    /// The answer is not what DNSSEC says that it has to be: it is forged, or its zone is broken, or the keys to tell that
    /// could not be had.
    #[error("the answer to the query for {question} failed DNSSEC validation")]
    Bogus {
        /// What was asked.
        question: Question,
    },
    /// The nameserver answered that it can't or won't answer.
    #[error("the nameserver answered the query for {question} with {code}")]
    Refused {
        /// What was asked.
        question: Question,
        /// The response code in words, such as `Server Failure`.
        code: String,
    },
    /// One alias led to another, too many times.
    #[error("the aliases (CNAME) of {question} are more than {limit}")]
    TooManyAliases {
        /// What was asked.
        question: Question,
        /// The bound.
        limit: usize,
    },
    /// No nameserver could be reached or understood.
    #[error("the query for {question} failed: {error}")]
    Transport {
        /// What was asked.
        question: Question,
        /// Why, in the words of the resolver library or of the system.
        error: String,
    },
}

impl ResolveError {
    /// What the senders of stanzas for the domain are told (RFC 6120 §8.3.3.16, §8.3.3.17): what may be otherwise in a
    /// while is a time-out, so that they try again.
    #[must_use]
    pub fn condition(&self) -> RemoteError {
        match self {
            ResolveError::NotAHost(_)
            | ResolveError::NoSuchDomain { .. }
            | ResolveError::ServiceDeclined { .. }
            | ResolveError::NoUsableTarget { .. }
            | ResolveError::NoAddresses { .. }
            | ResolveError::TooManyAliases { .. } => RemoteError::NotFound,
            ResolveError::Timeout { .. }
            | ResolveError::Bogus { .. }
            | ResolveError::Refused { .. }
            | ResolveError::Transport { .. } => RemoteError::Timeout,
        }
    }
}

/// What the DNS was asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Question {
    /// The name, as A-labels without the dot that ends it.
    pub name: String,
    /// The type of the records, such as `SRV`.
    pub record_type: String,
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} records of {}", self.record_type, self.name)
    }
}
