//! RFC 6120 §9: Detailed examples. Those of §9.2 are about server streams.

mod section_9_1;
mod section_9_1_2;
mod section_9_1_3;
mod section_9_1_5;

use crate::case::Case;

/// The cases of each file.
pub(super) const FILES: &[&[Case]] =
    &[section_9_1::CASES, section_9_1_2::CASES, section_9_1_3::CASES, section_9_1_5::CASES];
