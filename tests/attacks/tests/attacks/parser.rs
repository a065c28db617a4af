//! XML that broke parsers, or took more than it brought (incidents 1, 3, 5, 9, 10).

use jabiru_attacks::{HEADER, Scene, Stage, Wire};

/// Ten levels of entities, each ten times the one before.
fn bomb(root: &str) -> String {
    let mut entities = "<!ENTITY e0 'ha'>".to_owned();
    for level in 1..10 {
        let references = format!("&e{};", level - 1).repeat(10);
        entities.push_str(&format!("<!ENTITY e{level} '{references}'>"));
    }
    format!("<!DOCTYPE {root} [{entities}]>")
}

/// Incident 1: RFC 6120 §11.1 forbids document types, so a bomb of entities is refused where its declaration
/// begins, at any stage; the memory is that of an idle connection.
#[test]
fn entity_bomb() {
    let scene = Scene::new("");
    scene.server.forget_peak();
    let before = scene.server.peak_bytes();
    for stage in Stage::ALL {
        for round in 0..20 {
            let mut mallory = scene.attacker(stage);
            let bomb = match stage {
                Stage::Connected => format!("<?xml version='1.0'?>{}{HEADER}", bomb("stream:stream")),
                Stage::Bound => {
                    format!("{}<message to='juliet@localhost'><body>&e9;</body></message>", bomb("message"))
                }
                _ => format!("{}<auth>&e9;</auth>", bomb("auth")),
            };
            mallory.send(bomb);
            assert_eq!(mallory.ended(), "restricted-xml", "{stage:?} {round}");
            if stage == Stage::Authenticated || stage == Stage::Bound {
                break;
            }
        }
    }
    if let (Some(before), Some(peak)) = (before, scene.server.peak_bytes()) {
        assert!(peak < before + 4 * MIB, "{} KiB more at the peak", (peak - before) / 1024);
    }
    scene.end();
}

/// Incident 1: nor does any other part of a document type, a comment, a processing instruction, or a reference
/// to an entity that is not predefined get through (RFC 6120 §11.1).
#[test]
fn restricted_xml() {
    let mut scene = Scene::new("");
    for xml in [
        "<!DOCTYPE message>",
        "<!DOCTYPE message SYSTEM 'file:///etc/passwd'>",
        "<!ENTITY x 'y'>",
        "<!-- -->",
        "<?php ?>",
        "<message to='juliet@localhost'><!-- --></message>",
        "<message to='juliet@localhost'><!DOCTYPE x></message>",
        "<message to='juliet@localhost'><?xml version='1.0'?></message>",
        "<message to='juliet@localhost'><body>&nbsp;</body></message>",
        "<message to='juliet@localhost' id='&file;'/>",
    ] {
        let mut mallory = scene.attacker(Stage::Bound);
        mallory.send(xml);
        let ended = mallory.ended();
        // Within an element, and between elements, <!ENTITY begins nothing at all.
        let expected = if xml.starts_with("<!ENTITY") { "not-well-formed" } else { "restricted-xml" };
        assert_eq!(ended, expected, "{xml}");
        scene.nobody_noticed();
    }
    scene.end();
}

