//! What one client sends and another gets: the same tree, with its true sender (incidents 6, 7, 31, 32, 33, 36).

use jabiru_attacks::wire::{as_references, read};
use jabiru_attacks::witness::{Piece, Tree};
use jabiru_attacks::{HEADER, Scene, Stage, Wire};

const XML: &str = "http://www.w3.org/XML/1998/namespace";
const CELL: &str = "mallory@localhost/cell";

fn attribute<'a>(tree: &'a Tree, name: &str) -> Option<&'a str> {
    tree.attributes.get(&(String::new(), name.to_owned())).map(String::as_str)
}

/// The last first-level element of a stream, as `xml` and `rxml` read it.
fn last(stream: &[u8]) -> Tree {
    let document = read(&[stream, b"</stream:stream>"].concat());
    match document.content.last() {
        Some(Piece::Element(element)) => element.clone(),
        other => panic!("no element: {other:?}"),
    }
}

/// What arrives of a stanza to Juliet must be the tree that was sent, with its sender and its language.
fn relays(scene: &mut Scene, mallory: &mut Wire, header: &str, stanza: &str) {
    let mut expected = last(format!("{header}{stanza}").as_bytes());
    expected.attributes.insert((String::new(), "from".to_owned()), CELL.to_owned());
    expected.attributes.entry((XML.to_owned(), "lang".to_owned())).or_insert_with(|| "en".to_owned());
    mallory.send(stanza);
    let arrived = scene.juliet.receive();
    assert_eq!(arrived.attribute("from").as_deref(), Some(CELL));
    assert_eq!(last(scene.juliet.heard()), expected, "{stanza}");
}

/// Incident 6: two other parsers read of what arrives what they read of what was sent, however odd it is. That
/// holds for a stream within a stanza too, which made a client begin anew there.
#[test]
fn odd_stanzas_arrive_as_they_were_sent() {
    let mut scene = Scene::new("");
    let mut mallory = scene.attacker(Stage::Bound);
    for content in [
        "<s:stream xmlns:s='http://etherx.jabber.org/streams' to='localhost' version='1.0'><s:features/></s:stream>",
        "<error xmlns='http://etherx.jabber.org/streams'><not-authorized \
         xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></error>",
        "<stream xmlns='http://etherx.jabber.org/streams'/>",
        "<message from='peter@localhost' to='juliet@localhost'><body>nested</body></message>",
        "<body><![CDATA[</body></message><message from='peter@localhost'><body>]]></body>",
        "<body>&lt;/body>&lt;/message></body>",
        "<body>]]&gt; ]] > ]]]&gt;</body>",
        "<body>&#13;&#10;&#9; a&#13;b</body>",
        "<body>\u{85}\u{2028}\u{2029}\u{feff}\u{fffd}\u{202e}\u{10fffd}\u{e000}\u{1f469}\u{200d}\u{1f680}</body>",
        "<x xmlns='urn:x' a='&#9;&#10;&#13;' b='&lt;&amp;&quot;&apos;' c='\"' d='>'/>",
        "<x xmlns='urn:x y'/><x xmlns='urn:x}y'/><x xmlns='{urn:x}y'/><x xmlns='urn:x|y'/><x xmlns='urn:x&#10;y'/>",
        "<x xmlns='urn:x&apos;y'/><x xmlns='urn:x&lt;y&amp;'/><x xmlns='jabber:client '/><x xmlns='\u{fffd}'/>",
        "<x xmlns=''/><x xmlns='jabber:server'><y/></x><x xmlns='JABBER:CLIENT'/>",
        "<p:x xmlns:p='urn:p' p:a='1' a='2'><q:y xmlns:q='urn:p' q:a='3'/><p:y xmlns:p='urn:other'/></p:x>",
        "<stream:x xmlns:stream='urn:mine' stream:a=''/>",
        "<x xmlns='urn:x' xml:lang='it' xml:space='preserve'> </x>",
        "<x xmlns='urn:x'><body xmlns='jabber:client'>in</body></x>",
        "<\u{e9}l\u{e9}ment xmlns='urn:x' \u{3b1}.\u{b7}-1='\u{3c9}'/>",
        "<body xmlns:xml='http://www.w3.org/XML/1998/namespace' xml:lang='la'>x</body>",
    ] {
        let stanza = format!("<message to='juliet@localhost/balcony' type='chat'>{content}</message>");
        relays(&mut scene, &mut mallory, HEADER, &stanza);
    }
    for stanza in [
        "<message xmlns:c='jabber:client' to='juliet@localhost'><c:body>prefixed</c:body></message>",
        "<message xmlns='jabber:client' to='juliet@localhost' from='peter@localhost'/>",
        "<message xmlns:from='urn:from' from:from='peter@localhost' to='juliet@localhost'/>",
        "<message xml:lang='x-klingon' to='juliet@localhost'/>",
        "<message to = \"juliet@localhost\"\n\ttype\r\n=\n'chat'\n><body\n/ ></message >",
    ] {
        // The last is not well-formed: `/ >`. It comes last.
        if stanza.contains("/ >") {
            mallory.send(stanza);
            assert_eq!(mallory.ended(), "not-well-formed");
        } else {
            relays(&mut scene, &mut mallory, HEADER, stanza);
        }
    }
    scene.end();
}

