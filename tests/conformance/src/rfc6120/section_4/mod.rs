//! RFC 6120 §4: XML streams.

mod section_4_1;
mod section_4_10;
mod section_4_2;
mod section_4_3_2;
mod section_4_3_3;
mod section_4_3_5;
mod section_4_3_6;
mod section_4_4;
mod section_4_5;
mod section_4_6;
mod section_4_7;
mod section_4_7_1;
mod section_4_7_2;
mod section_4_7_3;
mod section_4_7_4;
mod section_4_7_5;
mod section_4_8_1;
mod section_4_8_2;
mod section_4_8_3;
mod section_4_8_4;
mod section_4_8_5;
mod section_4_9_1;
mod section_4_9_2;
mod section_4_9_3;
mod section_4_9_3_14;
mod section_4_9_3_16;
mod section_4_9_3_21;
mod section_4_9_4;

use crate::case::Case;
use crate::client::{Header, STREAM_CONDITIONS};
use crate::subject::Subject;

/// The cases of each file.
pub(super) const FILES: &[&[Case]] = &[
    section_4_1::CASES,
    section_4_2::CASES,
    section_4_3_2::CASES,
    section_4_3_3::CASES,
    section_4_3_5::CASES,
    section_4_3_6::CASES,
    section_4_4::CASES,
    section_4_5::CASES,
    section_4_6::CASES,
    section_4_7::CASES,
    section_4_7_1::CASES,
    section_4_7_2::CASES,
    section_4_7_3::CASES,
    section_4_7_4::CASES,
    section_4_7_5::CASES,
    section_4_8_1::CASES,
    section_4_8_2::CASES,
    section_4_8_3::CASES,
    section_4_8_4::CASES,
    section_4_8_5::CASES,
    section_4_9_1::CASES,
    section_4_9_2::CASES,
    section_4_9_3::CASES,
    section_4_9_3_16::CASES,
    section_4_9_3_21::CASES,
    section_4_9_3_14::CASES,
    section_4_9_4::CASES,
    section_4_10::CASES,
];

/// For rules that want a stream error and leave open which.
const ANY_CONDITION: [&str; 25] = STREAM_CONDITIONS;

/// A stream header with these attributes and the usual namespaces.
fn header(attributes: &str) -> String {
    format!(
        "<?xml version='1.0'?><stream:stream {attributes} xmlns='jabber:client' \
         xmlns:stream='http://etherx.jabber.org/streams'>"
    )
}

/// The response headers of romeo's three streams (in clear, under TLS, authenticated), each opened with `header`.
#[track_caller]
fn three_headers(subject: &Subject, header: &str) -> [Header; 3] {
    let mut romeo = subject.connect();
    romeo.sends_header(header);
    let clear = romeo.receives_header();
    romeo.receives_features();
    romeo.starts_tls();
    romeo.sends_header(header);
    let secure = romeo.receives_header();
    let features = romeo.receives_features();
    romeo.authenticates("romeo", &features);
    romeo.sends_header(header);
    let authenticated = romeo.receives_header();
    romeo.receives_features();
    [clear, secure, authenticated]
}
