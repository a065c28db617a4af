//! `cargo xtask certs`: a throw-away certification authority and server certificates for tests.
//!
//! The authority's key is not kept: what it signed is all it will ever sign. Certificates name
//! their domain as RFC 6120 §13.7.1.2 wants it: a DNS-ID and, if asked for, SRV-IDs.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, date_time_ymd,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Where to write ca.crt and, for each domain, DOMAIN.crt and DOMAIN.key
    folder: PathBuf,
    /// A domain to certify
    #[arg(long = "domain", value_name = "DOMAIN", required = true)]
    domains: Vec<String>,
    /// Add the SRV-IDs _xmpp-client.DOMAIN and _xmpp-server.DOMAIN
    #[arg(long)]
    srv_names: bool,
}

/// When certificates end: not after the default of two thousand years, for which ejabberd can't set its timer.
const LAST_YEAR: i32 = 2080;

/// The files of one domain.
#[derive(Debug)]
pub(crate) struct ServerCertificate {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let authority = write_authority(&arguments.folder)?;
    for domain in &arguments.domains {
        let files = authority.certify(&arguments.folder, domain, arguments.srv_names)?;
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
    fs::create_dir_all(folder).with_context(|| format!("can't create {}", folder.display()))?;
    let mut params = CertificateParams::default();
    params.not_after = date_time_ymd(LAST_YEAR, 1, 1);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name = common_name("Jabiru's throw-away test authority");
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let path = folder.join("ca.crt");
    fs::write(&path, issuer.pem()).with_context(|| format!("can't write {}", path.display()))?;
    Ok(Authority { issuer, path })
}

impl Authority {
    /// Writes `DOMAIN.crt` and `DOMAIN.key` (readable by the owner alone) into `folder`.
    pub(crate) fn certify(&self, folder: &Path, domain: &str, srv_names: bool) -> Result<ServerCertificate> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(vec![domain.to_owned()])?;
        params.not_after = date_time_ymd(LAST_YEAR, 1, 1);
        params.distinguished_name = common_name(domain);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        if srv_names {
            params.subject_alt_names.clear();
            params.custom_extensions.push(alternative_names(domain)?);
        }
        let certificate = params.signed_by(&key, &self.issuer)?;
        let files = ServerCertificate {
            certificate: folder.join(format!("{domain}.crt")),
            key: folder.join(format!("{domain}.key")),
        };
        fs::write(&files.certificate, certificate.pem())
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
}
