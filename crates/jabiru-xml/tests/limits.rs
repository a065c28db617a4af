//! Limits, and the memory and time that a hostile peer can cost (RFC 6120 §13.12).

#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use allocation_counter::measure;
use jabiru_xml::{Event, Limit, Limits, ReadErrorKind, Reader, Rewrite};

const HEADER: &str = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
const SMALL: Limits = Limits { max_element_bytes: 100, max_depth: 3, max_attributes: 3, max_name_bytes: 10 };

/// Reads until the error, byte by byte and at once, which must not differ.
fn error_of(header: &str, input: &str, limits: Limits) -> Option<(ReadErrorKind, u64)> {
    let read = |step: usize| {
        // The header is read with wide limits of its own.
        let mut reader = Reader::new(Limits::AUTHENTICATED);
        let mut before = header.as_bytes();
        while reader.read(&mut before).unwrap().is_some() {}
        reader.set_limits(limits);
        for mut piece in input.as_bytes().chunks(step) {
            loop {
                match reader.read(&mut piece) {
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(error) => return Some((error.kind, error.offset - header.len() as u64)),
                }
            }
        }
        None
    };
    let whole = read(input.len().max(1));
    assert_eq!(whole, read(1), "{input}");
    whole
}

#[test]
fn limits() {
    let long = |n: usize| "x".repeat(n);
    let bytes = Some(Limit::ElementBytes(100));
    let depth = Some(Limit::Depth(3));
    let attributes = Some(Limit::Attributes(3));
    let name = Some(Limit::NameBytes(10));
    for (limit, offset, input) in [
        (None, 0, format!("<a>{}</a>", long(93))),
        (bytes, 100, format!("<a>{}</a>", long(94))),
        (bytes, 100, format!("<a>{}", long(1000))),
        (bytes, 100, format!("<a b='{}", long(1000))),
        (bytes, 100, format!("<a{}", " ".repeat(1000))),
        (bytes, 100, format!("<a>&#{}", "0".repeat(1000))),
        (bytes, 100, format!("<a><![CDATA[{}", long(1000))),
        (bytes, 100, format!("<a></a{}", " ".repeat(1000))),
        (bytes, 100, format!("</stream:stream{}", " ".repeat(1000))),
        (bytes, 104, format!("<z/><a>{}", long(1000))),
        (None, 0, format!("<a>{}</a>", long(93)).repeat(3)),
        (None, 0, " ".repeat(10_000)),
        (None, 0, format!("{}<a/>", "\n".repeat(10_000))),
        (None, 0, "<a><b><c/><c></c></b><b><c/></b></a>".to_owned()),
        (depth, 9, "<a><b><c><d/></c></b></a>".to_owned()),
        (None, 0, "<a b='' c='' d=''/>".to_owned()),
        (attributes, 18, "<a b='' c='' d='' e=''/>".to_owned()),
        (attributes, 39, "<a xmlns='' xmlns:p='u' xmlns:q='v'    b=''/>".to_owned()),
        // The stream root declares one prefix.
        (None, 0, "<a xmlns:p='u'><b xmlns:r='w'/><b xmlns:r='w' xmlns='v'/></a>".to_owned()),
        (attributes, 30, "<a xmlns:p='u'><b xmlns:r='w' xmlns:s='x'/></a>".to_owned()),
        (None, 0, format!("<{0} {0}=''/>", long(10))),
        (name, 11, format!("<{}/>", long(11))),
        (name, 11, format!("<{}", long(1000))),
        (name, 13, format!("<a {}=''/>", long(11))),
        (name, 11, format!("<p:{}/>", long(9))),
        (name, 11, format!("<{}/>", "é".repeat(6))),
        (name, 20, "<a xmlns='12345678901'/>".to_owned()),
        (None, 0, "<a xmlns='1234567890'/>".to_owned()),
        (name, 14, format!("<a>&{};</a>", long(11))),
    ] {
        let expected = limit.map(|limit| (ReadErrorKind::LimitExceeded(limit), offset));
        assert_eq!(error_of(HEADER, &input, SMALL), expected, "{input}");
    }
}