/// Incident 3: elements, attributes, namespaces and depth are counted before authentication, and what is held of
/// an element that never ends is a small multiple of its bytes.
#[test]
fn amplification_before_authentication() {
    let scene = Scene::new("");
    let many_attributes: String = (0..10_000).map(|n| format!(" a{n}=''")).collect();
    let many_namespaces: String = (0..10_000).map(|n| format!(" xmlns:n{n}='urn:{n}'")).collect();
    let many_deep: String = (0..10_000).map(|n| format!("<a xmlns:n{n}='urn:{n}'>")).collect();
    for (what, attack) in [
        ("tiny elements", format!("<auth>{}", "<a/>".repeat(100_000))),
        ("tiny texts", format!("<auth>{}", "<a>b</a>".repeat(100_000))),
        ("attributes", format!("<auth{many_attributes}/>")),
        ("namespaces", format!("<auth{many_namespaces}/>")),
        ("depth", format!("<auth>{}", "<a>".repeat(10_000))),
        ("namespaces in depth", format!("<auth>{many_deep}")),
        ("references", format!("<auth>{}", "&amp;".repeat(100_000))),
        ("CDATA sections", format!("<auth>{}", "<![CDATA[]]>".repeat(100_000))),
    ] {
        for stage in [Stage::Clear, Stage::Protected] {
            let mut mallory = scene.attacker(stage);
            mallory.send(&attack);
            assert_eq!(mallory.ended(), "policy-violation", "{what} {stage:?}");
        }
    }
    // Each limit by itself, far below that of bytes: the last that passes, and the first that does not.
    let attributes = |count: usize| (0..count).map(|n| format!(" a{n}=''")).collect::<String>();
    let namespaces = |count: usize| (0..count).map(|n| format!(" xmlns:n{n}='urn:{n}'")).collect::<String>();
    let deep = |count: usize| format!("{}{}", "<a>".repeat(count), "</a>".repeat(count));
    for (what, sound, excessive) in [
        ("attributes", format!("<auth{}/>", attributes(24)), format!("<auth{}/>", attributes(25))),
        // One prefix is in scope already, by the stream header.
        ("namespaces", format!("<auth{}/>", namespaces(23)), format!("<auth{}/>", namespaces(24))),
        ("depth", deep(16), deep(17)),
        ("name", format!("<{}/>", "a".repeat(256)), format!("<{}/>", "a".repeat(257))),
        ("attribute's name", format!("<a {}=''/>", "a".repeat(256)), format!("<a {}=''/>", "a".repeat(257))),
        ("namespace", format!("<a xmlns='{}'/>", "a".repeat(256)), format!("<a xmlns='{}'/>", "a".repeat(257))),
    ] {
        for (xml, expected) in [(sound, "not-authorized"), (excessive, "policy-violation")] {
            let mut mallory = scene.attacker(Stage::Protected);
            mallory.send(xml);
            assert_eq!(mallory.ended(), expected, "{what}");
        }
    }
    // All of it at once, on many streams, each a byte short of the limit.
    scene.server.forget_peak();
    let before = scene.server.peak_bytes();
    let one = |content: &str| format!("<auth>{}", content.repeat((16_384 - 7) / content.len()));
    let mut streams: Vec<Wire> = Vec::new();
    let mut sent = 0;
    for content in ["<a/>", "<a b=''/>", "<a><b/></a>", "&amp;", "<![CDATA[]]>", "x"] {
        for _ in 0..50 {
            let mut mallory = scene.attacker(Stage::Clear);
            let attack = one(content);
            sent += attack.len() as u64;
            assert!(mallory.send(attack), "within the limit");
            streams.push(mallory);
        }
    }
    // The last byte is taken too: what comes behind it is refused.
    for mallory in &mut streams {
        mallory.send("<b/>   </auth");
    }
    let bound = 8 * sent + streams.len() as u64 * 16 * 1024 + 4 * MIB;
    for mallory in &mut streams {
        assert_eq!(mallory.ended(), "policy-violation");
    }
    if let (Some(before), Some(peak)) = (before, scene.server.peak_bytes()) {
        assert!(peak < before + bound, "{} bytes more for {sent} bytes", peak - before);
    }
    scene.end();
}

/// Incident 5: whatever never ends, it ends the stream at the limit.
#[test]
fn what_never_ends() {
    let mut scene = Scene::new("");
    for stage in Stage::ALL {
        let limit = if stage == Stage::Bound { 262_144 } else { 16_384 };
        let mut endless = vec![
            ("attribute", "<message to='"),
            ("text", "<message to='juliet@localhost'><body>"),
            ("tag name", "<"),
            ("prefix", "<a:"),
            ("attribute name", "<message "),
            ("whitespace in a tag", "<message to='juliet@localhost'"),
            ("CDATA", "<message to='juliet@localhost'><body><![CDATA["),
            ("namespace", "<message xmlns='"),
        ];
        if stage == Stage::Connected {
            endless = vec![
                ("declaration", "<?xml version='1.0' "),
                ("header", "<stream:stream to='"),
                ("header name", "<stream:"),
                ("namespace of the header", "<stream:stream xmlns:stream='"),
            ];
        }
        for (what, begin) in endless {
            let mut mallory = scene.attacker(stage);
            let filler = if what == "whitespace in a tag" || what == "declaration" { " " } else { "a" };
            mallory.send(begin);
            // Not so much more that the server would not wait to be heard.
            mallory.send(filler.repeat(limit + 1024));
            let ended = mallory.ended();
            assert_eq!(ended, "policy-violation", "{what} {stage:?}");
        }
    }
    scene.nobody_noticed();

    // To the byte: what is allowed arrives.
    let stanza = |length: usize| {
        let (begin, end) = ("<message to='juliet@localhost'><body>", "</body></message>");
        format!("{begin}{}{end}", "x".repeat(length - begin.len() - end.len()))
    };
    let mut mallory = scene.attacker(Stage::Bound);
    mallory.send(stanza(262_144));
    let message = scene.juliet.receive_message();
    assert_eq!(message.attribute("from").as_deref(), Some("mallory@localhost/cell"));
    mallory.send(stanza(262_145));
    assert_eq!(mallory.ended(), "policy-violation");
    scene.end();
}

