//! RFC 6120 §12: internationalization considerations.

// The section has none below it that asks for anything.
#[expect(clippy::module_inception)]
mod section_12;

use crate::case::Case;

/// The cases of each file.
pub(super) const FILES: &[&[Case]] = &[section_12::CASES];
