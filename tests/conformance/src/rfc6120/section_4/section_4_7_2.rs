//! RFC 6120 §4.7.2: `to` of stream headers.

use super::{ANY_CONDITION, header, three_headers};
use crate::case;
use crate::case::Case;
use crate::client::{HEADER, Item, Next};
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, response_is_to_whom_the_client_said_it_is, ["4.7.2", "stream-attribute-response-to"]),
    case!(Must, response_to_an_unnamed_client_has_no_to, ["4.7.2", "stream-attribute-response-to"]),
    case!(Must, domain_is_found_however_it_is_written, ["4.7.2", "12", "stream-attribute-initial-to"]),
    case!(Must, header_without_to_is_answered, ["4.7.2", "4.9.1.3", "stream-attribute-initial-to"]),
    case!(Should, to_may_be_missing_where_the_domain_is_known, ["4.7.2"]),
];

/// RFC 6120 §4.7.2: if the initial header had `from`, the response header has it as `to`, on every stream.
fn response_is_to_whom_the_client_said_it_is(subject: &Subject) {
    let romeo = subject.account("romeo").jid;
    for answer in three_headers(subject, &header("from='$romeo' to='$domain' version='1.0'")) {
        assert_eq!(answer.attribute("to"), Some(romeo.as_str()));
    }
}

/// RFC 6120 §4.7.2: if the initial header had no `from`, the response header has no `to`.
fn response_to_an_unnamed_client_has_no_to(subject: &Subject) {
    for answer in three_headers(subject, &header("to='$domain' version='1.0'")) {
        assert_eq!(answer.attribute("to"), None);
    }
}

/// RFC 6120 §4.7.2: `to` is a domainpart, which is compared as such: capital letters make no other domain (RFC 6122
/// §2.2).
fn domain_is_found_however_it_is_written(subject: &Subject) {
    let mut romeo = subject.connect();
    romeo.sends_header(&header(&format!("to='{}' version='1.0'", subject.domain().to_uppercase())));
    let answer = romeo.receives_header();
    let from = answer.attribute("from").unwrap_or_default();
    assert!(from.eq_ignore_ascii_case(subject.domain()), "the response is from {from:?}");
    romeo.receives_features();
}

/// RFC 6120 §4.7.2, §4.9.1.3: a header without `to` is accepted, or refused behind a response header whose `from` is a
/// domain of the server or empty.
fn header_without_to_is_answered(subject: &Subject) {
    let mut romeo = subject.connect();
    romeo.sends_header(&header("version='1.0'"));
    assert!(romeo.receives_header().attribute("from").is_some(), "from is missing");
    let next = romeo.receives_any();
    if next.name != "features" {
        assert_eq!(next.name, "error", "{next}");
        assert!(next.elements().any(|child| ANY_CONDITION.contains(&child.name.as_str())), "{next}");
        romeo.receives_close();
    }
}

/// RFC 6120 §4.7.2, interoperability note: be liberal in accepting headers without `to`; which domain is meant is
/// known here from TLS (SNI) and from the stream before.
fn to_may_be_missing_where_the_domain_is_known(subject: &Subject) {
    let mut romeo = subject.connect();
    romeo.sends_header(HEADER);
    romeo.receives_header();
    romeo.receives_features();
    romeo.starts_tls();
    romeo.sends_header(&header("version='1.0'"));
    assert_eq!(romeo.receives_header().attribute("from"), Some(subject.domain()));
    match romeo.receives_next() {
        Next::Item(Item::Element(element)) => assert_eq!(element.name, "features", "{element}"),
        other => panic!("features were due: {other:?}"),
    }
}
