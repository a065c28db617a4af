//! RFC 6120 §4.3: stream negotiation between servers.

use super::{Stage, message_from, romeo_writes, three_responses};
use crate::case;
use crate::case::{Case, Need};
use crate::client::{Item, Next};
use crate::ns;
use crate::servers::Offers;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(
        Must,
        features_follow_the_header_of_every_server_stream,
        ["4.3", "4.3.4", "stream-negotiation-features"],
        needs[Need::Servers]
    ),
    case!(
        Must,
        server_stream_has_a_new_id_after_every_restart,
        ["4.3.3", "4.7.3", "stream-negotiation-restart", "stream-attribute-response-id-unique"],
        needs[Need::Servers]
    ),
    case!(Must, stanza_of_an_unproven_server_is_not_delivered, ["4.3.5", "4.9.3.12"], needs[Need::Servers]),
    case!(
        Must,
        stanza_of_an_unproven_server_ends_the_stream,
        ["4.3.5", "4.9.3.12", "stream-negotiation-complete"],
        needs[Need::Servers]
    ),
    case!(
        Must,
        subject_sends_no_stanza_before_it_is_authorized,
        ["4.3.5", "stream-negotiation-complete"],
        needs[Need::Servers]
    ),
];

/// RFC 6120 §4.3.2: after each response header the receiving server sends features, also after each restart (§4.3.4).
fn features_follow_the_header_of_every_server_stream(subject: &Subject) {
    let verona = subject.server("verona");
    // Each of them comes before the next part of the negotiation.
    let headers = three_responses(&verona, &verona.header());
    assert_eq!(headers.len(), 3);
}

/// RFC 6120 §4.3.3, §4.7.3: the stream that a restart makes is another one, with an id of its own.
fn server_stream_has_a_new_id_after_every_restart(subject: &Subject) {
    let verona = subject.server("verona");
    let ids =
        three_responses(&verona, &verona.header()).map(|header| header.attribute("id").unwrap_or_default().to_owned());
    assert!(ids.iter().all(|id| !id.is_empty()), "{ids:?}");
    assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2], "{ids:?}");
}

/// RFC 6120 §4.3.5: what a server sends before its negotiation is complete is not accepted, whoever it says it is.
fn stanza_of_an_unproven_server_is_not_delivered(subject: &Subject) {
    let [mut romeo, mut nurse] = subject.login(["romeo/orchard", "nurse/house"]);
    let verona = subject.server("verona");
    for stage in [Stage::Clear, Stage::Secure] {
        let mut stream = stage.reach(&verona);
        stream.sends(message_from(verona.domain(), "a"));
        // An error, the end, or nothing at all: what matters is what romeo gets.
        stream.receives_next_within(subject.seconds(1.0));
        romeo.hears_nothing_from(&mut nurse);
    }
}

/// RFC 6120 §4.3.5: it is answered with `not-authorized`, and the stream is closed.
fn stanza_of_an_unproven_server_ends_the_stream(subject: &Subject) {
    let _romeo = subject.login(["romeo/orchard"]);
    let verona = subject.server("verona");
    for stage in [Stage::Clear, Stage::Secure] {
        let mut stream = stage.reach(&verona);
        stream.sends(message_from(verona.domain(), "a"));
        stream.receives_stream_error("not-authorized");
    }
}

/// RFC 6120 §4.3.5: the subject, too, sends no stanza before the stream is negotiated: where the receiving server does not
/// say that a key is valid, it waits, or gives up.
fn subject_sends_no_stanza_before_it_is_authorized(subject: &Subject) {
    let mut verona = subject.server("verona");
    verona.offers(Offers { key: "", ..Offers::dialback() });
    let _romeo = romeo_writes(subject, &verona);
    verona.serves_until(|streams| streams.iter().any(|stream| !stream.keys.is_empty()));
    // Its closing tag is answered by the end of all that it has sent.
    let stream = &mut verona.incoming()[0].client;
    stream.sends("</stream:stream>");
    loop {
        match stream.receives_next() {
            Next::Item(Item::Element(element)) => {
                assert!(element.namespace != ns::SERVER, "a stanza before the stream was negotiated: {element}");
            }
            Next::Item(Item::Space | Item::Header(_)) => {}
            Next::Item(Item::Close) | Next::End(_) => break,
            Next::Nothing => panic!("the closing tag was due"),
        }
    }
}
