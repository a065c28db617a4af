//! RFC 6120 §6.5.2, §6.5.3, §6.5.11: failures of sound credentials.

use crate::case;
use crate::case::{Case, Need, Verb};
use crate::client::{Answer, Login};
use crate::subject::Subject;

use super::scram::Scram;
use super::{SCRAM, offering};

pub(super) const CASES: &[Case] = &[
    case!(Must, disabled_account_does_not_authenticate, ["6.5.2"], needs[Need::Admin(Verb::Disable)]),
    case!(Should, disabled_account_is_told_so, ["6.5.2", "6.4.5", "sasl-errors"], needs[Need::Admin(Verb::Disable)]),
    case!(
        Must,
        disabled_account_is_told_to_its_owner_alone,
        ["6.5.2", "6.5.10", "13.11"],
        needs[Need::Admin(Verb::Disable)]
    ),
    case!(Must, enabled_account_authenticates_again, ["6.5.2"], needs [Need::Admin(Verb::Disable), Need::Admin(Verb::Enable)]),
    case!(Must, expired_credentials_do_not_authenticate, ["6.5.3"], needs[Need::Admin(Verb::Expire)]),
    case!(Should, expired_credentials_are_told, ["6.5.3", "6.4.5", "sasl-errors"], needs[Need::Admin(Verb::Expire)]),
    case!(
        Must,
        expired_credentials_are_told_to_their_owner_alone,
        ["6.5.3", "6.5.10", "13.11"],
        needs[Need::Admin(Verb::Expire)]
    ),
    case!(Should, trouble_within_the_server_is_temporary, ["6.5.11", "6.4.5", "sasl-errors"], needs [Need::Alone, Need::Admin(Verb::BreakStorage)]),
];

/// What comes of the right password, or another one, with each mechanism that is offered.
#[track_caller]
fn answers(subject: &Subject, password: &str) -> Vec<(&'static str, Answer)> {
    let account = subject.account("romeo");
    let mut answers = Vec::new();
    for mechanism in [SCRAM, "SCRAM-SHA-256", "PLAIN"] {
        let (mut romeo, features) = subject.secure();
        if features.offers(mechanism) {
            answers.push((mechanism, romeo.negotiates_sasl(&Login::new(mechanism, &account.local, password))));
        }
    }
    assert!(!answers.is_empty(), "no mechanism that the suite has is offered");
    answers
}

/// RFC 6120 §6.5.2: a disabled account does not authenticate. (`not-authorized` may be said by a server that does not wish
/// to disclose the cause, §6.5.10.)
fn disabled_account_does_not_authenticate(subject: &Subject) {
    let account = subject.account("romeo");
    subject.admin(Verb::Disable, &["$romeo"]);
    for (mechanism, answer) in answers(subject, &account.password) {
        let condition = answer.failure().unwrap_or_else(|| panic!("{mechanism}: a failure was due: {answer:?}"));
        assert!(["account-disabled", "not-authorized"].contains(&condition), "{mechanism}: {condition}");
    }
}

/// RFC 6120 §6.5.2, §6.4.5: the cause is communicated: `account-disabled`.
fn disabled_account_is_told_so(subject: &Subject) {
    let account = subject.account("romeo");
    subject.admin(Verb::Disable, &["$romeo"]);
    for (mechanism, answer) in answers(subject, &account.password) {
        assert_eq!(answer.failure(), Some("account-disabled"), "{mechanism}");
    }
}

/// RFC 6120 §6.5.10, §13.11: who does not know the password learns nothing of the account, that it is disabled included:
/// the answer is the same as for an account that does not exist.
fn disabled_account_is_told_to_its_owner_alone(subject: &Subject) {
    let _ = subject.account("romeo");
    subject.admin(Verb::Disable, &["$romeo"]);
    for (mechanism, answer) in answers(subject, "not the password") {
        assert_eq!(answer.failure(), Some("not-authorized"), "{mechanism}");
    }
}

/// RFC 6120 §6.5.2: the account was disabled temporarily: once enabled, it authenticates as before.
fn enabled_account_authenticates_again(subject: &Subject) {
    let account = subject.account("romeo");
    subject.admin(Verb::Disable, &["$romeo"]);
    subject.admin(Verb::Enable, &["$romeo"]);
    for (mechanism, answer) in answers(subject, &account.password) {
        assert!(answer.is_success(), "{mechanism}: {answer:?}");
    }
}

/// RFC 6120 §6.5.3: expired credentials do not authenticate. (`not-authorized` may stand for it, §6.5.10.)
fn expired_credentials_do_not_authenticate(subject: &Subject) {
    let account = subject.account("romeo");
    subject.admin(Verb::Expire, &["$romeo"]);
    for (mechanism, answer) in answers(subject, &account.password) {
        let condition = answer.failure().unwrap_or_else(|| panic!("{mechanism}: a failure was due: {answer:?}"));
        assert!(["credentials-expired", "not-authorized"].contains(&condition), "{mechanism}: {condition}");
    }
}

/// RFC 6120 §6.5.3, §6.4.5: the cause is communicated: `credentials-expired`.
fn expired_credentials_are_told(subject: &Subject) {
    let account = subject.account("romeo");
    subject.admin(Verb::Expire, &["$romeo"]);
    for (mechanism, answer) in answers(subject, &account.password) {
        assert_eq!(answer.failure(), Some("credentials-expired"), "{mechanism}");
    }
}

/// RFC 6120 §6.5.10, §13.11: who does not know the password does not learn that it has expired.
fn expired_credentials_are_told_to_their_owner_alone(subject: &Subject) {
    let _ = subject.account("romeo");
    subject.admin(Verb::Expire, &["$romeo"]);
    for (mechanism, answer) in answers(subject, "not the password") {
        assert_eq!(answer.failure(), Some("not-authorized"), "{mechanism}");
    }
}

/// RFC 6120 §6.5.11: where the server can't tell whether the credentials are good, because its storage does not answer, it
/// says `temporary-auth-failure`, and the client can try again later.
fn trouble_within_the_server_is_temporary(subject: &Subject) {
    let account = subject.account("romeo");
    let mut romeo = offering(subject, SCRAM);
    subject.admin(Verb::BreakStorage, &[]);
    romeo.waits(Some(subject.seconds(20.0)));
    let answer = Scram::new(SCRAM, &account.local).negotiates(&mut romeo, &account.password);
    assert_eq!(answer.failure(), Some("temporary-auth-failure"));
}
