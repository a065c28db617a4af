//! Client-to-server streams: from an accepted connection to its close (RFC 6120 §4 to §10).
//!
//! [`C2s`] joins the floors below: `jabiru-negotiation` says what to do until a resource is bound,
//! `jabiru-storage` knows the accounts, `jabiru-router` takes the stanzas, `jabiru-net` moves the
//! octets. Each stream is one task; what others send it goes through its outbox.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//! use jabiru_c2s::{C2s, Settings, Transport};
//! use jabiru_negotiation::Policy;
//! use jabiru_net::{Admission, Listener};
//! use jabiru_router::{Features, InMemory, Router};
//! use jabiru_stanza::DomainPart;
//! use jabiru_storage::MemoryAccounts;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let domain: DomainPart = "im.example".parse()?;
//! let policy = Policy { require_tls: false, ..Policy::new(Arc::new(vec![domain.clone()]), [0; 32]) };
//! let router = Router::new(Arc::new(InMemory::new()), [domain].into_iter().collect(), Features::new());
//! let server = C2s::new(policy, Settings::default(), router, Arc::new(MemoryAccounts::new()));
//!
//! let listener = Listener::bind("127.0.0.1:0".parse()?, Admission::new(100, 10))?;
//! let accepting = tokio::spawn({
//!     let server = server.clone();
//!     async move { server.serve(listener, Transport::Plain).await }
//! });
//! // … until somebody wants it to end:
//! accepting.abort();
//! assert_eq!(server.shut_down(Duration::from_secs(1)).await, 0, "no stream is left");
//! # Ok(())
//! # }
//! ```

mod bound;
mod computing;
mod credentials;
mod exchange;
mod expiry;
mod farewell;
mod live;
mod negotiate;
mod orders;
mod recipients;
mod redirect;
mod refusal;
mod second_bind;
mod service;
mod settings;
mod silence;
mod stream;
mod throttle;
mod watch;

pub use jabiru_net::rate::{OnExcess, Rate, RateLimits};
pub use jabiru_net::{Keepalive, hosted};
pub use service::{C2s, Transport};
pub use settings::{ConflictPolicy, Settings};
pub use throttle::{GuessLimits, Guesses};
