//! Certificates of clients, from the handshake to what SASL EXTERNAL gets to know (RFC 6120 §13.7.2.2).
#![allow(clippy::unwrap_used, reason = "it is all test code")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use jabiru_negotiation::CertificateValidity::{self, Expired, Untrusted, Valid};
use jabiru_net::certificate::Roots;
use jabiru_net::{ClientCertificates, TlsSettings};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, SerialNumber, date_time_ymd};
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{HandshakeKind, SignatureScheme, SupportedProtocolVersion};
use support::{Authority, Issued, client_config, dns_name, handshake, named, provider, xmpp_address};

const BOTH: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

/// Presents a certificate whenever it is asked for one, and counts that.
#[derive(Debug)]
struct Presents {
    key: Arc<CertifiedKey>,
    asked: AtomicUsize,
}

impl Presents {
    fn chain(chain: &[&Issued], key: &Issued) -> Arc<Presents> {
        let signing = provider().key_provider.load_private_key(key.key.clone_key()).unwrap();
        let chain = chain.iter().map(|issued| issued.certificate.clone()).collect();
        Arc::new(Presents { key: Arc::new(CertifiedKey::new(chain, signing)), asked: AtomicUsize::new(0) })
    }
}

impl ResolvesClientCert for Presents {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Some(self.key.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

struct Server {
    authority: Authority,
    settings: TlsSettings,
}

fn server() -> Server {
    let authority = Authority::new("the authority");
    let mut params = named("example.net");
    params.subject_alt_names.push(dns_name("example.net"));
    let identity = authority.issue(&params).identity();
    let settings = TlsSettings::new(vec![("example.net".to_owned(), identity)], None).unwrap();
    settings.set_client_certificates(ClientCertificates::Requested { roots: roots(&authority) });
    Server { authority, settings }
}

fn roots(authority: &Authority) -> Roots {
    Roots::new([authority.certificate()]).unwrap()
}

fn juliet(change: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    let mut params = named("Juliet");
    params.subject_alt_names.push(xmpp_address("juliet@example.net"));
    change(&mut params);
    params
}

fn purposes(purposes: &[ExtendedKeyUsagePurpose]) -> CertificateParams {
    juliet(|params| params.extended_key_usages = purposes.to_vec())
}

/// Whatever a client presents, the handshake succeeds and tells what it is.
#[tokio::test]
async fn any_certificate_is_taken_and_judged() {
    let server = server();
    let stranger = Authority::new("another authority");
    // One that has the same name, but not the same key.
    let impostor = Authority::new("the authority");
    let expired = |params: &mut CertificateParams| {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
    };
    let authority = &server.authority;
    let juliet_alone: &[&str] = &["juliet@example.net"];
    let rows: Vec<(&str, Issued, CertificateValidity, &[&str])> = vec![
        ("plain", authority.issue(&juliet(|_| ())), Valid, juliet_alone),
        ("for clients", authority.issue(&purposes(&[ExtendedKeyUsagePurpose::ClientAuth])), Valid, juliet_alone),
        ("for servers", authority.issue(&purposes(&[ExtendedKeyUsagePurpose::ServerAuth])), Untrusted, juliet_alone),
        (
            "for XMPP",
            authority.issue(&purposes(&[ExtendedKeyUsagePurpose::Other(support::XMPP_ADDR.to_vec())])),
            Valid,
            juliet_alone,
        ),
        ("expired", authority.issue(&juliet(expired)), Expired, juliet_alone),
        ("expired, of a stranger", stranger.issue(&juliet(expired)), Untrusted, juliet_alone),
        (
            "not valid yet",
            authority.issue(&juliet(|params| params.not_before = date_time_ymd(2999, 1, 1))),
            Untrusted,
            juliet_alone,
        ),
        ("of a stranger", stranger.issue(&juliet(|_| ())), Untrusted, juliet_alone),
        ("of an impostor", impostor.issue(&juliet(|_| ())), Untrusted, juliet_alone),
        (
            "an authority",
            authority.issue(&juliet(|params| params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained))),
            Untrusted,
            juliet_alone,
        ),
        (
            "without a subject",
            authority.issue(&juliet(|params| params.distinguished_name = rcgen::DistinguishedName::new())),
            Untrusted,
            juliet_alone,
        ),
        ("without addresses", authority.issue(&named("Juliet")), Valid, &[]),
        (
            "with many",
            authority.issue(&juliet(|params| {
                let more = [
                    "ROMEO@Example.NET",
                    "example.net",
                    "nurse@example.net/ward",
                    "@",
                    "a@b@c",
                    "bücher@bücher.example",
                ];
                params.subject_alt_names.extend(more.map(xmpp_address));
                params.subject_alt_names.push(dns_name("example.net"));
            })),
            Valid,
            &["juliet@example.net", "romeo@example.net", "bücher@bücher.example"],
        ),
    ];
    for version in BOTH {
        for (name, issued, validity, addresses) in &rows {
            let presents = Presents::chain(&[issued], issued);
            let config = client_config([authority.certificate()], version, Some(presents));
            let (info, seen) = handshake(&server.settings, Some("example.net"), &config, "example.net").await;
            let (info, seen) = (info.expect(name), seen.expect(name));
            let certificate = info.client_certificate.clone().expect(name);
            assert_eq!(certificate.validity, *validity, "{name}");
            assert_eq!(certificate.addresses.iter().map(ToString::to_string).collect::<Vec<_>>(), *addresses, "{name}");
            let expired = certificate.not_after.unwrap() < SystemTime::now();
            assert_eq!(expired, name.contains("expired"), "{name}");
            // Channels are bound as without it.
            assert_eq!(info.exporter, (version == &TLS13).then_some(seen.exporter), "{name}");
            assert!(info.server_end_point.is_some() && info.peer_certificates.is_empty(), "{name}");
        }
    }
}

/// RFC 6120 §5.3.4 leaves it to the server; a client may always do without.
#[tokio::test]
async fn clients_are_asked_only_if_that_is_set_and_may_have_none() {
    let server = server();
    let issued = server.authority.issue(&juliet(|_| ()));
    for version in BOTH {
        server.settings.set_client_certificates(ClientCertificates::Requested { roots: roots(&server.authority) });
        let config = client_config([server.authority.certificate()], version, None);
        let (info, seen) = handshake(&server.settings, None, &config, "example.net").await;
        seen.unwrap();
        assert_eq!(info.unwrap().client_certificate, None);

        server.settings.set_client_certificates(ClientCertificates::Ignored);
        let presents = Presents::chain(&[&issued], &issued);
        let config = client_config([server.authority.certificate()], version, Some(presents.clone()));
        let (info, seen) = handshake(&server.settings, None, &config, "example.net").await;
        seen.unwrap();
        assert_eq!(info.unwrap().client_certificate, None);
        assert_eq!(presents.asked.load(Ordering::Relaxed), 0);
    }
}

/// A certificate is public: it is the key that has to be shown.
#[tokio::test]
async fn a_certificate_without_its_key_ends_the_handshake() {
    let server = server();
    let (stolen, own) = (server.authority.issue(&juliet(|_| ())), server.authority.issue(&named("Mallory")));
    for version in BOTH {
        let presents = Presents::chain(&[&stolen], &own);
        let config = client_config([server.authority.certificate()], version, Some(presents));
        let (info, seen) = handshake(&server.settings, None, &config, "example.net").await;
        info.unwrap_err();
        seen.unwrap_err();
    }
}

#[tokio::test]
async fn a_chain_that_is_too_large_ends_the_handshake() {
    let server = server();
    let issued = server.authority.issue(&juliet(|_| ()));
    let links = 16 * 1024 / issued.certificate.len();
    for version in BOTH {
        for (links, fits) in [(links, true), (links + 1, false)] {
            let presents = Presents::chain(&vec![&issued; links], &issued);
            let config = client_config([server.authority.certificate()], version, Some(presents));
            let (info, _seen) = handshake(&server.settings, None, &config, "example.net").await;
            assert_eq!(info.is_ok(), fits, "{links} certificates");
        }
    }
}

/// RFC 8446 §2.2: who resumes a session shows no certificate again, but it is still the one of the session.
#[tokio::test]
async fn a_resumed_session_keeps_its_certificate() {
    let server = server();
    let issued = server.authority.issue(&juliet(|_| ()));
    for version in BOTH {
        let presents = Presents::chain(&[&issued], &issued);
        let config = client_config([server.authority.certificate()], version, Some(presents.clone()));
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let (info, seen) = handshake(&server.settings, None, &config, "example.net").await;
            assert_eq!(seen.unwrap().kind, kind);
            assert_eq!(info.unwrap().client_certificate.unwrap().validity, Valid);
        }
        assert_eq!(presents.asked.load(Ordering::Relaxed), 1);

        // Whom to trust has changed: what was resumed is judged by that, and can't hide behind the old session.
        let other = Roots::new([Authority::new("another authority").certificate()]).unwrap();
        server.settings.set_client_certificates(ClientCertificates::Requested { roots: other });
        let (info, seen) = handshake(&server.settings, None, &config, "example.net").await;
        assert_eq!(seen.unwrap().kind, HandshakeKind::Full);
        assert_eq!(info.unwrap().client_certificate.unwrap().validity, Untrusted);
        server.settings.set_client_certificates(ClientCertificates::Requested { roots: roots(&server.authority) });
    }
}

/// RFC 6120 §13.7.2: a certificate that was taken back is none.
#[tokio::test]
async fn revoked_certificates_are_untrusted() {
    let server = server();
    let revoked = server.authority.issue(&juliet(|params| params.serial_number = Some(SerialNumber::from(7u64))));
    let good = server.authority.issue(&juliet(|params| params.serial_number = Some(SerialNumber::from(8u64))));
    let list = support::revocation_list(&server.authority, 7, 2998);
    let roots = roots(&server.authority).revoking([list]).unwrap();
    server.settings.set_client_certificates(ClientCertificates::Requested { roots });
    for (issued, validity) in [(&revoked, Untrusted), (&good, Valid)] {
        let presents = Presents::chain(&[issued], issued);
        let config = client_config([server.authority.certificate()], &TLS13, Some(presents));
        let (info, _seen) = handshake(&server.settings, None, &config, "example.net").await;
        assert_eq!(info.unwrap().client_certificate.unwrap().validity, validity);
    }
}
