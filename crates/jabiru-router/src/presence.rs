//! The router's part in presence: what a resource says about itself (RFC 6121 §4.2, §4.4, §4.5).
//!
//! Whom an account shares its presence with is in a roster, and there are none yet; what is here is
//! the one subscription that always exists, that of an account to itself. Presence of the other
//! available resources goes to a newcomer as if it had probed for it (§4.3).

use std::sync::Arc;

use jabiru_stanza::{Condition, ContentNamespace, Element, FullJid, Jid, PresenceType, Stanza, StanzaKind, ns};

use crate::guard::{PanicId, guarded};
use crate::router::end_slow_stream;
use crate::{
    Account, BoxFuture, Change, Eventually, Presence, Refused, RegisterError, Registration, Resource, ResourceId,
    Router, Snapshot,
};

impl Router {
    /// The stream of the resource has ended, in whatever way: forgets it and broadcasts its
    /// unavailable presence (RFC 6121 §4.5.2). To be called once for every registration.
    pub fn unregister(&self, jid: &FullJid, id: ResourceId) -> Eventually<()> {
        let told = self.directed().take(id);
        let farewell = match unavailable_presence(jid) {
            Some(stanza) if !told.is_empty() => self.send_to_each(&stanza, told),
            _ => Eventually::Now(()),
        };
        let unregistered = match self.backend().unregister(jid, id) {
            Eventually::Now(change) => self.unregistered(id, change),
            Eventually::Later(change) => {
                let router = self.clone();
                Eventually::later(async move { router.unregistered(id, change.await).await })
            }
        };
        farewell.then(|()| unregistered)
    }

    /// Sends presence to those whom the resource has told of itself (RFC 6121 §4.6.3).
    fn send_to_each(&self, presence: &Stanza, addresses: Vec<Jid>) -> Eventually<()> {
        let mut sent = Eventually::Now(());
        for to in addresses {
            let mut stanza = presence.clone();
            stanza.set_to(to);
            // To a backend that takes its time it goes in this order, too: each is begun here.
            let next = self.route(stanza);
            sent = sent.then(|()| next);
        }
        sent
    }

    /// Takes the presence without `to` of a connected resource, its `from` stamped with `jid`
    /// (RFC 6120 §10.3.2): sets its availability and broadcasts it to the available resources of the
    /// account, its own included (RFC 6121 §4.2.2, §4.4.2, §4.5.2). A newcomer also gets the presence
    /// of the others.
    ///
    /// It is answered with `bad-request` if its priority is none, or its type needs a `to`. From a
    /// resource that was replaced it is ignored.
    pub fn presence(&self, jid: &FullJid, id: ResourceId, mut stanza: Stanza) -> Eventually<()> {
        let available = match stanza.kind() {
            StanzaKind::Presence(PresenceType::Available) => match stanza.priority() {
                Ok(priority) => Some(priority),
                Err(error) => return self.bounce(&stanza, &error),
            },
            StanzaKind::Presence(PresenceType::Unavailable) => None,
            // RFC 6121 §4.3: a probe from a client is no reason for an error.
            StanzaKind::Presence(PresenceType::Probe) => return Eventually::Now(()),
            StanzaKind::Presence(_) | StanzaKind::Message(_) | StanzaKind::Iq(_) => {
                // Subscriptions are stamped with the bare JID (RFC 6120 §8.1.2.1), but the mistake is
                // this resource's.
                stanza.set_from(Arc::new(jid.clone().into()));
                return self.bounce(&stanza, &Condition::BadRequest.into());
            }
        };
        let Some(account) = Account::of(jid) else { return Eventually::Now(()) };
        let farewell = match available {
            Some(_) => Eventually::Now(()),
            None => self.send_to_each(&stanza, self.directed().take(id)),
        };
        // One and the same stanza goes to every resource (§4.2.2), so it can be written once.
        let to = account.to_bare_jid();
        stanza.set_to(to.into());
        let stanza = Arc::new(stanza);
        let presence = available.map(|priority| Presence { priority, stanza: Arc::clone(&stanza) });
        let set = match self.backend().set_presence(jid, id, presence) {
            Eventually::Now(change) => self.presence_set(id, &stanza, change),
            Eventually::Later(change) => {
                let router = self.clone();
                Eventually::later(async move { router.presence_set(id, &stanza, change.await).await })
            }
        };
        farewell.then(|()| set)
    }

