//! RFC 6120 §13.9.4: use of SASL.

use sasl::common::scram::{ScramProvider, Sha256};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::case;
use crate::case::{Case, Need, Verb};
use crate::client::{Client, Features, Item, Login, Next};
use crate::ns;
use crate::subject::{AdminError, Subject};

use super::super::section_6::scram::Scram;
use super::super::section_6::{bindings, offering};

pub(super) const CASES: &[Case] = &[
    case!(Must, exchange_is_bound_to_this_connection, ["13.9.4"]),
    case!(Must, downgrade_is_noticed, ["13.9.4", "6.3.4"]),
    case!(Must, binding_is_what_the_mechanism_says, ["13.9.4"]),
    case!(Should, short_password_is_not_taken, ["13.9.4"], needs[Need::Admin(Verb::Create)]),
    case!(Must, anonymous_address_is_made_by_the_server, ["13.9.4", "6.3.8"], needs[Need::Anonymous]),
    case!(Must, anonymous_acts_as_nobody, ["13.9.4", "6.3.8"], needs[Need::Anonymous]),
];

const PLUS: &str = "SCRAM-SHA-1-PLUS";

/// A kind of channel binding that both sides have, and its data (RFC 9266, RFC 5929 §4).
pub(super) fn bind_to_tls(client: &Client, features: &Features) -> Option<(String, Vec<u8>)> {
    let announced = bindings(features);
    let tls = client.tls()?;
    let exporter = client.has_tls_exporter();
    let has = |kind: &str| announced.iter().any(|announced| announced == kind);
    // What is not announced is left to a guess: servers from before XEP-0440 have the exporter or tls-unique.
    if exporter && has("tls-exporter") {
        let data = tls.export_keying_material(vec![0; 32], b"EXPORTER-Channel-Binding", Some(&[])).ok()?;
        return Some(("tls-exporter".to_owned(), data));
    }
    if has("tls-server-end-point") {
        return Some(("tls-server-end-point".to_owned(), end_point(client)?));
    }
    None
}

/// The hash of the server's certificate (RFC 5929 §4.1), where it is SHA-256, as for all certificates that are signed with
/// that or with something weaker.
fn end_point(client: &Client) -> Option<Vec<u8>> {
    let chain = client.tls()?.peer_certificates()?;
    let (_, certificate) = X509Certificate::from_der(chain.first()?).ok()?;
    let algorithm = certificate.signature_algorithm.algorithm.to_id_string();
    // SHA-384 and SHA-512, with RSA and with ECDSA; RSASSA-PSS and EdDSA, which name none.
    let other = [
        "1.2.840.113549.1.1.12",
        "1.2.840.113549.1.1.13",
        "1.2.840.10045.4.3.3",
        "1.2.840.10045.4.3.4",
        "1.2.840.113549.1.1.10",
        "1.3.101.112",
    ];
    if other.contains(&algorithm.as_str()) {
        return None;
    }
    Some(Sha256::hash(chain.first()?))
}

/// A stream on which the suite can bind SCRAM to TLS.
fn binding(subject: &Subject) -> (Client, String, Vec<u8>) {
    let (client, features) = subject.secure();
    if !features.offers(PLUS) {
        subject.not_tried(&format!("{PLUS} is not offered: {:?}", features.mechanisms()));
    }
    match bind_to_tls(&client, &features) {
        Some((kind, data)) => (client, kind, data),
        None => subject.not_tried("no kind of channel binding is announced that the suite has"),
    }
}

/// RFC 6120 §13.9.4, RFC 5802 §6: an exchange that is bound to TLS succeeds in its own connection, and in no other: what a
/// man in the middle passes on is bound to the wrong one.
fn exchange_is_bound_to_this_connection(subject: &Subject) {
    let account = subject.account("romeo");
    let (mut romeo, kind, data) = binding(subject);
    let mut wrong = data.clone();
    wrong[0] ^= 1;
    let answer = Scram::new(PLUS, &account.local).bound_to(&kind, wrong).negotiates(&mut romeo, &account.password);
    assert!(answer.failure().is_some(), "bound to another connection: {answer:?}");
    let answer = Scram::new(PLUS, &account.local).bound_to(&kind, data).negotiates(&mut romeo, &account.password);
    assert!(answer.is_success(), "{answer:?}");
}

