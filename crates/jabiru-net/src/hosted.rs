//! Between the router's words for hosted domains and the negotiation's: siblings that do not know each other.

use std::sync::Arc;

use jabiru_negotiation::Domains;
use jabiru_router::HostedDomains;
use jabiru_stanza::{DomainPart, DomainRef};

/// The router's domains, for [`Policy::domains`](jabiru_negotiation::Policy::domains): what is replaced there is
/// replaced for negotiation in the same moment. The default is the one that was named first.
#[must_use]
pub fn hosted(domains: HostedDomains) -> Arc<dyn Domains> {
    Arc::new(Hosted(domains))
}

struct Hosted(HostedDomains);

impl Domains for Hosted {
    fn hosts(&self, domain: &DomainRef) -> bool {
        self.0.contains(domain)
    }

    fn default_domain(&self) -> Option<DomainPart> {
        self.0.first()
    }
}
