//! The streams that there are, to be ended together.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jabiru_net::Outbox;
use jabiru_stanza::{BareJid, StreamError};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// Every connection from accept to close.
#[derive(Debug, Default)]
pub(crate) struct Live {
    streams: Mutex<HashMap<u64, Stream>>,
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

    /// Orders the end of all of them.
    pub(crate) fn end_all(&self, error: &StreamError) {
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
