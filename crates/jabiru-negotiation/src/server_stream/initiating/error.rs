//! Why an initiating server gave up.

use jabiru_stanza::{SaslFailure, StanzaError, StreamError};

/// Why a stream to another server came to nothing, or ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InitiatingServerError {
    /// The other side closed the stream with an error (RFC 6120 §4.9).
    #[error("the stream was closed with {0}")]
    StreamError(StreamError),
    /// The other side closed the stream without one.
    #[error("the stream was closed")]
    StreamClosed,
    /// The other side broke the protocol; it was told with this stream error.
    #[error("protocol violated: {0}")]
    Violation(StreamError),
    /// TLS is required and was not offered: perhaps somebody took the offer away (RFC 6120 §5.3.1, §13.8).
    #[error("STARTTLS is required and was not offered")]
    TlsNotOffered,
    /// `<failure/>` in answer to `<starttls/>` (RFC 6120 §5.4.2.2).
    #[error("STARTTLS was refused")]
    TlsRefused,
    /// Neither EXTERNAL nor dialback is offered by the other side and allowed here.
    #[error("no acceptable way to authenticate was offered")]
    NoProof,
    /// EXTERNAL failed (RFC 6120 §6.5), and dialback could not be tried.
    #[error("EXTERNAL failed: {}{}", .0.condition.name(), text(.0))]
    Sasl(SaslFailure),
    /// The authoritative server of our own domain does not know our dialback key (XEP-0220 §2.1.1).
    #[error("the dialback key was found invalid")]
    DialbackInvalid,
    /// The other side could not verify our dialback key, or does not want to (XEP-0220 §2.5).
    #[error("dialback failed: {0}")]
    Dialback(StanzaError),
    /// The deadline passed.
    #[error("negotiation took too long, waiting for {waiting_for}")]
    Timeout {
        /// What did not come.
        waiting_for: &'static str,
    },
}

fn text(failure: &SaslFailure) -> String {
    failure.text.as_ref().map(|text| format!(" ({text})")).unwrap_or_default()
}
