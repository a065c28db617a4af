//! The streams that there are, to be ended together.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jabiru_net::Outbox;
use jabiru_stanza::{BareJid, DomainPart, DomainRef, StreamError};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// Every connection from accept to close.
#[derive(Debug, Default)]
pub(crate) struct Live {
    state: Mutex<State>,
    next: AtomicU64,
    /// Told whenever the last one has ended.
    empty: Notify,
}

#[derive(Debug, Default)]
struct State {
    streams: HashMap<u64, Stream>,
    /// What those are told that still come, once all of them had to end.
    refusal: Option<StreamError>,
}

#[derive(Debug)]
struct Stream {
    outbox: Arc<Outbox>,
    owner: Owner,
}

/// Whose stream it is, as far as is known by now.
#[derive(Debug)]
enum Owner {
    /// No stream header came yet, or a useless one.
    Nobody,
    /// The stream is addressed to this domain.
    Domain(DomainPart),
    /// Authenticated and bound.
    Account(BareJid),
    /// Authenticated as nobody in particular, with an account of this domain that the storage knows nothing of.
    Anonymous(DomainPart),
}

/// The entry of one connection; gone when dropped.
#[derive(Debug)]
pub(crate) struct Entry {
    live: Arc<Live>,
    number: u64,
}

impl Live {
    /// Enters a connection. If everything has to end, it also gives what the newcomer is to be told.
    pub(crate) fn enter(self: &Arc<Live>, outbox: &Arc<Outbox>) -> (Entry, Option<StreamError>) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut state = self.state.lock();
        state.streams.insert(number, Stream { outbox: outbox.clone(), owner: Owner::Nobody });
        (Entry { live: self.clone(), number }, state.refusal.clone())
    }

    pub(crate) fn count(&self) -> usize {
        self.state.lock().streams.len()
    }

    /// The accounts that have a stream, each once; without those that are made up for one stream.
    pub(crate) fn accounts(&self) -> Vec<BareJid> {
        let account = |stream: &Stream| match &stream.owner {
            Owner::Account(account) => Some(account.clone()),
            Owner::Nobody | Owner::Domain(_) | Owner::Anonymous(_) => None,
        };
        let accounts: HashSet<BareJid> = self.state.lock().streams.values().filter_map(account).collect();
        accounts.into_iter().collect()
    }

    /// Orders the end of all of them; newcomers are refused with the same error. A stream keeps the first error,
    /// newcomers get the latest.
    pub(crate) fn end_all(&self, error: &StreamError) {
        let streams: Vec<Arc<Outbox>> = {
            let mut state = self.state.lock();
            state.refusal = Some(error.clone());
            state.streams.values().map(|stream| stream.outbox.clone()).collect()
        };
        end(&streams, error);
    }

    /// Orders the end of the streams to these domains, and of those whose account is of one; returns how many.
    pub(crate) fn end_domains(&self, domains: &[DomainPart], error: &StreamError) -> usize {
        let among = |domain: &DomainRef| domains.iter().any(|gone| gone.as_str() == domain.as_str());
        let concerned = |stream: &&Stream| match &stream.owner {
            Owner::Nobody => false,
            Owner::Domain(domain) | Owner::Anonymous(domain) => among(domain),
            Owner::Account(account) => among(account.domain()),
        };
        let streams: Vec<Arc<Outbox>> =
            self.state.lock().streams.values().filter(concerned).map(|stream| stream.outbox.clone()).collect();
        end(&streams, error);
        streams.len()
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
    /// States to which domain the stream is addressed.
    ///
    /// To be called before it is asked whether that domain is served: then whoever takes it out of service either
    /// finds the stream or has the stream find that.
    pub(crate) fn address(&self, domain: DomainPart) {
        self.set(Owner::Domain(domain));
    }

    /// States whose stream it is.
    pub(crate) fn identify(&self, account: BareJid) {
        self.set(Owner::Account(account));
    }

    /// States that it is the stream of an account made up for it.
    pub(crate) fn identify_anonymous(&self, account: &BareJid) {
        self.set(Owner::Anonymous(account.domain().to_owned()));
    }

    fn set(&self, owner: Owner) {
        if let Some(stream) = self.live.state.lock().streams.get_mut(&self.number) {
            stream.owner = owner;
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut state = self.live.state.lock();
        state.streams.remove(&self.number);
        let empty = state.streams.is_empty();
        drop(state);
        if empty {
            self.live.empty.notify_waiters();
        }
    }
}

/// Collected first: no lock is held while tasks are woken.
fn end(streams: &[Arc<Outbox>], error: &StreamError) {
    for outbox in streams {
        outbox.end(Some(error.clone()));
    }
}

#[cfg(test)]
mod tests {
    use jabiru_router::Refused;
    use jabiru_stanza::StreamCondition;

    use super::*;

    #[test]
    fn latecomers_are_told_the_latest_reason() {
        let live = Arc::<Live>::default();
        let [early, late] = [(); 2].map(|()| Arc::new(Outbox::new(100)));
        let (_early, refusal) = live.enter(&early);
        assert_eq!((early.push(|_| {}), refusal), (Ok(()), None));
        for condition in [StreamCondition::Reset, StreamCondition::SystemShutdown] {
            live.end_all(&condition.clone().into());
            let (_late, refusal) = live.enter(&late);
            assert_eq!(refusal, Some(condition.into()));
        }
        assert_eq!(early.push(|_| {}), Err(Refused::Gone));
    }

    #[test]
    fn a_domain_ends_with_its_streams_alone() {
        let live = Arc::<Live>::default();
        let domain = |name: &str| name.parse::<DomainPart>().unwrap();
        let account = |address: &str| BareJid::new(address).unwrap();
        type Identify = fn(&Entry);
        let streams: Vec<(Arc<Outbox>, Entry, bool)> = [
            (|_: &Entry| {}) as Identify,
            |entry| entry.address("gone.example".parse().unwrap()),
            |entry| entry.address("kept.example".parse().unwrap()),
            |entry| entry.identify(BareJid::new("a@gone.example").unwrap()),
            |entry| entry.identify(BareJid::new("a@kept.example").unwrap()),
            |entry| entry.identify_anonymous(&BareJid::new("b@gone.example").unwrap()),
        ]
        .into_iter()
        .zip([false, true, false, true, false, true])
        .map(|(identify, ends)| {
            let outbox = Arc::new(Outbox::new(100));
            let (entry, _) = live.enter(&outbox);
            identify(&entry);
            (outbox, entry, ends)
        })
        .collect();
        let ended = live.end_domains(&[domain("gone.example"), domain("other")], &StreamCondition::HostGone.into());
        assert_eq!(ended, 3);
        for (number, (outbox, _, ends)) in streams.iter().enumerate() {
            assert_eq!(outbox.push(|_| {}).is_err(), *ends, "stream {number}");
        }
        let mut accounts = live.accounts();
        accounts.sort();
        assert_eq!(accounts, [account("a@gone.example"), account("a@kept.example")]);
    }
}
