//! Introduces the crates to each other: the only place that knows them all.

pub(crate) mod c2s;
pub(crate) mod s2s;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use jabiru_net::Identity;
use jabiru_router::{HostedDomains, InMemory, Router};
use jabiru_stanza::DomainPart;
use jabiru_storage::Accounts;

use crate::certificate;
use crate::config::{Config, Domain};
use crate::features::{self, Registration};

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

/// The router of these domains with all features.
pub(crate) fn router(config: &Config, hosted: HostedDomains, accounts: Arc<dyn Accounts>) -> anyhow::Result<Router> {
    let registration = Registration {
        password_change: config.features.password_change,
        cancellation: config.features.account_cancellation,
        without_tls: config.c2s.plain_without_tls,
        timeout: config.storage.timeout,
    };
    let features = features::all(accounts, registration)?;
    Ok(Router::new(Arc::new(InMemory::new()), hosted, features))
}

/// The domains of the configuration, as a set that can be replaced.
pub(crate) fn hosted(config: &Config) -> HostedDomains {
    config.domains.iter().map(|domain| domain.name.clone()).collect()
}

/// The certificate of every domain; those that were not configured are kept in the data directory.
pub(crate) fn certificates(config: &Config) -> anyhow::Result<Vec<Certificate>> {
    config.domains.iter().map(|domain| certificate(config, domain)).collect()
}

fn identities(certificates: &[Certificate]) -> Vec<(String, Identity)> {
    certificates.iter().map(|own| (own.domain.as_str().to_owned(), own.identity.clone())).collect()
}

/// Tries what can be tried without starting or writing anything: the operator's certificates.
pub(crate) fn check(config: &Config) -> anyhow::Result<()> {
    for domain in config.domains.iter().filter(|domain| domain.certificate.is_some()) {
        certificate(config, domain)?;
    }
    c2s::client_certificates(config)?;
    s2s::check(&config.s2s)
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
