//! Where a stanza goes: the rules of RFC 6120 §10 and RFC 6121 §8, and what they run on.
//!
//! - [`rules`] decides, by plain functions over a [`Snapshot`] of an account's resources.
//! - A [`RoutingBackend`] registers resources, hands out snapshots and delivers to a
//!   [`ResourceSink`], which is the outbox of a stream. [`InMemory`] is that of a single process; the
//!   [`battery`] proves any other.
//! - The [`Router`] does what the rules say: delivers, answers with stanza errors, keeps the presence
//!   of resources, and lets [`Features`] answer the IQs that are the server's to answer.
//!
//! What a backend may have to ask another machine for comes as [`Eventually`]: at once, without a
//! future on the heap, if it is known. Streams are in `jabiru-net` and `jabiru-c2s`; rosters,
//! offline messages and whatever else an account keeps are features of the floors above.
//!
//! ```
//! use std::sync::Arc;
//! use jabiru_router::battery::{Recorder, block_on};
//! use jabiru_router::{Features, InMemory, OnConflict, Router};
//! use jabiru_stanza::{ContentNamespace, FullJid, Jid, RawElement, Stanza, ns};
//!
//! let domains = std::iter::once("im.example".parse()?).collect();
//! let router = Router::new(Arc::new(InMemory::new()), domains, Features::new());
//!
//! // A stream with a bound resource; instead of `block_on`, `.await` in whatever runtime there is.
//! let juliet = FullJid::new("juliet@im.example/balcony")?;
//! let stream = Arc::new(Recorder::new());
//! block_on(router.register(&juliet, stream.clone(), OnConflict::Refuse, 10)).unwrap()?;
//!
//! // A stanza from another stream, its sender stamped.
//! let raw = RawElement::parse("<message to='juliet@im.example/balcony'/>", ns::CLIENT)?;
//! let mut message = Stanza::parse(raw, ContentNamespace::Client)?;
//! message.set_from(Jid::new("romeo@im.example/orchard")?);
//! block_on(router.route(message)).unwrap();
//!
//! let got = stream.take_written();
//! assert_eq!(got, ["<message to='juliet@im.example/balcony' from='romeo@im.example/orchard'/>"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod account;
mod backend;
pub mod battery;
mod directed;
mod domains;
mod eventually;
mod feature;
mod guard;
mod hold;
mod memory;
mod moved;
mod presence;
mod remote;
mod resource;
mod router;
pub mod rules;

pub use account::Account;
pub use backend::{Change, OnConflict, Refused, RegisterError, Registration, ResourceSink, RoutingBackend};
pub use directed::MAX_DIRECTED_PRESENCE;
pub use domains::HostedDomains;
pub use eventually::{BoxFuture, Eventually, EventuallyFuture};
pub use feature::{Feature, FeatureConflict, Features, Identity, IqAnswer, IqRequest, RequestContext, Target};
pub use hold::Closing;
pub use memory::InMemory;
pub use moved::{Moved, MovedAccounts};
pub use remote::{RemoteDomains, RemoteError};
pub use resource::{Presence, Resource, ResourceId, Snapshot};
pub use router::{MAX_ATTEMPTS, MAX_PRESENCE_BYTES, Router};
pub use rules::{Destination, Recipients, Verdict};
