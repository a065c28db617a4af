//! A look at one element within a [`RawElement`].

use std::borrow::Cow;
use std::sync::Arc;

use crate::index::{
    ATTRIBUTE_HEAD, ATTRIBUTE_WORDS, COUNT_SHIFT, DECLARATION_WORDS, DECLARES, ELEMENT_WORDS, ENCODED, END, HEAD,
    HEADER, INHERITED, NAME_LENGTH, NAME_START, NAMESPACE, NEXT, NO_DECLARATION, NO_NAMESPACE, PREFIXED, PREVIOUS,
    START, VALUE_END, VALUE_START, XML, XML_NS,
};
use crate::namespaces::{declared_prefix, prefix};
use crate::{Content, Element, RawElement, decode};

/// One element within a [`RawElement`].
#[derive(Clone, Copy, Debug)]
pub struct Node<'a> {
    raw: &'a RawElement,
    /// The word at which its record stands.
    at: u32,
    /// The newest declaration that its parent can see.
    outside: u32,
}

impl<'a> Node<'a> {
    pub(crate) fn new(raw: &'a RawElement, at: u32, outside: u32) -> Node<'a> {
        Node { raw, at, outside }
    }

    /// The local name.
    pub fn name(&self) -> &'a str {
        decode::str(self.local_name())
    }

