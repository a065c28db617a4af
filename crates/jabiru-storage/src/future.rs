//! How an answer comes back, whatever runs the engine and whatever runs the caller.

use std::{
    future::Future,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};

use crate::StorageError;

/// The answer to a storage operation, to be awaited on any executor or with [`block_on`].
///
/// It borrows nothing, so that it may be kept while the caller goes on, for example in a state
/// that waits for stored credentials. The operation starts when the method is called: dropping
/// the future gives up the answer, not the effect.
pub type StorageFuture<T> = Pin<Box<dyn Future<Output = Result<T, StorageError>> + Send>>;

/// Runs a future to its end on the calling thread, parking it while there is nothing to do.
///
/// For command lines and tests, which have no executor; never call it on an executor's thread.
///
/// ```
/// assert_eq!(jabiru_storage::block_on(async { 1 + 1 }), 2);
/// ```
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            // A wake-up that came first has left its token: `park` then returns at once.
            Poll::Pending => thread::park(),
        }
    }
}

/// A future whose answer is known already.
pub(crate) fn ready<T: Send + 'static>(answer: Result<T, StorageError>) -> StorageFuture<T> {
    Box::pin(std::future::ready(answer))
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answer comes from another thread, after this one has parked or before.
    #[test]
    fn woken_by_another_thread() {
        for _ in 0..200 {
            let (sender, receiver) = futures_channel::oneshot::channel();
            let other = thread::spawn(move || sender.send(5));
            assert_eq!(block_on(receiver), Ok(5));
            other.join().unwrap().unwrap();
        }
    }
}
