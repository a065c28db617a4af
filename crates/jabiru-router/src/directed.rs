//! To whom resources have shown themselves by directed presence (RFC 6121 §4.6).

use std::collections::HashMap;
use std::sync::Arc;

use jabiru_stanza::{Jid, PresenceType, Stanza, StanzaKind};
use parking_lot::Mutex;

use crate::{Account, ResourceId};

/// The most addresses to which one resource may be available by directed presence at once. One more is answered
/// with `resource-constraint`.
pub const MAX_DIRECTED_PRESENCE: usize = 256;

/// For each resource those whom it has told that it is available, and not that it is gone.
///
/// It is known to the process that has the resource's stream, where presence enters on its way out, and to no other: with a
/// backend of many machines, requests that come in elsewhere are answered as a stranger's. A resource takes some
/// 800 KB at the most, with [`MAX_DIRECTED_PRESENCE`] of the longest addresses.
#[derive(Clone, Default)]
pub(crate) struct DirectedPresence(Arc<Mutex<HashMap<ResourceId, Vec<Jid>>>>);

/// The resource has told as many as it may.
pub(crate) struct TooMany;

impl DirectedPresence {
    /// Notes what presence with a `to` says to its recipient.
    pub(crate) fn note(&self, id: ResourceId, presence: &Stanza) -> Result<(), TooMany> {
        let Some(to) = presence.to() else { return Ok(()) };
        if presence.from().and_then(|from| Account::of(from)).is_some_and(|own| Some(own) == Account::of(to)) {
            // To its own account a resource shows itself by other means (RFC 6121 §4.2.2).
            return Ok(());
        }
        match presence.kind() {
            StanzaKind::Presence(PresenceType::Available) => {
                let mut resources = self.0.lock();
                let told = resources.entry(id).or_default();
                if told.iter().any(|known| known == to) {
                    return Ok(());
                }
                if told.len() >= MAX_DIRECTED_PRESENCE {
                    return Err(TooMany);
                }
                told.push(to.clone());
            }
            StanzaKind::Presence(PresenceType::Unavailable) => {
                let mut resources = self.0.lock();
                if let Some(told) = resources.get_mut(&id) {
                    told.retain(|known| known != to);
                    if told.is_empty() {
                        resources.remove(&id);
                    }
                }
            }
            StanzaKind::Presence(_) | StanzaKind::Message(_) | StanzaKind::Iq(_) => {}
        }
        Ok(())
    }

    /// Does this address know that the resource is available, by its full or its bare JID?
    pub(crate) fn shares(&self, id: ResourceId, with: &Jid) -> bool {
        let bare = with.to_bare();
        let told = self.0.lock();
        told.get(&id).is_some_and(|told| told.iter().any(|known| known == with || *known == bare))
    }

    /// Forgets a resource that is no longer available; returns whom it had told.
    pub(crate) fn take(&self, id: ResourceId) -> Vec<Jid> {
        self.0.lock().remove(&id).unwrap_or_default()
    }
}
