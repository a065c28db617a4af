//! Stream negotiation without I/O: STARTTLS (RFC 6120 §5), SASL (§6), resource binding (§7) and Server Dialback
//! (XEP-0220).
//!
//! Two machines, one for each end of a client stream: [`ClientStream`] receives, [`InitiatingStream`] initiates. Two
//! more for streams between servers: [`ReceivingServerStream`] and [`InitiatingServerStream`].
//! What was read goes in, with the time; bytes to send and events to act on come out. Neither knows a socket, a
//! TLS library, a database or a clock, so both run in one thread in a test, and under any runtime in a server:
//!
//! ```
//! use std::{sync::Arc, time::Instant};
//!
//! use jabiru_negotiation::{ClientStream, Event, Policy, Security, TlsInfo};
//! use jabiru_stanza::DomainPart;
//! use jabiru_xml::{Limits, Reader};
//!
//! let domains: Vec<DomainPart> = vec!["im.example".parse()?];
//! let policy = Arc::new(Policy::new(Arc::new(domains), [0x5a; 32]));
//! let now = Instant::now();
//! let mut stream = ClientStream::new(policy, Security::Plaintext, now);
//!
//! // Whatever came over the wire, in pieces of any size, goes through a reader…
//! let mut reader = Reader::new(Limits::UNAUTHENTICATED);
//! let mut received: &[u8] = b"<stream:stream to='im.example' version='1.0' xmlns='jabber:client' \
//!     xmlns:stream='http://etherx.jabber.org/streams'><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
//! while let Some(event) = reader.read(&mut received)? {
//!     stream.handle_event(event, now);
//! }
//!
//! // … and out comes what to send, and what to do afterwards.
//! let mut output = Vec::new();
//! stream.take_output(&mut output);
//! assert!(output.ends_with(b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"));
//! assert!(matches!(stream.poll_event(), Some(Event::StartTls)));
//! stream.handle_tls(TlsInfo::default(), now);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Waiting for credentials, for a password check and for a resource are states: the caller is asked by an event and
//! answers when it can. The [`Policy`] of a listener says what is allowed; [`scram`] has what accounts are stored with.
//!
//! On a stream between servers what is proven are pairs of domains, by certificates that the caller judges or by keys that
//! it has verified on another stream:
//!
//! ```
//! use std::{sync::Arc, time::Instant};
//!
//! use jabiru_negotiation::{
//!     DialbackSecret, KeyAnswer, ReceivingServerEvent, ReceivingServerPolicy, ReceivingServerStream, Security, TlsInfo,
//! };
//! use jabiru_stanza::DomainPart;
//! use jabiru_xml::{Limits, Reader};
//!
//! let domains: Vec<DomainPart> = vec!["montague.example".parse()?];
//! let policy = Arc::new(ReceivingServerPolicy::new(Arc::new(domains), Arc::new(DialbackSecret::random()?)));
//! let now = Instant::now();
//! let mut stream = ReceivingServerStream::new(policy, Security::Tls(TlsInfo::default()), now);
//! let mut reader = Reader::new(Limits::UNAUTHENTICATED);
//! let mut received: &[u8] = b"<stream:stream from='capulet.example' to='montague.example' version='1.0' \
//!     xmlns='jabber:server' xmlns:db='jabber:server:dialback' xmlns:stream='http://etherx.jabber.org/streams'>\
//!     <db:result from='capulet.example' to='montague.example'>b4835385f37fe2895af6c196b59097b1</db:result>";
//! while let Some(event) = reader.read(&mut received)? {
//!     stream.handle_event(event, now);
//! }
//! let Some(ReceivingServerEvent::VerifyKey(claim)) = stream.poll_event() else { panic!("a key was shown") };
//! assert_eq!(claim.pair.to_string(), "capulet.example -> montague.example");
//!
//! // The authoritative server, asked over an `InitiatingServerStream`, says that it is good.
//! stream.handle_key(&claim, KeyAnswer::Valid, now);
//! assert!(stream.is_proven(&claim.pair.sender, &claim.pair.target));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod client_stream;
mod credentials;
pub mod dialback;
mod event;
mod initiating_stream;
mod mechanism;
mod opening;
mod output;
mod password;
mod policy;
mod sasl_request;
pub mod scram;
mod security;
mod server_stream;
mod starttls;
pub mod stream_management;

pub use client_stream::ClientStream;
pub use credentials::{AccountStatus, CredentialsAnswer, PasswordOutcome};
pub use dialback::{DialbackSecret, DomainPair, KeyAnswer, KeyToVerify};
pub use event::{BindError, Event};
pub use initiating_stream::{
    Authentication, InitiatingError, InitiatingEvent, InitiatingPolicy, InitiatingStream, Login,
};
pub use mechanism::{Mechanism, ScramHash};
pub use password::PasswordCheck;
pub use policy::{Domains, Iterations, Policy};
pub use security::{CertificateValidity, ChannelBindingType, ClientCertificate, Security, TlsInfo};
pub use server_stream::{
    CertificateAnswer, InitiatingServerError, InitiatingServerEvent, InitiatingServerPolicy, InitiatingServerStream,
    ReceivingServerEvent, ReceivingServerPolicy, ReceivingServerStream, ServerProof, ServerPurpose, ServerRefusal,
};
