//! What is written is read back as it was, by three parsers, whatever was put in.

mod witness;

use jabiru_xml::{Content, Element, Event, Limit, Limits, RawElement, ReadErrorKind, Reader, Rewrite};
use proptest::prelude::*;

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,3}",
        "[A-Za-z_\u{c0}-\u{d6}\u{370}-\u{37d}\u{3001}-\u{d7ff}\u{10000}-\u{effff}][-.0-9A-Za-z_\u{b7}\u{300}-\u{36f}\u{203f}\u{f900}]{0,4}",
    ]
    .prop_filter("reserved", |name| name != "xmlns")
}

/// Any string at all, with what is special in XML and what XML can't carry in it often.
fn any_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<char>().prop_map(String::from),
        "[ -~]{0,5}",
        prop::sample::select(vec![
            "<",
            "&",
            ">",
            "'",
            "\"",
            "]]>",
            "<![CDATA[",
            "\r",
            "\n",
            "\t",
            "\r\n",
            " ",
            "\0",
            "\u{b}",
            "\u{fffe}",
            "\u{ffff}",
            "\u{feff}",
            "\u{85}",
            "\u{2028}",
            "\u{10ffff}",
            "&amp;",
            "<!--",
            "]]",
            "}",
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

fn namespace() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec!["", "jabber:client", "jabber:server", "urn:x"]).prop_map(str::to_owned),
        any_text(),
    ]
    .prop_filter("reserved", |name| name != "http://www.w3.org/2000/xmlns/")
}

fn element() -> impl Strategy<Value = Element> {
    let empty = (name(), namespace(), prop::collection::vec((name(), any_text()), 0..4), prop::option::of(any_text()))
        .prop_map(|(name, namespace, attributes, lang)| {
            let mut element = Element::new(name, namespace);
            for (name, value) in attributes {
                element.set_attribute(&name, Some(&value));
            }
            match lang {
                Some(lang) => element.with_lang(lang),
                None => element,
            }
        })
        .boxed();
    empty.clone().prop_recursive(4, 24, 4, move |inner| {
        let piece = prop_oneof![inner.prop_map(Content::Element), any_text().prop_map(Content::Text)];
        (empty.clone(), prop::collection::vec(piece, 0..5)).prop_map(|(mut element, content)| {
            for piece in content {
                match piece {
                    Content::Element(child) => element.push_child(child),
                    Content::Text(text) => element.push_text(&text),
                }
            }
            element
        })
    })
}

proptest! {
    #[test]
    fn elements(element in element()) {
        witness::check_element(&element);
        witness::check_rewriting(&element.to_raw("jabber:client"));
    }
}

