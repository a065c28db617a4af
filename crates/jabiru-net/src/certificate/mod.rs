//! Certificates of servers and clients: who they say that they are for, and whether they can be
//! believed (RFC 6120 §13.7; RFC 6125 §6; RFC 5280).
//!
//! [`Certificate`] reads what a certificate says. [`Reference`] is the domain that is sought in it,
//! and [`Certificate::identifies`] the comparison. [`verify_server`] does all that a server's
//! certificate chain needs to prove a domain; certificates of clients are judged by
//! [`TlsSettings`](crate::TlsSettings), for SASL EXTERNAL.
//!
//! ```
//! use std::time::SystemTime;
//! use jabiru_net::certificate::{Certificate, Reference, Service};
//! use jabiru_stanza::DomainPart;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let made = rcgen::generate_simple_self_signed(["*.example.net".to_owned()])?;
//! # let der = made.cert.der();
//! let certificate = Certificate::parse(der)?;
//! assert!(certificate.not_after() > SystemTime::now());
//!
//! let chat = Reference::new(&*DomainPart::new("chat.example.net")?, Service::XmppServer).expect("a DNS name");
//! assert!(certificate.identifies(&chat, false).is_some());
//! # Ok(())
//! # }
//! ```

mod chain;
mod client;
pub mod dane;
mod identifier;
mod parse;
pub mod posh;
mod roots;
mod server;

pub use identifier::{IdentifierKind, Reference, Service};
pub use parse::{Certificate, Malformed};
pub use roots::{Roots, RootsError};
pub use server::{Peer, Problem, Proof, ServerCheck, verify_server};

pub(crate) use client::client_certificate;
pub(crate) use identifier::a_labels;
