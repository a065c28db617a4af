//! Generated streams: read as the same tree by three parsers, and the same however cut.

#![allow(clippy::unwrap_used)]

mod witness;

use std::fmt::Write;

use jabiru_xml::{Event, Reader};
use proptest::prelude::*;

/// One piece of content, with how it is written down.
#[derive(Clone, Debug)]
enum Source {
    Element {
        prefix: &'static str,
        name: String,
        attributes: Vec<String>,
        space: &'static str,
        content: Vec<Source>,
    },
    /// Written as it stands.
    Raw(String),
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-z]{1,6}",
        1 => "[A-Z_\u{c0}-\u{d6}\u{370}-\u{37d}\u{3001}-\u{d7ff}\u{10000}-\u{effff}][-.0-9a-z\u{b7}\u{300}-\u{36f}]{0,3}",
    ]
    .prop_filter("reserved", |name| name != "xmlns")
}

fn space() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["", " ", "\n", "\t", " \n\t", "\r\n"])
}

/// A character as XML may spell it; beyond the BMP too.
fn character(c: char, form: u8) -> String {
    match (c, form % 4) {
        ('<', 0) => "&lt;".to_owned(),
        ('&', 0) => "&amp;".to_owned(),
        ('>', 0 | 1) => "&gt;".to_owned(),
        ('\'', 0 | 1) => "&apos;".to_owned(),
        ('"', 0 | 1) => "&quot;".to_owned(),
        ('<' | '&' | '>' | '\'' | '"' | '\r', 1 | 2) | (_, 1) => format!("&#{};", u32::from(c)),
        ('<' | '&' | '>' | '\'' | '"' | '\r', _) | (_, 2) => format!("&#x{:x};", u32::from(c)),
        _ => c.to_string(),
    }
}

/// Characters that XML has, those with a meaning often.
fn xml_char() -> impl Strategy<Value = char> {
    prop_oneof![
        prop::char::range(' ', '~'),
        prop::sample::select(vec![
            '<', '&', '>', '\'', '"', ']', '\n', '\t', '\r', '\u{feff}', '\u{fffd}', '\u{85}', '\u{7f}'
        ]),
        prop::char::range('\u{80}', '\u{d7ff}'),
        prop::char::range('\u{10000}', '\u{10ffff}'),
    ]
}

fn characters() -> impl Strategy<Value = String> {
    prop::collection::vec((xml_char(), any::<u8>()), 0..8)
        .prop_map(|chars| chars.into_iter().map(|(c, form)| character(c, form)).collect())
}

fn text() -> impl Strategy<Value = String> {
    let section = prop::collection::vec(xml_char().prop_filter("ends a section", |c| *c != ']'), 0..8)
        .prop_map(|chars| format!("<![CDATA[{}]]>", String::from_iter(chars)));
    let lines = prop::sample::select(vec!["\r\n", "\r", "\n\r", "]]", "]] >", " \t "]).prop_map(str::to_owned);
    prop_oneof![4 => characters(), 1 => section, 1 => lines]
}

/// Attributes with names that can't collide, and declarations of `p`, `q` and the default namespace.
fn attributes() -> impl Strategy<Value = Vec<String>> {
    let value = prop_oneof![
        characters().prop_map(|value| format!("'{}'", value.replace('\'', "&apos;").replace(['\t', '\n'], " "))),
        characters().prop_map(|value| format!("\"{}\"", value.replace('"', "&#34;"))),
        prop::collection::vec(prop::sample::select(vec!["\r\n", "\n", "\t", "\r", " ", "a", "&#13;", "&#xa;"]), 0..6)
            .prop_map(|pieces| format!("'{}'", pieces.concat())),
    ];
    let plain = prop::collection::vec(
        (prop::sample::select(vec!["", "p:", "q:", "xml:"]), name(), value.clone(), space()),
        0..4,
    )
    .prop_map(|all| {
        let each = |(n, (prefix, name, value, space)): (usize, (&str, String, String, &str))| {
            format!("{prefix}{name}{n}{space}={space}{value}")
        };
        all.into_iter().enumerate().map(each).collect::<Vec<_>>()
    });
    let names = vec!["urn:p", "urn:q", "jabber:client", "u&amp;v", "u&#9; v", "\u{10000}", "}", "urn:'x"];
    let declared = prop::sample::select(names);
    let declarations =
        prop::collection::btree_map(prop::sample::select(vec!["xmlns", "xmlns:p", "xmlns:q"]), declared, 0..3)
            .prop_map(|all| all.into_iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect::<Vec<_>>());
    (plain, declarations, any::<bool>()).prop_map(|(plain, declarations, first)| {
        if first { [declarations, plain].concat() } else { [plain, declarations].concat() }
    })
}

