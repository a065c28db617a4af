//! What waits to be sent on one stream, filled from any task and emptied by the connection's own.
//!
//! An [`Outbox`] is bounded in bytes. At the bound a delivery is refused ([`Refused::Full`]) and
//! the sender is told so; nothing is dropped silently. While an outbox is more than half full, its
//! connection does not read: a client that asks without taking the answers stops itself first.

use std::task::{Context, Poll, Waker};

use jabiru_router::{Refused, ResourceSink};
use jabiru_stanza::{Stanza, StreamError, ns};
use parking_lot::Mutex;

use crate::buffer;

/// The sending half of a connection.
pub struct Outbox {
    state: Mutex<State>,
    /// Bytes that may wait before deliveries are refused.
    capacity: usize,
}

struct State {
    /// Written and not yet handed to the socket.
    pending: Vec<u8>,
    /// Deliveries that came before [`Outbox::release_deliveries`]; `None` once it was called.
    held: Option<Vec<u8>>,
    /// The order to end the stream, until its connection takes it.
    ending: Option<Option<StreamError>>,
    /// No delivery is accepted any more.
    closed: bool,
    /// TLS hides what is sent from here on.
    confidential: bool,
    /// The connection's task, which is woken while it is `asleep`.
    waiting: Option<Waker>,
    asleep: bool,
}

impl Outbox {
    /// An empty outbox that refuses deliveries once `capacity` bytes wait in it.
    #[must_use]
    pub fn new(capacity: usize) -> Outbox {
        let state = State {
            pending: Vec::new(),
            held: Some(Vec::new()),
            ending: None,
            closed: false,
            confidential: false,
            waiting: None,
            asleep: false,
        };
        Outbox { state: Mutex::new(state), capacity }
    }

