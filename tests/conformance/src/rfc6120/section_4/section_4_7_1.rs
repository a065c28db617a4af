//! RFC 6120 §4.7.1: `from` of stream headers.

use super::{header, three_headers};
use crate::case;
use crate::case::Case;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, response_is_from_the_domain, ["4.7.1", "stream-attribute-response-from"]),
    case!(Must, client_may_say_who_it_is, ["4.7.1", "stream-attribute-initial-from"]),
    case!(Must, client_need_not_say_who_it_is, ["4.7.1", "stream-attribute-initial-from"]),
    case!(
        Must,
        second_domain_answers_as_itself,
        ["4.7.1", "stream-attribute-response-from"],
        needs[Need::SecondDomain]
    ),
];

use crate::case::Need;

/// RFC 6120 §4.7.1: the response header of every stream has `from`, which is a domain of the server; for one that
/// was asked for, that one.
fn response_is_from_the_domain(subject: &Subject) {
    for answer in three_headers(subject, &header("to='$domain' version='1.0'")) {
        assert_eq!(answer.attribute("from"), Some(subject.domain()));
    }
}

/// RFC 6120 §4.7.1: the client may name its bare JID in any header, and does once TLS protects it.
fn client_may_say_who_it_is(subject: &Subject) {
    three_headers(subject, &header("from='$romeo' to='$domain' version='1.0'"));
}

/// RFC 6120 §4.7.1, interoperability note: headers without `from` are accepted, protected or not.
fn client_need_not_say_who_it_is(subject: &Subject) {
    three_headers(subject, &header("to='$domain' version='1.0'"));
}

/// RFC 6120 §4.7.1: with several domains, the one that the client asked for answers.
fn second_domain_answers_as_itself(subject: &Subject) {
    let mut romeo = subject.connect();
    romeo.sends_header(&header("to='$other' version='1.0'"));
    assert_eq!(romeo.receives_header().attribute("from"), Some(subject.expand("$other").as_str()));
    romeo.receives_features();
}
