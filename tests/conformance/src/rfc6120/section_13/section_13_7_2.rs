//! RFC 6120 §13.7.2: certificate validation.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::case;
use crate::case::{Case, Need};
use crate::client::Identity;
use crate::subject::{Authority, ClientCertificate, Subject, Validity};

use super::external::{authority, certificate, is_not_let_in, logs_in, shows};

pub(super) const CASES: &[Case] = &[
    case!(Must, certificate_out_of_date_lets_nobody_in, ["13.7.2", "tls-certs"], needs[Need::External]),
    case!(Should, expired_certificate_is_told, ["6.5.3", "13.7.2", "sasl-errors"], needs[Need::External]),
    case!(Must, certificate_with_another_signature_lets_nobody_in, ["13.7.2", "tls-certs"], needs[Need::External]),
    case!(Must, certificate_without_its_key_lets_nobody_in, ["13.7.2", "5.4.3.1"], needs[Need::External]),
    case!(Must, certificate_of_an_authority_lets_nobody_in, ["13.7.2", "13.7.1.1"], needs[Need::External]),
    case!(Must, certificate_without_a_subject_lets_nobody_in, ["13.7.2", "13.7.1.1"], needs[Need::External]),
    case!(Must, bad_certificate_does_not_shut_out_passwords_of_others, ["13.7.2"], needs[Need::External]),
    case!(Should, certificate_has_to_fit_the_header, ["13.7.2", "tls-correlate"], needs[Need::External]),
];

/// RFC 6120 §13.7.2: a certificate that has expired, or is not good yet, can't be validated and authenticates nobody.
fn certificate_out_of_date_lets_nobody_in(subject: &Subject) {
    let romeo = subject.account("romeo").jid;
    for validity in [Validity::Expired, Validity::NotYet] {
        let wanted = ClientCertificate { addresses: &[&romeo], validity, ..Default::default() };
        is_not_let_in(subject, &authority(subject).certify_client(&wanted));
    }
}

/// RFC 6120 §6.5.3: a server that gets as far as SASL says that the credentials have expired. One that ends the session
/// before, as §13.7.2 has it, has said so in TLS.
fn expired_certificate_is_told(subject: &Subject) {
    let romeo = subject.account("romeo").jid;
    let wanted = ClientCertificate { addresses: &[&romeo], validity: Validity::Expired, ..Default::default() };
    let identity = authority(subject).certify_client(&wanted);
    match logs_in(subject, &identity, None, None) {
        Err(condition) if condition.is_empty() => {}
        answer => assert_eq!(answer, Err("credentials-expired".to_owned())),
    }
}

/// RFC 6120 §13.7.2 rules 1 and 2: a certificate whose signature is not that of its issuer, because something in it was
/// changed, authenticates nobody.
fn certificate_with_another_signature_lets_nobody_in(subject: &Subject) {
    let (romeo, juliet) = (subject.account("romeo").jid, subject.account("juliet").jid);
    let good = certificate(subject, &[&romeo]);
    let mut der = good.chain[0].to_vec();
    // The last octets are those of the signature.
    let last = der.len() - 1;
    der[last] ^= 1;
    is_not_let_in(subject, &with_chain(&good, der));
    // Or another name, of the same length.
    let mut der = good.chain[0].to_vec();
    let place = der.windows(romeo.len()).position(|window| window == romeo.as_bytes()).expect("the address is in it");
    der[place] = if romeo.starts_with('r') { b's' } else { b'r' };
    is_not_let_in(subject, &with_chain(&good, der));
    // The unchanged one is good, and not for anybody else.
    assert_eq!(logs_in(subject, &good, None, Some(&juliet)), Err("invalid-authzid".to_owned()));
}

/// RFC 6120 §5.4.3.1 rule 1, RFC 5246 §7.4.8: who shows a certificate proves that it has the key of it: somebody else's
/// certificate is of no use.
fn certificate_without_its_key_lets_nobody_in(subject: &Subject) {
    let (romeo, juliet) = (subject.account("romeo").jid, subject.account("juliet").jid);
    let own = certificate(subject, &[&romeo]);
    let stolen = certificate(subject, &[&juliet]).chain[0].to_vec();
    is_not_let_in(subject, &with_chain(&own, stolen));
}

/// The key of one certificate with another one.
fn with_chain(identity: &Identity, der: Vec<u8>) -> Arc<Identity> {
    Arc::new(Identity { chain: vec![CertificateDer::from(der)], key: identity.key.clone_key() })
}

/// RFC 6120 §13.7.2 rule 4, §13.7.1.1 rule 2: a certificate of an authority is none of a client.
fn certificate_of_an_authority_lets_nobody_in(subject: &Subject) {
    breaking(subject, |params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
}

/// RFC 6120 §13.7.2 rule 4, §13.7.1.1 rule 3: nor is one whose subject is empty.
fn certificate_without_a_subject_lets_nobody_in(subject: &Subject) {
    breaking(subject, |params| params.distinguished_name = DistinguishedName::new());
}

fn breaking(subject: &Subject, rule: impl FnOnce(&mut CertificateParams)) {
    let romeo = subject.account("romeo").jid;
    let mut params = Authority::client_params(&ClientCertificate { addresses: &[&romeo], ..Default::default() });
    rule(&mut params);
    is_not_let_in(subject, &authority(subject).certify(&params));
}

/// RFC 6120 §13.7.2.2 (case #3 and sub-case #3): a client whose certificate proves nothing may have its identity validated
/// by other means, such as a password; or the server ends the session.
fn bad_certificate_does_not_shut_out_passwords_of_others(subject: &Subject) {
    let account = subject.account("romeo");
    let params = Authority::client_params(&ClientCertificate { addresses: &[&account.jid], ..Default::default() });
    let key = KeyPair::generate().expect("a key");
    let own = params.self_signed(&key).expect("a certificate");
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key in PKCS #8");
    let identity = Arc::new(Identity { chain: vec![own.der().clone()], key });
    let Some((mut romeo, _)) = shows(subject, &identity, None) else { return };
    let login = crate::client::Login::new("SCRAM-SHA-1", &account.local, "not the password");
    assert_eq!(romeo.negotiates_sasl(&login).failure(), Some("not-authorized"));
    let login = crate::client::Login::new("SCRAM-SHA-1", &account.local, &account.password);
    let answer = romeo.negotiates_sasl(&login);
    assert!(answer.is_success(), "{answer:?}");
}

/// RFC 6120 §13.7.2: the identity from the certificate is correlated with `from` of the header; if they do not match, the
/// connection attempt is ended: at the latest when EXTERNAL is asked for.
fn certificate_has_to_fit_the_header(subject: &Subject) {
    let (romeo, juliet) = (subject.account("romeo").jid, subject.account("juliet").jid);
    let identity = certificate(subject, &[&romeo]);
    let answer = logs_in(subject, &identity, Some(&juliet), None);
    assert!(answer.is_err(), "{answer:?}");
    assert_eq!(logs_in(subject, &identity, Some(&romeo), None), Ok(romeo));
}
