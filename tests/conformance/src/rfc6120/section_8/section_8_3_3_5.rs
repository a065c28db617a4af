//! RFC 6120 §8.3.3.5: `gone`.

use super::{UNKNOWN, outlives};
use crate::case;
use crate::case::{Case, Need, Verb};
use crate::client::Client;
use crate::ns;
use crate::subject::Subject;
use crate::tree::Element;

pub(super) const CASES: &[Case] = &[
    case!(Should, account_that_has_moved_for_good_is_gone, ["8.3.3.5"], needs[Need::Admin(Verb::Move)]),
    case!(
        Must,
        nothing_but_a_request_or_message_is_told_that_it_is_gone,
        ["8.3.3.5", "8.3.1"],
        needs[Need::Admin(Verb::Move)]
    ),
];

/// RFC 6120 §8.3.3.5: who asks for an account that has moved for good gets `gone` of type cancel, with the new address
/// as a URI.
fn account_that_has_moved_for_good_is_gone(subject: &Subject) {
    let mut juliet = moved(subject, &["$romeo", "xmpp:romeo@afterlife.example.net"]);
    for stanza in [
        "<message from='$juliet/churchyard' id='sj2b371v' to='$romeo' type='chat'><body>Thy lips are warm.</body></message>".to_owned(),
        "<message id='sj2b371v' to='$romeo/orchard'><body>Thy lips are warm.</body></message>".to_owned(),
        format!("<iq type='get' id='sj2b371v' to='$romeo'><q xmlns='{UNKNOWN}'/></iq>"),
    ] {
        juliet.sends(stanza);
        let error = juliet.receives_stanza_error("sj2b371v", "cancel", "gone");
        assert_eq!(address(&error, "gone"), "xmpp:romeo@afterlife.example.net", "{error}");
    }
}

/// RFC 6120 §8.3.1: an error is no reason to tell anybody that the account is gone.
fn nothing_but_a_request_or_message_is_told_that_it_is_gone(subject: &Subject) {
    let mut juliet = moved(subject, &["$romeo", "xmpp:romeo@afterlife.example.net"]);
    let error = "<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    for kind in ["message", "presence", "iq"] {
        juliet.sends(format!("<{kind} type='error' id='a' to='$romeo'>{error}</{kind}>"));
    }
    juliet.sends("<iq type='result' id='a' to='$romeo'/>");
    juliet.settles();
}

/// Moves romeo's account; juliet, who is there when the server knows of it, for that ends the streams of romeo.
pub(super) fn moved(subject: &Subject, arguments: &[&str]) -> Client {
    let [romeo, juliet] = subject.login(["romeo/orchard", "juliet/churchyard"]);
    subject.admin(Verb::Move, arguments);
    outlives(romeo);
    juliet
}

/// The character data of the condition.
pub(super) fn address(stanza: &Element, condition: &str) -> String {
    let error = stanza.child("error", ns::CLIENT);
    let condition = error.and_then(|error| error.child(condition, ns::STANZA_ERRORS));
    condition.map(Element::text).unwrap_or_default().trim().to_owned()
}
