//! The checks: one function for one rule of [`RoutingBackend`].

use std::sync::{Arc, Weak};
use std::thread;

use jabiru_stanza::{ContentNamespace, Element, FullJid, Stanza, StreamCondition, StreamError, ns};

use super::{Make, Recorder, WAIT, WAITS, block_on};
use crate::{
    Account, Change, Eventually, OnConflict, Presence, Refused, RegisterError, Registration, Resource, ResourceId,
    ResourceSink, RoutingBackend, Snapshot,
};

type Check = fn(Make<'_>) -> Result<(), String>;

pub(super) const ALL: &[(&str, Check)] = &[
    ("a registered resource is connected and nothing more", registered_is_connected),
    ("an account that nobody uses has no resources", unknown_account_is_empty),
    ("addresses are told apart exactly", addresses_are_told_apart),
    ("OnConflict::Refuse keeps the older stream", conflict_refused),
    ("OnConflict::Replace closes the older stream with conflict", conflict_replaced),
    ("a replaced stream can't touch its successor", successor_is_safe),
    ("the limit of resources holds, and a replacement does not count twice", limit_holds),
    ("presence is set, changed and taken back for one resource", presence_is_set),
    ("a snapshot stays as it was", snapshot_stays),
    ("a stanza reaches its resource and no other, unchanged", delivered_to_one),
    ("a refusal is passed on and concerns one resource", refusals_are_passed_on),
    ("stanzas of each sender arrive in order, none lost, none twice", order_is_kept),
    ("of many that want one address at once, one gets it", one_wins),
    ("of many that replace each other at once, one remains", one_remains),
    ("the limit holds when many come at once", limit_holds_under_pressure),
    ("close_account ends all streams of that account and no other", account_is_closed),
    ("nothing remains of what was unregistered, replaced or closed", nothing_remains),
];

macro_rules! ensure {
    ($condition:expr, $($how:tt)+) => {
        if !$condition {
            return Err(format!($($how)+));
        }
    };
}

fn registered_is_connected(make: Make<'_>) -> Result<(), String> {
    let backend = make();
    let balcony = Client::register(&backend, "juliet@im.example/balcony")?;
    let chamber = Client::register(&backend, "juliet@im.example/chamber")?;
    let snapshot = balcony.snapshot()?;
    let ids: Vec<ResourceId> = snapshot.resources().iter().map(|resource| resource.id).collect();
    ensure!(ids == [balcony.id, chamber.id], "the snapshot is {snapshot:?}");
    for (client, resource) in [&balcony, &chamber].into_iter().zip(snapshot.resources()) {
        ensure!(*resource.jid == client.jid, "{} became {}", client.jid, resource.jid);
        ensure!(resource.presence.is_none(), "{resource:?} is available without having said so");
    }
    Ok(())
}

fn unknown_account_is_empty(make: Make<'_>) -> Result<(), String> {
    let backend = make();
    let nobody = jid("nobody@im.example/here")?;
    ensure!(snapshot(&backend, &nobody)?.is_empty(), "an account that never was has resources");
    let client = Client::register(&backend, "juliet@im.example/balcony")?;
    client.unregister()?.ok_or("unregistering found nothing")?;
    ensure!(client.snapshot()?.is_empty(), "the last resource is gone but the account has some");
    ensure!(client.unregister()?.is_none(), "what was unregistered can be unregistered again");
    ensure!(client.set_presence(Some(1))?.is_none(), "what was unregistered can be available");
    Ok(())
}

fn addresses_are_told_apart(make: Make<'_>) -> Result<(), String> {
    let backend = make();
    let names = [
        "juliet@im.example/a",
        "juliet@im.example/A",
        "juliet@im.example/a/b",
        "juliet@im.example/juliet@im.example",
        "juliet@im.example.com/a",
        "julie@im.example/a",
        "xjuliet@im.example/a",
    ];
    let clients = names.iter().map(|name| Client::register(&backend, name)).collect::<Result<Vec<_>, _>>()?;
    for client in &clients {
        client.send(client.jid.as_str())?;
    }
    for client in &clients {
        ensure!(client.sink.wait_for(1), "nothing came to {}", client.jid);
        let ids = client.sink.ids();
        ensure!(ids == [client.jid.as_str()], "{} got {ids:?}", client.jid);
    }
    Ok(())
}

fn conflict_refused(make: Make<'_>) -> Result<(), String> {
    let backend = make();
    let older = Client::register(&backend, "juliet@im.example/balcony")?;
    let newcomer = Arc::new(Recorder::new());
    let result = register(&backend, &older.jid, &newcomer, OnConflict::Refuse, 10)?;
    ensure!(matches!(result, Err(RegisterError::Conflict)), "the newcomer got {result:?}");
    older.send("1")?;
    ensure!(older.sink.wait_for(1), "the older stream gets nothing any more");
    ensure!(older.sink.closed().is_none() && newcomer.ids().is_empty(), "the newcomer has changed something");
    Ok(())
}

fn conflict_replaced(make: Make<'_>) -> Result<(), String> {
    let backend = make();
    let older = Client::register(&backend, "juliet@im.example/balcony")?;
    older.set_presence(Some(3))?;
    let other = Client::register(&backend, "juliet@im.example/chamber")?;
    let newer = Client::register(&backend, "juliet@im.example/balcony")?;
    ensure!(newer.id != older.id, "both registrations are {:?}", newer.id);
    let replaced = newer.replaced.as_ref().ok_or("the registration does not tell that one was replaced")?;
    ensure!(replaced.id == older.id && replaced.priority() == Some(3), "it tells of {replaced:?}");
    ensure!(older.sink.wait_for_close(), "the older stream goes on");
    let error = older.sink.closed();
    ensure!(error == Some(StreamCondition::Conflict.into()), "the older stream was closed with {error:?}");
    ensure!(other.sink.closed().is_none(), "a stream of another resource was closed");
    let snapshot = newer.snapshot()?;
    ensure!(snapshot.resources().len() == 2, "the snapshot is {snapshot:?}");
    let found = snapshot.find(newer.jid.resource()).map(|resource| (resource.id, resource.priority()));
    ensure!(found == Some((newer.id, None)), "the successor is {found:?}");
    newer.send("1")?;
    ensure!(newer.sink.wait_for(1) && older.sink.ids().is_empty(), "the successor does not get its stanzas");
    Ok(())
}

fn successor_is_safe(make: Make<'_>) -> Result<(), String> {
    let backend = make();
    let older = Client::register(&backend, "juliet@im.example/balcony")?;
    let newer = Client::register(&backend, "juliet@im.example/balcony")?;
    ensure!(older.set_presence(Some(7))?.is_none(), "the replaced one set the presence of its successor");
    ensure!(older.unregister()?.is_none(), "the replaced one unregistered its successor");
    let snapshot = newer.snapshot()?;
    let found = snapshot.by_id(newer.id).map(Resource::priority);
    ensure!(found == Some(None), "the successor is {found:?}");
    newer.unregister()?.ok_or("the successor can't be unregistered")?;
    Ok(())
}

fn limit_holds(make: Make<'_>) -> Result<(), String> {
    let backend = make();
    let sink = Arc::new(Recorder::new());
    let mut ids = Vec::new();
    for (name, conflict, expected) in [
        ("juliet@im.example/1", OnConflict::Refuse, true),
        ("juliet@im.example/2", OnConflict::Refuse, true),
        ("juliet@im.example/3", OnConflict::Refuse, false),
        ("juliet@im.example/2", OnConflict::Replace, true),
        ("juliet@im.example/3", OnConflict::Replace, false),
        ("romeo@im.example/1", OnConflict::Refuse, true),
    ] {
        match register(&backend, &jid(name)?, &sink, conflict, 2)? {
            Ok(registration) if expected => ids.push(registration.id),
            Err(RegisterError::TooManyResources { limit: 2 }) if !expected => {}
            other => return Err(format!("{name} got {other:?}")),
        }
    }
    let first = jid("juliet@im.example/1")?;
    let removed = wait(backend.unregister(&first, ids[0]))?;
    ensure!(removed.is_some(), "the first one can't be unregistered");
    let again = register(&backend, &jid("juliet@im.example/3")?, &sink, OnConflict::Refuse, 2)?;
    ensure!(again.is_ok(), "there is room again, but the newcomer got {again:?}");
    Ok(())
}

fn presence_is_set(make: Make<'_>) -> Result<(), String> {
    let backend = make();
    let other = Client::register(&backend, "juliet@im.example/chamber")?;
    other.set_presence(Some(5))?;
    let client = Client::register(&backend, "juliet@im.example/balcony")?;
    let mut was = None;
    for priority in [Some(0), Some(-128), Some(127), None, None, Some(1)] {
        let change = client.set_presence(priority)?.ok_or("setting presence found nothing")?;
        let now = client.snapshot()?;
        for (when, snapshot, expected) in
            [("before", &change.before, was), ("after", &change.after, priority), ("now", &now, priority)]
        {
            let found = snapshot.by_id(client.id).map(Resource::priority);
            ensure!(found == Some(expected), "{when}: {found:?} instead of {expected:?}");
            let untouched = snapshot.by_id(other.id).map(Resource::priority);
            ensure!(untouched == Some(Some(5)), "{when}: the other resource became {untouched:?}");
        }
        let stanza = now.by_id(client.id).and_then(|resource| resource.presence.as_ref());
        let id = stanza.and_then(|presence| Some(presence.stanza.id()?.into_owned()));
        ensure!(id == priority.map(|priority| priority.to_string()), "the presence kept is {id:?}");
        was = priority;
    }
    let change = client.unregister()?.ok_or("unregistering found nothing")?;
    let before = change.before.by_id(client.id).and_then(Resource::priority);
    ensure!(before == Some(1) && change.after.by_id(client.id).is_none(), "unregistering tells {change:?}");
    Ok(())
}

fn snapshot_stays(make: Make<'_>) -> Result<(), String> {
    let backend = make();
    let client = Client::register(&backend, "juliet@im.example/balcony")?;
    let early = client.snapshot()?;
    client.set_presence(Some(1))?;
    let late = Client::register(&backend, "juliet@im.example/chamber")?;
    let found: Vec<_> = early.resources().iter().map(|resource| (resource.id, resource.priority())).collect();
    ensure!(found == [(client.id, None)], "the early snapshot became {early:?}");
    // It also serves as well as a new one while its resources are there, and is harmless later.
    let resource = early.by_id(client.id).ok_or("the resource is missing")?;
    let delivered = wait(backend.deliver(resource, &message(&client.jid, "1")?))?;
    ensure!(delivered == Ok(()) && client.sink.wait_for(1), "through the early snapshot: {delivered:?}");
    client.unregister()?;
    client.sink.close(StreamError::new(StreamCondition::Reset));
    let delivered = wait(backend.deliver(resource, &message(&client.jid, "2")?))?;
    ensure!(delivered == Err(Refused::Gone), "to a stream that has ended: {delivered:?}");
    ensure!(late.sink.ids().is_empty(), "a stanza went astray");
    Ok(())
}

fn delivered_to_one(make: Make<'_>) -> Result<(), String> {
    let backend = make();
    let client = Client::register(&backend, "juliet@im.example/balcony")?;
    let others = ["juliet@im.example/chamber", "romeo@im.example/balcony"]
        .map(|name| Client::register(&backend, name))
        .into_iter()
        .collect::<Result<Vec<_>, _>>()?;
    let body = Element::new("body", ns::CLIENT).with_text("<&>'\"]]> \u{1F99C}\n\t");
    let stanza = stanza(&client.jid, &Element::new("message", ns::CLIENT).with_attribute("id", "1").with_child(body))?;
    let snapshot = client.snapshot()?;
    let resource = snapshot.by_id(client.id).ok_or("the resource is missing")?;
    let delivered = wait(backend.deliver(resource, &stanza))?;
    ensure!(delivered == Ok(()) && client.sink.wait_for(1), "it was not delivered: {delivered:?}");
    let mut expected = Vec::new();
    stanza.write(&mut expected, ns::CLIENT);
    let expected = String::from_utf8_lossy(&expected).into_owned();
    let written = client.sink.take_written();
    ensure!(written == [expected.as_str()], "{expected} became {written:?}");
    for other in others {
        ensure!(other.sink.ids().is_empty(), "{} got it too", other.jid);
    }
    Ok(())
}

fn refusals_are_passed_on(make: Make<'_>) -> Result<(), String> {
    let backend = make();
    let full = Client::register_with(&backend, "juliet@im.example/slow", Recorder::with_limit(2))?;
    let gone = Client::register(&backend, "juliet@im.example/gone")?;
    let well = Client::register(&backend, "juliet@im.example/well")?;
    gone.sink.close(StreamError::new(StreamCondition::Reset));
    let mut found = Vec::new();
    for _ in 0..3 {
        found.push([full.deliver("1")?, gone.deliver("1")?, well.deliver("1")?]);
    }
    let expected = [Ok(()), Err(Refused::Gone), Ok(())];
    let at_last = [Err(Refused::Full), Err(Refused::Gone), Ok(())];
    ensure!(found == [expected, expected, at_last], "the results are {found:?}");
    ensure!(well.sink.wait_for(3), "the refusals of others kept stanzas from the third resource");
    ensure!(full.sink.ids().len() == 2, "the full one took {:?}", full.sink.ids());
    Ok(())
}

fn order_is_kept(make: Make<'_>) -> Result<(), String> {
    const SENDERS: usize = 4;
    const STANZAS: usize = 500;
    let backend = make();
    let client = Client::register(&backend, "juliet@im.example/balcony")?;
    let busy = Client::register(&backend, "juliet@im.example/chamber")?;
    thread::scope(|scope| {
        let send = |sender: usize| (0..STANZAS).try_for_each(|n| client.send(&format!("{sender} {n}")));
        let mut all: Vec<_> = (0..SENDERS).map(|sender| scope.spawn(move || send(sender))).collect();
        // Meanwhile the account changes, so that snapshots differ.
        all.push(scope.spawn(|| (0..STANZAS).try_for_each(|n| busy.set_presence(Some((n % 100) as i8)).map(|_| ()))));
        all.into_iter().try_for_each(|one| one.join().unwrap_or_else(|_| Err("a sender panicked".into())))
    })?;
    ensure!(client.sink.wait_for(SENDERS * STANZAS), "{} arrived", client.sink.ids().len());
    let ids = client.sink.ids();
    ensure!(ids.len() == SENDERS * STANZAS, "{} arrived", ids.len());
    for sender in 0..SENDERS {
        let prefix = format!("{sender} ");
        let arrived: Vec<&str> = ids.iter().filter_map(|id| id.strip_prefix(&prefix)).collect();
        let sent: Vec<String> = (0..STANZAS).map(|n| n.to_string()).collect();
        ensure!(arrived == sent, "those of sender {sender} arrived as {arrived:?}");
    }
    ensure!(busy.sink.ids().is_empty(), "a stanza went astray");
    Ok(())
}

fn one_wins(make: Make<'_>) -> Result<(), String> {
    let backend = make();
    let address = jid("juliet@im.example/balcony")?;
    let results = at_once(&backend, |_| (address.clone(), OnConflict::Refuse, 100))?;
    let winners: Vec<_> = results.iter().filter(|(result, _)| result.is_ok()).collect();
    ensure!(winners.len() == 1, "{} got the address", winners.len());
    let losers = results.iter().filter(|(result, _)| matches!(result, Err(RegisterError::Conflict))).count();
    ensure!(losers == results.len() - 1, "{losers} of {} were told of a conflict", results.len());
    ensure!(snapshot(&backend, &address)?.resources().len() == 1, "more than one is registered");
    Ok(())
}

fn one_remains(make: Make<'_>) -> Result<(), String> {
    let backend = make();
    let address = jid("juliet@im.example/balcony")?;
    let results = at_once(&backend, |_| (address.clone(), OnConflict::Replace, 100))?;
    let snapshot = snapshot(&backend, &address)?;
    let [remaining] = snapshot.resources() else { return Err(format!("{snapshot:?} remain")) };
    let mut ids = Vec::new();
    for (result, sink) in &results {
        let Ok(registration) = result else { return Err(format!("one that replaces got {result:?}")) };
        ids.push(registration.id);
        if registration.id != remaining.id {
            ensure!(sink.wait_for_close(), "a replaced stream goes on");
        } else {
            ensure!(sink.closed().is_none(), "the stream that remains was closed");
        }
    }
    ids.sort_unstable();
    ids.dedup();
    ensure!(ids.len() == results.len(), "registrations share an id");
    Ok(())
}

fn limit_holds_under_pressure(make: Make<'_>) -> Result<(), String> {
    let backend = make();
    let addresses = (0..AT_ONCE).map(|n| jid(&format!("juliet@im.example/{n}"))).collect::<Result<Vec<_>, _>>()?;
    let results = at_once(&backend, |n| (addresses[n].clone(), OnConflict::Refuse, 3))?;
    let got = results.iter().filter(|(result, _)| result.is_ok()).count();
    let there = snapshot(&backend, &addresses[0])?.resources().len();
    ensure!((got, there) == (3, 3), "{got} were told that they are registered, {there} are, of a limit of 3");
    Ok(())
}

fn account_is_closed(make: Make<'_>) -> Result<(), String> {
    let backend = make();
    let mine = ["juliet@im.example/a", "juliet@im.example/b"]
        .map(|name| Client::register(&backend, name))
        .into_iter()
        .collect::<Result<Vec<_>, _>>()?;
    let other = Client::register(&backend, "romeo@im.example/a")?;
    mine[1].set_presence(Some(4))?;
    let error = StreamError::new(StreamCondition::NotAuthorized);
    let account = Account::of(&mine[0].jid).ok_or("no account")?;
    let closed = wait(backend.close_account(account, &error))?;
    let told: Vec<_> = closed.resources().iter().map(|resource| (resource.id, resource.priority())).collect();
    ensure!(told == [(mine[0].id, None), (mine[1].id, Some(4))], "it tells of {closed:?}");
    for client in &mine {
        ensure!(client.sink.wait_for_close(), "the stream of {} goes on", client.jid);
        ensure!(client.sink.closed().as_ref() == Some(&error), "it was closed with {:?}", client.sink.closed());
        ensure!(client.unregister()?.is_none(), "{} was still registered", client.jid);
    }
    ensure!(mine[0].snapshot()?.is_empty(), "resources remain");
    ensure!(wait(backend.close_account(account, &error))?.is_empty(), "there was more to close");
    ensure!(other.sink.closed().is_none() && other.snapshot()?.resources().len() == 1, "another account was closed");
    Client::register(&backend, "juliet@im.example/a")?;
    Ok(())
}

fn nothing_remains(make: Make<'_>) -> Result<(), String> {
    let backend = make();
    let mut sinks: Vec<(&str, Weak<Recorder>)> = Vec::new();
    let mut kept = Vec::new();
    for n in 0..50 {
        let unregistered = Client::register(&backend, &format!("juliet{n}@im.example/a"))?;
        unregistered.set_presence(Some(1))?;
        unregistered.send("1")?;
        unregistered.unregister()?;
        sinks.push(("unregistered", Arc::downgrade(&unregistered.sink)));

        let replaced = Client::register(&backend, &format!("romeo{n}@im.example/a"))?;
        sinks.push(("replaced", Arc::downgrade(&replaced.sink)));
        drop(replaced);
        kept.push(Client { replaced: None, ..Client::register(&backend, &format!("romeo{n}@im.example/a"))? });

        let closed = Client::register(&backend, &format!("tybalt{n}@im.example/a"))?;
        let account = Account::of(&closed.jid).ok_or("no account")?;
        let _ = wait(backend.close_account(account, &StreamError::new(StreamCondition::Reset)))?;
        sinks.push(("closed", Arc::downgrade(&closed.sink)));
    }
    for (how, sink) in sinks {
        let mut waits = 0;
        while sink.strong_count() > 0 {
            ensure!(waits < WAITS, "a sink that was {how} is still held");
            waits += 1;
            thread::park_timeout(WAIT);
        }
    }
    ensure!(kept.iter().all(|client| Arc::strong_count(&client.sink) > 1), "a sink that is registered is not held");
    Ok(())
}

/// A registered resource and its stream.
struct Client<'a> {
    backend: &'a Arc<dyn RoutingBackend>,
    jid: FullJid,
    id: ResourceId,
    sink: Arc<Recorder>,
    replaced: Option<Resource>,
}

