//! RFC 6120 §13: security considerations.

mod external;
mod section_13_10_1;
mod section_13_10_2;
mod section_13_11;
mod section_13_12;
mod section_13_3;
mod section_13_6;
mod section_13_7_1;
mod section_13_7_1_4;
mod section_13_7_2;
mod section_13_7_2_2;
mod section_13_7_2_3;
mod section_13_8;
mod section_13_9_4;
mod section_13_9_7;

use crate::case::Case;

/// The cases of each file.
pub(super) const FILES: &[&[Case]] = &[
    section_13_3::CASES,
    section_13_6::CASES,
    section_13_7_1::CASES,
    section_13_7_1_4::CASES,
    section_13_7_2::CASES,
    section_13_7_2_2::CASES,
    section_13_7_2_3::CASES,
    section_13_8::CASES,
    section_13_9_4::CASES,
    section_13_9_7::CASES,
    section_13_10_1::CASES,
    section_13_10_2::CASES,
    section_13_11::CASES,
    section_13_12::CASES,
];
