//! What leaves a machine: bytes, and events in order.

use std::collections::VecDeque;

use jabiru_stanza::ns;
use jabiru_xml::Element;

use crate::Event;

/// Bytes to send and events to report. Bounded by what one step can produce, which is a stream header, features or
/// an answer: the caller takes everything after each call.
#[derive(Default)]
pub(super) struct Output {
    bytes: Vec<u8>,
    events: VecDeque<Event>,
}

impl Output {
    pub(super) fn write(&mut self, xml: &str) {
        self.bytes.extend_from_slice(xml.as_bytes());
    }

    /// A first-level element of a client stream.
    pub(super) fn element(&mut self, element: &Element) {
        element.write(&mut self.bytes, ns::CLIENT);
    }

    pub(super) fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    pub(super) fn event(&mut self, event: Event) {
        self.events.push_back(event);
    }

    pub(super) fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    pub(super) fn take(&mut self, out: &mut Vec<u8>) -> bool {
        let any = !self.bytes.is_empty();
        out.append(&mut self.bytes);
        any
    }
}
