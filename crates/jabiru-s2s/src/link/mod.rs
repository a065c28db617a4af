//! What goes from one of our domains to one other domain: what waits for a stream, what is on its way, and on which stream.
//!
//! A [`Link`] is the sender's side of a pair of domains (RFC 6120 §10.4). Streams come and go below it: one that we open
//! ([`outgoing`](crate::outgoing)), or one of the other side's that carries stanzas in both directions (XEP-0288). Stanzas
//! are handed on in the order in which they came, whatever happens to streams: what a stream that broke may have lost is
//! sent again on the one that resumes it, or answered with an error.

mod state;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use jabiru_negotiation::DomainPair;
use jabiru_negotiation::stream_management::HandledCountTooHigh;
use jabiru_net::Outbox;
use jabiru_router::{Refused, RemoteError};
use jabiru_stanza::{Stanza, ns};
use parking_lot::Mutex;

pub(crate) use self::state::ASK_AFTER;
use self::state::{Phase, State, weight};
use crate::confirm::Confirming;

/// The sender's side of a pair of domains.
#[derive(Debug)]
pub(crate) struct Link {
    pair: DomainPair,
    bounds: Bounds,
    /// Bytes that wait in all links.
    total: Arc<AtomicUsize>,
    state: Mutex<State>,
}

/// How much may wait, and be on its way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) queue_bytes: usize,
    pub(crate) total_queue_bytes: usize,
    pub(crate) unacknowledged_stanzas: usize,
    pub(crate) unacknowledged_bytes: usize,
}

/// What to do about a stream that broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broke {
    /// Try another at once.
    AtOnce,
    /// Try another after this pause.
    After(Duration),
    /// Too many broke, one after the other, without anything getting across.
    GiveUp,
}

/// A stream that lasted for so long was no failure, though it broke.
const STEADY: Duration = Duration::from_secs(30);

/// Streams in a row that may break without anything getting across.
const FRUITLESS: u32 = 8;

/// What became of a stanza.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// It is on its way, or waits to be.
    Taken,
    /// It waits, and whoever handed it in has to see to it that a stream is looked for.
    TakenFirst,
    /// Nothing of it was or will be sent.
    Refused(RemoteError),
    /// The link is out of use: ask for another.
    Ended,
}

impl Link {
    /// A link with nothing to send.
    pub(crate) fn new(pair: DomainPair, bounds: Bounds, total: Arc<AtomicUsize>, now: Instant) -> Link {
        Link { pair, bounds, total, state: Mutex::new(State::new(now)) }
    }

    /// From which of our domains to which other one.
    pub(crate) fn pair(&self) -> &DomainPair {
        &self.pair
    }

    /// Takes a stanza of the pair.
    pub(crate) fn send(&self, stanza: &Stanza, now: Instant) -> Sent {
        let mut state = self.state.lock();
        let state = &mut *state;
        match &state.phase {
            Phase::Open(outbox) => {
                let outbox = outbox.clone();
                match state.push(&outbox, &self.pair, &self.bounds, stanza, now) {
                    Ok(()) => Sent::Taken,
                    Err(Refused::Full) => Sent::Refused(RemoteError::Full),
                    // The stream is ending; whoever drives it looks at the link next.
                    Err(Refused::Gone | Refused::Unreachable) => self.queue(state, stanza, Sent::Taken),
                }
            }
            Phase::Connecting => self.queue(state, stanza, Sent::Taken),
            Phase::BackOff { until, error } if now < *until => Sent::Refused(*error),
            Phase::Idle | Phase::BackOff { .. } => {
                let sent = self.queue(state, stanza, Sent::TakenFirst);
                if sent == Sent::TakenFirst {
                    state.phase = Phase::Connecting;
                    state.since = now;
                }
                sent
            }
            Phase::Ended => Sent::Ended,
        }
    }

