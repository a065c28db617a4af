//! RFC 6120 appendix A: XML schemas.

// Named as the file of a section is, so that the cases tell it.
#[expect(clippy::module_inception)]
mod appendix_a;

use crate::case::Case;

/// The cases of each file.
pub(super) const FILES: &[&[Case]] = &[appendix_a::CASES];
