//! The domains that a server hosts.

use jabiru_stanza::{DomainPart, DomainRef};

/// The domains that a server hosts (RFC 6120 §10.5: the configured FQDNs).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostedDomains(Vec<DomainPart>);

impl HostedDomains {
    /// Is this one of them?
    #[must_use]
    pub fn contains(&self, domain: &DomainRef) -> bool {
        self.0.binary_search_by(|hosted| hosted.as_str().cmp(domain.as_str())).is_ok()
    }

    /// All of them, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &DomainRef> {
        self.0.iter().map(|domain| &**domain)
    }
}

impl FromIterator<DomainPart> for HostedDomains {
    fn from_iter<I: IntoIterator<Item = DomainPart>>(domains: I) -> HostedDomains {
        let mut domains: Vec<DomainPart> = domains.into_iter().collect();
        domains.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        domains.dedup();
        HostedDomains(domains)
    }
}
