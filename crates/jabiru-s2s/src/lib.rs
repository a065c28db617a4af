//! Server-to-server streams: finding other servers, proving who they are, and talking to them.

mod awaited;
mod backoff;
mod carry;
mod confirm;
pub mod connect;
mod diagnose;
mod dial;
mod inbound;
mod incoming;
mod judge;
mod link;
mod links;
mod list;
mod live;
mod outgoing;
mod pace;
mod plain;
mod policy;
pub mod posh;
pub mod report;
pub mod resolve;
mod service;
mod sessions;
mod settings;
mod steps;
mod trace;
mod verify;

pub use backoff::BackOff;
pub use diagnose::Test;
pub use policy::{DomainPattern, InvalidPattern, Policy, Require, Rules};
pub use service::{Parts, S2s, Transport};
pub use settings::Settings;
