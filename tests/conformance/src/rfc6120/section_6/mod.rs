//! RFC 6120 §6: SASL negotiation.

use crate::case::Case;

/// The cases of each file.
pub(super) const FILES: &[&[Case]] = &[];
