//! RFC 6120 §7.6.2: error cases.

use crate::case;
use crate::case::{Case, Need};
use crate::client::{Item, Next};
use crate::subject::Subject;

use super::{Bound, ask, bind, read};

pub(super) const CASES: &[Case] = &[
    case!(Must, too_many_resources_are_a_resource_constraint, ["7.6.2.1", "7.6.2", "13.12"], needs[Need::SmallLimits]),
    case!(Must, place_of_an_ended_resource_is_free_again, ["7.6.2.1", "13.12"], needs[Need::SmallLimits]),
    case!(Must, second_request_to_bind_is_answered, ["7.6.2", "bind-restart"]),
    case!(Should, second_resource_on_a_stream_is_not_allowed, ["7.6.2.2", "7.6.2"]),
    case!(May, request_of_type_get_binds_nothing, ["7.6.2"]),
];

/// More streams than any limit that is called small.
const MANY: usize = 40;

/// RFC 6120 §7.6.2.1, §13.12 rule 3: an account that has reached its number of connected resources gets the stanza error
/// `resource-constraint`; the others go on.
fn too_many_resources_are_a_resource_constraint(subject: &Subject) {
    let mut bound = Vec::new();
    while bound.len() < MANY {
        let (mut romeo, _) = subject.authenticated("romeo");
        match bind(&mut romeo, "bind", None) {
            Bound::Jid(_) => bound.push(romeo),
            Bound::Error(_, condition) => {
                assert_eq!(condition, "resource-constraint");
                assert!(!bound.is_empty(), "not even one resource");
                for client in &mut bound {
                    client.settles();
                }
                return;
            }
        }
    }
    panic!("{} resources, and no limit", bound.len());
}

/// RFC 6120 §7.6.2.1: the limit is on resources at the same time: when one has ended, another can be bound.
fn place_of_an_ended_resource_is_free_again(subject: &Subject) {
    let mut bound = Vec::new();
    while bound.len() < MANY {
        let (mut romeo, _) = subject.authenticated("romeo");
        match bind(&mut romeo, "bind", None) {
            Bound::Jid(_) => bound.push(romeo),
            Bound::Error(..) => {
                bound.swap_remove(0).closes();
                let again = bind(&mut romeo, "again", None);
                assert!(matches!(again, Bound::Jid(_)), "{again:?}");
                return;
            }
        }
    }
    panic!("{} resources, and no limit", bound.len());
}

/// RFC 6120 §7.6.2, §8.2.3: a stream that has a resource and asks for another one gets an answer, be it an error or one
/// resource more, and goes on.
fn second_request_to_bind_is_answered(subject: &Subject) {
    let mut romeo = subject.bound("romeo/orchard");
    let answer = bind(&mut romeo, "again", Some("hall"));
    romeo.notes(&format!("{answer:?}"));
    romeo.settles();
}

/// RFC 6120 §7.6.2.2: if a client is not allowed to bind a resource, here because its stream has one, it gets
/// `not-allowed`. (§7.6.2 lets other conditions occur; this is the one that is defined for it.)
fn second_resource_on_a_stream_is_not_allowed(subject: &Subject) {
    let mut romeo = subject.bound("romeo/orchard");
    match bind(&mut romeo, "again", Some("hall")) {
        Bound::Error(_, condition) => assert_eq!(condition, "not-allowed"),
        Bound::Jid(jid) => subject.not_tried(&format!("the server has bound {jid}, too")),
    }
}

/// RFC 6120 §7.6.1, §8.2.3: a client asks for a resource by a request of type `set`. One of type `get` gets an error, or
/// ends the stream; no sentence says that it has to.
fn request_of_type_get_binds_nothing(subject: &Subject) {
    let (mut romeo, _) = subject.authenticated("romeo");
    romeo.sends("<iq type='get' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
    match romeo.receives_next() {
        Next::Item(Item::Element(answer)) if answer.is("error", crate::ns::STREAM) => {}
        Next::Item(Item::Element(answer)) => {
            let answer = read(&answer, "bind");
            assert!(matches!(answer, Bound::Error(..)), "{answer:?}");
            ask(&mut romeo, "again", None);
            let answer = romeo.receives_any();
            assert!(matches!(read(&answer, "again"), Bound::Jid(_)), "{answer}");
        }
        other => panic!("an answer was due: {other:?}"),
    }
}
