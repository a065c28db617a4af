use std::borrow::Cow;
use crate::{Element, ReadError};
/// One element as it stood on the wire, with an index into it: parsed once, cheap to clone, never a tree.
#[derive(Clone, Debug)]
pub struct RawElement {}
impl RawElement {
    /// Reads one element as if it stood in a stream whose root declares `namespace` as the default and
    /// `stream` as http://etherx.jabber.org/streams. No limits but AUTHENTICATED's. Nothing may follow it.
    pub fn parse(_xml: &str, _namespace: &str) -> Result<RawElement, ReadError> { todo!() }
    pub fn root(&self) -> Node<'_> { todo!() }
    /// The bytes as received (for logs; prefixes may be declared outside).
    pub fn as_bytes(&self) -> &[u8] { todo!() }
    // Shorthands for root():
    pub fn name(&self) -> &str { todo!() }
    pub fn namespace(&self) -> &str { todo!() }
    pub fn is(&self, _name: &str, _namespace: &str) -> bool { todo!() }
    pub fn attribute(&self, _name: &str) -> Option<Cow<'_, str>> { todo!() }
    pub fn child(&self, _name: &str, _namespace: &str) -> Option<Node<'_>> { todo!() }
    pub fn children(&self) -> Children<'_> { todo!() }
    pub fn text(&self) -> Cow<'_, str> { todo!() }
    pub fn to_element(&self) -> Element { todo!() }
    /// Appends the element so that it parses to the same tree (but for `rewrite`) as a first-level element of a
    /// stream whose root declares `rewrite.content_namespace` as default namespace and nothing else of use.
    pub fn write(&self, _out: &mut Vec<u8>, _rewrite: &Rewrite<'_>) { todo!() }
}
/// What changes when an element is written on another stream.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rewrite<'a> {
    /// The content namespace of the stream written to. If the root element is in `jabber:client`, `jabber:server` (a
    /// content namespace) it and its descendants of that same namespace that inherited it move to this one.
    pub content_namespace: &'a str,
    /// Attributes of the root without namespace to set (`Some`) or leave out (`None`).
    pub attributes: &'a [(&'a str, Option<&'a str>)],
    /// `xml:lang` to add if the root has none (RFC 6120 §8.1.5).
    pub lang: Option<&'a str>,
}
/// One element within a [`RawElement`].
#[derive(Clone, Copy, Debug)]
pub struct Node<'a> { _p: std::marker::PhantomData<&'a ()> }
impl<'a> Node<'a> {
    /// The local name.
    pub fn name(&self) -> &'a str { todo!() }
    pub fn prefix(&self) -> Option<&'a str> { todo!() }
    /// The namespace name; empty if none.
    pub fn namespace(&self) -> &'a str { todo!() }
    pub fn is(&self, _name: &str, _namespace: &str) -> bool { todo!() }
    /// Value of the attribute without namespace, references resolved.
    pub fn attribute(&self, _name: &str) -> Option<Cow<'a, str>> { todo!() }
    /// Value of an attribute in a namespace (`xml:lang`: "lang", XML_NS).
    pub fn attribute_ns(&self, _name: &str, _namespace: &str) -> Option<Cow<'a, str>> { todo!() }
    /// xml:lang of this very element.
    pub fn lang(&self) -> Option<Cow<'a, str>> { todo!() }
    /// All attributes but namespace declarations.
    pub fn attributes(&self) -> Attributes<'a> { todo!() }
    pub fn children(&self) -> Children<'a> { todo!() }
    pub fn child(&self, _name: &str, _namespace: &str) -> Option<Node<'a>> { todo!() }
    /// The character data directly in this element, concatenated.
    pub fn text(&self) -> Cow<'a, str> { todo!() }
    /// Is there character data other than whitespace directly in this element?
    pub fn has_text(&self) -> bool { todo!() }
    pub fn to_element(&self) -> Element { todo!() }
    /// The namespace bound to a prefix here ("" = default), if any.
    pub fn resolve_prefix(&self, _prefix: &str) -> Option<&'a str> { todo!() }
}
#[derive(Clone, Debug)]
pub struct RawAttribute<'a> { pub name: &'a str, pub namespace: &'a str, pub value: Cow<'a, str> }
#[derive(Clone, Debug)]
pub struct Attributes<'a> { _p: std::marker::PhantomData<&'a ()> }
impl<'a> Iterator for Attributes<'a> { type Item = RawAttribute<'a>; fn next(&mut self) -> Option<Self::Item> { todo!() } }
/// Child elements in document order.
#[derive(Clone, Debug)]
pub struct Children<'a> { _p: std::marker::PhantomData<&'a ()> }
impl<'a> Iterator for Children<'a> { type Item = Node<'a>; fn next(&mut self) -> Option<Self::Item> { todo!() } }
