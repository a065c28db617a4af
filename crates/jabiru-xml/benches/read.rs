//! Reading chat messages of 367 bytes, fed in pieces of 4 KiB: ours, `rxml`, `xml` and `quick-xml`.
//!
//! `cargo bench -p jabiru-xml` prints medians of interleaved rounds on one thread. All four read the same stream; each counts
//! the messages that it saw, which must be all of them. What they do for it differs: ours gives out every message as one
//! buffer with an index, `rxml` and `xml` give out owned events, `quick-xml` borrowed ones, with namespaces resolved but
//! names, characters and entities not checked. The second table is the work around it.

#![allow(clippy::unwrap_used)]

use std::hint::black_box;
use std::io::{BufReader, Read};
use std::time::Instant;

use jabiru_xml::{Event, Limits, RawElement, Reader, Rewrite};
use rxml::Parse;

const MESSAGES: usize = 4000;
const MESSAGE_BYTES: usize = 367;
const PIECE: usize = 4096;
const ROUNDS: usize = 21;

const HEADER: &str = "<?xml version='1.0'?><stream:stream to='example.net' version='1.0' xml:lang='en' \
    xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";

/// A chat message as clients send it: body, chat state (XEP-0085), origin id (XEP-0359), receipt request (XEP-0184).
fn message(number: usize) -> String {
    let start = format!(
        "<message to='juliet-{number:04}@example.net/balcony' type='chat' id='ab45f0c2-{number:04}' xml:lang='en'><body>"
    );
    let end = format!(
        "</body><active xmlns='http://jabber.org/protocol/chatstates'/><request xmlns='urn:xmpp:receipts'/>\
        <origin-id xmlns='urn:xmpp:sid:0' id='ab45f0c2-{number:04}'/></message>"
    );
    let text =
        "Wherefore art thou, Romeo? Deny thy father &amp; refuse thy name; or, if thou wilt not, be but sworn my love.";
    let room = MESSAGE_BYTES - start.len() - end.len();
    assert!(room > 60 && room <= text.len(), "{room}");
    format!("{start}{}{end}", &text[..room])
}

/// Reads a stream and counts its messages.
type Count = fn(&[u8]) -> usize;

fn main() {
    let mut stream = HEADER.to_owned();
    for number in 0..MESSAGES {
        let message = message(number);
        assert_eq!(message.len(), MESSAGE_BYTES);
        stream.push_str(&message);
    }
    let stream = stream.as_bytes();
    let readers: [(&str, Count); 4] = [("jabiru-xml", ours), ("rxml", rxml), ("xml", xml), ("quick-xml", quick_xml)];
    let medians = measure(&readers, stream, ROUNDS);
    println!(
        "{MESSAGES} messages of {MESSAGE_BYTES} bytes in pieces of {PIECE}; medians of {ROUNDS} interleaved rounds"
    );
    for ((name, _), nanoseconds) in readers.iter().zip(&medians) {
        let each = nanoseconds / MESSAGES as f64;
        println!("{name:12} {:7.0} MB/s {each:7.0} ns a stanza", stream.len() as f64 * 1000.0 / nanoseconds);
    }
    println!();
    let messages: Vec<RawElement> =
        (0..MESSAGES).map(|n| RawElement::parse(&message(n), "jabber:client").unwrap()).collect();
    let each = |name: &str, work: &mut dyn FnMut(&RawElement)| {
        let mut rounds: Vec<f64> = (0..ROUNDS)
            .map(|_| {
                let start = Instant::now();
                messages.iter().for_each(&mut *work);
                start.elapsed().as_nanos() as f64 / MESSAGES as f64
            })
            .collect();
        println!("{name:40} {:7.0} ns a stanza", median(&mut rounds));
    };
    let mut out = Vec::with_capacity(1024);
    let rewrite = Rewrite {
        content_namespace: "jabber:client",
        attributes: &[("from", Some("romeo@example.net/orchard"))],
        lang: None,
    };
    each("write with another from", &mut |message| {
        out.clear();
        message.write(&mut out, black_box(&rewrite));
        black_box(&out);
    });
    each("to, type, id and the child body", &mut |message| {
        black_box(message.attribute("to"));
        black_box(message.attribute("type"));
        black_box(message.attribute("id"));
        black_box(message.child("body", "jabber:client"));
    });
    each("to_element", &mut |message| {
        black_box(message.to_element());
    });
}

/// Medians in nanoseconds, the readers taking turns.
fn measure(readers: &[(&str, Count)], stream: &[u8], rounds: usize) -> Vec<f64> {
    let mut times = vec![Vec::new(); readers.len()];
    for _ in 0..rounds {
        for ((name, reader), times) in readers.iter().zip(&mut times) {
            let start = Instant::now();
            let seen = reader(black_box(stream));
            times.push(start.elapsed().as_nanos() as f64);
            assert_eq!(seen, MESSAGES, "{name}");
        }
    }
    times.iter_mut().map(|times| median(times)).collect()
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn ours(stream: &[u8]) -> usize {
    let mut reader = Reader::new(Limits::AUTHENTICATED);
    let mut seen = 0;
    for mut input in stream.chunks(PIECE) {
        while let Some(event) = reader.read(&mut input).unwrap() {
            if let Event::Element(element) = event {
                black_box(element);
                seen += 1;
            }
        }
    }
    seen
}

fn rxml(stream: &[u8]) -> usize {
    let mut parser = rxml::Parser::new();
    let mut seen = 0;
    for mut input in stream.chunks(PIECE) {
        loop {
            match parser.parse(&mut input, false) {
                Ok(Some(event)) => {
                    if let rxml::Event::StartElement(_, (_, name), _) = &event {
                        seen += usize::from(*name == "message");
                    }
                    black_box(event);
                }
                Ok(None) | Err(rxml::error::EndOrError::NeedMoreData) => break,
                Err(rxml::error::EndOrError::Error(error)) => panic!("{error}"),
            }
        }
    }
    seen
}

/// Gives at most [`PIECE`] bytes at a time.
struct Pieces<'a>(&'a [u8]);

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = buffer.len().min(PIECE);
        self.0.read(&mut buffer[..length])
    }
}

fn xml(stream: &[u8]) -> usize {
    let mut reader = xml::EventReader::new(BufReader::with_capacity(PIECE, Pieces(stream)));
    let mut seen = 0;
    // The stream is not closed: the last event is an error about that.
    while let Ok(event) = reader.next() {
        if let xml::reader::XmlEvent::StartElement { name, .. } = &event {
            seen += usize::from(name.local_name == "message");
        }
        black_box(event);
    }
    seen
}

fn quick_xml(stream: &[u8]) -> usize {
    let mut reader = quick_xml::NsReader::from_reader(BufReader::with_capacity(PIECE, Pieces(stream)));
    let mut buffer = Vec::new();
    let mut seen = 0;
    loop {
        buffer.clear();
        match reader.read_resolved_event_into(&mut buffer).unwrap() {
            (_, quick_xml::events::Event::Eof) => return seen,
            (namespace, event) => {
                if let quick_xml::events::Event::Start(start) = &event {
                    seen += usize::from(start.local_name().as_ref() == "message");
                    start.attributes().for_each(|attribute| {
                        black_box(attribute.unwrap());
                    });
                }
                black_box((namespace, event));
            }
        }
    }
}
