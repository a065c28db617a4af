//! What all states of an initiating stream share.

use std::collections::VecDeque;

use jabiru_stanza::{ContentNamespace, StreamHeader, ns};
use jabiru_xml::Element;

use super::{InitiatingError, InitiatingEvent, InitiatingPolicy, Login};
use crate::Security;

pub(super) struct Context {
    pub(super) login: Login,
    pub(super) policy: InitiatingPolicy,
    pub(super) security: Security,
    bytes: Vec<u8>,
    events: VecDeque<InitiatingEvent>,
}

impl Context {
    pub(super) fn new(login: Login, policy: InitiatingPolicy, security: Security) -> Context {
        Context { login, policy, security, bytes: Vec::new(), events: VecDeque::new() }
    }

    /// Sends the initial stream header (RFC 6120 §4.2): with our address only where TLS protects it (§4.7.1).
    pub(super) fn open(&mut self) {
        let header = StreamHeader {
            from: self.security.tls().and_then(|_| self.login.address()).map(ToString::to_string),
            to: Some(self.login.jid.domain().as_str().to_owned()),
            id: None,
            lang: Some(self.policy.lang.clone()),
            version: Some((1, 0)),
        };
        header.write(&mut self.bytes, ContentNamespace::Client);
    }

    pub(super) fn element(&mut self, element: &Element) {
        element.write(&mut self.bytes, ns::CLIENT);
    }

    pub(super) fn event(&mut self, event: InitiatingEvent) {
        self.events.push_back(event);
    }

    /// Ends our stream; a violation by the other side is named to it first.
    pub(super) fn close(&mut self, error: Option<InitiatingError>) {
        if let Some(InitiatingError::Violation(error)) = &error {
            error.write(&mut self.bytes);
        }
        self.bytes.extend_from_slice(b"</stream:stream>");
        self.event(InitiatingEvent::Closed { error });
    }

    pub(super) fn next_event(&mut self) -> Option<InitiatingEvent> {
        self.events.pop_front()
    }

    pub(super) fn take(&mut self, out: &mut Vec<u8>) -> bool {
        let any = !self.bytes.is_empty();
        out.append(&mut self.bytes);
        any
    }
}
