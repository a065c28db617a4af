//! RFC 6120 §6.4.5: SASL failure.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::case;
use crate::case::{Case, Need};
use crate::client::{Client, Item, Login, Next};
use crate::ns;
use crate::subject::Subject;

use super::scram::Scram;
use super::{SCRAM, offering};

pub(super) const CASES: &[Case] = &[
    case!(Must, failure_names_its_cause, ["6.4.5", "6.5", "sasl-errors"]),
    case!(Should, two_retries_are_allowed, ["6.4.5"]),
    case!(Should, no_more_than_five_retries_are_allowed, ["6.4.5", "13.9.4"]),
    // Alone, because some servers lock out the address and not only the stream.
    case!(Must, retries_are_limited, ["6.4.5", "13.9.4"], needs[Need::Alone]),
    case!(Must, another_mechanism_may_follow_a_failure, ["6.4.5"]),
];

/// The guesses that are made at most: far more than RFC 6120 §6.4.5 calls reasonable.
const MAX_GUESSES: usize = 25;

/// What came of guesses.
struct Guesses {
    /// How many of them were answered with a failure.
    failures: usize,
    /// The condition of the stream error that ended them; empty for an end without one; `None` if they may go on.
    end: Option<String>,
}

/// Guesses until the server has enough of it.
#[track_caller]
fn guesses(client: &mut Client, user: &str) -> Guesses {
    let mut failures = 0;
    while failures < MAX_GUESSES {
        let scram = Scram::new(SCRAM, user);
        let auth = STANDARD.encode(scram.first());
        // A server that has had enough may have gone by now; its last words are still read.
        let _ =
            client.tries_to_send(format!("<auth xmlns='{}' mechanism='{SCRAM}'>{auth}</auth>", ns::SASL).as_bytes());
        let mut element = next(client);
        if let Some(challenge) = element.as_ref().filter(|element| element.is("challenge", ns::SASL)) {
            let data = STANDARD.decode(challenge.text()).expect("the challenge is base64");
            client.sends_response(&scram.false_last(&scram.reads(&data)));
            element = next(client);
        }
        match element {
            Some(element) if element.is("failure", ns::SASL) => failures += 1,
            Some(element) if element.is("error", ns::STREAM) => {
                let condition = element.elements().next().map(|child| child.name.clone());
                return Guesses { failures, end: Some(condition.unwrap_or_default()) };
            }
            Some(element) => panic!("an answer to a guess was due: {element}"),
            None => return Guesses { failures, end: Some(String::new()) },
        }
    }
    Guesses { failures, end: None }
}

/// The next element; `None` at the end of the stream.
#[track_caller]
fn next(client: &mut Client) -> Option<crate::Element> {
    match client.receives_next() {
        Next::Item(Item::Element(element)) => Some(element),
        Next::Item(Item::Close) | Next::End(_) => None,
        other => panic!("an answer to a guess was due: {other:?}"),
    }
}

/// RFC 6120 §6.4.5, §6.5: `<failure/>` says in a child which of the defined conditions is the cause.
fn failure_names_its_cause(subject: &Subject) {
    let account = subject.account("romeo");
    let (mut romeo, features) = subject.secure();
    for mechanism in [SCRAM, "PLAIN"].into_iter().filter(|mechanism| features.offers(mechanism)) {
        // That it is a defined condition, alone but for a text, is looked at there.
        let answer = romeo.negotiates_sasl(&Login::new(mechanism, &account.local, "not the password"));
        assert_eq!(answer.failure(), Some("not-authorized"), "{mechanism}: {answer:?}");
    }
}

/// RFC 6120 §6.4.5: a user may mistype a password and try again, two times at least, without another connection.
fn two_retries_are_allowed(subject: &Subject) {
    let account = subject.account("romeo");
    let mut romeo = offering(subject, SCRAM);
    for password in ["mistyped", "mistyped again"] {
        let answer = Scram::new(SCRAM, &account.local).negotiates(&mut romeo, password);
        assert!(answer.failure().is_some(), "{answer:?}");
    }
    let answer = Scram::new(SCRAM, &account.local).negotiates(&mut romeo, &account.password);
    assert!(answer.is_success(), "the second retry: {answer:?}");
}

/// RFC 6120 §6.4.5: five retries are enough; then the stream is closed with `policy-violation`. (Some servers say
/// `not-authorized`, as the section notes.)
fn no_more_than_five_retries_are_allowed(subject: &Subject) {
    let mut romeo = offering(subject, SCRAM);
    let Guesses { failures, end } = guesses(&mut romeo, &subject.account("romeo").local);
    assert!(failures <= 6, "{} retries", failures.saturating_sub(1));
    assert_eq!(end.as_deref(), Some("policy-violation"));
}

/// RFC 6120 §6.4.5, §13.9.4: the number of retries is limited; who exceeds it has the stream closed with a stream error.
fn retries_are_limited(subject: &Subject) {
    let mut romeo = offering(subject, SCRAM);
    let Guesses { failures, end } = guesses(&mut romeo, &subject.account("romeo").local);
    let Some(end) = end else { panic!("{failures} failures, and the stream still goes on") };
    assert!(!end.is_empty(), "the stream was closed without a stream error");
}

/// RFC 6120 §6.4.5: after failures with one mechanism the client may fall back to the next one.
fn another_mechanism_may_follow_a_failure(subject: &Subject) {
    let account = subject.account("romeo");
    let (mut romeo, features) = subject.secure();
    let other = ["SCRAM-SHA-256", "PLAIN"].into_iter().find(|mechanism| features.offers(mechanism));
    let Some(other) = other else { subject.not_tried("there is no other mechanism that the suite has") };
    let answer = romeo.negotiates_sasl(&Login::new(SCRAM, &account.local, "not the password"));
    assert!(answer.failure().is_some(), "{answer:?}");
    let answer = romeo.negotiates_sasl(&Login::new(other, &account.local, &account.password));
    assert!(answer.is_success(), "{other}: {answer:?}");
}
