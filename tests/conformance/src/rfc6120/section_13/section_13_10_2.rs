//! RFC 6120 §13.10.2: presence information.

use crate::case;
use crate::case::Case;
use crate::client::Client;
use crate::ns;
use crate::subject::Subject;
use crate::tree::Node;

pub(super) const CASES: &[Case] = &[
    case!(Must, errors_do_not_depend_on_the_resource, ["13.10.2", "13.10"]),
    case!(Should, errors_do_not_depend_on_the_resource_in_their_texts, ["13.10.2", "13.11"]),
    case!(Should, request_to_an_available_resource_tells_nothing, ["13.10.2", "13.10"]),
    case!(Must, probe_of_a_stranger_tells_nothing, ["13.10.2", "13.10"]),
    case!(Must, availability_is_not_sent_to_strangers, ["13.10.2", "13.10"]),
];

/// Sends a request that nobody understands.
fn sends_request(client: &mut Client, to: &str) {
    client.sends_bytes(format!("<iq type='get' to='{to}' id='probe'><query xmlns='urn:example:nobody-knows'/></iq>"));
}

/// What the error that answers it says, without the addresses and without what was asked.
#[track_caller]
fn receives_error(client: &mut Client) -> String {
    let mut answer = client.receives_any();
    assert!(answer.is("iq", ns::CLIENT) && answer.attribute("id") == Some("probe"), "an answer was due: {answer}");
    assert_eq!(answer.attribute("type"), Some("error"), "{answer}");
    answer.attributes.clear();
    answer.children.retain(|child| !matches!(child, Node::Element(child) if child.name == "query"));
    answer.to_string()
}

#[track_caller]
fn probes(client: &mut Client, to: &str) -> String {
    sends_request(client, to);
    receives_error(client)
}

/// RFC 6120 §13.10.2: the server does not return different stanza errors depending on whether a stanza goes to a bare JID or
/// to a full one: neither for an account that is online, nor for one that is not.
fn errors_do_not_depend_on_the_resource(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    for account in ["$juliet", "$mercutio"] {
        let bare = subject.expand(account);
        let [expected, other] = [bare.clone(), format!("{bare}/nowhere")].map(|to| {
            sends_request(&mut romeo, &to);
            let stanza = romeo.receives_any();
            let error = stanza.child("error", ns::CLIENT).unwrap_or_else(|| panic!("an error was due: {stanza}"));
            let condition = error.elements().find(|child| child.namespace == ns::STANZA_ERRORS && child.name != "text");
            (error.attribute("type").map(str::to_owned), condition.map(|condition| condition.name.clone()))
        });
        assert_eq!(other, expected, "{account}");
    }
    juliet.settles();
}

/// RFC 6120 §13.10.2, §13.11: they do not differ in their texts either: subtle differences in the exact XML tell as much.
fn errors_do_not_depend_on_the_resource_in_their_texts(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    for account in ["$juliet", "$mercutio"] {
        let bare = subject.expand(account);
        let expected = probes(&mut romeo, &bare);
        assert_eq!(probes(&mut romeo, &format!("{bare}/nowhere")), expected, "{account}");
    }
    juliet.settles();
}

/// RFC 6120 §13.10.2, RFC 6121 §8.5.3.1: a request of a stranger to the full JID of an available resource is not delivered,
/// and has the same error as one for a resource that is not there: else it would tell that somebody is online.
fn request_to_an_available_resource_tells_nothing(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    let there = juliet.jid().to_owned();
    let (bare, _) = there.split_once('/').expect("a full JID");
    let nowhere = probes(&mut romeo, &format!("{bare}/nowhere"));
    sends_request(&mut romeo, &there);
    let come = juliet.collects_from(&mut romeo);
    assert!(come.iter().all(|element| element.name != "iq"), "the request of a stranger was delivered: {come:?}");
    assert_eq!(receives_error(&mut romeo), nowhere);
}

/// RFC 6120 §13.10.2, RFC 6121 §4.3.2: a presence probe of a stranger has the same answer, if any, whether the account is
/// online or not, and no presence.
fn probe_of_a_stranger_tells_nothing(subject: &Subject) {
    let [mut romeo, juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    let mut answers = Vec::new();
    for account in ["$juliet", "$mercutio"] {
        romeo.sends(format!("<presence type='probe' to='{account}'/>"));
        let come = romeo.collects();
        for element in &come {
            let told = matches!(element.attribute("type"), None | Some("unavailable"));
            assert!(element.name != "presence" || !told, "presence was told to a stranger: {element}");
        }
        let types: Vec<_> = come.iter().map(|element| element.attribute("type").map(str::to_owned)).collect();
        answers.push(types);
    }
    assert_eq!(answers[0], answers[1], "online and not online differ");
    drop(juliet);
}

/// RFC 6120 §13.10.2: the presence of a client goes to nobody who is not authorised to know it.
fn availability_is_not_sent_to_strangers(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    let mut juliet = subject.bound("juliet/balcony");
    juliet.becomes_available();
    juliet.sends("<presence><show>away</show></presence>");
    juliet.sends("<presence type='unavailable'/>");
    juliet.sends("<presence/>");
    // What went to others as well would have come before this message.
    romeo.hears_nothing_from(&mut juliet);
}
