//! The reader: what it gives out, and that it gives out the same however the input is cut.

#![allow(clippy::unwrap_used)]

use jabiru_xml::{Event, Limits, RawElement, ReadError, ReadErrorKind, Reader};

/// Everything that a reader says of `bytes`, fed in the pieces given.
fn read_pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<String>, Option<ReadError>) {
    let mut reader = Reader::new(Limits::AUTHENTICATED);
    let mut events = Vec::new();
    for piece in pieces {
        let mut input = piece;
        loop {
            match reader.read(&mut input) {
                Ok(Some(Event::StreamOpen(header))) => {
                    events.push(format!("open {} {}", shown(&header), header.to_element()));
                }
                Ok(Some(Event::Element(element))) => {
                    events.push(format!("element {} {}", shown(&element), element.to_element()));
                }
                Ok(Some(Event::StreamClose)) => events.push("close".to_owned()),
                Ok(None) => {
                    assert!(input.is_empty());
                    break;
                }
                Err(error) => {
                    assert_eq!(reader.read(&mut input).unwrap_err(), error, "a reader stays failed");
                    return (events, Some(error));
                }
            }
        }
    }
    (events, None)
}

fn shown(element: &RawElement) -> String {
    String::from_utf8(element.as_bytes().to_vec()).unwrap()
}

const OPEN: &str =
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' xmlns:p=\"urn:p\">";

fn fixtures() -> Vec<(String, bool)> {
    let good = [
        "<message to='a@b'><body>Hi &amp; bye</body></message>",
        " \n<presence/>\t<iq id = \"1\"\r\n type='get' ><ping xmlns='urn:xmpp:ping'/></iq\n>\r\n",
        "<message><body>ö漢\u{10ffff}&#x10FFFF;&#233;&lt;&gt;&quot;&apos;]] ></body></message>",
        "<message><body><![CDATA[<a>]]]]><![CDATA[>&amp;\r\n]]></body></message>",
        "<p:x p:a='1' a='2'><p:y xmlns:p='urn:q' p:a=''/></p:x><stream:features/>",
        "<a xmlns:q='u&#x20;v\t&amp;' q:r='\r\n\t &#9;&#10;&#13;'>line\r\nline\rline\n</a>",
        "<é xml:lang='de' ö·='ü'/></stream:stream>  \n",
    ];
    let bad = [
        "<message><body>\u{0}",
        "<a b='1' b='2'/>",
        "<a></b>",
        "<a></ab>",
        "<ab></a>",
        "<x:a/>",
        "<!-- -->",
        "<a><?b?></a>",
        "<!DOCTYPE a>",
        "<a>&b;</a>",
        "<a>&#0;</a>",
        "<a>]]></a>",
        "text",
        "<a b='<'/>",
        "<a b='1'c='2'/>",
        "<a:b:c/>",
        "< a/>",
        "<a>\u{fffe}</a>",
        "<a>&#xD800;</a>",
        "<a xmlns:xml='x'/>",
        "</stream:stream>x",
        "</stream:strea>",
        "</stream:streams>",
        "&amp;",
        "<a xmlns:y='u' xmlns:z='u' y:a='' z:a=''/>",
        "<a><![CDAT[x]]></a>",
        "<a>&#;</a>",
        "<a>& </a>",
        "<a>&é;</a>",
        "<a></a >x",
        "<stream:stream>",
        "<stream:stream a='1' b = '2' ><a/></stream:stream>",
        "<stream:stream/>",
        "<s:stream xmlns:s='http://etherx.jabber.org/streams'>",
        "<stream xmlns='http://etherx.jabber.org/stre&#97;ms' >",
        "<a></a b>",
        "<a></a/>",
    ];
    let good = good.iter().map(|s| (format!("<?xml version='1.0'?>{OPEN}{s}"), true));
    let bad = bad.iter().map(|s| (format!("{OPEN}<presence/>{s}"), false));
    good.chain(bad).collect()
}

