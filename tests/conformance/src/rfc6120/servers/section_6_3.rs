//! RFC 6120 §6.3: rules for SASL between servers.

use super::{Stage, message_from, romeo_writes};
use crate::case;
use crate::case::{Case, Need};
use crate::client::{Answer, TlsOptions};
use crate::ns;
use crate::servers::{Offers, PeerServer};
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(
        Must,
        external_is_offered_to_a_server_with_a_good_certificate,
        ["6.3.4", "6.4.1", "13.8.4", "security-mti-both-external"],
        needs[Need::Servers]
    ),
    case!(Should, external_is_not_offered_to_a_server_without_a_certificate, ["6.3.4"], needs[Need::Servers]),
    case!(Must, sasl_is_not_offered_to_a_proven_server, ["6.3.4", "6.4.6"], needs[Need::Servers]),
    case!(Must, server_stream_is_restarted_after_sasl, ["6.3.2", "sasl-restart"], needs[Need::Servers]),
    case!(Must, authorization_identity_of_a_server_is_its_domain, ["6.3.8", "9.2.2"], needs[Need::Servers]),
    case!(Should, authorization_identity_of_a_server_may_be_missing, ["6.3.8"], needs[Need::Servers]),
    case!(Must, authorization_identity_of_another_domain_is_invalid, ["6.3.8", "6.5.6"], needs[Need::Servers]),
    case!(Must, authorization_identity_of_a_server_is_no_account, ["6.3.8", "6.5.6"], needs[Need::Servers]),
    case!(Must, authorization_identity_of_the_subject_is_its_domain, ["6.3.8", "9.2.2"], needs[Need::Servers]),
    case!(Must, subject_restarts_its_stream_after_sasl, ["6.3.2", "sasl-restart"], needs[Need::Servers]),
];

/// RFC 6120 §6.3.4, §13.8.4: EXTERNAL is offered to a server whose certificate is good for its domain.
fn external_is_offered_to_a_server_with_a_good_certificate(subject: &Subject) {
    let (_, features) = subject.server("verona").secure();
    assert!(features.offers("EXTERNAL"), "{}", features.0);
}

/// RFC 6120 §6.3.4, XEP-0178 §3: EXTERNAL is not offered to a server that has shown no certificate.
fn external_is_not_offered_to_a_server_without_a_certificate(subject: &Subject) {
    let (_, features) = subject.server("verona").secure_with(&TlsOptions::default());
    assert!(!features.offers("EXTERNAL"), "{}", features.0);
}

/// RFC 6120 §6.4.6: after authentication SASL is not offered again.
fn sasl_is_not_offered_to_a_proven_server(subject: &Subject) {
    let verona = subject.server("verona");
    let (mut stream, _) = verona.secure();
    stream.sends_auth("EXTERNAL", Some(&[]));
    assert!(stream.receives_sasl_answer().is_success());
    let features = stream.opens();
    assert!(features.mechanisms().is_empty(), "{}", features.0);
}

/// RFC 6120 §6.3.2: after SASL a new stream is due: a stanza without one is not processed.
fn server_stream_is_restarted_after_sasl(subject: &Subject) {
    let [mut romeo, mut nurse] = subject.login(["romeo/orchard", "nurse/house"]);
    let verona = subject.server("verona");
    let (mut stream, _) = verona.secure();
    stream.sends_auth("EXTERNAL", Some(&[]));
    assert!(stream.receives_sasl_answer().is_success());
    stream.sends_header(&message_from(verona.domain(), "a"));
    stream.receives_next_within(subject.seconds(1.0));
    romeo.hears_nothing_from(&mut nurse);
}

/// RFC 6120 §6.3.8: the authorization identity between servers is a domainpart.
fn authorization_identity_of_a_server_is_its_domain(subject: &Subject) {
    let verona = subject.server("verona");
    assert_eq!(asks(&verona, &subject.expand("$verona")), Answer::Success(Vec::new()));
}

/// RFC 6120 §6.3.8: who acts on nobody else's behalf provides none: the domain is then that of the header (XEP-0178 §3).
fn authorization_identity_of_a_server_may_be_missing(subject: &Subject) {
    let verona = subject.server("verona");
    assert_eq!(asks(&verona, ""), Answer::Success(Vec::new()));
}

/// RFC 6120 §6.3.8, §6.5.6: an authorization identity that the certificate is not good for is `invalid-authzid`.
fn authorization_identity_of_another_domain_is_invalid(subject: &Subject) {
    let (verona, _mantua) = (subject.server("verona"), subject.server("mantua"));
    for authzid in ["$mantua", "$remote", "$domain", "sub.$verona", "example"] {
        let answer = asks(&verona, &subject.expand(authzid));
        assert_eq!(answer.failure(), Some("invalid-authzid"), "{authzid}: {answer:?}");
    }
}

/// RFC 6120 §6.3.8: an account or a full JID is no authorization identity of a server.
fn authorization_identity_of_a_server_is_no_account(subject: &Subject) {
    let verona = subject.server("verona");
    for authzid in ["juliet@$verona", "$verona/balcony", "juliet@$verona/balcony"] {
        let answer = asks(&verona, &subject.expand(authzid));
        assert!(answer.failure().is_some(), "{authzid}: {answer:?}");
    }
}

/// RFC 6120 §6.3.8: the authorization identity that the subject sends is its domainpart, or it sends none.
fn authorization_identity_of_the_subject_is_its_domain(subject: &Subject) {
    let mut verona = subject.server("verona");
    let external = uses_external(subject, &mut verona);
    assert!(external.is_empty() || external == subject.domain(), "{external:?}");
}

/// RFC 6120 §6.3.2: the subject opens a new stream after the success of SASL, with all that belongs to its header.
fn subject_restarts_its_stream_after_sasl(subject: &Subject) {
    let mut verona = subject.server("verona");
    uses_external(subject, &mut verona);
    let headers = &verona.incoming()[0].headers;
    assert_eq!(headers.len(), 3, "in clear, after TLS, after SASL: {headers:?}");
    for header in headers {
        assert_eq!(header.attribute("from"), Some(subject.domain()));
    }
}

/// The initial response of the EXTERNAL that the subject proves itself with.
#[track_caller]
fn uses_external(subject: &Subject, verona: &mut PeerServer) -> String {
    verona.offers(Offers::external());
    let _romeo = romeo_writes(subject, verona);
    let (place, _) = verona.receives_with_stream();
    verona.incoming()[place].external.clone().expect("nothing else was offered")
}

/// One attempt at EXTERNAL on a stream of its own; a stream that ends counts as a failure of its own kind.
#[track_caller]
fn asks(verona: &PeerServer, authzid: &str) -> Answer {
    let mut stream = Stage::Secure.reach(verona);
    stream.sends_auth("EXTERNAL", Some(authzid.as_bytes()));
    let answer = stream.receives_sasl_answer();
    assert!(stream.header().root.is("stream", ns::STREAM));
    answer
}
