//! Fetching: once for all who ask, and remembered.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use jabiru_net::certificate::Roots;
use jabiru_stanza::{DomainPart, DomainRef};
use parking_lot::Mutex;
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::{Instant, timeout};

use super::document::{Content, Document};
use super::https::{Answer, Https, Url};
use super::{Posh, PoshError, PoshSettings};
use crate::resolve::{ExpiringCache, Host, Resolver};

/// Fetches what domains publish. A clone costs a reference count and shares all that is remembered.
#[derive(Clone)]
pub struct PoshClient {
    inner: Arc<Inner>,
}

struct Inner {
    https: Https,
    settings: PoshSettings,
    results: Mutex<ExpiringCache<DomainPart, Outcome>>,
    /// Fetches that are under way or wait for their turn, one for a domain.
    fetches: Mutex<HashMap<DomainPart, Arc<OnceCell<Outcome>>>>,
    permits: Semaphore,
}

type Outcome = Result<Arc<Posh>, PoshError>;

impl PoshClient {
    /// Believes web servers whose certificates lead to these roots; revocation lists are not looked at.
    #[must_use]
    pub fn new(resolver: Resolver, roots: &Roots, settings: PoshSettings) -> PoshClient {
        let inner = Inner {
            https: Https::new(resolver, roots, settings),
            settings,
            results: Mutex::new(ExpiringCache::new(settings.cache_entries)),
            fetches: Mutex::default(),
            permits: Semaphore::new(settings.max_fetches.max(1)),
        };
        PoshClient { inner: Arc::new(inner) }
    }

    /// What a domain publishes of its server: fetched from `https://DOMAIN/.well-known/posh/xmpp-server.json` (RFC 7712
    /// §5.2), or remembered from an earlier fetch. However many ask for a domain at the same time, it is fetched once.
    ///
    /// # Errors
    /// [`PoshError`], which is remembered too, for a shorter time.
    pub async fn fetch(&self, domain: &DomainRef) -> Result<Arc<Posh>, PoshError> {
        let inner = &*self.inner;
        if let Some(outcome) = inner.results.lock().get(domain, Instant::now()) {
            return outcome;
        }
        let waiting = Waiting::new(inner, domain);
        waiting.cell.get_or_init(|| inner.fetch(domain)).await.clone()
    }
}

impl Inner {
    async fn fetch(&self, domain: &DomainRef) -> Outcome {
        let host = Host::of_domain(domain)?;
        let url = Url::well_known(host);
        let within = self.settings.timeout;
        let outcome = timeout(within, self.follow(&url))
            .await
            .unwrap_or_else(|_| Err(PoshError::Timeout { url: url.as_str().to_owned(), within }))
            .map(Arc::new);
        let expires = match &outcome {
            Ok(posh) => posh.expires,
            Err(_) => Instant::now() + self.settings.failure_lifetime,
        };
        self.results.lock().insert(domain.to_owned(), outcome.clone(), expires);
        outcome
    }

    /// Through redirects and a reference to the fingerprints.
    async fn follow(&self, first: &Url) -> Result<Posh, PoshError> {
        let _permit = self.permits.acquire().await.expect("the semaphore is never closed");
        let begun = Instant::now();
        let mut url = first.clone();
        let mut lifetime = self.settings.max_lifetime;
        let (mut redirects, mut referred) = (0, false);
        loop {
            let body = match self.https.get(&url).await? {
                Answer::Body(body) => body,
                Answer::Redirect(location) => {
                    let limit = self.settings.max_redirects;
                    redirects += 1;
                    if redirects > limit {
                        return Err(PoshError::TooManyRedirects { url: url.as_str().to_owned(), limit });
                    }
                    url = url.follow(&location)?;
                    continue;
                }
            };
            let document = Document::parse(&body, url.as_str())?;
            // RFC 7711 §6: the lower of the two counts.
            lifetime = lifetime.min(document.lifetime);
            match document.content {
                Content::Fingerprints(fingerprints) => {
                    return Ok(Posh { fingerprints, url: url.as_str().to_owned(), expires: begun + lifetime });
                }
                Content::Reference(_) if referred => {
                    return Err(PoshError::SecondReference { url: url.as_str().to_owned() });
                }
                Content::Reference(reference) => {
                    referred = true;
                    url = url.follow(&reference)?;
                }
            }
        }
    }
}

/// One who waits for the fetch of a domain. If whoever fetches goes away, the next one who waits takes over; the last one
/// clears away.
struct Waiting<'a> {
    inner: &'a Inner,
    domain: &'a DomainRef,
    cell: Arc<OnceCell<Outcome>>,
}

impl<'a> Waiting<'a> {
    fn new(inner: &'a Inner, domain: &'a DomainRef) -> Waiting<'a> {
        let cell = inner.fetches.lock().entry(domain.to_owned()).or_default().clone();
        Waiting { inner, domain, cell }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut fetches = self.inner.fetches.lock();
        let Some(current) = fetches.get(self.domain) else { return };
        // Nobody can begin to wait while the map is locked: this one and the map are the last.
        let is_last = Arc::strong_count(&self.cell) == 2;
        if Arc::ptr_eq(current, &self.cell) && (is_last || self.cell.initialized()) {
            fetches.remove(self.domain);
        }
    }
}

impl fmt::Debug for PoshClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoshClient").field("settings", &self.inner.settings).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::resolve::ResolverSettings;

    /// Whether those who asked get an answer, or go away before: nothing of them stays behind.
    #[tokio::test]
    async fn no_fetch_is_left_behind() {
        // Nobody answers there, and the socket takes what is sent.
        let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let nameservers = vec![silent.local_addr().unwrap()];
        let resolver = Resolver::new(ResolverSettings { nameservers, ..ResolverSettings::default() }).unwrap();
        // Nothing listens on a port that was free a moment ago.
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let settings = PoshSettings { https_port: free.port(), ..PoshSettings::default() };
        let client = PoshClient::new(resolver, &Roots::default(), settings);

        let refused = client.fetch(&DomainPart::new("127.0.0.1").unwrap()).await;
        assert!(matches!(refused, Err(PoshError::Connect { .. })), "{refused:?}");
        assert_eq!(client.inner.fetches.lock().len(), 0);

        for number in 0..100 {
            let domain = DomainPart::new(&format!("d{number}.example")).unwrap().into_owned();
            let moment = Duration::from_millis(1);
            let both = async { tokio::join!(client.fetch(&domain), client.fetch(&domain)) };
            assert!(timeout(moment, both).await.is_err());
            assert_eq!(client.inner.fetches.lock().len(), 0);
        }
    }
}
