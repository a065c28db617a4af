//! The index into an element: what it consists of, in 32-bit words.
//!
//! The words stand in document order, which makes a subtree one run of words. An element has [`ELEMENT_WORDS`], then come
//! its attributes in order, [`ATTRIBUTE_WORDS`] each ([`DECLARATION_WORDS`] if it declares a namespace), then its children.
//! Text has no words: it is what lies between the children. `<a/>` costs 20 bytes of index for its 4; nothing costs more
//! in relation (the open tag `<a>` is followed by at least the four bytes of its end tag).
//!
//! Places in the XML count from the element's `<`. A namespace is named by the word at which its declaration stands, or by
//! its number among the declarations of the stream root ([`INHERITED`]), or is [`NO_NAMESPACE`] or [`XML`].

use std::sync::Arc;

/// `<` of the start tag.
pub(crate) const START: usize = 0;
/// Length of the name ([`NAME_LENGTH`]), [`PREFIXED`], [`DECLARES`], number of attributes ([`COUNT_SHIFT`]).
pub(crate) const HEAD: usize = 1;
/// After the `>` of the end tag.
pub(crate) const END: usize = 2;
/// The word after the subtree.
pub(crate) const NEXT: usize = 3;
/// The namespace.
pub(crate) const NAMESPACE: usize = 4;
pub(crate) const ELEMENT_WORDS: usize = 5;

/// First byte of an attribute's name.
pub(crate) const NAME_START: usize = 0;
/// Length of the name ([`NAME_LENGTH`]), [`PREFIXED`], [`DECLARES`], [`ENCODED`].
pub(crate) const ATTRIBUTE_HEAD: usize = 1;
/// First byte of the value, after the quote. Of a declaration: of the namespace name ([`EXTRA`]).
pub(crate) const VALUE_START: usize = 2;
/// The quote after the value. Of a declaration: after the namespace name ([`EXTRA`]).
pub(crate) const VALUE_END: usize = 3;
pub(crate) const ATTRIBUTE_WORDS: usize = 4;
/// The declaration that came before, on this element or one that contains it, or [`NO_DECLARATION`].
pub(crate) const PREVIOUS: usize = 4;
pub(crate) const DECLARATION_WORDS: usize = 5;

pub(crate) const NAME_LENGTH: u32 = 0xfff;
/// The name has a prefix.
pub(crate) const PREFIXED: u32 = 1 << 12;
/// The attribute is a namespace declaration; the element has at least one.
pub(crate) const DECLARES: u32 = 1 << 13;
/// The value is not what stands there: it has references, or whitespace to be normalised.
pub(crate) const ENCODED: u32 = 1 << 14;
/// Of an element: the number of attributes stands above this bit.
pub(crate) const COUNT_SHIFT: u32 = 14;

/// In places: counted from the end of the XML, where decoded namespace names stand.
pub(crate) const EXTRA: u32 = 1 << 31;
/// In namespaces: a declaration of the stream root.
pub(crate) const INHERITED: u32 = 1 << 31;
pub(crate) const NO_NAMESPACE: u32 = u32::MAX;
/// The namespace of the prefix `xml`.
pub(crate) const XML: u32 = u32::MAX - 1;
pub(crate) const NO_DECLARATION: u32 = u32::MAX;

/// The namespace name of `xml:lang` and its like (Namespaces in XML §3).
pub(crate) const XML_NS: &str = "http://www.w3.org/XML/1998/namespace";
/// The namespace name of declarations, which nothing else may use (Namespaces in XML §3).
pub(crate) const XMLNS_NS: &str = "http://www.w3.org/2000/xmlns/";

/// Something odd stands in the element: written elsewhere, it is written anew (raw carriage returns, tabs or newlines in
/// attribute values, CDATA, a declaration of the prefix `xml`).
pub(crate) const ODD: u32 = 1;
/// A prefix is used that the stream root declares.
pub(crate) const FOREIGN_PREFIX: u32 = 2;
/// A start tag alone: the stream header.
pub(crate) const HEADER: u32 = 4;

/// What the stream root declares, for the elements below it.
#[derive(Debug)]
pub(crate) struct Inherited {
    /// Prefix (empty: default) and namespace name, neither for `xml` nor for an empty default.
    bindings: Box<[(Box<str>, Box<str>)]>,
    default_namespace: u32,
    prefixes: u32,
}

impl Inherited {
    pub(crate) fn new<'a>(bindings: impl Iterator<Item = (&'a str, &'a str)>) -> Arc<Inherited> {
        let bindings: Box<[(Box<str>, Box<str>)]> = bindings
            .filter(|(prefix, name)| *prefix != "xml" && !name.is_empty())
            .map(|(prefix, name)| (prefix.into(), name.into()))
            .collect();
        let mut inherited = Inherited { bindings, default_namespace: NO_NAMESPACE, prefixes: 0 };
        inherited.default_namespace = inherited.find(b"").unwrap_or(NO_NAMESPACE);
        inherited.prefixes = inherited.prefix_names().filter(|name| !name.is_empty()).count() as u32;
        Arc::new(inherited)
    }

    /// How many prefixes, the default namespace not counted.
    pub(crate) fn prefixes(&self) -> u32 {
        self.prefixes
    }

    pub(crate) fn default_namespace(&self) -> u32 {
        self.default_namespace
    }

    /// What binds a prefix (empty: the default namespace).
    pub(crate) fn find(&self, prefix: &[u8]) -> Option<u32> {
        let place = self.bindings.iter().position(|(bound, _)| bound.as_bytes() == prefix)?;
        Some(INHERITED | place as u32)
    }

    pub(crate) fn prefix_names(&self) -> impl Iterator<Item = &str> {
        self.bindings.iter().map(|(prefix, _)| &**prefix)
    }

    /// Prefix and namespace name of a declaration that [`find`](Self::find) has named.
    pub(crate) fn binding(&self, id: u32) -> (&str, &str) {
        match self.bindings.get((id & !INHERITED) as usize) {
            Some((prefix, name)) => (prefix, name),
            None => ("", ""),
        }
    }
}
