//! RFC 6120 §11.8: XML versions.

use super::{header_behind, outcome_of_header, receives_any_error};
use crate::case;
use crate::case::Case;
use crate::subject::Subject;

pub(super) const CASES: &[Case] =
    &[case!(Must, xml_1_0_is_spoken, ["11.8"]), case!(Must, xml_1_1_changes_nothing, ["11.8", "11.3"])];

/// RFC 6120 §11.8: XMPP is an application profile of XML 1.0, which the server declares, if any.
fn xml_1_0_is_spoken(subject: &Subject) {
    let mut romeo = subject.connect();
    romeo.sends_header(&header_behind("<?xml version='1.0'?>"));
    let outcome = outcome_of_header(&mut romeo);
    assert!(outcome.is_ok(), "{outcome:?}");
    let heard = romeo.heard();
    assert!(!heard.contains("<?xml version='1.1'") && !heard.contains("<?xml version=\"1.1\""), "{heard}");
}

/// RFC 6120 §11.8, §11.3: a stream that declares XML 1.1 is refused, or taken for one of 1.0: what only 1.1 allows, such as a
/// reference to a control character, is not well-formed.
fn xml_1_1_changes_nothing(subject: &Subject) {
    let mut romeo = subject.connect();
    romeo.sends_header(&header_behind("<?xml version='1.1'?>"));
    if outcome_of_header(&mut romeo).is_ok() {
        romeo.sends("<message><body>&#1;</body></message>");
        receives_any_error(&mut romeo);
    }
}
