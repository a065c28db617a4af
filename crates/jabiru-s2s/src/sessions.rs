//! Streams of others that can be resumed (XEP-0198 §5), seen from the receiving server.
//!
//! A [`Session`] is what outlives a connection: how many stanzas were handled, and for which pair of domains. Who takes it
//! up again has to have proven that very pair; knowing its id is not enough.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jabiru_negotiation::DomainPair;
use jabiru_negotiation::stream_management::Handled;
use jabiru_net::{Outbox, random_letters};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::link::Link;

/// All that can be resumed, whether their connection is there or lost.
#[derive(Debug)]
pub(crate) struct Sessions {
    by_id: Mutex<HashMap<String, Arc<Session>>>,
    /// How many there may be.
    limit: usize,
    /// How long one outlives its connection.
    lifetime: Duration,
}

/// What is counted on a stream that can be resumed.
#[derive(Debug)]
pub(crate) struct Session {
    id: String,
    pair: DomainPair,
    state: Mutex<State>,
    /// What was sent on it in the other direction, if it carried stanzas in both, while no connection has it.
    link: Mutex<Option<Arc<Link>>>,
    /// Told when its connection has let it go, and when another has taken it.
    changed: Notify,
}

#[derive(Debug)]
struct State {
    handled: Handled,
    owner: Owner,
}

#[derive(Debug)]
enum Owner {
    /// The stream that counts.
    Stream(Arc<Outbox>),
    /// None, and for how long that may be.
    Nobody { until: Instant },
    /// Over: it was closed in good order, or nobody came.
    Ended,
}

/// A session without a connection.
#[derive(Debug)]
pub(crate) struct Suspended {
    pub(crate) pair: DomainPair,
    /// What is sent in the other direction.
    pub(crate) link: Option<Arc<Link>>,
    /// How long ago its connection was lost.
    pub(crate) lost: Duration,
    /// How long it still waits for another.
    pub(crate) remaining: Duration,
}

impl Sessions {
    pub(crate) fn new(limit: usize, lifetime: Duration) -> Sessions {
        Sessions { by_id: Mutex::default(), limit, lifetime }
    }

    /// How long a session outlives its connection.
    pub(crate) fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// A session of a stream that begins to count now; `None` if there are too many, or no random numbers for its id. At the
    /// bound the one that has been without a connection for longest makes room, so that nobody can take all the places of
    /// others by leaving streams behind.
    pub(crate) fn begin(&self, pair: DomainPair, outbox: &Arc<Outbox>) -> Option<Arc<Session>> {
        // 140 bits: who could guess one would still have to prove the pair.
        let id = random_letters(28).ok()?;
        let mut by_id = self.by_id.lock();
        if by_id.len() >= self.limit {
            let oldest = by_id.values().filter_map(|session| Some((session.waits_until()?, session.clone())));
            let (_, oldest) = oldest.min_by_key(|(until, _)| *until)?;
            by_id.remove(&oldest.id);
            oldest.set(Owner::Ended);
        }
        let state = State { handled: Handled::default(), owner: Owner::Stream(outbox.clone()) };
        let session = Arc::new(Session {
            id: id.clone(),
            pair,
            state: Mutex::new(state),
            link: Mutex::new(None),
            changed: Notify::new(),
        });
        by_id.insert(id, session.clone());
        Some(session)
    }

    /// Takes a session up on another stream of the same pair. A connection that still has it is ended, and waited for: it
    /// may be in the middle of a stanza.
    pub(crate) async fn resume(
        &self,
        id: &str,
        pair: &DomainPair,
        outbox: &Arc<Outbox>,
        within: Duration,
    ) -> Option<Arc<Session>> {
        let session = self.by_id.lock().get(id).filter(|session| session.pair == *pair).cloned()?;
        let waiting = async {
            loop {
                let changed = session.changed.notified();
                {
                    let mut state = session.state.lock();
                    match &state.owner {
                        Owner::Stream(old) => old.end(None),
                        Owner::Nobody { .. } => {
                            state.owner = Owner::Stream(outbox.clone());
                            return true;
                        }
                        Owner::Ended => return false,
                    }
                }
                changed.await;
            }
        };
        let taken = tokio::time::timeout(within, waiting).await.unwrap_or(false);
        taken.then(|| {
            session.changed.notify_waiters();
            session
        })
    }

    /// The connection is lost: somebody may come back for it.
    pub(crate) fn release(&self, session: &Session, now: Instant) {
        session.set(Owner::Nobody { until: now + self.lifetime });
    }

    /// It is over for good.
    pub(crate) fn end(&self, session: &Session) {
        session.set(Owner::Ended);
        self.by_id.lock().remove(&session.id);
    }

    /// Those that somebody may come back for.
    pub(crate) fn suspended(&self, now: Instant) -> Vec<Suspended> {
        let sessions: Vec<_> = self.by_id.lock().values().cloned().collect();
        let suspended = |session: Arc<Session>| {
            let remaining = session.waits_until()?.checked_duration_since(now)?;
            let (pair, link) = (session.pair.clone(), session.link.lock().clone());
            Some(Suspended { pair, link, lost: self.lifetime.saturating_sub(remaining), remaining })
        };
        sessions.into_iter().filter_map(suspended).collect()
    }

    /// Forgets those that nobody came back for.
    pub(crate) fn sweep(&self, now: Instant) {
        self.end_where(|_, owner| match owner {
            Owner::Nobody { until } => *until <= now,
            Owner::Stream(_) => false,
            Owner::Ended => true,
        });
    }

