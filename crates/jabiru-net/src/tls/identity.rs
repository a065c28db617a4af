//! A server's certificate with its key (RFC 6120 §13.7.1), and what binds a channel to it (RFC 5929 §4.1).

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::provider;
use crate::pem_file;

/// A certificate chain with its private key.
#[derive(Clone)]
pub struct Identity {
    pub(super) key: Arc<CertifiedKey>,
    pub(super) end_point: Option<Vec<u8>>,
}

/// Why a certificate and its key can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// A PEM file that can't be read, or holds something else.
    #[error("can't read {what} from {}: {source}", path.display())]
    Read {
        /// "certificates" or "a private key"
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the reader says.
        source: pem::Error,
    },
    /// The file with the chain holds no certificate.
    #[error("no certificate in {}", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// The key is of no known kind, or does not belong to the certificate.
    #[error("certificate and private key can't be used together: {0}")]
    Mismatch(#[source] rustls::Error),
}

impl Identity {
    /// Reads a chain (the server's own certificate first) and its key from PEM files.
    ///
    /// # Errors
    /// See [`IdentityError`]; the message names the file.
    pub fn from_pem_files(chain: &Path, key: &Path) -> Result<Identity, IdentityError> {
        let read = |what, path: &Path, source| IdentityError::Read { what, path: path.to_owned(), source };
        let certificates: Vec<CertificateDer<'static>> =
            pem_file::read(chain).map_err(|source| read("certificates", chain, source))?;
        if certificates.is_empty() {
            return Err(IdentityError::NoCertificate { path: chain.to_owned() });
        }
        let keys = pem_file::read(key).map_err(|source| read("a private key", key, source))?;
        let none = || read("a private key", key, pem::Error::NoItemsFound);
        let key: PrivateKeyDer<'static> = keys.into_iter().next().ok_or_else(none)?;
        Identity::new(certificates, key)
    }

    /// Takes a chain, the server's own certificate first, and its key.
    ///
    /// # Errors
    /// [`IdentityError::Mismatch`] if the key does not belong to the first certificate.
    pub fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Identity, IdentityError> {
        let key = CertifiedKey::from_der(chain, key, &provider()).map_err(IdentityError::Mismatch)?;
        let end_point = key.cert.first().and_then(|certificate| server_end_point(certificate));
        Ok(Identity { key: Arc::new(key), end_point })
    }

    /// The server's own certificate, in DER. [`Certificate`](crate::certificate::Certificate) reads it, for example
    /// to warn before it expires.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        self.key.cert.first().map_or(&[], |certificate| certificate.as_ref())
    }
}

impl fmt::Debug for Identity {
    /// The private key is not shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("certificates", &self.key.cert.len()).finish_non_exhaustive()
    }
}

/// The `tls-server-end-point` binding of a certificate (RFC 5929 §4.1): its hash by the hash
/// function of its signature, SHA-256 instead of MD5 and SHA-1. `None` where that is undefined.
fn server_end_point(certificate: &CertificateDer<'_>) -> Option<Vec<u8>> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let algorithm = parsed.signature_algorithm.algorithm.to_id_string();
    let hash = match algorithm.as_str() {
        // md5, sha1, sha224 and sha256 with RSA; ecdsa with SHA-1, SHA-224 and SHA-256. SHA-224 is not on offer
        // from any authority; its certificates get no binding.
        "1.2.840.113549.1.1.4"
        | "1.2.840.113549.1.1.5"
        | "1.2.840.113549.1.1.11"
        | "1.2.840.10045.4.1"
        | "1.2.840.10045.4.3.2" => Sha256::digest(certificate).to_vec(),
        "1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3" => Sha384::digest(certificate).to_vec(),
        "1.2.840.113549.1.1.13" | "1.2.840.10045.4.3.4" => Sha512::digest(certificate).to_vec(),
        // RSA-PSS names its hash in parameters, Ed25519 has none: undefined (RFC 5929 §4.1).
        _ => return None,
    };
    Some(hash)
}
