//! RFC 6120 §8: XML stanzas.

mod section_8_1;
mod section_8_1_1_1;
mod section_8_1_2_1;
mod section_8_1_3;
mod section_8_1_4;
mod section_8_1_5;
mod section_8_2_1;
mod section_8_2_2;
mod section_8_2_3;
mod section_8_3;
mod section_8_3_1;
mod section_8_3_2;
mod section_8_3_3;
mod section_8_3_3_1;
mod section_8_3_3_10;
mod section_8_3_3_11;
mod section_8_3_3_12;
mod section_8_3_3_14;
mod section_8_3_3_15;
mod section_8_3_3_18;
mod section_8_3_3_2;
mod section_8_3_3_22;
mod section_8_3_3_3;
mod section_8_3_3_4;
mod section_8_3_3_5;
mod section_8_3_3_6;
mod section_8_3_3_7;
mod section_8_3_3_8;
mod section_8_3_3_9;
mod section_8_3_4;
mod section_8_4;

use crate::case;
use crate::case::Case;
use crate::client::{Client, Next};
use crate::subject::Subject;

/// The cases of each file.
pub(super) const FILES: &[&[Case]] = &[
    CASES,
    section_8_1::CASES,
    section_8_1_1_1::CASES,
    section_8_1_2_1::CASES,
    section_8_1_3::CASES,
    section_8_1_4::CASES,
    section_8_1_5::CASES,
    section_8_2_1::CASES,
    section_8_2_2::CASES,
    section_8_2_3::CASES,
    section_8_3::CASES,
    section_8_3_1::CASES,
    section_8_3_2::CASES,
    section_8_3_3::CASES,
    section_8_3_3_1::CASES,
    section_8_3_3_2::CASES,
    section_8_3_3_3::CASES,
    section_8_3_3_4::CASES,
    section_8_3_3_5::CASES,
    section_8_3_3_6::CASES,
    section_8_3_3_7::CASES,
    section_8_3_3_8::CASES,
    section_8_3_3_9::CASES,
    section_8_3_3_10::CASES,
    section_8_3_3_11::CASES,
    section_8_3_3_12::CASES,
    section_8_3_3_14::CASES,
    section_8_3_3_15::CASES,
    section_8_3_3_18::CASES,
    section_8_3_3_22::CASES,
    section_8_3_4::CASES,
    section_8_4::CASES,
];

const CASES: &[Case] = &[
    case!(Must, partial_stanza_is_not_processed, ["8"]),
    case!(Must, partial_stanza_that_is_broken_off_by_the_closing_tag_is_not_processed, ["8"]),
    case!(Must, timing_of_the_parts_of_a_stanza_has_no_meaning, ["8"]),
];

/// A namespace that no server knows.
pub(super) const UNKNOWN: &str = "urn:example:a-namespace-that-nobody-knows";

/// Each condition with each of the types that an error can have (§8.3.2): the type is only recommended (§8.3.3).
pub(super) fn of_any_type<'a>(conditions: &[&'a str]) -> Vec<(&'a str, &'a str)> {
    let types = ["auth", "cancel", "continue", "modify", "wait"];
    conditions.iter().flat_map(|condition| types.map(|kind| (kind, *condition))).collect()
}

/// Waits until the server has given up this connection, or for as long as is usual.
fn outlives(mut client: Client) {
    while let Next::Item(_) = client.receives_next() {}
}

/// RFC 6120 §8 (security warning): a stanza whose end has not come when the connection ends is not processed.
fn partial_stanza_is_not_processed(subject: &Subject) {
    let [mut romeo, mut juliet, mut nurse] = subject.login(["romeo/orchard", "juliet/balcony", "nurse/kitchen"]);
    romeo.sends("<message to='$juliet/balcony' id='half' type='chat'><body>half of it</body>");
    romeo.hangs_up();
    outlives(romeo);
    juliet.hears_nothing_from(&mut nurse);
}

/// RFC 6120 §8 (security warning): the closing tag of the stream does not complete the stanza before it.
fn partial_stanza_that_is_broken_off_by_the_closing_tag_is_not_processed(subject: &Subject) {
    let [mut romeo, mut juliet, mut nurse] = subject.login(["romeo/orchard", "juliet/balcony", "nurse/kitchen"]);
    romeo.sends("<message to='$juliet/balcony' id='half' type='chat'><body>half of it</body></stream:stream>");
    romeo.receives_stream_error_of(&["not-well-formed", "bad-format", "invalid-xml"]);
    juliet.hears_nothing_from(&mut nurse);
}

/// RFC 6120 §8 (security warning): a stanza that comes octet by octet is the same as one that comes at once.
fn timing_of_the_parts_of_a_stanza_has_no_meaning(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    romeo.sends_in_pieces("<message to='$juliet/balcony' id='slow' type='chat'><body>s&lt;ow</body></message>", 1);
    juliet.receives(
        "<message from='$romeo/orchard' to='$juliet/balcony' id='slow' type='chat'><body>s&lt;ow</body></message>",
    );
    juliet.hears_nothing_from(&mut romeo);
}
