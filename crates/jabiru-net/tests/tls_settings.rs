//! Certificates by domain, replaced while they are in use; sessions resumed; renegotiation refused.
#![allow(clippy::unwrap_used, reason = "it is all test code")]

mod support;

use std::io::{Read, Write};
use std::sync::Arc;

use jabiru_net::{NoIdentity, TlsSettings, Wake};
use rustls::crypto::cipher::{OutboundChunks, OutboundPlainMessage};
use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConnection, ConnectionTrafficSecrets, ContentType, HandshakeKind, ProtocolVersion, SupportedCipherSuite,
};
use sha2::{Digest, Sha256};
use support::{Authority, Issued, LIMITS, LONG, client_config, dns_name, handshake, named, pair};

/// For `domain` and for a name that all have.
fn certificate(authority: &Authority, domain: &str) -> Issued {
    let mut params = named(domain);
    params.subject_alt_names.extend([dns_name(domain), dns_name("both.example")]);
    authority.issue(&params)
}

fn by_domain(domains: &[(&str, &Issued)]) -> Vec<(String, jabiru_net::Identity)> {
    domains.iter().map(|(domain, issued)| ((*domain).to_owned(), issued.identity())).collect()
}

/// RFC 6066 §3: a server name is indicated as A-labels, whatever a domain is called in addresses.
#[tokio::test]
async fn internationalized_domains_get_their_certificate() {
    let authority = Authority::new("the authority");
    let (one, two) = (certificate(&authority, "one.example"), certificate(&authority, "xn--bcher-kva.example"));
    let settings = TlsSettings::new(by_domain(&[("one.example", &one), ("bücher.example", &two)]), None).unwrap();
    let mut config = client_config([authority.certificate()], &TLS13, None);
    let (info, seen) = handshake(&settings, None, &config, "xn--bcher-kva.example").await;
    assert_eq!(seen.unwrap().certificate, two.certificate.as_ref());
    assert_eq!(info.unwrap().server_end_point, Some(Sha256::digest(&two.certificate).to_vec()));
    // Without an indicated name, the stream's `to` decides.
    config.enable_sni = false;
    let (_info, seen) = handshake(&settings, Some("bücher.example"), &config, "xn--bcher-kva.example").await;
    assert_eq!(seen.unwrap().certificate, two.certificate.as_ref());
}

/// RFC 6120 §13.7.2.3: certificates are renewed without a restart; who is connected stays so.
#[tokio::test]
async fn certificates_are_replaced_while_in_use() {
    let authority = Authority::new("the authority");
    let (old, new) = (certificate(&authority, "one.example"), certificate(&authority, "one.example"));
    let added = certificate(&authority, "two.example");
    let settings = TlsSettings::new(by_domain(&[("one.example", &old)]), None).unwrap();
    let config = client_config([authority.certificate()], &TLS13, None);

    let (mut connection, mut socket) = pair(LIMITS).await;
    let client_settings = config.clone();
    let client = std::thread::spawn(move || {
        let name = ServerName::try_from("one.example").unwrap();
        let mut session = ClientConnection::new(Arc::new(client_settings), name).unwrap();
        while session.is_handshaking() {
            session.complete_io(&mut socket).unwrap();
        }
        rustls::StreamOwned::new(session, socket)
    });
    // A clone is the same: this is how a listener holds it.
    let in_listener = settings.clone();
    connection.receive_tls(&in_listener, None, LONG).await.unwrap();
    let mut client = client.join().unwrap();

    assert_eq!(settings.replace(Vec::new()), Err(NoIdentity));
    settings.replace(by_domain(&[("one.example", &new), ("two.example", &added)])).unwrap();

    for (domain, issued) in [("one.example", &new), ("two.example", &added)] {
        let (info, seen) = handshake(&in_listener, None, &config, domain).await;
        assert_eq!(seen.unwrap().certificate, issued.certificate.as_ref());
        assert_eq!(info.unwrap().server_end_point, Some(Sha256::digest(&issued.certificate).to_vec()));
    }

    client.write_all(b"still here").unwrap();
    match tokio::time::timeout(LONG, connection.next(None)).await.unwrap().unwrap() {
        Wake::Received(chunk) => assert_eq!(&*chunk, b"still here"),
        other => panic!("{other:?}"),
    }
    let finishing = tokio::spawn(connection.finish(b"good bye", LONG));
    let farewell = tokio::task::spawn_blocking(move || {
        let mut farewell = String::new();
        client.read_to_string(&mut farewell).map(|_| farewell)
    });
    assert_eq!(farewell.await.unwrap().unwrap(), "good bye");
    finishing.await.unwrap();
}

