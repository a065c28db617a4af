//! Texts for people in errors (RFC 6120 §4.9.2, §8.3.2).

use std::borrow::Cow;

use jabiru_xml::{Element, Node};

/// A text that says more than the condition, and the language it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ErrorText {
    pub(crate) text: String,
    /// `xml:lang`.
    pub(crate) lang: Option<String>,
}

impl ErrorText {
    pub(crate) fn new(lang: &str, text: impl Into<String>) -> ErrorText {
        ErrorText { text: text.into(), lang: Some(lang.to_owned()) }
    }

    pub(crate) fn read(node: &Node<'_>) -> ErrorText {
        ErrorText { text: node.text().into_owned(), lang: node.lang().map(Cow::into_owned) }
    }

    /// `<text/>` in this namespace.
    pub(crate) fn to_element(&self, namespace: &str) -> Element {
        let element = Element::new("text", namespace).with_text(self.text.as_str());
        match &self.lang {
            Some(lang) => element.with_lang(lang.as_str()),
            None => element,
        }
    }
}
