//! Strict, fast, push-fed reading and writing of XMPP's XML streams (RFC 6120 §11).
//!
//! [`Reader`] takes bytes as they come from the peer and gives out the stream header and then one first-level element after
//! the other, each as a [`RawElement`]: its bytes with an index into them. A stanza that is only passed on is never built
//! as a tree; [`RawElement::write`] puts it on another stream with its attributes changed. Who makes elements or changes
//! them uses the owned tree [`Element`].
//!
//! ```
//! use jabiru_xml::{Event, Limits, Reader};
//!
//! let mut reader = Reader::new(Limits::UNAUTHENTICATED);
//! let mut input: &[u8] = b"<?xml version='1.0'?><stream:stream to='example.net' version='1.0' xmlns='jabber:client' \
//!     xmlns:stream='http://etherx.jabber.org/streams'><message to='juliet@example.net'><body>Hi</body></message>";
//! while let Some(event) = reader.read(&mut input)? {
//!     match event {
//!         Event::StreamOpen(header) => assert_eq!(header.attribute("to").as_deref(), Some("example.net")),
//!         Event::Element(element) => assert_eq!(element.child("body", "jabber:client").unwrap().text(), "Hi"),
//!         Event::StreamClose => unreachable!("the stream is still open"),
//!     }
//! }
//! # Ok::<(), jabiru_xml::ReadError>(())
//! ```
//!
//! # What is accepted
//! XML 1.0 in UTF-8 that is well-formed and namespace-well-formed (§11.3), and nothing of what §11.1 forbids: no comment,
//! processing instruction, DTD, or entity but the five. CDATA sections are XML that §11.1 leaves in place. A byte order
//! mark is a character like any other and may not stand before the header (§11.6). What is refused has a
//! [`ReadErrorKind`] for each stream error of §4.9.3 that applies. [`Limits`] bound what a peer can make us hold.
//!
//! # What is written
//! The output parses to the same tree in any XML parser, whatever strings were put in: see [`escape`].

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod canonical;
mod chars;
mod declaration;
mod decode;
mod element;
mod error;
pub mod escape;
mod index;
mod limits;
mod namespaces;
mod node;
mod raw;
mod reader;
mod rewrite;
mod scanner;
mod tokens;

pub use element::{Attribute, Content, Element};
pub use error::{ReadError, ReadErrorKind};
pub use limits::{Limit, Limits};
pub use node::{Attributes, Children, Node, RawAttribute};
pub use raw::RawElement;
pub use reader::{Event, Reader};
pub use rewrite::Rewrite;
