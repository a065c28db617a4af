//! The streams that there are: to be listed, and to be ended together.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jabiru_negotiation::DomainPair;
use jabiru_net::Outbox;
use jabiru_stanza::{DomainPart, DomainRef, StreamError};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::report::{Direction, Method, Proof, TlsReport};

/// Every connection from its beginning to its close.
#[derive(Debug, Default)]
pub(crate) struct Live {
    state: Mutex<State>,
    next: AtomicU64,
    /// Told whenever one has ended, and when all have to.
    ended: Notify,
    /// Stanzas that are counted are left to the server that comes after this one.
    takes_no_more: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    streams: HashMap<u64, Arc<LiveStream>>,
    /// What those are told that still come, once no more are let in.
    refusal: Option<StreamError>,
    /// No more are opened, and all have to end.
    ending: bool,
}

/// One stream, as others see it.
#[derive(Debug)]
pub(crate) struct LiveStream {
    pub(crate) direction: Direction,
    pub(crate) address: SocketAddr,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) since: Instant,
    /// Stanzas that came over it.
    received: AtomicU64,
    /// When the last one did, in milliseconds since `since`.
    last_received: AtomicU64,
    pub(crate) facts: Mutex<Facts>,
}

/// What is known of a stream by now.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) local: Option<DomainPart>,
    pub(crate) remote: Option<DomainPart>,
    pub(crate) tls: Option<TlsReport>,
    pub(crate) established: bool,
    pub(crate) bidirectional: bool,
    /// The last words are on their way, or said.
    pub(crate) closing: bool,
    /// Whether stanzas that come are counted (XEP-0198), and the stream can be resumed.
    pub(crate) managed: Option<Resumable>,
    pub(crate) proven: Vec<ProvenPair>,
}

/// Can a managed stream be resumed?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Resumable(pub(crate) bool);

/// A pair of our domain and another one, and what was proven of them.
#[derive(Clone, Debug)]
pub(crate) struct ProvenPair {
    pub(crate) local: DomainPart,
    pub(crate) remote: DomainPart,
    /// By what the other side has proved itself.
    pub(crate) proofs: Vec<Proof>,
    /// By what the sender was accepted by the receiver, whoever of us that is.
    pub(crate) by: Option<Method>,
}

/// The entry of one connection; gone when dropped.
#[derive(Debug)]
pub(crate) struct Entry {
    live: Arc<Live>,
    number: u64,
    stream: Arc<LiveStream>,
}

impl Live {
    /// Enters a connection. If no more are wanted in this direction, it also gives what the newcomer is to be told.
    pub(crate) fn enter(
        self: &Arc<Live>,
        direction: Direction,
        address: SocketAddr,
        outbox: &Arc<Outbox>,
        now: Instant,
    ) -> (Entry, Option<StreamError>) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let stream = Arc::new(LiveStream {
            direction,
            address,
            outbox: outbox.clone(),
            since: now,
            received: AtomicU64::new(0),
            last_received: AtomicU64::new(0),
            facts: Mutex::default(),
        });
        let mut state = self.state.lock();
        state.streams.insert(number, stream.clone());
        let refused = state.ending || direction == Direction::Incoming;
        (Entry { live: self.clone(), number, stream }, state.refusal.clone().filter(|_| refused))
    }

    pub(crate) fn count(&self) -> usize {
        self.state.lock().streams.len()
    }

    /// Does everything have to end?
    pub(crate) fn is_ending(&self) -> bool {
        self.state.lock().ending
    }

    /// From now on, stanzas that are counted are left to the server that comes after this one.
    pub(crate) fn take_no_more(&self) {
        self.takes_no_more.store(true, Ordering::Release);
    }

    /// Is a stanza that would be counted (XEP-0198) to be left alone? Then it is not acknowledged, so that its sender keeps
    /// it; and so are all that follow it on its stream.
    pub(crate) fn takes_no_more(&self) -> bool {
        self.takes_no_more.load(Ordering::Acquire)
    }

    /// All of them, the oldest first.
    pub(crate) fn all(&self) -> Vec<Arc<LiveStream>> {
        let mut streams: Vec<_> =
            self.state.lock().streams.iter().map(|(number, stream)| (*number, stream.clone())).collect();
        streams.sort_unstable_by_key(|(number, _)| *number);
        streams.into_iter().map(|(_, stream)| stream).collect()
    }

    /// Orders the end of all of them; newcomers are refused with the same error.
    pub(crate) fn end_all(&self, error: &StreamError) {
        let mut state = self.state.lock();
        state.refusal = Some(error.clone());
        state.ending = true;
        drop(state);
        self.ended.notify_waiters();
        self.end(error, |_| true);
    }

    /// Orders the end of those that only bring something; newcomers are refused with the same error.
    pub(crate) fn end_one_way(&self, error: &StreamError) {
        self.state.lock().refusal = Some(error.clone());
        let streams: Vec<_> = self.all().into_iter().filter(|stream| stream.is_one_way()).collect();
        end(&streams, error);
    }

    /// Orders the end of those of which this is true; returns how many.
    pub(crate) fn end(&self, error: &StreamError, concerned: impl Fn(&Facts) -> bool) -> usize {
        // Collected first: no lock is held while tasks are woken.
        let streams: Vec<_> = self.all().into_iter().filter(|stream| concerned(&stream.facts.lock())).collect();
        end(&streams, error);
        streams.len()
    }

    /// Returns once there is none.
    pub(crate) async fn wait_until_empty(&self) {
        self.wait_until(|| self.count() == 0).await;
    }

    /// Returns once all have to end.
    pub(crate) async fn wait_for_the_end(&self) {
        self.wait_until(|| self.is_ending()).await;
    }

    /// Returns once there is none that only brings something.
    pub(crate) async fn wait_for_one_way(&self) {
        self.wait_until(|| !self.state.lock().streams.values().any(|stream| stream.is_one_way())).await;
    }

    async fn wait_until(&self, reached: impl Fn() -> bool) {
        loop {
            let ended = self.ended.notified();
            if reached() {
                return;
            }
            ended.await;
        }
    }
}

