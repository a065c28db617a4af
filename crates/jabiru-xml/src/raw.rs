//! One element as it stood on the wire, with an index into it.
//!
//! [`RawElement`] is what the reader gives out and what is routed; [`Node`] is a look at one element within it. Writing it
//! on another stream is in `rewrite.rs`.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::index::{self, Inherited, NO_DECLARATION};
use crate::limits::Bounds;
use crate::scanner::{Scanned, Scanner};
use crate::{Children, Element, Limits, Node, ReadError, ReadErrorKind};

/// One element as it stood on the wire, with an index into it: parsed once, cheap to clone, never a tree.
///
/// One allocation holds the XML and the index; what the stream root declares is shared with the other elements of the
/// stream. Everything about the content is found through [`root`](Self::root).
///
/// ```
/// use jabiru_xml::RawElement;
///
/// let message = RawElement::parse("<message to='juliet@example.net'><body>Hi &amp; bye</body></message>", "jabber:client")?;
/// assert!(message.is("message", "jabber:client"));
/// assert_eq!(message.attribute("to").as_deref(), Some("juliet@example.net"));
/// assert_eq!(message.child("body", "jabber:client").unwrap().text(), "Hi & bye");
/// # Ok::<(), jabiru_xml::ReadError>(())
/// ```
#[derive(Clone)]
pub struct RawElement {
    /// The XML, the decoded namespace names, the index (little-endian words).
    buffer: Arc<[u8]>,
    inherited: Arc<Inherited>,
    xml_length: u32,
    index_start: u32,
    flags: u32,
}

impl RawElement {
    /// Reads one element as if it stood in a stream whose root declares `namespace` as the default (none if empty) and the
    /// prefix `stream` as `http://etherx.jabber.org/streams`.
    ///
    /// The limits are [`Limits::AUTHENTICATED`]. Nothing may stand before or after the element.
    ///
    /// # Errors
    /// As [`Reader::read`](crate::Reader::read); `NotWellFormed` also if the element does not end or something follows it.
    pub fn parse(xml: &str, namespace: &str) -> Result<RawElement, ReadError> {
        RawElement::scan(xml.as_bytes(), namespace, Limits::AUTHENTICATED.into())
    }

    pub(crate) fn scan(xml: &[u8], namespace: &str, bounds: Bounds) -> Result<RawElement, ReadError> {
        let malformed = |what, at: usize| ReadError { kind: ReadErrorKind::NotWellFormed(what), offset: at as u64 };
        if xml.first() != Some(&b'<') {
            return Err(malformed("text where an element must begin", 0));
        }
        let mut scanner = Scanner::new(bounds);
        let inherited = [("", namespace), ("stream", STREAMS_NS)];
        scanner.enter(b"", Inherited::new(inherited.into_iter()));
        match scanner.scan(xml).map_err(|fault| fault.from(0))? {
            Some(Scanned::Element { end }) if end == xml.len() => Ok(RawElement::new(xml, &scanner)),
            Some(Scanned::Element { end }) => Err(malformed("something after the element", end)),
            Some(Scanned::Header { .. } | Scanned::Close { .. }) => {
                Err(malformed("an end tag before any start tag", 0))
            }
            None => Err(malformed("the element does not end", xml.len())),
        }
    }

    /// What the scanner has just scanned.
    pub(crate) fn new(xml: &[u8], scanner: &Scanner) -> RawElement {
        let (words, extra) = (scanner.words(), scanner.extra());
        let index_start = xml.len() + extra.len();
        let mut buffer: Arc<[u8]> = std::iter::repeat_n(0, index_start + words.len() * 4).collect();
        // Just made, so nobody else has it.
        if let Some(buffer) = Arc::get_mut(&mut buffer) {
            let (bytes, index) = buffer.split_at_mut(index_start);
            bytes[..xml.len()].copy_from_slice(xml);
            bytes[xml.len()..].copy_from_slice(extra);
            for (place, word) in index.as_chunks_mut::<4>().0.iter_mut().zip(words) {
                *place = word.to_le_bytes();
            }
        }
        RawElement {
            buffer,
            inherited: Arc::clone(scanner.inherited()),
            xml_length: xml.len() as u32,
            index_start: index_start as u32,
            flags: scanner.flags(),
        }
    }

