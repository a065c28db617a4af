//! The server's half of a stream, parsed as it arrives, by the crate `xml`.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::io::{self, Read};

use xml::reader::{ErrorKind, EventReader, ParserConfig, XmlEvent};

use crate::tree::{Builder, Element, element};

/// What a stream is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// The stream header.
    Header(Header),
    /// A first-level element.
    Element(Element),
    /// White space between first-level elements, such as keeps a connection alive (RFC 6120 §4.6.1).
    Space,
    /// The closing tag of the stream.
    Close,
}

/// A stream header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The root element without content: its name, namespace and attributes.
    pub root: Element,
    /// The namespaces that it declares, by prefix; the default one has none.
    pub namespaces: BTreeMap<String, String>,
}

impl Header {
    /// The value of an attribute.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.root.attribute(name)
    }
}

/// The parser of one stream; a restart needs a new one.
pub(crate) struct StreamParser {
    reader: EventReader<Pending>,
    builder: Builder,
    opened: bool,
    closed: bool,
    /// Bytes of a character that has not arrived whole.
    partial: Vec<u8>,
}

/// What has arrived and was not parsed yet.
#[derive(Debug, Default)]
struct Pending(VecDeque<u8>);

impl Read for Pending {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.0.read(buffer)
    }
}

impl StreamParser {
    pub(crate) fn new() -> StreamParser {
        let config = ParserConfig::new()
            .ignore_end_of_stream(true)
            .ignore_comments(false)
            .cdata_to_characters(true)
            .whitespace_to_characters(true)
            .coalesce_characters(false);
        StreamParser {
            reader: EventReader::new_with_config(Pending::default(), config),
            builder: Builder::default(),
            opened: false,
            closed: false,
            partial: Vec::new(),
        }
    }

    /// Takes what has arrived.
    ///
    /// # Errors
    /// If it is not UTF-8 (RFC 6120 §11.6).
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<(), String> {
        // The parser loses characters that are cut: only whole ones go in.
        self.partial.extend_from_slice(bytes);
        let whole = match std::str::from_utf8(&self.partial) {
            Ok(text) => text.len(),
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => return Err("not UTF-8".to_owned()),
        };
        self.reader.source_mut().0.extend(self.partial.drain(..whole));
        Ok(())
    }

    /// Has it got anything that is no item yet?
    pub(crate) fn is_empty(&self) -> bool {
        self.partial.is_empty() && self.reader.source().0.is_empty() && self.builder.depth() <= 1
    }

    /// The next item, if it has arrived whole.
    ///
    /// # Errors
    /// If it is not well-formed, or contains what RFC 6120 §11.1 forbids.
    pub(crate) fn next(&mut self) -> Result<Option<Item>, String> {
        loop {
            if self.closed {
                return Ok(None);
            }
            let event = match self.reader.next() {
                Ok(event) => event,
                Err(error) => match error.kind() {
                    ErrorKind::Io(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                    _ => return Err(format!("not well-formed: {error}")),
                },
            };
            match event {
                XmlEvent::StartElement { name, attributes, namespace } if !self.opened => {
                    self.opened = true;
                    let namespaces = namespace.0.clone();
                    let root = element(name.clone(), attributes.clone());
                    self.builder.take(XmlEvent::StartElement { name, attributes, namespace })?;
                    return Ok(Some(Item::Header(Header { root, namespaces })));
                }
                XmlEvent::EndElement { .. } if self.builder.depth() == 1 => {
                    self.closed = true;
                    return Ok(Some(Item::Close));
                }
                XmlEvent::Characters(text) if self.builder.depth() <= 1 => {
                    if !text.trim_matches([' ', '\t', '\r', '\n']).is_empty() {
                        return Err(format!("text between first-level elements: {text:?}"));
                    }
                    if self.builder.depth() == 1 {
                        return Ok(Some(Item::Space));
                    }
                }
                XmlEvent::EndElement { name } if self.builder.depth() == 2 => {
                    // The stream's root must not gather what passed through it.
                    self.builder.take(XmlEvent::EndElement { name })?;
                    if let Some(element) = self.builder.take_first_level() {
                        return Ok(Some(Item::Element(element)));
                    }
                }
                event => self.builder.take(event)?,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
                          xmlns:stream='http://etherx.jabber.org/streams' id='1'>";

    #[test]
    fn a_stream_reads_the_same_wherever_it_is_cut() {
        let text = format!("{HEADER}<message><body>Grüße &amp; 日本</body></message> <iq a='1'/></stream:stream>");
        let mut expected = None;
        for size in (1..text.len()).rev() {
            let mut parser = StreamParser::new();
            let mut items = Vec::new();
            for piece in text.as_bytes().chunks(size) {
                parser.feed(piece).unwrap();
                while let Some(item) = parser.next().unwrap() {
                    items.push(item);
                }
            }
            assert_eq!(items.len(), 5, "{size}: {items:?}");
            let expected = expected.get_or_insert_with(|| items.clone());
            assert_eq!(&items, expected, "{size}");
        }
    }

    #[test]
    fn what_is_forbidden_is_noticed() {
        for text in ["<!-- a -->", "<?a b?>", "text", "<a></b>", "<a x='1' x='2'/>", "<p:a/>", "&unknown;"] {
            let mut parser = StreamParser::new();
            parser.feed(format!("{HEADER}{text}<b/>").as_bytes()).unwrap();
            let mut result = Ok(());
            while result.is_ok() {
                match parser.next() {
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(error) => result = Err(error),
                }
            }
            assert!(result.is_err(), "{text}");
        }
        assert!(StreamParser::new().feed(b"\xff").is_err());
    }
}
