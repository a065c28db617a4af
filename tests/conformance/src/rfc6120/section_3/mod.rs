//! RFC 6120 §3: TCP binding.

use crate::case::Case;

/// The cases of each file.
pub(super) const FILES: &[&[Case]] = &[];