    /// The element itself.
    pub fn root(&self) -> Node<'_> {
        Node::new(self, 0, NO_DECLARATION)
    }

    /// The bytes as received, for logs: prefixes and the default namespace may be declared outside.
    pub fn as_bytes(&self) -> &[u8] {
        &self.buffer[..self.xml_length as usize]
    }

    /// Bytes of memory that the element holds, shared by its clones; what the stream root declares is not counted.
    pub fn memory(&self) -> usize {
        self.buffer.len()
    }

    /// The local name of the root: [`Node::name`].
    pub fn name(&self) -> &str {
        self.root().name()
    }

    /// The namespace name of the root, empty if none: [`Node::namespace`].
    pub fn namespace(&self) -> &str {
        self.root().namespace()
    }

    /// Has the root this local name and namespace? [`Node::is`].
    pub fn is(&self, name: &str, namespace: &str) -> bool {
        self.root().is(name, namespace)
    }

    /// Value of the root's attribute without namespace: [`Node::attribute`].
    pub fn attribute(&self, name: &str) -> Option<Cow<'_, str>> {
        self.root().attribute(name)
    }

    /// The root's first child of this name and namespace: [`Node::child`].
    pub fn child(&self, name: &str, namespace: &str) -> Option<Node<'_>> {
        self.root().child(name, namespace)
    }

    /// The root's child elements in document order: [`Node::children`].
    pub fn children(&self) -> Children<'_> {
        self.root().children()
    }

    /// The character data directly in the root: [`Node::text`].
    pub fn text(&self) -> Cow<'_, str> {
        self.root().text()
    }

    /// The whole element as a tree: [`Node::to_element`].
    pub fn to_element(&self) -> Element {
        self.root().to_element()
    }

    /// One word of the index.
    #[inline(always)]
    pub(crate) fn word(&self, at: usize) -> u32 {
        let start = self.index_start as usize + at * 4;
        match self.buffer.get(start..).and_then(|rest| rest.first_chunk()) {
            Some(word) => u32::from_le_bytes(*word),
            None => 0,
        }
    }

    /// How many words the index has.
    pub(crate) fn index_length(&self) -> usize {
        (self.buffer.len() - self.index_start as usize) / 4
    }

    /// The bytes between two places of the index.
    #[inline(always)]
    pub(crate) fn slice(&self, from: u32, to: u32) -> &[u8] {
        if from & index::EXTRA == 0 {
            &self.buffer[from as usize..to as usize]
        } else {
            let extra = &self.buffer[self.xml_length as usize..self.index_start as usize];
            &extra[(from & !index::EXTRA) as usize..(to & !index::EXTRA) as usize]
        }
    }

    /// Whether a name in the element has a prefix that only the stream header declares. RFC 6120 §4.8.5 and §8.4 forbid
    /// that for the content of stanzas, which leave the stream of that header.
    #[must_use]
    pub fn uses_prefix_of_header(&self) -> bool {
        self.has_flag(index::FOREIGN_PREFIX)
    }

    pub(crate) fn inherited(&self) -> &Inherited {
        &self.inherited
    }

    /// Does one of the flags of `index.rs` apply?
    pub(crate) fn has_flag(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }
}

impl fmt::Debug for RawElement {
    /// Name and size alone: the content may be private, or a password. [`as_bytes`](RawElement::as_bytes) has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawElement(<{} xmlns='{}'>, {} bytes)", self.name(), self.namespace(), self.xml_length)
    }
}

/// The namespace of the stream root and of stream-level elements (RFC 6120 §4.8.1).
const STREAMS_NS: &str = "http://etherx.jabber.org/streams";