/// Elements that can't be copied byte for byte, each on streams of several content namespaces.
#[test]
fn odd_elements() {
    let root = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' xmlns:p='urn:p' \
        xmlns:ns1='urn:ns1'>";
    let prefixed = "<stream xmlns='http://etherx.jabber.org/streams' xmlns:c='jabber:client' xmlns:p='urn:p'>";
    let bare = "<s:stream xmlns:s='http://etherx.jabber.org/streams' xmlns:c='jabber:client'>";
    for (root, element) in [
        (root, "<message to='a'><body>x</body></message>"),
        (root, "<message xmlns='jabber:client' to='a'><body>x</body></message>"),
        (root, "<message xmlns='jabber:server' to='a'><body>x</body><x xmlns='jabber:client'/></message>"),
        (root, "<message xmlns='urn:x'><x xmlns='jabber:client'/></message>"),
        (root, "<message xmlns=''><x xmlns='jabber:client'/><y/></message>"),
        (root, "<stream:error><undefined-condition xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"),
        (root, "<stream:features/>"),
        (root, "<message p:a='b'><p:x p:y='z'/><q xmlns:p='urn:q'><p:x/></q></message>"),
        (root, "<message a='\t\r\n '>\r\n<![CDATA[<]]></message>"),
        (root, "<message><a xmlns:xml='http://www.w3.org/XML/1998/namespace' xml:lang=''/></message>"),
        (root, "<message xmlns:xml='http://www.w3.org/XML/1998/namespace'/>"),
        (root, "<message xml:lang='en'/>"),
        (root, "<m:message xmlns:m='jabber:client'><m:body/><body/><x xmlns='urn:x'><m:y/><z/></x></m:message>"),
        (
            root,
            "<m:message xmlns:m='jabber:client' xmlns='urn:d'><m:body/><body/><x xmlns='urn:x'><m:y/><z/></x></m:message>",
        ),
        (
            root,
            "<m:message xmlns:m='jabber:client' xmlns='' m:a='b'><m:body m:a='c'/><body><m:z/><z/></body></m:message>",
        ),
        (
            root,
            "<m:message xmlns:m='jabber:client' xmlns:ns2='urn:2'><ns2:a/><ns1:b/><x xmlns='urn:x'><m:y m:a=''/></x></m:message>",
        ),
        (root, "<message xmlns='a&amp;\t&#9;b' xmlns:q='&#x10ffff;' q:r=''><q:x/></message>"),
        (root, "<message ><body /></message >"),
        (root, "<message\n/>"),
        (prefixed, "<c:message to='a'><c:body>x</c:body></c:message>"),
        (prefixed, "<c:message p:to='a'><x/><x xmlns='urn:x'><c:y><z/></c:y></x></c:message>"),
        (prefixed, "<c:message c:to='a'><p:y c:to=''><c:z c:to=''/></p:y></c:message>"),
        (prefixed, "<error><c:x/></error>"),
        (bare, "<c:message><x><c:y/></x><y xmlns='jabber:server'/></c:message>"),
        (bare, "<c:message><x/><x><x/><c:y/></x><c:z><x xmlns='jabber:client'><c:y/></x></c:z></c:message>"),
        (bare, "<x><s:y/></x>"),
    ] {
        let stream = format!("{root}{element}");
        let mut input = stream.as_bytes();
        let mut reader = Reader::new(witness::WIDE);
        reader.read(&mut input).unwrap();
        let Ok(Some(Event::Element(raw))) = reader.read(&mut input) else { panic!("{stream}") };
        witness::check_rewriting(&raw);
        let mut end = raw.to_element();
        end.set_attribute("checked", Some("yes"));
        witness::check_rewriting(&end.to_raw("jabber:client"));
    }
}

/// What other parsers are known to treat differently is not passed on, though it is well-formed.
#[test]
fn oddities_are_written_plainly() {
    for (odd, plain) in [
        ("<a>b\r\nc\rd&#13;</a>", "<a>b\nc\nd&#xD;</a>"),
        ("<a><![CDATA[<b>]]]]><![CDATA[>]]></a>", "<a>&lt;b&gt;]]&gt;</a>"),
        ("<a b='c\td\r\ne\nf&#9;'/>", "<a b='c d e f&#x9;'/>"),
        ("<a xmlns:xml='http://www.w3.org/XML/1998/namespace'><b/></a>", "<a><b/></a>"),
        ("<a><b c='\t'/></a>", "<a><b c=' '/></a>"),
        // What is merely unusual is copied.
        ("<a >&#x62;&gt; ]] ></a\n>", "<a>&#x62;&gt; ]] ></a\n>"),
    ] {
        let raw = RawElement::parse(odd, "jabber:client").unwrap();
        let mut out = Vec::new();
        raw.write(&mut out, &Rewrite { content_namespace: "jabber:client", ..Default::default() });
        assert_eq!(String::from_utf8(out).unwrap(), plain, "{odd:?}");
    }
}

/// RFC 6120 §4.8.5: a content namespace by prefix becomes the default namespace.
#[test]
fn content_prefix_is_lost() {
    let stream = "<stream xmlns='http://etherx.jabber.org/streams' xmlns:foo='jabber:client'><foo:message><foo:body>x</foo:body></foo:message>";
    let mut input = stream.as_bytes();
    let mut reader = Reader::new(witness::WIDE);
    reader.read(&mut input).unwrap();
    let Ok(Some(Event::Element(raw))) = reader.read(&mut input) else { panic!() };
    let mut out = Vec::new();
    raw.write(&mut out, &Rewrite { content_namespace: "jabber:client", ..Default::default() });
    assert_eq!(String::from_utf8(out).unwrap(), "<message><body>x</body></message>");
}