impl<'a> Client<'a> {
    fn register(backend: &'a Arc<dyn RoutingBackend>, name: &str) -> Result<Client<'a>, String> {
        Client::register_with(backend, name, Recorder::new())
    }

    fn register_with(backend: &'a Arc<dyn RoutingBackend>, name: &str, sink: Recorder) -> Result<Client<'a>, String> {
        let (jid, sink) = (jid(name)?, Arc::new(sink));
        match register(backend, &jid, &sink, OnConflict::Replace, 100)? {
            Ok(Registration { id, replaced }) => Ok(Client { backend, jid, id, sink, replaced }),
            Err(error) => Err(format!("{name} was not registered: {error}")),
        }
    }

    fn unregister(&self) -> Result<Option<Change>, String> {
        wait(self.backend.unregister(&self.jid, self.id))
    }

    fn set_presence(&self, priority: Option<i8>) -> Result<Option<Change>, String> {
        let presence = match priority {
            None => None,
            Some(priority) => {
                let element = Element::new("presence", ns::CLIENT).with_attribute("id", priority.to_string());
                Some(Presence { priority, stanza: Arc::new(stanza(&self.jid, &element)?) })
            }
        };
        wait(self.backend.set_presence(&self.jid, self.id, presence))
    }

    fn snapshot(&self) -> Result<Snapshot, String> {
        snapshot(self.backend, &self.jid)
    }

    /// Delivers a message with this id to a resource that has to take it.
    fn send(&self, id: &str) -> Result<(), String> {
        self.deliver(id)?.map_err(|refused| format!("{} did not take {id}: {refused}", self.jid))
    }

    /// Delivers a message with this id by way of a fresh snapshot.
    fn deliver(&self, id: &str) -> Result<Result<(), Refused>, String> {
        let snapshot = self.snapshot()?;
        let resource = snapshot.by_id(self.id).ok_or_else(|| format!("{} is missing in {snapshot:?}", self.jid))?;
        wait(self.backend.deliver(resource, &message(&self.jid, id)?))
    }
}

const AT_ONCE: usize = 8;

type Registered = (Result<Registration, RegisterError>, Arc<Recorder>);

/// Registers from many threads at once what `wish` says for the number of each.
fn at_once(
    backend: &Arc<dyn RoutingBackend>,
    wish: impl Fn(usize) -> (FullJid, OnConflict, usize),
) -> Result<Vec<Registered>, String> {
    let start = std::sync::Barrier::new(AT_ONCE);
    thread::scope(|scope| {
        let all: Vec<_> = (0..AT_ONCE)
            .map(|n| {
                let ((jid, on_conflict, limit), start) = (wish(n), &start);
                scope.spawn(move || {
                    let sink = Arc::new(Recorder::new());
                    start.wait();
                    register(backend, &jid, &sink, on_conflict, limit).map(|result| (result, sink))
                })
            })
            .collect();
        all.into_iter().map(|one| one.join().unwrap_or_else(|_| Err("a thread panicked".into()))).collect()
    })
}

fn register(
    backend: &Arc<dyn RoutingBackend>,
    jid: &FullJid,
    sink: &Arc<Recorder>,
    on_conflict: OnConflict,
    limit: usize,
) -> Result<Result<Registration, RegisterError>, String> {
    let sink: Arc<dyn ResourceSink> = Arc::<Recorder>::clone(sink);
    wait(backend.register(jid, sink, on_conflict, limit))
}

fn snapshot(backend: &Arc<dyn RoutingBackend>, jid: &FullJid) -> Result<Snapshot, String> {
    wait(backend.snapshot(Account::of(jid).ok_or("no account")?))
}

fn wait<T>(value: Eventually<T>) -> Result<T, String> {
    block_on(value).ok_or_else(|| "a call did not finish".into())
}

fn jid(text: &str) -> Result<FullJid, String> {
    FullJid::new(text).map_err(|error| format!("{text}: {error}"))
}

fn message(to: &FullJid, id: &str) -> Result<Stanza, String> {
    stanza(to, &Element::new("message", ns::CLIENT).with_attribute("id", id))
}

/// A stanza for the account's own resource, from it.
fn stanza(to: &FullJid, element: &Element) -> Result<Stanza, String> {
    let parsed = Stanza::parse(element.to_raw(ns::CLIENT), ContentNamespace::Client);
    let mut stanza = parsed.map_err(|fault| fault.to_string())?;
    stanza.set_from(Arc::new(to.clone().into()));
    stanza.set_to(to.clone().into());
    Ok(stanza)
}
