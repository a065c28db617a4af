//! RFC 6120 §4.7.3: stream IDs.

use std::collections::BTreeSet;

use super::{header, three_headers};
use crate::case;
use crate::case::Case;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, response_header_has_an_id, ["4.7.3", "stream-attribute-response-id"]),
    case!(Must, no_two_streams_have_the_same_id, ["4.7.3", "stream-attribute-response-id-unique"]),
    case!(Must, ids_do_not_follow_from_each_other, ["4.7.3", "stream-attribute-response-id-unique"]),
    case!(Must, id_of_the_client_is_passed_over, ["4.7.3"]),
    case!(Must, id_is_in_the_header_before_an_error, ["4.7.3", "4.9.1.2", "stream-attribute-response-id"]),
];

/// RFC 6120 §4.7.3: the response header of every stream has an ID.
fn response_header_has_an_id(subject: &Subject) {
    for answer in three_headers(subject, &header("to='$domain' version='1.0'")) {
        assert!(answer.attribute("id").is_some_and(|id| !id.is_empty()), "{}", answer.root);
    }
}

/// RFC 6120 §4.7.3: IDs are unique within the server, over many streams, at once and one after the other.
fn no_two_streams_have_the_same_id(subject: &Subject) {
    let mut ids = BTreeSet::new();
    for id in many_ids(subject) {
        assert!(ids.insert(id.clone()), "{id} was used again");
    }
}

/// RFC 6120 §4.7.3, security warning: IDs are unpredictable. At least: what differs in them is long, and of two that
/// follow each other most characters differ that differ in any.
fn ids_do_not_follow_from_each_other(subject: &Subject) {
    let ids: Vec<Vec<char>> = many_ids(subject).iter().map(|id| id.chars().collect()).collect();
    let length = ids.iter().map(Vec::len).min().unwrap_or(0);
    let varies: Vec<usize> = (0..length).filter(|place| ids.iter().any(|id| id[*place] != ids[0][*place])).collect();
    assert!(varies.len() >= 8, "only {} characters differ", varies.len());
    // Of decimal digits chosen at random, nine in ten differ; a counter changes one or two.
    let changes: usize =
        ids.windows(2).map(|pair| varies.iter().filter(|place| pair[0][**place] != pair[1][**place]).count()).sum();
    let average = changes as f64 / (ids.len() - 1) as f64;
    assert!(average * 2.0 > varies.len() as f64, "on average {average:.1} of {} characters differ", varies.len());
}

/// RFC 6120 §4.7.3: an `id` in the initial header is ignored.
fn id_of_the_client_is_passed_over(subject: &Subject) {
    for answer in three_headers(subject, &header("to='$domain' version='1.0' id='chosen-by-the-client'")) {
        let id = answer.attribute("id");
        assert!(id.is_some_and(|id| id != "chosen-by-the-client"), "{}", answer.root);
    }
}

/// RFC 6120 §4.7.3, §4.9.1.2: the header that is sent only for the sake of an error has an ID, too.
fn id_is_in_the_header_before_an_error(subject: &Subject) {
    let mut romeo = subject.connect();
    romeo.sends_header(&header("to='$remote' version='1.0'"));
    let answer = romeo.receives_header();
    assert!(answer.attribute("id").is_some_and(|id| !id.is_empty()), "{}", answer.root);
}

/// The IDs of forty streams, half of them open at the same time.
fn many_ids(subject: &Subject) -> Vec<String> {
    let mut open = Vec::new();
    let mut ids = Vec::new();
    for number in 0..40 {
        let mut client = subject.connect();
        client.sends_header(&header("to='$domain' version='1.0'"));
        ids.push(client.receives_header().attribute("id").unwrap_or_default().to_owned());
        if number % 2 == 0 {
            open.push(client);
        }
    }
    ids
}
