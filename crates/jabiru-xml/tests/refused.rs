//! What is refused, each with its own error and place (RFC 6120 §11; XML 1.0; Namespaces in XML 1.0).

use jabiru_xml::ReadErrorKind::{
    self, NotWellFormed, Restricted, StreamWithinStream, TextBetweenElements, UnsupportedEncoding,
};
use jabiru_xml::{Limits, ReadError, Reader};

const HEADER: &[u8] =
    b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' xmlns:p='urn:p'>";

fn read_all(mut input: &[u8]) -> Result<usize, ReadError> {
    let mut reader = Reader::new(Limits::AUTHENTICATED);
    let mut events = 0;
    while reader.read(&mut input)?.is_some() {
        events += 1;
    }
    Ok(events)
}

/// The first word of the variant.
fn word(kind: ReadErrorKind) -> &'static str {
    match kind {
        NotWellFormed(_) => "not-well-formed",
        Restricted(_) => "restricted-xml",
        UnsupportedEncoding(_) => "unsupported-encoding",
        TextBetweenElements => "bad-format",
        StreamWithinStream => "second header",
        _ => "other",
    }
}

const MALFORMED: &str = "not-well-formed";
const SECOND: &str = "second header";
const RESTRICTED: &str = "restricted-xml";
const ENCODING: &str = "unsupported-encoding";

#[track_caller]
fn refuse(before: &[u8], rows: &[(&str, usize, &[u8])]) {
    for (expected, offset, row) in rows {
        let input = [before, row].concat();
        let shown = String::from_utf8_lossy(row);
        let error = read_all(&input).expect_err(&shown);
        let found = (word(error.kind), error.offset as usize);
        assert_eq!(found, (*expected, before.len() + offset), "{shown}: {error}");
    }
}

/// RFC 6120 §11.1: comments, processing instructions, DTDs, entities.
#[test]
fn restricted() {
    refuse(
        HEADER,
        &[
            (RESTRICTED, 0, b"<!-- a -->"),
            (RESTRICTED, 0, b"<!-"),
            (RESTRICTED, 3, b"<a><!---->"),
            (RESTRICTED, 0, b"<?a b?>"),
            (RESTRICTED, 3, b"<a><?a?></a>"),
            (RESTRICTED, 0, b"<?xml version='1.0'?>"),
            (RESTRICTED, 0, b"<!DOCTYPE a>"),
            (RESTRICTED, 3, b"<a><!DOCTYPE a [<!ENTITY b 'c'>]></a>"),
            (RESTRICTED, 3, b"<a>&nbsp;</a>"),
            (RESTRICTED, 6, b"<a b='&b;'/>"),
            (RESTRICTED, 3, b"<a>&AMP;</a>"),
            (RESTRICTED, 3, b"<a>&amp2;</a>"),
            (RESTRICTED, 3, b"<a>&a:b;</a>"),
            (RESTRICTED, 3, "<a>&é;</a>".as_bytes()),
        ],
    );
    refuse(
        b"",
        &[
            (RESTRICTED, 0, b"<!DOCTYPE stream:stream [<!ENTITY a 'b'><!ENTITY c '&a;&a;'>]><stream:stream>"),
            (RESTRICTED, 0, b"<!-- --><stream:stream>"),
            (RESTRICTED, 0, b"<?xml-stylesheet href='a'?>"),
            (RESTRICTED, 0, b"<?x?>"),
            (RESTRICTED, 1, b" <?xml version='1.0'?>"),
            (RESTRICTED, 21, b"<?xml version='1.0'?><?xml version='1.0'?>"),
        ],
    );
}