    /// Lets deliveries of stanzas follow what was pushed so far. Until then they are held back: a
    /// resource can be written to from the moment it is registered, but its stream must first hear
    /// that it was bound (RFC 6120 §7.6.1).
    pub fn release_deliveries(&self) {
        let waker = {
            let mut state = self.state.lock();
            let Some(held) = state.held.take() else { return };
            state.pending.extend_from_slice(&held);
            state.sleeper()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Lets `write` append what must leave as one piece, and wakes the connection if it waits.
    ///
    /// # Errors
    /// [`Refused::Full`] if `capacity` bytes wait already, [`Refused::Gone`] after the stream's
    /// end was ordered; `write` is not called then. One piece may pass the bound by its own size.
    pub fn push(&self, write: impl FnOnce(&mut Vec<u8>)) -> Result<(), Refused> {
        let waker = {
            let mut state = self.state.lock();
            if state.closed {
                return Err(Refused::Gone);
            }
            if state.pending.len() >= self.capacity {
                return Err(Refused::Full);
            }
            if state.pending.capacity() == 0 {
                state.pending = buffer::take_writing();
            }
            Piece::begin(&mut state.pending).write(write);
            state.sleeper()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }

    /// Orders the end of the stream, with the error that tells why. Deliveries are refused from
    /// now on; the first order counts.
    pub fn end(&self, error: Option<StreamError>) {
        let waker = {
            let mut state = self.state.lock();
            if state.closed {
                return;
            }
            state.closed = true;
            state.ending = Some(error);
            state.sleeper()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Notes that TLS has been negotiated.
    pub(crate) fn set_confidential(&self) {
        self.state.lock().confidential = true;
    }

    /// The connection's task has something to do, and looks here before it waits again: nobody needs to wake it before. Else
    /// what it writes itself while it is at it would have it run once more for nothing, by another thread perhaps.
    pub(crate) fn stay_awake(&self) {
        self.state.lock().asleep = false;
    }

    /// Refuses deliveries from now on, for a connection that ends by itself.
    pub fn shut(&self) {
        self.state.lock().shut();
    }

    /// Appends the last words of the stream itself, although deliveries may be refused already, and
    /// [shuts](Self::shut) in the same moment: nothing can follow the closing tag.
    pub(crate) fn push_last(&self, bytes: &[u8]) {
        let mut state = self.state.lock();
        state.pending.extend_from_slice(bytes);
        state.shut();
    }

    /// What is pending, if anything is. No buffer stays behind: an idle connection holds none.
    pub(crate) fn take_pending(&self) -> Option<Vec<u8>> {
        let mut state = self.state.lock();
        (!state.pending.is_empty()).then(|| std::mem::take(&mut state.pending))
    }

    /// How many bytes wait, beside those that the connection has taken and not yet handed to the socket; for reports.
    #[must_use]
    pub fn pending_bytes(&self) -> usize {
        self.state.lock().pending.len()
    }

    /// Is it more than half full, so that nothing more should be asked of this stream?
    pub(crate) fn is_congested(&self) -> bool {
        self.state.lock().pending.len() > self.capacity / 2
    }

    /// Is anything pending?
    pub(crate) fn has_pending(&self) -> bool {
        !self.state.lock().pending.is_empty()
    }

    /// The order to end the stream, once.
    pub(crate) fn take_ending(&self) -> Option<Option<StreamError>> {
        self.state.lock().ending.take()
    }

    /// Ready when the end was ordered; otherwise the task is woken by that, and by deliveries.
    pub(crate) fn poll_ending(&self, context: &Context<'_>) -> Poll<()> {
        let mut state = self.state.lock();
        if state.ending.is_some() {
            return Poll::Ready(());
        }
        state.wait(context)
    }

    /// Ready when something is pending or the end was ordered; otherwise the task is woken then.
    pub(crate) fn poll_wake(&self, context: &Context<'_>) -> Poll<()> {
        let mut state = self.state.lock();
        if !state.pending.is_empty() || state.ending.is_some() {
            return Poll::Ready(());
        }
        state.wait(context)
    }
}

impl State {
    fn shut(&mut self) {
        self.closed = true;
        self.ending = None;
        self.held = None;
    }

    fn wait(&mut self, context: &Context<'_>) -> Poll<()> {
        match &mut self.waiting {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        self.asleep = true;
        Poll::Pending
    }

    /// Who is to be woken, if it is asleep.
    fn sleeper(&mut self) -> Option<Waker> {
        if std::mem::take(&mut self.asleep) { self.waiting.take() } else { None }
    }
}

/// What is being appended as one piece. If that panics, nothing of it stays: who writes it is as a rule another stream's
/// task, and its end must not be that of this stream.
struct Piece<'a> {
    out: &'a mut Vec<u8>,
    before: usize,
    whole: bool,
}

impl Piece<'_> {
    fn begin(out: &mut Vec<u8>) -> Piece<'_> {
        let before = out.len();
        Piece { out, before, whole: false }
    }

    fn write(mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(self.out);
        self.whole = true;
    }
}

impl Drop for Piece<'_> {
    fn drop(&mut self) {
        if !self.whole {
            self.out.truncate(self.before);
        }
    }
}

impl ResourceSink for Outbox {
    fn deliver(&self, stanza: &Stanza) -> Result<(), Refused> {
        {
            let mut state = self.state.lock();
            if !state.closed
                && let Some(held) = &mut state.held
            {
                if held.len() >= self.capacity {
                    return Err(Refused::Full);
                }
                Piece::begin(held).write(|out| stanza.write(out, ns::CLIENT));
                return Ok(());
            }
        }
        self.push(|out| stanza.write(out, ns::CLIENT))
    }

    fn close(&self, error: StreamError) {
        self.end(Some(error));
    }

    fn is_confidential(&self) -> bool {
        self.state.lock().confidential
    }
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.state.lock();
        f.debug_struct("Outbox")
            .field("pending_bytes", &state.pending.len())
            .field("capacity", &self.capacity)
            .field("closed", &state.closed)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use jabiru_stanza::StreamCondition;

    #[test]
    fn a_full_outbox_refuses_and_recovers() {
        let outbox = Outbox::new(10);
        assert_eq!(outbox.push(|out| out.extend_from_slice(b"123456789")), Ok(()));
        assert_eq!(outbox.push(|out| out.extend_from_slice(b"ab")), Ok(()), "the last piece may pass the bound");
        assert_eq!(outbox.push(|_| panic!("not called")), Err(Refused::Full));
        assert_eq!(outbox.take_pending().unwrap(), b"123456789ab");
        assert_eq!(outbox.state.lock().pending.capacity(), 0, "no buffer stays behind");
        assert_eq!(outbox.push(|out| out.push(b'c')), Ok(()));
    }

    #[test]
    fn deliveries_wait_for_their_release() {
        let raw = jabiru_stanza::RawElement::parse("<message/>", ns::CLIENT).unwrap();
        let stanza = Stanza::parse(raw, jabiru_stanza::ContentNamespace::Client).unwrap();
        let outbox = Outbox::new(1000);
        outbox.deliver(&stanza).unwrap();
        outbox.push(|out| out.extend_from_slice(b"<bound/>")).unwrap();
        outbox.release_deliveries();
        outbox.deliver(&stanza).unwrap();
        let pending = outbox.take_pending().unwrap();
        assert_eq!(std::str::from_utf8(&pending).unwrap(), "<bound/><message/><message/>");
    }

    /// Whoever is refused tries another resource or tells the sender; what is taken must be sent.
    #[test]
    fn nothing_is_taken_behind_the_end() {
        let raw = jabiru_stanza::RawElement::parse("<message/>", ns::CLIENT).unwrap();
        let stanza = Stanza::parse(raw, jabiru_stanza::ContentNamespace::Client).unwrap();
        let end: [fn(&Outbox); 3] =
            [|outbox| outbox.end(None), |outbox| outbox.shut(), |outbox| outbox.push_last(b"</stream:stream>")];
        for (case, end) in end.into_iter().enumerate() {
            for released in [false, true] {
                let outbox = Outbox::new(1000);
                if released {
                    outbox.release_deliveries();
                }
                end(&outbox);
                assert_eq!(outbox.deliver(&stanza), Err(Refused::Gone), "{case}, released: {released}");
            }
        }
    }

    #[test]
    fn a_connection_is_woken_once_and_only_from_sleep() {
        struct Woken(AtomicUsize);
        impl std::task::Wake for Woken {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        let woken = Arc::new(Woken(AtomicUsize::new(0)));
        let waker = Waker::from(woken.clone());
        let context = Context::from_waker(&waker);
        let outbox = Outbox::new(100);
        let push = || outbox.push(|out| out.push(b' ')).unwrap();
        let count = || woken.0.load(Ordering::Relaxed);
        push();
        assert!(outbox.poll_wake(&context).is_ready(), "something is pending");
        outbox.take_pending();
        assert!(outbox.poll_wake(&context).is_pending());
        push();
        push();
        assert_eq!(count(), 1, "it is awake by then");
        outbox.take_pending();
        assert!(outbox.poll_wake(&context).is_pending());
        outbox.stay_awake();
        push();
        assert_eq!(count(), 1, "it has something to do, and will look here");
        assert!(outbox.poll_wake(&context).is_ready());
        outbox.take_pending();
        assert!(outbox.poll_ending(&context).is_pending());
        outbox.end(None);
        assert_eq!(count(), 2);
    }

    #[test]
    fn nothing_stays_of_a_piece_that_panics() {
        let outbox = Outbox::new(100);
        outbox.push(|out| out.extend_from_slice(b"<one/>")).unwrap();
        let broken = || {
            outbox.push(|out| {
                out.extend_from_slice(b"<tw");
                panic!("on purpose");
            })
        };
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(broken)).is_err());
        outbox.push(|out| out.extend_from_slice(b"<three/>")).unwrap();
        assert_eq!(outbox.take_pending().unwrap(), b"<one/><three/>");
    }

    #[test]
    fn the_first_order_to_end_counts() {
        let outbox = Outbox::new(10);
        outbox.end(Some(StreamError::new(StreamCondition::Conflict)));
        outbox.end(Some(StreamError::new(StreamCondition::Reset)));
        assert_eq!(outbox.push(|_| panic!("not called")), Err(Refused::Gone));
        assert_eq!(outbox.take_ending(), Some(Some(StreamError::new(StreamCondition::Conflict))));
        assert_eq!(outbox.take_ending(), None);
    }
}
