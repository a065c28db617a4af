//! RFC 6120 §6.4.4: abort.

use crate::case;
use crate::case::Case;
use crate::client::Answer;
use crate::subject::Subject;

use super::scram::Scram;
use super::{SCRAM, offering};

pub(super) const CASES: &[Case] = &[
    case!(Must, abort_is_answered_with_aborted, ["6.4.4", "6.5.1", "sasl-errors"]),
    case!(Must, aborted_handshake_is_over, ["6.4.4", "6.5.1"]),
    case!(Must, abort_without_a_handshake_is_answered, ["6.4.4", "6.5.1"]),
];

const ABORT: &str = "<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";

/// RFC 6120 §6.4.4, §6.5.1: `<abort/>` within a handshake is answered with `<failure/>` and `<aborted/>`.
fn abort_is_answered_with_aborted(subject: &Subject) {
    let account = subject.account("romeo");
    let mut romeo = offering(subject, SCRAM);
    romeo.sends_auth(SCRAM, Some(&Scram::new(SCRAM, &account.local).first()));
    assert!(matches!(romeo.receives_sasl_answer(), Answer::Challenge(_)), "a challenge was due");
    romeo.sends(ABORT);
    romeo.receives_sasl_failure("aborted");
    // Another handshake may follow.
    let answer = Scram::new(SCRAM, &account.local).negotiates(&mut romeo, &account.password);
    assert!(answer.is_success(), "{answer:?}");
}

/// RFC 6120 §6.4.4: the aborted handshake does not go on: the response that was due before leads to nothing.
fn aborted_handshake_is_over(subject: &Subject) {
    let account = subject.account("romeo");
    let mut romeo = offering(subject, SCRAM);
    let scram = Scram::new(SCRAM, &account.local);
    romeo.sends_auth(SCRAM, Some(&scram.first()));
    let Answer::Challenge(data) = romeo.receives_sasl_answer() else { panic!("a challenge was due") };
    let challenge = scram.reads(&data);
    romeo.sends(ABORT);
    romeo.receives_sasl_failure("aborted");
    romeo.sends_response(&scram.last(&challenge, &account.password));
    super::is_refused(&mut romeo);
}

/// RFC 6120 §6.4.4: upon receiving `<abort/>` a server returns `aborted`; nothing says that there has to be a handshake.
fn abort_without_a_handshake_is_answered(subject: &Subject) {
    let mut romeo = offering(subject, SCRAM);
    romeo.sends(ABORT);
    romeo.receives_sasl_failure("aborted");
}