    fn presence_set(&self, id: ResourceId, stanza: &Arc<Stanza>, change: Option<Change>) -> Eventually<()> {
        let Some(Change { before, after }) = change else { return Eventually::Now(()) };
        let was = before.by_id(id).is_some_and(|resource| resource.presence.is_some());
        let mut pending = Pending::default();
        match after.by_id(id) {
            Some(resource) if resource.presence.is_some() => {
                self.broadcast(stanza, &after, &mut pending);
                if was {
                    return pending.finish();
                }
                for feature in self.features().iter() {
                    pending.point(guarded(feature.name(), || feature.resource_available(&resource.jid, stanza)));
                }
                pending.point(self.introduce(resource.clone(), after.clone()).map(Ok));
            }
            // RFC 6121 §4.5.2: the one that becomes unavailable is told too, so the resources before it did.
            _ if was => {
                self.broadcast(stanza, &before, &mut pending);
                self.tell_unavailable(before.by_id(id), &mut pending);
            }
            _ => {}
        }
        pending.finish()
    }

    /// Sends the newcomer the presence of the other available resources.
    ///
    /// One that changes its presence meanwhile broadcasts that from its own task, and it could come
    /// before the older one from here. So what was sent is compared with what is, and corrected.
    fn introduce(&self, newcomer: Resource, mut others: Snapshot) -> Eventually<()> {
        if others.available().all(|other| other.id == newcomer.id) {
            return Eventually::Now(());
        }
        let router = self.clone();
        Eventually::later(async move {
            let mut known = Vec::new();
            for _ in 0..MAX_CORRECTIONS {
                let present = others.available().filter(|other| other.id != newcomer.id).filter_map(Known::of);
                let present: Vec<Known> = present.collect();
                let news = news(&known, &present);
                if news.is_empty() {
                    break;
                }
                for stanza in news {
                    broadcast_ended(&newcomer, router.backend().deliver(&newcomer, &stanza).await);
                }
                known = present;
                let Some(account) = Account::of(&newcomer.jid) else { break };
                let now = router.backend().snapshot(account);
                others = now.await;
            }
        })
    }

    /// What follows a registration.
    pub(crate) fn registered(
        &self,
        registered: Result<Registration, RegisterError>,
    ) -> Eventually<Result<Registration, RegisterError>> {
        let replaced = match &registered {
            Ok(Registration { replaced: Some(replaced), .. }) if replaced.presence.is_some() => replaced.clone(),
            _ => return Eventually::Now(registered),
        };
        let Some(account) = Account::of(&replaced.jid) else { return Eventually::Now(registered) };
        match self.backend().snapshot(account) {
            Eventually::Now(others) => self.ended(&replaced, &others).map(|()| registered),
            Eventually::Later(others) => {
                let router = self.clone();
                Eventually::later(async move {
                    let others = others.await;
                    router.ended(&replaced, &others).await;
                    registered
                })
            }
        }
    }

    fn unregistered(&self, id: ResourceId, change: Option<Change>) -> Eventually<()> {
        let Some(Change { before, after }) = change else { return Eventually::Now(()) };
        match before.by_id(id) {
            Some(resource) if resource.presence.is_some() => self.ended(resource, &after),
            _ => Eventually::Now(()),
        }
    }

    /// What follows when all streams of an account were closed; gives how many.
    pub(crate) fn closed(&self, closed: &Snapshot) -> Eventually<usize> {
        let count = closed.resources().len();
        let mut pending = Pending::default();
        for resource in closed.available() {
            self.tell_unavailable(Some(resource), &mut pending);
        }
        pending.finish().map(move |()| count)
    }

