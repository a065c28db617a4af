//! RFC 6121 §8: server rules for processing stanzas.

mod section_8_5_3_2_1;

use crate::case::Case;

/// The cases of each file.
pub(super) const FILES: &[&[Case]] = &[section_8_5_3_2_1::CASES];
