//! XML as a tree: what was received, and what was expected of it.
//!
//! Names are compared by namespace, never by prefix; attributes have no order. An expectation may
//! leave things open, see [`differences`].

use std::collections::BTreeMap;
use std::fmt;

use xml::attribute::OwnedAttribute;
use xml::name::OwnedName;
use xml::reader::{EventReader, ParserConfig, XmlEvent};

use crate::ns;

/// An element with everything in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Element {
    /// The prefix that it was written with; empty for none.
    pub prefix: String,
    /// The local name.
    pub name: String,
    /// The namespace; empty for none.
    pub namespace: String,
    /// By name: `id`, `xml:lang`, or `{namespace}name`.
    pub attributes: BTreeMap<String, String>,
    /// What is in it, in order.
    pub children: Vec<Node>,
}

/// A part of an element's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// An element.
    Element(Element),
    /// Character data; never empty, never next to another.
    Text(String),
}

impl Element {
    /// Reads one element; `jabber:client` is the default namespace, `stream` is bound, and so is `db` (XEP-0220).
    ///
    /// # Panics
    /// If it is not one well-formed element: the text comes from a case.
    #[must_use]
    #[track_caller]
    pub fn parse(xml: &str) -> Element {
        Element::parse_within(xml, ns::CLIENT)
    }

    /// The same where another namespace is the default one.
    ///
    /// # Panics
    /// As [`parse`](Self::parse).
    #[must_use]
    #[track_caller]
    pub fn parse_within(xml: &str, namespace: &str) -> Element {
        match Element::try_parse_within(xml, namespace) {
            Ok(element) => element,
            Err(error) => panic!("can't be read: {error}: {xml}"),
        }
    }

    /// Reads one element, as [`parse`](Self::parse).
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn try_parse(xml: &str) -> Result<Element, String> {
        Element::try_parse_within(xml, ns::CLIENT)
    }

    fn try_parse_within(xml: &str, namespace: &str) -> Result<Element, String> {
        let document = format!(
            "<fragment xmlns='{namespace}' xmlns:stream='{}' xmlns:db='{}'>{xml}</fragment>",
            ns::STREAM,
            ns::DIALBACK
        );
        let mut builder = Builder::default();
        for event in EventReader::new_with_config(document.as_bytes(), ParserConfig::new().cdata_to_characters(true)) {
            builder.take(event.map_err(|error| error.to_string())?)?;
        }
        let root = builder.done.pop().ok_or("nothing there")?;
        let mut elements = root.children.into_iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        });
        match (elements.next(), elements.next()) {
            (Some(element), None) => Ok(element),
            _ => Err("not one element".to_owned()),
        }
    }

    /// Is it this element of this namespace?
    #[must_use]
    pub fn is(&self, name: &str, namespace: &str) -> bool {
        self.name == name && self.namespace == namespace
    }

    /// The value of an attribute: `id`, `xml:lang` or `{namespace}name`.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }

    /// The elements in it.
    pub fn elements(&self) -> impl Iterator<Item = &Element> {
        self.children.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    /// The first child of this name and namespace.
    #[must_use]
    pub fn child(&self, name: &str, namespace: &str) -> Option<&Element> {
        self.elements().find(|child| child.is(name, namespace))
    }

    /// Its own character data, without that of its children.
    #[must_use]
    pub fn text(&self) -> String {
        let text = |node: &Node| match node {
            Node::Text(text) => Some(text.clone()),
            Node::Element(_) => None,
        };
        self.children.iter().filter_map(text).collect()
    }

    /// As XML, to stand where `namespace` is the default one.
    #[must_use]
    pub fn to_xml(&self, namespace: &str) -> String {
        let mut out = String::new();
        self.write(namespace, &mut out);
        out
    }

    /// The start tag alone, left open, as [`to_xml`](Self::to_xml).
    pub(crate) fn write_start(&self, default: &str, out: &mut String) -> String {
        out.push('<');
        let streams = self.namespace == ns::STREAM;
        if streams {
            out.push_str("stream:");
        }
        out.push_str(&self.name);
        let mut inside = default.to_owned();
        if !streams && self.namespace != default {
            attribute(out, "xmlns", &self.namespace);
            inside.clone_from(&self.namespace);
        }
        for (number, (name, value)) in self.attributes.iter().enumerate() {
            match name.strip_prefix('{').and_then(|name| name.split_once('}')) {
                Some((namespace, name)) => {
                    attribute(out, &format!("xmlns:a{number}"), namespace);
                    attribute(out, &format!("a{number}:{name}"), value);
                }
                None => attribute(out, name, value),
            }
        }
        inside
    }

    /// Drops from presence the hash of the sender's avatar: the sender's server writes it on behalf of its user
    /// (XEP-0398 §3), so it says nothing about whether the rest was changed.
    fn drop_additions(&mut self) {
        if self.is("presence", ns::CLIENT) {
            self.children.retain(|child| !matches!(child, Node::Element(child) if child.is("x", ns::VCARD_UPDATE)));
        }
    }

    fn write(&self, default: &str, out: &mut String) {
        let inside = self.write_start(default, out);
        if self.children.is_empty() {
            out.push_str("/>");
            return;
        }
        out.push('>');
        for child in &self.children {
            match child {
                Node::Element(element) => element.write(&inside, out),
                Node::Text(text) => out.push_str(&escape(text)),
            }
        }
        out.push_str(if self.namespace == ns::STREAM { "</stream:" } else { "</" });
        out.push_str(&self.name);
        out.push('>');
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_xml(ns::CLIENT))
    }
}

