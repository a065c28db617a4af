//! An owned tree, for those who make elements or change them.
//!
//! Namespaces are spelled out and prefixes are gone: writing finds its own. What is only routed stays a
//! [`RawElement`].

use std::fmt;
use std::sync::Arc;

use crate::index::{XML_NS, XMLNS_NS};
use crate::limits::{Bounds, MAX_NAME_BYTES};
use crate::rewrite::write_attribute;
use crate::{RawElement, chars, escape};

/// An owned tree.
///
/// ```
/// use jabiru_xml::Element;
///
/// let message = Element::new("message", "jabber:client")
///     .with_attribute("to", "juliet@example.net")
///     .with_child(Element::new("body", "jabber:client").with_text("<3"));
/// let mut out = Vec::new();
/// message.write(&mut out, "jabber:client");
/// assert_eq!(out, b"<message to='juliet@example.net'><body>&lt;3</body></message>");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    name: String,
    /// Shared with the parent where it is the same, so that a long name costs once.
    namespace: Arc<str>,
    attributes: Vec<Attribute>,
    content: Vec<Content>,
}

/// An attribute of an [`Element`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// The local name.
    pub name: String,
    /// The namespace name; empty if none.
    pub namespace: String,
    /// The value, without any escaping.
    pub value: String,
}

/// What an [`Element`] contains, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A child element.
    Element(Element),
    /// Character data, without any escaping. No two of them follow each other, and none is empty.
    Text(String),
}

impl Element {
    /// An empty element. An empty `namespace` means none.
    ///
    /// The name is one without colon (`NCName` of Namespaces in XML). A wrong one is a programming error: a debug build
    /// panics, a release build puts `_` in place of what is wrong, so that nothing can be injected by a name. It is
    /// likewise wrong to put an element into one of the two namespaces that XML keeps to itself (those of `xml:lang` and of
    /// `xmlns`); a release build then puts it into none.
    pub fn new(name: impl Into<String>, namespace: impl Into<String>) -> Element {
        let mut namespace: Arc<str> = namespace.into().into();
        let reserved = matches!(&*namespace, XML_NS | XMLNS_NS);
        debug_assert!(!reserved, "no namespace for an element: {namespace}");
        if reserved {
            namespace = "".into();
        }
        Element { name: checked(name.into()), namespace, attributes: Vec::new(), content: Vec::new() }
    }

    /// For names that the scanner has accepted.
    pub(crate) fn from_index(name: &str, namespace: Arc<str>) -> Element {
        Element { name: name.to_owned(), namespace, attributes: Vec::new(), content: Vec::new() }
    }

    /// The element with this attribute without namespace set. For the name see [`new`](Self::new).
    pub fn with_attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Element {
        self.set(checked(name.into()), "", value.into());
        self
    }

    /// The element with `xml:lang` set.
    pub fn with_lang(mut self, lang: impl Into<String>) -> Element {
        self.set("lang".to_owned(), XML_NS, lang.into());
        self
    }

    /// The element with another child at its end.
    pub fn with_child(mut self, child: Element) -> Element {
        self.push_child(child);
        self
    }

    /// The element with more text at its end.
    pub fn with_text(mut self, text: impl Into<String>) -> Element {
        self.push_text(&text.into());
        self
    }

    /// Sets an attribute without namespace, or removes it (`None`). For the name see [`new`](Self::new).
    pub fn set_attribute(&mut self, name: &str, value: Option<&str>) {
        match value {
            Some(value) => self.set(checked(name.to_owned()), "", value.to_owned()),
            None => self.attributes.retain(|attribute| !(attribute.namespace.is_empty() && attribute.name == name)),
        }
    }

    /// Adds a child at the end.
    pub fn push_child(&mut self, child: Element) {
        self.content.push(Content::Element(child));
    }

    /// Adds text at the end.
    pub fn push_text(&mut self, text: &str) {
        match self.content.last_mut() {
            _ if text.is_empty() => {}
            Some(Content::Text(last)) => last.push_str(text),
            Some(Content::Element(_)) | None => self.content.push(Content::Text(text.to_owned())),
        }
    }

    /// Removes the child elements that `keep` refuses. Text stays.
    pub fn retain_children(&mut self, mut keep: impl FnMut(&Element) -> bool) {
        let content = std::mem::take(&mut self.content);
        for piece in content {
            match piece {
                Content::Text(text) => self.push_text(&text),
                Content::Element(child) if keep(&child) => self.push_child(child),
                Content::Element(_) => {}
            }
        }
    }

    /// The local name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The namespace name; empty if none.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Has it this local name and namespace?
    pub fn is(&self, name: &str, namespace: &str) -> bool {
        self.name == name && *self.namespace == *namespace
    }

