//! Accounts whose streams must not be closed yet, because an answer is on its way to one of them.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};

use jabiru_stanza::BareJid;
use parking_lot::Mutex;

use crate::Account;

/// By which a feature makes sure that its answer comes before the end that the answer is about; for requests that were
/// announced with [`IqRequest::before_closing`](crate::IqRequest::before_closing).
#[derive(Clone, Default)]
pub struct Closing(Option<Arc<Asking>>);

/// One request under way.
struct Asking {
    holds: Holds,
    account: BareJid,
    /// Taken by the feature, dropped by the router with the last clone.
    hold: OnceLock<Option<Hold>>,
}

impl Closing {
    pub(crate) fn of(holds: &Holds, account: Account<'_>) -> Closing {
        let asking = Asking { holds: holds.clone(), account: account.to_bare_jid(), hold: OnceLock::new() };
        Closing(Some(Arc::new(asking)))
    }

    /// From now until the answer is on its way, nobody closes the streams of the account that asks
    /// ([`Router::close_account`](crate::Router::close_account) waits). To be called just before what leads to their
    /// end, after everything that takes long; from then on the answer has to come within a bounded time.
    ///
    /// Where somebody waits already, it has no effect: the end that is ordered comes, however often the account asks.
    pub fn wait_for_answer(&self) {
        if let Some(asking) = &self.0 {
            asking.hold.get_or_init(|| asking.holds.hold(&asking.account));
        }
    }
}

impl fmt::Debug for Closing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Closing(..)")
    }
}

/// The holds of a router: as many as there are requests of that sort under way.
#[derive(Clone, Default)]
pub(crate) struct Holds(Arc<Mutex<HashMap<BareJid, Held>>>);

#[derive(Default)]
struct Held {
    count: usize,
    /// Those who want to close the account's streams: one for each who ordered it.
    waiting: Vec<Waker>,
}

/// Keeps an account's streams from being closed until it is dropped.
struct Hold {
    holds: Holds,
    account: BareJid,
}

impl Holds {
    fn hold(&self, account: &BareJid) -> Option<Hold> {
        let mut holds = self.0.lock();
        let held = holds.entry(account.clone()).or_default();
        if !held.waiting.is_empty() {
            return None;
        }
        held.count += 1;
        Some(Hold { holds: self.clone(), account: account.clone() })
    }

    pub(crate) fn is_held(&self, account: &BareJid) -> bool {
        self.0.lock().contains_key(account)
    }

    /// Ready once nobody holds the account.
    pub(crate) fn poll_released(&self, account: &BareJid, context: &Context<'_>) -> Poll<()> {
        let mut holds = self.0.lock();
        let Some(held) = holds.get_mut(account) else { return Poll::Ready(()) };
        if !held.waiting.iter().any(|waker| waker.will_wake(context.waker())) {
            held.waiting.push(context.waker().clone());
        }
        Poll::Pending
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut holds = self.holds.0.lock();
        let Some(held) = holds.get_mut(&self.account) else { return };
        held.count -= 1;
        if held.count > 0 {
            return;
        }
        let waiting = std::mem::take(&mut held.waiting);
        holds.remove(&self.account);
        drop(holds);
        waiting.into_iter().for_each(Waker::wake);
    }
}
