//! Requests to the server itself (incident 11).

use jabiru_attacks::wire::read;
use jabiru_attacks::witness::Piece;
use jabiru_attacks::{Scene, Stage};

/// What the server answers, or other servers do.
const PAYLOADS: [(&str, &str); 14] = [
    ("query", "http://jabber.org/protocol/disco#info"),
    ("query", "http://jabber.org/protocol/disco#items"),
    ("query", "jabber:iq:version"),
    ("ping", "urn:xmpp:ping"),
    ("session", "urn:ietf:params:xml:ns:xmpp-session"),
    ("bind", "urn:ietf:params:xml:ns:xmpp-bind"),
    ("query", "jabber:iq:roster"),
    ("query", "jabber:iq:register"),
    ("query", "jabber:iq:auth"),
    ("query", "http://jabber.org/protocol/bytestreams"),
    ("pubsub", "http://jabber.org/protocol/pubsub"),
    ("query", "urn:xmpp:mam:2"),
    ("vCard", "vcard-temp"),
    ("command", "http://jabber.org/protocol/commands"),
];

/// Attributes and content that a payload may have, or lack.
const SHAPES: [(&str, &str); 12] = [
    ("", ""),
    ("node=''", ""),
    ("node='x' action='' ver='' queryid=''", ""),
    ("xml:lang=''", " "),
    ("xmlns:a='urn:a' a:node='x'", "text"),
    ("", "<publish/>"),
    ("", "<publish><item/></publish>"),
    ("node=''", "<x xmlns='jabber:x:data' type='submit'><field/></x>"),
    ("", "<set xmlns='http://jabber.org/protocol/rsm'><max>-1</max><after/></set>"),
    ("", "<item/><item jid=''/><item jid='@'/>"),
    ("", "<resource/><resource>x</resource>"),
    ("", "<error/><error type='x'/>"),
];

/// Incident 11: every request gets one answer, whatever is missing in it, and none twice; what is no request gets
/// none. All of it is sent at once, and the last answer is awaited.
#[test]
fn every_request_is_answered_once() {
    let mut scene = Scene::new("");
    let mut mallory = scene.attacker(Stage::Bound);
    let mut expected = Vec::new();
    for (name, namespace) in PAYLOADS {
        let mut batch = String::new();
        for (attributes, content) in SHAPES {
            for kind in ["get", "set", "result", "error", "", "GET"] {
                for to in ["localhost", "mallory@localhost", "localhost/x", "nobody@localhost"] {
                    let id = expected.len().to_string();
                    batch.push_str(&format!(
                        "<iq id='{id}' type='{kind}' to='{to}'><{name} xmlns='{namespace}' {attributes}>{content}</{name}></iq>"
                    ));
                    expected.push((id, kind != "result" && kind != "error"));
                }
            }
        }
        // A request has one child: none and two are refused (RFC 6120 §8.2.3).
        for content in [String::new(), format!("<{name} xmlns='{namespace}'/>").repeat(2)] {
            let id = expected.len().to_string();
            batch.push_str(&format!("<iq id='{id}' type='get' to='localhost'>{content}</iq>"));
            expected.push((id, true));
        }
        mallory.send(batch);
        mallory.ping();
    }
    let stream = read(&[mallory.heard(), b"</stream:stream>"].concat());
    let attribute = |piece: &Piece, name: &str| match piece {
        Piece::Element(answer) => answer.attributes.get(&(String::new(), name.to_owned())).cloned().unwrap_or_default(),
        Piece::Text(text) => panic!("text: {text}"),
    };
    let answers: Vec<(String, String)> = stream.content[2..]
        .iter()
        .map(|answer| (attribute(answer, "id"), attribute(answer, "type")))
        .filter(|(id, _)| id != "wire-ping")
        .collect();
    let due: Vec<&String> = expected.iter().filter(|(_, due)| *due).map(|(id, _)| id).collect();
    // In the order of the requests, too (RFC 6120 §10.1).
    assert_eq!(answers.iter().map(|(id, _)| id).collect::<Vec<_>>(), due);
    assert!(answers.iter().all(|(_, kind)| kind == "result" || kind == "error"));
    assert!(answers.iter().any(|(_, kind)| kind == "result"));
    scene.nobody_noticed();
    scene.end();
}
