//! RFC 6120 §6: SASL negotiation.

pub(in crate::rfc6120) mod scram;
mod section_6_2;
mod section_6_3_1;
mod section_6_3_10;
mod section_6_3_2;
mod section_6_3_3;
mod section_6_3_4;
mod section_6_3_5;
mod section_6_3_6;
mod section_6_3_7;
mod section_6_3_8;
mod section_6_3_9;
mod section_6_4_1;
mod section_6_4_2;
mod section_6_4_3;
mod section_6_4_4;
mod section_6_4_5;
mod section_6_4_6;
mod section_6_5;
mod section_6_5_10;
mod section_6_5_2;
mod section_6_5_5;
mod section_6_5_8;
mod section_6_6;

use crate::case::Case;
use crate::client::{Client, Item, Next};
use crate::ns;
use crate::subject::Subject;

/// The cases of each file.
pub(super) const FILES: &[&[Case]] = &[
    section_6_2::CASES,
    section_6_3_1::CASES,
    section_6_3_2::CASES,
    section_6_3_3::CASES,
    section_6_3_4::CASES,
    section_6_3_5::CASES,
    section_6_3_6::CASES,
    section_6_3_7::CASES,
    section_6_3_8::CASES,
    section_6_3_9::CASES,
    section_6_3_10::CASES,
    section_6_4_1::CASES,
    section_6_4_2::CASES,
    section_6_4_3::CASES,
    section_6_4_4::CASES,
    section_6_4_5::CASES,
    section_6_4_6::CASES,
    section_6_5::CASES,
    section_6_5_2::CASES,
    section_6_5_5::CASES,
    section_6_5_8::CASES,
    section_6_5_10::CASES,
    section_6_6::CASES,
];

/// The mechanism that every server has (§13.8.1).
const SCRAM: &str = "SCRAM-SHA-1";

/// A stream under TLS on which this mechanism is offered. The case is not tried where it is not.
#[track_caller]
pub(in crate::rfc6120) fn offering(subject: &Subject, mechanism: &str) -> Client {
    let (client, features) = subject.secure();
    if !features.offers(mechanism) {
        subject.not_tried(&format!("{mechanism} is not offered: {:?}", features.mechanisms()));
    }
    client
}

/// The message of PLAIN (RFC 4616 §2).
pub(in crate::rfc6120) fn plain(authzid: &str, user: &str, password: &str) -> Vec<u8> {
    format!("{authzid}\0{user}\0{password}").into_bytes()
}

/// The server refuses in whatever way, and neither goes on nor succeeds; the element it says so with, if any.
#[track_caller]
pub(in crate::rfc6120) fn is_refused(client: &mut Client) -> Option<crate::Element> {
    loop {
        match client.receives_next() {
            Next::Item(Item::Element(answer)) => {
                let refused = answer.is("failure", ns::SASL)
                    || answer.is("error", ns::STREAM)
                    || answer.attribute("type") == Some("error");
                assert!(refused, "a refusal was due: {answer}");
                return Some(answer);
            }
            Next::Item(Item::Close) | Next::End(_) => return None,
            // A stream error may come in a stream of its own (§4.9.1.2).
            Next::Item(Item::Header(_) | Item::Space) => {}
            Next::Nothing => panic!("a refusal was due, but nothing came in time"),
        }
    }
}

/// Says something that has an answer in any SASL negotiation, and proves that nothing else has come before.
#[track_caller]
fn has_nothing_to_say(client: &mut Client) {
    client.sends("<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
    client.receives_sasl_failure("aborted");
}

/// The kinds of channel binding that the server announces (XEP-0440).
pub(in crate::rfc6120) fn bindings(features: &crate::Features) -> Vec<String> {
    const CHANNEL_BINDING: &str = "urn:xmpp:sasl-cb:0";
    let announced = features.0.child("sasl-channel-binding", CHANNEL_BINDING);
    let kinds = announced.into_iter().flat_map(crate::Element::elements);
    kinds.filter_map(|kind| kind.attribute("type").map(str::to_owned)).collect()
}
