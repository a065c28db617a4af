//! What travels on an XMPP stream, as types: addresses, the stream header, stream features,
//! stream errors, SASL failures, stanzas and stanza errors (RFC 6120 §4, §6.5 and §8).
//!
//! Everything here is plain data over [`jabiru_xml`]: reading takes a [`RawElement`], writing
//! gives an [`Element`] or appends bytes. What to do with a stanza is in `jabiru-router`, how a
//! stream is negotiated in `jabiru-negotiation`.
//!
//! A [`Stanza`] keeps the element as it was read and the little of it that routing needs, so that
//! passing one on copies its bytes once and never builds a tree:
//!
//! ```
//! use jabiru_stanza::{Condition, MessageType, Stanza, StanzaError, StanzaKind, ns};
//! use jabiru_xml::RawElement;
//!
//! let raw = RawElement::parse(
//!     "<message to='juliet@im.example/balcony' type='chat'><body>hi</body></message>",
//!     ns::CLIENT,
//! )?;
//! let mut stanza = Stanza::parse(raw, jabiru_stanza::ContentNamespace::Client).map_err(|fault| fault.to_string())?;
//! assert_eq!(stanza.kind(), StanzaKind::Message(MessageType::Chat));
//! stanza.set_from("romeo@im.example/orchard".parse::<jabiru_stanza::Jid>()?);
//!
//! let mut out = Vec::new();
//! stanza.write(&mut out, ns::CLIENT);
//! assert!(String::from_utf8(out)?.contains("from='romeo@im.example/orchard'"));
//!
//! // The answer, if nobody is there to take it; an error would get none (RFC 6120 §8.3.1).
//! let bounce = StanzaError::new(Condition::ServiceUnavailable).reply_to(&stanza).unwrap();
//! assert_eq!(bounce.to().unwrap().as_str(), "romeo@im.example/orchard");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod address;
mod error_text;
mod features;
pub mod ns;
mod other_host;
mod sasl_failure;
mod stanza;
mod stanza_error;
mod stream_error;
mod stream_header;

pub use address::address;
pub use features::StreamFeatures;
pub use jid::Error as JidError;
pub use jid::{BareJid, DomainPart, DomainRef, FullJid, Jid, NodePart, NodeRef, ResourcePart, ResourceRef};
pub use other_host::{InvalidHost, OtherHost};
pub use sasl_failure::{SaslCondition, SaslFailure};
pub use stanza::{IqType, MessageType, PresenceType, Stanza, StanzaFault, StanzaKind};
pub use stanza_error::{Condition, ErrorType, StanzaError};
pub use stream_error::{StreamCondition, StreamError};
pub use stream_header::{ContentNamespace, StreamHeader};

// The types of the floor below that stand in this crate's signatures.
pub use jabiru_xml::{Element, Node, RawElement};