/// The stream header has 8 KiB at most, as its declarations live as long as the stream; the declaration before it 512 bytes.
#[test]
fn header() {
    for (limit, offset, input) in [
        (8192, 8192, format!("<stream a='{}'>", "x".repeat(9000))),
        (8192, 8192, format!("<stream{}", " ".repeat(9000))),
        (512, 512, format!("<?xml {}", " ".repeat(1000))),
    ] {
        let mut reader = Reader::new(Limits::AUTHENTICATED);
        let error = reader.read(&mut input.as_bytes()).unwrap_err();
        assert_eq!((error.kind, error.offset), (ReadErrorKind::LimitExceeded(Limit::ElementBytes(limit)), offset));
    }
    let mut reader = Reader::new(Limits { max_name_bytes: 100, ..SMALL });
    let error = reader.read(&mut HEADER.replace("'>", "' to='example.net' id='0123456789'>").as_bytes()).unwrap_err();
    assert_eq!(error.kind, ReadErrorKind::LimitExceeded(Limit::ElementBytes(100)));
}

/// A reader after the header.
fn reader(limits: Limits) -> Reader {
    let mut reader = Reader::new(limits);
    assert!(matches!(reader.read(&mut HEADER.as_bytes()), Ok(Some(Event::StreamOpen(_)))));
    reader
}

const WIDE: Limits =
    Limits { max_element_bytes: 1 << 22, max_depth: 100_000, max_attributes: 100_000, max_name_bytes: 4000 };

/// Inputs made to cost memory or time, none of them finished.
fn attacks() -> Vec<(&'static str, Limits, String)> {
    let numbers = |n: usize, each: &dyn Fn(usize) -> String| (0..n).map(each).collect::<String>();
    let mut attacks = Vec::new();
    for limits in [Limits::UNAUTHENTICATED, Limits::AUTHENTICATED, WIDE] {
        attacks.extend([
            ("endless text", limits, format!("<a>{}", "x".repeat(1 << 18))),
            ("endless value", limits, format!("<a b='{}", "x".repeat(1 << 18))),
            ("endless name", limits, format!("<{}", "x".repeat(1 << 18))),
            ("endless tag", limits, format!("<a{}", " ".repeat(1 << 18))),
            ("endless reference", limits, format!("<a>&#{}", "0".repeat(1 << 18))),
            ("tiny elements", limits, format!("<a>{}", "<a/>".repeat(30_000))),
            ("attributes", limits, format!("<a{}/", numbers(10_000, &|n| format!(" a{n}=''")))),
            ("attributes alike", limits, format!("<a{}/", numbers(10_000, &|n| format!(" a{:05}b=''", n % 9999)))),
            ("namespaces", limits, format!("<a{}><b", numbers(10_000, &|n| format!(" xmlns:a{n}='u{n}'")))),
            (
                "namespaces used",
                limits,
                format!("<a{}>{}", numbers(60, &|n| format!(" xmlns:a{n}='u{n}'")), "<a0:b/>".repeat(30_000)),
            ),
            (
                "long namespaces alike",
                limits,
                format!(
                    "<a{}>{}",
                    numbers(20, &|n| format!(" xmlns:a{n}='{}{n:02}'", "u".repeat(250))),
                    format!("<b{}/>", numbers(20, &|n| format!(" a{n}:c=''"))).repeat(1_000)
                ),
            ),
            ("nested namespaces", limits, numbers(10_000, &|n| format!("<a xmlns:a{n}='u'><a{n}:a a{n}:b=''>"))),
            ("nested defaults", limits, "<a xmlns='u'>".repeat(10_000)),
            ("depth", limits, "<a>".repeat(10_000)),
            ("brackets", limits, format!("<a>{}", "]".repeat(1 << 18))),
            ("sections", limits, format!("<a>{}", "<![CDATA[]]>".repeat(10_000))),
            ("whitespace", limits, " ".repeat(1 << 18)),
        ]);
    }
    attacks
}

/// Memory stays in proportion to what the limits let in, however the bytes come.
#[test]
fn memory_under_attack() {
    for (name, limits, input) in attacks() {
        for step in [input.len(), 1000, 7] {
            let mut reader = reader(limits);
            let used = measure(|| {
                for mut piece in input.as_bytes().chunks(step) {
                    while let Ok(Some(_)) = reader.read(&mut piece) {}
                }
            });
            let within = input.len().min(limits.max_element_bytes) as u64;
            assert!(used.bytes_max <= 15 * within + 4096, "{name}: {} for {within} by {step}", used.bytes_max);
        }
    }
}

