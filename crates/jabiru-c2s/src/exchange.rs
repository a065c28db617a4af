//! The exchange of stanzas on an established stream (RFC 6120 §8), up to its end (§4.4).

use std::io;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use jabiru_net::rate::{Meter, Pace};
use jabiru_net::{Connection, Wake};
use jabiru_router::{Refused, ResourceId, Router};
use jabiru_stanza::{
    ContentNamespace, Element, FullJid, Jid, PresenceType, RawElement, Stanza, StanzaError, StanzaFault, StanzaKind,
    StreamCondition, StreamError, ns,
};
use jabiru_xml::{Event, Reader};

use crate::expiry::Expiry;
use crate::farewell::{last_words, too_fast};
use crate::recipients::Recipients;
use crate::second_bind;
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
    pub(crate) silence: Silence<'a>,
    pub(crate) meter: Meter<'a>,
    pub(crate) recipients: Recipients,
    /// When the certificate expires by which the client was authenticated.
    pub(crate) expiry: Option<Box<Expiry>>,
    /// First-level elements that were read and that the meter does not know of yet.
    pub(crate) stanzas: usize,
}

/// How a stream goes on.
enum Next {
    /// With what comes next.
    Read,
    /// So too, but not before this moment: the client sends too fast.
    Rest(Instant),
    /// Not: the client closed it, or its connection, or the server closes it without fault (§4.4).
    Close,
    /// Not: the server closes it with this error.
    Fail(StreamError),
}

