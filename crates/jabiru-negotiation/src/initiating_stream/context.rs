//! What all states of an initiating stream share.

use jabiru_stanza::{ContentNamespace, StreamHeader};
use jabiru_xml::Element;

use super::{InitiatingError, InitiatingEvent, InitiatingPolicy, Login};
use crate::Security;
use crate::opening::VERSION;
use crate::output::Output;

pub(super) struct Context {
    pub(super) login: Login,
    pub(super) policy: InitiatingPolicy,
    pub(super) security: Security,
    output: Output<InitiatingEvent>,
}

impl Context {
    pub(super) fn new(login: Login, policy: InitiatingPolicy, security: Security) -> Context {
        Context { login, policy, security, output: Output::new(ContentNamespace::Client) }
    }

    /// Sends the initial stream header (RFC 6120 §4.2): with our address only where TLS protects it (§4.7.1).
    pub(super) fn open(&mut self) {
        let header = StreamHeader {
            from: self.security.tls().and_then(|_| self.login.address()).map(ToString::to_string),
            to: Some(self.login.jid.domain().as_str().to_owned()),
            lang: Some(self.policy.lang.clone()),
            version: Some(VERSION),
            ..StreamHeader::default()
        };
        header.write(self.output.bytes(), ContentNamespace::Client);
    }

    pub(super) fn element(&mut self, element: &Element) {
        self.output.element(element);
    }

    pub(super) fn event(&mut self, event: InitiatingEvent) {
        self.output.event(event);
    }

    /// Ends our stream; a violation by the other side is named to it first.
    pub(super) fn close(&mut self, error: Option<InitiatingError>) {
        match &error {
            Some(InitiatingError::Violation(error)) => self.output.end(Some(error)),
            Some(_) | None => self.output.end(None),
        }
        self.event(InitiatingEvent::Closed { error });
    }

    pub(super) fn next_event(&mut self) -> Option<InitiatingEvent> {
        self.output.next_event()
    }

    pub(super) fn take(&mut self, out: &mut Vec<u8>) -> bool {
        self.output.take(out)
    }
}
