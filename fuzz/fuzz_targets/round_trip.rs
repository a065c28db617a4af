//! What is written is read back as it was, by three parsers.

#![no_main]

use jabiru_fuzz::witness;
use jabiru_xml::{Element, Event, Reader};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&choice, rest)) = data.split_first() else { return };
    if choice & 1 == 0 {
        let stream = jabiru_fuzz::stream(rest);
        let mut reader = Reader::new(witness::WIDE);
        let mut input = stream.as_slice();
        while let Ok(Some(event)) = reader.read(&mut input) {
            if let Event::Element(raw) = event {
                witness::check_rewriting(&raw);
                witness::check_element(&raw.to_element());
            }
        }
    } else {
        let text = String::from_utf8_lossy(rest);
        witness::check_element(&element(&mut text.split('\u{1}'), 0));
    }
});

/// An element made of strings: each begins with a character that says what it becomes.
fn element<'a>(parts: &mut impl Iterator<Item = &'a str>, depth: usize) -> Element {
    let namespace = match parts.next() {
        Some("http://www.w3.org/XML/1998/namespace" | "http://www.w3.org/2000/xmlns/") | None => "",
        Some(namespace) => namespace,
    };
    let mut element = Element::new("a", namespace);
    while let Some(part) = parts.next() {
        let mut chars = part.chars();
        match chars.next() {
            None => break,
            Some('(') if depth < 20 => element.push_child(self::element(parts, depth + 1)),
            Some(kind @ 'b'..='e') => element.set_attribute(&kind.to_string(), Some(chars.as_str())),
            Some('l') => element = element.with_lang(chars.as_str()),
            Some(_) => element.push_text(chars.as_str()),
        }
    }
    element
}
