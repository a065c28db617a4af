//! A sink that remembers.

use std::fmt;

use jabiru_stanza::{Stanza, StreamError, ns};
use parking_lot::{Condvar, Mutex};

use super::{WAIT, WAITS};
use crate::{Refused, ResourceSink};

/// A sink that keeps what it is given, up to a bound, for tests of whatever delivers.
pub struct Recorder {
    limit: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    stanzas: Vec<Stanza>,
    closed: Option<StreamError>,
}

impl Recorder {
    /// One that takes whatever comes.
    #[must_use]
    pub fn new() -> Recorder {
        Recorder::with_limit(usize::MAX)
    }

    /// One that is full with this many stanzas.
    #[must_use]
    pub fn with_limit(limit: usize) -> Recorder {
        Recorder { limit, state: Mutex::default(), changed: Condvar::new() }
    }

    /// Takes out what was delivered so far.
    pub fn take(&self) -> Vec<Stanza> {
        std::mem::take(&mut self.state.lock().stanzas)
    }

    /// Takes out what was delivered so far, as it stands on a client stream.
    pub fn take_written(&self) -> Vec<String> {
        let write = |stanza: &Stanza| {
            let mut out = Vec::new();
            stanza.write(&mut out, ns::CLIENT);
            String::from_utf8_lossy(&out).into_owned()
        };
        self.take().iter().map(write).collect()
    }

    /// The ids of what was delivered so far; empty for a stanza without.
    pub fn ids(&self) -> Vec<String> {
        let id = |stanza: &Stanza| stanza.id().unwrap_or_default().into_owned();
        self.state.lock().stanzas.iter().map(id).collect()
    }

    /// The error that the stream was closed with, if it was.
    pub fn closed(&self) -> Option<StreamError> {
        self.state.lock().closed.clone()
    }

    /// Waits until this many stanzas have been delivered, or about ten seconds; says whether they
    /// have.
    pub fn wait_for(&self, count: usize) -> bool {
        self.wait_until(|state| state.stanzas.len() >= count)
    }

    /// Waits until the stream has been closed, or about ten seconds; says whether it has.
    pub fn wait_for_close(&self) -> bool {
        self.wait_until(|state| state.closed.is_some())
    }

    fn wait_until(&self, reached: impl Fn(&State) -> bool) -> bool {
        let mut state = self.state.lock();
        for _ in 0..WAITS {
            if reached(&state) {
                return true;
            }
            self.changed.wait_for(&mut state, WAIT);
        }
        reached(&state)
    }
}

impl ResourceSink for Recorder {
    fn deliver(&self, stanza: &Stanza) -> Result<(), Refused> {
        let mut state = self.state.lock();
        if state.closed.is_some() {
            return Err(Refused::Gone);
        }
        if state.stanzas.len() >= self.limit {
            return Err(Refused::Full);
        }
        state.stanzas.push(stanza.clone());
        self.changed.notify_all();
        Ok(())
    }

    fn close(&self, error: StreamError) {
        self.state.lock().closed.get_or_insert(error);
        self.changed.notify_all();
    }
}

impl Default for Recorder {
    fn default() -> Recorder {
        Recorder::new()
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("ids", &self.ids()).field("closed", &self.closed()).finish_non_exhaustive()
    }
}
