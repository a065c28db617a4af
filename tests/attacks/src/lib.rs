//! Attacks that worked on XMPP servers, tried on this one.
//!
//! [`INCIDENTS`](incidents::INCIDENTS) lists what happened elsewhere and which cases of `tests/attacks` repeat
//! it here, against the real binary over real sockets. A case sets a [`Scene`]: a server with an attacker, a
//! victim, and two bystanders who talk to each other. Whatever the attacker does through a [`Wire`], it ends in
//! the error that the standard defines, within stated bounds, and [`Scene::end`] shows that the others noticed
//! nothing.

pub mod incidents;
pub mod names;
pub mod peer;
pub mod relay;
pub mod scene;
pub mod scram;
pub mod wire;
#[path = "../../../crates/jabiru-xml/tests/witness/mod.rs"]
#[allow(missing_docs)]
pub mod witness;

pub use scene::{Scene, Stage};
pub use wire::{HEADER, Wire};
