//! The judge as another server: it connects to the subject as the server of a domain of its own, and takes the streams
//! that the subject opens to that domain.
//!
//! [`PeerServer`] is what a case holds. It has a domain that no other case has, a listener that the name server
//! ([`Dns`]) leads the subject to, and a certificate. What it says on a stream is up to the case, which has the
//! connection as a [`Client`](crate::Client); or it answers as [`Offers`] say, see [`PeerServer::receives`].

pub mod dns;
mod incoming;
mod peer;

use std::sync::Arc;

pub use self::dns::{Dns, Srv};
pub use self::incoming::{Incoming, Offers};
pub use self::peer::PeerServer;

use crate::subject::Authority;

/// Where the subject takes streams of other servers, and how it finds those.
#[derive(Clone, Debug)]
pub struct ServerSide {
    /// `host:port` for servers that begin in clear.
    pub starttls: String,
    /// `host:port` for servers that begin with TLS.
    pub direct_tls: Option<String>,
    /// Whom it asks for the addresses of other domains.
    pub dns: Arc<Dns>,
    /// Does it ask it for the addresses of hosts, too? Otherwise it asks its operating system.
    pub asks_for_addresses: bool,
    /// Whose signatures it accepts.
    pub authority: Arc<Authority>,
}
