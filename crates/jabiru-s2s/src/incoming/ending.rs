//! How a stream that another server opened ends (RFC 6120 §4.4, §4.9), and what becomes of what was sent on it.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use jabiru_net::Wake;
use jabiru_stanza::StreamError;
use jabiru_xml::Event;

use super::management::Counting;
use super::{End, Incoming, Next};
use crate::carry::{PINGS_AT_THE_END, PINGS_LOOKED_AT, finish};
use crate::inbound::{is_heard_after, is_stanza};
use crate::link::Link;
use crate::outgoing::{self, Because};
use crate::plain::plain;
use crate::service::Service;
use crate::sessions::Session;

impl Incoming<'_> {
    /// Ends the stream with an error because it was ordered to, in good order.
    pub(super) async fn end_ordered(&mut self, error: StreamError) -> End {
        if let Some(end) = self.hear_out().await {
            return end;
        }
        // What is counted is sent again: our last word was that it is not handled.
        let hears = is_heard_after(&error) && !self.counting.is_on() && !self.machine.proven_pairs().is_empty();
        let end = self.fail(error);
        if hears {
            let mut last_words = std::mem::take(&mut self.last_words);
            self.machine.take_output(&mut last_words);
            self.connection.add_last_words(&last_words);
            self.hear_the_rest().await;
        }
        end
    }

    /// Hears, within bounds, what the other side was still saying when it was told of the end (§4.4).
    async fn hear_the_rest(&mut self) {
        let deadline = Instant::now() + self.service.settings.closing_timeout;
        while let Some(chunk) = self.pacing.received_by(&mut self.connection, deadline).await {
            let mut input = &*chunk;
            loop {
                let end = match self.reader.read(&mut input) {
                    Ok(None) => break,
                    Ok(Some(Event::Element(element))) if is_stanza(&element) => {
                        self.pacing.count();
                        matches!(self.stanza(element).await, Next::End(_))
                    }
                    // Nothing is negotiated any more.
                    Ok(Some(Event::Element(_))) => {
                        self.pacing.count();
                        false
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

    /// Sends nothing more, and waits, within bounds, until what was sent is confirmed, so that its senders are not told
    /// that it may be lost; then comes our last word. Gives how the stream ended, if it did meanwhile.
    pub(super) async fn hear_out(&mut self) -> Option<End> {
        if let Some(link) = self.link.clone() {
            let outbox = self.connection.outbox().clone();
            link.lost(&outbox);
            let managed = self.counting.is_on();
            self.connection.add_last_words(&link.last_question(Instant::now()));
            let within = if managed { self.service.settings.closing_timeout } else { PINGS_AT_THE_END };
            let deadline = Instant::now() + within;
            while link.awaits_confirmation() {
                let now = Instant::now();
                if now >= deadline {
                    break;
                }
                // The answer to a ping comes over another stream.
                match self.connection.next(Some(deadline.min(now + PINGS_LOOKED_AT))).await {
                    Ok(Wake::Received(chunk)) => match Box::pin(self.take(&chunk)).await {
                        Ok(Next::Read) => {}
                        Ok(Next::End(end)) => return Some(end),
                        Err(error) => return Some(closed(&error.to_string())),
                    },
                    Ok(Wake::Deadline | Wake::EndOrdered(_)) => {}
                    Ok(Wake::Ended) | Err(_) => return Some(closed("the connection was lost")),
                }
            }
        }
        self.last_words = self.last_word();
        None
    }

    /// Ends the stream with an error.
    pub(super) fn fail(&mut self, error: StreamError) -> End {
        let reason = format!("this server closed the stream with {error}");
        self.machine.close(Some(error));
        End { because: Because::Closed, reason }
    }

    pub(super) fn closed(&self, error: Option<&StreamError>, peer_error: Option<&StreamError>) -> End {
        let reason = match (error, peer_error) {
            (Some(error), _) => format!("this server closed the stream with {error}"),
            (None, Some(error)) => plain(format_args!("the other side closed the stream with {error}")),
            (None, None) => "closed".to_owned(),
        };
        let because = if self.finished { Because::Finished } else { Because::Closed };
        End { because, reason }
    }

    /// Says the last words, and leaves what can be resumed to be resumed.
    pub(super) fn end(mut self, outcome: io::Result<End>) {
        let End { because, reason } = outcome.unwrap_or_else(|error| broken(&error.to_string()));
        let now = Instant::now();
        let established = self.entry.stream().facts.lock().established;
        let remote = self.machine.peer_domain().map(tracing::field::display);
        if established {
            tracing::info!(domain = remote, peer = %self.connection.peer(), reason, "stream from this domain ended");
        } else {
            tracing::info!(domain = remote, peer = %self.connection.peer(), reason, "a server's stream ended before its domain was proven");
        }
        let session = match std::mem::replace(&mut self.counting, Counting::Off) {
            Counting::Resumable(session) => Some(session),
            Counting::Off | Counting::On(_) => None,
        };
        let resumable = session.filter(|session| {
            let broken = because == Because::Broken;
            if !broken {
                self.service.sessions.end(session);
            }
            broken
        });
        if let Some(link) = self.link.take() {
            link.lost(self.connection.outbox());
            if let Some(session) = &resumable {
                session.leave_link(link.clone());
                // Before anybody waits for who takes it up.
                self.service.sessions.release(session, now);
            }
            tokio::spawn(after(self.service.clone(), link, resumable, because, reason));
        } else if let Some(session) = &resumable {
            self.service.sessions.release(session, now);
        }
        let mut last_words = self.last_words;
        self.machine.take_output(&mut last_words);
        self.entry.note(|facts| facts.closing = true);
        let admitted = self.admitted;
        finish(self.connection, (self.entry, admitted), last_words, self.service.settings.closing_timeout);
    }
}

/// What becomes of a link whose stream was the other side's.
async fn after(
    service: Arc<Service>,
    link: Arc<Link>,
    session: Option<Arc<Session>>,
    because: Because,
    reason: String,
) {
    if let Some(session) = session {
        let within = service.settings.patience.min(service.sessions.lifetime());
        let resumed = tokio::time::timeout(within, session.taken_up()).await.unwrap_or(false);
        if resumed || session.take_link().is_none() {
            return;
        }
        return outgoing::go_on_without(service, link).await;
    }
    outgoing::settle(&service, &link, because, false, &reason).await;
    if !link.rest() {
        outgoing::run(service, link).await;
    }
}

/// It is not to be resumed.
pub(super) fn closed(reason: &str) -> End {
    End { because: Because::Closed, reason: reason.to_owned() }
}

pub(super) fn broken(reason: &str) -> End {
    End { because: Because::Broken, reason: reason.to_owned() }
}