    /// Forgets those of a pair that nobody came back for: a server that begins anew remembers none of them.
    pub(crate) fn supersede(&self, pair: &DomainPair) {
        self.end_where(|session, owner| session.pair == *pair && matches!(owner, Owner::Nobody { .. }));
    }

    fn end_where(&self, over: impl Fn(&Session, &Owner) -> bool) {
        let mut ended = Vec::new();
        self.by_id.lock().retain(|_, session| {
            let mut state = session.state.lock();
            let over = over(session, &state.owner);
            if over {
                state.owner = Owner::Ended;
                ended.push(session.clone());
            }
            !over
        });
        // Told once no lock is held.
        for session in ended {
            session.changed.notify_waiters();
        }
    }
}

impl Session {
    /// What the other side resumes it by.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// One more stanza has been handled.
    pub(crate) fn count(&self) {
        self.state.lock().handled.count();
    }

    /// How many have been.
    pub(crate) fn handled(&self) -> u32 {
        self.state.lock().handled.h()
    }

    /// Leaves what was sent in the other direction to whoever takes it up.
    pub(crate) fn leave_link(&self, link: Arc<Link>) {
        *self.link.lock() = Some(link);
    }

    /// Takes that, once.
    pub(crate) fn take_link(&self) -> Option<Arc<Link>> {
        self.link.lock().take()
    }

    /// Returns once a stream has taken it up, or it is over; `true` for the former.
    pub(crate) async fn taken_up(&self) -> bool {
        loop {
            let changed = self.changed.notified();
            match self.state.lock().owner {
                Owner::Stream(_) => return true,
                Owner::Ended => return false,
                Owner::Nobody { .. } => {}
            }
            changed.await;
        }
    }

    /// Until when somebody may come back for it, if no connection has it.
    fn waits_until(&self) -> Option<Instant> {
        match self.state.lock().owner {
            Owner::Nobody { until } => Some(until),
            Owner::Stream(_) | Owner::Ended => None,
        }
    }

    fn set(&self, owner: Owner) {
        self.state.lock().owner = owner;
        self.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    fn pair(sender: &str) -> DomainPair {
        DomainPair::new(sender.parse().unwrap(), "here.example".parse().unwrap())
    }

    fn outbox() -> Arc<Outbox> {
        Arc::new(Outbox::new(100))
    }

    #[tokio::test]
    async fn a_lost_session_is_taken_up_by_its_own_pair_alone() {
        let sessions = Sessions::new(10, SOON);
        let now = Instant::now();
        let session = sessions.begin(pair("a.example"), &outbox()).unwrap();
        session.count();
        sessions.release(&session, now);
        assert!(sessions.resume(session.id(), &pair("b.example"), &outbox(), SOON).await.is_none(), "somebody else");
        assert!(sessions.resume("guess", &pair("a.example"), &outbox(), SOON).await.is_none());
        let resumed = sessions.resume(session.id(), &pair("a.example"), &outbox(), SOON).await.unwrap();
        assert_eq!(resumed.handled(), 1);
    }

    #[tokio::test]
    async fn the_connection_that_still_has_it_goes_first() {
        let sessions = Sessions::new(10, SOON);
        let old = outbox();
        let session = sessions.begin(pair("a.example"), &old).unwrap();
        let (proven, newer) = (pair("a.example"), outbox());
        let resuming = sessions.resume(session.id(), &proven, &newer, SOON);
        let releasing = async {
            while old.push(|_| {}).is_ok() {
                tokio::task::yield_now().await;
            }
            session.count();
            sessions.release(&session, Instant::now());
        };
        let (resumed, ()) = tokio::join!(resuming, releasing);
        assert_eq!(resumed.unwrap().handled(), 1, "what the old connection was about to handle counts");
    }

    /// Whoever leaves streams behind takes no places from those who come later.
    #[tokio::test]
    async fn at_the_bound_the_one_lost_longest_ago_makes_room() {
        let sessions = Sessions::new(3, SOON);
        let now = Instant::now();
        let [first, second, there] =
            ["a.example", "b.example", "c.example"].map(|sender| sessions.begin(pair(sender), &outbox()).unwrap());
        assert!(sessions.begin(pair("d.example"), &outbox()).is_none(), "all of them have connections");
        sessions.release(&second, now);
        sessions.release(&first, now + Duration::from_millis(1));
        let newer = sessions.begin(pair("d.example"), &outbox()).unwrap();
        assert!(!second.taken_up().await);
        assert!(sessions.resume(second.id(), &pair("b.example"), &outbox(), SOON).await.is_none());
        assert!(sessions.resume(first.id(), &pair("a.example"), &outbox(), SOON).await.is_some());
        assert_eq!((there.handled(), newer.handled()), (0, 0));
    }

    #[tokio::test]
    async fn what_is_over_is_not_taken_up() {
        let sessions = Sessions::new(1, SOON);
        let now = Instant::now();
        let session = sessions.begin(pair("a.example"), &outbox()).unwrap();
        assert!(sessions.begin(pair("c.example"), &outbox()).is_none(), "there is room for one");
        sessions.release(&session, now);
        sessions.sweep(now + SOON);
        assert!(sessions.resume(session.id(), &pair("a.example"), &outbox(), SOON).await.is_none());
        assert!(!session.taken_up().await);
        let closed = sessions.begin(pair("a.example"), &outbox()).unwrap();
        sessions.end(&closed);
        assert!(sessions.resume(closed.id(), &pair("a.example"), &outbox(), SOON).await.is_none());
    }
}
