//! RFC 6120 §4.7.5: version negotiation.

use super::{ANY_CONDITION, header, three_headers};
use crate::case;
use crate::case::Case;
use crate::client::{Item, Next};
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, version_1_0_is_answered_with_1_0, ["4.7.5"]),
    case!(Must, higher_minor_version_is_no_obstacle, ["4.7.5"]),
    case!(Must, lower_version_of_the_two_is_answered, ["4.7.5", "4.9.3.25"]),
    case!(Must, leading_zeros_do_not_count, ["4.7.5"]),
    case!(Must, version_that_is_lower_than_ours_is_given_back, ["4.7.5"]),
    case!(Should, no_version_is_answered_without_one, ["4.7.5"]),
    case!(Must, version_that_is_refused_is_called_unsupported, ["4.9.3.25", "4.7.5"]),
];

/// RFC 6120 §4.7.5: the version of this specification is `1.0`, on every stream.
fn version_1_0_is_answered_with_1_0(subject: &Subject) {
    for answer in three_headers(subject, &header("to='$domain' version='1.0'")) {
        assert_eq!(answer.attribute("version"), Some("1.0"));
    }
}

/// RFC 6120 §4.7.5: a higher minor version is ignored by an entity with a smaller one: the stream goes on in 1.0.
fn higher_minor_version_is_no_obstacle(subject: &Subject) {
    for version in ["1.1", "1.9", "1.10", "1.100"] {
        let mut romeo = subject.connect();
        romeo.sends_header(&header(&format!("to='$domain' version='{version}'")));
        assert_eq!(romeo.receives_header().attribute("version"), Some("1.0"), "{version}");
        romeo.receives_features();
    }
}

/// RFC 6120 §4.7.5: of both versions the lower one is answered, by numbers and not by letters; a higher major version
/// may be refused with `unsupported-version` (§4.9.3.25).
fn lower_version_of_the_two_is_answered(subject: &Subject) {
    for version in ["2.0", "2.13", "10.0", "11.0", "12.3"] {
        let mut romeo = subject.connect();
        romeo.sends_header(&header(&format!("to='$domain' version='{version}'")));
        assert_eq!(romeo.receives_header().attribute("version"), Some("1.0"), "{version}");
        let next = romeo.receives_any();
        let refused = next.name == "error" && next.elements().any(|child| child.name == "unsupported-version");
        assert!(next.name == "features" || refused, "{version}: {next}");
    }
}

/// RFC 6120 §4.7.5: leading zeros are ignored by who receives them, and not sent.
fn leading_zeros_do_not_count(subject: &Subject) {
    for version in ["01.0", "1.00", "001.000", "1.01"] {
        let mut romeo = subject.connect();
        romeo.sends_header(&header(&format!("to='$domain' version='{version}'")));
        assert_eq!(romeo.receives_header().attribute("version"), Some("1.0"), "{version}");
        romeo.receives_features();
    }
}

/// RFC 6120 §4.7.5: so a version lower than 1.0 is given back, whether the stream goes on or is refused.
fn version_that_is_lower_than_ours_is_given_back(subject: &Subject) {
    for (version, answer) in [("0.9", "0.9"), ("0.10", "0.10"), ("0.09", "0.9")] {
        let mut romeo = subject.connect();
        romeo.sends_header(&header(&format!("to='$domain' version='{version}'")));
        assert_eq!(romeo.receives_header().attribute("version"), Some(answer), "{version}");
    }
}

/// RFC 6120 §4.7.5: a header without `version` is one of version 0.9; the response header has none either.
fn no_version_is_answered_without_one(subject: &Subject) {
    let mut romeo = subject.connect();
    romeo.sends_header(&header("to='$domain'"));
    assert_eq!(romeo.receives_header().attribute("version"), None);
}

/// RFC 6120 §4.9.3.25: if a server does not support the version of the header, it says so with `unsupported-version`.
fn version_that_is_refused_is_called_unsupported(subject: &Subject) {
    for version in ["version='0.9'", "", "version='11.0'"] {
        let mut romeo = subject.connect();
        romeo.sends_header(&header(&format!("to='$domain' {version}")));
        romeo.receives_header();
        // A server that speaks the older protocol waits for it without a word.
        let Next::Item(Item::Element(next)) = romeo.receives_next_within(subject.seconds(1.0)) else { continue };
        if next.name == "error" {
            let condition = next.elements().find(|child| ANY_CONDITION.contains(&child.name.as_str()));
            assert_eq!(condition.map(|condition| condition.name.as_str()), Some("unsupported-version"), "{next}");
            romeo.receives_close();
        }
    }
}
