//! The service: what all client streams share, and how one lives from accept to close.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use jabiru_negotiation::Policy;
use jabiru_net::{Connection, Listener, TlsSettings};
use jabiru_router::Router;
use jabiru_stanza::{Jid, StreamCondition, StreamError};
use jabiru_storage::Accounts;

use crate::computing::Computing;
use crate::exchange::Exchange;
use crate::live::{Entry, Live};
use crate::negotiate::{Established, Negotiated, negotiate};
use crate::refusal::refuse;
use crate::settings::Settings;
use crate::silence::Silence;
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
    pub(crate) router: Router,
    pub(crate) accounts: Arc<dyn Accounts>,
    pub(crate) watch: Watch,
    pub(crate) computing: Computing,
    live: Arc<Live>,
}

impl C2s {
    /// Puts the parts together. Nothing happens before [`serve`](Self::serve).
    #[must_use]
    pub fn new(policy: Policy, settings: Settings, router: Router, accounts: Arc<dyn Accounts>) -> C2s {
        let live = Arc::default();
        let (watch, computing) = (Watch::default(), Computing::default());
        let policy = Arc::new(policy);
        C2s { service: Arc::new(Service { policy, settings, router, accounts, watch, computing, live }) }
    }

    /// Accepts client streams until dropped. Each has a task of its own, so a panic in one ends
    /// that stream alone.
    pub async fn serve(&self, listener: Listener, transport: Transport) {
        let transport = Arc::new(transport);
        loop {
            let (socket, peer, admitted) = listener.accept().await;
            let admitted = match admitted {
                Ok(admitted) => admitted,
                Err(excess) => {
                    tracing::debug!(%peer, "connection refused: {}", excess.limit());
                    continue;
                }
            };
            let connection = match Connection::new(socket, peer, self.service.settings.connection()) {
                Ok(connection) => connection,
                Err(error) => {
                    tracing::debug!(%peer, %error, "connection lost before it began");
                    continue;
                }
            };
            let (entry, refusal) = self.service.live.enter(connection.outbox());
            let service = self.service.clone();
            let transport = transport.clone();
            tokio::spawn(async move {
                match refusal {
                    None => service.connection(connection, &transport, &entry).await,
                    Some(error) => service.refused(connection, &transport, &error).await,
                }
                drop((entry, admitted));
            });
        }
    }

    /// Ends the streams of accounts that are disabled, removed or given another password, by
    /// whichever process. Runs until dropped.
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

impl Service {
    /// One connection from accept to close.
    async fn connection(&self, mut connection: Connection, transport: &Transport, entry: &Entry) {
        let peer = connection.peer();
        tracing::debug!(%peer, "connection accepted");
        // Boxed: what negotiation needs is several times as large as what an established stream needs, and would be
        // taken for as long as the stream lasts.
        let last_words = match Box::pin(negotiate(self, transport, &mut connection, entry)).await {
            Ok(Negotiated::Established(established)) => self.established(&mut connection, established, entry).await,
            Ok(Negotiated::Closed(last_words)) => Some(last_words),
            Ok(Negotiated::Gone) => None,
            Err(error) => {
                tracing::debug!(%peer, %error, "connection failed");
                None
            }
        };
        match last_words {
            Some(last_words) => Box::pin(connection.finish(&last_words, self.settings.closing_timeout)).await,
            None => tracing::debug!(%peer, "connection lost"),
        }
    }

    /// A connection that gets no service.
    async fn refused(&self, mut connection: Connection, transport: &Transport, error: &StreamError) {
        let peer = connection.peer();
        match Box::pin(refuse(self, transport, &mut connection, error)).await {
            Ok(Some(last_words)) => connection.finish(&last_words, self.settings.closing_timeout).await,
            Ok(None) => tracing::debug!(%peer, "connection lost"),
            Err(error) => tracing::debug!(%peer, %error, "connection failed"),
        }
    }

    /// An established stream, up to its last words.
    async fn established(
        &self,
        connection: &mut Connection,
        established: Box<Established>,
        entry: &Entry,
    ) -> Option<Vec<u8>> {
        let Established { bound, lang, reader, input, proven } = *established;
        let account = bound.jid.to_bare();
        tracing::info!(jid = %bound.jid, peer = %connection.peer(), "stream established");
        // First entered, then asked: whoever changes the account in between finds one of the two.
        entry.identify(account.clone());
        if self.watch.disturbed(&account, proven) {
            // How it was changed, the next login tells.
            let error = StreamError::new(StreamCondition::Reset).with_text("the account was changed meanwhile");
            connection.outbox().end(Some(error));
        }
        let mut exchange = Exchange {
            router: &self.router,
            connection,
            reader,
            jid: &bound.jid,
            id: bound.id,
            from: Arc::new(Jid::from(bound.jid.clone())),
            lang: lang.map(Arc::from),
            silence: Silence::new(self.settings.idle_timeout, self.settings.ping_timeout, Instant::now()),
        };
        let last_words = exchange.run(input).await;
        tracing::info!(jid = %bound.jid, "stream ended");
        bound.leave().await;
        match last_words {
            Ok(last_words) => Some(last_words),
            Err(error) => {
                tracing::debug!(%error, "connection failed");
                None
            }
        }
    }
}