/// Writing never makes much of little (RFC 6120 §13.12): namespace names are not spelled out again and again.
#[test]
fn writing_does_not_amplify() {
    let long = "u".repeat(900);
    let many = "<a/><foo:a/><p:a p:b=''/>".repeat(2000);
    let root = format!("<stream xmlns='http://etherx.jabber.org/streams' xmlns:foo='jabber:client' xmlns:p='{long}'>");
    let stanzas = [
        format!("<foo:message xmlns='{long}1' xmlns:q='{long}2'>\r{many}<q:b q:c=''/></foo:message>"),
        format!("<foo:message>{many}<x xmlns='{long}'>{many}</x></foo:message>"),
        format!("<message>{many}</message>"),
    ];
    for stanza in stanzas {
        let stream = format!("{root}{stanza}");
        let mut input = stream.as_bytes();
        let mut reader = Reader::new(witness::WIDE);
        reader.read(&mut input).unwrap();
        let Ok(Some(Event::Element(raw))) = reader.read(&mut input) else { panic!() };
        for content_namespace in ["jabber:client", "jabber:server", ""] {
            let mut out = Vec::new();
            raw.write(&mut out, &Rewrite { content_namespace, ..Default::default() });
            assert!(out.len() < 4 * stream.len(), "{} from {}", out.len(), stream.len());
        }
    }
}

/// The deepest element that there can be overflows no stack, even in a debug build and on a test's thread.
#[test]
fn the_deepest_element() {
    let stream = format!("<stream>{}<![CDATA[x]]>{}", "<a>".repeat(1000), "</a>".repeat(1000));
    let mut input = stream.as_bytes();
    let mut reader = Reader::new(Limits { max_depth: usize::MAX, ..Limits::AUTHENTICATED });
    reader.read(&mut input).unwrap();
    let Ok(Some(Event::Element(raw))) = reader.read(&mut input) else { panic!() };
    let mut out = Vec::new();
    raw.write(&mut out, &Rewrite::default());
    let tree = raw.to_element();
    assert_eq!(tree.clone().to_raw("").to_element(), tree);
    assert!(tree.to_string().into_bytes() == out);
    let deeper = format!("<stream>{}", "<a>".repeat(1001));
    let mut reader = Reader::new(Limits { max_depth: usize::MAX, ..Limits::AUTHENTICATED });
    let mut input = deeper.as_bytes();
    reader.read(&mut input).unwrap();
    let error = reader.read(&mut input).unwrap_err();
    assert_eq!(error.kind, ReadErrorKind::LimitExceeded(Limit::Depth(1000)));
}

/// The longest names that are read can be made, written and indexed, with whatever prefix writing puts before them.
#[test]
fn the_longest_names() {
    let (name, long) = ("n".repeat(3998), "n".repeat(4000));
    let namespace = "'".repeat(4000);
    let stream = format!("<stream><{long} {long}='' p:{name}='' xmlns=\"{namespace}\" xmlns:p='u'/><p:{long}/>");
    let mut input = stream.as_bytes();
    let mut reader = Reader::new(Limits { max_name_bytes: usize::MAX, ..Limits::AUTHENTICATED });
    reader.read(&mut input).unwrap();
    let Ok(Some(Event::Element(raw))) = reader.read(&mut input) else { panic!() };
    let tree = raw.to_element();
    assert_eq!(tree.to_raw("").to_element(), tree);
    let error = reader.read(&mut input).unwrap_err();
    assert_eq!(error.kind, ReadErrorKind::LimitExceeded(Limit::NameBytes(4000)));
}

/// A stream header has no content and may be written like an element.
#[test]
fn a_stream_header() {
    let stream = "<?xml version='1.0'?><stream:stream to='a' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
    let Ok(Some(Event::StreamOpen(header))) = Reader::new(Limits::UNAUTHENTICATED).read(&mut stream.as_bytes()) else {
        panic!()
    };
    assert_eq!((header.children().count(), header.text().as_ref(), header.root().has_text()), (0, "", false));
    assert_eq!(header.root().declarations().count(), 2);
    assert_eq!(header.root().resolve_prefix("stream"), Some("http://etherx.jabber.org/streams"));
    witness::check_rewriting(&header);
}

#[test]
fn nothing_may_surround_a_parsed_element() {
    for text in ["", " <a/>", "<a/> ", "<a/><b/>", "<a>", "a", "</a>", "<?xml version='1.0'?><a/>", "</>"] {
        assert!(RawElement::parse(text, "").is_err(), "{text:?}");
    }
}
