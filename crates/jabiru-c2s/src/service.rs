//! The service: what all client streams share.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use jabiru_negotiation::Policy;
use jabiru_net::{Connection, Listener, TlsSettings};
use jabiru_router::Router;
use jabiru_stanza::{StreamCondition, StreamError};
use jabiru_storage::Accounts;
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use crate::computing::Computing;
use crate::live::Live;
use crate::settings::Settings;
use crate::silence::Checks;
use crate::throttle::Throttle;
use crate::watch::Watch;

/// Client streams: cheap to clone, shared by all listeners.
#[derive(Clone)]
pub struct C2s {
    service: Arc<Service>,
}

/// What protects the streams of a listener.
#[derive(Clone, Debug)]
pub enum Transport {
    /// Nothing, ever. Only for streams that something else protects, and for measuring.
    Plain,
    /// STARTTLS (RFC 6120 §5).
    StartTls(TlsSettings),
    /// TLS from the first octet (XEP-0368).
    DirectTls(TlsSettings),
}

pub(crate) struct Service {
    pub(crate) policy: Arc<Policy>,
    pub(crate) settings: Settings,
    pub(crate) silence_checks: Checks,
    pub(crate) router: Router,
    pub(crate) accounts: Arc<dyn Accounts>,
    pub(crate) watch: Watch,
    pub(crate) computing: Computing,
    /// `None`: guesses are not slowed down.
    pub(crate) throttle: Option<Mutex<Throttle>>,
    /// Places for streams of nobody in particular.
    pub(crate) anonymous: Arc<Semaphore>,
    live: Arc<Live>,
}

impl C2s {
    /// Puts the parts together. Nothing happens before [`serve`](Self::serve).
    #[must_use]
    pub fn new(policy: Policy, settings: Settings, router: Router, accounts: Arc<dyn Accounts>) -> C2s {
        let throttle = settings.guesses.clone().map(|limits| Mutex::new(Throttle::new(limits, Instant::now())));
        let anonymous = Arc::new(Semaphore::new(settings.anonymous_streams.min(Semaphore::MAX_PERMITS)));
        let service = Service {
            silence_checks: settings.silence_checks(),
            policy: Arc::new(policy),
            settings,
            router,
            accounts,
            watch: Watch::default(),
            computing: Computing::default(),
            throttle,
            anonymous,
            live: Arc::default(),
        };
        C2s { service: Arc::new(service) }
    }

    /// Accepts client streams until dropped. Each has a task of its own, and a panic in one ends that stream alone,
    /// with `internal-server-error` (RFC 6120 §4.9.3.8) and a number by which the log has it.
    ///
    /// A connection over a bound of the listener's admission is told `resource-constraint` (§4.9.3.17).
    pub async fn serve(&self, listener: Listener, transport: Transport) {
        let transport = Arc::new(transport);
        loop {
            let (socket, peer, admitted) = listener.accept().await;
            let connection = match Connection::new(socket, peer, self.service.settings.connection()) {
                Ok(connection) => connection,
                Err(error) => {
                    tracing::debug!(%peer, %error, "connection lost before it began");
                    continue;
                }
            };
            let (entry, ended) = self.service.live.enter(connection.outbox());
            let service = self.service.clone();
            let transport = transport.clone();
            match (admitted, ended) {
                (Ok(admitted), None) => {
                    tokio::spawn(service.connection(connection, transport, entry, admitted));
                }
                (place, Some(error)) => {
                    tokio::spawn(async move {
                        service.refused(connection, &transport, &error).await;
                        drop((entry, place));
                    });
                }
                (Err(excess), None) => {
                    tracing::debug!(%peer, limit = %excess.limit(), "connection refused");
                    let error = StreamError::new(StreamCondition::ResourceConstraint);
                    let error = error.with_text(excess.limit().to_string());
                    tokio::spawn(async move {
                        service.refused(connection, &transport, &error).await;
                        drop((entry, excess));
                    });
                }
            }
        }
    }

    /// Follows what is done to accounts, by whichever process: ends the streams of those that are disabled, moved or
    /// removed, or whose password is changed or expires, and keeps the router's table of moved accounts in step with the
    /// storage. Runs until dropped.
    pub async fn watch_accounts(&self) {
        let Service { watch, accounts, router, live, settings, .. } = &*self.service;
        watch.run(&**accounts, router, live, settings.account_watch_interval).await;
    }

    /// How many connections there are.
    #[must_use]
    pub fn stream_count(&self) -> usize {
        self.service.live.count()
    }

    pub(crate) fn router(&self) -> &Router {
        &self.service.router
    }

    pub(crate) fn live(&self) -> &Live {
        &self.service.live
    }
}

impl fmt::Debug for C2s {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("C2s").field("streams", &self.stream_count()).finish_non_exhaustive()
    }
}