/// Incident 6: prefixes that the attacker's stream header binds would mean something else in another stream, or nothing: a
/// stanza that uses one goes nowhere, and its stream ends (RFC 6120 §4.8.5). What the header only declares does no harm.
#[test]
fn prefixes_of_the_header_stay_in_their_stream() {
    let mut scene = Scene::new("");
    let long = "u".repeat(200);
    let header = format!(
        "<stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns:s='http://etherx.jabber.org/streams' \
         xmlns:c='jabber:client' xmlns='jabber:client' xmlns:from='urn:from' xmlns:p='{long}' to='localhost' \
         version='1.0' xml:lang='en'>"
    );
    let many = "<p:a/>".repeat(40_000);
    for content in [
        "<c:body>x</c:body>",
        "<stream:error stream:a='1' s:b='2'/>",
        "<stream:stream to='localhost' version='1.0'><stream:features/></stream:stream>",
        "<s:error><s:stream/></s:error>",
        "<from:from from:from='peter@localhost'/>",
        "<x xmlns='urn:x' from:from='peter@localhost'/>",
        "<p:x p:y=''><q xmlns='urn:q'><p:z/></q></p:x>",
        "<x xmlns:p='urn:shadow'><p:y/></x><p:y/>",
        &many,
    ] {
        let mut mallory = Wire::direct_tls(&scene.server);
        mallory.authenticated("mallory", "pencil-7");
        mallory.open(&header);
        mallory.send(
            "<iq type='set' id='b'><b:bind xmlns:b='urn:ietf:params:xml:ns:xmpp-bind'><b:resource>cell</b:resource>\
             </b:bind></iq>",
        );
        mallory.hear("</iq>");
        for harmless in ["<body>by the default</body>", "<x xmlns:p='urn:shadow'><p:y/></x>"] {
            relays(&mut scene, &mut mallory, &header, &format!("<message to='juliet@localhost'>{harmless}</message>"));
        }
        mallory.send(format!("<message to='juliet@localhost'>{content}</message>"));
        assert_eq!(mallory.ended(), "invalid-namespace", "{}", &content[..content.len().min(99)]);
    }
    scene.nobody_noticed();
    scene.end();
}

