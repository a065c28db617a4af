//! TLS for the receiving entity: certificates by domain, one back end, channel-binding data
//! (RFC 6120 §5 and §13.7, RFC 5929, RFC 9266, XEP-0368).
//!
//! TLS 1.2 is spoken without renegotiation, which rustls does not implement: a [`Connection`](crate::Connection) whose
//! peer asks for it ends at once (RFC 6120 §5.3.5). So the handshake that was authenticated is the only one that a
//! stream ever has.

mod client_certificates;
mod identity;
mod settings;

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};

pub use client_certificates::ClientCertificates;
pub use identity::{Identity, IdentityError};
pub use settings::{NoIdentity, TlsSettings};

/// The one back end, passed explicitly: the process-wide default depends on features of distant
/// crates.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}
