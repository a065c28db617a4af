//! The battery on a good backend, and on broken ones: a check that can't fail proves nothing.

use std::time::Duration;

use jabiru_stanza::{FullJid, Stanza, StreamError};
use parking_lot::Mutex;

use super::*;
use crate::{
    Account, Change, Eventually, InMemory, OnConflict, Presence, Refused, RegisterError, Registration, Resource,
    ResourceId, ResourceSink, Snapshot,
};

#[test]
fn in_memory_passes() {
    prove(|| Arc::new(InMemory::new()));
}

/// A way to be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    ReplacesAlways,
    LetsTheReplacedGoOn,
    HidesTheReplaced,
    UnregistersByAddress,
    SetsPresenceByAddress,
    HasNoLimit,
    CountsTheReplaced,
    FoldsCase,
    ForgetsThePresenceStanza,
    KeepsOldPresence,
    DeliversToTheFirst,
    DeliversTwice,
    Swaps,
    SwallowsRefusals,
    ChecksThenActs,
    ClosesOneStream,
    ForgetsWithoutClosing,
    ClosesWithoutForgetting,
    KeepsSinks,
}

#[test]
fn broken_backends_fail() {
    use Fault::*;
    let faults = [
        (ReplacesAlways, "OnConflict::Refuse keeps the older stream"),
        (LetsTheReplacedGoOn, "OnConflict::Replace closes the older stream with conflict"),
        (HidesTheReplaced, "OnConflict::Replace closes the older stream with conflict"),
        (UnregistersByAddress, "a replaced stream can't touch its successor"),
        (SetsPresenceByAddress, "a replaced stream can't touch its successor"),
        (HasNoLimit, "the limit of resources holds, and a replacement does not count twice"),
        (CountsTheReplaced, "the limit of resources holds, and a replacement does not count twice"),
        (FoldsCase, "addresses are told apart exactly"),
        (ForgetsThePresenceStanza, "presence is set, changed and taken back for one resource"),
        (KeepsOldPresence, "presence is set, changed and taken back for one resource"),
        (DeliversToTheFirst, "addresses are told apart exactly"),
        (DeliversTwice, "stanzas of each sender arrive in order, none lost, none twice"),
        (Swaps, "stanzas of each sender arrive in order, none lost, none twice"),
        (SwallowsRefusals, "a refusal is passed on and concerns one resource"),
        (ChecksThenActs, "of many that want one address at once, one gets it"),
        (ClosesOneStream, "close_account ends all streams of that account and no other"),
        (ForgetsWithoutClosing, "close_account ends all streams of that account and no other"),
        (ClosesWithoutForgetting, "close_account ends all streams of that account and no other"),
        (KeepsSinks, "nothing remains of what was unregistered, replaced or closed"),
    ];
    thread::scope(|scope| {
        for (fault, expected) in faults {
            scope.spawn(move || {
                let finding = run_only(expected, || Arc::new(Broken::new(fault)));
                assert!(finding.result.is_err(), "{fault:?} is not found by \"{expected}\"");
            });
        }
    });
}

#[test]
fn findings_name_the_rule() {
    let panic = std::panic::catch_unwind(|| prove(|| Arc::new(Broken::new(Fault::HasNoLimit)))).unwrap_err();
    let message = panic.downcast_ref::<String>().unwrap();
    assert!(message.contains("FAILED  the limit of resources holds"), "{message}");
    assert!(!message.contains("ok  "), "{message}");
}

#[test]
fn what_never_comes_is_given_up() {
    assert_eq!(block_on(std::future::pending::<()>()), None);
}

#[test]
fn what_comes_late_comes() {
    let mut polls = 0;
    let late = std::future::poll_fn(move |context| {
        polls += 1;
        let waker = context.waker().clone();
        thread::spawn(move || waker.wake());
        if polls > 2 * WAITS { Poll::Ready(polls) } else { Poll::Pending }
    });
    assert_eq!(block_on(late), Some(2 * WAITS + 1));
}

/// Runs the check of this name alone.
fn run_only(name: &str, make: impl Fn() -> Arc<dyn RoutingBackend>) -> Finding {
    let (name, check) = checks::ALL.iter().find(|(one, _)| *one == name).unwrap_or_else(|| panic!("no check {name}"));
    Finding { name, result: check(&make) }
}

/// The in-memory backend with one fault.
struct Broken {
    inner: InMemory,
    fault: Fault,
    /// One delivery held back, to come after the next.
    held: Mutex<Option<(Arc<dyn ResourceSink>, Stanza)>>,
    kept: Mutex<Vec<Arc<dyn ResourceSink>>>,
}

/// A sink that closes nothing.
struct Deaf(Arc<dyn ResourceSink>);

impl ResourceSink for Deaf {
    fn deliver(&self, stanza: &Stanza) -> Result<(), Refused> {
        self.0.deliver(stanza)
    }
    fn close(&self, _: StreamError) {}
}

