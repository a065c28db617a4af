//! RFC 6120 §6.4.6: SASL success.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::case;
use crate::case::Case;
use crate::client::{HEADER, Item, Login, Next};
use crate::ns;
use crate::subject::Subject;

use super::scram::Scram;
use super::{SCRAM, is_refused, offering, plain};

pub(super) const CASES: &[Case] = &[
    case!(Should, from_has_to_be_the_one_who_authenticates, ["6.4.6", "sasl-correlate"]),
    case!(Must, matching_from_is_no_obstacle, ["6.4.6", "sasl-correlate"]),
    case!(Must, additional_data_proves_the_server, ["6.4.6"]),
    case!(Must, success_without_additional_data_is_empty, ["6.4.6"]),
    case!(Must, stream_after_success_has_a_new_id_and_features, ["6.4.6", "sasl-restart"]),
    case!(Must, authenticated_stream_does_not_authenticate_again, ["6.4.6"]),
];

/// RFC 6120 §6.4.6: a protected header said `from` whom it comes; if another one authenticates, the connection attempt is
/// ended.
fn from_has_to_be_the_one_who_authenticates(subject: &Subject) {
    let account = subject.account("romeo");
    let mut romeo = subject.connect();
    romeo.opens();
    romeo.starts_tls();
    romeo.sends_header(&HEADER.replace("to=", "from='$juliet' to="));
    romeo.receives_header();
    romeo.receives_features();
    let scram = Scram::new(SCRAM, &account.local);
    romeo.sends_auth(SCRAM, Some(&scram.first()));
    match romeo.receives_next() {
        Next::Item(Item::Element(challenge)) if challenge.is("challenge", ns::SASL) => {
            let data = STANDARD.decode(challenge.text()).expect("the challenge is base64");
            romeo.sends_response(&scram.last(&scram.reads(&data), &account.password));
            is_refused(&mut romeo);
        }
        Next::Item(Item::Element(answer)) => assert!(!answer.is("success", ns::SASL), "{answer}"),
        Next::Item(Item::Close) | Next::End(_) => {}
        other => panic!("an answer was due: {other:?}"),
    }
}

/// RFC 6120 §6.4.6: if both are the same, nothing is in the way.
fn matching_from_is_no_obstacle(subject: &Subject) {
    let mut romeo = subject.connect();
    romeo.opens();
    romeo.starts_tls();
    romeo.sends_header(&HEADER.replace("to=", "from='$romeo' to="));
    romeo.receives_header();
    let features = romeo.receives_features();
    romeo.authenticates("romeo", &features);
    romeo.sends_header(&HEADER.replace("to=", "from='$romeo' to="));
    romeo.receives_header();
    assert!(romeo.receives_features().bind(), "resource binding was due");
}

/// RFC 6120 §6.4.6, RFC 5802 §5: with SCRAM the success brings the server's signature, with which it proves that it knows
/// the password, too.
fn additional_data_proves_the_server(subject: &Subject) {
    let account = subject.account("romeo");
    for mechanism in [SCRAM, "SCRAM-SHA-256"] {
        let (mut romeo, features) = subject.secure();
        if features.offers(mechanism) {
            // The signature is compared there.
            let answer = Scram::new(mechanism, &account.local).negotiates(&mut romeo, &account.password);
            assert!(answer.is_success(), "{mechanism}: {answer:?}");
        }
    }
}

/// RFC 6120 §6.4.6: a mechanism that has no additional data, such as PLAIN, succeeds with an empty `<success/>`; data of no
/// length would be `=`.
fn success_without_additional_data_is_empty(subject: &Subject) {
    let account = subject.account("romeo");
    let mut romeo = offering(subject, "PLAIN");
    romeo.sends_auth("PLAIN", Some(&plain("", &account.local, &account.password)));
    romeo.receives("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
}

/// RFC 6120 §6.4.6: after success the new header is answered with a header that has a new ID, and with features, be they
/// empty.
fn stream_after_success_has_a_new_id_and_features(subject: &Subject) {
    let account = subject.account("romeo");
    let mut romeo = subject.connect();
    let mut ids = Vec::new();
    romeo.opens();
    ids.push(romeo.header().attribute("id").map(str::to_owned));
    romeo.starts_tls();
    romeo.opens();
    ids.push(romeo.header().attribute("id").map(str::to_owned));
    let answer = romeo.negotiates_sasl(&Login::new(SCRAM, &account.local, &account.password));
    assert!(answer.is_success(), "{answer:?}");
    romeo.opens();
    let id = romeo.header().attribute("id").map(str::to_owned);
    assert!(id.is_some() && !ids.contains(&id), "{id:?} after {ids:?}");
}

/// RFC 4422 §3.8, by way of RFC 6120 §6.1: one successful authentication is all that a connection can have, since RFC 6120
/// does not say otherwise: another attempt to authenticate fails.
fn authenticated_stream_does_not_authenticate_again(subject: &Subject) {
    let juliet = subject.account("juliet");
    let (mut romeo, _) = subject.authenticated("romeo");
    romeo.sends_auth("PLAIN", Some(&plain("", &juliet.local, &juliet.password)));
    is_refused(&mut romeo);
    let (mut romeo, _) = subject.authenticated("romeo");
    romeo.sends_auth(SCRAM, Some(&Scram::new(SCRAM, &juliet.local).first()));
    is_refused(&mut romeo);
}
