//! RFC 6120 §7.7.3: retries.

use crate::case;
use crate::case::{Case, Need};
use crate::client::{Client, Item, Next};
use crate::ns;
use crate::subject::Subject;

use super::ask;

pub(super) const CASES: &[Case] = &[
    case!(Should, between_five_and_ten_retries_are_allowed, ["7.7.3"], needs[Need::ConflictRefuse]),
    case!(Must, too_many_retries_are_a_policy_violation, ["7.7.3"], needs[Need::ConflictRefuse]),
    case!(Should, five_bad_resourceparts_are_forgiven, ["7.7.3", "7.7.2.1"]),
];

/// The requests that are made at most: far more than RFC 6120 §7.7.3 calls reasonable.
const MAX_REQUESTS: usize = 40;

/// Asks for `resource` until the server has enough; how often it has answered with an error, and whether it has ended
/// the stream then. `None` if it gives the resource.
#[track_caller]
fn requests(client: &mut Client, resource: &str) -> Option<(usize, bool)> {
    for number in 0..MAX_REQUESTS {
        // A stream that was ended takes no more, but its last words are still there.
        match number {
            0 => ask(client, "0", Some(resource)),
            _ => {
                let text = crate::tree::escape(resource);
                let request = format!(
                    "<iq type='set' id='{number}'><bind xmlns='{}'><resource>{text}</resource></bind></iq>",
                    ns::BIND
                );
                let _ = client.tries_to_send(request.as_bytes());
            }
        }
        match client.receives_next() {
            Next::Item(Item::Element(answer)) if answer.is("error", ns::STREAM) => {
                assert!(answer.child("policy-violation", ns::STREAM_ERRORS).is_some(), "{answer}");
                client.receives_close();
                client.receives_end();
                return Some((number, true));
            }
            Next::Item(Item::Element(answer)) if answer.attribute("type") == Some("error") => {}
            Next::Item(Item::Element(answer)) => {
                assert_eq!(answer.attribute("type"), Some("result"), "{answer}");
                return None;
            }
            other => panic!("an answer, or a stream error, was due: {other:?}"),
        }
    }
    Some((MAX_REQUESTS, false))
}

/// RFC 6120 §7.7.3: a client whose resourcepart is refused may try again, five times at least and ten at most.
fn between_five_and_ten_retries_are_allowed(subject: &Subject) {
    let _older = subject.bound("romeo/orchard");
    let (mut newer, _) = subject.authenticated("romeo");
    let Some((errors, _)) = requests(&mut newer, "orchard") else { panic!("the conflict was to be refused") };
    // One request, and the retries.
    assert!((6..=11).contains(&errors), "{} retries", errors.saturating_sub(1));
}

/// RFC 6120 §7.7.3: at the limit the stream is closed with `policy-violation`.
fn too_many_retries_are_a_policy_violation(subject: &Subject) {
    let _older = subject.bound("romeo/orchard");
    let (mut newer, _) = subject.authenticated("romeo");
    let Some((errors, ended)) = requests(&mut newer, "orchard") else { panic!("the conflict was to be refused") };
    if !ended {
        // That there is one is a SHOULD, with a case of its own.
        subject.not_tried(&format!("no limit was reached after {errors} errors"));
    }
}

/// RFC 6120 §7.7.3: neither do five resourceparts that can't be processed cost the stream. A server that makes good ones
/// of them has nothing to forgive.
fn five_bad_resourceparts_are_forgiven(subject: &Subject) {
    let (mut romeo, _) = subject.authenticated("romeo");
    if let Some((errors, _)) = requests(&mut romeo, &"x".repeat(1024)) {
        assert!(errors >= 6, "{} retries", errors.saturating_sub(1));
    }
}