    fn queue(&self, state: &mut State, stanza: &Stanza, taken: Sent) -> Sent {
        let bytes = weight(stanza);
        let fits = state.waiting_bytes + bytes <= self.bounds.queue_bytes
            && self.total.fetch_add(bytes, Ordering::Relaxed) + bytes <= self.bounds.total_queue_bytes;
        if !fits {
            if state.waiting_bytes + bytes <= self.bounds.queue_bytes {
                self.total.fetch_sub(bytes, Ordering::Relaxed);
            }
            return Sent::Refused(RemoteError::Full);
        }
        state.waiting_bytes += bytes;
        state.waiting.push_back(stanza.clone());
        taken
    }

    /// Claims a link that has no stream and looks for none, for whoever has one to offer; `false` if somebody else does
    /// that already.
    pub(crate) fn claim(&self) -> bool {
        let mut state = self.state.lock();
        let free = matches!(state.phase, Phase::Idle | Phase::BackOff { .. });
        if free {
            state.phase = Phase::Connecting;
            state.since = Instant::now();
        }
        free
    }

    /// Sends on this stream from now on, first what waits. Whoever was told [`Sent::TakenFirst`], or
    /// [claimed](Self::claim) the link, calls this.
    pub(crate) fn open(&self, outbox: &Arc<Outbox>, confirming: Confirming, now: Instant) {
        let mut state = self.state.lock();
        let state = &mut *state;
        state.confirming = confirming;
        state.stanzas = 0;
        state.opened(outbox, now);
        self.write_left(state, outbox, false, now);
    }

    /// Goes on with a stream that takes the place of the one that broke (XEP-0198 §5): the other side has handled so many
    /// stanzas; what is left is sent again, before what waits.
    ///
    /// # Errors
    /// [`HandledCountTooHigh`] if more were handled than were sent; then nothing has changed.
    pub(crate) fn resume(&self, outbox: &Arc<Outbox>, handled: u32, now: Instant) -> Result<(), HandledCountTooHigh> {
        let mut state = self.state.lock();
        let state = &mut *state;
        drop(state.sent.acknowledge(handled)?);
        state.opened(outbox, now);
        state.confirming.settle();
        self.write_left(state, outbox, true, now);
        Ok(())
    }

    /// What was sent before, if it is to be `again`, and what waits: as one piece, so that the outbox takes all of it.
    fn write_left(&self, state: &mut State, outbox: &Outbox, again: bool, now: Instant) {
        if state.waiting.is_empty() && (!again || state.sent.is_empty()) {
            return;
        }
        let count = u32::try_from(state.waiting.len()).unwrap_or(u32::MAX);
        let question = state.ask(count, now);
        let written = outbox.push(|out| {
            for stanza in state.sent.iter().filter(|_| again).chain(&state.waiting) {
                stanza.write(out, ns::SERVER);
            }
            if let Some(question) = &question {
                question.write(out, &self.pair);
            }
        });
        if written.is_err() {
            // The stream is ending already; they wait on.
            if question.is_some() {
                state.confirming.settle();
            }
            return;
        }
        state.last_sent = now;
        state.stanzas += state.waiting.len() as u64;
        self.total.fetch_sub(std::mem::take(&mut state.waiting_bytes), Ordering::Relaxed);
        let tracked = state.confirming.tracks();
        for stanza in std::mem::take(&mut state.waiting) {
            if tracked {
                let bytes = weight(&stanza);
                state.keep(stanza, bytes);
            }
        }
    }

    /// The other side has handled so many stanzas of the stream. `true` if that is nothing new, and can't be the answer to
    /// a question, which follows what was sent: then it is the other side's last word.
    ///
    /// # Errors
    /// [`HandledCountTooHigh`] if so many were not sent.
    pub(crate) fn acknowledged(&self, handled: u32, now: Instant) -> Result<bool, HandledCountTooHigh> {
        let mut state = self.state.lock();
        let nothing_new = state.sent.acknowledge(handled)?.next().is_none();
        let unasked = state.confirming.promised_since().is_none();
        if nothing_new && (unasked || !state.sent.is_empty()) {
            return Ok(true);
        }
        state.failures = 0;
        self.confirmed(&mut state, now);
        Ok(false)
    }

