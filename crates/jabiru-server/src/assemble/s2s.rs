//! Server streams as configured.

use std::time::Duration;

use anyhow::Context;
use jabiru_negotiation::DialbackSecret;
use jabiru_net::certificate::Roots;
use jabiru_net::rate::{OnExcess, RateLimits};
use jabiru_net::{AdmissionLimits, AttemptRate, ClientCertificates, ConnectingTls, TlsSettings};
use jabiru_router::HostedDomains;
use jabiru_s2s::resolve::{Resolver, ResolverSettings, SettingsError};
use jabiru_s2s::{BackOff, Parts, Policy, Rules, S2s, Settings};
use jabiru_xml::Limits;

use super::c2s::rate;
use super::{Certificate, identities};
use crate::config::{self, Config};

/// Server streams of these domains, which may change later.
pub(crate) fn s2s(config: &Config, hosted: HostedDomains, tls: &Tls, rules: Replaceable, secret: [u8; 32]) -> S2s {
    let Replaceable { policy, resolver } = rules;
    S2s::new(Parts {
        settings: settings(config),
        policy,
        hosted,
        resolver,
        tls: tls.connecting.clone(),
        // Another secret than that of the salts, which may become known: so much can't be found out of the one from the
        // other.
        dialback_secret: DialbackSecret::new(&[secret.as_slice(), b"dialback"].concat()),
    })
}

/// What of server streams can be replaced while they are up.
pub(crate) struct Replaceable {
    pub(crate) policy: Policy,
    pub(crate) resolver: Resolver,
}

impl Replaceable {
    /// As configured; reads the files that it names.
    pub(crate) fn new(config: &config::S2s) -> anyhow::Result<Replaceable> {
        Ok(Replaceable { policy: policy(config, authorities(config)?), resolver: resolver(config)? })
    }
}

/// Tries what can be tried without asking anybody: the files with authorities and trust anchors.
pub(crate) fn check(config: &config::S2s) -> anyhow::Result<()> {
    if config.enabled {
        Replaceable::new(config)?;
    }
    Ok(())
}

/// TLS for streams of other servers, by STARTTLS and direct TLS, and to them: all with the same certificates.
#[derive(Clone, Debug)]
pub(crate) struct Tls {
    pub(crate) starttls: TlsSettings,
    pub(crate) direct: TlsSettings,
    pub(crate) connecting: ConnectingTls,
}

/// The protocol that servers ask for in direct TLS, and are asked for (XEP-0368 §4).
const ALPN: &str = "xmpp-server";

impl Tls {
    /// TLS with these certificates of ours. Servers that connect are asked for theirs.
    pub(crate) fn new(certificates: &[Certificate]) -> anyhow::Result<Tls> {
        let own = identities(certificates);
        let connecting = ConnectingTls::new(&own, ALPN);
        let starttls = TlsSettings::new(own.clone(), None)?;
        let direct = TlsSettings::new(own, Some(ALPN))?;
        for settings in [&starttls, &direct] {
            settings.set_client_certificates(ClientCertificates::OfServers);
        }
        Ok(Tls { starttls, direct, connecting })
    }

    /// Shows others from now on.
    pub(crate) fn replace(&self, certificates: &[Certificate]) -> anyhow::Result<()> {
        let own = identities(certificates);
        self.connecting.replace(&own, ALPN);
        for settings in [&self.starttls, &self.direct] {
            settings.replace(own.clone())?;
        }
        Ok(())
    }
}

/// How many connections of other servers may come in, over all listeners. They have places of their own: clients can't
/// keep servers out, nor servers clients.
pub(crate) fn admission_limits(config: &Config) -> AdmissionLimits {
    let limits = &config.s2s.limits;
    let attempts = config.limits.connection_attempts_per_minute;
    AdmissionLimits {
        attempts_per_address: attempts.map(|attempts| AttemptRate { attempts, within: Duration::from_secs(60) }),
        ..AdmissionLimits::new(limits.streams, limits.incoming_per_address)
    }
}

fn policy(config: &config::S2s, roots: Roots) -> Policy {
    let rules = Rules { require: config.require, require_tls: config.require_tls };
    let exceptions = config.exceptions.iter().map(|exception| {
        let own = Rules {
            require: exception.require.unwrap_or(rules.require),
            require_tls: exception.require_tls.unwrap_or(rules.require_tls),
        };
        (exception.name.clone(), own)
    });
    Policy {
        rules,
        exceptions: exceptions.collect(),
        allow: config.allow.clone(),
        block: config.block.clone(),
        dane: config.dane,
        posh: config.posh,
        bidirectional: config.bidirectional,
        stream_management: config.stream_management,
        ..Policy::new(roots)
    }
}

/// Whose certificates prove other servers.
fn authorities(config: &config::S2s) -> anyhow::Result<Roots> {
    let mut roots = if config.system_authorities { Roots::of_system() } else { Roots::default() };
    for path in &config.ca {
        let more =
            Roots::from_pem_file(path).context("the authorities for other servers' certificates can't be used")?;
        roots = roots.and(&more);
    }
    if roots.is_empty() {
        tracing::warn!(
            "no authority is trusted that could vouch for other servers: install those of the system \
             (ca-certificates), or name some in s2s.ca"
        );
    }
    Ok(roots)
}

