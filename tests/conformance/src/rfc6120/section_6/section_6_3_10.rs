//! RFC 6120 §6.3.10: round trips.

use crate::case;
use crate::case::Case;
use crate::client::Answer;
use crate::subject::Subject;

use super::scram::Scram;
use super::{SCRAM, offering, plain};

pub(super) const CASES: &[Case] = &[
    case!(Must, initial_response_is_taken, ["6.3.10", "6.4.2"]),
    case!(Must, initial_response_may_be_left_out, ["6.3.10", "6.4.2", "6.4.3"]),
    case!(Should, additional_data_comes_with_success, ["6.3.10", "6.4.6"]),
];

/// RFC 6120 §6.3.10: the initial response may come within `<auth/>`: PLAIN is over in one round trip, SCRAM in two.
fn initial_response_is_taken(subject: &Subject) {
    let account = subject.account("romeo");
    let (mut romeo, features) = subject.secure();
    if features.offers("PLAIN") {
        romeo.sends_auth("PLAIN", Some(&plain("", &account.local, &account.password)));
        let answer = romeo.receives_sasl_answer();
        assert!(answer.is_success(), "{answer:?}");
    }
    let mut romeo = offering(subject, SCRAM);
    let scram = Scram::new(SCRAM, &account.local);
    romeo.sends_auth(SCRAM, Some(&scram.first()));
    let Answer::Challenge(data) = romeo.receives_sasl_answer() else { panic!("a challenge was due") };
    scram.reads(&data);
}

/// RFC 6120 §6.3.10: servers support the less efficient way as well: `<auth/>` without data is answered with an empty
/// challenge, and the response to that is the client's first message.
fn initial_response_may_be_left_out(subject: &Subject) {
    let account = subject.account("romeo");
    let (mut romeo, features) = subject.secure();
    if features.offers("PLAIN") {
        romeo.sends_auth("PLAIN", None);
        assert_eq!(romeo.receives_sasl_answer(), Answer::Challenge(Vec::new()), "an empty challenge was due");
        romeo.sends_response(&plain("", &account.local, &account.password));
        let answer = romeo.receives_sasl_answer();
        assert!(answer.is_success(), "{answer:?}");
    }
    let mut romeo = offering(subject, SCRAM);
    let scram = Scram::new(SCRAM, &account.local);
    romeo.sends_auth(SCRAM, None);
    assert_eq!(romeo.receives_sasl_answer(), Answer::Challenge(Vec::new()), "an empty challenge was due");
    romeo.sends_response(&scram.first());
    let Answer::Challenge(data) = romeo.receives_sasl_answer() else { panic!("a challenge was due") };
    let challenge = scram.reads(&data);
    romeo.sends_response(&scram.last(&challenge, &account.password));
    let answer = romeo.receives_sasl_answer();
    assert!(!matches!(answer, Answer::Failure(_)), "{answer:?}");
}

/// RFC 6120 §6.3.10: what SCRAM says at the end comes as additional data with success; that saves a round trip and is
/// RECOMMENDED.
fn additional_data_comes_with_success(subject: &Subject) {
    let account = subject.account("romeo");
    let mut romeo = offering(subject, SCRAM);
    let scram = Scram::new(SCRAM, &account.local);
    romeo.sends_auth(SCRAM, Some(&scram.first()));
    let Answer::Challenge(data) = romeo.receives_sasl_answer() else { panic!("a challenge was due") };
    let challenge = scram.reads(&data);
    romeo.sends_response(&scram.last(&challenge, &account.password));
    let answer = romeo.receives_sasl_answer();
    assert_eq!(answer, Answer::Success(scram.verifier(&challenge, &account.password)));
}
