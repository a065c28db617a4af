//! RFC 6120 §10.5.3.1: stanzas for accounts that do not exist.

use super::{UNKNOWN, is_silent_or_refused, of_any_type};
use crate::case;
use crate::case::Case;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, message_to_nobody_is_ignored_or_service_unavailable, ["10.5.3.1", "10.5.3"]),
    case!(Should, presence_to_nobody_is_ignored, ["10.5.3.1", "10.5.3"]),
    case!(Must, iq_to_nobody_is_service_unavailable, ["10.5.3.1", "10.5.3", "8.3.3.19"]),
    case!(Must, known_request_to_nobody_is_service_unavailable, ["10.5.3.1", "8.3.3.19"]),
    case!(Should, service_unavailable_is_of_type_cancel, ["10.5.3.1", "8.3.3.19"]),
];

/// RFC 6120 §10.5.3.1: a message for an account that does not exist is ignored, or answered by `service-unavailable`.
fn message_to_nobody_is_ignored_or_service_unavailable(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    for kind in ["chat", "normal", "headline", "groupchat"] {
        romeo.sends(format!("<message type='{kind}' id='a' to='$nobody'><body>hi</body></message>"));
        let come = romeo.collects();
        is_silent_or_refused(&come, "a", "service-unavailable");
    }
}

/// RFC 6120 §10.5.3.1: presence for an account that does not exist is ignored; only a probe may be answered by
/// `unsubscribed` (RFC 6121 §8.5.1).
fn presence_to_nobody_is_ignored(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    for kind in ["", "type='unavailable'", "type='unsubscribe'", "type='unsubscribed'", "type='subscribed'"] {
        romeo.sends(format!("<presence {kind} id='a' to='$nobody'/>"));
        romeo.settles();
    }
    romeo.sends("<presence type='probe' id='a' to='$nobody'/>");
    for answer in romeo.collects() {
        assert!(answer.name == "presence" && answer.attribute("type") == Some("unsubscribed"), "{answer}");
    }
}

/// RFC 6120 §10.5.3.1: an IQ for an account that does not exist is answered by `service-unavailable`.
fn iq_to_nobody_is_service_unavailable(subject: &Subject) {
    is_service_unavailable(subject, &format!("<q xmlns='{UNKNOWN}'/>"));
}

/// RFC 6120 §10.5.3.1: also one that the server would answer on behalf of an account, if there were one.
fn known_request_to_nobody_is_service_unavailable(subject: &Subject) {
    for payload in [
        "<ping xmlns='urn:xmpp:ping'/>",
        "<query xmlns='http://jabber.org/protocol/disco#info'/>",
        "<vCard xmlns='vcard-temp'/>",
    ] {
        is_service_unavailable(subject, payload);
    }
}

fn is_service_unavailable(subject: &Subject, payload: &str) {
    let mut romeo = subject.bound("romeo/orchard");
    for to in ["$nobody", "$nobody/nowhere"] {
        romeo.sends(format!("<iq type='get' id='a' to='{to}'>{payload}</iq>"));
        romeo.receives_stanza_error_of("a", &of_any_type(&["service-unavailable"]));
    }
}

/// RFC 6120 §8.3.3.19: the type of `service-unavailable` should be cancel.
fn service_unavailable_is_of_type_cancel(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    romeo.sends(format!("<iq type='get' id='a' to='$nobody'><q xmlns='{UNKNOWN}'/></iq>"));
    romeo.receives_stanza_error("a", "cancel", "service-unavailable");
}
