//! RFC 6120 §10.1: in-order processing.

use std::collections::BTreeMap;

use super::UNKNOWN;
use crate::case;
use crate::case::Case;
use crate::client::Client;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, stanzas_to_another_entity_stay_in_order, ["10.1"]),
    case!(Must, bare_and_full_jid_are_the_same_for_order, ["10.1"]),
    case!(Must, requests_to_the_server_stay_in_order, ["10.1"]),
    case!(Must, stanzas_to_all_kinds_of_recipients_stay_in_order, ["10", "10.1"]),
    case!(Must, stanzas_from_two_resources_each_stay_in_order, ["10.1"]),
    case!(Must, request_has_its_effect_on_what_comes_after_it, ["10.1"]),
    case!(Must, large_and_small_stanzas_stay_in_order, ["10.1"]),
];

/// How many stanzas of one kind are sent at once.
const MANY: usize = 100;

/// RFC 6120 §10.1: messages, presence and IQs for one entity are delivered in the order in which they came.
fn stanzas_to_another_entity_stay_in_order(subject: &Subject) {
    let [mut orchard, mut garden] = subject.login(["romeo/orchard", "romeo/garden"]);
    let mut batch = String::new();
    for number in 0..MANY {
        batch += &format!(
            "<message to='$romeo/garden' id='m{number}' type='chat'/>\
             <presence to='$romeo/garden' id='p{number}'/>\
             <iq to='$romeo/garden' id='q{number}' type='set'><q xmlns='urn:example:question'/></iq>\
             <iq to='$romeo/garden' id='r{number}' type='result'/>"
        );
    }
    garden.waits(Some(subject.seconds(20.0)));
    orchard.sends(batch);
    for number in 0..MANY {
        for kind in ["m", "p", "q", "r"] {
            receives_id(&mut garden, &format!("{kind}{number}"));
        }
    }
}

/// RFC 6120 §10.1: for the order, the bare and the full JID of a recipient are the same.
fn bare_and_full_jid_are_the_same_for_order(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    let mut batch = String::new();
    for number in 0..MANY {
        let to = if number % 3 == 0 { "$juliet" } else { "$juliet/balcony" };
        batch += &format!("<message to='{to}' id='m{number}' type='chat'><body>{number}</body></message>");
        let to = if number % 2 == 0 { "$juliet" } else { "$juliet/balcony" };
        batch += &format!("<presence to='{to}' id='p{number}'/>");
    }
    juliet.waits(Some(subject.seconds(20.0)));
    romeo.sends(batch);
    for number in 0..MANY {
        receives_id(&mut juliet, &format!("m{number}"));
        receives_id(&mut juliet, &format!("p{number}"));
    }
}

/// RFC 6120 §10.1: what is for the server itself or for the own account is processed, and so answered, in order.
fn requests_to_the_server_stay_in_order(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    for to in ["", "to='$domain'"] {
        let mut batch = String::new();
        for number in 0..MANY {
            batch += &format!(
                "<iq type='get' id='p{number}' {to}><ping xmlns='urn:xmpp:ping'/></iq>\
                 <iq type='get' id='d{number}' {to}><query xmlns='http://jabber.org/protocol/disco#info'/></iq>\
                 <iq type='get' id='u{number}' {to}><q xmlns='{UNKNOWN}'/></iq>"
            );
        }
        romeo.waits(Some(subject.seconds(20.0)));
        romeo.sends(batch);
        for number in 0..MANY {
            for kind in ["p", "d", "u"] {
                receives_id(&mut romeo, &format!("{kind}{number}"));
            }
        }
    }
}

