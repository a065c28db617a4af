//! RFC 6120 §13.8: technologies that everybody has.

use rustls::CipherSuite;

use crate::case;
use crate::case::{Case, Need};
use crate::client::TlsOptions;
use crate::ns;
use crate::subject::Subject;

use super::super::section_6::scram::Scram;
use super::super::section_6::{offering, plain};
use super::external::{certificate, logs_in};
use super::section_13_9_4::bind_to_tls;

pub(super) const CASES: &[Case] = &[
    case!(
        Must,
        scram_sha_1_is_offered_and_works,
        ["13.8.1", "13.8", "13.8.3", "security-mti-auth-scram", "security-mti-both-scram"]
    ),
    case!(
        Must,
        scram_sha_1_plus_is_offered_and_works,
        ["13.8.1", "13.8", "13.8.3", "13.9.4", "security-mti-auth-scram", "security-mti-both-scram"]
    ),
    case!(Should, aes_128_gives_confidentiality, ["13.8.2", "13.8", "security-mti-confidentiality"]),
    case!(Must, external_works_under_tls, ["13.8.4", "13.8", "security-mti-both-external"], needs[Need::External]),
    case!(May, plain_works_under_tls, ["13.8.3", "security-mti-both-plain"]),
];

/// RFC 6120 §13.8.1, §13.8.3: servers support SCRAM-SHA-1, under TLS.
fn scram_sha_1_is_offered_and_works(subject: &Subject) {
    let account = subject.account("romeo");
    let (mut romeo, features) = subject.secure();
    assert!(features.offers("SCRAM-SHA-1"), "{:?}", features.mechanisms());
    let answer = Scram::new("SCRAM-SHA-1", &account.local).negotiates(&mut romeo, &account.password);
    assert!(answer.is_success(), "{answer:?}");
}

/// RFC 6120 §13.8.1, §13.8.3: servers support SCRAM-SHA-1-PLUS, under TLS.
fn scram_sha_1_plus_is_offered_and_works(subject: &Subject) {
    let account = subject.account("romeo");
    let mut offered = false;
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let (mut romeo, features) = subject.secure_with(&TlsOptions::with_version(version));
        if !features.offers("SCRAM-SHA-1-PLUS") {
            continue;
        }
        offered = true;
        // Some servers have kinds of channel binding only that this suite has not.
        let Some((kind, data)) = bind_to_tls(&romeo, &features) else { continue };
        let scram = Scram::new("SCRAM-SHA-1-PLUS", &account.local).bound_to(&kind, data);
        let answer = scram.negotiates(&mut romeo, &account.password);
        assert!(answer.is_success(), "{kind}: {answer:?}");
    }
    assert!(offered, "SCRAM-SHA-1-PLUS is offered in no version of TLS");
}

/// RFC 6120 §13.8.2: confidentiality comes with TLS and AES-128. RFC 7590 §3 (by way of RFC 9325 §4.2) has put suites with
/// forward secrecy in the place of TLS_RSA_WITH_AES_128_CBC_SHA, which it tells servers not to negotiate.
fn aes_128_gives_confidentiality(subject: &Subject) {
    let suites =
        vec![CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256];
    let options = TlsOptions { suites, ..TlsOptions::with_version(&rustls::version::TLS12) };
    let (romeo, features) = subject.secure_with(&options);
    assert!(features.0.child("mechanisms", ns::SASL).is_some(), "{}", features.0);
    romeo.notes(&format!("{:?}", romeo.tls().and_then(|tls| tls.negotiated_cipher_suite())));
}

/// RFC 6120 §13.8.4: servers support EXTERNAL with PKIX certificates, under TLS.
fn external_works_under_tls(subject: &Subject) {
    let romeo = subject.account("romeo").jid;
    assert_eq!(logs_in(subject, &certificate(subject, &[&romeo]), None, None), Ok(romeo));
}

/// RFC 6120 §13.8.3: in certain circumstances a server may offer PLAIN, under TLS.
fn plain_works_under_tls(subject: &Subject) {
    let account = subject.account("romeo");
    let mut romeo = offering(subject, "PLAIN");
    romeo.sends_auth("PLAIN", Some(&plain("", &account.local, &account.password)));
    let answer = romeo.receives_sasl_answer();
    assert!(answer.is_success(), "{answer:?}");
}