/// Incident 5: who goes on sending after that is heard no further than a stated number of bytes.
#[test]
fn flood_after_the_end() {
    let scene = Scene::new("");
    scene.server.forget_peak();
    let before = scene.server.peak_bytes();
    let mut mallory = scene.attacker(Stage::Clear);
    let piece = vec![b'a'; 64 * 1024];
    mallory.send("<message to='");
    let taken = (0..2048).take_while(|_| mallory.send(&piece)).count();
    // 16 KiB for the element, 256 KiB thrown away, the rest is what the system holds for both sockets.
    assert!(taken < 512, "{taken} pieces of 64 KiB were taken");
    if let (Some(before), Some(peak)) = (before, scene.server.peak_bytes()) {
        assert!(peak < before + MIB, "{} bytes more", peak - before);
    }
    scene.end();
}

/// Incident 9: what is not well-formed goes nowhere, whatever stands before it in the same element.
#[test]
fn not_well_formed() {
    let mut scene = Scene::new("");
    let mut cases: Vec<(String, &str)> = [
        "<body>x</bdy>",
        "<body>x",
        "<body a='1' a='2'/>",
        "<body xmlns:a='urn:x' xmlns:b='urn:x' a:y='1' b:y='2'/>",
        "<body xmlns:a='urn:x' xmlns:a='urn:y'/>",
        "<p:body/>",
        "<body p:a=''/>",
        "<body a=1/>",
        "<body a/>",
        "<body a='<'/>",
        "<body a='&'/>",
        "<body a='1'b='2'/>",
        "<body>&</body>",
        "<body>&amp</body>",
        "<body>&#0;</body>",
        "<body>&#x110000;</body>",
        "<body>]]></body>",
        "<body xmlns:a=''/>",
        "<body xmlns:xml='urn:x'/>",
        "<body xmlns:xmlns='urn:x'/>",
        "<a:b:c xmlns:a='urn:x'/>",
        "<:body/>",
        "<1body/>",
        "< body/>",
        "<body></ body>",
        "</message></message>",
        "<!x>",
    ]
    .into_iter()
    .map(|content| {
        // The end of the stanza comes all the same: nothing may be made of the rest.
        (format!("<message to='juliet@localhost' type='chat'><body>a</body>{content}</message>"), "not-well-formed")
    })
    .collect();
    cases.push(("<message to='juliet@localhost'/></stream:stream2>".to_owned(), "not-well-formed"));
    for (xml, expected) in cases {
        let mut mallory = scene.attacker(Stage::Bound);
        // What is cut off by the end of the stream is not well-formed either; without one, the stream just waits.
        mallory.send(format!("{xml}</stream:stream>"));
        let whole = xml.contains("</message></message>") || xml.starts_with("<message to='juliet@localhost'/>");
        assert_eq!(mallory.ended(), expected, "{xml}");
        if whole {
            // The first stanza was whole, and is delivered.
            assert_eq!(scene.juliet.receive_message().attribute("from").as_deref(), Some("mallory@localhost/cell"));
        }
        scene.nobody_noticed();
    }
    scene.end();
}

/// Incident 10: nothing of a stanza that broke off is found in another stream, on the same account or another.
#[test]
fn error_within_a_stanza_leaves_nothing() {
    let mut scene = Scene::new("");
    for end in [&b"</bdy></message>"[..], b"\xff", b"", b"</stream:stream>", b"&#0;", b"<!--"] {
        let mut broken = scene.attacker(Stage::Bound);
        broken.send("<message to='juliet@localhost' type='chat' id='left'><body>left over");
        broken.send(end);
        if end.is_empty() {
            drop(broken);
        } else {
            assert_ne!(broken.ended(), "closed");
        }
        let mut sound = Wire::bound(&scene.server, "mallory", "pencil-7", "cell");
        sound.send("<message to='juliet@localhost' type='chat' id='new'><body>sound</body></message>");
        let message = scene.juliet.receive_message();
        assert_eq!(message.attribute("id").as_deref(), Some("new"));
        assert_eq!(message.child("body", "jabber:client").expect("a body").text(), "sound");
        let heard = sound.ping();
        assert!(!heard.contains("left"), "{heard}");
        scene.nobody_noticed();
    }
    scene.end();
}

const MIB: u64 = 1024 * 1024;
