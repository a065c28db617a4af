//! The features as a client sees them: through a router.

use std::sync::Arc;
use std::time::Duration;

use jabiru_router::battery::{Recorder, block_on};
use jabiru_router::{Features, InMemory, OnConflict, ResourceSink, Router};
use jabiru_stanza::{ContentNamespace, FullJid, RawElement, Stanza, StanzaError, ns};
use jabiru_storage::MemoryAccounts;

use super::{Registration, all};

/// All of them, on accounts of which there are none.
fn features() -> Features {
    let allowed = Registration {
        password_change: true,
        cancellation: false,
        without_tls: false,
        timeout: Duration::from_secs(1),
    };
    all(Arc::new(MemoryAccounts::new()), allowed).unwrap()
}

/// What Juliet's balcony gets for this payload of an IQ of this type, sent to `to`.
fn ask(kind: &str, to: &str, payload: &str) -> String {
    let router =
        Router::new(Arc::new(InMemory::new()), ["im.example".parse().unwrap()].into_iter().collect(), features());
    let jid = FullJid::new("juliet@im.example/balcony").unwrap();
    let stream = Arc::new(Recorder::new());
    let sink: Arc<dyn ResourceSink> = stream.clone();
    let id = block_on(router.register(&jid, sink, OnConflict::Refuse, 1)).unwrap().unwrap().id;
    let xml = format!("<iq id='1' type='{kind}' {to}>{payload}</iq>");
    let mut stanza = Stanza::parse(RawElement::parse(&xml, ns::CLIENT).unwrap(), ContentNamespace::Client).unwrap();
    stanza.set_from(Arc::new(jid.clone().into()));
    block_on(router.receive(&jid, id, stanza)).unwrap();
    let [answer] = &stream.take_written()[..] else { panic!("not one answer to {xml}") };
    answer.clone()
}

const SERVER: &str = "to='im.example'";
const OWN: &str = "to='juliet@im.example'";
const NONE: &str = "";
const OTHER: &str = "to='romeo@im.example'";
const RESOURCE: &str = "to='im.example/anything'";

/// Who answers what to whom, and what else comes back: everybody else's accounts tell nothing (RFC 6120 §13.11), and
/// what a feature knows but can't do is `feature-not-implemented` (§8.3.3.3).
#[test]
fn who_answers_what() {
    let ping = "<ping xmlns='urn:xmpp:ping'/>";
    let info = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
    let items = "<query xmlns='http://jabber.org/protocol/disco#items'/>";
    let version = "<query xmlns='jabber:iq:version'/>";
    let session = "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>";
    let both = &[SERVER, OWN, NONE][..];
    for (kind, payload, answered_at, known_at) in [
        ("get", ping, both, &[][..]),
        ("get", info, both, &[]),
        ("get", items, both, &[]),
        ("get", version, &[SERVER], &[]),
        ("set", session, both, &[]),
        ("set", ping, &[], both),
        ("set", info, &[], both),
        ("set", items, &[], both),
        ("set", version, &[], &[SERVER]),
        ("get", session, &[], both),
        ("get", "<query xmlns='urn:unknown'/>", &[], &[]),
        ("get", "<pong xmlns='urn:xmpp:ping'/>", &[], both),
        ("get", "<other xmlns='jabber:iq:register'/>", &[], both),
    ] {
        for to in [SERVER, OWN, NONE, OTHER, RESOURCE] {
            let answer = ask(kind, to, payload);
            let error = StanzaError::parse(&RawElement::parse(&answer, ns::CLIENT).unwrap());
            let expected = match to {
                to if answered_at.contains(&to) => None,
                to if known_at.contains(&to) => Some("feature-not-implemented"),
                _ => Some("service-unavailable"),
            };
            let case = format!("{kind} {payload} {to}: {answer}");
            assert_eq!(error.as_ref().map(|error| error.condition().name()), expected, "{case}");
            assert!(answer.contains("id='1'") && answer.contains("type='result'") == expected.is_none(), "{case}");
        }
    }
}

/// XEP-0030 §3.1: identities and features, each once and in order.
#[test]
fn server_describes_itself() {
    let answer = ask("get", SERVER, "<query xmlns='http://jabber.org/protocol/disco#info'/>");
    let read = RawElement::parse(&answer, ns::CLIENT).unwrap();
    let query = read.child("query", ns::DISCO_INFO).unwrap();
    let identity = query.child("identity", ns::DISCO_INFO).unwrap();
    let stated = ["category", "type", "name"].map(|name| identity.attribute(name).unwrap().into_owned());
    assert_eq!(stated, ["server", "im", "Jabiru"]);
    let features: Vec<String> = query
        .children()
        .filter(|child| child.name() == "feature")
        .map(|feature| feature.attribute("var").unwrap().into_owned())
        .collect();
    assert_eq!(features, [ns::DISCO_INFO, ns::DISCO_ITEMS, ns::REGISTER, ns::VERSION, ns::PING]);
}

#[test]
fn account_describes_itself_to_itself() {
    for to in [OWN, NONE] {
        let answer = ask("get", to, "<query xmlns='http://jabber.org/protocol/disco#info'/>");
        assert!(answer.contains("<identity category='account' type='registered'/>"), "{answer}");
        assert!(!answer.contains("category='server'"), "{answer}");
    }
}

/// XEP-0030 §3.1 and §4.2: nothing has nodes.
#[test]
fn unknown_node_is_not_found() {
    for namespace in [ns::DISCO_INFO, ns::DISCO_ITEMS] {
        let answer = ask("get", SERVER, &format!("<query xmlns='{namespace}' node='x'/>"));
        assert!(answer.contains("<item-not-found "), "{answer}");
    }
}

/// XEP-0092 §5: the version is told, the operating system is not.
#[test]
fn version_without_operating_system() {
    let answer = ask("get", SERVER, "<query xmlns='jabber:iq:version'/>");
    let version = concat!("<name>Jabiru</name><version>", env!("CARGO_PKG_VERSION"), "</version></query>");
    assert!(answer.contains(version), "{answer}");
}

#[test]
fn session_is_offered_as_optional() {
    let features: Vec<String> = features().stream_features().iter().map(ToString::to_string).collect();
    assert_eq!(features, ["<session xmlns='urn:ietf:params:xml:ns:xmpp-session'><optional/></session>"]);
}