    /// Value of the attribute of this name without namespace.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.find(name, "")
    }

    /// Value of `xml:lang`.
    pub fn lang(&self) -> Option<&str> {
        self.find("lang", XML_NS)
    }

    /// All attributes.
    pub fn attributes(&self) -> &[Attribute] {
        &self.attributes
    }

    /// Text and child elements in order.
    pub fn content(&self) -> &[Content] {
        &self.content
    }

    /// The child elements in order.
    pub fn children(&self) -> impl Iterator<Item = &Element> {
        self.content.iter().filter_map(|piece| match piece {
            Content::Element(child) => Some(child),
            Content::Text(_) => None,
        })
    }

    /// The first child of this name and namespace.
    pub fn child(&self, name: &str, namespace: &str) -> Option<&Element> {
        self.children().find(|child| child.is(name, namespace))
    }

    /// The text directly in this element, concatenated.
    pub fn text(&self) -> String {
        let texts = self.content.iter().filter_map(|piece| match piece {
            Content::Text(text) => Some(text.as_str()),
            Content::Element(_) => None,
        });
        texts.collect()
    }

    /// Appends the element as it must stand where `default_namespace` is the default namespace (empty: none) and no prefix
    /// is declared.
    ///
    /// Characters that XML 1.0 can't carry are written as U+FFFD.
    pub fn write(&self, out: &mut Vec<u8>, default_namespace: &str) {
        let name_start = out.len() + 1;
        out.push(b'<');
        let mut default = default_namespace;
        out.extend_from_slice(self.name.as_bytes());
        let name_end = out.len();
        if *self.namespace != *default_namespace {
            default = &self.namespace;
            out.push(b' ');
            write_attribute(out, "xmlns", default);
        }
        for (place, attribute) in self.attributes.iter().enumerate() {
            self.write_attribute(out, place, attribute);
        }
        if self.content.is_empty() {
            out.extend_from_slice(b"/>");
            return;
        }
        out.push(b'>');
        for piece in &self.content {
            match piece {
                Content::Text(text) => escape::text(out, text),
                Content::Element(child) => child.write(out, default),
            }
        }
        out.extend_from_slice(b"</");
        out.extend_from_within(name_start..name_end);
        out.push(b'>');
    }

    /// The element written where `default_namespace` is the default, and indexed.
    ///
    /// # Panics
    /// Beyond what the index can express: 256 MiB, 1,000 elements within each other, 250,000 attributes.
    pub fn to_raw(&self, default_namespace: &str) -> RawElement {
        let mut xml = Vec::new();
        self.write(&mut xml, default_namespace);
        RawElement::scan(&xml, default_namespace, Bounds::OURS).expect("what was written here is well-formed")
    }

    pub(crate) fn push_content(&mut self, content: Content) {
        self.content.push(content);
    }

    /// Adds an attribute known not to be there.
    pub(crate) fn push_attribute(&mut self, name: &str, namespace: &str, value: String) {
        self.attributes.push(Attribute { name: name.to_owned(), namespace: namespace.to_owned(), value });
    }

    pub(crate) fn shared_namespace(&self) -> &Arc<str> {
        &self.namespace
    }

    fn find(&self, name: &str, namespace: &str) -> Option<&str> {
        let attribute = self.attributes.iter().find(|a| a.name == name && a.namespace == namespace)?;
        Some(&attribute.value)
    }

    fn set(&mut self, name: String, namespace: &str, value: String) {
        match self.attributes.iter_mut().find(|a| a.name == name && a.namespace == namespace) {
            Some(attribute) => attribute.value = value,
            None => self.attributes.push(Attribute { name, namespace: namespace.to_owned(), value }),
        }
    }

    fn write_attribute(&self, out: &mut Vec<u8>, place: usize, attribute: &Attribute) {
        out.push(b' ');
        match attribute.namespace.as_str() {
            "" => {}
            XML_NS => out.extend_from_slice(b"xml:"),
            namespace => {
                // One prefix for each attribute: two attributes of one namespace are too rare to save on.
                write_attribute(out, &format!("xmlns:ns{place}"), namespace);
                out.extend_from_slice(format!(" ns{place}:").as_bytes());
            }
        }
        write_attribute(out, &attribute.name, &attribute.value);
    }
}

impl fmt::Display for Element {
    /// The element written where no default namespace is declared.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Vec::new();
        self.write(&mut out, "");
        f.write_str(&String::from_utf8_lossy(&out))
    }
}

/// A name that can't do harm.
fn checked(name: String) -> String {
    let valid = chars::is_ncname(&name) && name != "xmlns" && name.len() <= MAX_NAME_BYTES;
    debug_assert!(valid, "no name for an element or attribute: {name:?}");
    if valid {
        return name;
    }
    let mut safe = String::from("_");
    safe.extend(name.chars().map(|c| if chars::is_name_char(c) { c } else { '_' }).take(1000));
    safe
}
