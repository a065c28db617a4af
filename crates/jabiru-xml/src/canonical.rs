//! Writing an element anew from its index, where its bytes can't be copied.
//!
//! Prefixes and declarations stay where they are, so the output is never much longer than the input: spelling namespaces
//! out at each element would let a few bytes of input become thousands. Three things differ from the source. Prefixes of
//! the stream root that are used are declared at the element's root. Values and text are escaped anew. And a root in the
//! content namespace loses its prefix (RFC 6120 §4.8.5), which takes the default namespace away from elements within that
//! had it from outside: those get a new prefix, declared at the root.

use crate::index::{
    ATTRIBUTE_WORDS, COUNT_SHIFT, DECLARATION_WORDS, DECLARES, ELEMENT_WORDS, HEAD, INHERITED, NAMESPACE, NO_NAMESPACE,
    PREFIXED,
};
use crate::namespaces::prefix;
use crate::node::{Children, Node, Piece, Record};
use crate::rewrite::{Rewrite, write_attribute};
use crate::{RawElement, decode, escape};

pub(crate) fn write(raw: &RawElement, out: &mut Vec<u8>, rewrite: &Rewrite<'_>) {
    let root = raw.root();
    let moves = rewrite.moves(root.namespace_bytes());
    let outer = root.records().find(|r| r.head & (DECLARES | PREFIXED) == DECLARES).map(|r| r.at);
    let outer = outer.unwrap_or_else(|| raw.inherited().default_namespace());
    let unprefixes = moves && root.prefix().is_some();
    let numbers = if unprefixes { Some(new_prefixes(raw)) } else { None };
    let mut writer = Writer { raw, out, rewrite, moves, outer, unprefixed: None, new: Default::default() };
    if let Some((for_outer, for_content)) = numbers {
        writer.unprefixed = Some(root.word(NAMESPACE));
        writer.new = (for_outer, for_content);
    }
    writer.root(root);
}

struct Writer<'r, 'o> {
    raw: &'r RawElement,
    out: &'o mut Vec<u8>,
    rewrite: &'r Rewrite<'r>,
    /// The root is written in the content namespace.
    moves: bool,
    /// The default namespace at the root, in the source.
    outer: u32,
    /// The namespace whose elements lose their prefix.
    unprefixed: Option<u32>,
    /// Prefixes that the source does not use: for `outer`, and for the content namespace.
    new: (String, String),
}