impl Exchange<'_> {
    /// Handles stanzas, first those in `input`, until the stream ends; returns the last words to send.
    ///
    /// # Errors
    /// What the socket says.
    pub(crate) async fn run(&mut self, input: Vec<u8>) -> io::Result<Vec<u8>> {
        let mut next = self.take(&input).await;
        drop(input);
        loop {
            next = match next {
                Next::Read => match self.connection.next(self.deadline()).await? {
                    Wake::Received(chunk) => self.take(&chunk).await,
                    // Broken off (§4.6.2); but who has closed one direction only still hears what waits.
                    Wake::Ended => Next::Close,
                    Wake::EndOrdered(error) => error.map_or(Next::Close, Next::Fail),
                    Wake::Deadline => self.deadline_passed(),
                },
                Next::Rest(until) => match self.connection.rest(until).await? {
                    Wake::EndOrdered(error) => error.map_or(Next::Close, Next::Fail),
                    Wake::Deadline | Wake::Received(_) | Wake::Ended => {
                        // The client may have spoken all the time.
                        self.silence.heard(Instant::now());
                        Next::Read
                    }
                },
                Next::Close => return Ok(last_words(self.connection, None)),
                Next::Fail(error) => {
                    tracing::info!(jid = %self.from, %error, "the server ends the stream");
                    return Ok(last_words(self.connection, Some(&error)));
                }
            }
        }
    }

    /// Handles what was received.
    async fn take(&mut self, input: &[u8]) -> Next {
        let now = Instant::now();
        self.silence.heard(now);
        if let Some(end) = self.read(input, now).await {
            return end;
        }
        // While something is there to be read, the connection tells of no deadline.
        if let Some(end) = self.certificate_is_over(now) {
            return end;
        }
        match self.meter.read(input.len(), std::mem::take(&mut self.stanzas), now) {
            Pace::Go => Next::Read,
            Pace::Rest(until) => Next::Rest(until),
            Pace::Close => Next::Fail(too_fast()),
        }
    }

    /// The next moment at which something is to be looked at.
    fn deadline(&self) -> Option<Instant> {
        let expiry = self.expiry.as_ref().map(|expiry| expiry.due());
        [self.silence.due(), expiry].into_iter().flatten().min()
    }

    fn deadline_passed(&mut self) -> Next {
        let now = Instant::now();
        self.certificate_is_over(now).unwrap_or_else(|| self.silence_is_due(now))
    }

    /// §13.7.2.3
    fn certificate_is_over(&mut self, now: Instant) -> Option<Next> {
        let expiry = self.expiry.as_mut().filter(|expiry| expiry.due() <= now)?;
        let error = StreamError::new(StreamCondition::Reset).with_text("the certificate has expired");
        expiry.is_over(now, SystemTime::now()).then_some(Next::Fail(error))
    }

    fn silence_is_due(&mut self, now: Instant) -> Next {
        match self.silence.check(now, self.connection.is_sending()) {
            Due::Wait => {}
            Due::Touch => self.send(|out| out.push(b' ')),
            Due::Ask => {
                let ping = Element::new("iq", ns::CLIENT)
                    .with_attribute("type", "get")
                    .with_attribute("id", "still-there")
                    .with_attribute("from", self.jid.domain().as_str())
                    .with_attribute("to", self.jid.as_str())
                    .with_child(Element::new("ping", ns::PING));
                self.send(|out| ping.write(out, ns::CLIENT));
            }
            Due::GiveUp => {
                let error = StreamError::new(StreamCondition::ConnectionTimeout);
                return Next::Fail(error.with_text("no answer to a ping"));
            }
        }
        Next::Read
    }

    /// Sends what checks the connection. Nothing waits to be sent now, so there is room; if the stream's end was ordered,
    /// there is nothing to check any more.
    fn send(&self, write: impl FnOnce(&mut Vec<u8>)) {
        if let Err(refused) = self.connection.outbox().push(write) {
            tracing::trace!(%refused, "a connection is not checked");
        }
    }

    /// Handles everything in what was received, one after the other (§10.1).
    ///
    /// Gives how the stream ends, if it does.
    async fn read(&mut self, mut input: &[u8], now: Instant) -> Option<Next> {
        loop {
            let end = match self.reader.read(&mut input) {
                Ok(None) => return None,
                Ok(Some(Event::Element(element))) => self.element(element, now).await,
                Ok(Some(Event::StreamClose)) => Some(Next::Close),
                // The reader gives one only, before the first element.
                Ok(Some(Event::StreamOpen(_))) => Some(Next::Fail(StreamCondition::BadFormat.into())),
                Err(error) => Some(Next::Fail(StreamError::from(&error))),
            };
            if end.is_some() {
                return end;
            }
        }
    }

    async fn element(&mut self, element: RawElement, now: Instant) -> Option<Next> {
        self.stanzas += 1;
        if element.is("error", ns::STREAM) {
            // §4.9.1.1: the client has found an error and closes the stream; there is nothing to answer.
            return Some(Next::Close);
        }
        if element.root().prefix().is_some() && element.namespace() == ns::CLIENT {
            // §4.8.5: stanzas have no prefix.
            let error = StreamError::new(StreamCondition::BadNamespacePrefix);
            return Some(Next::Fail(error.with_text("stanzas have no prefix")));
        }
        if element.uses_prefix_of_header() && element.namespace() == ns::CLIENT {
            let error = StreamError::new(StreamCondition::InvalidNamespace);
            let text = "namespaces of what is in a stanza are declared in the stanza";
            // §4.8.5: what is in a stanza leaves the header's stream, and its namespaces would be lost.
            return Some(Next::Fail(error.with_text(text)));
        }
        match Stanza::parse(element, ContentNamespace::Client) {
            Ok(stanza) => {
                if let Some(error) = second_bind::refusal(&stanza, self.jid) {
                    return self.answer(stanza, &error);
                }
                if let Some(error) = self.recipients.refusal(&stanza, self.jid, now) {
                    return self.answer(stanza, &error);
                }
                let stanza = self.stamp(stanza);
                self.router.receive(self.jid, self.id, stanza).await;
                None
            }
            Err(StanzaFault::Stanza { stanza, error }) => self.answer(*stanza, &error),
            Err(StanzaFault::Stream(error)) => Some(Next::Fail(error)),
        }
    }

    /// §8.1.2.1: whatever `from` the client wrote is overridden by the full JID of its resource, or the bare JID where a
    /// subscription is concerned. So a false one does no harm, and is no `invalid-from` (§4.9.3.9). What a stanza without
    /// `to` is for, the router knows (§10.3).
    fn stamp(&self, mut stanza: Stanza) -> Stanza {
        match stanza.kind() {
            StanzaKind::Presence(
                PresenceType::Subscribe
                | PresenceType::Subscribed
                | PresenceType::Unsubscribe
                | PresenceType::Unsubscribed,
            ) => stanza.set_from(Jid::from(self.jid.to_bare())),
            StanzaKind::Presence(_) | StanzaKind::Message(_) | StanzaKind::Iq(_) => stanza.set_from(self.from.clone()),
        }
        if let Some(lang) = &self.lang {
            stanza.set_lang(lang.clone());
        }
        stanza
    }

    /// Tells the client what is wrong with a stanza that goes nowhere.
    fn answer(&self, mut stanza: Stanza, error: &StanzaError) -> Option<Next> {
        stanza.set_from(self.from.clone());
        let answer = error.reply_to(&stanza)?;
        match self.connection.outbox().push(|out| answer.write(out, ns::CLIENT)) {
            // Gone: the end was ordered, and comes with its own reason.
            Ok(()) | Err(Refused::Gone | Refused::Unreachable) => None,
            // Nothing is read while the outbox is half full: this one has asked for all that at once.
            Err(Refused::Full) => Some(Next::Fail(StreamCondition::ResourceConstraint.into())),
        }
    }
}
