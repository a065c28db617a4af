//! What is left of a panic in a feature: one line in the log, and the number that finds it.

use std::any::Any;
use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::{BoxFuture, Eventually};

/// Names one panic in the log and in what its victim is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PanicId(u64);

impl fmt::Display for PanicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Calls a feature and, if it takes time, goes on with it; a panic in either ends neither the task nor the stream
/// that called. It is reported under the feature's name.
///
/// To assert unwind safety is right here: what a feature leaves half changed is its own, and nothing of the router is
/// borrowed mutably or locked meanwhile.
pub(crate) fn guarded<T: Send + 'static>(
    feature: &'static str,
    call: impl FnOnce() -> Eventually<T>,
) -> Eventually<Result<T, PanicId>> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Eventually::Now(value)) => Eventually::Now(Ok(value)),
        Ok(Eventually::Later(future)) => Eventually::Later(Box::pin(Guarded { feature, future: Some(future) })),
        Err(panic) => Eventually::Now(Err(report(feature, &*panic))),
    }
}

/// A future of a feature; gone once it has panicked.
struct Guarded<T> {
    feature: &'static str,
    future: Option<BoxFuture<T>>,
}

impl<T> Future for Guarded<T> {
    type Output = Result<T, PanicId>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let feature = this.feature;
        let polled = catch_unwind(AssertUnwindSafe(|| match &mut this.future {
            Some(future) => future.as_mut().poll(context),
            None => Poll::Pending,
        }));
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
            Err(panic) => {
                let id = report(feature, &*panic);
                // What is dropped now was left in the middle, and may panic again.
                if let Err(panic) = catch_unwind(AssertUnwindSafe(|| this.future = None)) {
                    report(feature, &*panic);
                }
                Poll::Ready(Err(id))
            }
        }
    }
}

fn report(feature: &'static str, panic: &(dyn Any + Send)) -> PanicId {
    let message = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let message = message.unwrap_or("no message");
    // Random, so that it is another one after a restart too.
    let id = PanicId(RandomState::new().build_hasher().finish());
    tracing::error!(%id, feature, panic = message, "a feature panicked");
    id
}
