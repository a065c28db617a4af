//! RFC 6120 §4.2: opening a stream.

use super::header;
use crate::case;
use crate::case::Case;
use crate::client::HEADER;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, header_is_answered_by_a_header, ["4.2"]),
    case!(Must, header_may_arrive_byte_by_byte, ["4.2"]),
    case!(Must, header_may_be_followed_by_white_space, ["4.2", "11.7"]),
];

/// RFC 6120 §4.2: the receiving entity replies to the initial stream header with one of its own.
fn header_is_answered_by_a_header(subject: &Subject) {
    let mut romeo = subject.connect();
    romeo.sends_header(&header("from='$romeo' to='$domain' version='1.0' xml:lang='en'"));
    let answer = romeo.receives_header();
    assert_eq!(answer.attribute("from"), Some(subject.domain()));
    assert_eq!(answer.attribute("to"), Some(subject.account("romeo").jid.as_str()));
    assert_eq!(answer.attribute("version"), Some("1.0"));
    for name in ["id", "xml:lang"] {
        assert!(answer.attribute(name).is_some(), "{name} is missing");
    }
    romeo.receives_features();
}

/// RFC 6120 §4.2, §3.1: TCP has no messages, so a header that comes in pieces is the same header.
fn header_may_arrive_byte_by_byte(subject: &Subject) {
    let mut romeo = subject.connect();
    romeo.sends_in_pieces(HEADER, 1);
    romeo.receives_header();
    romeo.receives_features();
}

/// RFC 6120 §4.2, §11.7: white space between first-level elements says nothing; the stream goes on behind it.
fn header_may_be_followed_by_white_space(subject: &Subject) {
    let mut romeo = subject.connect();
    romeo.opens();
    romeo.sends(" \t\r\n ");
    romeo.starts_tls();
    romeo.opens();
}
