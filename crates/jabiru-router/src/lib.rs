//! Where a stanza goes: the rules of RFC 6120 §10 and RFC 6121 §8, and what they run on.

mod account;
mod backend;
pub mod battery;
mod domains;
mod eventually;
mod feature;
mod memory;
mod presence;
mod resource;
mod router;
pub mod rules;

pub use account::Account;
pub use backend::{Change, OnConflict, Refused, RegisterError, Registration, ResourceSink, RoutingBackend};
pub use domains::HostedDomains;
pub use eventually::{BoxFuture, Eventually, EventuallyFuture};
pub use feature::{Feature, FeatureConflict, Features, Identity, IqAnswer, IqRequest, RequestContext, Target};
pub use memory::InMemory;
pub use resource::{Presence, Resource, ResourceId, Snapshot};
pub use router::{MAX_ATTEMPTS, Router};
pub use rules::{Destination, Recipients, Verdict};
