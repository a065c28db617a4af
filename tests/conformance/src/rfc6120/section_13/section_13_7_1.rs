//! RFC 6120 §13.7.1: certificates of servers.

use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::case;
use crate::case::Case;
use crate::client::{TlsOptions, Trust};
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, certificate_conforms_to_pkix, ["13.7.1.1", "13.7.1", "13.7"]),
    case!(Must, certificate_is_that_of_no_authority, ["13.7.1.1", "13.7.1"]),
    case!(Must, certificate_has_a_subject, ["13.7.1.1"]),
    case!(Should, certificate_is_signed_with_sha_256_or_better, ["13.7.1.1", "13.9.3"]),
    case!(Should, certificate_has_the_domain_as_dns_id, ["13.7.1.2", "13.7.1"]),
    case!(Must, certificate_can_be_verified_for_the_domain, ["13.7.2.1", "13.7.2", "13.7", "13.9.5"]),
];

/// Hands the certificate that the server presents to `look`.
#[track_caller]
fn certificate(subject: &Subject, look: impl FnOnce(&X509Certificate<'_>)) {
    let (romeo, _) = subject.secure();
    let chain = romeo.tls().and_then(|tls| tls.peer_certificates()).unwrap_or_default();
    let Some(first) = chain.first() else { panic!("no certificate") };
    match X509Certificate::from_der(first) {
        Ok((rest, certificate)) => {
            assert!(rest.is_empty(), "something behind the certificate");
            look(&certificate);
        }
        Err(error) => panic!("no X.509 certificate: {error}"),
    }
}

/// RFC 6120 §13.7.1.1 rule 1: the server's certificate conforms to RFC 5280: it is of version 3, and good today.
fn certificate_conforms_to_pkix(subject: &Subject) {
    certificate(subject, |certificate| {
        assert_eq!(certificate.version().0, 2, "not of version 3");
        assert!(certificate.validity().is_valid(), "{:?}", certificate.validity());
    });
}

/// RFC 6120 §13.7.1.1 rule 2: it has no basicConstraints extension that makes it one of an authority.
fn certificate_is_that_of_no_authority(subject: &Subject) {
    certificate(subject, |certificate| {
        let constraints = certificate.basic_constraints().expect("extensions that can be read");
        assert!(!constraints.is_some_and(|extension| extension.value.ca), "cA is TRUE");
    });
}

/// RFC 6120 §13.7.1.1 rule 3: its subject is not empty.
fn certificate_has_a_subject(subject: &Subject) {
    certificate(subject, |certificate| {
        assert!(certificate.subject().iter_rdn().next().is_some(), "the subject is empty");
    });
}

/// RFC 6120 §13.7.1.1 rule 4: it is signed with SHA-256 or something stronger.
fn certificate_is_signed_with_sha_256_or_better(subject: &Subject) {
    certificate(subject, |certificate| {
        let algorithm = certificate.signature_algorithm.algorithm.to_id_string();
        // MD2, MD5 and SHA-1, each with RSA; SHA-1 with DSA and with ECDSA.
        let weak = [
            "1.2.840.113549.1.1.2",
            "1.2.840.113549.1.1.4",
            "1.2.840.113549.1.1.5",
            "1.2.840.10040.4.3",
            "1.2.840.10045.4.1",
        ];
        assert!(!weak.contains(&algorithm.as_str()), "{algorithm}");
    });
}

/// RFC 6120 §13.7.1.2: it has the domain as a DNS-ID; `*` may stand for the first label.
fn certificate_has_the_domain_as_dns_id(subject: &Subject) {
    let domain = subject.domain();
    let wildcard = domain.split_once('.').map(|(_, parent)| format!("*.{parent}"));
    certificate(subject, |certificate| {
        let names = certificate.subject_alternative_name().expect("extensions that can be read");
        let names = names.map(|extension| extension.value.general_names.clone()).unwrap_or_default();
        let is_domain = |name: &GeneralName<'_>| match name {
            GeneralName::DNSName(name) => *name == domain || Some(*name) == wildcard.as_deref(),
            _ => false,
        };
        assert!(names.iter().any(is_domain), "{names:?}");
    });
}

/// RFC 6120 §13.7.2.1, §13.9.5: a client that verifies the certificate, as it has to, for the domain that it has asked for
/// gets through, in both versions of TLS.
fn certificate_can_be_verified_for_the_domain(subject: &Subject) {
    if matches!(subject.site().trust, Trust::Anything) {
        subject.not_tried("nothing is known of who signs the server's certificates");
    }
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        // The handshake fails if the chain or the name is wrong.
        let (_, features) = subject.secure_with(&TlsOptions::with_version(version));
        assert!(!features.mechanisms().is_empty(), "{}", features.0);
    }
}
