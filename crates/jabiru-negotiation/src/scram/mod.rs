//! SCRAM: keys from passwords, and both sides of the exchange (RFC 5802; RFC 7677).
//!
//! [`ScramKeys`] and [`ScramCredentials`] are what an account is stored with: never the password, nor
//! anything to log in elsewhere with. [`ServerMechanism`] proves that the other side knows the password. It
//! speaks the [`sasl`] crate's trait and knows nothing of XMPP.

mod client;
mod keys;
mod message;
mod server;

pub(crate) use client::{ClientBinding, ClientError, ClientExchange};
pub use keys::{DEFAULT_ITERATIONS, PasswordError, SALT_BYTES, ScramCredentials, ScramKeys, random_salt};
pub use message::{ClientFirst, Gs2ChannelBinding, MessageError};
pub use server::{Binding, ServerMechanism};
