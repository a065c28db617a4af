//! Characters and bytes: what XML 1.0 allows where.
//!
//! Covers the productions `Char` [2], `S` [3], `NameStartChar` [4] and `NameChar` [4a] of XML 1.0 (fifth edition), and the
//! decoding of UTF-8 (RFC 3629 §4). ASCII is classified by one table; what lies above is decoded and asked for one by one.

/// ASCII `NameChar` other than `:`.
pub(crate) const NAME: u8 = 1;
/// ASCII `NameStartChar` other than `:`.
pub(crate) const NAME_START: u8 = 2;
/// `S`: space, tab, newline, carriage return.
pub(crate) const SPACE: u8 = 4;
/// ASCII that stands for itself in character data: no `<`, `&`, `]`, carriage return or other control character.
pub(crate) const TEXT: u8 = 8;
/// ASCII that stands for itself in an attribute value: no quote, `<`, `&`, or control character.
pub(crate) const VALUE: u8 = 16;

static CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 128 {
        let b = byte as u8;
        let mut class = 0;
        if b.is_ascii_alphabetic() || b == b'_' {
            class |= NAME_START | NAME;
        }
        if b.is_ascii_digit() || b == b'-' || b == b'.' {
            class |= NAME;
        }
        if matches!(b, b' ' | b'\t' | b'\n' | b'\r') {
            class |= SPACE;
        }
        if matches!(b, b'\t' | b'\n') || (b >= b' ' && !matches!(b, b'<' | b'&' | b']')) {
            class |= TEXT;
        }
        if b >= b' ' && !matches!(b, b'<' | b'&' | b'\'' | b'"') {
            class |= VALUE;
        }
        table[byte] = class;
        byte += 1;
    }
    table
}

/// Is the byte in one of the classes?
#[inline(always)]
pub(crate) fn in_class(byte: u8, class: u8) -> bool {
    CLASSES[byte as usize] & class != 0
}

/// The first place from `at` on whose byte is not in the class; the end if all are.
#[inline(always)]
pub(crate) fn skip(bytes: &[u8], mut at: usize, class: u8) -> usize {
    while at < bytes.len() && CLASSES[bytes[at] as usize] & class != 0 {
        at += 1;
    }
    at
}

/// What begins a run of bytes that are not ASCII.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decoded {
    /// A character, and of how many bytes.
    Char(char, usize),
    /// The beginning of one; the rest has not come yet.
    Incomplete,
    /// No UTF-8: overlong, a surrogate, beyond U+10FFFF, or a stray byte.
    Invalid,
}

/// Decodes the first character (RFC 3629 §4). A wrong byte is seen as soon as it is there.
pub(crate) fn decode(bytes: &[u8]) -> Decoded {
    let Some(&first) = bytes.first() else { return Decoded::Incomplete };
    let (length, low, high) = match first {
        0..=0x7f => return Decoded::Char(char::from(first), 1),
        0xc2..=0xdf => (2, 0x80, 0xbf),
        0xe0 => (3, 0xa0, 0xbf),
        0xe1..=0xec | 0xee..=0xef => (3, 0x80, 0xbf),
        0xed => (3, 0x80, 0x9f),
        0xf0 => (4, 0x90, 0xbf),
        0xf1..=0xf3 => (4, 0x80, 0xbf),
        0xf4 => (4, 0x80, 0x8f),
        _ => return Decoded::Invalid,
    };
    // The bits that a lead byte carries: 5, 4 or 3.
    let mut value = u32::from(first) & (0x7f >> length);
    for place in 1..length {
        let Some(&byte) = bytes.get(place) else { return Decoded::Incomplete };
        let (low, high) = if place == 1 { (low, high) } else { (0x80, 0xbf) };
        if byte < low || byte > high {
            return Decoded::Invalid;
        }
        value = value << 6 | u32::from(byte & 0x3f);
    }
    char::from_u32(value).map_or(Decoded::Invalid, |c| Decoded::Char(c, length))
}

/// `Char`: what an XML 1.0 document may contain, directly or by reference.
pub(crate) fn is_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

/// `NameStartChar` without the colon (`NCNameStartChar` of Namespaces in XML).
pub(crate) fn is_name_start(c: char) -> bool {
    matches!(c,
        'A'..='Z' | '_' | 'a'..='z'
        | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{2ff}'
        | '\u{370}'..='\u{37d}' | '\u{37f}'..='\u{1fff}' | '\u{200c}'..='\u{200d}'
        | '\u{2070}'..='\u{218f}' | '\u{2c00}'..='\u{2fef}' | '\u{3001}'..='\u{d7ff}'
        | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffd}' | '\u{10000}'..='\u{effff}')
}

/// `NameChar` without the colon.
pub(crate) fn is_name_char(c: char) -> bool {
    is_name_start(c)
        || matches!(c,
            '-' | '.' | '0'..='9' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}')
}

/// `NCName`: a name without colon, as local names and prefixes are.
pub(crate) fn is_ncname(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(is_name_start) && chars.all(is_name_char)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every sequence of up to four bytes from the borders of RFC 3629's table is judged as the standard library judges it.
    #[test]
    fn decoding_agrees_with_the_standard_library() {
        let borders = [
            0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee,
            0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff,
        ];
        for a in borders {
            for b in borders {
                for c in borders {
                    for d in borders {
                        let bytes = [a, b, c, d];
                        for length in 1..=4 {
                            let bytes = &bytes[..length];
                            let expected = match std::str::from_utf8(bytes) {
                                Ok(text) => text.chars().next(),
                                Err(e) if e.valid_up_to() > 0 => {
                                    std::str::from_utf8(&bytes[..e.valid_up_to()]).unwrap().chars().next()
                                }
                                Err(e) => {
                                    let wanted =
                                        if e.error_len().is_none() { Decoded::Incomplete } else { Decoded::Invalid };
                                    assert_eq!(decode(bytes), wanted, "{bytes:x?}");
                                    continue;
                                }
                            };
                            let expected = expected.unwrap();
                            assert_eq!(decode(bytes), Decoded::Char(expected, expected.len_utf8()), "{bytes:x?}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_table_agrees_with_the_productions() {
        for byte in 0..128 {
            let c = char::from(byte);
            assert_eq!(in_class(byte, NAME_START), is_name_start(c), "{c:?}");
            assert_eq!(in_class(byte, NAME), is_name_char(c), "{c:?}");
            assert_eq!(in_class(byte, SPACE), matches!(c, ' ' | '\t' | '\n' | '\r'), "{c:?}");
            assert!(!in_class(byte, TEXT | VALUE) || is_char(c), "{c:?}");
        }
    }
}