    /// The other side has answered a ping, and so handled everything before it. `true` if
    /// [`ask_for_the_rest`](Self::ask_for_the_rest) is to be called [`ASK_AFTER`] from now, about what is left or sent
    /// until then; never twice before it was.
    #[must_use]
    pub(crate) fn answered(&self, id: &str, now: Instant) -> bool {
        let mut state = self.state.lock();
        if let Some(handled) = state.confirming.confirmed_by(id)
            && state.sent.acknowledge(handled).map(drop).is_ok()
        {
            state.failures = 0;
            self.confirmed(&mut state, now);
        }
        let open = !state.confirming.tracks() || state.confirming.unanswered_since().is_some();
        !open && !std::mem::replace(&mut state.asks_later, true)
    }

    /// Asks again, if anything is left to ask for.
    fn confirmed(&self, state: &mut State, now: Instant) {
        state.confirming.settle();
        let Phase::Open(outbox) = &state.phase else { return };
        if state.sent.is_empty() || !state.asking_is_due(0, now) {
            return;
        }
        let outbox = outbox.clone();
        if let Some(question) = state.ask(0, now)
            && outbox.push(|out| question.write(out, &self.pair)).is_err()
        {
            // The outbox is full, or the stream ends. The next stanza that is taken asks again.
            state.confirming.settle();
        }
    }

    /// Asks what the other side has handled, if anything is not confirmed and no question is open.
    pub(crate) fn ask_for_the_rest(&self, now: Instant) {
        let mut state = self.state.lock();
        state.asks_later = false;
        let Phase::Open(outbox) = &state.phase else { return };
        let outbox = outbox.clone();
        if !state.sent.is_empty()
            && let Some(question) = state.ask(0, now)
            && outbox.push(|out| question.write(out, &self.pair)).is_err()
        {
            state.confirming.settle();
        }
    }

    /// The last question of a stream that nothing more is sent on: about all that was.
    pub(crate) fn last_question(&self, now: Instant) -> Vec<u8> {
        let mut state = self.state.lock();
        let mut out = Vec::new();
        if !state.sent.is_empty() {
            state.confirming.settle();
            if let Some(question) = state.ask(0, now) {
                question.write(&mut out, &self.pair);
            }
        }
        out
    }

    /// Was something asked for so long ago that the stream must be dead?
    pub(crate) fn overdue(&self, patience: Duration, now: Instant) -> bool {
        self.state
            .lock()
            .confirming
            .promised_since()
            .is_some_and(|asked| now.saturating_duration_since(asked) >= patience)
    }

    /// Gives up on pings that nobody answers: what was sent is not counted on any more. `true` if it did so now.
    pub(crate) fn forget_unanswered(&self, patience: Duration, now: Instant) -> bool {
        let mut state = self.state.lock();
        let unanswered = state.confirming.unanswered_since();
        let over = unanswered.is_some_and(|asked| now.saturating_duration_since(asked) >= patience);
        if over {
            let _handled_or_not = state.take_sent();
            state.confirming = Confirming::Not;
        }
        over
    }

    /// Is anything on its way that may still be confirmed?
    pub(crate) fn awaits_confirmation(&self) -> bool {
        let state = self.state.lock();
        state.confirming.tracks() && !state.sent.is_empty()
    }

    /// This stream is gone: what is sent now waits for another.
    pub(crate) fn lost(&self, outbox: &Arc<Outbox>) {
        let mut state = self.state.lock();
        if matches!(&state.phase, Phase::Open(open) if Arc::ptr_eq(open, outbox)) {
            state.phase = Phase::Connecting;
            let now = Instant::now();
            if state.opened_at.is_some_and(|opened| now.saturating_duration_since(opened) >= STEADY) {
                state.failures = 0;
            }
            state.last_open = Some(now);
            state.since = now;
        }
    }

