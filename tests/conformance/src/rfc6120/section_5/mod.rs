//! RFC 6120 §5: STARTTLS negotiation.

use crate::case::Case;

/// The cases of each file.
pub(super) const FILES: &[&[Case]] = &[];