/// Incident 6: what is no text in UTF-8, or no character of XML, is refused wherever it stands and however the
/// network cuts it (RFC 6120 §11.6, XML 1.0 §2.2).
#[test]
fn what_is_no_text_is_refused() {
    let mut scene = Scene::new("");
    let encoding = "unsupported-encoding";
    for (bytes, expected) in [
        (&b"\xff"[..], encoding),
        (b"\x80", encoding),
        (b"\xc0\xaf", encoding),
        (b"\xc1\xbf", encoding),
        (b"\xe0\x80\xaf", encoding),
        (b"\xe0\x9f\xbf", encoding),
        (b"\xf0\x80\x80\xaf", encoding),
        (b"\xf0\x8f\xbf\xbf", encoding),
        (b"\xf4\x90\x80\x80", encoding),
        (b"\xf8\x88\x80\x80\x80", encoding),
        (b"\xed\xa0\x80", encoding),
        (b"\xed\xbf\xbf", encoding),
        (b"\xed\xa0\xbd\xed\xb8\x80", encoding),
        (b"\xe2\x82", encoding),
        (b"\0", "not-well-formed"),
        (b"\x0b", "not-well-formed"),
        (b"\x1f", "not-well-formed"),
        ("\u{fffe}".as_bytes(), "not-well-formed"),
        ("\u{ffff}".as_bytes(), "not-well-formed"),
        (b"&#0;", "not-well-formed"),
        (b"&#xB;", "not-well-formed"),
        (b"&#xd800;", "not-well-formed"),
        (b"&#xdfff;", "not-well-formed"),
        (b"&#xfffe;", "not-well-formed"),
        (b"&#x110000;", "not-well-formed"),
        (b"&#99999999999;", "not-well-formed"),
        (b"&#x10000000041;", "not-well-formed"),
    ] {
        let shown = bytes.escape_ascii().to_string();
        let mut mallory = scene.attacker(Stage::Bound);
        let whole = [&b"<message to='juliet@localhost'><body>"[..], bytes, b"</body></message>"].concat();
        mallory.send(whole);
        assert_eq!(mallory.ended(), expected, "{shown} in text");
        let mut mallory = scene.attacker(Stage::Bound);
        for byte in [&b"<message to='juliet@localhost' id='"[..], bytes, b"'/>"].concat() {
            // The server may have ended before the last byte.
            mallory.send([byte]);
        }
        assert_eq!(mallory.ended(), expected, "{shown} in an attribute");
        let mut mallory = scene.attacker(Stage::Protected);
        mallory.send([&b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='"[..], bytes, b"'/>"].concat());
        assert_eq!(mallory.ended(), expected, "{shown} before authentication");
    }
    for (header, expected) in [
        (&b"<?xml version='1.0' encoding='ISO-8859-1'?>"[..], encoding),
        (b"<?xml version='1.0' encoding='UTF-7'?>", encoding),
        (b"\xff\xfe<\0s\0t\0", encoding),
        (b"\xfe\xff\0<\0s\0t", encoding),
        (b"\0<\0?\0x\0m", encoding),
        (b"<\0?\0x\0m\0l\0", encoding),
    ] {
        let mut mallory = scene.attacker(Stage::Connected);
        mallory.send([header, HEADER.as_bytes()].concat());
        assert_eq!(mallory.ended(), expected, "{}", header.escape_ascii());
    }
    scene.nobody_noticed();
    scene.end();
}

/// What breaks out of an attribute or an element, if it is not escaped on the way back.
const HOSTILE: [&str; 10] = [
    "'",
    "\"'\"",
    "<",
    "a&amp;b&lt;&#39;",
    "'/><message to='juliet@localhost'><body>x</body></message><x a='",
    "]]></body></message>",
    "\t\n\r\n",
    "\u{85}\u{2028}\u{feff}",
    "\u{10fffd}\u{fffd}\u{202e}",
    "{}[]()|;$`\\%00%0a",
];

/// Incident 7: what an error or a result repeats of a request comes back as it was, and as nothing else.
#[test]
fn what_is_reflected_is_escaped() {
    let mut scene = Scene::new("");
    let mut mallory = scene.attacker(Stage::Bound);
    for hostile in HOSTILE {
        let value = as_references(hostile);
        let query = "<query xmlns='urn:unknown'/>";
        let ping = "<ping xmlns='urn:xmpp:ping'/>";
        for (request, condition, from) in [
            (format!("<iq type='get' id='{value}' to='localhost'>{query}</iq>"), Some("service-unavailable"), None),
            (format!("<iq type='get' id='{value}' to='localhost'>{ping}</iq>"), None, None),
            (format!("<iq type='get' id='{value}'>{query}</iq>"), Some("service-unavailable"), None),
            (format!("<iq type='{value}' id='{value}' to='localhost'>{query}</iq>"), Some("bad-request"), None),
            (format!("<iq type='set' id='{value}' to='{value}@localhost'>{query}</iq>"), Some("any"), None),
            (
                format!("<message id='{value}' to='localhost/{value}'/>"),
                Some("any"),
                Some(format!("localhost/{hostile}")),
            ),
            (
                format!(
                    "<message id='{value}' to='nobody@localhost/{value}' xml:lang='{value}'><body>{value}</body></message>"
                ),
                Some("any"),
                Some(format!("nobody@localhost/{hostile}")),
            ),
            (format!("<presence id='{value}' type='{value}'/>"), Some("bad-request"), None),
        ] {
            mallory.send(&request);
            mallory.ping();
            let heard = mallory.heard();
            let stream = read(&[heard, b"</stream:stream>"].concat());
            // Header, features, bind, then an answer and a pong for each request: the answer is the last but one.
            let [.., Piece::Element(answer), Piece::Element(_pong)] = &stream.content[..] else {
                panic!("no answer: {stream:?}")
            };
            assert_eq!(attribute(answer, "id"), Some(hostile), "{request}: {answer:?}");
            assert_eq!(attribute(answer, "type"), Some(if condition.is_some() { "error" } else { "result" }));
            let error = answer.content.iter().find_map(|piece| match piece {
                Piece::Element(error) if error.name == "error" => error.content.first(),
                _ => None,
            });
            let found = error.map(|piece| match piece {
                Piece::Element(condition) => condition.name.as_str(),
                Piece::Text(_) => panic!("text in {answer:?}"),
            });
            match (condition, found) {
                (None, None) | (Some("any"), Some(_)) => {}
                (expected, found) => assert_eq!(found, expected, "{request}"),
            }
            if let (Some(from), Some("service-unavailable")) = (from, found) {
                // Only what is an address as it stands, not one that is prepared first.
                let prepared = attribute(answer, "from").expect("an address");
                assert!(prepared == from || !hostile.is_ascii() || hostile.contains('\t'), "{prepared} for {from}");
            }
        }
    }
    let answers = read(&[mallory.heard(), b"</stream:stream>"].concat()).content.len();
    assert_eq!(answers, 2 + HOSTILE.len() * 8 * 2, "one answer and one pong for each request, and nothing else");
    scene.nobody_noticed();
    scene.end();
}

/// Incident 7: the response stream header repeats nothing that is not an address (RFC 6120 §4.7).
#[test]
fn stream_headers_reflect_nothing_hostile() {
    let mut scene = Scene::new("");
    for hostile in HOSTILE {
        let value = as_references(hostile);
        for (attributes, expected) in [
            (format!("to='{value}'"), "host-unknown"),
            (format!("to='localhost/{value}'"), "host-unknown"),
            (format!("to='{value}@localhost'"), "host-unknown"),
            (format!("to='localhost' version='{value}'"), "unsupported-version"),
            (format!("to='localhost' version='1.0' from='{value}'"), "invalid-from"),
            (format!("to='localhost' version='1.0' from='a@localhost/{value}'"), "invalid-from"),
            (format!("to='localhost' version='1.0' xml:lang='{value}' id='{value}'"), "closed"),
        ] {
            let mut mallory = Wire::direct_tls(&scene.server);
            mallory.send(format!(
                "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' {attributes}>"
            ));
            // Whatever became of it, this is no stanza and ends the stream.
            mallory.send("</stream:stream>");
            let ended = mallory.ended();
            let stream = read(mallory.heard());
            assert_eq!(attribute(&stream, "from"), Some("localhost"), "{attributes}: {stream:?}");
            assert_eq!(attribute(&stream, "id").map(str::len), Some(24), "{attributes}: {stream:?}");
            let lang = stream.attributes.get(&(XML.to_owned(), "lang".to_owned())).map(String::as_str);
            assert_eq!(lang, Some("en"), "{attributes}");
            if let Some(to) = attribute(&stream, "to") {
                assert!(to == "a@localhost" || hostile.contains(to), "{attributes}: {to}");
            }
            // What happens to be an address, or nothing at all once it is prepared, is none of the errors.
            let fine = ended == expected || ended == "closed";
            assert!(fine, "{attributes}: {ended}");
            assert!(expected != "host-unknown" || ended == "host-unknown", "{attributes}: {ended}");
        }
    }
    scene.nobody_noticed();
    scene.end();
}

/// Incidents 31 and 33: what claims to be a copy, an archived message, an identifier or a delay of somebody else
/// arrives with its true sender, by which a client must judge it; and the server announces nothing by which a
/// client would believe that it had put it there (XEP-0280 §11, XEP-0313 §9, XEP-0359 §6).
#[test]
fn forged_wrappers_keep_their_true_sender() {
    let mut scene = Scene::new("");
    let mut mallory = scene.attacker(Stage::Bound);
    let inner = "<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='peter@localhost/street' \
                 to='juliet@localhost'><body>I never said this</body></message></forwarded>";
    for content in [
        format!("<received xmlns='urn:xmpp:carbons:2'>{inner}</received>"),
        format!("<sent xmlns='urn:xmpp:carbons:2'>{inner}</sent>"),
        format!("<result xmlns='urn:xmpp:mam:2' id='1' queryid='q'>{inner}</result>"),
        "<stanza-id xmlns='urn:xmpp:sid:0' id='1' by='juliet@localhost'/><stanza-id xmlns='urn:xmpp:sid:0' id='2' \
         by='localhost'/>"
            .to_owned(),
        "<delay xmlns='urn:xmpp:delay' from='localhost' stamp='2002-09-10T23:08:25Z'/>".to_owned(),
        "<occupant-id xmlns='urn:xmpp:occupant-id:0' id='x'/><x xmlns='http://jabber.org/protocol/muc#user'/>"
            .to_owned(),
    ] {
        for from in ["juliet@localhost", "localhost", "peter@localhost/street", "juliet@localhost/balcony", ""] {
            let stanza = format!("<message from='{from}' to='juliet@localhost'>{content}</message>");
            relays(&mut scene, &mut mallory, HEADER, &stanza);
        }
    }
    for to in ["localhost", "mallory@localhost"] {
        mallory.send(format!(
            "<iq type='get' id='d' to='{to}'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>"
        ));
        let answer = mallory.hear("</iq>");
        assert!(answer.contains("disco#info"), "{answer}");
        for namespace in ["urn:xmpp:carbons:2", "urn:xmpp:mam:2", "urn:xmpp:sid:0", "urn:xmpp:occupant-id:0"] {
            assert!(!answer.contains(namespace), "announced, so it has to be enforced: {namespace}");
        }
    }
    scene.end();
}

/// Incident 32: a roster push comes from one's own account alone, so a request from anybody else never reaches a
/// client (RFC 6121 §2.1.6, §8.5.3.1); nor can a roster be asked of another account.
#[test]
fn forged_roster_push() {
    let mut scene = Scene::new("");
    let mut mallory = scene.attacker(Stage::Bound);
    let push = "<query xmlns='jabber:iq:roster'><item jid='mallory@localhost' subscription='both'/></query>";
    for kind in ["set", "get"] {
        for to in ["juliet@localhost/balcony", "juliet@localhost", "juliet@localhost/none", "JULIET@localhost/balcony"]
        {
            for from in ["", "from='juliet@localhost'", "from='localhost'", "from=''"] {
                mallory.send(format!("<iq type='{kind}' id='push' to='{to}' {from}>{push}</iq>"));
                let answer = mallory.hear("</iq>");
                assert!(answer.contains("<service-unavailable "), "{kind} {to} {from}: {answer}");
                scene.nobody_noticed();
            }
        }
    }
    scene.end();
}

/// Incident 36: whoever answers a request says who he is: an answer that nobody asked for arrives with its true
/// sender or not at all, and one for the server is dropped.
#[test]
fn answers_from_the_wrong_address() {
    let mut scene = Scene::new("");
    let mut mallory = scene.attacker(Stage::Bound);
    for from in ["", "from='peter@localhost/street'", "from='localhost'", "from='juliet@localhost'"] {
        for stanza in [
            format!("<iq type='result' id='ping' to='juliet@localhost/balcony' {from}/>"),
            format!("<iq type='error' id='ping' to='juliet@localhost/balcony' {from}><error type='cancel'/></iq>"),
        ] {
            relays(&mut scene, &mut mallory, HEADER, &stanza);
        }
        for to in ["localhost", "juliet@localhost", "juliet@localhost/none", "nobody@localhost", "mallory@localhost"] {
            mallory.send(format!("<iq type='result' id='ping' to='{to}' {from}><x xmlns='urn:x'/></iq>"));
            mallory.send(format!("<iq type='error' id='ping' to='{to}' {from}/>"));
            let heard = mallory.ping();
            assert!(!heard.contains("error"), "an answer is never answered (RFC 6120 §8.3.1): {heard}");
            scene.nobody_noticed();
        }
    }
    scene.end();
}
