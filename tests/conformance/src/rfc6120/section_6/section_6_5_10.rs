//! RFC 6120 §6.5.10: not-authorized.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::Element;
use crate::case;
use crate::case::Case;
use crate::client::Client;
use crate::ns;
use crate::subject::Subject;

use super::scram::Scram;
use super::{SCRAM, offering, plain};

pub(super) const CASES: &[Case] = &[
    case!(Must, wrong_password_is_not_authorized, ["6.5.10", "sasl-errors"]),
    case!(Must, unknown_user_is_told_what_a_wrong_password_is, ["6.5.10", "13.11"]),
    case!(Must, unknown_user_is_told_what_a_wrong_password_is_with_plain, ["6.5.10", "13.11"]),
];

/// RFC 6120 §6.5.10: a wrong password is `not-authorized`, with every mechanism that asks for one.
fn wrong_password_is_not_authorized(subject: &Subject) {
    let account = subject.account("romeo");
    for mechanism in [SCRAM, "SCRAM-SHA-256", "PLAIN"] {
        let (mut romeo, features) = subject.secure();
        if features.offers(mechanism) {
            let login = crate::client::Login::new(mechanism, &account.local, "not the password");
            let answer = romeo.negotiates_sasl(&login);
            assert_eq!(answer.failure(), Some("not-authorized"), "{mechanism}: {answer:?}");
        }
    }
}

/// RFC 6120 §6.5.10, §13.11: no differentiation is made between a wrong password and a user who does not exist: with SCRAM
/// each gets the same failure, after a challenge, or without one. (That the latter tells them apart is a case of §13.11.)
fn unknown_user_is_told_what_a_wrong_password_is(subject: &Subject) {
    let account = subject.account("romeo");
    let guess = |user: &str| {
        let mut romeo = offering(subject, SCRAM);
        let scram = Scram::new(SCRAM, user);
        romeo.sends_auth(SCRAM, Some(&scram.first()));
        let first = romeo.receives_any();
        if first.is("failure", ns::SASL) {
            return (None, first);
        }
        assert!(first.is("challenge", ns::SASL), "{user}: a challenge was due: {first}");
        let data = STANDARD.decode(first.text()).expect("the challenge is base64");
        let challenge = scram.reads(&data);
        romeo.sends_response(&scram.last(&challenge, "not the password"));
        (Some((challenge.salt.len(), challenge.iterations)), failure(&mut romeo))
    };
    let (known, unknown) = (guess(&account.local), guess("nobody-is-here"));
    assert_eq!(known.1, unknown.1, "the failures differ");
    if let (Some(known), Some(unknown)) = (known.0, unknown.0) {
        assert_eq!(known, unknown, "the challenges differ: length of the salt, iterations");
    }
}

/// RFC 6120 §6.5.10, §13.11: the same with PLAIN.
fn unknown_user_is_told_what_a_wrong_password_is_with_plain(subject: &Subject) {
    let account = subject.account("romeo");
    let guess = |user: &str| {
        let mut romeo = offering(subject, "PLAIN");
        romeo.sends_auth("PLAIN", Some(&plain("", user, "not the password")));
        failure(&mut romeo)
    };
    assert_eq!(guess(&account.local), guess("nobody-is-here"));
}

/// The failure that comes next, all of it.
#[track_caller]
fn failure(client: &mut Client) -> Element {
    let failure = client.receives_any();
    assert!(failure.is("failure", ns::SASL), "a SASL failure was due: {failure}");
    failure
}
