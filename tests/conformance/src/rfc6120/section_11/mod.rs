//! RFC 6120 §11: XML usage.

mod section_11_1;
mod section_11_2;
mod section_11_3;
mod section_11_4;
mod section_11_5;
mod section_11_6;
mod section_11_7;
mod section_11_8;

use crate::case::Case;
use crate::client::{Client, Item, Next, STREAM_CONDITIONS};
use crate::ns;
use crate::tree::Element;

/// The cases of each file.
pub(super) const FILES: &[&[Case]] = &[
    section_11_1::CASES,
    section_11_2::CASES,
    section_11_3::CASES,
    section_11_4::CASES,
    section_11_5::CASES,
    section_11_6::CASES,
    section_11_7::CASES,
    section_11_8::CASES,
];

/// A stream header behind this prologue.
fn header_behind(prologue: &str) -> String {
    format!(
        "{prologue}<stream:stream to='$domain' version='1.0' xmlns='jabber:client' \
         xmlns:stream='http://etherx.jabber.org/streams'>"
    )
}

/// The stream error that is due, behind a header if none has come yet.
#[track_caller]
fn receives_any_error(client: &mut Client) -> String {
    client.receives_stream_error_of(&STREAM_CONDITIONS).condition
}

/// What answers a new header: the features, or the condition of the error that refuses it.
#[track_caller]
fn outcome_of_header(client: &mut Client) -> Result<Element, String> {
    client.receives_header();
    let next = client.receives_any();
    if next.is("features", ns::STREAM) {
        return Ok(next);
    }
    assert!(next.is("error", ns::STREAM), "features or an error were due: {next}");
    client.receives_close();
    Err(next.elements().next().map(|condition| condition.name.clone()).unwrap_or_default())
}

/// What answers the request with this id, or the condition of the stream error that comes instead.
#[track_caller]
fn outcome_of(client: &mut Client, id: &str) -> Result<Element, String> {
    loop {
        match client.receives_next() {
            Next::Item(Item::Element(next)) if next.is("error", ns::STREAM) => {
                client.receives_close();
                return Err(next.elements().next().map(|condition| condition.name.clone()).unwrap_or_default());
            }
            Next::Item(Item::Element(next)) if next.attribute("id") == Some(id) => return Ok(next),
            Next::Item(Item::Element(next)) => assert_eq!(next.name, "presence", "not expected: {next}"),
            Next::Item(Item::Space) => {}
            other => panic!("an answer or an error was due: {other:?}"),
        }
    }
}