impl Broken {
    fn new(fault: Fault) -> Broken {
        Broken { inner: InMemory::new(), fault, held: Mutex::default(), kept: Mutex::default() }
    }

    fn look(&self, jid: &FullJid) -> Snapshot {
        self.inner.snapshot(Account::of(jid).unwrap()).now().unwrap()
    }

    /// The id of whoever has the address now, if the fault is to ask for nothing more.
    fn id(&self, fault: Fault, jid: &FullJid, id: ResourceId) -> ResourceId {
        match self.look(jid).find(jid.resource()) {
            Some(resource) if self.fault == fault => resource.id,
            _ => id,
        }
    }
}

impl RoutingBackend for Broken {
    fn register(
        &self,
        jid: &FullJid,
        sink: Arc<dyn ResourceSink>,
        on_conflict: OnConflict,
        limit: usize,
    ) -> Eventually<Result<Registration, RegisterError>> {
        let folded = FullJid::new(&jid.as_str().to_lowercase()).unwrap();
        let jid = if self.fault == Fault::FoldsCase { &folded } else { jid };
        let sink = if self.fault == Fault::LetsTheReplacedGoOn { Arc::new(Deaf(sink)) } else { sink };
        if self.fault == Fault::KeepsSinks {
            self.kept.lock().push(Arc::clone(&sink));
        }
        let (mut on_conflict, mut limit) = (on_conflict, limit);
        match self.fault {
            Fault::ReplacesAlways => on_conflict = OnConflict::Replace,
            Fault::HasNoLimit => limit = usize::MAX,
            Fault::CountsTheReplaced if self.look(jid).resources().len() >= limit => limit = 0,
            Fault::ChecksThenActs => {
                let there = self.look(jid).find(jid.resource()).is_some();
                thread::sleep(Duration::from_millis(20));
                if !there {
                    on_conflict = OnConflict::Replace;
                }
            }
            _ => {}
        }
        let hides = self.fault == Fault::HidesTheReplaced;
        self.inner.register(jid, sink, on_conflict, limit).map(move |result| {
            result.map(|registered| if hides { Registration { replaced: None, ..registered } } else { registered })
        })
    }

    fn unregister(&self, jid: &FullJid, id: ResourceId) -> Eventually<Option<Change>> {
        self.inner.unregister(jid, self.id(Fault::UnregistersByAddress, jid, id))
    }

    fn set_presence(&self, jid: &FullJid, id: ResourceId, presence: Option<Presence>) -> Eventually<Option<Change>> {
        let id = self.id(Fault::SetsPresenceByAddress, jid, id);
        let old = self.look(jid).by_id(id).and_then(|resource| resource.presence.clone());
        let presence = match (self.fault, presence, old) {
            (Fault::ForgetsThePresenceStanza, Some(Presence { priority, .. }), Some(old)) => {
                Some(Presence { priority, ..old })
            }
            (Fault::KeepsOldPresence, None, old) => old,
            (_, presence, _) => presence,
        };
        self.inner.set_presence(jid, id, presence)
    }

    fn snapshot(&self, account: Account<'_>) -> Eventually<Snapshot> {
        self.inner.snapshot(account)
    }

    fn deliver(&self, resource: &Resource, stanza: &Stanza) -> Eventually<Result<(), Refused>> {
        match self.fault {
            Fault::DeliversToTheFirst => {
                let all = self.look(&resource.jid);
                self.inner.deliver(all.resources().first().unwrap_or(resource), stanza)
            }
            Fault::DeliversTwice => {
                let _ = self.inner.deliver(resource, stanza);
                self.inner.deliver(resource, stanza)
            }
            Fault::Swaps => {
                let mut held = self.held.lock();
                match held.take() {
                    None => *held = Some((Arc::clone(&resource.sink), stanza.clone())),
                    Some((sink, earlier)) => {
                        let _ = resource.sink.deliver(stanza);
                        let _ = sink.deliver(&earlier);
                    }
                }
                Eventually::Now(Ok(()))
            }
            Fault::SwallowsRefusals => self.inner.deliver(resource, stanza).map(|_| Ok(())),
            _ => self.inner.deliver(resource, stanza),
        }
    }

    fn close_account(&self, account: Account<'_>, error: &StreamError) -> Eventually<Snapshot> {
        let all = self.inner.snapshot(account).now().unwrap();
        match self.fault {
            Fault::ClosesOneStream => {
                if let Some(first) = all.resources().first() {
                    first.sink.close(error.clone());
                }
            }
            Fault::ForgetsWithoutClosing => {}
            Fault::ClosesWithoutForgetting => {
                all.resources().iter().for_each(|resource| resource.sink.close(error.clone()));
                return Eventually::Now(all);
            }
            _ => return self.inner.close_account(account, error),
        }
        for resource in all.resources() {
            let _ = self.inner.unregister(&resource.jid, resource.id);
        }
        Eventually::Now(all)
    }
}