impl LiveStream {
    /// Does it bring something and take nothing?
    fn is_one_way(&self) -> bool {
        self.direction == Direction::Incoming && !self.facts.lock().bidirectional
    }

    /// How many stanzas have come over it.
    pub(crate) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// When the last one did; `None` if none has.
    pub(crate) fn last_received(&self) -> Option<Instant> {
        let after = Duration::from_millis(self.last_received.load(Ordering::Relaxed));
        (self.received() > 0).then(|| self.since + after)
    }

    /// Another one has come.
    pub(crate) fn note_received(&self, now: Instant) {
        let after = now.saturating_duration_since(self.since).as_millis();
        self.last_received.store(u64::try_from(after).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.received.fetch_add(1, Ordering::Relaxed);
    }
}

impl Facts {
    /// Is it a stream of, or has it a pair with, our domain?
    pub(crate) fn serves(&self, domain: &DomainRef) -> bool {
        let same = |other: &DomainPart| other.as_str() == domain.as_str();
        self.local.as_ref().is_some_and(same) || self.proven.iter().any(|pair| same(&pair.local))
    }

    /// Is it a stream to or from that other domain?
    pub(crate) fn reaches(&self, domain: &DomainRef) -> bool {
        let same = |other: &DomainPart| other.as_str() == domain.as_str();
        self.remote.as_ref().is_some_and(same) || self.proven.iter().any(|pair| same(&pair.remote))
    }

    /// Notes that it was proven who the other side is, for stanzas from it.
    pub(crate) fn prove(&mut self, pair: &DomainPair, proofs: Vec<Proof>, by: Option<Method>) {
        self.proven.push(ProvenPair { local: pair.target.clone(), remote: pair.sender.clone(), proofs, by });
    }
}

impl Entry {
    /// What others see of it.
    pub(crate) fn stream(&self) -> &LiveStream {
        &self.stream
    }

    /// The same, for whoever looks at it while it is driven by somebody else.
    pub(crate) fn shared(&self) -> Arc<LiveStream> {
        self.stream.clone()
    }

    /// Notes something.
    pub(crate) fn note(&self, change: impl FnOnce(&mut Facts)) {
        change(&mut self.stream.facts.lock());
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut state = self.live.state.lock();
        state.streams.remove(&self.number);
        drop(state);
        self.live.ended.notify_waiters();
    }
}

fn end(streams: &[Arc<LiveStream>], error: &StreamError) {
    for stream in streams {
        stream.outbox.end(Some(error.clone()));
    }
}
