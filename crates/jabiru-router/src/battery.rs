//! A battery of tests that proves a [`RoutingBackend`], whoever wrote it.
//!
//! ```
//! use std::sync::Arc;
//! use jabiru_router::{InMemory, battery};
//!
//! battery::prove(|| Arc::new(InMemory::new()));
//! ```
//!
//! Each check gets a backend of its own. It needs threads, and a runtime only if the backend does:
//! then call it where the backend finds its runtime, on a thread that may block.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use crate::RoutingBackend;

mod checks;
mod recorder;

pub use recorder::Recorder;

/// Makes a backend, one without any resource.
pub type Make<'a> = &'a dyn Fn() -> Arc<dyn RoutingBackend>;

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule that was checked.
    pub name: &'static str,
    /// How it was broken, if it was.
    pub result: Result<(), String>,
}

/// Runs all checks and gives what each found.
pub fn run(make: impl Fn() -> Arc<dyn RoutingBackend>) -> Vec<Finding> {
    checks::ALL.iter().map(|(name, check)| Finding { name, result: check(&make) }).collect()
}

/// Runs all checks.
///
/// # Panics
/// If any fails; the message names each that did.
pub fn prove(make: impl Fn() -> Arc<dyn RoutingBackend>) {
    let failed: Vec<String> =
        run(make).into_iter().filter(|finding| finding.result.is_err()).map(|finding| finding.to_string()).collect();
    assert!(failed.is_empty(), "the routing backend fails:\n{}", failed.join("\n"));
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.result {
            Ok(()) => write!(f, "ok      {}", self.name),
            Err(how) => write!(f, "FAILED  {}: {how}", self.name),
        }
    }
}

/// Waits on this thread for what a future gives, but not forever: after about ten seconds in which
/// nothing wakes it, it is given up.
pub fn block_on<F: IntoFuture>(future: F) -> Option<F::Output> {
    let mut future = pin!(future.into_future());
    let unpark = Arc::new(Unpark { thread: thread::current(), woken: AtomicBool::new(false) });
    let waker = Waker::from(Arc::clone(&unpark));
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return Some(value);
        }
        let mut waits = 0;
        while !unpark.woken.swap(false, Ordering::Acquire) {
            if waits == WAITS {
                return None;
            }
            waits += 1;
            thread::park_timeout(WAIT);
        }
    }
}

/// How long to wait at once for what has to happen.
const WAIT: Duration = Duration::from_millis(100);
/// How often; less for our own tests, which fail on purpose.
const WAITS: usize = if cfg!(test) { 10 } else { 100 };

struct Unpark {
    thread: Thread,
    woken: AtomicBool,
}

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

#[cfg(test)]
mod tests;
