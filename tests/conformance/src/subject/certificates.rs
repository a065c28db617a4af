//! Throw-away certificates: the server's, and those of clients and other servers that prove themselves with EXTERNAL.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, OtherNameValue, SanType, date_time_ymd,
};
use rustls::RootCertStore;
use rustls::pki_types::PrivateKeyDer;

use crate::client::{Identity, Trust};

/// id-on-xmppAddr (RFC 6120 §13.7.1.4).
const XMPP_ADDR: [u64; 9] = [1, 3, 6, 1, 5, 5, 7, 8, 5];

/// A certification authority that is thrown away with the run.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
}

/// A client certificate, as a case wants it.
#[derive(Clone, Debug, Default)]
pub struct ClientCertificate<'a> {
    /// Its XmppAddr identifiers.
    pub addresses: &'a [&'a str],
    /// Its DNS-IDs.
    pub domains: &'a [&'a str],
    /// When it is good.
    pub validity: Validity,
}

/// The certificate of another server, as a case wants it.
#[derive(Clone, Debug, Default)]
pub struct ServerCertificate<'a> {
    /// Its DNS-IDs, in ASCII.
    pub dns: &'a [&'a str],
    /// Its SRV-IDs, such as `_xmpp-server.verona.example`.
    pub srv: &'a [&'a str],
    /// Its XmppAddr identifiers, which are domains.
    pub addresses: &'a [&'a str],
    /// The common name of its subject.
    pub common_name: Option<&'a str>,
    /// What it says it is for.
    pub usage: Usage,
    /// When it is good.
    pub validity: Validity,
}

/// What a certificate says it is for (its extended key usage).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Usage {
    /// Both ends of TLS.
    #[default]
    Both,
    /// Servers alone, as public authorities issue them.
    Server,
    /// It does not say.
    Unsaid,
}

/// When a certificate is good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Validity {
    /// Now.
    #[default]
    Now,
    /// No longer.
    Expired,
    /// Not yet.
    NotYet,
    /// For so many seconds from now on.
    Seconds(u64),
}

impl Authority {
    /// Makes one, and keeps its certificate in `folder`.
    ///
    /// # Errors
    /// If the folder can't be written.
    pub fn new(folder: &Path) -> Result<Authority> {
        let authority = Authority::with_key(folder, KeyPair::generate()?)?;
        std::fs::create_dir_all(folder)?;
        let path = authority.path();
        std::fs::write(&path, authority.issuer.pem()).with_context(|| format!("can't write {}", path.display()))?;
        Ok(authority)
    }

    /// The one that is kept in `folder` with its key, for servers that have to be told whom to trust beforehand; made if
    /// there is none.
    ///
    /// # Errors
    /// If the folder can't be read or written.
    pub fn kept(folder: &Path) -> Result<Authority> {
        let path = folder.join("authority.key");
        if path.exists() {
            let text = std::fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))?;
            return Authority::with_key(folder, KeyPair::from_pem(&text)?);
        }
        let authority = Authority::new(folder)?;
        std::fs::write(&path, authority.issuer.key().serialize_pem())?;
        restrict(&path)?;
        Ok(authority)
    }

    fn with_key(folder: &Path, key: KeyPair) -> Result<Authority> {
        let mut params = CertificateParams::default();
        // Not the default of two thousand years, for which ejabberd can't set its timer.
        params.not_after = date_time_ymd(2080, 1, 1);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name = common_name("A throw-away authority of the conformance suite");
        let issuer = CertifiedIssuer::self_signed(params, key)?;
        Ok(Authority { issuer, folder: folder.to_owned() })
    }

    /// Its certificate, in PEM.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.join("authority.crt")
    }

    /// Where certificates are kept.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Trust in what it has signed.
    ///
    /// # Panics
    /// If its own certificate is none.
    #[must_use]
    pub fn trust(&self) -> Trust {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).expect("its own certificate is one");
        Trust::Roots(Arc::new(roots))
    }

    /// Writes `NAME.crt` and `NAME.key` of a server of these domains; the two paths.
    ///
    /// # Errors
    /// If they can't be written.
    pub fn certify_server(&self, name: &str, domains: &[&str]) -> Result<(PathBuf, PathBuf)> {
        let key = KeyPair::generate()?;
        let domains: Vec<String> = domains.iter().map(|domain| (*domain).to_owned()).collect();
        let mut params = CertificateParams::new(domains)?;
        params.not_after = date_time_ymd(2080, 1, 1);
        params.distinguished_name = common_name(name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let (certificate_path, key_path) =
            (self.folder.join(format!("{name}.crt")), self.folder.join(format!("{name}.key")));
        std::fs::write(&certificate_path, certificate.pem())?;
        std::fs::write(&key_path, key.serialize_pem())?;
        restrict(&key_path)?;
        Ok((certificate_path, key_path))
    }

    /// A client's certificate with its key.
    ///
    /// # Panics
    /// If it can't be made: what is asked for comes from a case.
    #[must_use]
    pub fn certify_client(&self, wanted: &ClientCertificate<'_>) -> Arc<Identity> {
        self.certify(&Authority::client_params(wanted))
    }

    /// What [`certify_client`](Self::certify_client) asks for, to be changed by a case.
    ///
    /// # Panics
    /// As [`certify_client`](Self::certify_client).
    #[must_use]
    pub fn client_params(wanted: &ClientCertificate<'_>) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name = common_name("A client of the conformance suite");
        wanted.validity.apply(&mut params);
        let address = |address: &&str| {
            SanType::OtherName((XMPP_ADDR.to_vec(), OtherNameValue::Utf8String((*address).to_owned())))
        };
        params.subject_alt_names.extend(wanted.addresses.iter().map(address));
        for domain in wanted.domains {
            params.subject_alt_names.push(SanType::DnsName((*domain).try_into().expect("a DNS name")));
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        params
    }

    /// The certificate of another server, with its key.
    ///
    /// # Panics
    /// As [`certify_client`](Self::certify_client).
    #[must_use]
    pub fn certify_peer(&self, wanted: &ServerCertificate<'_>) -> Arc<Identity> {
        self.certify(&wanted.params())
    }

    /// The same, signed by nobody but itself.
    ///
    /// # Panics
    /// As [`certify_client`](Self::certify_client).
    #[must_use]
    pub fn self_signed(wanted: &ServerCertificate<'_>) -> Arc<Identity> {
        let key = KeyPair::generate().expect("a key");
        let certificate = wanted.params().self_signed(&key).expect("a certificate");
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key in PKCS #8");
        Arc::new(Identity { chain: vec![certificate.der().clone()], key })
    }

    /// Signs a certificate as a case wants it, with its key.
    ///
    /// # Panics
    /// As [`certify_client`](Self::certify_client).
    #[must_use]
    pub fn certify(&self, params: &CertificateParams) -> Arc<Identity> {
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key in PKCS #8");
        Arc::new(Identity { chain: vec![certificate.der().clone()], key })
    }
}

impl ServerCertificate<'_> {
    fn params(&self) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name = common_name(self.common_name.unwrap_or("A server of the conformance suite"));
        self.validity.apply(&mut params);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = match self.usage {
            Usage::Server => vec![ExtendedKeyUsagePurpose::ServerAuth],
            Usage::Both => vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth],
            Usage::Unsaid => Vec::new(),
        };
        params.use_authority_key_identifier_extension = true;
        if !(self.dns.is_empty() && self.srv.is_empty() && self.addresses.is_empty()) {
            params.custom_extensions.push(alternative_names(self));
        }
        params
    }
}

