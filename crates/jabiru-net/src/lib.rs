//! Sockets, TLS and clocks under an XMPP stream: the only floor that drives them.
//!
//! A [`Listener`] admits connections up to stated bounds, a [`Connection`] turns one into events
//! ([`Wake`]) for the task that owns it, an [`Outbox`] takes what any task wants to send on it, and
//! [`TlsSettings`] hold certificates by domain; [`certificate`] judges those of others. What the octets mean is not known here: elements
//! are read by `jabiru-xml`, negotiated by `jabiru-negotiation` and routed by `jabiru-router`. How fast they may come is measured by [`rate`].
//!
//! ```
//! use std::time::Duration;
//! use jabiru_net::{Admission, Connection, ConnectionLimits, Listener, Wake};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), Admission::new(10, 10))?;
//! let client = std::net::TcpStream::connect(listener.local_address()?)?;
//!
//! let (socket, peer, _admitted) = listener.accept().await;
//! let limits = ConnectionLimits::new(65_536, Duration::from_secs(60));
//! let mut connection = Connection::new(socket, peer, limits)?;
//! connection.outbox().push(|out| out.extend_from_slice(b"hello")).expect("there is room");
//! drop(client);
//! // What waits is sent while the connection waits for octets; here there are none any more.
//! match connection.next(None).await {
//!     Ok(Wake::Ended) | Err(_) => {}
//!     other => panic!("{other:?}"),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Memory: an idle connection holds no buffer. Reading and writing borrow buffers of the worker
//! thread; an outbox holds what waits, up to its capacity, and as much again while it is written. A
//! client's certificate is reduced to its addresses and its validity after the handshake; only the TLS
//! library keeps the chain, of which it takes 16 KiB at the most, for as long as the connection lasts.

mod admission;
mod attempts;
mod buffer;
mod caught;
pub mod certificate;
mod connection;
mod hosted;
mod limits;
mod listener;
mod outbox;
mod pem_file;
mod random;
pub mod rate;
mod tls;
mod transport;

pub use admission::{Admission, AdmissionLimits, Admitted, Excess, Limit};
pub use attempts::AttemptRate;
pub use buffer::Chunk;
pub use caught::{Panicked, caught, caught_now};
pub use connection::{Connection, Wake};
pub use hosted::hosted;
pub use limits::{ConnectionLimits, Keepalive};
pub use listener::Listener;
pub use outbox::Outbox;
pub use random::random_letters;
pub use tls::{Beginning, ClientCertificates, ConnectingTls, Identity, IdentityError, NoIdentity, TlsSettings};
