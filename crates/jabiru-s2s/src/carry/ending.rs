//! How a stream that we opened ends (RFC 6120 §4.4, §4.9), and what can still be said and heard then.

use std::time::{Duration, Instant};

use jabiru_negotiation::InitiatingServerError;
use jabiru_negotiation::stream_management::SmElement;
use jabiru_net::{Connection, Wake};
use jabiru_stanza::{StreamError, ns};
use jabiru_xml::Event;

use super::{Carry, End, Next, Previous, State};
use crate::inbound;
use crate::outgoing::Because;
use crate::plain::plain;

impl Carry<'_> {
    /// Sends nothing more, and waits, within bounds, until what was sent is confirmed, so that its senders are not told
    /// that it may be lost; then comes our last word. Gives how the stream ended, if it did meanwhile.
    pub(super) async fn hear_out(&mut self) -> Option<End> {
        self.link.lost(self.stream.connection.outbox());
        let managed = matches!(self.management, State::Enabling | State::On(_));
        self.stream.connection.add_last_words(&self.link.last_question(Instant::now()));
        let within = if managed { self.service.settings.closing_timeout } else { PINGS_AT_THE_END };
        let deadline = Instant::now() + within;
        while self.link.awaits_confirmation() {
            let now = Instant::now();
            if now >= deadline {
                break;
            }
            // The answer to a ping comes over another stream.
            match self.stream.connection.next(Some(deadline.min(now + PINGS_LOOKED_AT))).await {
                Ok(Wake::Received(chunk)) => {
                    if let Next::End(end) = Box::pin(self.take(&chunk)).await {
                        return Some(End { resumable: None, ..end });
                    }
                }
                Ok(Wake::Deadline | Wake::EndOrdered(_)) => {}
                Ok(Wake::Ended) | Err(_) => return Some(self.end(Because::Closed, "the connection was lost", false)),
            }
        }
        self.last_words = self.last_word();
        None
    }

    /// Ends the stream because it was ordered to, in good order.
    pub(super) async fn end_ordered(&mut self, error: Option<StreamError>) -> End {
        if let Some(end) = self.hear_out().await {
            return end;
        }
        let hears = error.as_ref().is_none_or(inbound::is_heard_after) && !self.is_counted();
        let end = match error {
            Some(error) => self.fail(error),
            None => self.close("the stream was closed by this server"),
        };
        if hears && self.stream.bidi {
            let mut last_words = std::mem::take(&mut self.last_words);
            self.stream.machine.take_output(&mut last_words);
            self.stream.connection.add_last_words(&last_words);
            self.hear_the_rest().await;
        }
        end
    }

    /// Closes a stream that nobody needs.
    pub(super) async fn retire(&mut self) -> End {
        self.link.lost(self.stream.connection.outbox());
        let mut last_words = self.last_word();
        last_words.extend_from_slice(b"</stream:stream>");
        let closing = self.stream.connection.outbox().push(|out| out.extend_from_slice(&last_words));
        if closing.is_err() {
            return self.broken("the stream was ending");
        }
        self.stream.connection.outbox().shut();
        self.hear_the_rest().await;
        self.end(Because::Closed, "nobody needed it", false)
    }

    /// Hears, within bounds, what the other side was still saying when it was told of the end (§4.4). Stanzas that are
    /// counted are left alone: our last word was that they are not handled, so they are sent again.
    async fn hear_the_rest(&mut self) {
        let deadline = Instant::now() + self.service.settings.closing_timeout;
        while let Some(chunk) = self.pacing.received_by(&mut self.stream.connection, deadline).await {
            let mut input = &*chunk;
            loop {
                let end = match self.stream.reader.read(&mut input) {
                    Ok(None) => break,
                    Ok(Some(Event::Element(element))) if inbound::is_stanza(&element) => {
                        self.pacing.count();
                        self.stream.bidi && !self.is_counted() && matches!(self.stanza(element).await, Next::End(_))
                    }
                    Ok(Some(Event::Element(element))) => {
                        self.pacing.count();
                        matches!(self.element(&element).await, Next::End(_))
                    }
                    Ok(Some(Event::StreamClose | Event::StreamOpen(_))) | Err(_) => true,
                };
                if end {
                    return;
                }
            }
            if self.pacing.took(chunk.len()).is_some() {
                return;
            }
        }
    }

    /// Does the other side count what it sends, or may it?
    fn is_counted(&self) -> bool {
        !matches!(self.management, State::Off)
    }

    /// The last word on that: twice, so that one is no answer to a question, and the other side knows that nothing is
    /// handled any more ([`Link::acknowledged`](crate::link::Link::acknowledged)).
    fn last_word(&self) -> Vec<u8> {
        let mut words = Vec::new();
        if matches!(self.management, State::On(_)) {
            let answer = SmElement::Ack { h: self.handled.h() }.to_element();
            answer.write(&mut words, ns::SERVER);
            answer.write(&mut words, ns::SERVER);
        }
        words
    }

    /// Ends the stream with an error.
    pub(super) fn fail(&mut self, error: StreamError) -> End {
        let reason = format!("this server closed the stream with {error}");
        self.stream.machine.close_with(error);
        self.end(Because::Closed, &reason, false)
    }

    pub(super) fn close(&mut self, reason: &str) -> End {
        self.stream.machine.close();
        self.end(Because::Closed, reason, false)
    }

    /// The other side has closed it.
    pub(super) fn closed(&self, error: Option<InitiatingServerError>) -> End {
        let because = if self.finished { Because::Finished } else { Because::Closed };
        let reason = error.as_ref().map_or_else(|| "closed".to_owned(), plain);
        End { error, ..self.end(because, &reason, false) }
    }

    pub(super) fn broken(&self, reason: &str) -> End {
        self.end(Because::Broken, reason, true)
    }

    fn end(&self, because: Because, reason: &str, may_resume: bool) -> End {
        let resumable = match &self.management {
            State::On(Some((id, max))) if may_resume => {
                let lifetime = (*max).min(self.service.settings.patience);
                Some(Previous { id: id.clone(), handled: self.handled, until: Instant::now() + lifetime })
            }
            State::Resuming if may_resume => self.previous.clone(),
            State::Off | State::Enabling | State::On(_) | State::Resuming => None,
        };
        End { because, resumable, reason: reason.to_owned(), error: None }
    }
}

/// Says the last words while nobody waits for that.
///
/// What is `held` is let go when the connection is gone.
pub(crate) fn finish(connection: Connection, held: impl Send + 'static, last_words: Vec<u8>, within: Duration) {
    tokio::spawn(async move {
        connection.finish(&last_words, within).await;
        drop(held);
    });
}

/// How long answers to pings are waited for at the end of a stream, and how often is looked for them.
pub(crate) const PINGS_AT_THE_END: Duration = Duration::from_millis(500);
pub(crate) const PINGS_LOOKED_AT: Duration = Duration::from_millis(50);
