//! RFC 6120 §9: Detailed examples.

mod section_9_1;

use crate::case::Case;

/// The cases of each file.
pub(super) const FILES: &[&[Case]] = &[section_9_1::CASES];