    /// When there was a stream last; `None` if there never was one, or is one now.
    pub(crate) fn last_open(&self) -> Option<Instant> {
        self.state.lock().last_open
    }

    /// From now on the other side counts the stanzas of this stream, which it is told with these bytes; what was sent on it
    /// before does not count.
    pub(crate) fn manage(&self, outbox: &Outbox, enabled: &[u8], now: Instant) {
        let mut state = self.state.lock();
        if outbox.push(|out| out.extend_from_slice(enabled)).is_ok() && matches!(state.phase, Phase::Open(_)) {
            let _handled_or_not = state.take_sent();
            state.confirming = Confirming::by_management();
            state.last_sent = now;
        }
    }

    /// What the broken stream may have lost, in order; from now on nobody counts on it.
    pub(crate) fn take_unconfirmed(&self) -> Vec<Stanza> {
        let mut state = self.state.lock();
        state.confirming = Confirming::Not;
        state.take_sent()
    }

    /// What was not handled, by the other side's own word, waits for the next stream, before all else.
    pub(crate) fn send_again(&self) {
        let mut state = self.state.lock();
        state.confirming = Confirming::Not;
        for stanza in state.take_sent().into_iter().rev() {
            let bytes = weight(&stanza);
            state.waiting_bytes += bytes;
            self.total.fetch_add(bytes, Ordering::Relaxed);
            state.waiting.push_front(stanza);
        }
    }

    /// Everything that was to be sent, in order, so that its senders can be told that it will not be. What comes meanwhile
    /// waits, so that nobody is told of a later stanza first.
    pub(crate) fn take_all(&self) -> Vec<Stanza> {
        let mut state = self.state.lock();
        if matches!(state.phase, Phase::Open(_)) {
            state.phase = Phase::Connecting;
        }
        self.take_left(&mut state)
    }

    fn take_left(&self, state: &mut State) -> Vec<Stanza> {
        state.confirming = Confirming::Not;
        let mut stanzas = state.take_sent();
        stanzas.extend(std::mem::take(&mut state.waiting));
        self.total.fetch_sub(std::mem::take(&mut state.waiting_bytes), Ordering::Relaxed);
        stanzas
    }

    /// Gives up for some time: what comes until then is refused. What has come up to now is given back.
    pub(crate) fn back_off(
        &self,
        error: RemoteError,
        reason: &str,
        pause: impl FnOnce(u32) -> Duration,
    ) -> Vec<Stanza> {
        let mut state = self.state.lock();
        state.failures = state.failures.saturating_add(1);
        state.last_failure = Some(reason.into());
        state.next_try = None;
        let until = Instant::now() + pause(state.failures);
        if !matches!(state.phase, Phase::Ended) {
            state.phase = Phase::BackOff { until, error };
        }
        self.take_left(&mut state)
    }

    /// Notes an attempt that came to nothing while others are still to follow; after which pause, by how many there were in
    /// a row.
    pub(crate) fn failed_once(&self, reason: &str, pause: impl FnOnce(u32) -> Duration) -> Duration {
        let mut state = self.state.lock();
        state.failures = state.failures.saturating_add(1);
        state.last_failure = Some(reason.into());
        let pause = pause(state.failures);
        state.next_try = Some(Instant::now() + pause);
        pause
    }

    /// Notes that a stream broke; after which pause another is tried, `None` for at once. Only the first time in a row: a
    /// stanza may be what breaks it.
    pub(crate) fn broke(&self, reason: &str, pause: impl FnOnce(u32) -> Duration) -> Broke {
        let mut state = self.state.lock();
        state.failures = state.failures.saturating_add(1);
        state.last_failure = Some(reason.into());
        match state.failures {
            1 => Broke::AtOnce,
            failures if failures > FRUITLESS => Broke::GiveUp,
            failures => {
                let pause = pause(failures);
                state.next_try = Some(Instant::now() + pause);
                Broke::After(pause)
            }
        }
    }

