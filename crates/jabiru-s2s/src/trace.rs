//! Who wants to know of each step on the way to another server: `jabiru s2s test`, and nobody otherwise.

use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::report::{Finding, Step, Verdict};

/// Takes the steps of one attempt. Without a listener nothing is computed.
#[derive(Debug)]
pub(crate) struct Trace {
    begun: Instant,
    listener: Option<mpsc::UnboundedSender<Finding>>,
}

impl Trace {
    /// Nobody listens.
    pub(crate) fn silent() -> Trace {
        Trace { begun: Instant::now(), listener: None }
    }

    /// Steps go there. How many there are is bounded by what is tried: every target, address and exchange once.
    pub(crate) fn to(listener: mpsc::UnboundedSender<Finding>) -> Trace {
        Trace { begun: Instant::now(), listener: Some(listener) }
    }

    /// Does anybody listen?
    pub(crate) fn is_heard(&self) -> bool {
        self.listener.is_some()
    }

    /// A step that began at `began` has ended.
    pub(crate) fn note(&self, began: Instant, finding: impl FnOnce() -> (Step, Verdict)) {
        self.note_taking(began, began.elapsed(), finding);
    }

    /// The same, of one that took so long.
    pub(crate) fn note_taking(&self, began: Instant, took: Duration, finding: impl FnOnce() -> (Step, Verdict)) {
        if let Some(listener) = &self.listener {
            let (step, verdict) = finding();
            let at = began.saturating_duration_since(self.begun);
            // Whoever asked may have gone; the attempt goes on to its end, which is bounded.
            let _gone = listener.send(Finding { at, took, step, verdict });
        }
    }
}
