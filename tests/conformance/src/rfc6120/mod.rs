//! RFC 6120: Extensible Messaging and Presence Protocol (XMPP): Core.

mod appendix_a;
mod section_10;
mod section_11;
mod section_12;
mod section_13;
mod section_14;
mod section_3;
mod section_4;
mod section_5;
mod section_6;
mod section_7;
mod section_8;
mod section_9;
mod servers;

use crate::case::Case;

/// The cases of each section.
const SECTIONS: &[&[&[Case]]] = &[
    section_3::FILES,
    section_4::FILES,
    section_5::FILES,
    section_6::FILES,
    section_7::FILES,
    section_8::FILES,
    section_9::FILES,
    section_10::FILES,
    section_11::FILES,
    section_12::FILES,
    section_13::FILES,
    section_14::FILES,
    appendix_a::FILES,
    servers::FILES,
];

/// All cases, in the order of the document, those of server streams last; then those of RFC 6121 and XEP-0220 that decide
/// how it is to be read.
#[must_use]
pub fn cases() -> Vec<&'static Case> {
    SECTIONS
        .iter()
        .chain(crate::rfc6121::SECTIONS)
        .chain(crate::xep0220::SECTIONS)
        .copied()
        .flatten()
        .copied()
        .flatten()
        .collect()
}
