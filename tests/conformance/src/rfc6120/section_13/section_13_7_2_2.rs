//! RFC 6120 §13.7.2.2: client certificates.

use std::sync::Arc;

use rcgen::KeyPair;
use rustls::pki_types::PrivateKeyDer;

use crate::case;
use crate::case::{Case, Need, Verb};
use crate::client::Identity;
use crate::subject::{Authority, ClientCertificate, Subject};

use super::external::{certificate, is_not_let_in, logs_in};

pub(super) const CASES: &[Case] = &[
    case!(Should, one_address_is_the_identity, ["13.7.2.2", "tls-certs"], needs[Need::External]),
    case!(Should, addresses_elsewhere_do_not_matter, ["13.7.2.2"], needs[Need::External]),
    case!(Should, header_chooses_among_addresses, ["13.7.2.2", "tls-correlate"], needs[Need::External]),
    case!(Should, authorization_identity_chooses_among_addresses, ["13.7.2.2", "6.3.8"], needs[Need::External]),
    case!(
        Should,
        domain_of_the_stream_chooses_among_addresses,
        ["13.7.2.2"],
        needs [Need::External, Need::SecondDomain]
    ),
    case!(Must, address_elsewhere_is_not_used, ["13.7.2.2", "tls-certs"], needs[Need::External]),
    case!(Must, certificate_without_an_address_is_nobodys, ["13.7.2.2", "tls-certs"], needs[Need::External]),
    case!(Must, self_signed_certificate_is_not_used, ["13.7.2.2", "tls-certs"], needs[Need::External]),
    case!(Must, certificate_is_for_its_own_addresses, ["13.7.2.2", "6.3.8", "6.5.6"], needs[Need::External]),
    case!(Must, certificate_makes_no_account, ["13.7.2.2", "6.5.10"], needs[Need::External]),
    case!(Must, certificate_does_not_enable_an_account, ["6.5.2", "13.7.2.2"], needs [Need::External, Need::Admin(Verb::Disable)]),
];

/// RFC 6120 §13.7.2.2.1 sub-case 1: one XmppAddr of a domain of the server is the client's identity; it may be named as
/// authorization identity, too (XEP-0178 §2).
fn one_address_is_the_identity(subject: &Subject) {
    let romeo = subject.account("romeo").jid;
    let identity = certificate(subject, &[&romeo]);
    assert_eq!(logs_in(subject, &identity, None, None), Ok(romeo.clone()));
    assert_eq!(logs_in(subject, &identity, None, Some(&romeo)), Ok(romeo));
}

/// RFC 6120 §13.7.2.2.1 sub-case 1: addresses of other domains beside it do not matter.
fn addresses_elsewhere_do_not_matter(subject: &Subject) {
    let romeo = subject.account("romeo").jid;
    let identity = certificate(subject, &["someone@remote.invalid", &romeo]);
    assert_eq!(logs_in(subject, &identity, None, None), Ok(romeo));
}

/// RFC 6120 §13.7.2.2.1 sub-case 2: of several addresses that is the identity which the header's `from` names.
fn header_chooses_among_addresses(subject: &Subject) {
    let (romeo, juliet) = (subject.account("romeo").jid, subject.account("juliet").jid);
    let identity = certificate(subject, &[&romeo, &juliet]);
    for address in [&juliet, &romeo] {
        assert_eq!(logs_in(subject, &identity, Some(address), None).as_ref(), Ok(address));
    }
}

/// RFC 6120 §13.7.2.2.1 sub-case 2, XEP-0178 §2: or that which the client names as authorization identity.
fn authorization_identity_chooses_among_addresses(subject: &Subject) {
    let (romeo, juliet) = (subject.account("romeo").jid, subject.account("juliet").jid);
    let identity = certificate(subject, &[&romeo, &juliet]);
    for address in [&juliet, &romeo] {
        assert_eq!(logs_in(subject, &identity, None, Some(address)).as_ref(), Ok(address));
    }
}

/// RFC 6120 §13.7.2.2.1 sub-case 2: of addresses of several hosted domains that is the identity whose domainpart is that of
/// the stream.
fn domain_of_the_stream_chooses_among_addresses(subject: &Subject) {
    let romeo = subject.account("romeo");
    let elsewhere = format!("{}@{}", romeo.local, subject.expand("$other"));
    let identity = certificate(subject, &[&elsewhere, &romeo.jid]);
    assert_eq!(logs_in(subject, &identity, None, None), Ok(romeo.jid));
}

/// RFC 6120 §13.7.2.2.1 sub-case 3: an address of a domain that is not the server's is not the client's identity, even if
/// there is an account with that localpart.
fn address_elsewhere_is_not_used(subject: &Subject) {
    let local = subject.account("romeo").local;
    is_not_let_in(subject, &certificate(subject, &[&format!("{local}@remote.invalid")]));
}

/// RFC 6120 §13.7.2.2.1 sub-case 3: a certificate without any XmppAddr has no identity to be used.
fn certificate_without_an_address_is_nobodys(subject: &Subject) {
    is_not_let_in(subject, &certificate(subject, &[]));
}

/// RFC 6120 §13.7.2.2.3: neither is the address in a self-signed certificate used.
fn self_signed_certificate_is_not_used(subject: &Subject) {
    let romeo = subject.account("romeo").jid;
    let params = Authority::client_params(&ClientCertificate { addresses: &[&romeo], ..Default::default() });
    let key = KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("a certificate");
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key in PKCS #8");
    is_not_let_in(subject, &Arc::new(Identity { chain: vec![certificate.der().clone()], key }));
}

/// RFC 6120 §6.3.8, §13.7.2.2: with a certificate for one address nobody acts as another: `invalid-authzid`.
fn certificate_is_for_its_own_addresses(subject: &Subject) {
    let (romeo, juliet) = (subject.account("romeo").jid, subject.account("juliet").jid);
    let identity = certificate(subject, &[&romeo]);
    for authzid in [juliet.as_str(), "someone@remote.invalid", subject.domain(), "@@@"] {
        let answer = logs_in(subject, &identity, None, Some(authzid));
        assert_eq!(answer, Err("invalid-authzid".to_owned()), "{authzid}");
    }
}

/// RFC 6120 §13.7.2.2: a certificate for an address of the domain that has no account makes none.
fn certificate_makes_no_account(subject: &Subject) {
    is_not_let_in(subject, &certificate(subject, &[&subject.expand("$nobody")]));
}

/// RFC 6120 §6.5.2: a disabled account does not authenticate with a certificate either.
fn certificate_does_not_enable_an_account(subject: &Subject) {
    let romeo = subject.account("romeo").jid;
    subject.admin(Verb::Disable, &["$romeo"]);
    match logs_in(subject, &certificate(subject, &[&romeo]), None, None) {
        Ok(jid) => panic!("{jid} is disabled"),
        Err(condition) => {
            assert!(["", "account-disabled", "not-authorized"].contains(&condition.as_str()), "{condition}");
        }
    }
}
