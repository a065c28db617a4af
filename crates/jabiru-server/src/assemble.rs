//! Introduces the crates to each other: the only place that knows them all.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use jabiru_c2s::{C2s, ConflictPolicy, Settings};
use jabiru_negotiation::Policy;
use jabiru_net::{Admission, Identity, TlsSettings};
use jabiru_router::{HostedDomains, InMemory, Router};
use jabiru_stanza::DomainPart;
use jabiru_storage::Accounts;
use jabiru_xml::Limits;

use crate::config::{Config, Domain, ResourceConflict};
use crate::{certificate, features};

/// A domain's certificate as it is used.
#[derive(Debug)]
pub struct Certificate {
    /// Whose it is.
    pub domain: DomainPart,
    /// The chain and its key.
    pub identity: Identity,
    /// The file of the chain.
    pub path: PathBuf,
    /// Made by the server, not given by the operator.
    pub self_made: bool,
}

/// Client streams as configured.
pub(crate) fn c2s(config: &Config, accounts: Arc<dyn Accounts>, secret: [u8; 32]) -> anyhow::Result<C2s> {
    let domains: Vec<DomainPart> = config.domains.iter().map(|domain| domain.name.clone()).collect();
    let hosted: HostedDomains = domains.iter().cloned().collect();
    let features = features::all()?;
    let policy = Policy {
        require_tls: config.c2s.require_tls,
        plain_without_tls: config.c2s.plain_without_tls,
        mechanisms: config.c2s.mechanisms.clone(),
        max_authentication_attempts: config.limits.authentication_attempts,
        negotiation_timeout: config.limits.negotiation_timeout,
        stream_features: features.stream_features(),
        ..Policy::new(Arc::new(domains), secret)
    };
    let router = Router::new(Arc::new(InMemory::new()), hosted, features);
    Ok(C2s::new(policy, settings(config), router, accounts))
}

/// How many connections may come in, over all listeners.
pub(crate) fn admission(config: &Config) -> Admission {
    Admission::new(config.limits.connections, config.limits.connections_per_address)
}

/// The certificate of every domain; those that were not configured are kept in the data directory.
pub(crate) fn certificates(config: &Config) -> anyhow::Result<Vec<Certificate>> {
    config.domains.iter().map(|domain| certificate(config, domain)).collect()
}

/// TLS with these certificates, for STARTTLS and for direct TLS.
pub(crate) fn tls(certificates: &[Certificate]) -> anyhow::Result<(TlsSettings, TlsSettings)> {
    let identities = identities(certificates);
    let starttls = TlsSettings::new(identities.clone(), None).context("no domain is configured")?;
    // XEP-0368 §4: the protocol that a client may ask for.
    let direct = TlsSettings::new(identities, Some("xmpp-client")).context("no domain is configured")?;
    Ok((starttls, direct))
}

/// Each certificate by the names that clients have for its domain: as it stands in a stream's `to`, and as they
/// indicate it to TLS, which is in A-labels (RFC 6066 §3).
fn identities(certificates: &[Certificate]) -> Vec<(String, Identity)> {
    let mut identities = Vec::new();
    for Certificate { domain, identity, .. } in certificates {
        identities.push((domain.as_str().to_owned(), identity.clone()));
        let ascii = certificate::to_ascii(domain.as_str());
        if ascii != domain.as_str() {
            identities.push((ascii, identity.clone()));
        }
    }
    identities
}

/// Tries what can be tried without starting or writing anything: the operator's certificates.
pub(crate) fn check(config: &Config) -> anyhow::Result<()> {
    for domain in config.domains.iter().filter(|domain| domain.certificate.is_some()) {
        certificate(config, domain)?;
    }
    features::all()?;
    Ok(())
}

fn certificate(config: &Config, domain: &Domain) -> anyhow::Result<Certificate> {
    let (identity, path, self_made) = match &domain.certificate {
        Some(files) => {
            let identity = Identity::from_pem_files(&files.certificate, &files.key)
                .with_context(|| format!("the certificate of {} can't be used", domain.name))?;
            (identity, files.certificate.clone(), false)
        }
        None => {
            let (identity, path) = certificate::kept_or_made(&config.data_directory, domain.name.as_str())?;
            (identity, path, true)
        }
    };
    Ok(Certificate { domain: domain.name.clone(), identity, path, self_made })
}

fn settings(config: &Config) -> Settings {
    let limits = &config.limits;
    Settings {
        unauthenticated: Limits {
            max_element_bytes: limits.element_bytes_before_authentication,
            ..Limits::UNAUTHENTICATED
        },
        authenticated: Limits { max_element_bytes: limits.element_bytes, ..Limits::AUTHENTICATED },
        outbox_bytes: limits.outbox_bytes,
        idle_timeout: Some(limits.idle_timeout),
        ping_timeout: limits.ping_timeout,
        stall_timeout: limits.stall_timeout,
        closing_timeout: limits.closing_timeout,
        storage_timeout: config.storage.timeout,
        resources_per_account: limits.streams_per_account,
        on_conflict: match config.c2s.resource_conflict {
            ResourceConflict::Replace => ConflictPolicy::Replace,
            ResourceConflict::Refuse => ConflictPolicy::Refuse,
            ResourceConflict::Assign => ConflictPolicy::Assign,
        },
        ..Settings::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_found_by_either_form_of_a_domain() {
        let folder = tempfile::tempdir().unwrap();
        let certificates = ["im.example", "m\u{fc}nchen.example"].map(|name| {
            let (identity, path) = certificate::kept_or_made(folder.path(), name).unwrap();
            Certificate { domain: name.parse().unwrap(), identity, path, self_made: true }
        });
        let names: Vec<String> = identities(&certificates).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["im.example", "m\u{fc}nchen.example", "xn--mnchen-3ya.example"]);
    }
}
