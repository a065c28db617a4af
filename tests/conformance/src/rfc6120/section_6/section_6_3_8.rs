//! RFC 6120 §6.3.8: the authorization identity.

use crate::case;
use crate::case::Case;
use crate::client::{Answer, Client};
use crate::subject::Subject;

use super::scram::Scram;
use super::{SCRAM, offering, plain};

pub(super) const CASES: &[Case] = &[
    case!(Must, nobody_acts_as_another, ["6.3.8", "6.5.6", "sasl-errors"]),
    case!(Must, nobody_acts_as_another_with_plain, ["6.3.8", "6.5.6", "sasl-errors"]),
    case!(Should, authorization_identity_is_a_bare_jid, ["6.3.8", "6.5.6"]),
    case!(Should, one_acts_as_oneself, ["6.3.8"]),
    case!(Must, empty_authorization_identity_is_none, ["6.3.8", "6.6"]),
];

/// Logs in as romeo, acting as `authzid`.
#[track_caller]
fn acts_as(subject: &Subject, mechanism: &str, authzid: &str) -> (Client, Answer) {
    let account = subject.account("romeo");
    let mut romeo = offering(subject, mechanism);
    romeo.notes(&format!("{mechanism} acting as {authzid:?}"));
    let answer = if mechanism == "PLAIN" {
        romeo.sends_auth(mechanism, Some(&plain(authzid, &account.local, &account.password)));
        romeo.receives_sasl_answer()
    } else {
        Scram::new(mechanism, &account.local).acting_as(authzid).negotiates(&mut romeo, &account.password)
    };
    (romeo, answer)
}

/// Identities that romeo may not assume: somebody else's, one that nobody has, the server's, one elsewhere, and what is
/// none.
fn foreign(subject: &Subject) -> Vec<String> {
    let domain = subject.domain();
    vec![
        subject.account("juliet").jid,
        format!("nobody-is-here@{domain}"),
        format!("{}@remote.invalid", subject.account("romeo").local),
        format!("@{domain}"),
        "@@@".to_owned(),
    ]
}

/// RFC 6120 §6.3.8: who may not assume the identity that it asks for gets `invalid-authzid`, though its own credentials
/// are good.
fn nobody_acts_as_another(subject: &Subject) {
    for authzid in foreign(subject) {
        let (_, answer) = acts_as(subject, SCRAM, &authzid);
        assert_eq!(answer, Answer::Failure("invalid-authzid".to_owned()), "{authzid:?}");
    }
}

/// RFC 6120 §6.3.8: the same with PLAIN (RFC 4616 §2).
fn nobody_acts_as_another_with_plain(subject: &Subject) {
    for authzid in foreign(subject) {
        let (_, answer) = acts_as(subject, "PLAIN", &authzid);
        assert_eq!(answer, Answer::Failure("invalid-authzid".to_owned()), "{authzid:?}");
    }
}

/// RFC 6120 §6.3.8, §6.5.6: on client streams the identity is a bare JID. A full one, even one's own, is incorrectly
/// formatted.
fn authorization_identity_is_a_bare_jid(subject: &Subject) {
    let full = format!("{}/orchard", subject.account("romeo").jid);
    let (_, answer) = acts_as(subject, SCRAM, &full);
    assert_eq!(answer, Answer::Failure("invalid-authzid".to_owned()), "{full:?}");
}

/// RFC 6120 §6.3.8: everybody may act as itself, though it need not say so.
fn one_acts_as_oneself(subject: &Subject) {
    let (mut romeo, features) = subject.secure();
    let account = subject.account("romeo");
    for mechanism in [SCRAM, "PLAIN"].into_iter().filter(|mechanism| features.offers(mechanism)) {
        let (mut romeo, answer) = acts_as(subject, mechanism, &account.jid);
        assert!(answer.is_success(), "{mechanism}: {answer:?}");
        romeo.opens();
        let jid = romeo.requests_resource(None);
        assert!(jid.starts_with(&account.jid), "{jid}");
    }
    romeo.hangs_up();
}

/// RFC 6120 §6.6: an empty authorization identity is none.
fn empty_authorization_identity_is_none(subject: &Subject) {
    let (mut romeo, answer) = acts_as(subject, "PLAIN", "");
    assert!(answer.is_success(), "{answer:?}");
    romeo.opens();
    let jid = romeo.requests_resource(None);
    assert!(jid.starts_with(&subject.account("romeo").jid), "{jid}");
}
