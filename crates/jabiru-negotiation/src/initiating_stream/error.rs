//! Why an initiating entity gave up.

use jabiru_stanza::{SaslFailure, StanzaError, StreamError};

/// Why negotiation ended without a bound resource.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InitiatingError {
    /// The other side closed the stream with an error (RFC 6120 §4.9).
    #[error("the stream was closed with {0}")]
    StreamError(StreamError),
    /// The other side closed the stream without one.
    #[error("the stream was closed")]
    StreamClosed,
    /// The other side broke the protocol; it was told with this stream error.
    #[error("protocol violated: {0}")]
    Violation(StreamError),
    /// TLS is required and was not offered: perhaps somebody took the offer away (§5.3.1, §13.8).
    #[error("STARTTLS is required and was not offered")]
    TlsNotOffered,
    /// `<failure/>` in answer to `<starttls/>` (§5.4.2.2).
    #[error("STARTTLS was refused")]
    TlsRefused,
    /// None of the mechanisms on offer is acceptable here (§6.3.3).
    #[error("no acceptable SASL mechanism was offered")]
    NoMechanism,
    /// Authentication failed (§6.5).
    #[error("authentication failed: {}", .0.condition.name())]
    Sasl(SaslFailure),
    /// The password or the user name can't be used with SASL (RFC 4013).
    #[error("the user name or the password has characters that can't be used")]
    Credentials,
    /// The other side does not know the password, or somebody sits between (RFC 5802 §5): it did not prove itself.
    #[error("the receiving entity did not prove that it knows the account")]
    NotVerified,
    /// No resource was bound (§7).
    #[error("no resource was bound: {0}")]
    Bind(StanzaError),
    /// The deadline passed.
    #[error("negotiation took too long")]
    Timeout,
}
