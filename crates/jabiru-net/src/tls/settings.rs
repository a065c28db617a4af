//! What a listener needs to speak TLS, replaceable while it is in use.

use std::collections::HashMap;
use std::sync::Arc;

use jabiru_negotiation::TlsInfo;
use parking_lot::{Mutex, RwLock};
use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ProtocolVersion, ServerConfig, ServerConnection};

use super::{ClientCertificates, Identity, provider};
use crate::certificate::a_labels;

/// What a listener needs to speak TLS for the domains it serves. Clones share it: what is
/// [replaced](Self::replace) in one is replaced in all.
#[derive(Clone, Debug)]
pub struct TlsSettings {
    shared: Arc<Shared>,
}

/// There is no domain, so there is no certificate to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("TLS needs a certificate for one domain at least")]
pub struct NoIdentity;

#[derive(Debug)]
struct Shared {
    alpn: Vec<Vec<u8>>,
    /// Read once for each handshake.
    current: RwLock<Arc<Configs>>,
    /// Held while the next configurations are made, so that no replacement is lost.
    replacing: Mutex<()>,
}

impl TlsSettings {
    /// Serves each domain with its identity: by the server name that the client indicates
    /// (RFC 6066 §3), else by the stream's `to`, else the first one. TLS 1.2 and 1.3. Clients are not asked for
    /// certificates, see [`set_client_certificates`](Self::set_client_certificates).
    ///
    /// `alpn` is `xmpp-client` or `xmpp-server` for direct TLS (XEP-0368 §4), `None` for STARTTLS.
    ///
    /// # Errors
    /// [`NoIdentity`] if there is no domain.
    pub fn new(domains: Vec<(String, Identity)>, alpn: Option<&str>) -> Result<TlsSettings, NoIdentity> {
        let alpn: Vec<Vec<u8>> = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        let current = Configs::new(Identities::new(domains)?, ClientCertificates::Ignored, &alpn);
        let shared = Shared { alpn, current: RwLock::new(Arc::new(current)), replacing: Mutex::default() };
        Ok(TlsSettings { shared: Arc::new(shared) })
    }

    /// Serves these domains from now on: new handshakes get the new certificates, connections that are there go on.
    ///
    /// Sessions can't be resumed across this. The client would stay with the certificate of its first
    /// handshake, which is no longer the one that channels are bound to (RFC 5929 §4) and may be the one that had to
    /// be replaced.
    ///
    /// # Errors
    /// [`NoIdentity`] if there is no domain; then nothing changes.
    pub fn replace(&self, domains: Vec<(String, Identity)>) -> Result<(), NoIdentity> {
        let identities = Identities::new(domains)?;
        self.change(|current| Configs::new(identities, current.client_certificates.clone(), &self.shared.alpn));
        Ok(())
    }

    /// What to do about certificates of clients from now on: in new handshakes, of which none resumes a session from
    /// before.
    pub fn set_client_certificates(&self, client_certificates: ClientCertificates) {
        self.change(|current| Configs::new(current.identities.clone(), client_certificates, &self.shared.alpn));
    }

    fn change(&self, next: impl FnOnce(&Configs) -> Configs) {
        let _alone = self.shared.replacing.lock();
        let current = self.shared.current.read().clone();
        let next = Arc::new(next(&current));
        *self.shared.current.write() = next;
    }

    /// What one handshake uses, for a stream to `domain`, or for one that has not said yet. What is replaced
    /// meanwhile does not concern it.
    pub(crate) fn handshake(&self, domain: Option<&str>) -> Handshake {
        let configs = self.shared.current.read().clone();
        let fallback = domain
            .and_then(|domain| configs.identities.key(domain))
            .unwrap_or_else(|| configs.identities.first.clone());
        Handshake { configs, fallback }
    }
}

/// The settings of one handshake.
pub(crate) struct Handshake {
    configs: Arc<Configs>,
    /// The domain whose identity is shown to a client without SNI.
    fallback: String,
}

