//! RFC 6120 §10.5.1: stanzas for the domain itself.

use super::{UNKNOWN, of_any_type};
use crate::case;
use crate::case::Case;
use crate::client::Client;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, request_to_the_domain_is_answered, ["10.5.1"]),
    case!(Must, message_to_the_domain_is_handled_or_refused, ["10.5.1"]),
    case!(Must, presence_to_the_domain_is_handled_or_refused, ["10.5.1"]),
];

/// RFC 6120 §10.5.1: a request to the domain is handled or answered by an error: answered in either case.
fn request_to_the_domain_is_answered(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    for payload in ["<ping xmlns='urn:xmpp:ping'/>", "<query xmlns='http://jabber.org/protocol/disco#info'/>"] {
        romeo.sends(format!("<iq type='get' id='a' to='$domain'>{payload}</iq>"));
        let answer = romeo.receives("<iq type='*' id='a' from='$domain' to='?'>...</iq>");
        assert!(matches!(answer.attribute("type"), Some("result" | "error")), "{answer}");
    }
    romeo.sends(format!("<iq type='set' id='a' to='$domain'><q xmlns='{UNKNOWN}'/></iq>"));
    romeo.receives_stanza_error_of("a", &of_any_type(&["service-unavailable"]));
}

/// RFC 6120 §10.5.1: a message to the domain is handled or answered by an error, one at most.
fn message_to_the_domain_is_handled_or_refused(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    for kind in ["chat", "normal", "headline", "groupchat"] {
        romeo.sends(format!("<message type='{kind}' id='a' to='$domain'><body>is anybody there?</body></message>"));
        comes_from_there(&mut romeo, "$domain", subject);
    }
    juliet.hears_nothing_from(&mut romeo);
}

/// RFC 6120 §10.5.1: so is presence.
fn presence_to_the_domain_is_handled_or_refused(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    for kind in ["", "type='unavailable'", "type='probe'"] {
        romeo.sends(format!("<presence {kind} id='a' to='$domain'/>"));
        comes_from_there(&mut romeo, "$domain", subject);
    }
    juliet.hears_nothing_from(&mut romeo);
}

/// What comes, comes from `address`; an error has the id of what was sent.
#[track_caller]
pub(super) fn comes_from_there(romeo: &mut Client, address: &str, subject: &Subject) {
    let come = romeo.collects();
    assert!(come.len() <= 1, "more than one answer: {come:?}");
    for answer in come {
        assert_eq!(answer.attribute("from"), Some(subject.expand(address).as_str()), "{answer}");
        if answer.attribute("type") == Some("error") {
            assert_eq!(answer.attribute("id"), Some("a"), "{answer}");
        }
    }
}
