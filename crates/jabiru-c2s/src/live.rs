//! The streams that there are, to be ended together.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use jabiru_net::Outbox;
use jabiru_stanza::{BareJid, StreamError};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// Every connection from accept to close.
#[derive(Debug, Default)]
pub(crate) struct Live {
    streams: Mutex<HashMap<u64, Stream>>,
    /// Why all of them had to end, once they had.
    ended: OnceLock<StreamError>,
    next: AtomicU64,
    /// Told whenever the last one has ended.
    empty: Notify,
}

#[derive(Debug)]
struct Stream {
    outbox: Arc<Outbox>,
    /// Whose it is, once authenticated and bound.
    account: Option<BareJid>,
}

/// The entry of one connection; gone when dropped.
#[derive(Debug)]
pub(crate) struct Entry {
    live: Arc<Live>,
    number: u64,
}

impl Live {
    pub(crate) fn enter(self: &Arc<Live>, outbox: &Arc<Outbox>) -> Entry {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.streams.lock().insert(number, Stream { outbox: outbox.clone(), account: None });
        // First entered, then asked: either this is seen here, or the stream there.
        if let Some(error) = self.ended.get() {
            outbox.end(Some(error.clone()));
        }
        Entry { live: self.clone(), number }
    }

    pub(crate) fn count(&self) -> usize {
        self.streams.lock().len()
    }

    /// The accounts that have a stream, each once.
    pub(crate) fn accounts(&self) -> Vec<BareJid> {
        let accounts: HashSet<BareJid> =
            self.streams.lock().values().filter_map(|stream| stream.account.clone()).collect();
        accounts.into_iter().collect()
    }

    /// Orders the end of all of them, and of those that still come. The first error counts.
    pub(crate) fn end_all(&self, error: StreamError) {
        let error = self.ended.get_or_init(|| error);
        // Collected first: no lock is held while tasks are woken.
        let streams: Vec<Arc<Outbox>> = self.streams.lock().values().map(|stream| stream.outbox.clone()).collect();
        for outbox in streams {
            outbox.end(Some(error.clone()));
        }
    }

    /// Returns once there is none.
    pub(crate) async fn wait_until_empty(&self) {
        loop {
            let emptied = self.empty.notified();
            if self.count() == 0 {
                return;
            }
            emptied.await;
        }
    }
}

impl Entry {
    /// States whose stream it is.
    pub(crate) fn identify(&self, account: BareJid) {
        if let Some(stream) = self.live.streams.lock().get_mut(&self.number) {
            stream.account = Some(account);
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut streams = self.live.streams.lock();
        streams.remove(&self.number);
        let empty = streams.is_empty();
        drop(streams);
        if empty {
            self.live.empty.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use jabiru_router::Refused;
    use jabiru_stanza::StreamCondition;

    use super::*;

    #[test]
    fn latecomers_end_too() {
        let live = Arc::<Live>::default();
        let [early, late] = [(); 2].map(|()| Arc::new(Outbox::new(100)));
        let _early = live.enter(&early);
        assert_eq!(early.push(|_| {}), Ok(()));
        live.end_all(StreamCondition::SystemShutdown.into());
        let _late = live.enter(&late);
        for outbox in [early, late] {
            assert_eq!(outbox.push(|_| {}), Err(Refused::Gone));
        }
    }
}
