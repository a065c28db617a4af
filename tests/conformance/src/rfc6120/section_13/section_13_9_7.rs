//! RFC 6120 §13.9.6, §13.9.7: use of UTF-8 and of XML, before anybody has authenticated.

use crate::case;
use crate::case::Case;
use crate::client::HEADER;
use crate::subject::{Stage, Subject};

pub(super) const CASES: &[Case] = &[
    case!(Must, entities_are_not_expanded, ["13.9", "13.9.7", "xml-restriction-dtd"]),
    case!(Must, octets_that_are_no_utf_8_end_the_stream, ["13.9.6"]),
];

/// RFC 6120 §13.9.7, §11.1: what is dangerous in XML is not done: a document type declaration, with entities that grow when
/// they are expanded, ends the stream before anything of it counts.
fn entities_are_not_expanded(subject: &Subject) {
    let declaration = "<!DOCTYPE lolz [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;'>\
                       <!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;'>]>";
    for (before, behind) in [("", HEADER.trim_start_matches("<?xml version='1.0'?>")), (HEADER, "")] {
        let mut romeo = subject.connect();
        romeo.sends_header(&format!("{before}{declaration}{behind}"));
        romeo.receives_stream_error_of(&["restricted-xml", "not-well-formed", "bad-format"]);
    }
}

/// RFC 6120 §13.9.6, RFC 3629 §10: octets that are no UTF-8, forms longer than need be among them, are not taken for the
/// characters that they resemble: the stream ends, at every stage.
fn octets_that_are_no_utf_8_end_the_stream(subject: &Subject) {
    for stage in [Stage::Clear, Stage::Secure, Stage::Bound] {
        // An overlong "/", a surrogate, a lone continuation, an octet that UTF-8 does not have.
        for octets in [b"\xc0\xaf".as_slice(), b"\xed\xa0\x80", b"\x80", b"\xff"] {
            let mut romeo = subject.at(stage, "romeo");
            romeo.notes(&format!("{stage:?}: {octets:x?}"));
            romeo.sends_bytes([b"<message><body>".as_slice(), octets, b"</body></message>"].concat());
            romeo.receives_stream_error_of(&[
                "not-well-formed",
                "bad-format",
                "unsupported-encoding",
                "invalid-xml",
                "policy-violation",
            ]);
        }
    }
}
