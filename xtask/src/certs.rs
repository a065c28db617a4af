//! `cargo xtask certs`: a throw-away certification authority, and certificates of servers and clients for tests.
//!
//! The authority's key is not kept: what it signed is all it will ever sign. Certificates of servers
//! name their domain as RFC 6120 §13.7.1.2 wants it: a DNS-ID and, if asked for, SRV-IDs. Those of
//! clients have the address of an account as XmppAddr (§13.7.1.3), for SASL EXTERNAL.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, OtherNameValue, PublicKeyData, SanType, date_time_ymd,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Where to write ca.crt and, for each domain and client, NAME.crt and NAME.key
    folder: PathBuf,
    /// A domain to certify
    #[arg(long = "domain", value_name = "DOMAIN", required_unless_present = "clients")]
    domains: Vec<String>,
    /// An account to certify as a client, such as juliet@localhost; several addresses with a comma between them
    /// go into one certificate, whose files have the name of the first
    #[arg(long = "client", value_name = "ADDRESS[,ADDRESS]")]
    clients: Vec<String>,
    /// Add the SRV-IDs _xmpp-client.DOMAIN and _xmpp-server.DOMAIN
    #[arg(long)]
    srv_names: bool,
}

/// When certificates end: not after the default of two thousand years, for which ejabberd can't set its timer.
const LAST_YEAR: i32 = 2080;

/// The files of one domain or client.
#[derive(Debug)]
pub(crate) struct CertificateFiles {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    /// The SubjectPublicKeyInfo of the certificate (DER).
    pub(crate) public_key: Vec<u8>,
}

/// What is special about the certificate of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trait {
    /// Nothing: it is good for a server, now.
    Plain,
    /// It may be used by clients too, which some servers ask of servers that connect to them.
    ForClientsToo,
    /// It has ended.
    Expired,
}

/// The files of a server.
pub(crate) type ServerCertificate = CertificateFiles;

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let authority = write_authority(&arguments.folder)?;
    for domain in &arguments.domains {
        let files = authority.certify(&arguments.folder, domain, arguments.srv_names)?;
        println!("{}\n{}", files.certificate.display(), files.key.display());
    }
    for addresses in &arguments.clients {
        let addresses: Vec<&str> = addresses.split(',').collect();
        let files = authority.certify_client(&arguments.folder, &addresses)?;
        println!("{}\n{}", files.certificate.display(), files.key.display());
    }
    println!("{}", authority.path.display());
    Ok(())
}

/// A certification authority whose certificate is on disk.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    /// `ca.crt`.
    pub(crate) path: PathBuf,
}

/// Makes an authority and writes `ca.crt` into `folder`, which is created if missing.
pub(crate) fn write_authority(folder: &Path) -> Result<Authority> {
    write_authority_called(folder, "Jabiru's throw-away test authority")
}

/// The same, for an authority with a name of its own.
pub(crate) fn write_authority_called(folder: &Path, name: &str) -> Result<Authority> {
    fs::create_dir_all(folder).with_context(|| format!("can't create {}", folder.display()))?;
    let mut params = CertificateParams::default();
    params.not_after = date_time_ymd(LAST_YEAR, 1, 1);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name = common_name(name);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let path = folder.join("ca.crt");
    fs::write(&path, issuer.pem()).with_context(|| format!("can't write {}", path.display()))?;
    Ok(Authority { issuer, path })
}

impl Authority {
    /// Writes `DOMAIN.crt` and `DOMAIN.key` (readable by the owner alone) into `folder`.
    pub(crate) fn certify(&self, folder: &Path, domain: &str, srv_names: bool) -> Result<ServerCertificate> {
        let mut params = server(domain)?;
        if srv_names {
            params.subject_alt_names.clear();
            params.custom_extensions.push(alternative_names(domain)?);
        }
        self.write(folder, domain, &params, &KeyPair::generate()?)
    }

    /// Writes `NAME.crt` and `NAME.key` into `folder`, for a server of `domain`.
    pub(crate) fn certify_as(
        &self,
        folder: &Path,
        name: &str,
        domain: &str,
        special: Trait,
    ) -> Result<CertificateFiles> {
        let mut params = server(domain)?;
        match special {
            Trait::Plain => {}
            Trait::ForClientsToo => params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth),
            Trait::Expired => {
                (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
            }
        }
        self.write(folder, name, &params, &KeyPair::generate()?)
    }

    /// Writes `ADDRESS.crt` and `ADDRESS.key` (readable by the owner alone) into `folder`, with the first address as
    /// name: a client's certificate with each address as an XmppAddr (RFC 6120 §13.7.1.4).
    pub(crate) fn certify_client(&self, folder: &Path, addresses: &[&str]) -> Result<CertificateFiles> {
        let first = addresses.first().context("a client needs an address")?;
        self.write(folder, first, &client(first, addresses)?, &KeyPair::generate()?)
    }

    fn write(&self, folder: &Path, name: &str, params: &CertificateParams, key: &KeyPair) -> Result<CertificateFiles> {
        write_files(folder, name, &params.signed_by(key, &self.issuer)?.pem(), key)
    }
}

/// Writes `DOMAIN.crt`, for a server and signed by itself, and `DOMAIN.key` into `folder`.
pub(crate) fn self_sign(folder: &Path, domain: &str) -> Result<CertificateFiles> {
    let key = KeyPair::generate()?;
    let mut params = server(domain)?;
    params.use_authority_key_identifier_extension = false;
    write_files(folder, domain, &params.self_signed(&key)?.pem(), &key)
}

