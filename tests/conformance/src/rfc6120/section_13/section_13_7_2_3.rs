//! RFC 6120 §13.7.2.3: certificates in long-lived streams.

use crate::case;
use crate::case::{Case, Need};
use crate::client::TlsOptions;
use crate::subject::{ClientCertificate, Subject, Validity};

use super::external::authority;

pub(super) const CASES: &[Case] =
    &[case!(Should, stream_ends_with_its_certificate, ["13.7.2.3", "4.9.3.16"], needs[Need::External])];

/// RFC 6120 §13.7.2.3 rule 1: when the certificate expires with which a client has logged in, its stream is closed with
/// `reset`.
fn stream_ends_with_its_certificate(subject: &Subject) {
    let romeo = subject.account("romeo").jid;
    let wanted = ClientCertificate { addresses: &[&romeo], validity: Validity::Seconds(6), ..Default::default() };
    let identity = authority(subject).certify_client(&wanted);
    let (mut client, features) = subject.secure_with(&TlsOptions::with_identity(identity));
    assert!(features.offers("EXTERNAL"), "{:?}", features.mechanisms());
    client.sends_auth("EXTERNAL", Some(&[]));
    let answer = client.receives_sasl_answer();
    assert!(answer.is_success(), "{answer:?}");
    client.opens();
    client.requests_resource(None);
    client.settles();
    client.waits(Some(subject.seconds(15.0)));
    client.receives_stream_error("reset");
}
