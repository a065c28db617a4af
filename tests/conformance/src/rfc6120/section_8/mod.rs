//! RFC 6120 §8: XML stanzas.

use crate::case::Case;

/// The cases of each file.
pub(super) const FILES: &[&[Case]] = &[];
