//! RFC 6120 §10: Server rules for processing XML stanzas.

use crate::case::Case;

/// The cases of each file.
pub(super) const FILES: &[&[Case]] = &[];
