//! RFC 6120 §13.6: strong security.

use crate::case;
use crate::case::{Case, Need};
use crate::subject::{Authority, ClientCertificate, Subject};

use super::super::section_6::{offering, scram::Scram};
use super::external::is_not_let_in;

pub(super) const CASES: &[Case] = &[
    case!(Must, both_ends_authenticate_under_tls, ["13.6", "13.4", "13.5"]),
    case!(Must, configured_trust_anchors_are_the_only_ones, ["13.6", "13.7.2", "13.7.2.2"], needs[Need::External]),
];

/// RFC 6120 §13.6: strong security is supported: TLS with a certificate that can be verified, and SASL by which both ends
/// prove themselves.
fn both_ends_authenticate_under_tls(subject: &Subject) {
    let account = subject.account("romeo");
    let mut romeo = offering(subject, "SCRAM-SHA-1");
    // The certificate was verified in the handshake, the server's signature is compared in here.
    let answer = Scram::new("SCRAM-SHA-1", &account.local).negotiates(&mut romeo, &account.password);
    assert!(answer.is_success(), "{answer:?}");
    assert!(romeo.tls().is_some_and(|tls| tls.protocol_version().is_some()), "no TLS");
}

/// RFC 6120 §13.6: a server that is provisioned with trust anchors for its clients takes no certificate that leads to
/// another one.
fn configured_trust_anchors_are_the_only_ones(subject: &Subject) {
    let romeo = subject.account("romeo").jid;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let stranger = Authority::new(folder.path()).expect("another authority");
    let identity = stranger.certify_client(&ClientCertificate { addresses: &[&romeo], ..Default::default() });
    is_not_let_in(subject, &identity);
}
