//! Writing an element anew from its index, where its bytes can't be copied.
//!
//! Prefixes and declarations stay where they are, so the output is never much longer than the input: spelling namespaces
//! out at each element would let a few bytes of input become thousands. Three things differ from the source. Prefixes of
//! the stream root that are used are declared at the element's root. Values and text are escaped anew. And a root in the
//! content namespace loses its prefix (RFC 6120 §4.8.5), which takes the default namespace away from elements within that
//! had it from outside: those get a new prefix, declared at the root.

use std::ops::Range;

use crate::index::{
    ATTRIBUTE_WORDS, COUNT_SHIFT, DECLARATION_WORDS, DECLARES, ELEMENT_WORDS, HEAD, INHERITED, NAMESPACE,
    NO_DECLARATION, PREFIXED,
};
use crate::namespaces::prefix;
use crate::node::{Children, Node, Piece, Record};
use crate::rewrite::{Rewrite, write_attribute};
use crate::{RawElement, decode, escape};

pub(crate) fn write(raw: &RawElement, out: &mut Vec<u8>, rewrite: &Rewrite<'_>) {
    let root = raw.root();
    let moves = rewrite.moves(root.namespace_bytes());
    let own = root.records().find(|r| r.head & (DECLARES | PREFIXED) == DECLARES).map(|r| r.at);
    let outer = own.unwrap_or_else(|| raw.inherited().default_namespace());
    let unprefixed = (moves && root.prefix().is_some()).then(|| Unprefixed::new(raw, root.word(NAMESPACE)));
    Writer { raw, out, rewrite, moves, outer, unprefixed }.root(root);
}

struct Writer<'r, 'o> {
    raw: &'r RawElement,
    out: &'o mut Vec<u8>,
    rewrite: &'r Rewrite<'r>,
    /// The root is written in the content namespace.
    moves: bool,
    /// The default namespace at the root, in the source.
    outer: u32,
    /// If the root loses its prefix.
    unprefixed: Option<Unprefixed>,
}

/// What becomes of prefixes if the root loses its own.
struct Unprefixed {
    /// The namespace of the root, whose elements lose their prefix with it.
    namespace: u32,
    /// A new prefix for the default namespace around the root, whose place the content namespace takes.
    outer: String,
    /// A new prefix for the content namespace, where another default namespace is declared.
    content: String,
}

impl<'r> Writer<'r, '_> {
    fn root(&mut self, root: Node<'r>) {
        let content = self.rewrite.content_namespace.as_bytes();
        let outer_name = self.raw.namespace_name(self.outer);
        let mut default = content;
        let name = if let Some(unprefixed) = &self.unprefixed {
            let declared = format!("xmlns:{}", unprefixed.outer);
            let name = self.open(root.local_name());
            if !outer_name.is_empty() && self.uses_outer() {
                self.declare(&declared, outer_name);
            }
            name
        } else {
            let name = self.open(root.qualified_name());
            if !(self.moves && root.word(NAMESPACE) == self.outer) && outer_name != content {
                default = outer_name;
                self.declare("xmlns", outer_name);
            }
            name
        };
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
        self.content(root, name, default);
    }

    /// An element below the root, where `default` is the default namespace.
    fn element(&mut self, node: Node<'r>, mut default: &'r [u8]) {
        let content = self.rewrite.content_namespace.as_bytes();
        let namespace = node.word(NAMESPACE);
        let own_default = self.own_default(node);
        let name = match &self.unprefixed {
            // The element's own declaration counts for its name already.
            Some(unprefixed) if namespace == unprefixed.namespace && own_default.unwrap_or(default) == content => {
                self.open(node.local_name())
            }
            Some(unprefixed) if namespace == unprefixed.namespace => {
                let declared = format!("xmlns:{}", unprefixed.content);
                let name = self.open(&with_prefix(&unprefixed.content, node.local_name()));
                self.declare(&declared, content);
                name
            }
            Some(unprefixed) if namespace == self.outer && node.word(HEAD) & PREFIXED == 0 => {
                let outer = self.raw.namespace_name(namespace);
                if outer == default {
                    self.open(node.local_name())
                } else if outer.is_empty() {
                    // No prefix can stand for no namespace.
                    default = outer;
                    let name = self.open(node.local_name());
                    self.declare("xmlns", outer);
                    name
                } else {
                    self.open(&with_prefix(&unprefixed.outer, node.local_name()))
                }
            }
            Some(_) | None => self.open(node.qualified_name()),
        };
        node.records().for_each(|record| self.attribute(record));
        self.content(node, name, own_default.unwrap_or(default));
    }

    /// Begins a start tag; gives the place of the name in the output.
    fn open(&mut self, name: &[u8]) -> Range<usize> {
        self.out.push(b'<');
        let start = self.out.len();
        self.out.extend_from_slice(name);
        start..self.out.len()
    }

    /// The end of the start tag, the content, the end tag.
    fn content(&mut self, node: Node<'r>, name: Range<usize>, default: &'r [u8]) {
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
        self.out.extend_from_within(name);
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
            let loses_it = self.unprefixed.as_ref().is_some_and(|unprefixed| unprefixed.namespace == namespace);
            if !loses_it && node.word(HEAD) & PREFIXED != 0 {
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

impl Unprefixed {
    /// New prefixes are `ns` and a number above all that the element and the stream root use.
    fn new(raw: &RawElement, namespace: u32) -> Unprefixed {
        let number = |prefix: &[u8]| -> u32 {
            let digits = prefix.strip_prefix(b"ns").filter(|digits| digits.len() < 9);
            digits.and_then(|digits| decode::str(digits).parse().ok()).unwrap_or(0)
        };
        let mut highest = raw.inherited().prefix_names().map(|name| number(name.as_bytes())).max().unwrap_or(0);
        for at in elements(raw) {
            let node = Node::new(raw, at as u32, NO_DECLARATION);
            for (prefix, _) in node.declarations() {
                highest = highest.max(number(prefix.as_bytes()));
            }
        }
        Unprefixed { namespace, outer: format!("ns{}", highest + 1), content: format!("ns{}", highest + 2) }
    }
}

fn with_prefix(prefix: &str, local_name: &[u8]) -> Vec<u8> {
    [prefix.as_bytes(), b":", local_name].concat()
}