impl Validity {
    fn apply(self, params: &mut CertificateParams) {
        (params.not_before, params.not_after) = match self {
            Validity::Now => (date_time_ymd(2020, 1, 1), date_time_ymd(2080, 1, 1)),
            Validity::Expired => (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1)),
            Validity::NotYet => (date_time_ymd(2079, 1, 1), date_time_ymd(2080, 1, 1)),
            Validity::Seconds(seconds) => {
                (date_time_ymd(2020, 1, 1), (SystemTime::now() + Duration::from_secs(seconds)).into())
            }
        };
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// Lets nobody but its owner read a file.
fn restrict(path: &Path) -> Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    }
    let _ = path;
    Ok(())
}

/// A subjectAltName extension, put together here because an SRV-ID is an `IA5String` (RFC 4985), which rcgen can't write.
fn alternative_names(wanted: &ServerCertificate<'_>) -> CustomExtension {
    const SUBJECT_ALT_NAME: [u64; 4] = [2, 5, 29, 17];
    const SEQUENCE: u8 = 0x30;
    const DNS_NAME: u8 = 0x82;
    const IA5_STRING: u8 = 0x16;
    const UTF8_STRING: u8 = 0x0c;
    /// id-on-dnsSRV and id-on-xmppAddr.
    const IDENTIFIERS: [[u8; 8]; 2] = [[0x2b, 6, 1, 5, 5, 7, 8, 7], [0x2b, 6, 1, 5, 5, 7, 8, 5]];

    let mut names: Vec<u8> = wanted.dns.iter().flat_map(|name| tlv(DNS_NAME, name.as_bytes())).collect();
    let [srv, address] = IDENTIFIERS;
    for (identifier, kind, values) in [(srv, IA5_STRING, wanted.srv), (address, UTF8_STRING, wanted.addresses)] {
        names.extend(values.iter().flat_map(|value| other_name(&identifier, &tlv(kind, value.as_bytes()))));
    }
    CustomExtension::from_oid_content(&SUBJECT_ALT_NAME, tlv(SEQUENCE, &names))
}

fn other_name(identifier: &[u8], value: &[u8]) -> Vec<u8> {
    const OBJECT_IDENTIFIER: u8 = 0x06;
    const OTHER_NAME: u8 = 0xa0;
    const EXPLICIT: u8 = 0xa0;
    tlv(OTHER_NAME, &[tlv(OBJECT_IDENTIFIER, identifier), tlv(EXPLICIT, value)].concat())
}

/// One DER value: tag, length, content of at most 65,535 bytes.
fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("no certificate of the suite has names that long");
    let [high, low] = length.to_be_bytes();
    let head = match length {
        0..=0x7f => vec![tag, low],
        0x80..=0xff => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    [head.as_slice(), content].concat()
}

fn common_name(name: &str) -> DistinguishedName {
    let mut distinguished_name = DistinguishedName::new();
    distinguished_name.push(DnType::CommonName, name);
    distinguished_name
}
