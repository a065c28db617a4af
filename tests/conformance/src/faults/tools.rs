//! What faults are made of.

use super::{Unit, View};
use crate::ns;
use crate::tree::{Element, Node};

/// Changes an element if `change` says that it did; everything else passes.
pub(super) fn edit(unit: Unit, change: impl FnOnce(&mut Element) -> bool) -> Vec<Unit> {
    let Some(mut element) = unit.element() else { return vec![unit] };
    if change(&mut element) { vec![as_unit(&element)] } else { vec![unit] }
}

/// Changes the text of a stream header; everything else passes.
pub(super) fn edit_header(unit: Unit, change: impl FnOnce(&str) -> String) -> Vec<Unit> {
    match unit {
        Unit::Header(text) => vec![Unit::Header(change(&text))],
        other => vec![other],
    }
}

/// Swallows elements for which `wanted` holds; everything else passes.
pub(super) fn swallow(unit: Unit, wanted: impl FnOnce(&Element) -> bool) -> Vec<Unit> {
    if unit.element().is_some_and(|element| wanted(&element)) { Vec::new() } else { vec![unit] }
}

/// Swallows a stream error of this condition and all that follows it: as if it had never been raised.
pub(super) fn never_raises(view: &mut View<'_>, unit: Unit, condition: &str) -> Vec<Unit> {
    if unit.element().is_some_and(|element| is_stream_error(&element) && has_condition(&element, condition)) {
        view.here.insert("swallowed", String::new());
    }
    if view.here.contains_key("swallowed") { Vec::new() } else { vec![unit] }
}

/// The element as it is sent on a client stream.
pub(super) fn as_unit(element: &Element) -> Unit {
    Unit::Element(element.to_xml(ns::CLIENT))
}

pub(super) fn is_stream_error(element: &Element) -> bool {
    element.is("error", ns::STREAM)
}

pub(super) fn is_features(element: &Element) -> bool {
    element.is("features", ns::STREAM)
}

/// A stanza that reports an error.
pub(super) fn is_stanza_error(element: &Element) -> bool {
    element.attribute("type") == Some("error") && element.child("error", ns::CLIENT).is_some()
}

/// A message that somebody has sent, but not the last one by which the suite proves absence.
pub(super) fn is_message(element: &Element) -> bool {
    element.is("message", ns::CLIENT) && element.attribute("type") != Some("error") && !is_last(element)
}

/// The message by which the suite proves absence.
pub(super) fn is_last(element: &Element) -> bool {
    element.is("message", ns::CLIENT) && element.attribute("id").is_some_and(|id| id.starts_with("last-"))
}

/// An answer to a request, but not to binding and to the requests by which the suite keeps time.
pub(super) fn is_answer(element: &Element) -> bool {
    element.is("iq", ns::CLIENT)
        && matches!(element.attribute("type"), Some("result" | "error"))
        && element.attribute("id").is_none_or(|id| !id.starts_with("settles-") && id != "bind")
}

/// Does the error in it have this condition?
pub(super) fn has_condition(element: &Element, condition: &str) -> bool {
    let inner =
        if element.name == "error" { Some(element) } else { element.elements().find(|child| child.name == "error") };
    inner.unwrap_or(element).elements().any(|child| child.name == condition)
}

/// The `<error/>` of a stanza.
pub(super) fn stanza_error(element: &mut Element) -> Option<&mut Element> {
    child(element, "error")
}

/// The first child of this name.
pub(super) fn child<'a>(element: &'a mut Element, name: &str) -> Option<&'a mut Element> {
    element.children.iter_mut().find_map(|node| match node {
        Node::Element(child) if child.name == name => Some(child),
        Node::Element(_) | Node::Text(_) => None,
    })
}

/// The first child element, which in errors is the condition.
pub(super) fn first(element: &mut Element) -> Option<&mut Element> {
    element.children.iter_mut().find_map(|node| match node {
        Node::Element(child) => Some(child),
        Node::Text(_) => None,
    })
}

