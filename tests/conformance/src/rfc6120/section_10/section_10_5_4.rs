//! RFC 6120 §10.5.4: stanzas for a full JID.

use super::{UNKNOWN, is_silent_or_refused, of_any_type};
use crate::case;
use crate::case::Case;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, message_to_a_full_jid_reaches_that_resource_alone, ["10.5.4", "stanza-kind-message"]),
    case!(Must, presence_to_a_full_jid_reaches_that_resource_alone, ["10.5.4", "stanza-kind-presence"]),
    case!(Must, response_to_a_full_jid_reaches_that_resource_alone, ["10.5.4", "stanza-kind-iq"]),
    case!(Must, request_to_a_full_jid_that_shares_presence_is_delivered, ["10.5.4", "stanza-kind-iq"]),
    case!(Must, message_to_a_full_jid_does_not_ask_for_priority_or_presence, ["10.5.4"]),
    case!(Must, resources_that_differ_in_case_are_different, ["10.5.4"]),
    case!(Must, chat_to_a_missing_resource_is_for_the_account, ["10.5.4"]),
    case!(Must, chat_to_an_account_that_is_away_is_stored_or_refused, ["10.5.4", "10.5.3.2"]),
    case!(Must, iq_to_a_missing_resource_is_service_unavailable, ["10.5.4", "8.3.3.19"]),
    case!(Must, presence_to_a_missing_resource_is_not_answered, ["10.5.4"]),
    case!(Must, resource_that_has_gone_is_missing, ["10.5.4"]),
];

/// RFC 6120 §10.5.4: a message for a resource that is connected is delivered to it, of whatever type, and to no other.
fn message_to_a_full_jid_reaches_that_resource_alone(subject: &Subject) {
    let [mut romeo, mut balcony, mut chamber] = subject.login(["romeo/orchard", "juliet/balcony", "juliet/chamber"]);
    for kind in ["", "type='normal'", "type='chat'", "type='headline'", "type='groupchat'"] {
        romeo.sends(format!("<message {kind} id='a' to='$juliet/balcony'><body>hi</body></message>"));
        balcony.receives(format!(
            "<message {kind} id='a' from='$romeo/orchard' to='$juliet/balcony'><body>hi</body></message>"
        ));
    }
    chamber.hears_nothing_from(&mut romeo);
    romeo.settles();
}

/// RFC 6120 §10.5.4: so is presence.
fn presence_to_a_full_jid_reaches_that_resource_alone(subject: &Subject) {
    let [mut romeo, mut balcony, mut chamber] = subject.login(["romeo/orchard", "juliet/balcony", "juliet/chamber"]);
    for kind in ["", "type='unavailable'"] {
        romeo.sends(format!("<presence {kind} id='a' to='$juliet/balcony'/>"));
        balcony.receives(format!("<presence {kind} id='a' from='$romeo/orchard' to='$juliet/balcony'/>"));
    }
    chamber.hears_nothing_from(&mut romeo);
}

/// RFC 6120 §10.5.4: and so are results and errors, without which nobody could answer a request.
fn response_to_a_full_jid_reaches_that_resource_alone(subject: &Subject) {
    let [mut romeo, mut balcony, mut chamber] = subject.login(["romeo/orchard", "juliet/balcony", "juliet/chamber"]);
    let error = "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    for (kind, content) in [("result", "<q xmlns='urn:example:question'/>"), ("result", ""), ("error", error)] {
        romeo.sends(format!("<iq type='{kind}' id='a' to='$juliet/balcony'>{content}</iq>"));
        balcony.receives(format!("<iq type='{kind}' id='a' from='$romeo/orchard' to='$juliet/balcony'>{content}</iq>"));
    }
    chamber.hears_nothing_from(&mut romeo);
    romeo.settles();
}

/// RFC 6120 §10.5.4: a request for a resource that is connected is delivered to it. Strangers may be refused (RFC 6121
/// §8.5.3.1), but not who was sent directed presence.
fn request_to_a_full_jid_that_shares_presence_is_delivered(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    juliet.sends("<presence to='$romeo/orchard' id='here'/>");
    romeo.receives("<presence from='$juliet/balcony' to='$romeo/orchard' id='here'/>");
    for kind in ["get", "set"] {
        romeo.sends(format!("<iq type='{kind}' id='a' to='$juliet/balcony'><q xmlns='{UNKNOWN}'/></iq>"));
        juliet.receives(format!(
            "<iq type='{kind}' id='a' from='$romeo/orchard' to='$juliet/balcony'><q xmlns='{UNKNOWN}'/></iq>"
        ));
        juliet.sends("<iq type='result' id='a' to='$romeo/orchard'/>");
        romeo.receives("<iq type='result' id='a' from='$juliet/balcony' to='$romeo/orchard'/>");
    }
}

