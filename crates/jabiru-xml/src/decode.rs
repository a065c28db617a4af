//! What text and attribute values mean: references resolved, line ends and whitespace normalised.
//!
//! XML 1.0 §2.11 (line ends), §3.3.3 (attribute values), §4.1 (references). All of it works on bytes that the scanner has
//! accepted, so nothing can fail here.

use std::borrow::Cow;

use crate::chars;

/// The character that a reference stands for; given is what stands between `&` and `;`. `None` if there is none.
pub(crate) fn reference(name: &[u8]) -> Option<char> {
    match name {
        b"amp" => Some('&'),
        b"lt" => Some('<'),
        b"gt" => Some('>'),
        b"quot" => Some('"'),
        b"apos" => Some('\''),
        [b'#', b'x', digits @ ..] => character(digits, 16),
        [b'#', digits @ ..] => character(digits, 10),
        _ => None,
    }
}

fn character(digits: &[u8], radix: u32) -> Option<char> {
    if digits.is_empty() {
        return None;
    }
    let value = digits.iter().try_fold(0u32, |value, digit| {
        let value = value * radix + char::from(*digit).to_digit(radix)?;
        (value <= 0x10_ffff).then_some(value)
    })?;
    char::from_u32(value).filter(|c| chars::is_char(*c))
}

/// Appends the value of an attribute, given what stands between its quotes.
pub(crate) fn value_into(raw: &[u8], out: &mut Vec<u8>) {
    let mut rest = raw;
    while let Some(at) = rest.iter().position(|b| matches!(b, b'&' | b'\t' | b'\n' | b'\r')) {
        out.extend_from_slice(&rest[..at]);
        rest = match rest[at] {
            b'&' => reference_into(&rest[at + 1..], out),
            b'\r' => {
                out.push(b' ');
                rest[at + 1..].strip_prefix(b"\n").unwrap_or(&rest[at + 1..])
            }
            _ => {
                out.push(b' ');
                &rest[at + 1..]
            }
        };
    }
    out.extend_from_slice(rest);
}

/// The value of an attribute that has references or whitespace to be normalised.
pub(crate) fn value(raw: &[u8]) -> Cow<'_, str> {
    let mut out = Vec::with_capacity(raw.len());
    value_into(raw, &mut out);
    Cow::Owned(string(out))
}

/// Appends the meaning of a run of character data, CDATA sections included.
pub(crate) fn text_into(raw: &[u8], out: &mut Vec<u8>) {
    let mut rest = raw;
    while let Some(at) = memchr::memchr3(b'&', b'\r', b'<', rest) {
        out.extend_from_slice(&rest[..at]);
        rest = match rest[at] {
            b'&' => reference_into(&rest[at + 1..], out),
            b'\r' => {
                out.push(b'\n');
                rest[at + 1..].strip_prefix(b"\n").unwrap_or(&rest[at + 1..])
            }
            _ => {
                let inside = &rest[(at + CDATA_OPEN).min(rest.len())..];
                let end = memchr::memmem::find(inside, b"]]>").unwrap_or(inside.len());
                lines_into(&inside[..end], out);
                &inside[(end + CDATA_CLOSE).min(inside.len())..]
            }
        };
    }
    out.extend_from_slice(rest);
}

/// Whether a run of character data means what it says.
pub(crate) fn is_plain(raw: &[u8]) -> bool {
    memchr::memchr3(b'&', b'\r', b'<', raw).is_none()
}

fn lines_into(mut rest: &[u8], out: &mut Vec<u8>) {
    while let Some(at) = memchr::memchr(b'\r', rest) {
        out.extend_from_slice(&rest[..at]);
        out.push(b'\n');
        rest = rest[at + 1..].strip_prefix(b"\n").unwrap_or(&rest[at + 1..]);
    }
    out.extend_from_slice(rest);
}

/// Appends what the reference means whose `&` has just been passed; gives what follows it.
fn reference_into<'a>(rest: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let end = memchr::memchr(b';', rest).unwrap_or(rest.len());
    if let Some(c) = reference(&rest[..end]) {
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
    &rest[(end + 1).min(rest.len())..]
}

/// Bytes that the scanner has found to be UTF-8.
pub(crate) fn str(bytes: &[u8]) -> &str {
    debug_assert!(std::str::from_utf8(bytes).is_ok());
    std::str::from_utf8(bytes).unwrap_or_default()
}

pub(crate) fn string(bytes: Vec<u8>) -> String {
    debug_assert!(std::str::from_utf8(&bytes).is_ok());
    String::from_utf8(bytes).unwrap_or_default()
}

const CDATA_OPEN: usize = "<![CDATA[".len();
const CDATA_CLOSE: usize = "]]>".len();