    /// Puts the link to rest after its stream was closed; `false` if something waits, for which a stream is to be found.
    pub(crate) fn rest(&self) -> bool {
        let mut state = self.state.lock();
        let idle = state.waiting.is_empty() && state.sent.is_empty();
        if idle && !matches!(state.phase, Phase::Ended) {
            state.phase = Phase::Idle;
            state.confirming = Confirming::Not;
        }
        idle
    }

    /// Takes the link out of use, if nobody uses it. That there was no stream is remembered for so long after another try
    /// would have been possible.
    pub(crate) fn end_if_unused(&self, remembered: Duration, now: Instant) -> bool {
        let mut state = self.state.lock();
        let unused = match &state.phase {
            Phase::Idle | Phase::Ended => true,
            Phase::BackOff { until, .. } => *until + remembered <= now,
            Phase::Connecting | Phase::Open(_) => false,
        };
        if unused {
            state.phase = Phase::Ended;
        }
        unused
    }

    /// When a stanza was last sent.
    pub(crate) fn last_sent(&self) -> Instant {
        self.state.lock().last_sent
    }

    /// Is everything that was sent confirmed, as far as that can be known, and does nothing wait?
    pub(crate) fn is_quiet(&self) -> bool {
        let state = self.state.lock();
        state.waiting.is_empty() && state.sent.is_empty()
    }

    /// Does anything wait for a stream that somebody looks for?
    pub(crate) fn waits_for_stream(&self) -> bool {
        let state = self.state.lock();
        matches!(state.phase, Phase::Connecting) && !state.waiting.is_empty()
    }

    /// How it is at this moment.
    pub(crate) fn view(&self, now: Instant) -> View {
        let state = self.state.lock();
        let status = match &state.phase {
            Phase::Idle | Phase::Ended => Status::Idle,
            Phase::Connecting => {
                let remaining = state.next_try.and_then(|next| next.checked_duration_since(now));
                remaining.map_or(Status::Connecting, |remaining| Status::Waiting { remaining })
            }
            Phase::Open(outbox) => Status::Open(outbox.clone()),
            Phase::BackOff { until, .. } => Status::Waiting { remaining: until.saturating_duration_since(now) },
        };
        View {
            status,
            waiting: state.waiting.len(),
            waiting_bytes: state.waiting_bytes,
            unconfirmed: state.sent.len(),
            unconfirmed_bytes: state.sent.bytes(),
            managed: state.confirming.is_certain(),
            since: state.since,
            last_sent: state.last_sent,
            stanzas: state.stanzas,
            failures: state.failures,
            last_failure: state.last_failure.clone(),
        }
    }
}

/// What never reached a stream is not counted any more.
impl Drop for Link {
    fn drop(&mut self) {
        self.total.fetch_sub(self.state.get_mut().waiting_bytes, Ordering::Relaxed);
    }
}

/// How a link is at one moment.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) status: Status,
    pub(crate) waiting: usize,
    pub(crate) waiting_bytes: usize,
    pub(crate) unconfirmed: usize,
    pub(crate) unconfirmed_bytes: usize,
    /// Has the other side promised to confirm what is sent?
    pub(crate) managed: bool,
    pub(crate) since: Instant,
    pub(crate) last_sent: Instant,
    pub(crate) stanzas: u64,
    pub(crate) failures: u32,
    pub(crate) last_failure: Option<Arc<str>>,
}

#[derive(Clone, Debug)]
pub(crate) enum Status {
    /// No stream is wanted.
    Idle,
    Connecting,
    /// There is a stream, which has this outbox.
    Open(Arc<Outbox>),
    /// So long nobody tries.
    Waiting {
        remaining: Duration,
    },
}

#[cfg(test)]
mod tests;
