//! Reaching the server of a domain: a race over all addresses of all targets (RFC 8305; RFC 6120 §3.2).
//!
//! A [`Connector`] tries what a [`Resolver`](crate::resolve::Resolver) found. It gives one connection at a time: if TLS or
//! the negotiation fails on it, [`next`](Connector::next) goes on with the next target. Every wait and every number has a
//! bound in [`ConnectLimits`], and each step is told to an observer.

mod connector;
mod error;
mod limits;
mod race;
mod step;

pub use connector::{Connected, Connector};
pub use error::{Attempt, AttemptError, ConnectError};
pub use limits::ConnectLimits;
pub use step::ConnectStep;
