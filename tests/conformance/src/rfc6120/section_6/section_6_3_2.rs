//! RFC 6120 §6.3.2: the restart after SASL.

use crate::case;
use crate::case::Case;
use crate::client::{HEADER, Item, Login, Next};
use crate::subject::Subject;

use super::SCRAM;

pub(super) const CASES: &[Case] = &[
    case!(Must, stream_is_restarted_after_sasl, ["6.3.2", "4.3.3", "sasl-restart"]),
    case!(Must, stream_does_not_go_on_after_sasl_without_a_restart, ["6.3.2", "4.3.3", "sasl-restart"]),
];

/// RFC 6120 §6.3.2, §6.4.6: after success a new stream begins: the server says nothing before the client's new header, and
/// answers that with a header and features of its own, once.
fn stream_is_restarted_after_sasl(subject: &Subject) {
    let (mut romeo, features) = subject.secure();
    romeo.authenticates("romeo", &features);
    let heard = romeo.heard();
    let last = heard.rsplit_once("success").map_or("", |(_, behind)| behind);
    assert!(last.ends_with('>') && last.matches('<').count() <= 1, "the server speaks before the new header: {last}");
    // What comes too early from now on would be two headers.
    romeo.sends_header(HEADER);
    romeo.receives_header();
    romeo.receives_features();
    romeo.binds("orchard");
    romeo.settles();
}

/// RFC 6120 §6.3.2: the stream before success is replaced, not continued: without a new header nothing can be bound.
fn stream_does_not_go_on_after_sasl_without_a_restart(subject: &Subject) {
    let account = subject.account("romeo");
    let (mut romeo, _) = subject.secure();
    let answer = romeo.negotiates_sasl(&Login::new(SCRAM, &account.local, &account.password));
    assert!(answer.is_success(), "{answer:?}");
    romeo.sends_header("<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
    // The server may take it for a bad header (§4.9.3), end the connection, or go on waiting for a header.
    loop {
        match romeo.receives_next_within(subject.seconds(1.0)) {
            Next::Item(Item::Element(answer)) => {
                assert!(answer.is("error", crate::ns::STREAM), "a stream error was due: {answer}");
            }
            Next::Item(Item::Header(_) | Item::Space | Item::Close) => {}
            Next::End(_) | Next::Nothing => return,
        }
    }
}
