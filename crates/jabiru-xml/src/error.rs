use crate::Limit;
/// Why a stream can't be read further.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind:?} at byte {offset}")]
pub struct ReadError { pub kind: ReadErrorKind, pub offset: u64 }
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadErrorKind {
    /// Violates XML 1.0 or Namespaces in XML (RFC 6120 §4.9.3.13).
    NotWellFormed(&'static str),
    /// Comment, processing instruction, DTD, or reference to an entity other than the five (§4.9.3.18).
    Restricted(&'static str),
    /// An encoding other than UTF-8 declared (§11.6), or octets that are not UTF-8 (§4.9.3.22).
    UnsupportedEncoding(&'static str),
    /// A limit passed (§4.9.3.14, §13.12).
    LimitExceeded(Limit),
    /// Text other than whitespace between first-level elements (§4.9.3.1, §8).
    TextBetweenElements,
}
