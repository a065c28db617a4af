//! A value that is there now or comes later.

use std::fmt;
use std::future::{IntoFuture, Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

/// A future on the heap that needs nothing of the caller's.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A value that is there now or comes later.
///
/// What an in-memory backend knows at once, a distributed one has to ask another machine. With this
/// the first allocates no future, and the second has one to await. `await` works on either.
#[must_use = "what comes later comes only if it is awaited"]
pub enum Eventually<T> {
    /// It is there.
    Now(T),
    /// It comes; nothing happens before this is polled.
    Later(BoxFuture<T>),
}

impl<T> Eventually<T> {
    /// What this future gives.
    pub fn later(future: impl Future<Output = T> + Send + 'static) -> Eventually<T> {
        Eventually::Later(Box::pin(future))
    }

    /// The value, if it is there.
    pub fn now(self) -> Option<T> {
        match self {
            Eventually::Now(value) => Some(value),
            Eventually::Later(_) => None,
        }
    }

    /// Changes the value once it is there.
    pub fn map<U>(self, change: impl FnOnce(T) -> U + Send + 'static) -> Eventually<U>
    where
        T: Send + 'static,
    {
        match self {
            Eventually::Now(value) => Eventually::Now(change(value)),
            Eventually::Later(future) => Eventually::later(async move { change(future.await) }),
        }
    }

    /// Goes on with the value once it is there.
    pub fn then<U>(self, next: impl FnOnce(T) -> Eventually<U> + Send + 'static) -> Eventually<U>
    where
        T: Send + 'static,
        U: Send + 'static,
    {
        match self {
            Eventually::Now(value) => next(value),
            Eventually::Later(future) => Eventually::later(async move { next(future.await).await }),
        }
    }
}

impl<T> From<T> for Eventually<T> {
    fn from(value: T) -> Eventually<T> {
        Eventually::Now(value)
    }
}

impl<T> IntoFuture for Eventually<T> {
    type Output = T;
    type IntoFuture = EventuallyFuture<T>;

    fn into_future(self) -> EventuallyFuture<T> {
        EventuallyFuture(match self {
            Eventually::Now(value) => Inner::Now(ready(value)),
            Eventually::Later(future) => Inner::Later(future),
        })
    }
}

impl<T: fmt::Debug> fmt::Debug for Eventually<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Eventually::Now(value) => f.debug_tuple("Now").field(value).finish(),
            Eventually::Later(_) => f.write_str("Later(..)"),
        }
    }
}

/// What awaiting an [`Eventually`] polls.
pub struct EventuallyFuture<T>(Inner<T>);

enum Inner<T> {
    Now(Ready<T>),
    Later(BoxFuture<T>),
}

impl<T> Future for EventuallyFuture<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        match &mut self.0 {
            Inner::Now(ready) => Pin::new(ready).poll(context),
            Inner::Later(future) => future.as_mut().poll(context),
        }
    }
}

impl<T> fmt::Debug for EventuallyFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventuallyFuture(..)")
    }
}