impl<'r> Writer<'r, '_> {
    fn root(&mut self, root: Node<'r>) {
        let content = self.rewrite.content_namespace.as_bytes();
        let outer_name = self.raw.namespace_name(self.outer);
        let mut default = content;
        self.out.push(b'<');
        if self.unprefixed.is_some() {
            self.out.extend_from_slice(root.local_name());
            if self.outer != NO_NAMESPACE && !outer_name.is_empty() && self.uses_outer() {
                let name = format!("xmlns:{}", self.new.0);
                self.declare(&name, outer_name);
            }
        } else {
            self.out.extend_from_slice(root.qualified_name());
            if !(self.moves && root.word(NAMESPACE) == self.outer) && outer_name != content {
                default = outer_name;
                self.declare("xmlns", outer_name);
            }
        }
        for id in self.foreign_prefixes(root) {
            let (prefix, name) = self.raw.inherited().binding(id);
            self.declare(&format!("xmlns:{prefix}"), name.as_bytes());
        }
        for record in root.records() {
            // The default namespace has been seen to above.
            if record.head & (DECLARES | PREFIXED) != DECLARES && !self.rewrite.replaces(self.raw, record) {
                self.attribute(record);
            }
        }
        self.rewrite.write_attributes(self.raw, self.out);
        let name = if self.unprefixed.is_some() { root.local_name() } else { root.qualified_name() };
        self.content(root, name, default);
    }

    /// An element below the root, where `default` is the default namespace.
    fn element(&mut self, node: Node<'r>, mut default: &'r [u8]) {
        let content = self.rewrite.content_namespace.as_bytes();
        let namespace = node.word(NAMESPACE);
        let start = self.out.len() + 1;
        self.out.push(b'<');
        if self.unprefixed == Some(namespace) {
            // An own default declaration changes the default before this element's name is read.
            let own = self.own_default(node).unwrap_or(default);
            if own != content {
                self.out.extend_from_slice(self.new.1.as_bytes());
                self.out.push(b':');
            }
            self.out.extend_from_slice(node.local_name());
            if own != content {
                let name = format!("xmlns:{}", self.new.1);
                self.declare(&name, content);
            }
        } else if self.unprefixed.is_some() && namespace == self.outer && node.word(HEAD) & PREFIXED == 0 {
            let name = self.raw.namespace_name(namespace);
            if name != default && !name.is_empty() {
                self.out.extend_from_slice(self.new.0.as_bytes());
                self.out.push(b':');
            }
            self.out.extend_from_slice(node.local_name());
            if name != default && name.is_empty() {
                default = b"";
                self.declare("xmlns", b"");
            }
        } else {
            self.out.extend_from_slice(node.qualified_name());
        }
        let name_length = self.out[start..].iter().position(|b| *b == b' ').unwrap_or(self.out.len() - start);
        for record in node.records() {
            self.attribute(record);
        }
        if let Some(own) = self.own_default(node) {
            default = own;
        }
        let name = self.out[start..start + name_length].to_vec();
        self.content(node, &name, default);
    }

    /// The end of the start tag, the content, the end tag.
    fn content(&mut self, node: Node<'r>, name: &[u8], default: &'r [u8]) {
        let (start, end) = node.content_range();
        if start == end {
            self.out.extend_from_slice(b"/>");
            return;
        }
        self.out.push(b'>');
        for piece in node.pieces() {
            match piece {
                Piece::Child(child) => self.element(child, default),
                Piece::Text(run) => {
                    let mut text = Vec::new();
                    decode::text_into(run, &mut text);
                    escape::text(self.out, decode::str(&text));
                }
            }
        }
        self.out.extend_from_slice(b"</");
        self.out.extend_from_slice(name);
        self.out.push(b'>');
    }

    fn attribute(&mut self, record: Record) {
        let name = record.name(self.raw);
        if name == b"xmlns:xml" {
            return;
        }
        self.out.push(b' ');
        write_attribute(self.out, decode::str(name), &record.value(self.raw));
    }

    fn declare(&mut self, name: &str, namespace: &[u8]) {
        self.out.push(b' ');
        write_attribute(self.out, name, decode::str(namespace));
    }

    /// The default namespace that an element itself declares.
    fn own_default(&self, node: Node<'r>) -> Option<&'r [u8]> {
        let record = node.records().find(|r| r.head & (DECLARES | PREFIXED) == DECLARES)?;
        Some(record.raw_value(self.raw))
    }

    /// Is there an element without prefix in the namespace that is the default around the root?
    fn uses_outer(&self) -> bool {
        elements(self.raw)
            .any(|at| self.raw.word(at + NAMESPACE) == self.outer && self.raw.word(at + HEAD) & PREFIXED == 0)
    }

    /// Declarations of the stream root whose prefix must be declared here, each once.
    fn foreign_prefixes(&self, root: Node<'r>) -> Vec<u32> {
        let mut found = Vec::new();
        let mut note = |id: u32| {
            if id & INHERITED != 0 && !self.raw.inherited().binding(id).0.is_empty() && !found.contains(&id) {
                found.push(id);
            }
        };
        let mut open: Vec<Children<'_>> = Vec::new();
        let mut next = Some(root);
        while let Some(node) = next {
            let namespace = node.word(NAMESPACE);
            if self.unprefixed != Some(namespace) && node.word(HEAD) & PREFIXED != 0 {
                note(namespace);
            }
            for record in node.records().filter(|r| r.head & (PREFIXED | DECLARES) == PREFIXED) {
                if let Some(id) = node.resolve(prefix(record.name(self.raw))) {
                    note(id);
                }
            }
            open.push(node.children());
            next = loop {
                let Some(children) = open.last_mut() else { break None };
                match children.next() {
                    Some(child) => break Some(child),
                    None => open.pop(),
                };
            };
        }
        found
    }
}

/// The words at which elements stand, in document order.
fn elements(raw: &RawElement) -> impl Iterator<Item = usize> {
    let mut at = 0;
    std::iter::from_fn(move || {
        if at >= raw.index_length() {
            return None;
        }
        let here = at;
        at += ELEMENT_WORDS;
        for _ in 0..raw.word(here + HEAD) >> COUNT_SHIFT {
            let head = Record::read(raw, at as u32).head;
            at += if head & DECLARES == 0 { ATTRIBUTE_WORDS } else { DECLARATION_WORDS };
        }
        Some(here)
    })
}

/// Two prefixes that are declared neither in the element nor on the stream root: `ns` and a number above all others.
fn new_prefixes(raw: &RawElement) -> (String, String) {
    let number = |prefix: &[u8]| -> u32 {
        let digits = prefix.strip_prefix(b"ns").filter(|digits| digits.len() < 9);
        digits.and_then(|digits| decode::str(digits).parse().ok()).unwrap_or(0)
    };
    let mut highest = raw.inherited().prefix_names().map(|name| number(name.as_bytes())).max().unwrap_or(0);
    for at in elements(raw) {
        let node = Node::new(raw, at as u32, 0);
        for record in node.records().filter(|r| r.head & DECLARES != 0) {
            highest = highest.max(number(record.declared_prefix(raw)));
        }
    }
    (format!("ns{}", highest + 1), format!("ns{}", highest + 2))
}
