//! Certificates of clients: what attackers show, and a scene in which they are asked for.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use jabiru_attacks::wire::{auth, trusting};
use jabiru_attacks::{HEADER, Scene, Wire};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DnType, IsCa, Issuer, KeyPair,
    OtherNameValue, SanType,
};
use rustls::client::ResolvesClientCert;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, SignatureScheme};
use tempfile::TempDir;

/// RFC 6120 §13.7.1.4.
const ID_ON_XMPP_ADDR: [u64; 9] = [1, 3, 6, 1, 5, 5, 7, 8, 5];

/// A scene with EXTERNAL, and the authority that it trusts.
pub(crate) struct Certified {
    pub(crate) scene: Scene,
    pub(crate) authority: CertifiedIssuer<'static, KeyPair>,
    _folder: TempDir,
}

impl Certified {
    pub(crate) fn new(settings: &str) -> Certified {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let authority = authority("The authority");
        let path: PathBuf = folder.path().join("authority.crt");
        std::fs::write(&path, authority.pem()).expect("it is written");
        let scene = Scene::new(&format!(
            "[c2s]\nmechanisms = [\"EXTERNAL\", \"SCRAM-SHA-256-PLUS\", \"SCRAM-SHA-256\", \"PLAIN\"]\n\
             client_certificates = {path:?}\n{settings}"
        ));
        Certified { scene, authority, _folder: folder }
    }

    /// A certificate by the authority, with its key.
    pub(crate) fn certify(&self, change: impl FnOnce(&mut CertificateParams)) -> Shown {
        Shown::new(change, Some(&self.authority), vec![])
    }

    /// Connects with a certificate.
    pub(crate) fn connect(&self, shown: &Shown, header: &str) -> io::Result<(Wire, String)> {
        let config = shown.config(trusting(&self.scene.server.certificate()));
        let mut wire = Wire::connect(self.scene.server.direct_tls()).start_tls(config)?;
        wire.send(header);
        // A certificate that is refused after the handshake of TLS 1.3 ends the connection only now.
        let features = wire.hears("</stream:features>").ok_or(io::ErrorKind::ConnectionAborted)?;
        Ok((wire, features))
    }

    /// Asks for EXTERNAL: whether it was offered, and as whom the stream is authenticated, or why not.
    pub(crate) fn attempt(&self, shown: &Shown, authzid: &[u8]) -> (bool, String) {
        let (mut wire, features) = self.connect(shown, HEADER).expect("any certificate may be shown");
        let offered = features.contains("<mechanism>EXTERNAL</mechanism>");
        wire.send(auth("EXTERNAL", authzid));
        let answer = wire.sasl_answer();
        (offered, if answer == "success" { whoami(&mut wire) } else { answer })
    }
}

/// What a client shows, and signs with.
pub(crate) struct Shown(pub(crate) Arc<CertifiedKey>);

impl Shown {
    pub(crate) fn new(
        change: impl FnOnce(&mut CertificateParams),
        issuer: Option<&Issuer<'static, KeyPair>>,
        above: Vec<CertificateDer<'static>>,
    ) -> Shown {
        let mut params = CertificateParams::default();
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let certificate = match issuer {
            Some(issuer) => params.signed_by(&key, issuer),
            None => params.self_signed(&key),
        };
        let chain = [vec![certificate.expect("a certificate").der().clone()], above].concat();
        Shown::of(chain, &key)
    }

    pub(crate) fn of(chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> Shown {
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let signing = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).expect("a key that signs");
        Shown(Arc::new(CertifiedKey::new(chain, signing)))
    }

    pub(crate) fn config(&self, mut config: ClientConfig) -> ClientConfig {
        config.client_auth_cert_resolver = Arc::new(Always(self.0.clone()));
        config
    }
}

/// Shows it, whoever asks for what.
#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl ResolvesClientCert for Always {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

pub(crate) fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a certificate")
}

pub(crate) fn xmpp_addr(address: &str) -> SanType {
    SanType::OtherName((ID_ON_XMPP_ADDR.to_vec(), OtherNameValue::Utf8String(address.to_owned())))
}

pub(crate) fn addresses(list: &[&str]) -> impl FnOnce(&mut CertificateParams) {
    let list: Vec<SanType> = list.iter().map(|address| xmpp_addr(address)).collect();
    move |params| params.subject_alt_names = list
}

/// As whom the stream is authenticated: the bare JID that it gets bound.
pub(crate) fn whoami(wire: &mut Wire) -> String {
    wire.open(HEADER);
    wire.send("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
    let answer = wire.hear("</iq>");
    let jid = answer.split("<jid>").nth(1).and_then(|rest| rest.split('/').next());
    jid.unwrap_or_else(|| panic!("no address: {answer}")).to_owned()
}

/// An extension with alternative names that rcgen would not write: one XmppAddr in a string of another type.
pub(crate) fn oddly_typed(tag: u8, address: &str) -> CustomExtension {
    other_name(5, tag, address)
}

/// The same with an SRVName (RFC 4985), in the type of string that it has to have.
pub(crate) fn srv_name(name: &str) -> CustomExtension {
    other_name(7, 0x16, name)
}

/// An alternative name of one of the kinds in the arc `id-on`.
fn other_name(kind: u8, tag: u8, address: &str) -> CustomExtension {
    let wrap = |tag: u8, content: &[u8]| [&[tag, u8::try_from(content.len()).expect("short")], content].concat();
    let oid = wrap(6, &[0x2b, 6, 1, 5, 5, 7, 8, kind]);
    let value = wrap(0xa0, &wrap(tag, address.as_bytes()));
    let names = wrap(0x30, &wrap(0xa0, &[oid, value].concat()));
    CustomExtension::from_oid_content(&[2, 5, 29, 17], names)
}
