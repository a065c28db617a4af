//! The exchange of stanzas on an established stream (RFC 6120 §8), up to its end (§4.4).

use std::io;
use std::sync::Arc;
use std::time::Instant;

use jabiru_net::{Connection, Wake};
use jabiru_router::{Refused, ResourceId, Router};
use jabiru_stanza::{
    ContentNamespace, Element, FullJid, Jid, PresenceType, RawElement, Stanza, StanzaError, StanzaFault, StanzaKind,
    StreamCondition, StreamError, ns,
};
use jabiru_xml::{Event, Reader};

use crate::negotiate::log_end;
use crate::silence::{Due, Silence};

/// One established stream.
pub(crate) struct Exchange<'a> {
    pub(crate) router: &'a Router,
    pub(crate) connection: &'a mut Connection,
    pub(crate) reader: Reader,
    pub(crate) jid: &'a FullJid,
    pub(crate) id: ResourceId,
    /// The same address, as every stanza is stamped with it.
    pub(crate) from: Arc<Jid>,
    /// The stream's default language (§4.7.4).
    pub(crate) lang: Option<Arc<str>>,
    pub(crate) silence: Silence,
}

/// How a stream came to its end.
enum End {
    /// The client closed it, or its connection.
    Closed,
    /// The server closes it.
    Error(StreamError),
    /// The server closes it without fault (§4.4).
    Ordered,
}

impl Exchange<'_> {
    /// Handles stanzas, first those in `input`, until the stream ends; returns the last words to send.
    ///
    /// # Errors
    /// What the socket says.
    pub(crate) async fn run(&mut self, input: Vec<u8>) -> io::Result<Vec<u8>> {
        let mut end = self.read(&input).await;
        drop(input);
        let end = loop {
            if let Some(end) = end {
                break end;
            }
            end = match self.connection.next(Some(self.silence.due())).await? {
                Wake::Received(chunk) => {
                    self.silence.heard(Instant::now());
                    self.read(&chunk).await
                }
                // Broken off (§4.6.2); but who has closed one direction only still hears what waits.
                Wake::Ended => Some(End::Closed),
                Wake::EndOrdered(Some(error)) => Some(End::Error(error)),
                Wake::EndOrdered(None) => Some(End::Ordered),
                Wake::Deadline => self.silence_is_due(),
            };
        };
        let mut last_words = Vec::new();
        match &end {
            End::Closed | End::Ordered => log_end(self.connection, None),
            End::Error(error) => {
                log_end(self.connection, Some(error));
                error.write(&mut last_words);
            }
        }
        last_words.extend_from_slice(b"</stream:stream>");
        Ok(last_words)
    }

    fn silence_is_due(&mut self) -> Option<End> {
        match self.silence.check(Instant::now()) {
            Due::Wait => None,
            Due::Ask => {
                let ping = Element::new("iq", ns::CLIENT)
                    .with_attribute("type", "get")
                    .with_attribute("id", "still-there")
                    .with_attribute("from", self.jid.domain().as_str())
                    .with_attribute("to", self.jid.as_str())
                    .with_child(Element::new("ping", ns::PING));
                // A full outbox is sign enough: the client takes nothing, and is given up in time too.
                let _ = self.connection.outbox().push(|out| ping.write(out, ns::CLIENT));
                None
            }
            Due::GiveUp => {
                Some(End::Error(StreamError::new(StreamCondition::ConnectionTimeout).with_text("no answer to a ping")))
            }
        }
    }

    /// Handles everything in what was received, one after the other (§10.1).
    async fn read(&mut self, mut input: &[u8]) -> Option<End> {
        loop {
            let end = match self.reader.read(&mut input) {
                Ok(None) => return None,
                Ok(Some(Event::Element(element))) => self.element(element).await,
                Ok(Some(Event::StreamClose)) => Some(End::Closed),
                Ok(Some(Event::StreamOpen(_))) => Some(End::Error(StreamCondition::InvalidXml.into())),
                Err(error) => Some(End::Error(StreamError::from(&error))),
            };
            if end.is_some() {
                return end;
            }
        }
    }

    async fn element(&mut self, element: RawElement) -> Option<End> {
        if element.is("error", ns::STREAM) {
            // §4.9.1.1: the client has found an error and closes the stream; there is nothing to answer.
            return Some(End::Closed);
        }
        match Stanza::parse(element, ContentNamespace::Client) {
            Ok(stanza) => {
                let stanza = self.stamp(stanza);
                self.router.receive(self.jid, self.id, stanza).await;
                None
            }
            Err(StanzaFault::Stanza { stanza, error }) => self.answer(*stanza, &error),
            Err(StanzaFault::Stream(error)) => Some(End::Error(error)),
        }
    }

    /// §8.1.2.1: whatever `from` the client wrote, it is the full JID of its resource, or the bare
    /// JID where a subscription is concerned.
    fn stamp(&self, mut stanza: Stanza) -> Stanza {
        match stanza.kind() {
            StanzaKind::Presence(
                PresenceType::Subscribe
                | PresenceType::Subscribed
                | PresenceType::Unsubscribe
                | PresenceType::Unsubscribed,
            ) => stanza.set_from(Jid::from(self.jid.to_bare())),
            StanzaKind::Presence(_) => stanza.set_from(self.from.clone()),
            StanzaKind::Message(_) | StanzaKind::Iq(_) => {
                stanza.set_from(self.from.clone());
                // §10.3.1, §10.3.3: without `to` it is for the sender's own account.
                if stanza.to().is_none() {
                    stanza.set_to(Jid::from(self.jid.to_bare()));
                }
            }
        }
        if let Some(lang) = &self.lang {
            stanza.set_lang(lang.clone());
        }
        stanza
    }

    /// Tells the client what is wrong with a stanza that goes nowhere.
    fn answer(&self, mut stanza: Stanza, error: &StanzaError) -> Option<End> {
        stanza.set_from(self.from.clone());
        let answer = error.reply_to(&stanza)?;
        match self.connection.outbox().push(|out| answer.write(out, ns::CLIENT)) {
            // Gone: the end was ordered, and comes with its own reason.
            Ok(()) | Err(Refused::Gone | Refused::Unreachable) => None,
            // Nothing is read while the outbox is half full: this one has asked for all that at once.
            Err(Refused::Full) => Some(End::Error(StreamCondition::ResourceConstraint.into())),
        }
    }
}
