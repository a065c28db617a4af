//! The links that there are, each for a pair of domains.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use jabiru_negotiation::DomainPair;
use jabiru_stanza::DomainRef;
use parking_lot::RwLock;

use crate::link::{Bounds, Link};

/// All links, by the other domain and then by ours, so that looking one up copies nothing.
#[derive(Debug)]
pub(crate) struct Links {
    by_remote: RwLock<HashMap<Box<str>, Vec<Arc<Link>>>>,
    bounds: Bounds,
    /// How many there may be.
    limit: usize,
    count: AtomicUsize,
    /// Bytes that wait in all of them.
    waiting: Arc<AtomicUsize>,
}

/// There are as many links as there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooMany;

impl Links {
    pub(crate) fn new(limit: usize, bounds: Bounds) -> Links {
        Links {
            by_remote: RwLock::default(),
            bounds,
            limit,
            count: AtomicUsize::new(0),
            waiting: Arc::new(AtomicUsize::new(0)),
        }
    }

    /// How much may wait in each.
    pub(crate) fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// The link of a pair, if there is one.
    pub(crate) fn get(&self, local: &DomainRef, remote: &DomainRef) -> Option<Arc<Link>> {
        let links = self.by_remote.read();
        links.get(remote.as_str())?.iter().find(|link| link.pair().sender.as_str() == local.as_str()).cloned()
    }

    /// The link of a pair, made if there is none. At the bound, those that nobody uses make room.
    pub(crate) fn get_or_make(
        &self,
        local: &DomainRef,
        remote: &DomainRef,
        now: Instant,
    ) -> Result<Arc<Link>, TooMany> {
        if let Some(link) = self.get(local, remote) {
            return Ok(link);
        }
        if self.count.load(Ordering::Relaxed) >= self.limit && self.sweep(Duration::ZERO, now) == 0 {
            return Err(TooMany);
        }
        let mut links = self.by_remote.write();
        let entry = links.entry(remote.as_str().into()).or_default();
        if let Some(link) = entry.iter().find(|link| link.pair().sender.as_str() == local.as_str()) {
            return Ok(link.clone());
        }
        let pair = DomainPair::new(local.to_owned(), remote.to_owned());
        let link = Arc::new(Link::new(pair, self.bounds, self.waiting.clone(), now));
        entry.push(link.clone());
        self.count.fetch_add(1, Ordering::Relaxed);
        Ok(link)
    }

    /// Takes those out that nobody uses; how many. Failures are remembered for so long after another try would have been
    /// possible.
    pub(crate) fn sweep(&self, remembered: Duration, now: Instant) -> usize {
        let mut links = self.by_remote.write();
        let mut swept = 0;
        links.retain(|_, of_remote| {
            let before = of_remote.len();
            of_remote.retain(|link| !link.end_if_unused(remembered, now));
            swept += before - of_remote.len();
            !of_remote.is_empty()
        });
        self.count.fetch_sub(swept, Ordering::Relaxed);
        swept
    }

    /// All of them at this moment.
    pub(crate) fn all(&self) -> Vec<Arc<Link>> {
        self.by_remote.read().values().flatten().cloned().collect()
    }
}