/// RFC 6120 §11.6: UTF-8 and nothing else.
#[test]
fn encodings() {
    refuse(
        b"",
        &[
            (ENCODING, 0, b"\xff\xfe<\0s\0"),
            (ENCODING, 0, b"\xfe\xff\0<\0s"),
            (ENCODING, 0, b"\0<\0s"),
            (ENCODING, 0, b"<\0s\0"),
            (ENCODING, 0, b"\x80"),
            (ENCODING, 28, b"<?xml version='1.0' encoding='UTF-16'?>"),
            (ENCODING, 28, b"<?xml version='1.0' encoding='iso-8859-1'?>"),
            // U+FEFF is text here, not a byte order mark.
            (MALFORMED, 0, b"\xef\xbb\xbf<stream:stream>"),
        ],
    );
    refuse(
        HEADER,
        &[
            // Overlong.
            (ENCODING, 3, b"<a>\xc0\xaf"),
            (ENCODING, 3, b"<a>\xc1\xbf"),
            (ENCODING, 3, b"<a>\xe0\x80\xaf"),
            (ENCODING, 3, b"<a>\xf0\x80\x80\xaf"),
            // Surrogates.
            (ENCODING, 3, b"<a>\xed\xa0\x80"),
            (ENCODING, 3, b"<a>\xed\xbf\xbf"),
            // Beyond U+10FFFF.
            (ENCODING, 3, b"<a>\xf4\x90\x80\x80"),
            (ENCODING, 3, b"<a>\xf5"),
            (ENCODING, 3, b"<a>\xff"),
            // Stray and missing continuation bytes.
            (ENCODING, 4, b"<a>x\x80"),
            (ENCODING, 3, b"<a>\xc3<"),
            (ENCODING, 3, b"<a>\xe2\x82<"),
            (ENCODING, 6, b"<a b='\xc3'/>"),
            (ENCODING, 6, b"<a b='\xed\xa0\x80'/>"),
            (ENCODING, 2, b"<a\xc3/>"),
            (ENCODING, 1, b"<\xc3\x28/>"),
            (ENCODING, 4, b"<a>&\xff;"),
            (ENCODING, 12, b"<a><![CDATA[\xff]]>"),
            (ENCODING, 0, b"\xff"),
            (ENCODING, 0, b"\xc0"),
        ],
    );
}

/// XML 1.0 §2.2: characters that no document has, however they are written.
#[test]
fn characters() {
    refuse(
        HEADER,
        &[
            (MALFORMED, 3, b"<a>\0"),
            (MALFORMED, 3, b"<a>\x01"),
            (MALFORMED, 3, b"<a>\x0b"),
            (MALFORMED, 3, b"<a>\x1f"),
            (MALFORMED, 3, b"<a>\xef\xbf\xbe"),
            (MALFORMED, 3, b"<a>\xef\xbf\xbf"),
            (MALFORMED, 6, b"<a b='\0'/>"),
            (MALFORMED, 6, b"<a b='\xef\xbf\xbf'/>"),
            (MALFORMED, 12, b"<a><![CDATA[\0]]>"),
            (MALFORMED, 12, b"<a><![CDATA[\xef\xbf\xbe]]>"),
            (MALFORMED, 3, b"<a>&#0;"),
            (MALFORMED, 3, b"<a>&#x1F;"),
            (MALFORMED, 3, b"<a>&#xD800;"),
            (MALFORMED, 3, b"<a>&#xFFFE;"),
            (MALFORMED, 3, b"<a>&#65535;"),
            (MALFORMED, 3, b"<a>&#x110000;"),
            (MALFORMED, 3, b"<a>&#99999999999999999999;"),
            (MALFORMED, 6, b"<a b='&#8;'/>"),
            (MALFORMED, 0, b"\0"),
            (MALFORMED, 0, b"\x0c"),
        ],
    );
}