/// Takes children out for which `unwanted` holds; true if there were any.
pub(super) fn drop_children(element: &mut Element, unwanted: impl Fn(&Element) -> bool) -> bool {
    let before = element.children.len();
    element.children.retain(|node| !matches!(node, Node::Element(child) if unwanted(child)));
    element.children.len() != before
}

/// Sets an attribute; true, for [`edit`].
pub(super) fn set(element: &mut Element, name: &str, value: &str) -> bool {
    element.attributes.insert(name.to_owned(), value.to_owned());
    true
}

/// Removes an attribute; true if it was there.
pub(super) fn unset(element: &mut Element, name: &str) -> bool {
    element.attributes.remove(name).is_some()
}

/// Gives an element another name; true, for [`edit`].
pub(super) fn rename(element: Option<&mut Element>, name: &str) -> bool {
    element.is_some_and(|element| {
        name.clone_into(&mut element.name);
        true
    })
}

/// Gives an element another namespace, for [`edit`].
pub(super) fn move_to(element: Option<&mut Element>, namespace: &str) -> bool {
    element.is_some_and(|element| {
        namespace.clone_into(&mut element.namespace);
        true
    })
}

/// A start tag with another value of an attribute, or without it.
pub(super) fn with_attribute(tag: &str, name: &str, value: Option<&str>) -> String {
    let start = tag.rfind("<").unwrap_or(0);
    let (before, tag) = tag.split_at(start);
    let mut tag = tag.to_owned();
    if let Some(at) = tag.find(&format!(" {name}=")) {
        let quote_at = at + name.len() + 2;
        let quote = tag[quote_at..].chars().next().unwrap_or('\'');
        let end = tag[quote_at + 1..].find(quote).map_or(tag.len(), |end| quote_at + 1 + end + 1);
        tag.replace_range(at..end, "");
    }
    if let Some(value) = value {
        let end = tag.len().saturating_sub(1);
        tag.insert_str(end, &format!(" {name}='{value}'"));
    }
    format!("{before}{tag}")
}

/// The value of an attribute of a start tag.
pub(super) fn attribute_of(tag: &str, name: &str) -> Option<String> {
    let tag = &tag[tag.rfind('<')?..];
    let rest = &tag[tag.find(&format!(" {name}="))? + name.len() + 2..];
    let quote = rest.chars().next()?;
    rest[1..].split(quote).next().map(str::to_owned)
}

impl View<'_> {
    /// Has the server sent such an element on this connection?
    pub(super) fn has_come(&self, wanted: impl Fn(&Element) -> bool) -> bool {
        self.received.iter().filter_map(Unit::element).any(|element| wanted(&element))
    }

    /// Has this client been authenticated?
    pub(super) fn is_authenticated(&self) -> bool {
        self.has_come(|element| element.is("success", ns::SASL))
    }

    /// Is there TLS, or has it at least been agreed on?
    pub(super) fn is_protected(&self) -> bool {
        self.has_come(|element| element.is("proceed", ns::TLS))
    }

    /// Has the client closed its stream?
    pub(super) fn is_closing(&self) -> bool {
        self.sent.contains("</stream:stream>")
    }

    /// Has the server ended the stream by an error?
    pub(super) fn has_failed(&self) -> bool {
        self.has_come(is_stream_error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_of_a_start_tag_can_be_changed() {
        let tag = "<?xml version='1.0'?><stream:stream id='1' from=\"a b\" version='1.0'>";
        for (name, value, expected) in [
            ("id", None, "<?xml version='1.0'?><stream:stream from=\"a b\" version='1.0'>"),
            ("from", Some("c"), "<?xml version='1.0'?><stream:stream id='1' version='1.0' from='c'>"),
            ("version", None, "<?xml version='1.0'?><stream:stream id='1' from=\"a b\">"),
            ("to", Some("d"), "<?xml version='1.0'?><stream:stream id='1' from=\"a b\" version='1.0' to='d'>"),
        ] {
            assert_eq!(with_attribute(tag, name, value), expected);
        }
        assert_eq!(attribute_of(tag, "from").as_deref(), Some("a b"));
        assert_eq!(attribute_of(tag, "to"), None);
    }
}
