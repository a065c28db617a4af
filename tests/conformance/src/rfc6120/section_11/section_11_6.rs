//! RFC 6120 §11.6: character encoding.

use super::{header_behind, outcome_of, outcome_of_header, receives_any_error};
use crate::case;
use crate::case::Case;
use crate::client::HEADER;
use crate::subject::{Stage, Subject};

pub(super) const CASES: &[Case] = &[
    case!(Must, utf_8_is_understood_and_sent, ["11.6", "12", "13.9.6"]),
    case!(Must, another_encoding_is_refused, ["11.6", "4.9.3.22"]),
    case!(Should, another_encoding_is_called_unsupported, ["11.6", "4.9.3.22"]),
    case!(Must, bytes_that_are_no_utf_8_end_the_stream, ["11.6", "4.9.3.22", "13.9.6"]),
    case!(Should, bytes_that_are_no_utf_8_are_called_unsupported, ["11.6", "4.9.3.22"]),
    case!(Must, bytes_that_are_no_utf_8_are_not_delivered, ["11.6", "13.9.6"]),
    case!(Must, server_sends_no_byte_order_mark, ["11.6"]),
    case!(Must, zero_width_no_break_space_is_a_character, ["11.6"]),
    case!(Must, byte_order_mark_before_the_stream_is_answered, ["11.6"]),
];