/// RFC 6120 §10.1: stanzas for another client, for the server and for the own account in one breath: each of them gets
/// its own in order.
fn stanzas_to_all_kinds_of_recipients_stay_in_order(subject: &Subject) {
    let [mut romeo, mut juliet, mut nurse] = subject.login(["romeo/orchard", "juliet/balcony", "nurse/kitchen"]);
    let mut batch = String::new();
    for number in 0..MANY {
        batch += &format!(
            "<message to='$juliet/balcony' id='m{number}' type='chat'/>\
             <iq type='get' id='s{number}' to='$domain'><ping xmlns='urn:xmpp:ping'/></iq>\
             <message to='$nurse' id='m{number}' type='chat'/>\
             <presence id='b{number}'><show>away</show></presence>\
             <presence to='$juliet' id='p{number}'/>"
        );
    }
    for client in [&mut romeo, &mut juliet, &mut nurse] {
        client.waits(Some(subject.seconds(20.0)));
    }
    romeo.sends(batch);
    for number in 0..MANY {
        receives_id(&mut juliet, &format!("m{number}"));
        receives_id(&mut juliet, &format!("p{number}"));
        receives_id(&mut nurse, &format!("m{number}"));
    }
    for number in 0..MANY {
        // Its own broadcasts may come back to it (RFC 6121 §4.2.2); they are not what is counted here.
        romeo.receives(format!("<iq type='*' id='s{number}' from='?' to='?'>...</iq>"));
    }
}

/// RFC 6120 §10.1: of two resources that send at once, the stanzas of each are delivered in their order; between the
/// two there is none.
fn stanzas_from_two_resources_each_stay_in_order(subject: &Subject) {
    let [mut orchard, mut garden, mut juliet] = subject.login(["romeo/orchard", "romeo/garden", "juliet/balcony"]);
    juliet.waits(Some(subject.seconds(20.0)));
    const PIECE: usize = 10;
    for start in (0..MANY).step_by(PIECE) {
        for sender in [&mut orchard, &mut garden] {
            let piece = (start..start + PIECE).map(|number| {
                let to = if number % 2 == 0 { "$juliet" } else { "$juliet/balcony" };
                format!("<message to='{to}' id='{number}' type='chat'/>")
            });
            sender.sends(piece.collect::<String>());
        }
    }
    let mut next: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..2 * MANY {
        let message = juliet.receives("<message from='*' to='*' id='*' type='chat'/>");
        let from = message.attribute("from").unwrap_or_default().to_owned();
        let due = next.entry(from).or_default();
        assert_eq!(message.attribute("id"), Some(due.to_string().as_str()), "{message}");
        *due += 1;
    }
    assert_eq!(next.values().copied().collect::<Vec<_>>(), [MANY, MANY], "{next:?}");
}

/// RFC 6120 §10.1: what may change how later stanzas are processed is done before them: a message right behind a
/// priority finds that priority in force (RFC 6121 §8.5.2.1.1).
fn request_has_its_effect_on_what_comes_after_it(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    let note = |id: &str| format!("<message to='$romeo' id='{id}' type='chat'><body>note</body></message>");
    let priority = |number: i8| format!("<presence><priority>{number}</priority></presence>");
    romeo.sends([priority(1), note("heard"), priority(-1), note("unheard")].concat());
    receives_id(&mut romeo, "heard");
    for come in romeo.collects() {
        // Whoever does not store it may say so.
        assert_eq!(come.attribute("type"), Some("error"), "{come}");
    }
    romeo.sends([priority(1), note("heard again")].concat());
    // What was stored comes with the priority, before or behind the message that came after that.
    let come = romeo.collects();
    assert!(come.iter().any(|come| come.attribute("id") == Some("heard again")), "{come:?}");
}

/// RFC 6120 §10.1: a small stanza does not overtake a large one, of whatever kind both are.
fn large_and_small_stanzas_stay_in_order(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    let large = "0123456789".repeat(800);
    juliet.waits(Some(subject.seconds(20.0)));
    for round in 0..5 {
        romeo.sends(format!(
            "<message to='$juliet/balcony' id='large{round}' type='chat'><body>{large}</body></message>\
             <presence to='$juliet/balcony' id='small{round}'/>\
             <message to='$juliet' id='tiny{round}' type='chat'/>"
        ));
    }
    for round in 0..5 {
        for size in ["large", "small", "tiny"] {
            receives_id(&mut juliet, &format!("{size}{round}"));
        }
    }
}

/// The next stanza has this id; presence of its own without one is passed over.
#[track_caller]
fn receives_id(client: &mut Client, id: &str) {
    loop {
        let stanza = client.receives_any();
        if stanza.name == "presence" && stanza.attribute("id").is_none() {
            continue;
        }
        assert_eq!(stanza.attribute("id"), Some(id), "{stanza}");
        return;
    }
}
