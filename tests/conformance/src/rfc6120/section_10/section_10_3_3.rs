//! RFC 6120 §10.3.3: IQs without `to`.

use super::{UNKNOWN, of_any_type};
use crate::case;
use crate::case::Case;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, known_request_without_to_is_answered_for_the_account, ["10.3.3", "10.3"]),
    case!(Must, unknown_request_without_to_is_service_unavailable, ["10.3.3", "8.3.3.19"]),
    case!(Must, response_without_to_is_ignored, ["10.3.3"]),
    case!(Must, request_without_to_does_not_reach_other_resources, ["10.3.3"]),
];

/// RFC 6120 §10.3.3: a request without `to` is answered as if the server were the bare JID of its sender.
fn known_request_without_to_is_answered_for_the_account(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    for payload in [
        "<query xmlns='jabber:iq:roster'/>",
        "<query xmlns='http://jabber.org/protocol/disco#info'/>",
        "<ping xmlns='urn:xmpp:ping'/>",
    ] {
        romeo.sends(format!("<iq type='get' id='a'>{payload}</iq>"));
        let answer = romeo.receives("<iq type='*' id='a' from='?' to='?'>...</iq>");
        let account = subject.account("romeo").jid;
        assert!(answer.attribute("from").is_none_or(|from| from == account), "{answer}");
        assert!(matches!(answer.attribute("type"), Some("result" | "error")), "{answer}");
    }
}

/// RFC 6120 §10.3.3: a get or set of a namespace that the server does not understand gets `service-unavailable`.
fn unknown_request_without_to_is_service_unavailable(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    for kind in ["get", "set"] {
        romeo.sends(format!("<iq type='{kind}' id='a'><q xmlns='{UNKNOWN}'/></iq>"));
        romeo.receives_stanza_error_of("a", &of_any_type(&["service-unavailable"]));
    }
}

/// RFC 6120 §10.3.3: a result or error that belongs to no request of the server's is ignored.
fn response_without_to_is_ignored(subject: &Subject) {
    let [mut orchard, mut garden] = subject.login(["romeo/orchard", "romeo/garden"]);
    let error = "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    for (kind, content) in [("result", ""), ("result", "<q xmlns='urn:example:question'/>"), ("error", error)] {
        orchard.sends(format!("<iq type='{kind}' id='never-asked'>{content}</iq>"));
    }
    orchard.settles();
    garden.hears_nothing_from(&mut orchard);
}

/// RFC 6120 §10.3.3: the server answers itself; other resources of the account do not hear of it.
fn request_without_to_does_not_reach_other_resources(subject: &Subject) {
    let [mut orchard, mut garden] = subject.login(["romeo/orchard", "romeo/garden"]);
    for kind in ["get", "set"] {
        orchard.sends(format!("<iq type='{kind}' id='a'><q xmlns='{UNKNOWN}'/></iq>"));
        orchard.receives_stanza_error_of("a", &of_any_type(&["service-unavailable"]));
    }
    garden.hears_nothing_from(&mut orchard);
}
