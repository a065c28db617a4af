//! TLS for the side that connects: a server that opens a stream to another one (RFC 6120 §5, §13.7; XEP-0178 §3).

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use jabiru_negotiation::TlsInfo;
use parking_lot::RwLock;
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ClientConnection, SignatureScheme};

use super::possession::ProofOfPossession;
use super::{Identity, provider};
use crate::certificate::a_labels;

/// What connections to other servers need to speak TLS: for each of our domains the certificate by which it proves
/// itself. Clones share it: what is [replaced](Self::replace) in one is replaced in all.
///
/// TLS 1.2 and 1.3, no resumption. The handshake succeeds with any certificate whose key the other side has, as long as
/// its chain has no more than 64 KiB: whether that certificate is good for the domain may take more questions than a
/// handshake can wait for (DANE, POSH), and is for the caller to judge before anything is said, with
/// [`verify_server`](crate::certificate::verify_server) on [`TlsInfo::peer_certificates`].
#[derive(Clone)]
pub struct ConnectingTls {
    configs: Arc<RwLock<Arc<Configs>>>,
}

/// Configurations by our domain, each with and without ALPN.
struct Configs {
    by_domain: HashMap<String, Pair>,
    /// For a domain without a certificate: nothing is shown.
    anonymous: Pair,
}

struct Pair {
    starttls: Arc<ClientConfig>,
    direct: Arc<ClientConfig>,
}

/// How TLS begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Beginning {
    /// Behind `<proceed/>` (RFC 6120 §5.4.2.3).
    StartTls,
    /// With the first octet: the protocol is named by ALPN (XEP-0368 §3).
    Direct,
}

impl ConnectingTls {
    /// Shows the identity of the domain that a stream is from. `alpn` is the protocol named in direct TLS: `xmpp-server`.
    #[must_use]
    pub fn new(domains: &[(String, Identity)], alpn: &str) -> ConnectingTls {
        ConnectingTls { configs: Arc::new(RwLock::new(Arc::new(Configs::new(domains, alpn)))) }
    }

    /// Shows these from now on; connections that are there go on.
    pub fn replace(&self, domains: &[(String, Identity)], alpn: &str) {
        let configs = Arc::new(Configs::new(domains, alpn));
        *self.configs.write() = configs;
    }

    /// The configuration of one handshake of `from`.
    pub(crate) fn config(&self, from: &str, beginning: Beginning) -> Arc<ClientConfig> {
        let configs = self.configs.read().clone();
        let key = normal(from);
        let pair = configs.by_domain.get(&key).unwrap_or(&configs.anonymous);
        match beginning {
            Beginning::StartTls => pair.starttls.clone(),
            Beginning::Direct => pair.direct.clone(),
        }
    }
}

/// How many domains, not their keys.
impl fmt::Debug for ConnectingTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectingTls").field("domains", &self.configs.read().by_domain.len()).finish()
    }
}

impl Configs {
    fn new(domains: &[(String, Identity)], alpn: &str) -> Configs {
        let by_domain =
            domains.iter().map(|(domain, identity)| (normal(domain), Pair::new(Some(identity), alpn))).collect();
        Configs { by_domain, anonymous: Pair::new(None, alpn) }
    }
}

impl Pair {
    fn new(identity: Option<&Identity>, alpn: &str) -> Pair {
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .expect("the provider has cipher suites for both versions")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(ProofOfPossession::new(MAX_CHAIN_BYTES)));
        let mut starttls = match identity {
            Some(identity) => builder.with_client_cert_resolver(Arc::new(Always(identity.key.clone()))),
            None => builder.with_no_client_auth(),
        };
        // A stream between servers lasts; and a resumed session would bring along a certificate that was judged long ago.
        starttls.resumption = Resumption::disabled();
        let mut direct = starttls.clone();
        direct.alpn_protocols = vec![alpn.as_bytes().to_vec()];
        Pair { starttls: Arc::new(starttls), direct: Arc::new(direct) }
    }
}

/// The name to ask for: the domain of the stream, not that of the machine (RFC 6120 §5.4.3.1; XEP-0368 §3).
pub(crate) fn server_name(domain: &str) -> Option<ServerName<'static>> {
    let bare = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(domain);
    if let Ok(address) = bare.parse::<std::net::IpAddr>() {
        return Some(ServerName::IpAddress(address.into()));
    }
    ServerName::try_from(a_labels(domain)?).ok()
}

/// What negotiation has to know of the finished handshake.
pub(crate) fn info(connection: &ClientConnection) -> TlsInfo {
    TlsInfo {
        peer_certificates: connection
            .peer_certificates()
            .map(|chain| chain.iter().map(|certificate| certificate.to_vec()).collect())
            .unwrap_or_default(),
        version: connection.protocol_version().and_then(super::version_name),
        cipher_suite: connection.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str()),
        application_protocol: connection.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned()),
        ..TlsInfo::default()
    }
}

/// What is no domain name, such as an IP address, stays as it is.
fn normal(domain: &str) -> String {
    a_labels(domain).unwrap_or_else(|| domain.to_owned())
}

/// Shows the one certificate there is, whatever authorities the other side names: many name those of their clients, and
/// accept others' all the same.
#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl ResolvesClientCert for Always {
    fn resolve(&self, _root_hint_subjects: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.key.choose_scheme(schemes).map(|_| self.0.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// Bytes of a chain from another server; [`verify_server`](crate::certificate::verify_server) looks at no more.
const MAX_CHAIN_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_to_ask_for() {
        for (domain, expected) in [
            ("im.example", Some("im.example")),
            ("bücher.example", Some("xn--bcher-kva.example")),
            ("192.0.2.1", Some("192.0.2.1")),
            ("[2001:db8::1]", Some("2001:db8::1")),
        ] {
            let name = server_name(domain).map(|name| name.to_str().into_owned());
            assert_eq!(name.as_deref(), expected, "{domain}");
        }
    }
}
