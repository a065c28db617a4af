//! Throw-away certificates: the server's, and those of clients that log in with EXTERNAL.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, OtherNameValue, SanType, date_time_ymd,
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
        let mut params = CertificateParams::default();
        // Not the default of two thousand years, for which ejabberd can't set its timer.
        params.not_after = date_time_ymd(2080, 1, 1);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name = common_name("A throw-away authority of the conformance suite");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let authority = Authority { issuer, folder: folder.to_owned() };
        std::fs::create_dir_all(folder)?;
        let path = authority.path();
        std::fs::write(&path, authority.issuer.pem()).with_context(|| format!("can't write {}", path.display()))?;
        Ok(authority)
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
        (params.not_before, params.not_after) = match wanted.validity {
            Validity::Now => (date_time_ymd(2020, 1, 1), date_time_ymd(2080, 1, 1)),
            Validity::Expired => (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1)),
            Validity::NotYet => (date_time_ymd(2079, 1, 1), date_time_ymd(2080, 1, 1)),
            Validity::Seconds(seconds) => {
                (date_time_ymd(2020, 1, 1), (SystemTime::now() + Duration::from_secs(seconds)).into())
            }
        };
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

fn common_name(name: &str) -> DistinguishedName {
    let mut distinguished_name = DistinguishedName::new();
    distinguished_name.push(DnType::CommonName, name);
    distinguished_name
}
