//! Certificates made for tests, and both ends of a TLS handshake.
#![allow(dead_code, reason = "each test program uses its part")]

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use jabiru_negotiation::TlsInfo;
use jabiru_net::{Admission, Connection, ConnectionLimits, Identity, Listener, TlsSettings};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DistinguishedName, DnType, IsCa, KeyPair,
    OtherNameValue, SanType, date_time_ymd,
};
use rustls::client::{ResolvesClientCert, WebPkiServerVerifier};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned, SupportedProtocolVersion};

pub(crate) const LIMITS: ConnectionLimits = ConnectionLimits::new(64 * 1024, Duration::from_secs(30));
pub(crate) const LONG: Duration = Duration::from_secs(30);
pub(crate) const XMPP_ADDR: [u64; 9] = [1, 3, 6, 1, 5, 5, 7, 8, 5];
pub(crate) const DNS_SRV: [u64; 9] = [1, 3, 6, 1, 5, 5, 7, 8, 7];

pub(crate) fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// A certification authority.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new(name: &str) -> Authority {
        Authority(CertifiedIssuer::self_signed(Self::params(name), KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn params(name: &str) -> CertificateParams {
        let mut params = named(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
    }

    pub(crate) fn certificate(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    pub(crate) fn issuer(&self) -> &CertifiedIssuer<'static, KeyPair> {
        &self.0
    }

    pub(crate) fn issue(&self, params: &CertificateParams) -> Issued {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap().der().clone();
        Issued { certificate, key: PrivateKeyDer::try_from(key.serialize_der()).unwrap() }
    }
}

/// A certificate and its key.
pub(crate) struct Issued {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) key: PrivateKeyDer<'static>,
}

impl Issued {
    pub(crate) fn identity(&self) -> Identity {
        Identity::new(vec![self.certificate.clone()], self.key.clone_key()).unwrap()
    }
}

/// The list of this authority that takes one certificate back, and ends with this year.
pub(crate) fn revocation_list(
    authority: &Authority,
    serial: u64,
    last_year: i32,
) -> rustls::pki_types::CertificateRevocationListDer<'static> {
    let revoked = rcgen::RevokedCertParams {
        serial_number: serial.into(),
        revocation_time: date_time_ymd(2020, 1, 1),
        reason_code: None,
        invalidity_date: None,
    };
    let list = rcgen::CertificateRevocationListParams {
        this_update: date_time_ymd(2020, 1, 1),
        next_update: date_time_ymd(last_year, 12, 31),
        crl_number: 1u64.into(),
        issuing_distribution_point: None,
        revoked_certs: vec![revoked],
        key_identifier_method: rcgen::KeyIdMethod::Sha256,
    };
    list.signed_by(authority.issuer()).unwrap().into()
}

/// A certificate with this common name and nothing else.
pub(crate) fn named(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params
}

pub(crate) fn xmpp_address(address: &str) -> SanType {
    SanType::OtherName((XMPP_ADDR.to_vec(), OtherNameValue::Utf8String(address.to_owned())))
}

pub(crate) fn dns_name(name: &str) -> SanType {
    SanType::DnsName(name.try_into().unwrap())
}

pub(crate) async fn pair(limits: ConnectionLimits) -> (Connection, TcpStream) {
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), Admission::new(10, 10)).unwrap();
    let client = TcpStream::connect(listener.local_address().unwrap()).unwrap();
    let (socket, peer, _admitted) = listener.accept().await;
    (Connection::new(socket, peer, limits).unwrap(), client)
}

/// A client that trusts these certificates.
pub(crate) fn client_config(
    roots: impl IntoIterator<Item = CertificateDer<'static>>,
    version: &'static SupportedProtocolVersion,
    certificate: Option<Arc<dyn ResolvesClientCert>>,
) -> ClientConfig {
    let mut store = RootCertStore::empty();
    for root in roots {
        store.add(root).unwrap();
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider()).build().unwrap();
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[version])
        .unwrap()
        .with_webpki_verifier(verifier);
    match certificate {
        Some(certificate) => builder.with_client_cert_resolver(certificate),
        None => builder.with_no_client_auth(),
    }
}

