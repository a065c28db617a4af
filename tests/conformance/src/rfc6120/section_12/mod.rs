//! RFC 6120 §12: Internationalization considerations.

use crate::case::Case;

/// The cases of each file.
pub(super) const FILES: &[&[Case]] = &[];
