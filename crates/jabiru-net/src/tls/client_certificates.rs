//! Asking clients for certificates, without judging them before the stream is there to say what is
//! wrong with them (RFC 6120 §13.7.2.2; XEP-0178 §2).

use std::sync::Arc;
use std::time::SystemTime;

use jabiru_negotiation::ClientCertificate;
use rustls::ServerConnection;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

use super::possession::ProofOfPossession;
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

/// Bytes of a chain from whoever connects. Connections without a certificate cost nothing for it; the TLS library keeps the
/// chain of the others for as long as they last.
const MAX_CHAIN_BYTES: usize = 16 * 1024;

impl ClientCertificates {
    pub(super) fn verifier(&self) -> Arc<dyn ClientCertVerifier> {
        match self {
            ClientCertificates::Ignored => WebPkiClientVerifier::no_client_auth(),
            ClientCertificates::Requested { .. } | ClientCertificates::OfServers => {
                Arc::new(ProofOfPossession::new(MAX_CHAIN_BYTES))
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