fn source() -> impl Strategy<Value = Source> {
    let element = |content: BoxedStrategy<Vec<Source>>| {
        (prop::sample::select(vec!["", "", "p:", "q:"]), name(), attributes(), space(), content).prop_map(
            |(prefix, name, attributes, space, content)| Source::Element { prefix, name, attributes, space, content },
        )
    };
    element(Just(Vec::new()).boxed()).prop_recursive(4, 20, 4, move |inner| {
        let piece = prop_oneof![2 => inner, 3 => text().prop_map(Source::Raw)];
        element(prop::collection::vec(piece, 0..5).boxed())
    })
}

fn write(source: &Source, out: &mut String) {
    match source {
        Source::Raw(text) => out.push_str(text),
        Source::Element { prefix, name, attributes, space, content } => {
            write!(out, "<{prefix}{name}").unwrap();
            for attribute in attributes {
                write!(out, "{}{attribute}", if space.is_empty() { " " } else { space }).unwrap();
            }
            if content.is_empty() && space.len() < 2 {
                write!(out, "{space}/>").unwrap();
                return;
            }
            write!(out, "{space}>").unwrap();
            content.iter().for_each(|piece| write(piece, out));
            write!(out, "</{prefix}{name}{space}>").unwrap();
        }
    }
}

/// The usual header; the content namespace as a prefix (RFC 6120 §4.8.5), beside another default namespace and beside none.
const HEADERS: [&str; 3] = [
    "<?xml version='1.0'?>\n<stream:stream xml:lang='en' xmlns='jabber:client' \
        xmlns:stream='http://etherx.jabber.org/streams' xmlns:p='urn:p'  xmlns:q = \"urn:q&amp;\">",
    "<stream:stream xmlns='urn:d' xmlns:stream='http://etherx.jabber.org/streams' xmlns:p='jabber:client' xmlns:q='u'>",
    "<stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns:p='jabber:server' xmlns:q='jabber:client'>",
];

/// What a reader gives out for the pieces.
fn events<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
    let mut reader = Reader::new(witness::WIDE);
    let mut events = Vec::new();
    for mut piece in pieces {
        loop {
            match reader.read(&mut piece) {
                Ok(None) => break,
                Ok(Some(Event::Element(element))) => {
                    let shown = String::from_utf8_lossy(element.as_bytes()).into_owned();
                    events.push(format!("{shown} {:?}", element.to_element()));
                }
                Ok(Some(event)) => events.push(format!("{event:?}")),
                Err(error) => {
                    events.push(error.to_string());
                    return events;
                }
            }
        }
    }
    events
}

proptest! {
    #[test]
    fn streams(header in prop::sample::select(HEADERS.to_vec()), elements in prop::collection::vec((source(), space()), 0..3), cut in any::<prop::sample::Index>()) {
        let mut stream = header.to_owned();
        for (element, space) in &elements {
            write(element, &mut stream);
            stream.push_str(space);
        }
        stream.push_str("</stream:stream>\n");
        let bytes = stream.as_bytes();
        match witness::ours(bytes, witness::WIDE) {
            Ok(tree) => {
                let tree = tree.expect("the stream is closed");
                for (name, theirs) in [("rxml", witness::rxml(bytes)), ("xml", witness::xml(bytes))] {
                    match theirs {
                        Ok(theirs) if theirs == tree => {}
                        Ok(_) if witness::excused_difference(name, bytes) => {}
                        Ok(theirs) => prop_assert_eq!(&theirs, &tree, "{}", name),
                        Err(error) => prop_assert!(witness::excused(name, &error, bytes), "{}: {}\n{}", name, error, stream),
                    }
                }
                let mut reader = Reader::new(witness::WIDE);
                let mut input = bytes;
                while let Ok(Some(event)) = reader.read(&mut input) {
                    if let Event::Element(raw) = event {
                        witness::check_rewriting(&raw);
                    }
                }
            }
            Err(error) => prop_assert!(false, "{}: {}", error, stream),
        }
        let whole = events([bytes]);
        let (front, back) = bytes.split_at(cut.index(bytes.len()));
        prop_assert_eq!(&events([front, back]), &whole);
        prop_assert_eq!(&events(bytes.chunks(1)), &whole);
        // What is cut off or damaged is treated alike too.
        prop_assert_eq!(events(front.chunks(1)), events([front]));
        let mut damaged = bytes.to_vec();
        damaged.swap_remove(cut.index(bytes.len()));
        prop_assert_eq!(events(damaged.chunks(1)), events([&damaged[..]]));
    }
}
