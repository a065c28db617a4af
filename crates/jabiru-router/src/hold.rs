//! Accounts whose streams must not be closed yet, because an answer is on its way to one of them.

use std::collections::HashMap;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use crate::Account;

/// The holds of a router: as many as there are requests of that sort under way.
#[derive(Clone, Default)]
pub(crate) struct Holds(Arc<Mutex<HashMap<Box<str>, Held>>>);

#[derive(Default)]
struct Held {
    count: usize,
    /// Those who want to close the account's streams: one for each who ordered it.
    waiting: Vec<Waker>,
}

/// Keeps an account's streams from being closed until it is dropped.
pub(crate) struct Hold {
    holds: Holds,
    account: Box<str>,
}

impl Holds {
    pub(crate) fn hold(&self, account: Account<'_>) -> Hold {
        let account: Box<str> = account.as_str().into();
        self.0.lock().entry(account.clone()).or_default().count += 1;
        Hold { holds: self.clone(), account }
    }

    pub(crate) fn is_held(&self, account: Account<'_>) -> bool {
        self.0.lock().contains_key(account.as_str())
    }

    /// Ready once nobody holds the account.
    pub(crate) fn poll_released(&self, account: &str, context: &Context<'_>) -> Poll<()> {
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
