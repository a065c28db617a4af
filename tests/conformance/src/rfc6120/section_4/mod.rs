//! RFC 6120 §4: XML streams.

mod section_4_9_3;

use crate::case::Case;

/// The cases of each file.
pub(super) const FILES: &[&[Case]] = &[section_4_9_3::CASES];
