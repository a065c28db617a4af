//! RFC 6120 §5: STARTTLS negotiation.

pub(in crate::rfc6120) mod raw;
mod renegotiation;
mod section_5_2;
mod section_5_3_1;
mod section_5_3_2;
mod section_5_3_3;
mod section_5_3_4;
mod section_5_3_5;
mod section_5_3_6;
mod section_5_4_1;
mod section_5_4_2_1;
mod section_5_4_2_2;
mod section_5_4_2_3;
mod section_5_4_3_1;
mod section_5_4_3_2;
mod section_5_4_3_3;

use crate::case::Case;

/// The cases of each file.
pub(super) const FILES: &[&[Case]] = &[
    section_5_2::CASES,
    section_5_3_1::CASES,
    section_5_3_2::CASES,
    section_5_3_3::CASES,
    section_5_3_4::CASES,
    section_5_3_5::CASES,
    section_5_3_6::CASES,
    section_5_4_1::CASES,
    section_5_4_2_1::CASES,
    section_5_4_2_2::CASES,
    section_5_4_2_3::CASES,
    section_5_4_3_1::CASES,
    section_5_4_3_2::CASES,
    section_5_4_3_3::CASES,
];

/// Asks for STARTTLS (§5.4.2.1).
const STARTTLS: &str = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
/// The server's consent (§5.4.2.3).
const PROCEED: &str = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
