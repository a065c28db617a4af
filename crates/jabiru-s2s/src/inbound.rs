//! Stanzas that come from another server: who may send them, and to whom (RFC 6120 §8.1.1.2, §8.1.2.2).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use jabiru_router::Router;
use jabiru_stanza::{
    ContentNamespace, DomainRef, Jid, RawElement, Stanza, StanzaFault, StanzaKind, StreamCondition, StreamError, ns,
};

use crate::confirm;
use crate::live::LiveStream;
use crate::service::Service;

/// The receiving end of one stream.
pub(crate) struct Inbound<'a> {
    service: &'a Service,
    router: Router,
    stream: &'a LiveStream,
    /// The last sender: many stanzas in a row have the same.
    last_from: Option<Arc<Jid>>,
    /// The stream's default language (§4.7.4).
    lang: Option<Arc<str>>,
}

impl<'a> Inbound<'a> {
    pub(crate) fn new(service: &'a Service, router: Router, stream: &'a LiveStream) -> Inbound<'a> {
        Inbound { service, router, stream, last_from: None, lang: None }
    }

    /// The language of stanzas that state none, by the header of the stream.
    pub(crate) fn set_lang(&mut self, lang: Option<Arc<str>>) {
        self.lang = lang;
    }

    /// Handles one stanza, and returns once it is on its way, so that those of one stream stay in order (§10.1). `proven`
    /// says whether a pair of sender's and recipient's domain was proven on this stream.
    ///
    /// # Errors
    /// The error that the stream ends with: `improper-addressing` without proper addresses, `invalid-from` for a sender
    /// whose domain was not proven, `host-unknown` and `host-gone` for a domain that is not served, or not to this sender.
    pub(crate) async fn stanza(
        &mut self,
        element: RawElement,
        proven: impl Fn(&DomainRef, &DomainRef) -> bool,
    ) -> Result<(), StreamError> {
        if element.root().prefix().is_some() {
            // §4.8.5
            return Err(StreamError::new(StreamCondition::BadNamespacePrefix).with_text("stanzas have no prefix"));
        }
        if element.uses_prefix_of_header() {
            // §4.8.5: what is in a stanza leaves the header's stream, and its namespaces would be lost.
            return Err(StreamError::new(StreamCondition::InvalidNamespace)
                .with_text("namespaces of what is in a stanza are declared in the stanza"));
        }
        let from = self.from(&element)?;
        let (stanza, fault) = match Stanza::parse(element, ContentNamespace::Server) {
            Ok(stanza) => (stanza, None),
            Err(StanzaFault::Stanza { stanza, error }) => (*stanza, Some(error)),
            Err(StanzaFault::Stream(error)) => return Err(error),
        };
        let to = stanza.to().ok_or_else(|| improper("to is missing, or no address"))?;
        self.check(from.domain(), to.domain(), proven)?;

        self.stream.received.fetch_add(1, Ordering::Relaxed);
        self.stream.facts.lock().last_received = Some(Instant::now());
        if self.confirms(&stanza, &from) {
            return Ok(());
        }
        let mut stanza = stanza;
        stanza.set_from(from);
        if let Some(lang) = &self.lang {
            stanza.set_lang(lang.clone());
        }
        match fault {
            None => self.router.route(stanza).await,
            Some(error) => {
                if let Some(answer) = error.reply_to(&stanza) {
                    self.router.route(answer).await;
                }
            }
        }
        Ok(())
    }

    /// §8.1.2.2 rule 1
    fn from(&mut self, element: &RawElement) -> Result<Arc<Jid>, StreamError> {
        let from = element.attribute("from").ok_or_else(|| improper("from is missing"))?;
        if let Some(last) = self.last_from.as_ref().filter(|last| last.as_str() == from) {
            return Ok(last.clone());
        }
        let from = Jid::new(&from).map_err(|_| improper("from is no address"))?;
        Ok(self.last_from.insert(Arc::new(from)).clone())
    }

    /// Rule 2 of both sections.
    fn check(
        &self,
        from: &DomainRef,
        to: &DomainRef,
        proven: impl Fn(&DomainRef, &DomainRef) -> bool,
    ) -> Result<(), StreamError> {
        if proven(from, to) {
            if self.service.hosted.contains(to) {
                return Ok(());
            }
            // It was served when that was proven.
            return Err(
                StreamError::new(StreamCondition::HostGone).with_text("this domain is not served here any more")
            );
        }
        let facts = self.stream.facts.lock();
        if !facts.proven.iter().any(|pair| pair.remote.as_str() == from.as_str()) {
            return Err(StreamError::new(StreamCondition::InvalidFrom)
                .with_text("the domain of from was not proven on this stream"));
        }
        let text = if self.service.hosted.contains(to) {
            "the domain of to was not asked for on this stream"
        } else {
            "the domain of to is not served here"
        };
        Err(StreamError::new(StreamCondition::HostUnknown).with_text(text))
    }

    /// Is it the answer to a ping of ours, by which the other side says how far it is? Then nobody else awaits it.
    fn confirms(&self, stanza: &Stanza, from: &Jid) -> bool {
        let Some(to) = stanza.to() else { return false };
        let concerns = matches!(stanza.kind(), StanzaKind::Iq(_))
            && stanza.is_response()
            && to.node().is_none()
            && to.resource().is_none()
            && from.node().is_none();
        if !concerns {
            return false;
        }
        let Some(id) = stanza.id().filter(|id| confirm::is_ping_id(id)) else { return false };
        if let Some(link) = self.service.links.get(to.domain(), from.domain()) {
            link.answered(&id, Instant::now());
        }
        self.service.awaited.answered(&id, from.domain(), to.domain(), stanza, self.stream);
        true
    }
}

/// Is it something that [`Inbound::stanza`] is for?
pub(crate) fn is_stanza(element: &RawElement) -> bool {
    element.namespace() == ns::SERVER
}

/// §4.9.3.7
fn improper(text: &'static str) -> StreamError {
    StreamError::new(StreamCondition::ImproperAddressing).with_text(text)
}
