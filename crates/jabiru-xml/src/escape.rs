//! Escaping: strings made safe as character data and as attribute values.
//!
//! What is written comes back from any XML parser as it was: what line-end and whitespace normalisation (XML 1.0 §2.11,
//! §3.3.3) would change goes as a reference. Characters that XML 1.0 can't carry at all (§2.2: most control characters,
//! U+FFFE, U+FFFF) become U+FFFD.

/// Appends `text` as character data.
///
/// `&`, `<`, `>` and carriage returns become references; `>` so that `]]>` never appears.
pub fn text(out: &mut Vec<u8>, text: &str) {
    escape(out, text.as_bytes(), IN_TEXT);
}

/// Appends `value` as the inside of an attribute value, safe within either kind of quote.
///
/// `&`, `<`, `>`, both quotes, tabs, newlines and carriage returns become references.
pub fn attribute(out: &mut Vec<u8>, value: &str) {
    escape(out, value.as_bytes(), IN_VALUE);
}

fn escape(out: &mut Vec<u8>, mut rest: &[u8], class: u8) {
    while let Some(at) = rest.iter().position(|b| SPECIAL[*b as usize] & class != 0) {
        out.extend_from_slice(&rest[..at]);
        let (instead, length): (&[u8], usize) = match rest[at] {
            b'&' => (b"&amp;", 1),
            b'<' => (b"&lt;", 1),
            b'>' => (b"&gt;", 1),
            b'\'' => (b"&apos;", 1),
            b'"' => (b"&quot;", 1),
            b'\t' => (b"&#x9;", 1),
            b'\n' => (b"&#xA;", 1),
            b'\r' => (b"&#xD;", 1),
            // U+FFFE and U+FFFF.
            0xef if matches!(rest[at + 1..], [0xbf, 0xbe | 0xbf, ..]) => (REPLACEMENT, 3),
            0xef => (&[0xef], 1),
            _ => (REPLACEMENT, 1),
        };
        out.extend_from_slice(instead);
        rest = &rest[at + length..];
    }
    out.extend_from_slice(rest);
}

const REPLACEMENT: &[u8] = "\u{fffd}".as_bytes();

const IN_TEXT: u8 = 1;
const IN_VALUE: u8 = 2;

static SPECIAL: [u8; 256] = special();

const fn special() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte as u8 {
            b'\t' | b'\n' | b'\'' | b'"' => IN_VALUE,
            b'&' | b'<' | b'>' | 0..=0x1f | 0xef => IN_TEXT | IN_VALUE,
            _ => 0,
        };
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    #[test]
    fn table() {
        for (given, in_text, in_value) in [
            ("", "", ""),
            ("plain", "plain", "plain"),
            ("<&>'\"]]>", "&lt;&amp;&gt;'\"]]&gt;", "&lt;&amp;&gt;&apos;&quot;]]&gt;"),
            ("a\tb\nc\rd", "a\tb\nc&#xD;d", "a&#x9;b&#xA;c&#xD;d"),
            ("\0\u{b}\u{1f}\u{7f}", "\u{fffd}\u{fffd}\u{fffd}\u{7f}", "\u{fffd}\u{fffd}\u{fffd}\u{7f}"),
            (
                "\u{fffe}\u{ffff}\u{fffd}\u{feff}",
                "\u{fffd}\u{fffd}\u{fffd}\u{feff}",
                "\u{fffd}\u{fffd}\u{fffd}\u{feff}",
            ),
            ("\u{10ffff}ö漢", "\u{10ffff}ö漢", "\u{10ffff}ö漢"),
        ] {
            let (mut text, mut value) = (Vec::new(), Vec::new());
            super::text(&mut text, given);
            super::attribute(&mut value, given);
            assert_eq!(String::from_utf8(text).unwrap(), in_text, "{given:?} as text");
            assert_eq!(String::from_utf8(value).unwrap(), in_value, "{given:?} as a value");
        }
    }
}