/// What RFC 3629 §3 forbids: bytes that never occur, forms that are too long, surrogates, what is beyond Unicode, and
/// characters that are cut off or begin in the middle.
const NO_UTF_8: [&[u8]; 10] = [
    b"\xff",
    b"\xfe",
    b"\xc0\xaf",
    b"\xe0\x80\xaf",
    b"\xf0\x80\x80\xaf",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xc3(",
    b"\x80",
    b"caf\xe9 ",
];

/// RFC 6120 §11.6: UTF-8 is supported, for all of Unicode.
fn utf_8_is_understood_and_sent(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    for text in
        ["é ß Ω я", "日本語 한국어", "עברית العربية", "😀 𝄞 \u{10FFFD}", "\u{7F}\u{80}\u{7FF}\u{800}\u{FFFD}\u{10000}"]
    {
        romeo.sends(format!("<message to='$juliet/balcony' type='chat' id='1'><body>{text}</body></message>"));
        juliet.receives(format!(
            "<message from='$romeo/orchard' to='$juliet/balcony' type='chat' id='1'><body>{text}</body></message>"
        ));
    }
}

/// RFC 6120 §11.6: a stream in another encoding is closed with an error, also if the encoding is only declared.
fn another_encoding_is_refused(subject: &Subject) {
    for encoding in ["UTF-16", "ISO-8859-1", "UTF-32"] {
        let mut romeo = subject.connect();
        romeo.sends_header(&header_behind(&format!("<?xml version='1.0' encoding='{encoding}'?>")));
        let outcome = outcome_of_header(&mut romeo);
        assert!(outcome.is_err(), "{encoding} was accepted");
    }
    for big_endian in [true, false] {
        let mut romeo = subject.connect();
        romeo.sends_bytes(utf_16(&subject.expand(HEADER), big_endian));
        receives_any_error(&mut romeo);
    }
}

/// RFC 6120 §11.6, §4.9.3.22: the error is `unsupported-encoding`, or `bad-format` from some implementations.
fn another_encoding_is_called_unsupported(subject: &Subject) {
    for encoding in ["UTF-16", "ISO-8859-1"] {
        let mut romeo = subject.connect();
        romeo.sends_header(&header_behind(&format!("<?xml version='1.0' encoding='{encoding}'?>")));
        romeo.receives_stream_error_of(&["unsupported-encoding", "bad-format"]);
    }
    let mut romeo = subject.connect();
    romeo.sends_bytes(utf_16(&subject.expand(HEADER), true));
    romeo.receives_stream_error_of(&["unsupported-encoding", "bad-format"]);
}

/// RFC 6120 §11.6, §4.9.3.22: bytes that break the rules of UTF-8 end the stream with an error, at every stage.
fn bytes_that_are_no_utf_8_end_the_stream(subject: &Subject) {
    for bytes in NO_UTF_8 {
        let mut romeo = subject.bound("romeo/orchard");
        romeo.sends_bytes([b"<message><body>", bytes, b"</body></message>"].concat());
        receives_any_error(&mut romeo);
    }
    for stage in [Stage::Clear, Stage::Secure, Stage::Authenticated] {
        let mut romeo = subject.at(stage, "romeo");
        romeo.notes(&format!("{stage:?}"));
        romeo.sends_bytes(b"<message><body>\xff</body></message>");
        receives_any_error(&mut romeo);
    }
}

/// RFC 6120 §4.9.3.22: such bytes are an improper encoding, `unsupported-encoding`; they are not well-formed XML, either.
fn bytes_that_are_no_utf_8_are_called_unsupported(subject: &Subject) {
    for bytes in NO_UTF_8 {
        let mut romeo = subject.bound("romeo/orchard");
        romeo.sends_bytes([b"<message><body>", bytes, b"</body></message>"].concat());
        romeo.receives_stream_error_of(&["unsupported-encoding", "bad-format", "not-well-formed"]);
    }
}

/// RFC 6120 §11.6: what is not UTF-8 is not handed on, nor repaired and handed on.
fn bytes_that_are_no_utf_8_are_not_delivered(subject: &Subject) {
    let [mut juliet, mut nurse] = subject.login(["juliet/balcony", "nurse/house"]);
    for bytes in [NO_UTF_8[0], NO_UTF_8[2], NO_UTF_8[5], NO_UTF_8[9]] {
        let mut romeo = subject.bound("romeo/orchard");
        let start = subject.expand("<message to='$juliet/balcony' type='chat'><body>");
        romeo.sends_bytes([start.as_bytes(), bytes, b"</body></message>"].concat());
        receives_any_error(&mut romeo);
        juliet.hears_nothing_from(&mut nurse);
    }
}

/// RFC 6120 §11.6: a server sends no byte order mark.
fn server_sends_no_byte_order_mark(subject: &Subject) {
    let mut romeo = subject.connect();
    romeo.opens();
    assert!(romeo.heard().starts_with('<'), "{:?}", romeo.heard());
    romeo.starts_tls().opens();
    assert!(romeo.heard().starts_with('<'), "{:?}", romeo.heard());
}

/// RFC 6120 §11.6: U+FEFF is a zero width no-break space wherever it stands: in text it arrives, between stanzas it is
/// text.
fn zero_width_no_break_space_is_a_character(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    for text in ["\u{FEFF}first", "in\u{FEFF}between", "last\u{FEFF}"] {
        romeo.sends(format!("<message to='$juliet/balcony' type='chat' id='1'><body>{text}</body></message>"));
        juliet.receives(format!(
            "<message from='$romeo/orchard' to='$juliet/balcony' type='chat' id='1'><body>{text}</body></message>"
        ));
    }
    romeo.sends("<message to='$juliet/balcony' type='chat' id='1'><body>&#xFEFF;</body></message>");
    juliet.receives(
        "<message from='$romeo/orchard' to='$juliet/balcony' type='chat' id='1'><body>\u{FEFF}</body></message>",
    );
}

/// RFC 6120 §11.6: as the first character of a stream, too, it is no byte order mark. No XML begins with such text
/// (§11.3); a server that has an XML parser pass over it opens the stream. Either way there is an answer.
fn byte_order_mark_before_the_stream_is_answered(subject: &Subject) {
    let mut romeo = subject.connect();
    romeo.sends_header(&header_behind("\u{FEFF}<?xml version='1.0'?>"));
    if outcome_of_header(&mut romeo).is_ok() {
        romeo.starts_tls();
        let mut juliet = subject.bound("juliet/balcony");
        juliet.sends("<iq to='$domain' type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>");
        let answer = outcome_of(&mut juliet, "1");
        assert!(answer.is_ok(), "{answer:?}");
    }
}

fn utf_16(text: &str, big_endian: bool) -> Vec<u8> {
    let bytes = |unit: u16| if big_endian { unit.to_be_bytes() } else { unit.to_le_bytes() };
    std::iter::once(0xFEFF).chain(text.encode_utf16()).flat_map(bytes).collect()
}
