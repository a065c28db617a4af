//! RFC 6120 §6.6: the definition of SASL for XMPP.

use crate::case;
use crate::case::Case;
use crate::client::{Answer, HEADER};
use crate::subject::Subject;

use super::SCRAM;
use super::scram::Scram;

pub(super) const CASES: &[Case] = &[case!(Must, exchange_sequence, ["6", "6.3", "6.6", "6.1", "sasl-support"])];

/// RFC 6120 §6.6: the initiation and exchange sequences: headers, a list of mechanisms, `<auth/>` with one of them,
/// `<challenge/>`, `<response/>`, `<abort/>`, `<failure/>`, `<success/>`, and new headers, for the stream counts as closed.
fn exchange_sequence(subject: &Subject) {
    let account = subject.account("romeo");
    let (mut romeo, features) = subject.secure();
    assert!(features.offers(SCRAM), "{:?}", features.mechanisms());
    let scram = Scram::new(SCRAM, &account.local);
    romeo.sends_auth(SCRAM, Some(&scram.first()));
    assert!(matches!(romeo.receives_sasl_answer(), Answer::Challenge(_)), "a challenge was due");
    romeo.sends("<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
    romeo.receives_sasl_failure("aborted");
    let answer = scram.negotiates(&mut romeo, "not the password");
    assert_eq!(answer, Answer::Failure("not-authorized".to_owned()));
    let answer = scram.negotiates(&mut romeo, &account.password);
    assert!(answer.is_success(), "{answer:?}");
    romeo.sends_header(HEADER);
    romeo.receives_header();
    assert!(romeo.receives_features().mechanisms().is_empty(), "SASL has been negotiated (§6.4.1)");
}