/// RFC 6120 §13.9.4, RFC 5802 §6: a client that could bind, but was shown no mechanism for it, says `y`. A server that has
/// offered one knows that somebody has changed its list, and lets the exchange fail.
fn downgrade_is_noticed(subject: &Subject) {
    let account = subject.account("romeo");
    let (mut romeo, features) = subject.secure();
    if !features.offers(PLUS) {
        subject.not_tried(&format!("{PLUS} is not offered: {:?}", features.mechanisms()));
    }
    let scram = Scram::new("SCRAM-SHA-1", &account.local).with_gs2("y,,");
    let answer = scram.negotiates(&mut romeo, &account.password);
    assert!(answer.failure().is_some(), "{answer:?}");
}

/// RFC 5802 §6, by way of RFC 6120 §13.9.4: with -PLUS the exchange has to be bound, with a kind that the server has;
/// without, it must not be.
fn binding_is_what_the_mechanism_says(subject: &Subject) {
    let account = subject.account("romeo");
    let (_, kind, _) = binding(subject);
    for (mechanism, gs2) in [
        (PLUS, "n,,".to_owned()),
        (PLUS, "y,,".to_owned()),
        (PLUS, "p=tls-made-up,,".to_owned()),
        ("SCRAM-SHA-1", format!("p={kind},,")),
    ] {
        let (mut romeo, ..) = binding(subject);
        let answer = Scram::new(mechanism, &account.local).with_gs2(&gs2).negotiates(&mut romeo, &account.password);
        assert!(answer.failure().is_some(), "{mechanism} {gs2}: {answer:?}");
    }
}

/// RFC 6120 §13.9.4: servers enforce minimal criteria for passwords: one of a single character is not taken.
fn short_password_is_not_taken(subject: &Subject) {
    let address = format!("weak-{}", subject.account("romeo").jid);
    let answer = subject.site().admin.run(Verb::Create, &[&address], Some("a"));
    assert!(matches!(answer, Err(AdminError::Failed(_))), "{address} has the password \"a\"");
}

/// RFC 6120 §13.9.4, XEP-0175 §2: who logs in without saying who it is gets an address of the domain that the server makes,
/// another one each time.
fn anonymous_address_is_made_by_the_server(subject: &Subject) {
    let mut addresses = std::collections::BTreeSet::new();
    for _ in 0..3 {
        let mut nobody = offering(subject, "ANONYMOUS");
        let answer = nobody.negotiates_sasl(&Login::new("ANONYMOUS", "", ""));
        assert!(answer.is_success(), "{answer:?}");
        nobody.opens();
        let jid = nobody.requests_resource(None);
        let bare = jid.split('/').next().unwrap_or_default();
        let (local, domain) = bare.split_once('@').unwrap_or_else(|| panic!("no localpart: {jid}"));
        assert_eq!(domain, subject.domain(), "{jid}");
        assert!(local.len() > 8, "a localpart that can be guessed: {jid}");
        assert!(addresses.insert(bare.to_owned()), "the same twice: {jid}");
    }
}

/// RFC 4505 §2, RFC 6120 §6.3.8: ANONYMOUS has no authorization identity: what looks like one is trace information, and
/// nobody becomes the account that it names.
fn anonymous_acts_as_nobody(subject: &Subject) {
    let romeo = format!("romeo@{}", subject.domain());
    let mut nobody = offering(subject, "ANONYMOUS");
    nobody.sends_auth("ANONYMOUS", Some(romeo.as_bytes()));
    match nobody.receives_next() {
        Next::Item(Item::Element(answer)) if answer.is("success", ns::SASL) => {
            nobody.opens();
            let jid = nobody.requests_resource(None);
            assert!(!jid.starts_with(&format!("{romeo}/")), "{jid}");
        }
        Next::Item(Item::Element(answer)) => {
            assert!(answer.is("failure", ns::SASL), "{answer}");
        }
        other => panic!("an answer was due: {other:?}"),
    }
}
