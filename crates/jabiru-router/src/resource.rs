//! Resources of an account, and all of them at one moment.

use std::fmt;
use std::sync::Arc;

use jabiru_stanza::{FullJid, ResourceRef, Stanza};

use crate::{Recipients, ResourceSink};

/// Names one registration of a resource; unique within a backend for as long as it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResourceId(pub u64);

/// That a resource is available (RFC 6121 §4.2).
#[derive(Clone, Debug)]
pub struct Presence {
    /// Its priority (RFC 6121 §4.7.2.3): one below zero takes no messages for the bare JID.
    pub priority: i8,
    /// The presence it sent last, its `from` stamped.
    pub stanza: Arc<Stanza>,
}

/// A connected resource: a stream with a full JID (RFC 6120 §7). One with presence is available.
#[derive(Clone)]
pub struct Resource {
    /// Its address.
    pub jid: Arc<FullJid>,
    /// Which registration of that address.
    pub id: ResourceId,
    /// Available, and how; `None`: connected only.
    pub presence: Option<Presence>,
    /// Where stanzas for it go; in a backend of many machines, what stands here for a sink elsewhere.
    pub sink: Arc<dyn ResourceSink>,
}

impl Resource {
    /// The priority, if it is available.
    #[must_use]
    pub fn priority(&self) -> Option<i8> {
        self.presence.as_ref().map(|presence| presence.priority)
    }
}

impl fmt::Debug for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} #{}", self.jid, self.id.0)?;
        match self.priority() {
            Some(priority) => write!(f, " priority {priority}"),
            None => f.write_str(" connected"),
        }
    }
}

/// The resources of one account at one moment, the oldest first.
///
/// Cloning costs one reference count. An account that does not exist has the empty one.
#[derive(Clone, Debug)]
pub struct Snapshot(Option<Arc<[Resource]>>);

impl Snapshot {
    /// That of an account without resources.
    pub const EMPTY: Snapshot = Snapshot(None);

    /// Of these resources, all of one account.
    #[must_use]
    pub fn new(resources: impl IntoIterator<Item = Resource>) -> Snapshot {
        let resources: Arc<[Resource]> = resources.into_iter().collect();
        Snapshot((!resources.is_empty()).then_some(resources))
    }

    /// All of them.
    #[must_use]
    pub fn resources(&self) -> &[Resource] {
        self.0.as_deref().unwrap_or_default()
    }

    /// None at all?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The resource with this resourcepart.
    #[must_use]
    pub fn find(&self, part: &ResourceRef) -> Option<&Resource> {
        self.resources().iter().find(|resource| resource.jid.resource().as_str() == part.as_str())
    }

    /// The resource of this registration.
    #[must_use]
    pub fn by_id(&self, id: ResourceId) -> Option<&Resource> {
        self.resources().iter().find(|resource| resource.id == id)
    }

    /// Those that are available, whatever their priority.
    pub fn available(&self) -> impl Iterator<Item = &Resource> {
        self.select(Recipients::Available)
    }

    /// Those that a verdict names, the oldest first.
    pub fn select(&self, recipients: Recipients) -> impl Iterator<Item = &Resource> {
        let highest = self.highest_priority();
        self.resources().iter().filter(move |resource| match recipients {
            Recipients::Resource(id) => resource.id == id,
            Recipients::MostAvailable => highest.is_some() && resource.priority() == highest,
            Recipients::NonNegative => resource.priority().is_some_and(|priority| priority >= 0),
            Recipients::Available => resource.presence.is_some(),
        })
    }

    /// The highest priority of an available resource that takes messages for the bare JID; `None`
    /// if there is none, for a negative priority takes none (RFC 6121 §4.7.2.3).
    #[must_use]
    pub fn highest_priority(&self) -> Option<i8> {
        self.resources().iter().filter_map(Resource::priority).filter(|priority| *priority >= 0).max()
    }

    /// The same without these.
    pub(crate) fn without(&self, gone: &[ResourceId]) -> Snapshot {
        if gone.is_empty() {
            return self.clone();
        }
        Snapshot::new(self.resources().iter().filter(|resource| !gone.contains(&resource.id)).cloned())
    }
}
