//! RFC 6120 §6.5: SASL errors, those that depend on the mechanism asked for.

use crate::case;
use crate::case::{Case, Need};
use crate::client::{Item, Next};
use crate::ns;
use crate::subject::Subject;

use super::{SCRAM, is_refused, offering, plain};

pub(super) const CASES: &[Case] = &[
    case!(Must, stream_outlives_a_sasl_error, ["6.5", "sasl-errors"]),
    case!(Should, mechanism_that_needs_tls_is_encryption_required, ["6.5.4", "sasl-errors"]),
    case!(Should, plain_in_clear_is_encryption_required, ["6.5.4", "sasl-errors"], needs[Need::Plaintext]),
    case!(Must, unknown_mechanism_is_invalid, ["6.5.7", "sasl-errors"]),
    case!(Should, missing_mechanism_is_invalid, ["6.5.7", "sasl-errors"]),
    case!(Must, mechanism_that_is_not_offered_does_not_work, ["6.5.9", "6.5.7", "13.8.3"]),
    case!(
        Should,
        mechanism_that_the_policy_leaves_out_is_too_weak,
        ["6.5.9", "sasl-errors"],
        needs[Need::StrongMechanisms]
    ),
];

/// RFC 6120 §6.5: a SASL error is one defined condition, and a text at most; it ends the handshake, not the stream.
fn stream_outlives_a_sasl_error(subject: &Subject) {
    let (mut romeo, features) = subject.secure();
    romeo.sends_auth("NO-SUCH-MECHANISM", None);
    let failure = romeo.receives_any();
    let strange = failure.elements().find(|child| child.namespace != ns::SASL);
    assert!(failure.is("failure", ns::SASL) && strange.is_none(), "{failure}");
    romeo.authenticates("romeo", &features);
    romeo.opens();
}

/// RFC 6120 §6.5.4: a mechanism that can be used under TLS only is answered with `encryption-required` in clear. A server
/// may take the attempt for an offence against mandatory TLS instead, and end the stream; that is the least it does.
fn mechanism_that_needs_tls_is_encryption_required(subject: &Subject) {
    let (_, features) = subject.secure();
    let mut romeo = subject.connect();
    let in_clear = romeo.opens();
    let Some(mechanism) = features
        .mechanisms()
        .into_iter()
        .find(|name| !in_clear.offers(name) && !name.ends_with("-PLUS") && name != "EXTERNAL")
    else {
        subject.not_tried("everything is offered in clear")
    };
    romeo.sends_auth(&mechanism, None);
    match romeo.receives_next() {
        Next::Item(Item::Element(answer)) if answer.is("failure", ns::SASL) => {
            assert!(answer.child("encryption-required", ns::SASL).is_some(), "{mechanism}: {answer}");
        }
        Next::Item(Item::Element(answer)) => {
            let conditions = ["policy-violation", "not-authorized"];
            let ended = conditions.iter().any(|condition| answer.child(condition, ns::STREAM_ERRORS).is_some());
            assert!(answer.is("error", ns::STREAM) && ended, "{mechanism}: {answer}");
        }
        other => panic!("{mechanism}: a refusal was due: {other:?}"),
    }
}

/// RFC 6120 §6.5.4: the same where clients may go on in clear, but not with PLAIN, as §13.8.3 wants it.
fn plain_in_clear_is_encryption_required(subject: &Subject) {
    let account = subject.account("romeo");
    let mut romeo = subject.connect();
    let features = romeo.opens();
    assert!(!features.offers("PLAIN"), "{:?}", features.mechanisms());
    romeo.sends_auth("PLAIN", Some(&plain("", &account.local, &account.password)));
    let failure = romeo.receives_any();
    assert!(failure.is("failure", ns::SASL), "a SASL failure was due: {failure}");
    assert!(failure.child("encryption-required", ns::SASL).is_some(), "{failure}");
}

/// RFC 6120 §6.5.7: a mechanism that the server does not have is `invalid-mechanism`, with data and without.
fn unknown_mechanism_is_invalid(subject: &Subject) {
    let mut romeo = offering(subject, SCRAM);
    romeo.sends_auth("NO-SUCH-MECHANISM", None);
    romeo.receives_sasl_failure("invalid-mechanism");
    romeo.sends_auth("NO-SUCH-MECHANISM", Some(b"data"));
    romeo.receives_sasl_failure("invalid-mechanism");
}

/// RFC 6120 §6.5.7: so is not to specify one. (`malformed-request`, §6.5.8, is near; this is the one
/// that is defined for it.)
fn missing_mechanism_is_invalid(subject: &Subject) {
    let mut romeo = offering(subject, SCRAM);
    for auth in [
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism=''/>",
    ] {
        romeo.sends(auth);
        romeo.receives_sasl_failure("invalid-mechanism");
    }
}

/// RFC 6120 §6.5.7, §6.5.9: what is not offered can't be had by asking for it: the server does not support it, or its
/// policy does not permit it.
fn mechanism_that_is_not_offered_does_not_work(subject: &Subject) {
    let account = subject.account("romeo");
    for mechanism in ["PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "ANONYMOUS", "EXTERNAL", "X-OAUTH2"] {
        let (mut romeo, features) = subject.secure();
        if features.offers(mechanism) {
            continue;
        }
        let initial = plain("", &account.local, &account.password);
        romeo.sends_auth(mechanism, (mechanism == "PLAIN").then_some(&initial));
        let answer = is_refused(&mut romeo);
        romeo.notes(&format!("{mechanism}: {}", answer.map_or("the end".to_owned(), |answer| answer.to_string())));
    }
}

/// RFC 6120 §6.5.9: a mechanism that is known, but weaker than what the policy permits, is `mechanism-too-weak`.
fn mechanism_that_the_policy_leaves_out_is_too_weak(subject: &Subject) {
    let account = subject.account("romeo");
    let (mut romeo, features) = subject.secure();
    assert!(!features.offers("PLAIN"), "{:?}", features.mechanisms());
    romeo.sends_auth("PLAIN", Some(&plain("", &account.local, &account.password)));
    romeo.receives_sasl_failure("mechanism-too-weak");
}
