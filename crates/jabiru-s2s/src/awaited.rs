//! What tests of other domains wait for: the answer to their ping, on whatever stream it comes, and questions about their
//! dialback key.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jabiru_negotiation::{DomainPair, KeyAnswer};
use jabiru_stanza::{DomainRef, Stanza, StanzaError};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::live::LiveStream;
use crate::report::{Answer, Direction, Proof, Step, Verdict};
use crate::steps;
use crate::trace::Trace;

/// Every test that is under way.
#[derive(Debug, Default)]
pub(crate) struct Awaited {
    tests: Mutex<Vec<Arc<Waiting>>>,
}

#[derive(Debug)]
struct Waiting {
    pair: DomainPair,
    /// Of the ping; unguessable, and so known to nobody who did not get it.
    id: String,
    trace: Arc<Trace>,
    answer: Mutex<Option<oneshot::Sender<PingAnswer>>>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct PingAnswer {
    /// The error, if it was one.
    pub(crate) error: Option<Answer>,
    /// Over which stream.
    pub(crate) over: Direction,
    pub(crate) address: SocketAddr,
    /// What has proven there whose it is.
    pub(crate) proofs: Vec<Proof>,
}

/// A test that waits, until dropped.
#[derive(Debug)]
pub(crate) struct Expectation {
    awaited: Arc<Awaited>,
    waiting: Arc<Waiting>,
}

impl Awaited {
    /// Waits for an answer with this id from the pair's target, and for questions about keys of the pair, which are told to
    /// `trace`. `None` if there are as many tests as there may be.
    pub(crate) fn expect(
        self: &Arc<Awaited>,
        pair: &DomainPair,
        id: String,
        trace: &Arc<Trace>,
    ) -> Option<(Expectation, oneshot::Receiver<PingAnswer>)> {
        let (sender, receiver) = oneshot::channel();
        let answer = Mutex::new(Some(sender));
        let waiting = Arc::new(Waiting { pair: pair.clone(), id, trace: trace.clone(), answer });
        let mut tests = self.tests.lock();
        if tests.len() >= TESTS {
            return None;
        }
        tests.push(waiting.clone());
        Some((Expectation { awaited: self.clone(), waiting }, receiver))
    }

    /// A response with such an id has come from `from` to `to`, both domains, over a stream where that is proven.
    pub(crate) fn answered(&self, id: &str, from: &DomainRef, to: &DomainRef, stanza: &Stanza, stream: &LiveStream) {
        let found = self.tests.lock().iter().find(|test| test.id == id && test.pair.is(to, from)).cloned();
        let Some(sender) = found.and_then(|test| test.answer.lock().take()) else { return };
        let facts = stream.facts.lock();
        let proven = facts.proven.iter().find(|pair| pair.remote.as_str() == from.as_str());
        let answer = PingAnswer {
            error: StanzaError::parse(stanza.raw()).as_ref().map(steps::stanza_error),
            over: stream.direction,
            address: stream.address,
            proofs: proven.map(|pair| pair.proofs.clone()).unwrap_or_default(),
        };
        // The test may have waited long enough.
        let _late = sender.send(answer);
    }

    /// Another server has asked about a key that is said to be ours, and was answered.
    pub(crate) fn key_judged(&self, pair: &DomainPair, answer: &KeyAnswer, address: SocketAddr) {
        let tests: Vec<_> = self.tests.lock().iter().filter(|test| test.pair == *pair).cloned().collect();
        for test in tests {
            test.trace.note_taking(Instant::now(), Duration::ZERO, || {
                let verdict = match answer {
                    KeyAnswer::Valid => Verdict::Good,
                    KeyAnswer::Invalid | KeyAnswer::Error(_) => {
                        Verdict::Notable("it is not a key that this server has made for that stream".to_owned())
                    }
                };
                (Step::DialbackVerified { address, valid: *answer == KeyAnswer::Valid }, verdict)
            });
        }
    }
}

impl Drop for Expectation {
    fn drop(&mut self) {
        self.awaited.tests.lock().retain(|test| !Arc::ptr_eq(test, &self.waiting));
    }
}

/// How many tests there may be at once: each has a stream, and somebody who watches it.
const TESTS: usize = 8;
