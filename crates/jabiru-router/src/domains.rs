//! The domains that a server hosts.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use jabiru_stanza::{DomainPart, DomainRef};

/// The domains that a server hosts (RFC 6120 §10.5: the configured FQDNs).
///
/// A shared set: clones see what [`replace`](Self::replace) puts into any of them. Asking takes no
/// lock and allocates nothing.
#[derive(Clone, Default)]
pub struct HostedDomains(Arc<ArcSwap<Set>>);

/// As many as the operator configures.
#[derive(Default)]
struct Set {
    sorted: Vec<DomainPart>,
    first: Option<DomainPart>,
}

impl HostedDomains {
    /// Puts other domains in the place of all that there are; returns those that are hosted no more, sorted.
    /// Their streams are for the caller to end (`host-gone`, §4.9.3.5).
    pub fn replace(&self, domains: impl IntoIterator<Item = DomainPart>) -> Vec<DomainPart> {
        let before = self.0.swap(Arc::new(domains.into_iter().collect()));
        before.sorted.iter().filter(|domain| !self.contains(domain)).cloned().collect()
    }

    /// Is this one of them?
    #[must_use]
    pub fn contains(&self, domain: &DomainRef) -> bool {
        self.0.load().contains(domain)
    }

    /// All of them at this moment, sorted.
    #[must_use]
    pub fn all(&self) -> Vec<DomainPart> {
        self.0.load().sorted.clone()
    }

    /// The one that was named first: what a stream is answered as that names none (§4.9.1.3).
    #[must_use]
    pub fn first(&self) -> Option<DomainPart> {
        self.0.load().first.clone()
    }
}

impl Set {
    fn contains(&self, domain: &DomainRef) -> bool {
        self.sorted.binary_search_by(|hosted| hosted.as_str().cmp(domain.as_str())).is_ok()
    }
}

impl FromIterator<DomainPart> for Set {
    fn from_iter<I: IntoIterator<Item = DomainPart>>(domains: I) -> Set {
        let mut sorted: Vec<DomainPart> = domains.into_iter().collect();
        let first = sorted.first().cloned();
        sorted.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        sorted.dedup();
        Set { sorted, first }
    }
}

impl FromIterator<DomainPart> for HostedDomains {
    fn from_iter<I: IntoIterator<Item = DomainPart>>(domains: I) -> HostedDomains {
        HostedDomains(Arc::new(ArcSwap::from_pointee(domains.into_iter().collect())))
    }
}

impl fmt::Debug for HostedDomains {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.load().sorted.iter().map(|domain| domain.as_str())).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domains(names: &[&str]) -> Vec<DomainPart> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    #[test]
    fn replacing_tells_what_went_and_shows_in_every_clone() {
        for (before, after, removed) in [
            (&["b.example", "a.example"][..], &["a.example"][..], &["b.example"][..]),
            (&["a.example"], &["A.example", "c.example"], &[]),
            (&["b.example", "a.example", "b.example"], &[], &["a.example", "b.example"]),
            (&[], &["a.example"], &[]),
        ] {
            let hosted: HostedDomains = domains(before).into_iter().collect();
            let clone = hosted.clone();
            assert_eq!(clone.first(), domains(before).first().cloned());
            assert_eq!(hosted.replace(domains(after)), domains(removed), "{before:?} to {after:?}");
            for domain in domains(before).iter().chain(&domains(after)) {
                assert_eq!(clone.contains(domain), domains(after).contains(domain), "{domain} in {after:?}");
            }
            assert_eq!(clone.first(), domains(after).first().cloned());
        }
    }
}
