//! TLS for both ends: certificates by domain, one back end, channel-binding data
//! (RFC 6120 §5 and §13.7, RFC 5929, RFC 9266, XEP-0368).
//!
//! TLS 1.2 is spoken without renegotiation, which rustls does not implement: a [`Connection`](crate::Connection) whose
//! peer asks for it ends at once (RFC 6120 §5.3.5). So the handshake that was authenticated is the only one that a
//! stream ever has.

mod client_certificates;
mod connecting;
mod identity;
mod possession;
mod settings;

use std::sync::Arc;

use rustls::ProtocolVersion;
use rustls::crypto::{CryptoProvider, aws_lc_rs};

pub use client_certificates::ClientCertificates;
pub use connecting::{Beginning, ConnectingTls};
pub(crate) use connecting::{info as connecting_info, server_name};
pub use identity::{Identity, IdentityError};
pub use settings::{NoIdentity, TlsSettings};

/// The name of a version, as the RFCs of TLS write it.
fn version_name(version: ProtocolVersion) -> Option<&'static str> {
    match version {
        ProtocolVersion::TLSv1_2 => Some("TLSv1.2"),
        ProtocolVersion::TLSv1_3 => Some("TLSv1.3"),
        // None other is spoken.
        _ => None,
    }
}

/// The one back end, passed explicitly: the process-wide default depends on features of distant
/// crates.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}
