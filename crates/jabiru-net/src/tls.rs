//! TLS for the receiving entity: certificates by domain, one back end, channel-binding data
//! (RFC 6120 §5 and §13.7, RFC 5929, RFC 9266, XEP-0368).

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jabiru_negotiation::TlsInfo;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ProtocolVersion, ServerConfig, ServerConnection};
use sha2::{Digest, Sha256, Sha384, Sha512};

/// A certificate chain with its private key.
#[derive(Clone)]
pub struct Identity {
    key: Arc<CertifiedKey>,
    end_point: Option<Vec<u8>>,
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
        source: rustls::pki_types::pem::Error,
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
        let certificates = CertificateDer::pem_file_iter(chain)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|source| read("certificates", chain, source))?;
        if certificates.is_empty() {
            return Err(IdentityError::NoCertificate { path: chain.to_owned() });
        }
        let key = PrivateKeyDer::from_pem_file(key).map_err(|source| read("a private key", key, source))?;
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

    /// The server's own certificate, in DER.
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

/// What a listener needs to speak TLS for the domains it serves.
#[derive(Clone, Debug)]
pub struct TlsSettings {
    identities: Arc<Identities>,
    /// One configuration for each domain, which differ in the certificate for clients without SNI.
    configs: HashMap<String, Arc<ServerConfig>>,
    /// Whose identity is shown to who names no domain of these.
    first: String,
}

impl TlsSettings {
    /// Serves each domain with its identity: by the server name that the client indicates
    /// (RFC 6066 §3), else by the stream's `to`, else the first one. TLS 1.2 and 1.3.
    ///
    /// `alpn` is `xmpp-client` or `xmpp-server` for direct TLS (XEP-0368 §4), `None` for STARTTLS.
    ///
    /// # Errors
    /// `None` if there is no domain.
    #[must_use]
    pub fn new(domains: Vec<(String, Identity)>, alpn: Option<&str>) -> Option<TlsSettings> {
        let first = domains.first()?.0.clone();
        let names: Vec<String> = domains.iter().map(|(domain, _)| domain.clone()).collect();
        let identities = Arc::new(Identities { by_domain: domains.into_iter().collect() });
        let ticketer = aws_lc_rs::Ticketer::new().ok();
        let config = |fallback: &str| {
            let mut config = ServerConfig::builder_with_provider(provider())
                .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
                .expect("the provider has cipher suites for both versions")
                .with_no_client_auth()
                .with_cert_resolver(Arc::new(Resolver {
                    identities: identities.clone(),
                    fallback: fallback.to_owned(),
                }));
            // Stateless tickets: resumption costs the server no memory for each client.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            if let Some(ticketer) = &ticketer {
                config.ticketer = ticketer.clone();
                config.send_tls13_tickets = 1;
            }
            config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
            Arc::new(config)
        };
        let configs = names.iter().map(|domain| (domain.clone(), config(domain))).collect();
        Some(TlsSettings { identities, configs, first })
    }

    /// The configuration for a stream to `domain`, or for one that has not said yet.
    pub(crate) fn config(&self, domain: Option<&str>) -> Arc<ServerConfig> {
        self.configs[self.fallback(domain)].clone()
    }

    /// The domain whose identity is shown to a client without SNI.
    fn fallback<'a>(&'a self, domain: Option<&'a str>) -> &'a str {
        domain.filter(|domain| self.configs.contains_key(*domain)).unwrap_or(&self.first)
    }

    /// What negotiation has to know of a finished handshake that used [`config`](Self::config)
    /// of the same `domain`.
    pub(crate) fn info(&self, connection: &ServerConnection, domain: Option<&str>) -> TlsInfo {
        let server_name = connection.server_name().map(str::to_owned);
        let identity =
            self.identities.find(server_name.as_deref()).or_else(|| self.identities.find(Some(self.fallback(domain))));
        // RFC 9266 §4.2: before TLS 1.3 the exporter binds only with the extended master secret, which
        // rustls does not report; so it is offered with 1.3 alone.
        let exporter = (connection.protocol_version() == Some(ProtocolVersion::TLSv1_3))
            .then(|| connection.export_keying_material(vec![0; 32], b"EXPORTER-Channel-Binding", Some(&[])).ok())
            .flatten();
        TlsInfo {
            exporter,
            server_end_point: identity.and_then(|identity| identity.end_point.clone()),
            server_name,
            ..TlsInfo::default()
        }
    }
}

/// The one back end, passed explicitly: the process-wide default depends on features of distant
/// crates.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

#[derive(Debug)]
struct Identities {
    by_domain: HashMap<String, Identity>,
}

impl Identities {
    fn find(&self, domain: Option<&str>) -> Option<&Identity> {
        self.by_domain.get(domain?)
    }
}

#[derive(Debug)]
struct Resolver {
    identities: Arc<Identities>,
    fallback: String,
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let indicated = hello.server_name().map(str::to_ascii_lowercase);
        let identity =
            self.identities.find(indicated.as_deref()).or_else(|| self.identities.find(Some(&self.fallback)))?;
        Some(identity.key.clone())
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
