//! Why a stream can't be read further.

use crate::Limit;

/// Why a stream can't be read further: what was wrong, and where.
///
/// There is no recovery (RFC 6120 §4.9.1.1): the stream error that belongs to the kind is sent and the stream is closed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at byte {offset}")]
pub struct ReadError {
    /// What was wrong.
    pub kind: ReadErrorKind,
    /// The place, in bytes from the first byte that the reader was given (from the beginning of the text, for
    /// [`RawElement::parse`](crate::RawElement::parse)). It does not depend on how the input was cut.
    pub offset: u64,
}

/// What was wrong with the XML.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadErrorKind {
    /// Violates XML 1.0 or Namespaces in XML (RFC 6120 §11.3; stream error `not-well-formed`, §4.9.3.13).
    #[error("not well-formed: {0}")]
    NotWellFormed(&'static str),
    /// A comment, a processing instruction, a DTD, or a reference to an entity other than the five that XML predefines
    /// (RFC 6120 §11.1; stream error `restricted-xml`, §4.9.3.18).
    #[error("restricted XML: {0}")]
    Restricted(&'static str),
    /// An encoding other than UTF-8 is declared or used, or octets are not UTF-8 (RFC 6120 §11.6; stream error
    /// `unsupported-encoding`, §4.9.3.22).
    #[error("unsupported encoding: {0}")]
    UnsupportedEncoding(&'static str),
    /// A limit was passed (RFC 6120 §13.12; stream error `policy-violation`, §4.9.3.14).
    #[error("limit exceeded: {0}")]
    LimitExceeded(Limit),
    /// Text other than whitespace between first-level elements (RFC 6120 §11.7; stream error `bad-format`, §4.9.3.1).
    #[error("text between first-level elements")]
    TextBetweenElements,
    /// The stream root's start tag once more, within the stream: a restart that nobody asked for (RFC 6120 §4.3.3; stream
    /// error `bad-format`, §4.9.3.1).
    #[error("a stream header within the stream")]
    StreamWithinStream,
}

/// An error and its place in the bytes at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: ReadErrorKind,
    pub(crate) at: usize,
}

impl Fault {
    pub(crate) fn malformed<T>(what: &'static str, at: usize) -> Result<T, Fault> {
        Err(Fault { kind: ReadErrorKind::NotWellFormed(what), at })
    }

    pub(crate) fn restricted<T>(what: &'static str, at: usize) -> Result<T, Fault> {
        Err(Fault { kind: ReadErrorKind::Restricted(what), at })
    }

    pub(crate) fn encoding<T>(what: &'static str, at: usize) -> Result<T, Fault> {
        Err(Fault { kind: ReadErrorKind::UnsupportedEncoding(what), at })
    }

    pub(crate) fn limit<T>(limit: Limit, at: usize) -> Result<T, Fault> {
        Err(Fault { kind: ReadErrorKind::LimitExceeded(limit), at })
    }

    /// The error for whoever counts from `start`.
    pub(crate) fn from(self, start: u64) -> ReadError {
        ReadError { kind: self.kind, offset: start + self.at as u64 }
    }
}
