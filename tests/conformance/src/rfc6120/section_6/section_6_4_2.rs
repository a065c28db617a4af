//! RFC 6120 §6.4.2: initiation.

use crate::case;
use crate::case::Case;
use crate::client::Answer;
use crate::subject::Subject;

use super::scram::Scram;
use super::{SCRAM, has_nothing_to_say, offering, plain};

pub(super) const CASES: &[Case] = &[
    case!(Must, equals_sign_is_a_response_without_data, ["6.4.2"]),
    case!(Must, another_auth_discards_the_handshake, ["6.4.2"]),
    case!(Must, another_auth_may_ask_for_another_mechanism, ["6.4.2"]),
];

/// RFC 6120 §6.4.2: `=` is an initial response that has no data; it is not the absence of one. PLAIN and SCRAM need data,
/// so it fails (§6.5.8) and is not answered with a challenge.
fn equals_sign_is_a_response_without_data(subject: &Subject) {
    let (mut romeo, features) = subject.secure();
    for mechanism in [SCRAM, "PLAIN"].into_iter().filter(|mechanism| features.offers(mechanism)) {
        romeo.sends_auth(mechanism, Some(&[]));
        let answer = romeo.receives_sasl_answer();
        let condition = answer.failure().unwrap_or_else(|| panic!("{mechanism}: a failure was due: {answer:?}"));
        let allowed = ["malformed-request", "incorrect-encoding", "not-authorized"];
        assert!(allowed.contains(&condition), "{mechanism}: {condition}");
    }
}

/// RFC 6120 §6.4.2: a second `<auth/>` before the handshake is complete discards it and begins a new one.
fn another_auth_discards_the_handshake(subject: &Subject) {
    let (account, juliet) = (subject.account("romeo"), subject.account("juliet"));
    let mut romeo = offering(subject, SCRAM);
    let first = Scram::new(SCRAM, &juliet.local);
    romeo.sends_auth(SCRAM, Some(&first.first()));
    let Answer::Challenge(data) = romeo.receives_sasl_answer() else { panic!("a challenge was due") };
    first.reads(&data);
    let second = Scram::new(SCRAM, &account.local);
    romeo.sends_auth(SCRAM, Some(&second.first()));
    // One answer: that to the new handshake, with its nonce.
    let Answer::Challenge(data) = romeo.receives_sasl_answer() else { panic!("a challenge was due") };
    let challenge = second.reads(&data);
    romeo.sends_response(&second.last(&challenge, &account.password));
    let answer = romeo.receives_sasl_answer();
    assert!(!matches!(answer, Answer::Failure(_)), "{answer:?}");
}

/// RFC 6120 §6.4.2: the new handshake may be for another mechanism, and what was discarded stays so.
fn another_auth_may_ask_for_another_mechanism(subject: &Subject) {
    let account = subject.account("romeo");
    let mut romeo = offering(subject, "PLAIN");
    let first = Scram::new(SCRAM, &account.local);
    romeo.sends_auth(SCRAM, Some(&first.first()));
    let Answer::Challenge(data) = romeo.receives_sasl_answer() else { panic!("a challenge was due") };
    let challenge = first.reads(&data);
    romeo.sends_auth("PLAIN", Some(&plain("", &account.local, "not the password")));
    let answer = romeo.receives_sasl_answer();
    assert!(answer.failure().is_some(), "{answer:?}");
    // The response that the first handshake waited for comes too late.
    romeo.sends_response(&first.last(&challenge, &account.password));
    let answer = romeo.receives_sasl_answer();
    assert!(answer.failure().is_some(), "{answer:?}");
    has_nothing_to_say(&mut romeo);
}
