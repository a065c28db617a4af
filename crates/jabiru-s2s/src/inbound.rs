//! Stanzas that come from another server: who may send them, and to whom (RFC 6120 §8.1.1.2, §8.1.2.2).

use std::sync::Arc;
use std::time::Instant;

use jabiru_router::Router;
use jabiru_stanza::{
    ContentNamespace, DomainRef, Jid, RawElement, Stanza, StanzaFault, StanzaKind, StreamCondition, StreamError,
    address, ns,
};

use crate::confirm;
use crate::link::ASK_AFTER;
use crate::live::LiveStream;
use crate::service::Service;

/// What is remembered of the stanzas of one stream, from one to the next.
pub(crate) struct Inbound {
    router: Router,
    /// The last senders: those who talk do so more than once, and preparing an address costs more than the rest.
    senders: Vec<Arc<Jid>>,
    /// The place of the next one.
    next: usize,
    /// The stream's default language (§4.7.4).
    lang: Option<Arc<str>>,
}

impl Inbound {
    pub(crate) fn new(router: Router) -> Inbound {
        Inbound { router, senders: Vec::new(), next: 0, lang: None }
    }

    /// The language of stanzas that state none, by the header of the stream.
    pub(crate) fn set_lang(&mut self, lang: Option<&str>) {
        self.lang = lang.map(Arc::from);
    }

    /// Handles one stanza, and returns once it is on its way, so that those of one stream stay in order (§10.1). `proven`
    /// says whether a pair of sender's and recipient's domain was proven on this stream.
    ///
    /// # Errors
    /// The error that the stream ends with: `improper-addressing` without proper addresses, `invalid-from` for a sender
    /// whose domain was not proven, `host-unknown` and `host-gone` for a domain that is not served, or not to this sender.
    pub(crate) async fn stanza(
        &mut self,
        service: &Service,
        stream: &LiveStream,
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
        check(service, stream, from.domain(), to.domain(), proven)?;

        stream.note_received(Instant::now());
        if confirms(service, stream, &stanza, &from) {
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
        if let Some(known) = self.senders.iter().find(|known| known.as_str() == from) {
            return Ok(known.clone());
        }
        let from = Arc::new(address(&from).map_err(|_| improper("from is no address"))?);
        match self.senders.get_mut(self.next) {
            Some(oldest) => *oldest = from.clone(),
            None => self.senders.push(from.clone()),
        }
        self.next = (self.next + 1) % SENDERS;
        Ok(from)
    }
}

/// Rule 2 of both sections.
fn check(
    service: &Service,
    stream: &LiveStream,
    from: &DomainRef,
    to: &DomainRef,
    proven: impl Fn(&DomainRef, &DomainRef) -> bool,
) -> Result<(), StreamError> {
    if service.hosted.contains(from) {
        // It may have been another server's when that was proven.
        return Err(StreamError::new(StreamCondition::InvalidFrom).with_text("the domain of from is served here"));
    }
    if proven(from, to) {
        if service.hosted.contains(to) {
            return Ok(());
        }
        // It was served when that was proven.
        return Err(StreamError::new(StreamCondition::HostGone).with_text("this domain is not served here any more"));
    }
    let facts = stream.facts.lock();
    if !facts.proven.iter().any(|pair| pair.remote.as_str() == from.as_str()) {
        return Err(StreamError::new(StreamCondition::InvalidFrom)
            .with_text("the domain of from was not proven on this stream"));
    }
    let text = if service.hosted.contains(to) {
        "the domain of to was not asked for on this stream"
    } else {
        "the domain of to is not served here"
    };
    Err(StreamError::new(StreamCondition::HostUnknown).with_text(text))
}

/// Is it the answer to a ping of ours, by which the other side says how far it is? Then nobody else awaits it.
fn confirms(service: &Service, stream: &LiveStream, stanza: &Stanza, from: &Jid) -> bool {
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
    if let Some(link) = service.links.get(to.domain(), from.domain())
        && link.answered(&id, Instant::now())
    {
        tokio::spawn(async move {
            tokio::time::sleep(ASK_AFTER).await;
            link.ask_for_the_rest(Instant::now());
        });
    }
    service.awaited.answered(&id, from.domain(), to.domain(), stanza, stream);
    true
}

/// Is it something that [`Inbound::stanza`] is for?
pub(crate) fn is_stanza(element: &RawElement) -> bool {
    element.namespace() == ns::SERVER
}

/// Is what the other side was still saying wanted, when a stream ends for this reason?
pub(crate) fn is_heard_after(error: &StreamError) -> bool {
    matches!(error.condition(), StreamCondition::SystemShutdown | StreamCondition::Reset)
}

/// §4.9.3.7
fn improper(text: &'static str) -> StreamError {
    StreamError::new(StreamCondition::ImproperAddressing).with_text(text)
}

/// How many senders of one stream are remembered.
const SENDERS: usize = 8;