/// XML 1.0: tags, attributes, references, sections.
#[test]
fn malformed() {
    refuse(
        HEADER,
        &[
            (MALFORMED, 0, b"< a/>"),
            (MALFORMED, 0, b"<>"),
            (MALFORMED, 0, b"<1/>"),
            (MALFORMED, 0, b"<-a/>"),
            (MALFORMED, 0, b"<.a/>"),
            (MALFORMED, 1, "<×/>".as_bytes()),
            (MALFORMED, 2, "<a×/>".as_bytes()),
            (MALFORMED, 1, "<\u{b7}/>".as_bytes()),
            (MALFORMED, 2, b"<a<b/>"),
            (MALFORMED, 2, b"<a'/>"),
            (MALFORMED, 3, b"<a =''/>"),
            (MALFORMED, 3, b"<a/ >"),
            (MALFORMED, 3, b"<a//>"),
            (MALFORMED, 4, b"<a b/>"),
            (MALFORMED, 5, b"<a b=c/>"),
            (MALFORMED, 5, b"<a b c='d'/>"),
            (MALFORMED, 8, b"<a b='c'd='e'/>"),
            (MALFORMED, 8, b"<a b='c'x/>"),
            (MALFORMED, 6, b"<a b='<'/>"),
            (MALFORMED, 9, b"<a b='1' b='1'/>"),
            (MALFORMED, 19, b"<a b='1' c='' d='' b='1'/>"),
            (MALFORMED, 3, b"<a 1='2'/>"),
            (MALFORMED, 3, b"<a>]]></a>"),
            (MALFORMED, 4, b"<a>]]]></a>"),
            (MALFORMED, 3, b"<a>& </a>"),
            (MALFORMED, 3, b"<a>&</a>"),
            (MALFORMED, 3, b"<a>&;</a>"),
            (MALFORMED, 3, b"<a>&amp </a>"),
            (MALFORMED, 3, b"<a>&#;</a>"),
            (MALFORMED, 3, b"<a>&#x;</a>"),
            (MALFORMED, 3, b"<a>&#1a;</a>"),
            (MALFORMED, 3, b"<a>&#X41;</a>"),
            (MALFORMED, 3, b"<a>&# 65;</a>"),
            (MALFORMED, 3, b"<a><![CDATX[]]></a>"),
            (MALFORMED, 3, b"<a><![ CDATA[]]></a>"),
            (MALFORMED, 3, b"<a><![IGNORE[]]></a>"),
            (MALFORMED, 3, b"<a><!ELEMENT b></a>"),
            (MALFORMED, 5, b"<a></b>"),
            (MALFORMED, 6, b"<a></ab>"),
            (MALFORMED, 6, b"<a></ab>"),
            (MALFORMED, 7, b"<ab></a>"),
            (MALFORMED, 5, b"<a></ a>"),
            (MALFORMED, 7, b"<a></a b>"),
            (MALFORMED, 8, b"<a><b></a></b>"),
            (MALFORMED, 9, b"<p:a></p:b>"),
            (MALFORMED, 7, b"<p:a></a>"),
            // The same name in the same namespace is still another tag.
            (MALFORMED, 28, b"<q:a xmlns:q='urn:p'><p:a></q:a>"),
        ],
    );
}

