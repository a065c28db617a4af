//! RFC 6120 §9: Detailed examples.

use crate::case::Case;

/// The cases of each file.
pub(super) const FILES: &[&[Case]] = &[];
