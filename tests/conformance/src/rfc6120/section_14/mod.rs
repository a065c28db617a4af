//! RFC 6120 §14: IANA considerations: the namespaces, to the letter.

// Its subsections have a line each, and one file is enough for them.
#[expect(clippy::module_inception)]
mod section_14;

use crate::case::Case;

/// The cases of each file.
pub(super) const FILES: &[&[Case]] = &[section_14::CASES];
