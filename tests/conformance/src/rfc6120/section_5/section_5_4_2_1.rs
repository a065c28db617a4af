//! RFC 6120 §5.4.2.1: the STARTTLS command.

use crate::case;
use crate::case::Case;
use crate::client::{Item, Next};
use crate::ns;
use crate::subject::Subject;

use super::STARTTLS;

pub(super) const CASES: &[Case] = &[
    case!(Must, starttls_is_answered_at_once_and_once, ["5.4.2.1", "5.4.2"]),
    case!(Must, malformed_starttls_gets_proceed_or_failure, ["5.4.2.1", "5.4.2.2", "5.4.2"]),
];

/// RFC 6120 §5.4.2.1: `<starttls/>` is answered with `<proceed/>` or `<failure/>` of the TLS namespace; where it was
/// just offered, with `<proceed/>`. It may arrive in any number of pieces.
fn starttls_is_answered_at_once_and_once(subject: &Subject) {
    let mut romeo = subject.connect();
    romeo.opens();
    romeo.sends_in_pieces(STARTTLS, 7);
    romeo.receives("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
}

/// RFC 6120 §5.4.2.1, §5.4.2.2: a malformed `<starttls/>` is a cause for `<failure/>`, after which stream and connection
/// end. A server that takes it for a good one says `<proceed/>`; it says one of the two.
fn malformed_starttls_gets_proceed_or_failure(subject: &Subject) {
    for malformed in [
        "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>",
        "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'>now</starttls>",
    ] {
        let mut romeo = subject.connect();
        romeo.opens();
        romeo.sends(malformed);
        match romeo.receives_next() {
            Next::Item(Item::Element(answer)) if answer.is("proceed", ns::TLS) => {}
            Next::Item(Item::Element(answer)) if answer.is("failure", ns::TLS) => {
                romeo.receives_close();
                romeo.receives_end();
            }
            other => panic!("<proceed/> or <failure/> was due: {other:?}"),
        }
    }
}
