//! Writing an element on another stream.
//!
//! The hot path of routing: unless something odd stands in the element, its start tag is copied attribute by attribute and
//! the rest as one piece. Everything else goes through `canonical.rs`.

use crate::index::{DECLARES, FOREIGN_PREFIX, HEADER, INHERITED, NAMESPACE, ODD, PREFIXED};
use crate::node::Record;
use crate::{RawElement, canonical, chars, escape};

/// What changes when an element is written on another stream.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rewrite<'a> {
    /// The default namespace that the root of the stream written to declares (RFC 6120 §4.8.2: its content namespace);
    /// empty if it declares none.
    ///
    /// If the root of the element is in a content namespace (`jabber:client`, `jabber:server`), it and all elements within
    /// that have their namespace from the same declaration as it move to this one; not if this is empty.
    pub content_namespace: &'a str,
    /// Attributes of the root without namespace to set (`Some`) or leave out (`None`). Each name at most once, and a valid
    /// one without colon that is not `xmlns`; others are passed over.
    pub attributes: &'a [(&'a str, Option<&'a str>)],
    /// `xml:lang` to add if the root has none (RFC 6120 §8.1.5).
    pub lang: Option<&'a str>,
}

impl Rewrite<'_> {
    /// Does an attribute of the element fall away because it is set anew or left out?
    pub(crate) fn replaces(&self, raw: &RawElement, record: Record) -> bool {
        record.head & (PREFIXED | DECLARES) == 0
            && !self.attributes.is_empty()
            && self.attributes.iter().any(|(name, _)| name.as_bytes() == record.name(raw))
    }

    /// Appends the attributes set, and the language if the element has none.
    pub(crate) fn write_attributes(&self, raw: &RawElement, out: &mut Vec<u8>) {
        for (place, (name, value)) in self.attributes.iter().enumerate() {
            let usable = chars::is_ncname(name) && *name != "xmlns";
            debug_assert!(usable, "no name for an attribute: {name:?}");
            let again = self.attributes[..place].iter().any(|(earlier, _)| earlier == name);
            if let (Some(value), true, false) = (value, usable, again) {
                out.push(b' ');
                write_attribute(out, name, value);
            }
        }
        if let Some(lang) = self.lang
            && raw.root().lang().is_none()
        {
            out.push(b' ');
            write_attribute(out, "xml:lang", lang);
        }
    }

    /// Is an element in this namespace written in the stream's content namespace?
    pub(crate) fn moves(&self, namespace: &[u8]) -> bool {
        namespace == self.content_namespace.as_bytes()
            || (matches!(namespace, b"jabber:client" | b"jabber:server") && !self.content_namespace.is_empty())
    }
}

impl RawElement {
    /// Appends the element as it must stand directly below the root of another stream: read there, it is the same tree, but
    /// for what `rewrite` says.
    ///
    /// The stream may declare whatever prefixes it likes; none of them is relied upon. A stream header is written as an
    /// empty element.
    ///
    /// ```
    /// use jabiru_xml::{RawElement, Rewrite};
    ///
    /// let message = RawElement::parse("<message from='me' to='juliet@example.net'><body>Hi</body></message>", "jabber:client")?;
    /// let mut out = Vec::new();
    /// message.write(&mut out, &Rewrite {
    ///     content_namespace: "jabber:client",
    ///     attributes: &[("from", Some("romeo@example.net/orchard"))],
    ///     lang: None,
    /// });
    /// assert_eq!(out, b"<message to='juliet@example.net' from='romeo@example.net/orchard'><body>Hi</body></message>");
    /// # Ok::<(), jabiru_xml::ReadError>(())
    /// ```
    pub fn write(&self, out: &mut Vec<u8>, rewrite: &Rewrite<'_>) {
        let root = self.root();
        if self.has_flag(ODD | FOREIGN_PREFIX | HEADER) || root.prefix().is_some() {
            return canonical::write(self, out, rewrite);
        }
        let xml = self.as_bytes();
        out.reserve(xml.len() + 128);
        out.push(b'<');
        out.extend_from_slice(root.qualified_name());
        let namespace = root.namespace_bytes();
        let moves = rewrite.moves(namespace);
        if !moves && root.word(NAMESPACE) & INHERITED != 0 {
            out.push(b' ');
            write_attribute(out, "xmlns", root.namespace());
        }
        for record in root.records() {
            let default = record.head & (DECLARES | PREFIXED) == DECLARES;
            if (default && moves) || rewrite.replaces(self, record) {
                continue;
            }
            out.push(b' ');
            out.extend_from_slice(&xml[record.name_start(self) as usize..=record.raw_end(self) as usize]);
        }
        rewrite.write_attributes(self, out);
        let (end, empty) = root.start_tag_end();
        out.extend_from_slice(&xml[end as usize - if empty { 2 } else { 1 }..]);
    }
}

/// Appends `name='value'`.
pub(crate) fn write_attribute(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"='");
    escape::attribute(out, value);
    out.push(b'\'');
}