#[test]
fn cut_at_every_byte() {
    for (fixture, good) in fixtures() {
        let bytes = fixture.as_bytes();
        let whole = read_pieces([bytes]);
        assert_eq!(whole.1.is_none(), good, "{fixture} {whole:?}");
        for cut in 1..bytes.len() {
            assert_eq!(read_pieces([&bytes[..cut], &bytes[cut..]]), whole, "{fixture} cut at {cut}");
        }
        assert_eq!(read_pieces(bytes.chunks(1)), whole, "{fixture} cut everywhere");
    }
}

#[test]
fn cut_at_every_pair_of_places() {
    for (fixture, _) in fixtures() {
        let header = fixture.find(OPEN).unwrap() + OPEN.len();
        let (before, bytes) = fixture.as_bytes().split_at(header);
        let whole = read_pieces([before, bytes]);
        for first in 1..bytes.len() {
            for second in first + 1..bytes.len() {
                let pieces = [before, &bytes[..first], &bytes[first..second], &bytes[second..]];
                assert_eq!(read_pieces(pieces), whole, "{fixture} cut at {first} and {second}");
            }
        }
    }
}

/// Limits may be lowered while an element is under way.
#[test]
fn limits_lowered_meanwhile() {
    let element = "<abcdef ghijkl='mnop'>q&amp;r<![CDATA[s]]></abcdef>";
    for cut in 1..element.len() {
        let mut reader = Reader::new(Limits::AUTHENTICATED);
        assert!(matches!(reader.read(&mut OPEN.as_bytes()), Ok(Some(_))));
        assert!(matches!(reader.read(&mut &element.as_bytes()[..cut]), Ok(None)));
        reader.set_limits(Limits { max_element_bytes: 1, max_depth: 0, max_attributes: 0, max_name_bytes: 0 });
        let error = reader.read(&mut &element.as_bytes()[cut..]).unwrap_err();
        assert!(matches!(error.kind, ReadErrorKind::LimitExceeded(_)), "{cut}: {error}");
    }
}

/// What goes to logs by itself shows nothing that may be secret.
#[test]
fn debug_is_discreet() {
    let mut reader = Reader::new(Limits::AUTHENTICATED);
    assert!(matches!(reader.read(&mut OPEN.as_bytes()), Ok(Some(_))));
    let mut input = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>secret</auth><a>secret".as_bytes();
    let Ok(Some(Event::Element(auth))) = reader.read(&mut input) else { panic!() };
    assert!(matches!(reader.read(&mut input), Ok(None)));
    assert!(!format!("{auth:?} {reader:?} {:?}", auth.root()).contains("secret"));
    assert!(format!("{auth:?}").contains("auth"));
}

#[test]
fn what_is_read() {
    let input = format!(
        "{OPEN}<message to='a&amp;b' p:c='d'><body>x<b/>&lt;<![CDATA[<]]>\r\n</body><x xmlns='urn:x'/></message>"
    );
    let mut input = input.as_bytes();
    let mut reader = Reader::new(Limits::UNAUTHENTICATED);
    let Ok(Some(Event::StreamOpen(header))) = reader.read(&mut input) else { panic!() };
    assert!(header.is("stream", "http://etherx.jabber.org/streams"));
    assert_eq!(header.root().prefix(), Some("stream"));
    let Ok(Some(Event::Element(message))) = reader.read(&mut input) else { panic!() };
    assert_eq!(message.attribute("to").unwrap(), "a&b");
    assert_eq!(message.attribute("c"), None);
    assert_eq!(message.root().attribute_ns("c", "urn:p").unwrap(), "d");
    let body = message.child("body", "jabber:client").unwrap();
    assert_eq!(body.text(), "x<<\n");
    assert_eq!(body.children().count(), 1);
    assert!(message.child("x", "urn:x").is_some());
    assert_eq!(message.children().count(), 2);
    assert_eq!(body.resolve_prefix("p"), Some("urn:p"));
    assert_eq!(body.resolve_prefix(""), Some("jabber:client"));
    assert_eq!(body.resolve_prefix("q"), None);
    assert_eq!(
        message.to_element().to_string(),
        "<message xmlns='jabber:client' to='a&amp;b' xmlns:ns1='urn:p' ns1:c='d'><body>x<b/>&lt;&lt;\n</body><x xmlns='urn:x'/></message>"
    );
}