/// Time stays in proportion too: nothing is scanned twice, no lookup grows with what was declared. The bound is two orders of
/// magnitude above what a debug build needs for linear work; a quadratic reader needs minutes.
#[test]
fn time_under_attack() {
    for (name, limits, input) in attacks() {
        for step in [input.len(), 1] {
            let mut reader = reader(limits);
            let start = Instant::now();
            for mut piece in input.as_bytes().chunks(step) {
                while let Ok(Some(_)) = reader.read(&mut piece) {}
            }
            let took = start.elapsed();
            assert!(took < Duration::from_secs(10), "{name} by {step}: {took:?}");
        }
    }
}

/// One allocation a stanza: its buffer. None for what is written into a buffer that is there.
#[test]
fn allocations() {
    let stanza = "<message to='juliet@example.net/balcony' type='chat' id='ab45f0c2' xml:lang='en'><body>Wherefore art thou?\
        </body><active xmlns='http://jabber.org/protocol/chatstates'/><request xmlns='urn:xmpp:receipts'/>\
        <origin-id xmlns='urn:xmpp:sid:0' id='ab45f0c2'/></message>";
    let mut reader = reader(Limits::AUTHENTICATED);
    let input = stanza.repeat(100);
    let mut messages = Vec::with_capacity(1000);
    let mut read = |input: &str, messages: &mut Vec<_>| {
        let mut input = input.as_bytes();
        while let Ok(Some(Event::Element(element))) = reader.read(&mut input) {
            messages.push(element);
        }
    };
    // The index of the first stanza grows to its size.
    read(stanza, &mut messages);
    let used = measure(|| read(&input, &mut messages));
    assert_eq!((messages.len(), used.count_total), (101, 100));
    // Cut anywhere, the pending part costs one buffer more, that grows a little.
    let (front, back) = input.split_at(stanza.len() * 5 / 2);
    let used = measure(|| {
        read(front, &mut messages);
        read(back, &mut messages);
    });
    assert!((101..=104).contains(&used.count_total), "{}", used.count_total);
    let mut out = Vec::with_capacity(1024);
    let rewrite = Rewrite {
        content_namespace: "jabber:client",
        attributes: &[("from", Some("romeo@example.net/orchard"))],
        lang: Some("en"),
    };
    let used = measure(|| {
        messages[0].write(&mut out, &rewrite);
        drop(messages[0].clone());
        assert!(messages[0].attribute("to").is_some());
        assert!(messages[0].child("body", "jabber:client").is_some_and(|body| body.text().len() > 10));
    });
    assert_eq!(used.count_total, 0);
}

/// Between elements next to nothing is held, whatever came before.
#[test]
fn idle_memory() {
    let big = format!("<a xmlns:q='u&amp;v'>{}{}</a>", "<b c='d'/>".repeat(1000), "x".repeat(100_000));
    let deep = format!("{}{}", "<a>".repeat(90), "</a>".repeat(90));
    for before in ["<a/>", &big, &deep, "<presence/> \n"] {
        for step in [before.len(), 100] {
            let mut idle = None;
            let used = measure(|| {
                let mut reader = reader(Limits::AUTHENTICATED);
                for mut piece in before.as_bytes().chunks(step) {
                    while reader.read(&mut piece).unwrap().is_some() {}
                }
                assert!(reader.is_idle());
                idle = Some(reader);
            });
            assert!(used.bytes_current <= 1024, "{} bytes after {before:.20}", used.bytes_current);
        }
    }
}

/// After an error nothing of what came before is left to be seen or held (CVE-2019-1000007 was such a leak).
#[test]
fn nothing_is_left_after_an_error() {
    for bad in ["<a b='secret'><c>secret</d>", "<a>secret&b;", "<a xmlns:q='secret'><q:b/><r:b/>"] {
        let mut failed = None;
        let used = measure(|| {
            let mut reader = reader(Limits::UNAUTHENTICATED);
            let mut seen = Vec::new();
            for mut piece in bad.as_bytes().chunks(3) {
                seen.push(reader.read(&mut piece).map(|event| event.is_some()));
            }
            let error = seen.last().unwrap().clone().unwrap_err();
            assert!(seen.iter().all(|result| *result == Ok(false) || *result == Err(error.clone())));
            let mut good = b"<presence/></stream:stream>".as_slice();
            assert_eq!(reader.read(&mut good).unwrap_err(), error, "no way back");
            assert!(!format!("{error} {error:?}").contains("secret"), "what was read is not repeated");
            failed = Some(reader);
        });
        assert!(!format!("{failed:?}").contains("secret"));
        assert!(used.bytes_current <= 1024, "{}", used.bytes_current);
    }
}