    /// An available resource ended without saying so.
    fn ended(&self, resource: &Resource, others: &Snapshot) -> Eventually<()> {
        let mut pending = Pending::default();
        if others.available().next().is_some()
            && let Some(unavailable) = unavailable_presence(&resource.jid)
        {
            self.broadcast(&unavailable, others, &mut pending);
        }
        self.tell_unavailable(Some(resource), &mut pending);
        pending.finish()
    }

    fn broadcast(&self, stanza: &Stanza, resources: &Snapshot, pending: &mut Pending) {
        for resource in resources.available() {
            pending.delivery(resource, self.backend().deliver(resource, stanza));
        }
    }

    fn tell_unavailable(&self, resource: Option<&Resource>, pending: &mut Pending) {
        if let Some(resource) = resource {
            for feature in self.features().iter() {
                pending.point(guarded(feature.name(), || feature.resource_unavailable(&resource.jid)));
            }
        }
    }
}

/// How often a newcomer's view of the other resources is corrected; each time some of them has to
/// have changed its presence in the microseconds between.
const MAX_CORRECTIONS: usize = 8;

/// The presence that the server makes for a resource that ended without (RFC 6121 §4.5.2).
fn unavailable_presence(jid: &FullJid) -> Option<Stanza> {
    let element = Element::new("presence", ns::CLIENT).with_attribute("type", "unavailable");
    let mut stanza = Stanza::parse(element.to_raw(ns::CLIENT), ContentNamespace::Client).ok()?;
    stanza.set_from(Arc::new(jid.clone().into()));
    stanza.set_to(jid.to_bare().into());
    Some(stanza)
}

/// What a newcomer was told about another resource.
struct Known {
    id: ResourceId,
    jid: Arc<FullJid>,
    stanza: Arc<Stanza>,
}

impl Known {
    fn of(resource: &Resource) -> Option<Known> {
        let presence = resource.presence.as_ref()?;
        Some(Known { id: resource.id, jid: Arc::clone(&resource.jid), stanza: Arc::clone(&presence.stanza) })
    }
}

/// What to send to whom knows this, so that it knows that.
fn news(known: &[Known], present: &[Known]) -> Vec<Arc<Stanza>> {
    let ended = known.iter().filter(|old| !present.iter().any(|new| new.id == old.id));
    let ended = ended.filter_map(|old| unavailable_presence(&old.jid)).map(Arc::new);
    let changed = present.iter().filter(|new| !known.iter().any(|old| Arc::ptr_eq(&old.stanza, &new.stanza)));
    ended.chain(changed.map(|new| Arc::clone(&new.stanza))).collect()
}

/// A broadcast is not answered: whoever is gone needs it no more, and who is full is told by the end
/// of its stream (see [`Router`]); who can't be reached will, if at all, be found anew.
fn broadcast_ended(resource: &Resource, result: Result<(), Refused>) {
    match result {
        Ok(()) | Err(Refused::Gone | Refused::Unreachable) => {}
        Err(Refused::Full) => end_slow_stream(resource),
    }
}

/// What still has to come, in the order in which it was begun.
#[derive(Default)]
struct Pending {
    deliveries: Vec<(Resource, BoxFuture<Result<(), Refused>>)>,
    points: Vec<BoxFuture<Result<(), PanicId>>>,
}

impl Pending {
    fn delivery(&mut self, resource: &Resource, delivery: Eventually<Result<(), Refused>>) {
        match delivery {
            Eventually::Now(result) => broadcast_ended(resource, result),
            Eventually::Later(delivery) => self.deliveries.push((resource.clone(), delivery)),
        }
    }

    /// A panic has been logged, and there is nobody to tell.
    fn point(&mut self, point: Eventually<Result<(), PanicId>>) {
        match point {
            Eventually::Now(Ok(()) | Err(_)) => {}
            Eventually::Later(point) => self.points.push(point),
        }
    }

    fn finish(self) -> Eventually<()> {
        if self.deliveries.is_empty() && self.points.is_empty() {
            return Eventually::Now(());
        }
        Eventually::later(async move {
            for (resource, delivery) in self.deliveries {
                broadcast_ended(&resource, delivery.await);
            }
            for point in self.points {
                let _logged = point.await;
            }
        })
    }
}
