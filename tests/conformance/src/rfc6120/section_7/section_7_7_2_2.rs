//! RFC 6120 §7.7.2.2: conflicts.

use crate::case;
use crate::case::{Case, Need};
use crate::client::{Client, Item, Next};
use crate::subject::Subject;

use super::{Bound, bind};

pub(super) const CASES: &[Case] = &[
    case!(Must, conflict_is_settled_in_one_of_three_ways, ["7.7.2.2", "7.7.2"]),
    case!(Must, conflict_may_give_the_newcomer_another_resource, ["7.7.2.2"], needs[Need::ConflictAssign]),
    case!(Must, conflict_may_refuse_the_newcomer, ["7.7.2.2"], needs[Need::ConflictRefuse]),
    case!(Must, conflict_may_end_the_older_stream, ["7.7.2.2", "4.9.3.3"]),
];

/// An older stream with a resource, and what a newer one gets that asks for the same.
fn conflict(subject: &Subject) -> (Client, Client, Bound) {
    let older = subject.bound("romeo/orchard");
    let (mut newer, _) = subject.authenticated("romeo");
    let resource = older.jid().split_once('/').map(|(_, resource)| resource.to_owned());
    let bound = bind(&mut newer, "newer", resource.as_deref());
    (older, newer, bound)
}

/// RFC 6120 §7.7.2.2: the newcomer gets another resource, or is refused with `conflict` and may try again, or takes the
/// place of the older stream, which ends with `conflict`: one of these, and no more than one.
fn conflict_is_settled_in_one_of_three_ways(subject: &Subject) {
    let (mut older, mut newer, bound) = conflict(subject);
    match bound {
        Bound::Error(_, condition) => {
            assert_eq!(condition, "conflict");
            older.settles();
            newer.requests_resource(None);
            newer.settles();
        }
        Bound::Jid(jid) if jid == older.jid() => {
            older.receives_stream_error("conflict");
            newer.settles();
        }
        Bound::Jid(_) => {
            older.settles();
            newer.settles();
        }
    }
}

/// RFC 6120 §7.7.2.2 behaviour 1: the resourcepart is overridden with one that the server makes, and both streams go on.
fn conflict_may_give_the_newcomer_another_resource(subject: &Subject) {
    let (mut older, mut newer, bound) = conflict(subject);
    let Bound::Jid(jid) = &bound else { panic!("a result was due: {bound:?}") };
    assert_ne!(jid, older.jid());
    assert_eq!(jid.split('/').next(), older.jid().split('/').next());
    older.settles();
    newer.settles();
}

/// RFC 6120 §7.7.2.2 behaviour 2: the newcomer gets the stanza error `conflict`, and keeps its stream, on which another
/// resource can be bound; the older stream is left alone.
fn conflict_may_refuse_the_newcomer(subject: &Subject) {
    let (mut older, mut newer, bound) = conflict(subject);
    let Bound::Error(kind, condition) = bound else { panic!("an error was due: {bound:?}") };
    assert_eq!(condition, "conflict");
    // The section shows `modify`, §8.3.3.2 says `cancel`.
    assert!(["modify", "cancel"].contains(&kind.as_str()), "{kind}");
    older.settles();
    newer.requests_resource(Some("hall"));
    newer.settles();
    older.settles();
}

/// RFC 6120 §7.7.2.2 behaviour 3: the older stream ends with `conflict`, and the newcomer has the resource; from then on
/// what is sent to the address reaches it.
fn conflict_may_end_the_older_stream(subject: &Subject) {
    let (mut older, mut newer, bound) = conflict(subject);
    if bound != Bound::Jid(older.jid().to_owned()) {
        subject.not_tried("the server settles conflicts in another way");
    }
    older.receives_stream_error("conflict");
    newer.becomes_available();
    let mut juliet = subject.bound("juliet/balcony");
    juliet.sends_bytes(format!("<message to='{}' type='chat' id='1'><body>hi</body></message>", older.jid()));
    loop {
        match newer.receives_next() {
            Next::Item(Item::Element(element)) if element.name == "message" => {
                assert_eq!(element.attribute("from"), Some(juliet.jid()), "{element}");
                return;
            }
            Next::Item(Item::Element(element)) => assert_eq!(element.name, "presence", "{element}"),
            other => panic!("the message was due: {other:?}"),
        }
    }
}
