//! Finding the servers of a domain in the DNS (RFC 6120 §3.2; RFC 2782; XEP-0368).
//!
//! [`Resolver::find`] gives the places where the server of a domain may be, in the order in which to
//! try them; [`Resolver::addresses`] the addresses of one of them, and [`Resolver::tlsa`] what the DNS
//! says of its certificate (RFC 7673). With DNSSEC each answer says whether it was validated: an
//! answer that fails validation is an error, one that nobody signed is merely not `secure`.
//!
//! Answers are kept for as long as they say, up to a stated number of them. Connecting is in
//! [`connect`](crate::connect).

mod answer;
mod cache;
mod error;
mod found;
mod lookup;
mod order;
mod resolver;
mod settings;
mod srv;
mod wildcard;

pub use error::{Question, ResolveError};
pub use found::{Addresses, Found, Host, NotAHost, ServerTarget, Source, Tlsa};
pub use order::order_targets;
pub use resolver::Resolver;
pub use settings::{ResolverSettings, Route, SettingsError};
pub use srv::{SrvLookup, SrvRecord};

pub(crate) use cache::ExpiringCache;
