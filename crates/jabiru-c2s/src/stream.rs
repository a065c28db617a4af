//! How one connection lives: from accept to close, whatever happens on the way.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use jabiru_net::rate::Meter;
use jabiru_net::{Admitted, Connection, caught};
use jabiru_stanza::{Jid, StreamCondition, StreamError};

use crate::exchange::Exchange;
use crate::expiry::Expiry;
use crate::farewell::last_words;
use crate::live::Entry;
use crate::negotiate::{Established, Negotiated, negotiate};
use crate::recipients::Recipients;
use crate::refusal::refuse;
use crate::service::{Service, Transport};
use crate::silence::Silence;

impl Service {
    /// One connection from accept to close.
    pub(crate) async fn connection(
        self: Arc<Self>,
        mut connection: Connection,
        transport: Arc<Transport>,
        entry: Entry,
        mut admitted: Admitted,
    ) {
        let peer = connection.peer();
        tracing::debug!(%peer, "connection accepted");
        // Boxed: what negotiation needs is several times as large as what an established stream needs, and would be
        // taken for as long as the stream lasts.
        let last_words = match Box::pin(negotiate(&self, &transport, &mut connection, &entry)).await {
            Ok(Negotiated::Established(established)) => {
                admitted.established();
                self.established(&mut connection, established, &entry).await
            }
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
    pub(crate) async fn refused(&self, mut connection: Connection, transport: &Transport, error: &StreamError) {
        let peer = connection.peer();
        match Box::pin(refuse(self, transport, &mut connection, error)).await {
            Ok(Some(last_words)) => Box::pin(connection.finish(&last_words, self.settings.closing_timeout)).await,
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
        let Established { bound, lang, reader, input, proven, anonymous, certificate_expires } = *established;
        tracing::info!(jid = %bound.jid, peer = %connection.peer(), "stream established");
        let account = bound.jid.to_bare();
        if anonymous.is_some() {
            entry.identify_anonymous(&account);
        } else {
            // First entered, then asked: whoever changes the account in between finds one of the two.
            entry.identify(account.clone());
            if self.watch.disturbed(&account, proven) {
                // How it was changed, the next login tells.
                let error = StreamError::new(StreamCondition::Reset).with_text("the account was changed meanwhile");
                connection.outbox().end(Some(error));
            }
        }
        let now = Instant::now();
        let from = Arc::new(Jid::from(bound.jid.clone()));
        let mut exchange = Exchange {
            router: &self.router,
            connection,
            reader,
            jid: &bound.jid,
            id: bound.id,
            from: from.clone(),
            lang: lang.map(Arc::from),
            silence: Silence::new(&self.silence_checks, now),
            meter: Meter::new(&self.settings.rate, now),
            recipients: Recipients::new(self.settings.recipients_per_minute, now),
            // Boxed: hardly any stream has one.
            expiry: certificate_expires.map(|at| Box::new(Expiry::new(at, now, SystemTime::now()))),
            stanzas: 0,
        };
        let outcome = caught(pin!(exchange.run(input))).await;
        match &outcome {
            Ok(Ok(_)) | Err(_) => tracing::info!(jid = %from, "stream ended"),
            Ok(Err(error)) => tracing::info!(jid = %from, %error, "stream ended: its connection is lost"),
        }
        if let Err(panicked) = caught(pin!(bound.leave())).await {
            panicked.report(&from);
        }
        match outcome {
            Ok(Ok(last_words)) => Some(last_words),
            Ok(Err(_)) => None,
            // RFC 6120 §4.9.3.8
            Err(panicked) => Some(last_words(connection, Some(&panicked.report(&from)))),
        }
    }
}
