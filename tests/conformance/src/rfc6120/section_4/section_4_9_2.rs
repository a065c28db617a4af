//! RFC 6120 §4.9.2: the syntax of stream errors.

use super::header;
use crate::case;
use crate::case::Case;
use crate::client::StreamErrorSeen;
use crate::ns;
use crate::subject::{Stage, Subject};

pub(super) const CASES: &[Case] = &[
    case!(Must, error_has_one_defined_condition, ["4.9.2", "14.3", "A.2"]),
    case!(Should, text_of_an_error_tells_its_language, ["4.9.2"]),
    case!(Must, condition_is_empty_unless_defined_otherwise, ["4.9.2", "A.2"]),
];

/// RFC 6120 §4.9.2: `<error/>` has one defined condition, then at most a `<text/>` of the same namespace and one
/// condition of an application.
fn error_has_one_defined_condition(subject: &Subject) {
    for error in errors(subject) {
        let condition = error.element.elements().next();
        assert_eq!(
            condition.map(|condition| condition.namespace.as_str()),
            Some(ns::STREAM_ERRORS),
            "{}",
            error.element
        );
        assert!(error.element.text().trim().is_empty(), "text beside the elements: {}", error.element);
        assert!(error.element.attributes.is_empty(), "attributes: {}", error.element);
    }
}

/// RFC 6120 §4.9.2: `<text/>`, if there is one, possesses `xml:lang`.
fn text_of_an_error_tells_its_language(subject: &Subject) {
    for error in errors(subject) {
        for text in error.element.elements().filter(|child| child.name == "text") {
            assert!(text.attribute("xml:lang").is_some(), "{}", error.element);
        }
    }
}

/// RFC 6120 §4.9.2, §4.9.3, A.2: of the conditions only `see-other-host` has content.
fn condition_is_empty_unless_defined_otherwise(subject: &Subject) {
    for error in errors(subject) {
        assert!(error.condition == "see-other-host" || error.content.trim().is_empty(), "{}", error.element);
    }
}

/// Some errors with different causes.
#[track_caller]
fn errors(subject: &Subject) -> Vec<StreamErrorSeen> {
    let mut unknown = subject.connect();
    unknown.sends_header(&header("to='$remote' version='1.0'"));
    let mut seen = vec![unknown.receives_stream_error("host-unknown")];
    for stage in Stage::OPEN {
        let mut romeo = subject.at(stage, "romeo");
        romeo.sends("<message><body>No closing tag!</message>");
        seen.push(romeo.receives_stream_error_of(&["not-well-formed", "bad-format"]));
    }
    seen
}
