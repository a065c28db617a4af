//! Asking clients for certificates, without judging them before the stream is there to say what is
//! wrong with them (RFC 6120 §13.7.2.2; XEP-0178 §2).

use std::sync::Arc;
use std::time::SystemTime;

use jabiru_negotiation::ClientCertificate;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, ServerConnection, SignatureScheme,
};

use crate::certificate::{Roots, client_certificate};

/// What to do about certificates of clients.
#[derive(Clone, Debug, Default)]
pub enum ClientCertificates {
    /// Clients are not asked for any.
    #[default]
    Ignored,
    /// Clients are asked for one, and may do without. With TLS 1.2 it travels in clear.
    ///
    /// The handshake succeeds with any certificate whose key the client has, so that SASL can tell what is wrong
    /// with it; [`TlsInfo::client_certificate`](jabiru_negotiation::TlsInfo) says whether it is valid. Only a
    /// chain of more than 16 KiB, or what is no certificate at all, ends the handshake.
    Requested {
        /// The authorities whose certificates are valid.
        roots: Roots,
    },
    /// Those that connect are servers, and asked for the certificates of their domains (XEP-0178 §3); they may do
    /// without. The handshake is as with `Requested`, but what is presented is handed on as it is, in
    /// [`TlsInfo::peer_certificates`](jabiru_negotiation::TlsInfo), to be judged once the stream says which domain it
    /// is to prove (RFC 6120 §13.7.2.1).
    OfServers,
}

/// Bytes of a chain from a client. Connections without a certificate cost nothing for it; the TLS library keeps the
/// chain of the others for as long as they last.
const MAX_CHAIN_BYTES: usize = 16 * 1024;

impl ClientCertificates {
    pub(super) fn verifier(&self) -> Arc<dyn ClientCertVerifier> {
        match self {
            ClientCertificates::Ignored => WebPkiClientVerifier::no_client_auth(),
            ClientCertificates::Requested { .. } | ClientCertificates::OfServers => {
                let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
                Arc::new(ProofOfPossession { algorithms })
            }
        }
    }

    /// Who the client is, after a handshake with the [`verifier`](Self::verifier). A resumed session brings the
    /// certificate of its first handshake along, which is judged anew.
    pub(super) fn judge(&self, connection: &ServerConnection) -> Option<ClientCertificate> {
        match self {
            ClientCertificates::Ignored | ClientCertificates::OfServers => None,
            ClientCertificates::Requested { roots } => {
                client_certificate(connection.peer_certificates()?, roots, SystemTime::now())
            }
        }
    }
}

impl ClientCertificates {
    /// What servers presented, their own certificate first, in DER.
    pub(super) fn chain(&self, connection: &ServerConnection) -> Vec<Vec<u8>> {
        let presented = match self {
            ClientCertificates::OfServers => connection.peer_certificates(),
            // What is kept is kept for as long as the stream lasts, so only where somebody looks at it.
            ClientCertificates::Ignored | ClientCertificates::Requested { .. } => None,
        };
        presented.map(|chain| chain.iter().map(|certificate| certificate.to_vec()).collect()).unwrap_or_default()
    }
}

/// Lets any certificate pass whose key the other side has.
#[derive(Debug)]
struct ProofOfPossession {
    algorithms: WebPkiSupportedAlgorithms,
}

#[derive(Debug, thiserror::Error)]
#[error("the certificate chain has more than {MAX_CHAIN_BYTES} bytes")]
struct ChainTooLarge;

impl ClientCertVerifier for ProofOfPossession {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    /// None: with a list, clients would keep back what is not issued by one of these, and could not be told that it
    /// is not trusted; and it would be sent with each handshake.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    /// Looks at nothing but the size: see [`ClientCertificates::judge`].
    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let bytes = end_entity.len() + intermediates.iter().map(|certificate| certificate.len()).sum::<usize>();
        if bytes > MAX_CHAIN_BYTES {
            return Err(CertificateError::Other(OtherError(Arc::new(ChainTooLarge))).into());
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
