//! Client streams as configured.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use jabiru_c2s::{C2s, ConflictPolicy, GuessLimits, Guesses, OnExcess, Rate, RateLimits, Settings};
use jabiru_negotiation::Policy;
use jabiru_net::certificate::Roots;
use jabiru_net::{AdmissionLimits, AttemptRate, ClientCertificates, Keepalive, TlsSettings};
use jabiru_router::{HostedDomains, Router};
use jabiru_storage::Accounts;
use jabiru_xml::Limits;

use super::{Certificate, identities};
use crate::config::{self, Config, ResourceConflict, TooFast};

/// Client streams, which hand their stanzas to this router.
pub(crate) fn c2s(
    config: &Config,
    hosted: HostedDomains,
    router: Router,
    accounts: Arc<dyn Accounts>,
    secret: [u8; 32],
) -> C2s {
    let policy = Policy {
        require_tls: config.c2s.require_tls,
        plain_without_tls: config.c2s.plain_without_tls,
        mechanisms: config.c2s.mechanisms.clone(),
        max_authentication_attempts: config.limits.authentication_attempts,
        negotiation_timeout: config.limits.negotiation_timeout,
        stream_features: router.features().stream_features(),
        ..Policy::new(jabiru_net::hosted(hosted), secret)
    };
    C2s::new(policy, settings(config), router, accounts)
}

/// How many connections may come in, over all listeners.
pub(crate) fn admission_limits(limits: &config::Limits) -> AdmissionLimits {
    AdmissionLimits {
        attempts_per_address: limits
            .connection_attempts_per_minute
            .map(|attempts| AttemptRate { attempts, within: Duration::from_secs(60) }),
        unauthenticated: limits.unauthenticated_connections,
        unauthenticated_per_address: limits.unauthenticated_connections_per_address,
        ..AdmissionLimits::new(limits.connections, limits.connections_per_address)
    }
}

/// TLS for STARTTLS and for direct TLS, which show the same certificates.
#[derive(Clone, Debug)]
pub(crate) struct Tls {
    pub(crate) starttls: TlsSettings,
    pub(crate) direct: TlsSettings,
}

impl Tls {
    /// TLS with these certificates of ours and of clients.
    pub(crate) fn new(certificates: &[Certificate], clients: &ClientCertificates) -> anyhow::Result<Tls> {
        let identities = identities(certificates);
        let starttls = TlsSettings::new(identities.clone(), None)?;
        // XEP-0368 §4: the protocol that a client may ask for.
        let direct = TlsSettings::new(identities, Some("xmpp-client"))?;
        for settings in [&starttls, &direct] {
            settings.set_client_certificates(clients.clone());
        }
        Ok(Tls { starttls, direct })
    }

    /// Shows and takes others from now on.
    pub(crate) fn replace(&self, certificates: &[Certificate], clients: &ClientCertificates) -> anyhow::Result<()> {
        for settings in [&self.starttls, &self.direct] {
            settings.replace(identities(certificates))?;
            settings.set_client_certificates(clients.clone());
        }
        Ok(())
    }
}

/// Whether clients may show certificates, and whose are good.
pub(crate) fn client_certificates(config: &Config) -> anyhow::Result<ClientCertificates> {
    let Some(path) = &config.c2s.client_certificates else { return Ok(ClientCertificates::Ignored) };
    let roots = Roots::from_pem_file(path).context("the authorities for client certificates can't be used")?;
    Ok(ClientCertificates::Requested { roots })
}

pub(crate) fn settings(config: &Config) -> Settings {
    let limits = &config.limits;
    Settings {
        unauthenticated: Limits {
            max_element_bytes: limits.element_bytes_before_authentication,
            ..Limits::UNAUTHENTICATED
        },
        authenticated: Limits { max_element_bytes: limits.element_bytes, ..Limits::AUTHENTICATED },
        outbox_bytes: limits.outbox_bytes,
        whitespace_interval: limits.whitespace_interval,
        idle_timeout: limits.idle_timeout,
        ping_timeout: limits.ping_timeout,
        keepalive: limits.tcp_keepalive.map(|idle| Keepalive { idle, interval: idle.min(PROBE_INTERVAL) }),
        user_timeout: limits.tcp_user_timeout,
        rate: rates(limits),
        recipients_per_minute: limits.recipients_per_minute,
        guesses: guesses(&config.guesses),
        stall_timeout: limits.stall_timeout,
        closing_timeout: limits.closing_timeout,
        storage_timeout: config.storage.timeout,
        resources_per_account: limits.streams_per_account,
        anonymous_streams: limits.anonymous_streams,
        on_conflict: match config.c2s.resource_conflict {
            ResourceConflict::Replace => ConflictPolicy::Replace,
            ResourceConflict::Refuse => ConflictPolicy::Refuse,
            ResourceConflict::Assign => ConflictPolicy::Assign,
        },
        ..Settings::default()
    }
}

/// Between two probes by TCP that are not answered.
const PROBE_INTERVAL: Duration = Duration::from_secs(15);

/// A bound on speed, if there is one.
pub(super) fn rate(per_second: Option<u32>, burst: u32) -> Option<Rate> {
    per_second.map(|per_second| Rate { per_second, burst })
}

fn rates(limits: &config::Limits) -> RateLimits {
    RateLimits {
        bytes: rate(limits.bytes_per_second, limits.bytes_burst),
        stanzas: rate(limits.stanzas_per_second, limits.stanzas_burst),
        on_excess: match limits.too_fast {
            TooFast::Slow => OnExcess::Slow,
            TooFast::Close => OnExcess::Close,
        },
    }
}

fn guesses(config: &config::Guesses) -> Option<GuessLimits> {
    let default = GuessLimits::default();
    let of = |free, bound, default: Guesses| Guesses { free, bound, ..default };
    config.throttled.then(|| GuessLimits {
        pair: of(config.of_account_from_address_free, config.of_account_from_address, default.pair),
        address: of(config.from_address_free, config.from_address, default.address),
        account: of(config.of_account_free, config.of_account, default.account),
        max_delay: config.longest_delay,
        max_wait: config.longest_wait,
        trust: config.trust,
        remembered: config.remembered,
        ..default
    })
}