/// Namespaces in XML 1.0.
#[test]
fn namespaces() {
    refuse(
        HEADER,
        &[
            (MALFORMED, 1, b"<q:a/>"),
            (MALFORMED, 3, b"<a q:b='c'/>"),
            (MALFORMED, 1, b"<xmlns:a/>"),
            (MALFORMED, 1, b"<xml:a/>"),
            (MALFORMED, 0, b"<:a/>"),
            (MALFORMED, 3, b"<p:/>"),
            (MALFORMED, 3, b"<p:1/>"),
            (MALFORMED, 3, b"<p::a/>"),
            (MALFORMED, 4, b"<p:a:b/>"),
            (MALFORMED, 5, b"<a p:='b'/>"),
            (MALFORMED, 3, b"<a :b='c'/>"),
            (MALFORMED, 6, b"<a p:b:c='d'/>"),
            (MALFORMED, 3, b"<a xmlns:q=''/>"),
            (MALFORMED, 9, b"<a xmlns:='u'/>"),
            (MALFORMED, 3, b"<a xmlns:xml='urn:x'/>"),
            (MALFORMED, 3, b"<a xmlns:xmlns='urn:x'/>"),
            (MALFORMED, 3, b"<a xmlns:xmlns='http://www.w3.org/2000/xmlns/'/>"),
            (MALFORMED, 3, b"<a xmlns:q='http://www.w3.org/XML/1998/namespace'/>"),
            (MALFORMED, 3, b"<a xmlns='http://www.w3.org/XML/1998/namespace'/>"),
            (MALFORMED, 3, b"<a xmlns:q='http://www.w3.org/2000/xmlns/'/>"),
            (MALFORMED, 3, b"<a xmlns='http://www.w3.org/2000/xmlns/'/>"),
            (MALFORMED, 3, b"<a xmlns='http://www.w3.org/2000/&#x78;mlns/'/>"),
            (MALFORMED, 13, b"<a xmlns='u' xmlns='u'/>"),
            (MALFORMED, 15, b"<a xmlns:q='u' xmlns:q='v'/>"),
            // One name by two prefixes.
            (MALFORMED, 34, b"<a xmlns:q='u' xmlns:r='u' q:b='' r:b=''/>"),
            (MALFORMED, 24, b"<a q:c='' p:b='' q:d='' q:b='' p:a='' xmlns:q='urn:p'/>"),
            (MALFORMED, 10, b"<a p:b='' q:b='' xmlns:q='urn:p'/>"),
            (MALFORMED, 10, b"<a q:b='' p:b='' xmlns:q='urn&#58;p'/>"),
            // The scope of a prefix ends with its element.
            (MALFORMED, 29, b"<a><b xmlns:q='u'><q:c/></b><q:d/></a>"),
            (MALFORMED, 18, b"<a xmlns:q='u'/> <q:a/>"),
        ],
    );
}

/// What stands where (RFC 6120 §4.2, §11.5, §11.7).
#[test]
fn outside_of_elements() {
    refuse(
        HEADER,
        &[
            ("bad-format", 0, b"text"),
            ("bad-format", 1, b" text"),
            ("bad-format", 4, b"<a/>."),
            ("bad-format", 0, b"&amp;"),
            ("bad-format", 0, b"]]>"),
            ("bad-format", 0, "é".as_bytes()),
            ("bad-format", 0, "\u{feff}".as_bytes()),
            ("bad-format", 0, b"<![CDATA[ ]]>"),
            (MALFORMED, 2, b"</a>"),
            (MALFORMED, 8, b"</stream>"),
            (MALFORMED, 15, b"</stream:streams>"),
            (MALFORMED, 16, b"</stream:stream x>"),
            (MALFORMED, 16, b"</stream:stream>x"),
            (MALFORMED, 17, b"</stream:stream> <a/>"),
            (MALFORMED, 16, b"</stream:stream></stream:stream>"),
            (MALFORMED, 16, b"</stream:stream><!-- -->"),
        ],
    );
    refuse(
        b"",
        &[
            (MALFORMED, 0, b"stream"),
            (MALFORMED, 1, b" x<stream>"),
            (MALFORMED, 0, b"</stream:stream>"),
            (MALFORMED, 0, b"&lt;"),
            (MALFORMED, 1, b"<stream:stream>"),
            (MALFORMED, 0, b"<![CDATA[ ]]>"),
            (MALFORMED, 13, b"<?xml version='1.1'?>"),
            (MALFORMED, 6, b"<?xml ?>"),
            (MALFORMED, 6, b"<?xml encoding='utf-8'?>"),
            (MALFORMED, 19, b"<?xml version='1.0'encoding='utf-8'?>"),
            (MALFORMED, 20, b"<?xml version='1.0' x='y'?>"),
            (MALFORMED, 30, b"<?xml version='1.0' standalone='maybe'?>"),
            (MALFORMED, 20, b"<?xml version='1.0' >"),
        ],
    );
    refuse(b"<stream/>", &[(MALFORMED, 0, b"<a/>"), (MALFORMED, 0, b"x"), (MALFORMED, 1, b" </stream>")]);
}

