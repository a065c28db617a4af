//! Why there are no fingerprints.

use std::time::Duration;

use crate::connect::ConnectError;
use crate::resolve::NotAHost;

/// Why the fingerprints of a domain could not be had; each names the URL at which it went wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PoshError {
    /// There can be no web server of that name.
    #[error(transparent)]
    NotAHost(#[from] NotAHost),
    /// The domain publishes nothing (RFC 7711 §3), as nearly all do.
    #[error("nothing is published at {url}")]
    NotPublished {
        /// Where it would be.
        url: String,
    },
    /// The web server can't be reached.
    #[error("{url}: {error}")]
    Connect {
        /// What was fetched.
        url: String,
        /// Why.
        error: ConnectError,
    },
    /// The web server's certificate is not good for its name, or TLS failed otherwise.
    #[error("{url}: TLS: {error}")]
    Tls {
        /// What was fetched.
        url: String,
        /// Why, in the words of the TLS library.
        error: String,
    },
    /// The web server does not speak HTTP as it should.
    #[error("{url}: HTTP: {error}")]
    Http {
        /// What was fetched.
        url: String,
        /// Why, in the words of the HTTP library.
        error: String,
    },
    /// The web server answers, but not with a document.
    #[error("{url}: status {status}")]
    Status {
        /// What was fetched.
        url: String,
        /// The status code.
        status: u16,
    },
    /// The document has no end, or a distant one.
    #[error("{url}: more than {limit} bytes")]
    TooLarge {
        /// What was fetched.
        url: String,
        /// The bound.
        limit: usize,
    },
    /// It leads to somewhere that is not fetched from: not HTTPS (RFC 7711 §3.2, §10), or no URL at all.
    #[error("{url} leads to {to:?}, which is not a URL with https")]
    NotHttps {
        /// What was fetched.
        url: String,
        /// Where it leads.
        to: String,
    },
    /// One redirect led to the next.
    #[error("{url}: more than {limit} redirects")]
    TooManyRedirects {
        /// The last one that was fetched.
        url: String,
        /// The bound.
        limit: usize,
    },
    /// A document that was referred to refers to yet another one (RFC 7711 §3.2).
    #[error("{url} was referred to, and refers to another document")]
    SecondReference {
        /// What was fetched.
        url: String,
    },
    /// It is no POSH document.
    #[error("{url}: not a POSH document: {error}")]
    Malformed {
        /// What was fetched.
        url: String,
        /// Why.
        error: String,
    },
    /// None of the fingerprints is of a kind that is known here.
    #[error("{url}: no fingerprints by sha-256 or sha-512")]
    NoFingerprints {
        /// What was fetched.
        url: String,
    },
    /// The document says that it does not count (`"expires": 0`, RFC 7711 §3.1).
    #[error("{url}: declared to be expired")]
    Expired {
        /// What was fetched.
        url: String,
    },
    /// All of it took too long.
    #[error("nothing could be fetched from {url} within {} s", .within.as_secs_f32())]
    Timeout {
        /// What was fetched first.
        url: String,
        /// The bound.
        within: Duration,
    },
}
