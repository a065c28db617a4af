//! RFC 6120 §4.7: the attributes of the stream header.

use super::{header, three_headers};
use crate::case;
use crate::case::Case;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, every_header_has_its_attributes_without_prefix, ["4.7"]),
    case!(Must, unknown_attributes_of_a_header_are_passed_over, ["4.7"]),
];

/// RFC 6120 §4.7: `from`, `to`, `id` and `version` stand in the header of each stream without a prefix, `xml:lang` with
/// that of XML.
fn every_header_has_its_attributes_without_prefix(subject: &Subject) {
    for answer in three_headers(subject, &header("from='$romeo' to='$domain' version='1.0' xml:lang='en'")) {
        for name in ["from", "to", "id", "version", "xml:lang"] {
            assert!(answer.attribute(name).is_some(), "{name} is missing: {}", answer.root);
        }
    }
}

/// RFC 6120 §4.7, A.1: the schema leaves room for attributes of other namespaces; they don't keep a stream from being
/// opened.
fn unknown_attributes_of_a_header_are_passed_over(subject: &Subject) {
    let mut romeo = subject.connect();
    romeo.sends_header(&header(
        "to='$domain' version='1.0' xmlns:more='urn:example:more' more:id='1' more:version='7' more:to='$remote'",
    ));
    let answer = romeo.receives_header();
    assert_eq!(answer.attribute("from"), Some(subject.domain()));
    assert_eq!(answer.attribute("version"), Some("1.0"));
    romeo.receives_features();
}
