//! RFC 6120 §10.4.2: stanzas for a remote domain to which there is no stream.

use super::romeo_writes;
use crate::case;
use crate::case::{Case, Need};
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, stanza_opens_a_stream_to_its_domain, ["10.4.2", "10.4", "stream-tcp-binding"], needs[Need::Servers]),
    case!(Must, each_domain_gets_its_own_stanzas, ["10.4.2", "10.4"], needs[Need::Servers]),
    case!(Must, every_kind_of_stanza_opens_a_stream, ["10.4.2", "8.2.1", "8.2.2", "8.2.3"], needs[Need::Servers]),
    case!(Must, stanza_of_a_full_conversation_comes_back, ["10.4.2", "stanza-iq-reply"], needs[Need::Servers]),
];

/// RFC 6120 §10.4.2: without a stream, the domain is resolved, a stream is negotiated, and the stanza is routed over it.
fn stanza_opens_a_stream_to_its_domain(subject: &Subject) {
    let mut verona = subject.server("verona");
    let _romeo = romeo_writes(subject, &verona);
    verona.receives(
        "<message from='$romeo/orchard' to='juliet@$verona' type='chat' id='first'><body>hi</body></message>",
    );
    let stream = &verona.incoming()[0];
    assert!(stream.secure && stream.proven, "{stream:?}");
}

/// RFC 6120 §10.4.2: each domain has a server of its own, and gets nothing that is for another.
fn each_domain_gets_its_own_stanzas(subject: &Subject) {
    let (mut verona, mut mantua) = (subject.server("verona"), subject.server("mantua"));
    let [mut romeo] = subject.login(["romeo/orchard"]);
    for id in ["a", "b"] {
        for domain in ["$verona", "$mantua"] {
            romeo.sends(format!("<message to='juliet@{domain}' type='chat' id='{id}'><body>hi</body></message>"));
        }
    }
    for id in ["a", "b"] {
        for (server, domain) in [(&mut verona, "$verona"), (&mut mantua, "$mantua")] {
            server.receives(format!(
                "<message from='$romeo/orchard' to='juliet@{domain}' type='chat' id='{id}'><body>hi</body></message>"
            ));
        }
    }
}

/// RFC 6120 §10.4.2: messages, directed presence and requests alike.
fn every_kind_of_stanza_opens_a_stream(subject: &Subject) {
    for (number, (stanza, name)) in [
        ("<message to='juliet@$verona' id='a'><body>hi</body></message>", "message"),
        ("<presence to='juliet@$verona/balcony' id='a'/>", "presence"),
        ("<iq to='juliet@$verona/balcony' type='get' id='a'><ping xmlns='urn:xmpp:ping'/></iq>", "iq"),
        ("<iq to='$verona' type='set' id='a'><x xmlns='urn:example:x'/></iq>", "iq"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut verona = subject.server("verona");
        let [mut romeo] = subject.login([["romeo/orchard", "romeo/house", "romeo/park", "romeo/crypt"][number]]);
        romeo.sends(stanza);
        let received = verona.receives_any();
        assert_eq!((received.name.as_str(), received.attribute("id")), (name, Some("a")), "{received}");
        assert_eq!(received.attribute("from"), Some(romeo.jid()), "{received}");
    }
}

/// RFC 6120 §10.4.2, §8.2.3: a request to another server is answered there, and the answer comes back to who asked.
fn stanza_of_a_full_conversation_comes_back(subject: &Subject) {
    let mut verona = subject.server("verona");
    let [mut romeo] = subject.login(["romeo/orchard"]);
    romeo.sends("<iq to='juliet@$verona/balcony' type='get' id='a'><x xmlns='urn:example:x'/></iq>");
    verona.receives(
        "<iq from='$romeo/orchard' to='juliet@$verona/balcony' type='get' id='a'><x xmlns='urn:example:x'/></iq>",
    );
    let mut stream = verona.authenticated();
    stream.sends(
        "<iq from='juliet@$verona/balcony' to='$romeo/orchard' type='result' id='a'><x xmlns='urn:example:x'/></iq>",
    );
    romeo.receives(
        "<iq from='juliet@$verona/balcony' to='$romeo/orchard' type='result' id='a'><x xmlns='urn:example:x'/></iq>",
    );
}
