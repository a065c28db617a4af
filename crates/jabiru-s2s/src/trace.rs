//! Who wants to know of each step on the way to another server: `jabiru s2s test`, and nobody otherwise.

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::report::{Finding, Step, Verdict};

/// Takes the steps of one attempt. Without a listener nothing is computed.
///
/// [`Verdict::Failed`] says here that one server of the domain is of no use; if another one is tried, that was not the end.
#[derive(Debug)]
pub(crate) struct Trace(Option<Heard>);

#[derive(Debug)]
struct Heard {
    begun: Instant,
    listener: mpsc::UnboundedSender<Finding>,
    progress: Mutex<Progress>,
}

#[derive(Debug)]
struct Progress {
    /// When the last step ended.
    last: Instant,
    /// A dialback key was sent, and is not answered.
    key_sent: bool,
}

impl Trace {
    /// Nobody listens.
    pub(crate) fn silent() -> Trace {
        Trace(None)
    }

    /// Steps go there. How many there are is bounded by what is tried: every target, address and exchange once.
    pub(crate) fn to(listener: mpsc::UnboundedSender<Finding>) -> Trace {
        let begun = Instant::now();
        Trace(Some(Heard { begun, listener, progress: Mutex::new(Progress { last: begun, key_sent: false }) }))
    }

    /// Does anybody listen?
    pub(crate) fn is_heard(&self) -> bool {
        self.0.is_some()
    }

    /// A step that began at `began` has ended.
    pub(crate) fn note(&self, began: Instant, finding: impl FnOnce() -> (Step, Verdict)) {
        if self.is_heard() {
            self.note_taking(began, began.elapsed(), finding);
        }
    }

    /// The same, of one that took so long.
    pub(crate) fn note_taking(&self, began: Instant, took: Duration, finding: impl FnOnce() -> (Step, Verdict)) {
        if let Some(heard) = &self.0 {
            let (step, verdict) = finding();
            let at = began.saturating_duration_since(heard.begun);
            heard.progress.lock().last = Instant::now();
            // Whoever asked may have gone; the attempt goes on to its end, which is bounded.
            let _gone = heard.listener.send(Finding { at, took, step, verdict });
        }
    }

    /// The same, of one that began when the step before it ended.
    pub(crate) fn note_next(&self, finding: impl FnOnce() -> (Step, Verdict)) {
        if let Some(heard) = &self.0 {
            let began = heard.progress.lock().last;
            self.note(began, finding);
        }
    }

    /// A dialback key is sent now, or what is tried now needs none.
    pub(crate) fn set_key_sent(&self, key_sent: bool) {
        if let Some(heard) = &self.0 {
            heard.progress.lock().key_sent = key_sent;
        }
    }

    /// Was a dialback key sent, and not answered?
    pub(crate) fn key_sent(&self) -> bool {
        self.0.as_ref().is_some_and(|heard| heard.progress.lock().key_sent)
    }
}