/// RFC 6120 §4.3.3: there is one header. Another is no element below it, and is refused when its start tag is whole.
#[test]
fn headers_within() {
    let rows: &[&str] = &[
        "<stream:stream>",
        "<stream:stream a='b'>",
        "<stream:stream\n>",
        "<stream:stream/>",
        "<stream:stream />",
        "<a:stream xmlns:a='http://etherx.jabber.org/streams'>",
        "<stream xmlns='http://etherx.jabber.org/streams'>",
        "<stream xmlns='http&#58;//etherx.jabber.org/streams'>",
    ];
    for row in rows {
        refuse(HEADER, &[(SECOND, 0, row.as_bytes()), (SECOND, 4, format!("<a/>{row}<b></c>").as_bytes())]);
        for length in 0..row.len() {
            let unfinished = [HEADER, &row.as_bytes()[..length]].concat();
            assert_eq!(read_all(&unfinished), Ok(1), "{length} bytes of {row}");
        }
    }
    refuse(HEADER, &[(MALFORMED, 15, b"<stream:stream/ b"), (MALFORMED, 1, b"<streams:stream>")]);
    // Whatever the root is called.
    refuse(b"<a>", &[(SECOND, 0, b"<a>"), (SECOND, 4, b"<b/><a/>"), (MALFORMED, 9, b"<b><a/></a>")]);
    refuse(
        b"<a xmlns='u'>",
        &[(SECOND, 0, b"<a>"), (SECOND, 0, b"<b:a xmlns:b='u'>"), (MALFORMED, 14, b"<a xmlns=''></b>")],
    );
}

/// What is odd and allowed.
#[test]
fn allowed() {
    for declaration in [
        "",
        " \r\n",
        "<?xml version='1.0'?>",
        "<?xml version=\"1.0\" ?>\n",
        "<?xml\tversion = '1.0' encoding = \"utf-8\" ?>",
        "<?xml version='1.0' encoding='UTF-8' standalone='yes'?>",
        "<?xml version='1.0' standalone='no'?>",
        "<?xml version='1.0' encoding='Utf-8'\r\n?>",
    ] {
        for (content, events) in [
            ("", 0),
            (" \t\r\n", 0),
            ("<a/><a/>\n<a></a>", 3),
            ("<a>></a>", 1),
            ("<a>]]</a>", 1),
            ("<a b='>' c=\"'\" d='\"'/>", 1),
            ("<a><![CDATA[]]]]></a>", 1),
            ("<a>&#0000000000000000000000000000000000000065;</a>", 1),
            ("<a xmlns:xml='http://www.w3.org/XML/1998/namespace' xml:a=''/>", 1),
            ("<a xmlns=''/>", 1),
            ("<a xmlns:b='u' b:c='' c=''/>", 1),
            ("<xmlfoo:a xmlns:xmlfoo='u'/>", 1),
            ("<a><stream:stream/></a>", 1),
            ("<stream/>", 1),
            ("<stream:stream xmlns:stream='u'/>", 1),
            ("<a:stream xmlns:a='http://etherx.jabber.org/streams/'/>", 1),
            ("<stream:streams/><stream:strea/>", 2),
        ] {
            let header = std::str::from_utf8(HEADER).unwrap();
            for end in ["", "</stream:stream>", "</stream:stream\n> \r\n\t"] {
                let text = format!("{declaration}{header}{content}{end}");
                let closed = usize::from(!end.is_empty());
                assert_eq!(read_all(text.as_bytes()), Ok(1 + events + closed), "{text}");
            }
        }
    }
    assert_eq!(read_all(b"<stream/> \n"), Ok(2));
}