/// Puts elements together from the parser's events.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    open: Vec<Element>,
    /// Elements that are complete.
    pub(crate) done: Vec<Element>,
}

impl Builder {
    /// How many elements are open.
    pub(crate) fn depth(&self) -> usize {
        self.open.len()
    }

    /// Takes the first-level element that was completed last out of the root that is open.
    pub(crate) fn take_first_level(&mut self) -> Option<Element> {
        match std::mem::take(&mut self.open.last_mut()?.children).pop()? {
            Node::Element(mut element) => {
                element.drop_additions();
                Some(element)
            }
            Node::Text(_) => None,
        }
    }

    /// Takes the parser's next event.
    ///
    /// # Errors
    /// What RFC 6120 §11.1 forbids: a comment, a processing instruction, a document type declaration.
    pub(crate) fn take(&mut self, event: XmlEvent) -> Result<(), String> {
        match event {
            XmlEvent::StartElement { name, attributes, .. } => self.open.push(element(name, attributes)),
            XmlEvent::EndElement { .. } => {
                let Some(element) = self.open.pop() else { return Err("an end without a start".to_owned()) };
                match self.open.last_mut() {
                    Some(parent) => parent.children.push(Node::Element(element)),
                    None => self.done.push(element),
                }
            }
            XmlEvent::Characters(text) | XmlEvent::CData(text) | XmlEvent::Whitespace(text) => {
                if let Some(parent) = self.open.last_mut() {
                    match parent.children.last_mut() {
                        Some(Node::Text(before)) => before.push_str(&text),
                        _ => parent.children.push(Node::Text(text)),
                    }
                }
            }
            XmlEvent::Comment(_) => return Err("a comment, which §11.1 forbids".to_owned()),
            XmlEvent::ProcessingInstruction { .. } => {
                return Err("a processing instruction, which §11.1 forbids".to_owned());
            }
            XmlEvent::Doctype { .. } => return Err("a document type declaration, which §11.1 forbids".to_owned()),
            XmlEvent::StartDocument { .. } | XmlEvent::EndDocument => {}
        }
        Ok(())
    }
}

/// An element with nothing in it yet.
pub(crate) fn element(name: OwnedName, attributes: Vec<OwnedAttribute>) -> Element {
    let key = |name: OwnedName| match (name.prefix.as_deref(), name.namespace) {
        (Some("xml"), _) => format!("xml:{}", name.local_name),
        (_, Some(namespace)) if name.prefix.is_some() => format!("{{{namespace}}}{}", name.local_name),
        _ => name.local_name,
    };
    Element {
        prefix: name.prefix.unwrap_or_default(),
        name: name.local_name,
        namespace: name.namespace.unwrap_or_default(),
        attributes: attributes.into_iter().map(|attribute| (key(attribute.name), attribute.value)).collect(),
        children: Vec::new(),
    }
}

/// How what came differs from what was expected; empty if it does not.
///
/// What an expectation may leave open:
/// - an attribute's value `*`: there, whatever it is; `?`: there or not;
/// - the text `*`: any text, none included;
/// - a last text `...`: the children before it have to be there in any order, others may be, too;
/// - `xml:lang` of the outermost element, if the expectation does not speak of it;
/// - the type `normal` of a message, which means the same as none (RFC 6121 §5.2.2): it may be missing.
///
/// White space between elements does not count, nor does the order of children that have different names.
#[must_use]
pub fn differences(expected: &Element, received: &Element) -> Vec<String> {
    let mut found = Vec::new();
    compare(expected, received, true, &format!("<{}>", expected.name), &mut found);
    found
}

