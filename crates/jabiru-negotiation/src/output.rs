//! What leaves a machine: bytes, and events in order.

use std::collections::VecDeque;

use jabiru_stanza::{ContentNamespace, StreamError};
use jabiru_xml::Element;

/// Bytes to send and events to report. Bounded by what one step can produce, which is a stream header, features or
/// an answer: the caller takes everything after each call.
pub(crate) struct Output<E> {
    content: ContentNamespace,
    bytes: Vec<u8>,
    events: VecDeque<E>,
}

impl<E> Output<E> {
    /// Nothing yet, of a stream with this content.
    pub(crate) fn new(content: ContentNamespace) -> Output<E> {
        Output { content, bytes: Vec::new(), events: VecDeque::new() }
    }

    pub(crate) fn write(&mut self, xml: &str) {
        self.bytes.extend_from_slice(xml.as_bytes());
    }

    /// A first-level element.
    pub(crate) fn element(&mut self, element: &Element) {
        element.write(&mut self.bytes, self.content.as_str());
    }

    /// The end of a stream that was opened, after the error if there is one (RFC 6120 §4.4, §4.9.1.1).
    pub(crate) fn end(&mut self, error: Option<&StreamError>) {
        if let Some(error) = error {
            error.write(&mut self.bytes);
        }
        self.write("</stream:stream>");
    }

    pub(crate) fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    pub(crate) fn event(&mut self, event: E) {
        self.events.push_back(event);
    }

    pub(crate) fn next_event(&mut self) -> Option<E> {
        self.events.pop_front()
    }

    /// Appends the bytes to `out`; `false` if there were none.
    pub(crate) fn take(&mut self, out: &mut Vec<u8>) -> bool {
        let any = !self.bytes.is_empty();
        out.append(&mut self.bytes);
        any
    }
}