fn resolver(config: &config::S2s) -> anyhow::Result<Resolver> {
    let of = &config.resolver;
    let default = ResolverSettings::default();
    let settings = ResolverSettings {
        nameservers: of.nameservers.clone(),
        dnssec: of.dnssec,
        trust_anchor: of.trust_anchor.clone(),
        timeout: of.timeout,
        lookup_timeout: of.timeout * u32::try_from(default.attempts).unwrap_or(1),
        cache_entries: of.cache_entries,
        direct_tls: config.direct_tls_out,
        routes: config.routes.iter().map(|(domain, routes)| (domain.clone(), routes.clone())).collect(),
        ..default
    };
    match Resolver::new(settings.clone()) {
        // As the resolver of the system does without its file (resolv.conf(5)).
        Err(error @ SettingsError::System { .. }) if settings.nameservers.is_empty() => {
            tracing::warn!(%error, "the name server of this machine is asked for other servers");
            let nameservers = vec![([127, 0, 0, 1], 53).into()];
            Ok(Resolver::new(ResolverSettings { nameservers, ..settings })?)
        }
        made => Ok(made?),
    }
}

fn settings(config: &Config) -> Settings {
    let (limits, own) = (&config.limits, &config.s2s.limits);
    let default = Settings::default();
    Settings {
        unauthenticated: Limits {
            max_element_bytes: limits.element_bytes_before_authentication,
            ..default.unauthenticated
        },
        authenticated: Limits { max_element_bytes: limits.element_bytes, ..default.authenticated },
        rate: RateLimits {
            bytes: rate(own.bytes_per_second, own.bytes_burst),
            stanzas: rate(own.stanzas_per_second, own.stanzas_burst),
            on_excess: OnExcess::Slow,
        },
        // What waits for a pair must fit once there is a stream, and so must the longest stanza.
        outbox_bytes: default.outbox_bytes.max(own.queue_bytes).max(limits.element_bytes),
        stall_timeout: limits.stall_timeout,
        closing_timeout: limits.closing_timeout,
        negotiation_timeout: own.negotiation_timeout,
        connect_timeout: own.connect_timeout,
        dial_timeout: own.connect_timeout + own.negotiation_timeout,
        idle_timeout: own.idle_timeout,
        resumption: own.resumption,
        resumable_streams: own.streams,
        back_off: BackOff { first: own.retry_after, longest: own.longest_retry_after },
        links: own.outgoing,
        pairs_per_stream: own.pairs_per_stream,
        queue_bytes: own.queue_bytes,
        total_queue_bytes: own.total_queue_bytes,
        unacknowledged_stanzas: own.unacknowledged_stanzas,
        unacknowledged_bytes: own.unacknowledged_bytes,
        ..default
    }
}

#[cfg(test)]
mod tests {
    use jabiru_s2s::Require;
    use jabiru_stanza::DomainPart;

    use super::*;
    use crate::config::s2s::Exception;

    fn domain(name: &str) -> DomainPart {
        name.parse().unwrap()
    }

    /// What an exception does not say is as with all others.
    #[test]
    fn exceptions_are_of_the_rest() {
        let mut config = config::S2s { require: Require::Dialback, require_tls: false, ..config::S2s::default() };
        config.exceptions = vec![
            Exception { name: domain("a.example"), require: Some(Require::Dane), require_tls: Some(true) },
            Exception { name: domain("b.example"), require: None, require_tls: Some(true) },
        ];
        config.block = vec!["*.example.org".parse().unwrap()];
        let policy = policy(&config, Roots::default());
        for (name, expected) in [
            ("a.example", Some((Require::Dane, true))),
            ("b.example", Some((Require::Dialback, true))),
            ("c.example", Some((Require::Dialback, false))),
            ("im.example.org", None),
        ] {
            let rules = policy.rules(&domain(name)).map(|rules| (rules.require, rules.require_tls));
            assert_eq!(rules, expected, "{name}");
        }
    }

    /// The file is named by whoever reads the message.
    #[test]
    fn files_that_cannot_be_used() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("nothing");
        std::fs::write(&file, "nothing").unwrap();
        let default = config::S2s { system_authorities: false, ..config::S2s::default() };
        let ca = config::S2s { ca: vec![file.clone()], ..default.clone() };
        let mut anchor = default.clone();
        anchor.resolver.dnssec = true;
        anchor.resolver.nameservers = vec![([127, 0, 0, 1], 53).into()];
        check(&anchor).unwrap();
        anchor.resolver.trust_anchor = Some(file.clone());
        for mut config in [ca, anchor] {
            let said = crate::sentence(&check(&config).unwrap_err());
            assert!(said.contains(&file.display().to_string()), "{said}");
            config.enabled = false;
            check(&config).unwrap();
        }
    }

    #[test]
    fn bounds_go_together() {
        let mut config = Config::default();
        config.limits.element_bytes = 100 << 20;
        let settings = settings(&config);
        assert_eq!(settings.outbox_bytes, 100 << 20);
    }
}
