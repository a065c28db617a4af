//! RFC 6121: Extensible Messaging and Presence Protocol (XMPP): Instant Messaging and Presence.
//!
//! Only where it decides how a rule of RFC 6120 is to be read.

mod section_8;

use crate::case::Case;

/// The cases of each section.
pub(crate) const SECTIONS: &[&[&[Case]]] = &[section_8::FILES];