    /// The prefix, if the name has one.
    pub fn prefix(&self) -> Option<&'a str> {
        let name = self.qualified_name();
        (self.word(HEAD) & PREFIXED != 0).then(|| decode::str(prefix(name)))
    }

    /// The namespace name; empty if none.
    pub fn namespace(&self) -> &'a str {
        decode::str(self.namespace_bytes())
    }

    /// Has it this local name and namespace?
    pub fn is(&self, name: &str, namespace: &str) -> bool {
        self.local_name() == name.as_bytes() && self.namespace_bytes() == namespace.as_bytes()
    }

    /// Value of the attribute of this name without namespace, references resolved and whitespace normalised.
    pub fn attribute(&self, name: &str) -> Option<Cow<'a, str>> {
        self.records()
            .find(|record| record.head & (PREFIXED | DECLARES) == 0 && record.name(self.raw) == name.as_bytes())
            .map(|record| record.value(self.raw))
    }

    /// Value of the attribute of this local name in this namespace. An attribute without prefix is in none, so an empty
    /// `namespace` makes this [`attribute`](Self::attribute).
    pub fn attribute_ns(&self, name: &str, namespace: &str) -> Option<Cow<'a, str>> {
        if namespace.is_empty() {
            return self.attribute(name);
        }
        self.records()
            .filter(|record| record.head & (PREFIXED | DECLARES) == PREFIXED)
            .find(|record| {
                let full = record.name(self.raw);
                let prefix = prefix(full);
                &full[prefix.len() + 1..] == name.as_bytes() && self.prefix_namespace(prefix) == namespace.as_bytes()
            })
            .map(|record| record.value(self.raw))
    }

    /// `xml:lang` of this very element; what it inherits is the caller's to know.
    pub fn lang(&self) -> Option<Cow<'a, str>> {
        self.records()
            .find(|record| record.head & PREFIXED != 0 && record.name(self.raw) == b"xml:lang")
            .map(|record| record.value(self.raw))
    }

    /// All attributes but namespace declarations, in document order.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes { node: *self, records: self.records() }
    }

    /// The namespace declarations of this very element in document order: prefix (empty: the default namespace) and namespace
    /// name (empty: the default namespace is taken away).
    pub fn declarations(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let raw = self.raw;
        self.records()
            .filter(|record| record.head & DECLARES != 0)
            .map(|record| (decode::str(record.declared_prefix(raw)), decode::str(record.raw_value(raw))))
    }

    /// The child elements in document order. Each step costs the same, however much stands in the child.
    pub fn children(&self) -> Children<'a> {
        Children { raw: self.raw, at: self.records().end(), end: self.word(NEXT), outside: self.scope() }
    }

    /// The first child of this name and namespace.
    pub fn child(&self, name: &str, namespace: &str) -> Option<Node<'a>> {
        self.children().find(|child| child.is(name, namespace))
    }

    /// The character data directly in this element, concatenated, references resolved.
    pub fn text(&self) -> Cow<'a, str> {
        let mut runs = self.text_runs().filter(|run| !run.is_empty());
        let Some(first) = runs.next() else { return Cow::Borrowed("") };
        let second = runs.next();
        if second.is_none() && decode::is_plain(first) {
            return Cow::Borrowed(decode::str(first));
        }
        let mut out = Vec::with_capacity(first.len());
        decode::text_into(first, &mut out);
        for run in second.into_iter().chain(runs) {
            decode::text_into(run, &mut out);
        }
        Cow::Owned(decode::string(out))
    }

    /// Is there character data other than whitespace directly in this element?
    pub fn has_text(&self) -> bool {
        self.text_runs().any(|run| {
            if decode::is_plain(run) {
                return run.iter().any(|b| !matches!(b, b' ' | b'\t' | b'\n'));
            }
            let mut out = Vec::new();
            decode::text_into(run, &mut out);
            out.iter().any(|b| !matches!(b, b' ' | b'\t' | b'\n' | b'\r'))
        })
    }

    /// This element and all within as a tree.
    pub fn to_element(&self) -> Element {
        let mut open = Vec::new();
        let (mut element, mut pieces) = (self.to_childless(None), self.pieces());
        loop {
            match pieces.next() {
                Some(Piece::Text(run)) => {
                    let mut out = Vec::new();
                    decode::text_into(run, &mut out);
                    element.push_text(&decode::string(out));
                }
                Some(Piece::Child(child)) => {
                    let next = child.to_childless(Some(&element));
                    open.push((std::mem::replace(&mut element, next), std::mem::replace(&mut pieces, child.pieces())));
                }
                None => {
                    let Some((parent, rest)) = open.pop() else { return element };
                    let child = std::mem::replace(&mut element, parent);
                    pieces = rest;
                    element.push_content(Content::Element(child));
                }
            }
        }
    }

    /// The namespace bound to a prefix here (empty: the default namespace), if any.
    pub fn resolve_prefix(&self, prefix: &str) -> Option<&'a str> {
        match self.resolve(prefix.as_bytes())? {
            NO_NAMESPACE => None,
            id => Some(decode::str(self.raw.namespace_name(id))).filter(|name| !name.is_empty()),
        }
    }

    fn to_childless(self, parent: Option<&Element>) -> Element {
        let namespace = match parent {
            Some(parent) if parent.namespace() == self.namespace() => Arc::clone(parent.shared_namespace()),
            Some(_) | None => self.namespace().into(),
        };
        let mut element = Element::from_index(self.name(), namespace);
        for attribute in self.attributes() {
            element.push_attribute(attribute.name, attribute.namespace, attribute.value.into_owned());
        }
        element
    }

    #[inline(always)]
    pub(crate) fn word(&self, word: usize) -> u32 {
        self.raw.word(self.at as usize + word)
    }

    /// Prefix and local name.
    pub(crate) fn qualified_name(&self) -> &'a [u8] {
        let start = self.word(START) + 1;
        self.raw.slice(start, start + (self.word(HEAD) & NAME_LENGTH))
    }

    pub(crate) fn local_name(&self) -> &'a [u8] {
        let name = self.qualified_name();
        if self.word(HEAD) & PREFIXED == 0 { name } else { &name[prefix(name).len() + 1..] }
    }

    pub(crate) fn namespace_bytes(&self) -> &'a [u8] {
        self.raw.namespace_name(self.word(NAMESPACE))
    }

    /// The newest declaration in scope.
    pub(crate) fn scope(&self) -> u32 {
        if self.word(HEAD) & DECLARES == 0 {
            return self.outside;
        }
        self.records().filter(|record| record.head & DECLARES != 0).last().map_or(self.outside, |record| record.at)
    }

    /// What declares a prefix here.
    pub(crate) fn resolve(&self, prefix: &[u8]) -> Option<u32> {
        if prefix == b"xml" {
            return Some(XML);
        }
        let mut at = self.scope();
        while at != NO_DECLARATION {
            let declaration = Record::read(self.raw, at);
            if declaration.declared_prefix(self.raw) == prefix {
                return Some(at);
            }
            at = self.raw.word(at as usize + PREVIOUS);
        }
        self.raw.inherited().find(prefix)
    }

    fn prefix_namespace(&self, prefix: &[u8]) -> &'a [u8] {
        self.resolve(prefix).map_or(b"", |id| self.raw.namespace_name(id))
    }

    /// The attributes, namespace declarations included.
    pub(crate) fn records(&self) -> Records<'a> {
        Records { raw: self.raw, at: self.at + ELEMENT_WORDS as u32, left: self.word(HEAD) >> COUNT_SHIFT }
    }

    /// After the `>` of the start tag; and whether it is an empty-element tag.
    pub(crate) fn start_tag_end(&self) -> (u32, bool) {
        let start = self.word(START);
        let after = self
            .records()
            .last()
            .map_or(start + 1 + (self.word(HEAD) & NAME_LENGTH), |record| record.raw_end(self.raw) + 1);
        let xml = self.raw.as_bytes();
        let close = after as usize + xml[after as usize..].iter().position(|b| *b == b'>').unwrap_or(0);
        (close as u32 + 1, xml[close - 1] == b'/')
    }

    /// Where the content begins and ends.
    pub(crate) fn content_range(&self) -> (u32, u32) {
        let (start, empty) = self.start_tag_end();
        if empty || self.raw.has_flag(HEADER) {
            return (start, start);
        }
        let end = memchr::memrchr(b'<', &self.raw.as_bytes()[..self.word(END) as usize]).unwrap_or(0);
        (start, end as u32)
    }

    /// Character data and child elements in document order.
    pub(crate) fn pieces(&self) -> Pieces<'a> {
        let (at, end) = self.content_range();
        let mut children = self.children();
        Pieces { raw: self.raw, at, end, child: children.next(), children }
    }

    fn text_runs(&self) -> impl Iterator<Item = &'a [u8]> {
        self.pieces().filter_map(|piece| match piece {
            Piece::Text(run) => Some(run),
            Piece::Child(_) => None,
        })
    }
}

