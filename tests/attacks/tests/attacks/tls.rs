//! TLS itself (incidents 15, 18).

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jabiru_attacks::peer::header;
use jabiru_attacks::scene::{MALLORY, PASSWORD};
use jabiru_attacks::wire::{auth, trusting, trusting_by};
use jabiru_attacks::{HEADER, Scene, Wire};
use jabiru_test_support::PATIENCE;
use rcgen::{CertificateParams, DnType, KeyPair, SanType};
use rustls::client::ResolvesClientCert;
use rustls::crypto::aws_lc_rs::cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256;
use rustls::crypto::cipher::{
    InboundOpaqueMessage, MessageDecrypter, MessageEncrypter, OutboundChunks, OutboundPlainMessage,
};
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::CertifiedKey;
use rustls::{
    ClientConfig, ClientConnection, ConnectionTrafficSecrets, ContentType, ProtocolVersion, SignatureScheme,
    SupportedCipherSuite,
};

/// A handshake message that begins a handshake, as a TLS 1.2 client makes it, without its record header.
fn client_hello(config: &ClientConfig) -> Vec<u8> {
    let name = "localhost".try_into().expect("a name");
    let mut session = ClientConnection::new(Arc::new(config.clone()), name).expect("a session");
    let mut record = Vec::new();
    session.write_tls(&mut record).expect("the first flight");
    record.split_off(5)
}

type Cipher = (Box<dyn MessageEncrypter>, Box<dyn MessageDecrypter>);

/// What protects the records of a TLS 1.2 connection, from the secrets of both directions.
fn cipher(
    suite: SupportedCipherSuite,
    sending: ConnectionTrafficSecrets,
    receiving: ConnectionTrafficSecrets,
) -> Cipher {
    let SupportedCipherSuite::Tls12(suite) = suite else { panic!("TLS 1.2") };
    let parts = |secrets| match secrets {
        ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => (key, iv),
        _ => panic!("nothing else was offered"),
    };
    let ((key, iv), (peer_key, peer_iv)) = (parts(sending), parts(receiving));
    (suite.aead_alg.encrypter(key, iv.as_ref(), &[]), suite.aead_alg.decrypter(peer_key, peer_iv.as_ref()))
}

/// A record of TLS: its type and its content.
fn record(socket: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let mut header = [0; 5];
    socket.read_exact(&mut header).ok()?;
    let mut content = vec![0; usize::from(u16::from_be_bytes([header[3], header[4]]))];
    socket.read_exact(&mut content).ok()?;
    Some((header[0], content))
}

/// Incident 15: a client that asks for a new handshake within TLS 1.2 is cut off (RFC 6120 §5.3.5); no handshake ever
/// begins. TLS 1.3 has no renegotiation.
#[test]
fn renegotiation() {
    let scene = Scene::new("[s2s]\nsystem_authorities = false\nrequire = \"dialback\"\n");
    renegotiates(&scene, scene.server.direct_tls(), HEADER);
    renegotiates(&scene, scene.server.s2s_direct_tls(), &header("evil.example", "localhost", ""));
    scene.end();
}

fn renegotiates(scene: &Scene, address: SocketAddr, header: &str) {
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    // Its records need nothing but a key, a nonce and their number.
    provider.cipher_suites = vec![TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256];
    let mut config = trusting_by(provider, &scene.server.certificate(), &[&rustls::version::TLS12]);
    config.enable_secret_extraction = true;
    let mut wire = Wire::connect(address).start_tls(config.clone()).expect("the handshake succeeds");
    wire.open(header);
    let suite = wire.session().negotiated_cipher_suite().expect("a suite");
    let (mut socket, session) = wire.into_parts();
    let secrets = session.expect("TLS").dangerous_extract_secrets().expect("it was enabled");
    let ((mut sent, sending), (mut received, receiving)) = (secrets.tx, secrets.rx);
    let (mut encrypter, mut decrypter) = cipher(suite, sending, receiving);

    let hello = client_hello(&config);
    let mut ask = |socket: &mut TcpStream| {
        let message = OutboundPlainMessage {
            typ: ContentType::Handshake,
            version: ProtocolVersion::TLSv1_2,
            payload: OutboundChunks::Single(&hello),
        };
        let bytes = encrypter.encrypt(message, sent).expect("it fits").encode();
        sent += 1;
        socket.write_all(&bytes).is_ok()
    };
    let mut answer = |socket: &mut TcpStream| {
        let (kind, mut content) = record(socket)?;
        let opaque = InboundOpaqueMessage::new(ContentType::from(kind), ProtocolVersion::TLSv1_2, &mut content);
        let plain = decrypter.decrypt(opaque, received).expect("of this connection, in order");
        received += 1;
        assert_eq!(plain.typ, ContentType::Alert, "no handshake, no data: {:?}", plain.payload);
        Some([plain.payload[0], plain.payload[1]])
    };
    // Of the alert nothing need be heard: it is the connection that has to end (§5.3.5), by the first request already.
    assert!(ask(&mut socket));
    let begin = Instant::now();
    let alerts: Vec<[u8; 2]> = std::iter::from_fn(|| answer(&mut socket)).collect();
    assert!(begin.elapsed() < PATIENCE / 2, "the connection goes on");
    assert!(matches!(alerts[..], [] | [[1, 100]] | [[1, 100], [1, 0]]), "{alerts:?}");
    // And nobody listens any more.
    let gone = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(5));
        !ask(&mut socket)
    });
    assert!(gone, "the server takes more");
}

