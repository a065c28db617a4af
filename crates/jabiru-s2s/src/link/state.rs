//! What a link holds, and what is done to it under its lock.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jabiru_negotiation::DomainPair;
use jabiru_negotiation::stream_management::{self, Unacknowledged};
use jabiru_net::Outbox;
use jabiru_router::{Refused, RemoteError};
use jabiru_stanza::{Stanza, ns};

use super::Bounds;
use crate::confirm::{Confirming, Question};

#[derive(Debug)]
pub(super) struct State {
    pub(super) phase: Phase,
    /// Not sent yet, in order, with the sum of their bytes.
    pub(super) waiting: VecDeque<Stanza>,
    pub(super) waiting_bytes: usize,
    /// Sent on the present stream, or on the one that broke, and not confirmed.
    pub(super) sent: Unacknowledged<Stanza>,
    pub(super) confirming: Confirming,
    /// Attempts in a row that came to nothing.
    pub(super) failures: u32,
    /// Why the last one did, for people.
    pub(super) last_failure: Option<Arc<str>>,
    /// When the next attempt begins, while something waits for it.
    pub(super) next_try: Option<Instant>,
    /// Since when there is no stream although one is wanted, or was when there was none to be had.
    pub(super) since: Instant,
    /// Stanzas sent on the present stream, or on the last one.
    pub(super) stanzas: u64,
    pub(super) last_sent: Instant,
    /// When the last stream ended.
    pub(super) last_open: Option<Instant>,
    /// When the present or the last stream began.
    pub(super) opened_at: Option<Instant>,
    /// When the last question was put.
    pub(super) last_asked: Option<Instant>,
    /// Somebody will ask for what was sent last.
    pub(super) asks_later: bool,
}

#[derive(Debug)]
pub(super) enum Phase {
    /// Nothing to send, and no stream: the next stanza makes one.
    Idle,
    /// Somebody looks for a stream, or waits for one to be resumed.
    Connecting,
    /// There is one.
    Open(Arc<Outbox>),
    /// There could be none: until then, nobody tries again.
    BackOff { until: Instant, error: RemoteError },
    /// Taken out of the table: whoever still has this looks there again.
    Ended,
}

impl State {
    /// Nothing to send, and no stream.
    pub(super) fn new(now: Instant) -> State {
        State {
            phase: Phase::Idle,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            sent: nothing_sent(),
            confirming: Confirming::Not,
            failures: 0,
            last_failure: None,
            next_try: None,
            since: now,
            stanzas: 0,
            last_sent: now,
            last_open: None,
            opened_at: None,
            last_asked: None,
            asks_later: false,
        }
    }

    /// There is a stream.
    pub(super) fn opened(&mut self, outbox: &Arc<Outbox>, now: Instant) {
        self.opened_at = Some(now);
        self.last_failure = None;
        self.next_try = None;
        self.phase = Phase::Open(outbox.clone());
    }

    /// Is it time to ask what the other side has handled, with so many stanzas more? A question and its answer cost as much
    /// as a stanza, so not with each; but whoever says one thing now and then knows soon what became of it.
    pub(super) fn asking_is_due(&self, more: usize, now: Instant) -> bool {
        let lately = self.last_asked.is_some_and(|asked| now.saturating_duration_since(asked) < ASK_AFTER);
        self.sent.len() + more >= ASK_EVERY || !lately
    }

    /// The question to send behind so many stanzas more, if none is open.
    pub(super) fn ask(&mut self, more: u32, now: Instant) -> Option<Question> {
        let question = self.confirming.ask(self.sent.sent().wrapping_add(more), now)?;
        self.last_asked = Some(now);
        Some(question)
    }

    /// Takes everything that was sent; the next stream counts from zero.
    pub(super) fn take_sent(&mut self) -> Vec<Stanza> {
        std::mem::replace(&mut self.sent, nothing_sent()).drain().collect()
    }

    /// Keeps what was sent until it is confirmed. Whether there is room was seen to before it was sent.
    pub(super) fn keep(&mut self, stanza: Stanza, bytes: usize) {
        if self.sent.push(stanza, bytes).is_err() {
            // It has no bounds of its own.
            debug_assert!(false, "a stanza that was sent was not kept");
        }
    }

    pub(super) fn push(
        &mut self,
        outbox: &Outbox,
        pair: &DomainPair,
        bounds: &Bounds,
        stanza: &Stanza,
        now: Instant,
    ) -> Result<(), Refused> {
        let bytes = weight(stanza);
        let tracked = self.confirming.tracks();
        let room = self.sent.is_empty()
            || self.sent.len() < bounds.unacknowledged_stanzas
                && self.sent.bytes() + bytes <= bounds.unacknowledged_bytes;
        if tracked && !room {
            if self.confirming.is_certain() {
                return Err(Refused::Full);
            }
            // Nobody answers pings there: what is older than all this has long been handled, or never will be.
            let _unknown = self.take_sent();
            self.confirming.settle();
        }
        let question = if self.asking_is_due(1, now) { self.ask(1, now) } else { None };
        let written = outbox.push(|out| {
            stanza.write(out, ns::SERVER);
            if let Some(question) = &question {
                question.write(out, pair);
            }
        });
        if let Err(refused) = written {
            if question.is_some() {
                self.confirming.settle();
            }
            return Err(refused);
        }
        if tracked {
            self.keep(stanza.clone(), bytes);
        }
        self.stanzas += 1;
        self.last_sent = now;
        Ok(())
    }
}

/// The bounds are the link's, which may have to keep more for a moment: what waited leaves as one piece.
fn nothing_sent() -> Unacknowledged<Stanza> {
    Unacknowledged::new(stream_management::Bounds {
        max_stanzas: usize::MAX,
        max_bytes: usize::MAX,
        ..stream_management::Bounds::default()
    })
}

/// What a stanza counts for: its bytes as they were read.
pub(super) fn weight(stanza: &Stanza) -> usize {
    stanza.raw().as_bytes().len()
}

/// What was handled is asked for when so many stanzas are not confirmed, or with the next after so long. So that somebody
/// asks for the last ones, too, the stream is looked at so long after an answer.
const ASK_EVERY: usize = 32;
pub(crate) const ASK_AFTER: Duration = Duration::from_secs(1);
