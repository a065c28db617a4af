//! RFC 6120 §10: server rules for processing stanzas.

mod section_10_1;
mod section_10_2;
mod section_10_3;
mod section_10_3_1;
mod section_10_3_2;
mod section_10_3_3;
mod section_10_4;
mod section_10_4_3;
mod section_10_5;
mod section_10_5_1;
mod section_10_5_2;
mod section_10_5_3_1;
mod section_10_5_3_2;
mod section_10_5_4;

use super::section_8::{UNKNOWN, of_any_type};
use crate::case::Case;
use crate::tree::Element;

/// The cases of each file.
pub(super) const FILES: &[&[Case]] = &[
    section_10_1::CASES,
    section_10_2::CASES,
    section_10_3::CASES,
    section_10_3_1::CASES,
    section_10_3_2::CASES,
    section_10_3_3::CASES,
    section_10_4::CASES,
    section_10_4_3::CASES,
    section_10_5::CASES,
    section_10_5_1::CASES,
    section_10_5_2::CASES,
    section_10_5_3_1::CASES,
    section_10_5_3_2::CASES,
    section_10_5_4::CASES,
];

/// Nothing came, or errors of the stanza with this id, of this condition: one at most.
#[track_caller]
fn is_silent_or_refused(come: &[Element], id: &str, condition: &str) {
    assert!(come.len() <= 1, "more than one answer: {come:?}");
    for answer in come {
        assert_eq!(answer.attribute("type"), Some("error"), "{answer}");
        assert_eq!(answer.attribute("id"), Some(id), "{answer}");
        let error = answer.elements().find(|child| child.name == "error");
        let found = error.and_then(|error| error.elements().next()).map(|found| found.name.as_str());
        assert_eq!(found, Some(condition), "{answer}");
    }
}