fn write_files(folder: &Path, name: &str, certificate: &str, key: &KeyPair) -> Result<CertificateFiles> {
    let files = CertificateFiles {
        certificate: folder.join(format!("{name}.crt")),
        key: folder.join(format!("{name}.key")),
        public_key: key.subject_public_key_info(),
    };
    fs::write(&files.certificate, certificate)
        .with_context(|| format!("can't write {}", files.certificate.display()))?;
    fs::OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(&files.key)
        .and_then(|mut file| file.write_all(key.serialize_pem().as_bytes()))
        .with_context(|| format!("can't write {}", files.key.display()))?;
    Ok(files)
}

/// What the certificate of a server says: its domain, as a DNS-ID.
fn server(domain: &str) -> Result<CertificateParams> {
    let mut params = CertificateParams::new(vec![domain.to_owned()])?;
    params.not_after = date_time_ymd(LAST_YEAR, 1, 1);
    params.distinguished_name = common_name(domain);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

/// What the certificate of a client says: its addresses, as what it proves for SASL EXTERNAL.
fn client(name: &str, addresses: &[&str]) -> Result<CertificateParams> {
    const ID_ON_XMPP_ADDR: [u64; 9] = [1, 3, 6, 1, 5, 5, 7, 8, 5];

    for address in addresses {
        let parts = address.split_once('@').filter(|(account, domain)| !account.is_empty() && !domain.is_empty());
        ensure!(parts.is_some() && !address.contains('/'), "{address}: not the address of an account");
    }
    let mut params = CertificateParams::default();
    params.not_after = date_time_ymd(LAST_YEAR, 1, 1);
    params.distinguished_name = common_name(name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    let xmpp_address = |address: &&str| {
        SanType::OtherName((ID_ON_XMPP_ADDR.to_vec(), OtherNameValue::Utf8String((*address).to_owned())))
    };
    params.subject_alt_names = addresses.iter().map(xmpp_address).collect();
    Ok(params)
}

fn common_name(name: &str) -> DistinguishedName {
    let mut distinguished_name = DistinguishedName::new();
    distinguished_name.push(DnType::CommonName, name);
    distinguished_name
}

/// A subjectAltName extension with a DNS-ID and two SRV-IDs.
///
/// An SRV-ID is an otherName of type id-on-dnsSRV (RFC 4985), an IA5String, which rcgen can't
/// write: so the extension is put together here.
fn alternative_names(domain: &str) -> Result<CustomExtension> {
    const SUBJECT_ALT_NAME: [u64; 4] = [2, 5, 29, 17];
    const SEQUENCE: u8 = 0x30;
    const OBJECT_IDENTIFIER: u8 = 0x06;
    const IA5_STRING: u8 = 0x16;
    const DNS_NAME: u8 = 0x82;
    const OTHER_NAME: u8 = 0xa0;
    const OTHER_NAME_VALUE: u8 = 0xa0;
    const ID_ON_DNS_SRV: [u8; 8] = [0x2b, 6, 1, 5, 5, 7, 8, 7];

    ensure!(domain.is_ascii(), "{domain}: write an internationalized domain as A-labels");
    let mut names = tlv(DNS_NAME, domain.as_bytes())?;
    for service in ["_xmpp-client", "_xmpp-server"] {
        let name = tlv(IA5_STRING, format!("{service}.{domain}").as_bytes())?;
        let mut other_name = tlv(OBJECT_IDENTIFIER, &ID_ON_DNS_SRV)?;
        other_name.extend(tlv(OTHER_NAME_VALUE, &name)?);
        names.extend(tlv(OTHER_NAME, &other_name)?);
    }
    Ok(CustomExtension::from_oid_content(&SUBJECT_ALT_NAME, tlv(SEQUENCE, &names)?))
}

/// One DER value: tag, length, content of at most 65,535 bytes.
fn tlv(tag: u8, content: &[u8]) -> Result<Vec<u8>> {
    let length = u16::try_from(content.len()).context("too long for a certificate")?;
    let [high, low] = length.to_be_bytes();
    let mut value = match length {
        0..=0x7f => vec![tag, low],
        0x80..=0xff => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    value.extend_from_slice(content);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_written_and_keys_are_private() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let authority = write_authority(folder.path()).unwrap();
        let files = authority.certify(folder.path(), "example.org", true).unwrap();
        assert!(fs::read_to_string(&authority.path).unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
        assert!(fs::read_to_string(&files.certificate).unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
        assert!(fs::read_to_string(&files.key).unwrap().contains("PRIVATE KEY"));
        assert_eq!(fs::metadata(&files.key).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn clients_are_certified_by_address() {
        let folder = tempfile::tempdir().unwrap();
        let authority = write_authority(folder.path()).unwrap();
        let files = authority.certify_client(folder.path(), &["juliet@localhost", "nurse@localhost"]).unwrap();
        assert_eq!(files.key, folder.path().join("juliet@localhost.key"));
        assert!(fs::read_to_string(&files.certificate).unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
        // id-on-xmppAddr, and a UTF8String that is explicitly tagged.
        let identifier = b"\x06\x08\x2b\x06\x01\x05\x05\x07\x08\x05\xa0\x11\x0c\x0fnurse@localhost";
        let params = client("juliet@localhost", &["juliet@localhost", "nurse@localhost"]).unwrap();
        let der = params.signed_by(&KeyPair::generate().unwrap(), &authority.issuer).unwrap().der().to_vec();
        assert!(der.windows(identifier.len()).any(|part| part == identifier));
        for wrong in ["localhost", "@localhost", "juliet@", "juliet@localhost/balcony", "../a/b@localhost", ""] {
            assert!(authority.certify_client(folder.path(), &[wrong]).is_err(), "{wrong}");
        }
    }
}