/// RFC 5929 §4: who resumes a session keeps the certificate of its first handshake, so a ticket must not lead to
/// another one.
#[tokio::test]
async fn sessions_are_resumed_only_with_the_certificate_that_they_began_with() {
    let authority = Authority::new("the authority");
    for version in [&TLS12, &TLS13] {
        let (old, new) = (certificate(&authority, "one.example"), certificate(&authority, "one.example"));
        let other = certificate(&authority, "two.example");
        let settings = TlsSettings::new(by_domain(&[("one.example", &old), ("two.example", &other)]), None).unwrap();
        let mut config = client_config([authority.certificate()], version, None);
        for (kind, issued) in [(HandshakeKind::Full, &old), (HandshakeKind::Resumed, &old), (HandshakeKind::Full, &new)]
        {
            if std::ptr::eq(issued, &new) {
                settings.replace(by_domain(&[("one.example", &new), ("two.example", &other)])).unwrap();
            }
            let (info, seen) = handshake(&settings, None, &config, "one.example").await;
            let (info, seen) = (info.unwrap(), seen.unwrap());
            assert_eq!(seen.kind, kind);
            assert_eq!(seen.certificate, issued.certificate.as_ref());
            assert_eq!(info.server_end_point, Some(Sha256::digest(&issued.certificate).to_vec()));
        }
        // A client without SNI, which takes both domains for one server: its tickets are all for that.
        config = client_config([authority.certificate()], version, None);
        config.enable_sni = false;
        for (to, kind, issued) in [
            ("one.example", HandshakeKind::Full, &new),
            ("one.example", HandshakeKind::Resumed, &new),
            ("two.example", HandshakeKind::Full, &other),
        ] {
            let (info, seen) = handshake(&settings, Some(to), &config, "both.example").await;
            let (info, seen) = (info.unwrap(), seen.unwrap());
            assert_eq!((seen.kind, &seen.certificate[..]), (kind, issued.certificate.as_ref()), "{to}");
            assert_eq!(info.server_end_point, Some(Sha256::digest(&issued.certificate).to_vec()));
        }
    }
}

/// RFC 6120 §5.3.5: who does not support renegotiation closes the connection of who asks for it, at once.
#[tokio::test]
async fn renegotiation_ends_the_connection() {
    const RECORD_HEADER_BYTES: usize = 5;
    let authority = Authority::new("the authority");
    let issued = certificate(&authority, "one.example");
    let settings = TlsSettings::new(by_domain(&[("one.example", &issued)]), None).unwrap();
    let mut config = client_config([authority.certificate()], &TLS12, None);
    config.enable_secret_extraction = true;
    let (mut connection, mut socket) = pair(LIMITS).await;
    let client = std::thread::spawn(move || {
        socket.set_read_timeout(Some(LONG)).unwrap();
        let name = ServerName::try_from("one.example").unwrap();
        let config = Arc::new(config);
        let mut session = ClientConnection::new(config.clone(), name.clone()).unwrap();
        while session.is_handshaking() {
            session.complete_io(&mut socket).unwrap();
        }
        let Some(SupportedCipherSuite::Tls12(suite)) = session.negotiated_cipher_suite() else { panic!("not TLS 1.2") };
        // rustls does not renegotiate as a client either: so its keys are taken, and the record is made here.
        let (sequence, secrets) = session.dangerous_extract_secrets().unwrap().tx;
        let (ConnectionTrafficSecrets::Aes128Gcm { key, iv } | ConnectionTrafficSecrets::Aes256Gcm { key, iv }) =
            secrets
        else {
            panic!("not AES-GCM")
        };
        let (fixed, explicit) = iv.as_ref().split_at(4);
        let mut hello = Vec::new();
        ClientConnection::new(config, name).unwrap().write_tls(&mut hello).unwrap();
        let record = OutboundPlainMessage {
            typ: ContentType::Handshake,
            version: ProtocolVersion::TLSv1_2,
            payload: OutboundChunks::Single(&hello[RECORD_HEADER_BYTES..]),
        };
        let mut encrypter = suite.aead_alg.encrypter(key, fixed, explicit);
        socket.write_all(&encrypter.encrypt(record, sequence).unwrap().encode()).unwrap();
        // Nothing is said about it, in XML or otherwise.
        let mut answer = Vec::new();
        let _ = socket.read_to_end(&mut answer);
        answer
    });
    connection.receive_tls(&settings, None, LONG).await.unwrap();
    let error = tokio::time::timeout(LONG, connection.next(None)).await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "the other side asked for a renegotiation of TLS");
    drop(connection);
    assert_eq!(client.join().unwrap(), b"");
}
