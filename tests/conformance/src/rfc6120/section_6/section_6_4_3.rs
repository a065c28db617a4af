//! RFC 6120 §6.4.3: the challenge-response sequence.

use crate::case;
use crate::case::Case;
use crate::client::Answer;
use crate::subject::Subject;

use super::scram::Scram;
use super::{SCRAM, is_refused, offering};

pub(super) const CASES: &[Case] = &[
    case!(Must, challenge_and_response_lead_to_success, ["6.4.3", "6.6"]),
    case!(Must, server_chooses_another_nonce_each_time, ["6.4.3"]),
    case!(Must, response_has_to_fit_the_challenge, ["6.4.3", "6.4.5"]),
    case!(Must, response_without_a_handshake_leads_to_nothing, ["6.4.3"]),
];

/// RFC 6120 §6.4.3: `<challenge/>` and `<response/>` follow each other, as the mechanism has it (RFC 5802 §3), until the
/// server reports success.
fn challenge_and_response_lead_to_success(subject: &Subject) {
    let account = subject.account("romeo");
    for mechanism in [SCRAM, "SCRAM-SHA-256"] {
        let (mut romeo, features) = subject.secure();
        if features.offers(mechanism) {
            let answer = Scram::new(mechanism, &account.local).negotiates(&mut romeo, &account.password);
            assert!(answer.is_success(), "{mechanism}: {answer:?}");
        }
    }
}

/// RFC 6120 §6.4.3, RFC 5802 §5.1: the server's part of the nonce is another one in each handshake, so that a recorded one
/// can't be replayed.
fn server_chooses_another_nonce_each_time(subject: &Subject) {
    let account = subject.account("romeo");
    let scram = Scram::new(SCRAM, &account.local);
    let mut nonces = std::collections::BTreeSet::new();
    for _ in 0..4 {
        let mut romeo = offering(subject, SCRAM);
        romeo.sends_auth(SCRAM, Some(&scram.first()));
        let Answer::Challenge(data) = romeo.receives_sasl_answer() else { panic!("a challenge was due") };
        assert!(nonces.insert(scram.reads(&data).nonce), "the same nonce twice: {}", String::from_utf8_lossy(&data));
    }
}

/// RFC 6120 §6.4.3, §6.4.5, RFC 5802 §5: a response that does not answer this challenge fails: one for another nonce,
/// and one that claims to be bound to a channel when the first message did not.
fn response_has_to_fit_the_challenge(subject: &Subject) {
    let account = subject.account("romeo");
    for round in ["nonce", "binding"] {
        let mut romeo = offering(subject, SCRAM);
        let scram = Scram::new(SCRAM, &account.local);
        romeo.sends_auth(SCRAM, Some(&scram.first()));
        let Answer::Challenge(data) = romeo.receives_sasl_answer() else { panic!("a challenge was due") };
        let challenge = scram.reads(&data);
        let response = match round {
            "nonce" => {
                let mut other = challenge.clone();
                other.nonce.push('x');
                scram.last(&other, &account.password)
            }
            _ => scram.clone().bound_to("tls-unique", b"made up".to_vec()).last(&challenge, &account.password),
        };
        romeo.notes(&format!("another {round}"));
        romeo.sends_response(&response);
        let answer = romeo.receives_sasl_answer();
        assert!(answer.failure().is_some(), "{answer:?}");
    }
}

/// RFC 6120 §6.4.3: `<response/>` responds to a challenge; where there was none, it leads neither to a challenge nor to
/// success.
fn response_without_a_handshake_leads_to_nothing(subject: &Subject) {
    let account = subject.account("romeo");
    let mut romeo = offering(subject, SCRAM);
    romeo.sends_response(&super::plain("", &account.local, &account.password));
    is_refused(&mut romeo);
}