/// Child elements in document order.
#[derive(Clone, Debug)]
pub struct Children<'a> {
    raw: &'a RawElement,
    at: u32,
    end: u32,
    outside: u32,
}

impl<'a> Iterator for Children<'a> {
    type Item = Node<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.end {
            return None;
        }
        let node = Node { raw: self.raw, at: self.at, outside: self.outside };
        self.at = node.word(NEXT);
        Some(node)
    }
}

/// Attributes in document order, without namespace declarations.
#[derive(Clone, Debug)]
pub struct Attributes<'a> {
    node: Node<'a>,
    records: Records<'a>,
}

/// An attribute of a [`Node`].
#[derive(Clone, Debug)]
pub struct RawAttribute<'a> {
    /// The local name.
    pub name: &'a str,
    /// The namespace name; empty if none.
    pub namespace: &'a str,
    /// The value, references resolved and whitespace normalised.
    pub value: Cow<'a, str>,
}

impl<'a> Iterator for Attributes<'a> {
    type Item = RawAttribute<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let raw = self.node.raw;
        let record = self.records.find(|record| record.head & DECLARES == 0)?;
        let name = record.name(raw);
        let value = record.value(raw);
        if record.head & PREFIXED == 0 {
            return Some(RawAttribute { name: decode::str(name), namespace: "", value });
        }
        let prefix = prefix(name);
        let namespace = decode::str(self.node.prefix_namespace(prefix));
        Some(RawAttribute { name: decode::str(&name[prefix.len() + 1..]), namespace, value })
    }
}