impl Handshake {
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        self.configs.by_domain[&self.fallback].clone()
    }

    /// What negotiation has to know of the finished handshake.
    pub(crate) fn info(&self, connection: &ServerConnection) -> TlsInfo {
        let identity = self.configs.identities.shown(connection.server_name(), &self.fallback);
        // RFC 9266 §4.2: before TLS 1.3 the exporter binds only with the extended master secret, which
        // rustls does not report; so it is offered with 1.3 alone.
        let exporter = (connection.protocol_version() == Some(ProtocolVersion::TLSv1_3))
            .then(|| connection.export_keying_material(vec![0; 32], b"EXPORTER-Channel-Binding", Some(&[])).ok())
            .flatten();
        TlsInfo {
            exporter,
            server_end_point: identity.and_then(|identity| identity.end_point.clone()),
            server_name: connection.server_name().map(str::to_owned),
            version: connection.protocol_version().and_then(super::version_name),
            peer_certificates: self.configs.client_certificates.chain(connection),
            client_certificate: self.configs.client_certificates.judge(connection),
            ..TlsInfo::default()
        }
    }
}

/// One configuration for each domain, which differ in the certificate for clients without SNI.
#[derive(Debug)]
struct Configs {
    identities: Arc<Identities>,
    by_domain: HashMap<String, Arc<ServerConfig>>,
    client_certificates: ClientCertificates,
}

impl Configs {
    fn new(identities: Arc<Identities>, client_certificates: ClientCertificates, alpn: &[Vec<u8>]) -> Configs {
        let verifier = client_certificates.verifier();
        let config = |fallback: &String| {
            let mut config = ServerConfig::builder_with_provider(provider())
                .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
                .expect("the provider has cipher suites for both versions")
                .with_client_cert_verifier(verifier.clone())
                .with_cert_resolver(Arc::new(Resolver { identities: identities.clone(), fallback: fallback.clone() }));
            // Stateless tickets: resumption costs the server no memory for each client. Their keys are new with each
            // configuration, and no two domains have the same: a ticket must not lead to another certificate than
            // the one that its session began with.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            match aws_lc_rs::Ticketer::new() {
                Ok(ticketer) => {
                    config.ticketer = ticketer;
                    config.send_tls13_tickets = 1;
                }
                Err(error) => tracing::warn!(%error, "TLS sessions can't be resumed"),
            }
            config.alpn_protocols = alpn.to_vec();
            (fallback.clone(), Arc::new(config))
        };
        let by_domain = identities.by_domain.keys().map(config).collect();
        Configs { identities, by_domain, client_certificates }
    }
}

/// Identities by domain, as A-labels in lower case: that is how server names are indicated (RFC 6066 §3).
#[derive(Debug)]
struct Identities {
    by_domain: HashMap<String, Identity>,
    /// Whose identity is shown to who names no domain of these.
    first: String,
}

impl Identities {
    fn new(domains: Vec<(String, Identity)>) -> Result<Arc<Identities>, NoIdentity> {
        let first = normal(&domains.first().ok_or(NoIdentity)?.0);
        let by_domain = domains.into_iter().map(|(domain, identity)| (normal(&domain), identity)).collect();
        Ok(Arc::new(Identities { by_domain, first }))
    }

    /// The key of a domain, if it is one of these.
    fn key(&self, domain: &str) -> Option<String> {
        let key = normal(domain);
        self.by_domain.contains_key(&key).then_some(key)
    }

    /// What is shown to a client that indicates `server_name`, or something else.
    fn shown(&self, server_name: Option<&str>, fallback: &str) -> Option<&Identity> {
        let indicated = server_name.and_then(|name| self.by_domain.get(&normal(name)));
        indicated.or_else(|| self.by_domain.get(fallback))
    }
}

/// What is no domain name, such as an IP address in brackets, stays as it is.
fn normal(domain: &str) -> String {
    a_labels(domain).unwrap_or_else(|| domain.to_owned())
}

#[derive(Debug)]
struct Resolver {
    identities: Arc<Identities>,
    fallback: String,
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.identities.shown(hello.server_name(), &self.fallback).map(|identity| identity.key.clone())
    }
}
