//! A routing backend written outside the crate: one table behind one lock, and a log of what it
//! delivers. The battery proves it, then two people chat over it.
//!
//! `cargo run -p jabiru-router --example own_backend`

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jabiru_router::battery::{self, Recorder, block_on};
use jabiru_router::{
    Account, Change, Eventually, Features, OnConflict, Presence, Refused, RegisterError, Registration, Resource,
    ResourceId, ResourceSink, Router, RoutingBackend, Snapshot,
};
use jabiru_stanza::{ContentNamespace, FullJid, Jid, RawElement, Stanza, StreamCondition, StreamError, ns};

/// Everything in one table.
#[derive(Default)]
struct OneTable {
    table: Mutex<Table>,
    log: Mutex<Vec<String>>,
}

#[derive(Default)]
struct Table {
    accounts: HashMap<String, Vec<Resource>>,
    last_id: u64,
}

impl OneTable {
    fn table(&self) -> MutexGuard<'_, Table> {
        // Nothing that can panic runs under the lock.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn log(&self) -> MutexGuard<'_, Vec<String>> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn snapshot(&self, account: Account<'_>) -> Snapshot {
        Snapshot::new(self.accounts.get(account.as_str()).into_iter().flatten().cloned())
    }

    /// Changes the resources of the account if the one with this id is among them.
    fn change(&mut self, jid: &FullJid, id: ResourceId, change: impl FnOnce(&mut Vec<Resource>)) -> Option<Change> {
        let account = Account::of(jid)?;
        let before = self.snapshot(account);
        before.by_id(id)?;
        change(self.accounts.get_mut(account.as_str())?);
        self.accounts.retain(|_, resources| !resources.is_empty());
        Some(Change { before, after: self.snapshot(account) })
    }
}

impl RoutingBackend for OneTable {
    fn register(
        &self,
        jid: &FullJid,
        sink: Arc<dyn ResourceSink>,
        on_conflict: OnConflict,
        limit: usize,
    ) -> Eventually<Result<Registration, RegisterError>> {
        let Some(account) = Account::of(jid) else { return Eventually::Now(Err(RegisterError::NotAnAccount)) };
        let mut table = self.table();
        let before = table.snapshot(account);
        let replaced = before.find(jid.resource()).cloned();
        if replaced.is_some() && on_conflict == OnConflict::Refuse {
            return Eventually::Now(Err(RegisterError::Conflict));
        }
        if before.resources().len() - usize::from(replaced.is_some()) >= limit {
            return Eventually::Now(Err(RegisterError::TooManyResources { limit }));
        }
        table.last_id += 1;
        let id = ResourceId(table.last_id);
        let resources = table.accounts.entry(account.as_str().to_owned()).or_default();
        resources.retain(|resource| resource.jid.resource() != jid.resource());
        resources.push(Resource { jid: Arc::new(jid.clone()), id, presence: None, sink });
        // No lock is held while a sink is called.
        drop(table);
        if let Some(replaced) = &replaced {
            replaced.sink.close(StreamError::new(StreamCondition::Conflict));
        }
        Eventually::Now(Ok(Registration { id, replaced }))
    }

    fn unregister(&self, jid: &FullJid, id: ResourceId) -> Eventually<Option<Change>> {
        self.table().change(jid, id, |resources| resources.retain(|resource| resource.id != id)).into()
    }

    fn set_presence(&self, jid: &FullJid, id: ResourceId, presence: Option<Presence>) -> Eventually<Option<Change>> {
        let set = |resources: &mut Vec<Resource>| {
            for resource in resources.iter_mut().filter(|resource| resource.id == id) {
                resource.presence = presence.clone();
            }
        };
        self.table().change(jid, id, set).into()
    }

    fn snapshot(&self, account: Account<'_>) -> Eventually<Snapshot> {
        self.table().snapshot(account).into()
    }

    fn deliver(&self, resource: &Resource, stanza: &Stanza) -> Eventually<Result<(), Refused>> {
        let result = resource.sink.deliver(stanza);
        self.log().push(format!("{:?} to {resource:?}: {result:?}", stanza.kind()));
        result.into()
    }

    fn close_account(&self, account: Account<'_>, error: &StreamError) -> Eventually<Snapshot> {
        let mut table = self.table();
        let closed = table.snapshot(account);
        table.accounts.remove(account.as_str());
        drop(table);
        for resource in closed.resources() {
            resource.sink.close(error.clone());
        }
        closed.into()
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("The battery:");
    let mut sound = true;
    for finding in battery::run(|| Arc::new(OneTable::default())) {
        sound &= finding.result.is_ok();
        println!("  {finding}");
    }
    if !sound {
        return Err("the backend is not sound".into());
    }

    let backend = Arc::new(OneTable::default());
    let domains = std::iter::once("im.example".parse()?).collect();
    let router = Router::new(backend.clone(), domains, Features::new());
    let romeo = FullJid::new("romeo@im.example/orchard")?;
    let juliet = FullJid::new("juliet@im.example/balcony")?;
    let (romeos, juliets) = (Arc::new(Recorder::new()), Arc::new(Recorder::new()));
    for (jid, stream) in [(&romeo, &romeos), (&juliet, &juliets)] {
        let sink: Arc<dyn ResourceSink> = Arc::<Recorder>::clone(stream);
        let id = block_on(router.register(jid, sink, OnConflict::Refuse, 10)).ok_or("never")??.id;
        block_on(router.receive(jid, id, from(jid, "<presence/>")?)).ok_or("never")?;
        stream.take();
    }
    let hi = "<message to='juliet@im.example' type='chat'><body>hi</body></message>";
    let ho = "<message to='romeo@im.example/orchard' type='chat'><body>ho</body></message>";
    block_on(router.route(from(&romeo, hi)?)).ok_or("never")?;
    block_on(router.route(from(&juliet, ho)?)).ok_or("never")?;

    println!("Juliet got {:?}", juliets.take_written());
    println!("Romeo got {:?}", romeos.take_written());
    println!("The log of the backend:");
    for line in backend.log().iter() {
        println!("  {line}");
    }
    Ok(())
}

/// A stanza as a connection hands it in: parsed, its sender stamped.
fn from(jid: &FullJid, xml: &str) -> Result<Stanza, Box<dyn Error>> {
    let raw = RawElement::parse(xml, ns::CLIENT)?;
    let mut stanza = Stanza::parse(raw, ContentNamespace::Client)?;
    stanza.set_from(Arc::new(Jid::from(jid.clone())));
    Ok(stanza)
}