/// The index of one attribute.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    pub(crate) at: u32,
    pub(crate) head: u32,
}

impl Record {
    pub(crate) fn read(raw: &RawElement, at: u32) -> Record {
        Record { at, head: raw.word(at as usize + ATTRIBUTE_HEAD) }
    }

    pub(crate) fn name_start(self, raw: &RawElement) -> u32 {
        raw.word(self.at as usize + NAME_START)
    }

    pub(crate) fn name(self, raw: &RawElement) -> &[u8] {
        let start = self.name_start(raw);
        raw.slice(start, start + (self.head & NAME_LENGTH))
    }

    /// The prefix that it declares; empty for the default namespace.
    pub(crate) fn declared_prefix(self, raw: &RawElement) -> &[u8] {
        declared_prefix(self.name(raw), self.head)
    }

    /// What stands between the quotes; of a declaration, the namespace name.
    pub(crate) fn raw_value(self, raw: &RawElement) -> &[u8] {
        raw.slice(raw.word(self.at as usize + VALUE_START), raw.word(self.at as usize + VALUE_END))
    }

    pub(crate) fn value(self, raw: &RawElement) -> Cow<'_, str> {
        let value = self.raw_value(raw);
        if self.head & ENCODED == 0 || self.head & DECLARES != 0 {
            Cow::Borrowed(decode::str(value))
        } else {
            decode::value(value)
        }
    }

    /// The place of the quote that ends the value in the XML.
    pub(crate) fn raw_end(self, raw: &RawElement) -> u32 {
        if self.head & DECLARES == 0 || self.head & ENCODED == 0 {
            return raw.word(self.at as usize + VALUE_END);
        }
        // A declaration whose value stands decoded elsewhere: look for its quotes.
        let after_name = self.name_start(raw) + (self.head & NAME_LENGTH);
        let rest = &raw.as_bytes()[after_name as usize..];
        let open = rest.iter().position(|b| matches!(b, b'"' | b'\'')).unwrap_or(0);
        let length = rest[open + 1..].iter().position(|b| *b == rest[open]).unwrap_or(0);
        after_name + (open + 1 + length) as u32
    }
}

/// The attributes of an element, namespace declarations included.
#[derive(Clone, Debug)]
pub(crate) struct Records<'a> {
    raw: &'a RawElement,
    at: u32,
    left: u32,
}

impl Records<'_> {
    /// The word after the last of them.
    fn end(mut self) -> u32 {
        while self.next().is_some() {}
        self.at
    }
}

impl Iterator for Records<'_> {
    type Item = Record;

    #[inline]
    fn next(&mut self) -> Option<Record> {
        self.left = self.left.checked_sub(1)?;
        let record = Record::read(self.raw, self.at);
        self.at += if record.head & DECLARES == 0 { ATTRIBUTE_WORDS } else { DECLARATION_WORDS } as u32;
        Some(record)
    }
}

/// What an element contains.
pub(crate) enum Piece<'a> {
    /// Character data as it stands, CDATA sections included; may be empty.
    Text(&'a [u8]),
    Child(Node<'a>),
}

pub(crate) struct Pieces<'a> {
    raw: &'a RawElement,
    at: u32,
    end: u32,
    child: Option<Node<'a>>,
    children: Children<'a>,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let text_end = self.child.map_or(self.end, |child| child.word(START));
        if self.at < text_end {
            let run = self.raw.slice(self.at, text_end);
            self.at = text_end;
            return Some(Piece::Text(run));
        }
        let child = self.child.take()?;
        self.at = child.word(END);
        self.child = self.children.next();
        Some(Piece::Child(child))
    }
}

impl RawElement {
    /// The namespace name of a declaration.
    pub(crate) fn namespace_name(&self, id: u32) -> &[u8] {
        match id {
            NO_NAMESPACE => b"",
            XML => XML_NS.as_bytes(),
            id if id & INHERITED != 0 => self.inherited().binding(id).1.as_bytes(),
            id => Record::read(self, id).raw_value(self),
        }
    }
}
