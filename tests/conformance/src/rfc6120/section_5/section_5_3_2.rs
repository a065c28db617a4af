//! RFC 6120 §5.3.2: the restart after TLS.

use crate::case;
use crate::case::Case;
use crate::client::{HEADER, Item, Next, TlsOptions};
use crate::subject::Subject;

use super::{PROCEED, STARTTLS};

pub(super) const CASES: &[Case] = &[
    case!(Must, stream_is_restarted_after_tls, ["5.3.2", "4.3.3", "tls-restart"]),
    case!(Must, stream_does_not_go_on_after_tls_without_a_restart, ["5.3.2", "4.3.3", "tls-restart"]),
];

/// RFC 6120 §5.3.2, §4.3.3: after TLS a new stream begins: the server says nothing before the client's new header, and
/// answers that with a header and features of its own.
fn stream_is_restarted_after_tls(subject: &Subject) {
    let mut romeo = subject.connect();
    romeo.opens();
    romeo.starts_tls();
    // What the server says too early is in the parser by the time the answer to the header is.
    romeo.sends(HEADER);
    romeo.receives_header();
    romeo.receives_features();
    // And the header is answered once: the next thing is the answer to the next thing.
    romeo.sends("<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
    let answer = romeo.receives_any();
    assert!(answer.is("failure", crate::ns::SASL), "the answer to <abort/> was due (§6.4.4): {answer}");
}

/// RFC 6120 §5.3.2: the stream before TLS is replaced, not continued: without a new header nothing can be negotiated.
fn stream_does_not_go_on_after_tls_without_a_restart(subject: &Subject) {
    let mut romeo = subject.connect();
    romeo.opens();
    romeo.sends(STARTTLS).receives(PROCEED);
    romeo.shakes_hands(&TlsOptions::default());
    romeo.sends_auth("SCRAM-SHA-1", Some(b"n,,n=romeo,r=fyko+d2lbbFgONRv9qkxdawL"));
    // The server may take it for a bad header (§4.9.3), end the connection, or go on waiting for a header.
    loop {
        match romeo.receives_next_within(subject.seconds(1.0)) {
            Next::Item(Item::Element(element)) => {
                assert!(element.is("error", crate::ns::STREAM), "a stream error was due: {element}");
            }
            Next::Item(Item::Header(_) | Item::Space | Item::Close) => {}
            Next::End(_) | Next::Nothing => return,
        }
    }
}
