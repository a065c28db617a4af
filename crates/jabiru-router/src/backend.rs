//! What routing runs on: where resources are registered and how a stanza reaches one.

use std::sync::Arc;

use jabiru_stanza::{FullJid, Stanza, StreamError};

use crate::{Account, Eventually, Presence, Resource, ResourceId, Snapshot};

/// The receiving end of one resource: its stream.
///
/// Neither method may block, and neither may call the router or the backend.
pub trait ResourceSink: Send + Sync + 'static {
    /// Queues a stanza for the stream, behind everything queued before it. It is to be written as
    /// it is ([`Stanza::write`]).
    ///
    /// # Errors
    /// [`Refused::Full`] at the bound of the queue, [`Refused::Gone`] once the stream has ended.
    /// Then nothing of the stanza was queued, and it is not sent to it again.
    fn deliver(&self, stanza: &Stanza) -> Result<(), Refused>;

    /// Ends the stream with this error (§4.9) after what is queued already. Later stanzas are
    /// refused with [`Refused::Gone`].
    fn close(&self, error: StreamError);

    /// Is what goes through the stream hidden from others on the way, by TLS? Features ask before they take or
    /// give a secret.
    fn is_confidential(&self) -> bool {
        false
    }
}

/// Why a resource did not take a stanza.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refused {
    /// Its queue is at its bound: whoever reads the stream is too slow.
    #[error("the queue of the resource is full")]
    Full,
    /// Its stream has ended.
    #[error("the stream of the resource has ended")]
    Gone,
    /// It is somewhere that the backend can't reach at the moment; for backends of many machines.
    #[error("where the resource is can't be reached")]
    Unreachable,
}

/// What to do with the stream that already has the resource asked for (§7.7.2.2). The third
/// policy, another resourcepart made by the server, is the caller's: it registers that one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OnConflict {
    /// The newcomer is refused: `conflict`.
    Refuse,
    /// The older stream is closed with the stream error `conflict`.
    Replace,
}

/// A resource was registered.
#[derive(Clone, Debug)]
pub struct Registration {
    /// Names this very registration; a later one of the same full JID has another.
    pub id: ResourceId,
    /// The resource that had the address and was told to go.
    pub replaced: Option<Resource>,
}

/// Why a resource was not registered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// Another stream has the full JID, and it stays: `conflict` (§7.7.2.2).
    #[error("the resource is in use")]
    Conflict,
    /// The account has as many resources as it may: `resource-constraint` (§7.6.2.1).
    #[error("the account has its {limit} resources already")]
    TooManyResources {
        /// How many it may have.
        limit: usize,
    },
    /// The address has no localpart, so it is no account's: `not-allowed`.
    #[error("not the address of an account")]
    NotAnAccount,
    /// The backend can't say at the moment: the stream that asks has lost what it depends on
    /// (`remote-connection-failed`, §4.9.3.15).
    #[error("the routing backend can't be reached")]
    Unavailable,
}

/// The resources of an account before and after one of them changed.
#[derive(Clone, Debug)]
pub struct Change {
    /// As they were.
    pub before: Snapshot,
    /// As they are now.
    pub after: Snapshot,
}

/// Registers resources, tells which an account has, and delivers to them.
///
/// [`battery`](crate::battery) proves an implementation. What one must keep:
///
/// - Order (§10.1): what is delivered to one resource by calls that one caller makes one after the
///   other, awaiting each, arrives in that order; so does what goes to it over different snapshots.
/// - A snapshot taken after a call has finished shows what that call did.
/// - No lock is held while a sink is called or a future is pending.
/// - Nothing remains of a resource that was unregistered, nor of an account without resources.
///
/// Section numbers mean RFC 6120.
pub trait RoutingBackend: Send + Sync + 'static {
    /// Makes `jid` reachable through `sink`: a connected resource without presence (§7).
    ///
    /// `limit` is how many resources the account may have with this one; a replaced one counts no
    /// more.
    ///
    /// # Errors
    /// As the variants of [`RegisterError`] say; then nothing has changed.
    fn register(
        &self,
        jid: &FullJid,
        sink: Arc<dyn ResourceSink>,
        on_conflict: OnConflict,
        limit: usize,
    ) -> Eventually<Result<Registration, RegisterError>>;

    /// Forgets the resource, if it is still this one: a stream that was replaced does not remove its
    /// successor. `None` if it was not.
    fn unregister(&self, jid: &FullJid, id: ResourceId) -> Eventually<Option<Change>>;

    /// States the presence of the resource, if it is still this one: available with a priority, or
    /// `None` for connected only. `None` is returned if it was another or none.
    fn set_presence(&self, jid: &FullJid, id: ResourceId, presence: Option<Presence>) -> Eventually<Option<Change>>;

    /// The resources of the account at this moment. An account without resources and one that does
    /// not exist look alike: empty.
    fn snapshot(&self, account: Account<'_>) -> Eventually<Snapshot>;

    /// Hands a stanza to a resource of a snapshot, however old that is.
    ///
    /// # Errors
    /// As [`ResourceSink::deliver`]; [`Refused::Unreachable`] if the sink is on a machine that can't be reached.
    fn deliver(&self, resource: &Resource, stanza: &Stanza) -> Eventually<Result<(), Refused>>;

    /// Forgets all resources of the account and closes their streams with this error: for an account
    /// that was disabled or removed. Returns what was forgotten.
    fn close_account(&self, account: Account<'_>, error: &StreamError) -> Eventually<Snapshot>;
}
