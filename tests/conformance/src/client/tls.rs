//! How TLS is set up, on either side.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    CipherSuite, ClientConfig, DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig, SignatureScheme,
    SupportedProtocolVersion,
};

/// Which server certificates are accepted.
#[derive(Clone, Debug)]
pub enum Trust {
    /// Those that lead to one of these.
    Roots(Arc<RootCertStore>),
    /// Any: the server's certificate is not what is judged.
    Anything,
}

/// A certificate and its key, shown to servers that ask for one.
#[derive(Debug)]
pub struct Identity {
    /// The certificate, then those that lead to its root.
    pub chain: Vec<CertificateDer<'static>>,
    /// Its private key.
    pub key: PrivateKeyDer<'static>,
}

/// What may differ from one TLS session to the next.
#[derive(Clone, Debug, Default)]
pub struct TlsOptions {
    /// Only these versions; empty for 1.2 and 1.3.
    pub versions: Vec<&'static SupportedProtocolVersion>,
    /// Only these cipher suites; empty for all that the library has.
    pub suites: Vec<CipherSuite>,
    /// The client's certificate.
    pub identity: Option<Arc<Identity>>,
    /// The name that is asked for by SNI and looked for in the certificate, instead of the domain's.
    pub server_name: Option<String>,
    /// ALPN protocols, such as `xmpp-client` (XEP-0368).
    pub alpn: Vec<&'static str>,
    /// Send no server name (SNI).
    pub without_sni: bool,
    /// Set once the server asks for a client certificate; without [`identity`](Self::identity) it gets none.
    pub asked: Option<Arc<AtomicBool>>,
}

impl TlsOptions {
    /// With this client certificate.
    #[must_use]
    pub fn with_identity(identity: Arc<Identity>) -> TlsOptions {
        TlsOptions { identity: Some(identity), ..TlsOptions::default() }
    }

    /// In this version alone.
    #[must_use]
    pub fn with_version(version: &'static SupportedProtocolVersion) -> TlsOptions {
        TlsOptions { versions: vec![version], ..TlsOptions::default() }
    }

    fn versions(&self) -> &[&'static SupportedProtocolVersion] {
        if self.versions.is_empty() { rustls::ALL_VERSIONS } else { self.versions.as_slice() }
    }

    fn provider(&self) -> Arc<CryptoProvider> {
        let mut provider = aws_lc_rs::default_provider();
        provider.cipher_suites.retain(|suite| self.suites.is_empty() || self.suites.contains(&suite.suite()));
        Arc::new(provider)
    }

    pub(crate) fn config(&self, trust: &Trust) -> Arc<ClientConfig> {
        let builder = ClientConfig::builder_with_provider(self.provider())
            .with_protocol_versions(self.versions())
            .expect("the provider has cipher suites for every version");
        let builder = match trust {
            Trust::Roots(roots) => builder.with_root_certificates(Arc::clone(roots)),
            Trust::Anything => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Indifferent(aws_lc_rs::default_provider()))),
        };
        let mut config = match (&self.identity, &self.asked) {
            (None, None) => builder.with_no_client_auth(),
            (None, Some(asked)) => builder.with_client_cert_resolver(Arc::new(Asked(Arc::clone(asked)))),
            // A case may show a certificate whose key it has not: so nothing is checked here.
            (Some(identity), _) => {
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity.certified())))
            }
        };
        config.enable_sni = !self.without_sni;
        config.alpn_protocols = self.alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config)
    }

    /// For the other end of TLS, where a server connects to us: it is asked for a certificate, and may show any.
    ///
    /// # Panics
    /// Without an [`identity`](Self::identity).
    pub(crate) fn server_config(&self) -> Arc<ServerConfig> {
        let identity = self.identity.as_ref().expect("who takes TLS connections has a certificate");
        let verifier = Arc::new(Indifferent(aws_lc_rs::default_provider()));
        let mut config = ServerConfig::builder_with_provider(self.provider())
            .with_protocol_versions(self.versions())
            .expect("the provider has cipher suites for every version")
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(identity.certified())));
        config.alpn_protocols = self.alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config)
    }
}

impl Identity {
    fn certified(&self) -> CertifiedKey {
        let key = aws_lc_rs::sign::any_supported_type(&self.key).expect("a key that can be used");
        CertifiedKey::new(self.chain.clone(), key)
    }
}

/// Notes that a certificate was asked for, and has none.
#[derive(Debug)]
struct Asked(Arc<AtomicBool>);

impl ResolvesClientCert for Asked {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.store(true, Ordering::Relaxed);
        None
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// Takes any certificate, if who shows it only has its key.
#[derive(Debug)]
struct Indifferent(CryptoProvider);

impl ServerCertVerifier for Indifferent {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

impl ClientCertVerifier for Indifferent {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        ServerCertVerifier::verify_tls12_signature(self, message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        ServerCertVerifier::verify_tls13_signature(self, message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ServerCertVerifier::supported_verify_schemes(self)
    }
}
