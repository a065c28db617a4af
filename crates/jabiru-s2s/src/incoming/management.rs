//! Stream management on a stream that another server opened (XEP-0198).

use std::sync::Arc;
use std::time::Instant;

use jabiru_negotiation::stream_management::{Handled, SmElement};
use jabiru_stanza::{Condition, RawElement, ns};

use super::{Incoming, Next};
use crate::link::ASK_AFTER;
use crate::live::Resumable;
use crate::outgoing;
use crate::sessions::Session;

/// Are stanzas that come counted (XEP-0198)?
pub(super) enum Counting {
    /// No.
    Off,
    /// For this stream alone.
    On(Handled),
    /// For whoever resumes it, too.
    Resumable(Arc<Session>),
}

impl Counting {
    pub(super) fn is_on(&self) -> bool {
        !matches!(self, Counting::Off)
    }

    /// One more stanza was handled.
    pub(super) fn count(&mut self) {
        match self {
            Counting::Off => {}
            Counting::On(handled) => handled.count(),
            Counting::Resumable(session) => session.count(),
        }
    }
}

impl Incoming<'_> {
    /// Stream management (XEP-0198). What else comes that is no stanza is ignored (§4.8.4).
    pub(super) async fn management(&mut self, element: &RawElement) -> Next {
        let element = match SmElement::read(element) {
            None => return Next::Read,
            Some(Ok(element)) => element,
            Some(Err(error)) => return Next::End(self.fail(error)),
        };
        self.finished = false;
        let now = Instant::now();
        match element {
            SmElement::Request => self.say_handled(),
            SmElement::Ack { h } => {
                let Some(link) = &self.link else { return Next::Read };
                self.next_tick = self.next_tick.min(now + ASK_AFTER);
                match link.acknowledged(h, now) {
                    Ok(last_word) => self.finished = last_word,
                    Err(too_high) => return Next::End(self.fail(too_high.into())),
                }
            }
            SmElement::Enable { .. } | SmElement::Resume { .. } if !self.may_be_managed() => {
                self.push(&SmElement::Failed { condition: Condition::UnexpectedRequest, h: None });
            }
            SmElement::Enable { resume, .. } => self.enable(resume, now),
            SmElement::Resume { h, previd } => return self.resume(h, &previd, now).await,
            // These are for us to say.
            SmElement::Enabled { .. } | SmElement::Resumed { .. } | SmElement::Failed { .. } => {}
        }
        Next::Read
    }

    fn may_be_managed(&self) -> bool {
        !self.counting.is_on() && self.service.policy().stream_management
    }

    fn enable(&mut self, resume: bool, now: Instant) {
        if let Some((pair, _)) = self.machine.proven_pairs().first() {
            // It has forgotten what it had, and nobody will resume it.
            self.service.sessions.supersede(pair);
        }
        let session = match self.machine.proven_pairs().first() {
            Some((pair, _)) if resume => self.service.sessions.begin(pair.clone(), self.connection.outbox()),
            Some(_) | None => None,
        };
        let lifetime = self.service.sessions.lifetime().as_secs();
        let enabled = SmElement::Enabled {
            id: session.as_ref().map(|session| session.id().to_owned()),
            resume: session.is_some(),
            max: session.as_ref().map(|_| u32::try_from(lifetime).unwrap_or(u32::MAX)),
            location: None,
        };
        let mut bytes = Vec::new();
        enabled.to_element().write(&mut bytes, ns::SERVER);
        match &self.link {
            // Stanzas count from <enabled/> on: nothing may come in between.
            Some(link) => link.manage(self.connection.outbox(), &bytes, now),
            None => self.push_bytes(&bytes),
        }
        self.entry.note(|facts| facts.managed = Some(Resumable(session.is_some())));
        self.counting = session.map_or(Counting::On(Handled::default()), Counting::Resumable);
    }

    async fn resume(&mut self, h: u32, previd: &str, now: Instant) -> Next {
        let Some((pair, _)) = self.machine.proven_pairs().first().cloned() else { return Next::Read };
        let within = self.service.settings.closing_timeout;
        let Some(session) = self.service.sessions.resume(previd, &pair, self.connection.outbox(), within).await else {
            self.push(&SmElement::Failed { condition: Condition::ItemNotFound, h: None });
            return Next::Read;
        };
        tracing::info!(domain = %pair.sender, peer = %self.connection.peer(), "stream from this domain resumed");
        self.push(&SmElement::Resumed { h: session.handled(), previd: previd.to_owned() });
        self.entry.note(|facts| facts.managed = Some(Resumable(true)));
        self.counting = Counting::Resumable(session.clone());
        if let Some(link) = session.take_link() {
            if !self.machine.is_bidirectional() {
                // It was, and the link has to find a way of its own.
                tokio::spawn(outgoing::go_on_without(self.service.clone(), link));
                return Next::Read;
            }
            self.offered = true;
            let resumed = link.resume(self.connection.outbox(), h, now);
            self.link = Some(link);
            if let Err(too_high) = resumed {
                return Next::End(self.fail(too_high.into()));
            }
        }
        Next::Read
    }

    /// Tells how many stanzas were handled, where that is counted.
    fn say_handled(&self) {
        if let Some(h) = self.handled() {
            self.push(&SmElement::Ack { h });
        }
    }

    fn handled(&self) -> Option<u32> {
        match &self.counting {
            Counting::Off => None,
            Counting::On(handled) => Some(handled.h()),
            Counting::Resumable(session) => Some(session.handled()),
        }
    }

    /// The last word on that: twice, so that one is no answer to a question, and the other side knows that nothing is
    /// handled any more ([`Link::acknowledged`]).
    pub(super) fn last_word(&self) -> Vec<u8> {
        let mut words = Vec::new();
        if let Some(h) = self.handled() {
            let answer = SmElement::Ack { h }.to_element();
            answer.write(&mut words, ns::SERVER);
            answer.write(&mut words, ns::SERVER);
        }
        words
    }

    fn push(&self, element: &SmElement) {
        let mut bytes = Vec::new();
        element.to_element().write(&mut bytes, ns::SERVER);
        self.push_bytes(&bytes);
    }
}