/// Incident 15: handshakes that are begun and not finished, many at once, cost a bounded amount of memory each, end
/// with the time for negotiation, and leave nothing.
#[test]
fn handshakes_that_are_never_finished() {
    let scene = Scene::new("[limits]\nnegotiation_timeout_seconds = 3\n");
    let files = scene.server.open_files();
    scene.server.forget_peak();
    let before = scene.server.peak_bytes();
    let hello = {
        let config = trusting(&scene.server.certificate());
        let name = "localhost".try_into().expect("a name");
        let mut session = ClientConnection::new(Arc::new(config), name).expect("a session");
        let mut record = Vec::new();
        session.write_tls(&mut record).expect("the first flight");
        record
    };
    let mut longest = hello.clone();
    // A handshake message that claims to be 16 MiB long, of which a little comes.
    longest[6..9].copy_from_slice(&[0xff, 0xff, 0xff]);
    let proceed = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
    let mut attackers = Vec::new();
    for number in 0..300 {
        let mut wire = if number % 3 == 0 {
            let mut wire = Wire::connect(scene.server.starttls());
            wire.open(HEADER);
            wire.send(proceed);
            wire.hear("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
            wire
        } else {
            Wire::connect(scene.server.direct_tls())
        };
        match number % 5 {
            0 => {}
            1 => drop(wire.send(&hello[..hello.len() / 2])),
            2 => drop(wire.send(&hello)),
            3 => drop(wire.send(&longest)),
            _ => drop(wire.send([0x16, 3, 1, 0xff, 0xff])),
        }
        attackers.push(wire);
    }
    for mut wire in attackers {
        let ended = wire.ended();
        assert!(ended == "silence" || ended == "cut", "{ended}");
    }
    if let (Some(before), Some(peak)) = (before, scene.server.peak_bytes()) {
        let bound = 300 * 96 * 1024;
        assert!(peak < before + bound, "{} bytes more", peak - before);
    }
    scene.server_has_at_most(files);
    scene.end();
}

/// Says whether the server has asked for a certificate.
#[derive(Debug)]
struct Asked(AtomicBool, Arc<CertifiedKey>);

impl ResolvesClientCert for Asked {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.store(true, Ordering::Relaxed);
        Some(self.1.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// Incident 18, as the receiving side: certificates of clients are not asked for, so whatever one says, EXTERNAL is
/// not to be had by it; and the server's own certificate is its domain's alone.
#[test]
fn certificates_of_clients_prove_nothing() {
    let scene = Scene::new("");
    for name in ["juliet@localhost", "localhost", "CN=juliet@localhost,"] {
        let mut params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
        params.distinguished_name.push(DnType::CommonName, name);
        params.distinguished_name.push(DnType::OrganizationalUnitName, "CN=juliet@localhost,");
        // id-on-xmppAddr (RFC 6120 §13.7.1.4)
        let xmpp_addr = (vec![1, 3, 6, 1, 5, 5, 7, 8, 5], rcgen::OtherNameValue::Utf8String("juliet@localhost".into()));
        params.subject_alt_names.push(SanType::OtherName(xmpp_addr));
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate").der().clone();
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let certified = CertifiedKey::from_der(vec![certificate], key, &provider).expect("they belong together");
        let asked = Arc::new(Asked(AtomicBool::new(false), Arc::new(certified)));
        let mut config = trusting(&scene.server.certificate());
        config.client_auth_cert_resolver = asked.clone();
        let mut wire = Wire::connect(scene.server.direct_tls()).start_tls(config).expect("the handshake succeeds");
        let features = wire.open(HEADER);
        assert!(
            !asked.0.load(Ordering::Relaxed),
            "certificates of clients have to be verified once they are asked for"
        );
        assert!(!features.contains("EXTERNAL"), "{features}");
        for message in [&b""[..], b"juliet@localhost"] {
            wire.send(auth("EXTERNAL", message));
            assert_eq!(wire.sasl_answer(), "invalid-mechanism");
        }
    }
    let other = Wire::connect(scene.server.direct_tls())
        .start_tls_with("other.example", trusting(&scene.server.certificate()))
        .expect_err("another name");
    assert!(other.to_string().contains("certificate"), "{other}");
    drop(Wire::bound(&scene.server, MALLORY, PASSWORD, "cell"));
    scene.end();
}
