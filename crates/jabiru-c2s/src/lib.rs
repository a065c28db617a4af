//! Client-to-server streams: from an accepted connection to its close (RFC 6120 §4 to §10).
//!
//! [`C2s`] joins the floors below: `jabiru-negotiation` says what to do until a resource is bound,
//! `jabiru-storage` knows the accounts, `jabiru-router` takes the stanzas, `jabiru-net` moves the
//! octets. Each stream is one task; what others send it goes through its outbox.

mod bound;
mod credentials;
mod exchange;
mod live;
mod negotiate;
mod service;
mod settings;
mod watch;

pub use service::{C2s, Transport};
pub use settings::{ConflictPolicy, Settings};