/// What a client saw of a handshake.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) certificate: Vec<u8>,
    pub(crate) exporter: Vec<u8>,
    pub(crate) kind: HandshakeKind,
}

/// One handshake for a stream to `to`, to its end; both sides say something and close.
pub(crate) async fn handshake(
    settings: &TlsSettings,
    to: Option<&str>,
    config: &ClientConfig,
    server_name: &str,
) -> (io::Result<TlsInfo>, io::Result<Seen>) {
    let (mut connection, mut socket) = pair(LIMITS).await;
    let config = Arc::new(config.clone());
    let name = ServerName::try_from(server_name.to_owned()).unwrap();
    let client = std::thread::spawn(move || {
        socket.set_read_timeout(Some(LONG))?;
        let mut session = ClientConnection::new(config, name).unwrap();
        while session.is_handshaking() {
            session.complete_io(&mut socket)?;
        }
        let mut tls = StreamOwned::new(session, socket);
        tls.write_all(b"hello")?;
        let mut farewell = String::new();
        tls.read_to_string(&mut farewell)?;
        assert_eq!(farewell, "bye");
        io::Result::Ok(Seen {
            certificate: tls.conn.peer_certificates().unwrap()[0].to_vec(),
            exporter: tls.conn.export_keying_material(vec![0; 32], b"EXPORTER-Channel-Binding", Some(&[])).unwrap(),
            kind: tls.conn.handshake_kind().unwrap(),
        })
    });
    let info = connection.receive_tls(settings, to, LONG).await;
    if info.is_ok() {
        match connection.next(None).await.unwrap() {
            jabiru_net::Wake::Received(chunk) => assert_eq!(&*chunk, b"hello"),
            other => panic!("{other:?}"),
        }
        connection.finish(b"bye", LONG).await;
    } else {
        drop(connection);
    }
    (info, client.join().unwrap())
}

/// A certificate with this subjectAltName, each name in DER.
pub(crate) fn with_names(common_name: &str, names: &[Vec<u8>]) -> CertificateParams {
    let mut params = named(common_name);
    if !names.is_empty() {
        let content = tlv(0x30, &names.concat());
        params.custom_extensions.push(CustomExtension::from_oid_content(&[2, 5, 29, 17], content));
    }
    params
}

pub(crate) fn dns_id(name: &str) -> Vec<u8> {
    tlv(0x82, name.as_bytes())
}

pub(crate) fn uri_id(uri: &str) -> Vec<u8> {
    tlv(0x86, uri.as_bytes())
}

pub(crate) fn email(address: &str) -> Vec<u8> {
    tlv(0x81, address.as_bytes())
}

/// An SRVName (RFC 4985 §2): an IA5String.
pub(crate) fn srv_id(name: &str) -> Vec<u8> {
    other_name(7, 0x16, name.as_bytes())
}

/// An XmppAddr (RFC 6120 §13.7.1.4): a UTF8String.
pub(crate) fn xmpp_addr(address: &str) -> Vec<u8> {
    other_name(5, 0x0c, address.as_bytes())
}

/// An otherName of type 1.3.6.1.5.5.7.8.`kind`, with a string of this tag.
pub(crate) fn other_name(kind: u8, tag: u8, text: &[u8]) -> Vec<u8> {
    let oid = tlv(0x06, &[0x2b, 6, 1, 5, 5, 7, 8, kind]);
    tlv(0xa0, &[oid, tlv(0xa0, &tlv(tag, text))].concat())
}

/// One value in DER.
pub(crate) fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).unwrap().to_be_bytes();
    let head = match content.len() {
        0..=0x7f => vec![tag, low],
        0x80..=0xff => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    [&head, content].concat()
}