fn compare(expected: &Element, received: &Element, outermost: bool, path: &str, found: &mut Vec<String>) {
    if !received.is(&expected.name, &expected.namespace) {
        found.push(format!(
            "{path}: {} of {:?} instead of {} of {:?}",
            received.name, received.namespace, expected.name, expected.namespace
        ));
        return;
    }
    for (name, value) in &expected.attributes {
        match (value.as_str(), received.attribute(name)) {
            ("?", _) | ("*", Some(_)) => {}
            ("normal", None) if name == "type" && is_message(expected) => {}
            (_, None) => found.push(format!("{path}: {name} is missing")),
            (value, Some(other)) if value == other => {}
            (value, Some(other)) => found.push(format!("{path}: {name} is {other:?} instead of {value:?}")),
        }
    }
    for (name, value) in &received.attributes {
        let may_come = outermost && name == "xml:lang";
        if !expected.attributes.contains_key(name) && !may_come {
            found.push(format!("{path}: {name}={value:?} is not expected"));
        }
    }
    let wanted: Vec<&Element> = expected.elements().collect();
    let come: Vec<&Element> = received.elements().collect();
    if expected.text().trim() == "..." {
        for child in wanted {
            if !come.iter().any(|other| differences(child, other).is_empty()) {
                let near = come.iter().find(|other| other.is(&child.name, &child.namespace));
                match near {
                    Some(other) => compare(child, other, false, &format!("{path}<{}>", child.name), found),
                    None => found.push(format!("{path}: {child} is missing")),
                }
            }
        }
        return;
    }
    if wanted.len() != come.len() {
        let names: Vec<&str> = come.iter().map(|child| child.name.as_str()).collect();
        found.push(format!("{path}: {} child(ren) instead of {}: {}", come.len(), wanted.len(), names.join(", ")));
        return;
    }
    let by_name = |element: &&Element| (element.namespace.clone(), element.name.clone());
    let (mut wanted, mut come) = (wanted, come);
    wanted.sort_by_key(by_name);
    come.sort_by_key(by_name);
    for (child, other) in wanted.iter().zip(&come) {
        compare(child, other, false, &format!("{path}<{}>", child.name), found);
    }
    let (text, other) = (expected.text(), received.text());
    let blank = |text: &str| text.trim().is_empty();
    if text != "*" && text != other && !(blank(&text) && blank(&other)) {
        found.push(format!("{path}: the text is {other:?} instead of {text:?}"));
    }
}

fn is_message(element: &Element) -> bool {
    element.is("message", ns::CLIENT) || element.is("message", ns::SERVER)
}

fn attribute(out: &mut String, name: &str, value: &str) {
    out.push(' ');
    out.push_str(name);
    out.push_str("='");
    out.push_str(&escape(value));
    out.push('\'');
}

/// Text as it stands in XML, also within single quotes.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\'' => out.push_str("&apos;"),
            '"' => out.push_str("&quot;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expectation_says_what_it_leaves_open() {
        for (expected, received, equal) in [
            ("<a x='1' y='2'/>", "<a y='2' x='1'/>", true),
            ("<a x='1'/>", "<a x='2'/>", false),
            ("<a x='1'/>", "<a/>", false),
            ("<a/>", "<a x='1'/>", false),
            ("<a/>", "<a xml:lang='en'/>", true),
            ("<a xml:lang='de'/>", "<a xml:lang='en'/>", false),
            ("<a><b/></a>", "<a><b xml:lang='en'/></a>", false),
            ("<a x='*'/>", "<a x='2'/>", true),
            ("<a x='*'/>", "<a/>", false),
            ("<a x='?'/>", "<a/>", true),
            ("<a>text</a>", "<a>text</a>", true),
            ("<a>text</a>", "<a>text </a>", false),
            ("<a>*</a>", "<a>text</a>", true),
            ("<a><b/><c/></a>", "<a><b/> <c/></a>", true),
            ("<a><b/><c/></a>", "<a><c/><b/></a>", true),
            ("<a><b>1</b><b>2</b></a>", "<a><b>2</b><b>1</b></a>", false),
            ("<a><b/>...</a>", "<a><c/><b/></a>", true),
            ("<a><b x='1'/>...</a>", "<a><c/><b/></a>", false),
            ("<a><b/></a>", "<a><b xmlns='other'/></a>", false),
            ("<p:a xmlns:p='x'/>", "<a xmlns='x'/>", true),
            ("<message type='normal'/>", "<message/>", true),
            ("<message/>", "<message type='normal'/>", false),
            ("<message type='chat'/>", "<message/>", false),
        ] {
            let found = differences(&Element::parse(expected), &Element::parse(received));
            assert_eq!(found.is_empty(), equal, "{expected} {received}: {found:?}");
        }
    }

    #[test]
    fn what_is_written_reads_the_same() {
        for xml in [
            "<a x='&lt;&apos;' xml:lang='de'>t<b xmlns='other'><c/></b>&amp;</a>",
            "<stream:error><bad-format xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
            "<a xmlns:p='x' p:y='1'/>",
        ] {
            let element = Element::parse(xml);
            let again = Element::parse(&element.to_string());
            assert!(differences(&element, &again).is_empty(), "{element}");
        }
    }
}
