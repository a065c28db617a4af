//! A panic in one stream's task ends that stream alone, and is found again (RFC 6120 §4.9.3.8).

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;

use jabiru_stanza::{StreamCondition, StreamError};

use crate::random::random_letters;

/// What is left of a panic.
#[derive(Debug)]
pub struct Panicked(Box<dyn Any + Send>);

/// What a future gives, unless it panics. What it borrows may be left in the middle: only look at it again if it
/// stands that.
///
/// It takes the future where it lies: to move it in would take its room twice, for as long as the stream lasts.
///
/// # Errors
/// What is left of the panic.
pub async fn caught<F: Future>(mut future: Pin<&mut F>) -> Result<F::Output, Panicked> {
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(polled) => polled.map(Ok),
        Err(panic) => Poll::Ready(Err(Panicked(panic))),
    })
    .await
}

/// Runs what must not panic, for it may be running because of a panic already: two would end the process.
///
/// # Errors
/// What is left of the panic.
pub fn caught_now<T>(run: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(run)).map_err(Panicked)
}

impl Panicked {
    /// Logs it with a random number, and gives the stream error that names the number and nothing else.
    pub fn report(self, whose: &dyn std::fmt::Display) -> StreamError {
        let message = self.0.downcast_ref::<&str>().copied();
        let message = message.or_else(|| self.0.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
        let id = random_letters(ID_LETTERS).unwrap_or_default();
        tracing::error!(id, stream = %whose, panic = message, "a stream's task panicked");
        StreamError::new(StreamCondition::InternalServerError)
            .with_text(format!("an error of the server, logged as {id}"))
    }
}

/// 40 random bits: enough to find one line in a log.
const ID_LETTERS: usize = 8;

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    struct PanicsOnDrop;

    impl Drop for PanicsOnDrop {
        fn drop(&mut self) {
            let _ = caught_now(|| panic!("while unwinding"));
        }
    }

    #[tokio::test]
    async fn a_panic_is_an_outcome() {
        assert_eq!(caught(pin!(async { 1 })).await.unwrap(), 1);
        let panicking = async {
            let _held = PanicsOnDrop;
            tokio::task::yield_now().await;
            panic!("on purpose {}", 1)
        };
        let panicked: Result<(), Panicked> = caught(pin!(panicking)).await;
        let error = panicked.unwrap_err().report(&"a@b/c");
        assert_eq!(*error.condition(), StreamCondition::InternalServerError);
        let (text, id) = error.text().unwrap().rsplit_once(' ').unwrap();
        assert_eq!((text, id.len()), ("an error of the server, logged as", ID_LETTERS));
    }
}
