//! RFC 6120 §10.3.2: presence without `to`.

use crate::case;
use crate::case::Case;
use crate::client::Client;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, presence_without_to_is_broadcast_to_own_resources, ["10.3.2", "10.3", "8.2.2"]),
    case!(Must, presence_without_to_is_broadcast_to_subscribers, ["10.3.2", "8.2.2"]),
];

/// RFC 6120 §10.3.2: presence without `to` is broadcast to who shares it; the account's own resources do (RFC 6121
/// §4.2.2, §4.4.2).
fn presence_without_to_is_broadcast_to_own_resources(subject: &Subject) {
    let [mut orchard, mut garden] = subject.login(["romeo/orchard", "romeo/garden"]);
    for kind in ["", "type='unavailable'"] {
        orchard.sends(format!("<presence id='a' {kind}><status>in the orchard</status></presence>"));
        let come = receives_presence(&mut garden, "a");
        assert_eq!(come.attribute("from"), Some(orchard.jid()), "{come}");
        let status = come.child("status", crate::ns::CLIENT).map(crate::tree::Element::text);
        assert_eq!(status.as_deref(), Some("in the orchard"), "{come}");
    }
}

/// RFC 6120 §10.3.2: and so do those who have subscribed to it.
fn presence_without_to_is_broadcast_to_subscribers(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    juliet.sends("<presence to='$romeo' type='subscribe'/>");
    if !romeo.collects_from(&mut juliet).iter().any(|come| come.attribute("type") == Some("subscribe")) {
        subject.not_tried("the server has no subscriptions");
    }
    romeo.sends("<presence to='$juliet' type='subscribed'/>");
    romeo.collects();
    juliet.collects_from(&mut romeo);
    romeo.sends("<presence id='a'><status>in the orchard</status></presence>");
    let come = juliet.collects_from(&mut romeo);
    // What has begun is taken back, so that it does not come to the next who uses these accounts.
    for (client, other) in [(&mut romeo, "$juliet"), (&mut juliet, "$romeo")] {
        client.sends(format!(
            "<iq type='set' id='b'><query xmlns='jabber:iq:roster'><item jid='{other}' subscription='remove'/></query></iq>"
        ));
        client.collects();
    }
    romeo.collects();
    let found = come.iter().find(|come| come.attribute("id") == Some("a"));
    let found = found.unwrap_or_else(|| panic!("the presence has not come: {come:?}"));
    assert_eq!(found.attribute("from"), Some(romeo.jid()), "{found}");
}

/// The presence with this id, after whatever else comes.
#[track_caller]
fn receives_presence(client: &mut Client, id: &str) -> crate::tree::Element {
    loop {
        let element = client.receives_any();
        if element.name == "presence" && element.attribute("id") == Some(id) {
            return element;
        }
    }
}
