//! RFC 6121 §8.5.3.2.1: messages for a full JID whose resource is not there.
//!
//! RFC 6120 §10.5.4 says that they SHOULD be processed as if they were for the account; here a MUST says something
//! else for all types but chat, and wins.

use crate::case;
use crate::case::Case;
use crate::client::Client;
use crate::ns;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, message_to_a_missing_resource_is_ignored_or_refused, ["10.5.4"]),
    case!(Should, message_to_a_missing_resource_is_service_unavailable_if_refused, ["10.5.4"]),
    case!(Must, error_to_a_missing_resource_is_ignored, ["10.5.4", "8.3.1"]),
    case!(Must, chat_to_a_missing_resource_is_not_for_negative_priorities, ["10.5.4"]),
];

/// The types that are not delivered to another resource.
const TYPES: [&str; 4] = ["", "type='normal'", "type='groupchat'", "type='headline'"];

/// RFC 6121 §8.5.3.2.1: a message of type normal, groupchat or headline is ignored or answered by an error; another
/// resource does not get it.
fn message_to_a_missing_resource_is_ignored_or_refused(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    for kind in TYPES {
        let condition = refused(&mut romeo, kind);
        assert!(juliet.collects_from(&mut romeo).is_empty(), "{kind}, {condition:?}: delivered to another resource");
    }
}

/// RFC 6121 §8.5.3.2.1: if it is an error, it should be `service-unavailable`.
fn message_to_a_missing_resource_is_service_unavailable_if_refused(subject: &Subject) {
    let [mut romeo, _juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    for kind in TYPES {
        let condition = refused(&mut romeo, kind);
        assert!(
            condition.as_deref().is_none_or(|condition| condition == "service-unavailable"),
            "{kind}: {condition:?}"
        );
    }
}

/// Sends a message of this type to a resource that is not there; the condition of the error, if one comes.
#[track_caller]
fn refused(romeo: &mut Client, kind: &str) -> Option<String> {
    romeo.sends(format!("<message {kind} id='a' to='$juliet/tomb'><body>hi</body></message>"));
    let come = romeo.collects();
    assert!(come.len() <= 1, "more than one answer: {come:?}");
    let error = come.first()?;
    assert_eq!(error.attribute("type"), Some("error"), "{error}");
    assert_eq!(error.attribute("id"), Some("a"), "{error}");
    let condition = error.child("error", ns::CLIENT).and_then(|error| error.elements().next());
    Some(condition.map(|condition| condition.name.clone()).unwrap_or_default())
}

/// RFC 6121 §8.5.3.2.1: a message of type error is ignored.
fn error_to_a_missing_resource_is_ignored(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    let error = "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    romeo.sends(format!("<message type='error' id='a' to='$juliet/tomb'>{error}</message>"));
    romeo.settles();
    juliet.hears_nothing_from(&mut romeo);
}

/// RFC 6121 §8.5.3.2.1: a chat message is delivered to available resources whose priority is not negative, and to no
/// others.
fn chat_to_a_missing_resource_is_not_for_negative_priorities(subject: &Subject) {
    let [mut romeo, mut balcony] = subject.login(["romeo/orchard", "juliet/balcony"]);
    let mut chamber = subject.bound("juliet/chamber");
    chamber.sends("<presence><priority>-1</priority></presence>");
    chamber.settles();
    romeo.sends("<message type='chat' id='a' to='$juliet/tomb'><body>hi</body></message>");
    balcony.receives("<message type='chat' id='a' from='$romeo/orchard' to='*'><body>hi</body></message>");
    chamber.hears_nothing_from(&mut romeo);
}