/// RFC 6120 §10.5.4: it is enough that the resource is connected: neither its priority nor whether it has sent presence
/// matters.
fn message_to_a_full_jid_does_not_ask_for_priority_or_presence(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    let mut chamber = subject.bound("juliet/chamber");
    let mut balcony = subject.bound("juliet/balcony");
    balcony.sends("<presence><priority>-1</priority></presence>");
    balcony.settles();
    for (juliet, resource) in [(&mut chamber, "chamber"), (&mut balcony, "balcony")] {
        for kind in ["normal", "chat", "headline"] {
            romeo.sends(format!("<message type='{kind}' id='a' to='$juliet/{resource}'><body>hi</body></message>"));
            juliet.receives(format!(
                "<message type='{kind}' id='a' from='$romeo/orchard' to='$juliet/{resource}'><body>hi</body></message>"
            ));
        }
    }
}

/// RFC 6120 §10.5.4: a resource matches exactly: letters have a case in it (RFC 7622 §3.4).
fn resources_that_differ_in_case_are_different(subject: &Subject) {
    let [mut romeo, mut small, mut great] = subject.login(["romeo/orchard", "juliet/balcony", "juliet/Balcony"]);
    romeo.sends("<message type='chat' id='a' to='$juliet/balcony'/><message type='chat' id='b' to='$juliet/Balcony'/>");
    small.receives("<message type='chat' id='a' from='$romeo/orchard' to='$juliet/balcony'/>");
    great.receives("<message type='chat' id='b' from='$romeo/orchard' to='$juliet/Balcony'/>");
    small.hears_nothing_from(&mut romeo);
    great.hears_nothing_from(&mut romeo);
}

/// RFC 6120 §10.5.4, RFC 6121 §8.5.3.2.1: a chat message for a resource that is not there is processed as one for the
/// account.
fn chat_to_a_missing_resource_is_for_the_account(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    romeo.sends("<message type='chat' id='a' to='$juliet/tomb'><body>hi</body></message>");
    juliet.receives("<message type='chat' id='a' from='$romeo/orchard' to='*'><body>hi</body></message>");
    romeo.settles();
}

/// RFC 6120 §10.5.4, §10.5.3.2: without any resource it is stored, and comes when there is one, or is answered by
/// `service-unavailable`.
fn chat_to_an_account_that_is_away_is_stored_or_refused(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    let _ = subject.account("juliet");
    romeo.sends("<message type='chat' id='a' to='$juliet/tomb'><body>too late</body></message>");
    let come = romeo.collects();
    is_silent_or_refused(&come, "a", "service-unavailable");
    let mut juliet = subject.bound("juliet/balcony");
    juliet.sends("<presence/>");
    if come.is_empty() {
        juliet.receives("<message type='chat' id='a' from='$romeo/orchard' to='*'><body>too late</body>...</message>");
    }
    juliet.settles();
}

/// RFC 6120 §10.5.4, RFC 6121 §8.5.3.2.3: a request for a resource that is not there gets `service-unavailable`.
fn iq_to_a_missing_resource_is_service_unavailable(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    for kind in ["get", "set"] {
        romeo.sends(format!("<iq type='{kind}' id='a' to='$juliet/tomb'><q xmlns='{UNKNOWN}'/></iq>"));
        romeo.receives_stanza_error_of("a", &of_any_type(&["service-unavailable"]));
    }
    for kind in ["result", "error"] {
        romeo.sends(format!("<iq type='{kind}' id='a' to='$juliet/tomb'/>"));
    }
    romeo.settles();
    juliet.hears_nothing_from(&mut romeo);
}

/// RFC 6120 §10.5.4, RFC 6121 §8.5.3.2.2: presence for a resource that is not there is not answered.
fn presence_to_a_missing_resource_is_not_answered(subject: &Subject) {
    let [mut romeo, juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    for kind in ["", "type='unavailable'"] {
        romeo.sends(format!("<presence {kind} id='a' to='$juliet/tomb'/>"));
    }
    romeo.settles();
    drop(juliet);
}

/// RFC 6120 §10.5.4: a resource whose stream is closed is there no more; what was for it is not lost in silence.
fn resource_that_has_gone_is_missing(subject: &Subject) {
    let [mut romeo, mut balcony, mut chamber] = subject.login(["romeo/orchard", "juliet/balcony", "juliet/chamber"]);
    chamber.closes();
    romeo.sends(format!("<iq type='get' id='a' to='$juliet/chamber'><q xmlns='{UNKNOWN}'/></iq>"));
    romeo.receives_stanza_error_of("a", &of_any_type(&["service-unavailable"]));
    romeo.sends("<message type='chat' id='b' to='$juliet/chamber'><body>hi</body></message>");
    balcony.receives("<message type='chat' id='b' from='$romeo/orchard' to='*'><body>hi</body></message>");
}
