//! RFC 6120 §3: TCP binding.

mod section_3_1;
mod section_3_3;

use crate::case::Case;

/// The cases of each file.
pub(super) const FILES: &[&[Case]] = &[section_3_1::CASES, section_3_3::CASES];
