//! STARTTLS as the receiving entity of any stream (RFC 6120 §5.4.2).

use jabiru_stanza::{RawElement, ns};

use crate::output::Output;

/// Is it `<starttls/>`, well formed or not?
pub(crate) fn is_command(element: &RawElement) -> bool {
    element.is("starttls", ns::TLS)
}

/// Answers `<starttls/>` where it was offered: `<proceed/>`, and from then on TLS, which `start` tells the caller
/// (§5.4.2.3). `false` for a malformed one, which was refused.
pub(crate) fn proceed<E>(element: &RawElement, start: E, output: &mut Output<E>) -> bool {
    if element.children().next().is_some() || element.root().has_text() {
        refuse(output);
        return false;
    }
    output.write("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    output.event(start);
    true
}

/// Answers a malformed `<starttls/>`, or one where none was offered, with `<failure/>`: the stream ends (§5.4.2.2).
pub(crate) fn refuse<E>(output: &mut Output<E>) {
    output.write("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
}
