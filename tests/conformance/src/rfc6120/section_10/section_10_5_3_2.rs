//! RFC 6120 §10.5.3.2: stanzas for the bare JID of an account.

use super::{UNKNOWN, is_silent_or_refused, of_any_type};
use crate::case;
use crate::case::Case;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Should, message_to_an_account_reaches_its_resource, ["10.5.3.2", "10.5.3"]),
    case!(Should, message_to_an_account_reaches_one_of_its_resources, ["10.5.3.2", "10.5.3"]),
    case!(Must, message_to_an_account_without_resources_is_stored_or_refused, ["10.5.3.2", "10.5.3"]),
    case!(Must, resource_of_negative_priority_gets_nothing_for_the_account, ["10.5.3.2"]),
    case!(Should, presence_to_an_account_reaches_available_resources, ["10.5.3.2", "10.5.3"]),
    case!(Should, presence_to_an_account_without_resources_is_ignored, ["10.5.3.2", "10.5.3"]),
    case!(Must, iq_to_an_account_is_answered_by_the_server, ["10.5.3.2", "10.5.3"]),
    case!(Must, iq_to_an_account_without_resources_is_answered_by_the_server, ["10.5.3.2", "10.5.3"]),
];

/// RFC 6120 §10.5.3.2: a message for an account is delivered to its connected resource.
fn message_to_an_account_reaches_its_resource(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    for kind in ["", "type='normal'", "type='chat'", "type='headline'"] {
        romeo.sends(format!("<message {kind} id='a' to='$juliet'><body>hi</body></message>"));
        juliet.receives(format!("<message {kind} id='a' from='$romeo/orchard' to='$juliet'><body>hi</body></message>"));
    }
    romeo.settles();
}

/// RFC 6120 §10.5.3.2: of several resources one gets it at least, and none gets it twice.
fn message_to_an_account_reaches_one_of_its_resources(subject: &Subject) {
    let [mut romeo, mut balcony, mut chamber] = subject.login(["romeo/orchard", "juliet/balcony", "juliet/chamber"]);
    for kind in ["normal", "chat", "headline"] {
        romeo.sends(format!("<message type='{kind}' id='a' to='$juliet'><body>hi</body></message>"));
        let reached: Vec<usize> =
            [&mut balcony, &mut chamber].map(|juliet| juliet.collects_from(&mut romeo).len()).into();
        assert!(reached.iter().all(|copies| *copies <= 1), "{kind}: {reached:?} copies");
        assert!(reached.contains(&1), "{kind}: nobody got it");
    }
}

/// RFC 6120 §10.5.3.2: without any connected resource a message is stored, and comes when there is one, or is answered
/// by `service-unavailable`.
fn message_to_an_account_without_resources_is_stored_or_refused(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    for kind in ["chat", "normal"] {
        let _ = subject.account("juliet");
        romeo.sends(format!("<message type='{kind}' id='a' to='$juliet'><body>too late</body></message>"));
        let come = romeo.collects();
        is_silent_or_refused(&come, "a", "service-unavailable");
        let mut juliet = subject.bound("juliet/balcony");
        juliet.sends("<presence/>");
        if come.is_empty() {
            juliet.receives(format!(
                "<message type='{kind}' id='a' from='$romeo/orchard' to='*'><body>too late</body>...</message>"
            ));
        }
        juliet.settles();
        juliet.closes();
    }
}

/// RFC 6120 §10.5.3.2 as RFC 6121 §8.5.2.1.1 has it: no resource of negative priority gets a message for the account.
fn resource_of_negative_priority_gets_nothing_for_the_account(subject: &Subject) {
    let [mut romeo, mut balcony] = subject.login(["romeo/orchard", "juliet/balcony"]);
    let mut chamber = subject.bound("juliet/chamber");
    chamber.sends("<presence><priority>-1</priority></presence>");
    chamber.settles();
    for kind in ["normal", "chat", "headline"] {
        romeo.sends(format!("<message type='{kind}' id='a' to='$juliet'><body>hi</body></message>"));
        balcony.receives(format!("<message type='{kind}' id='a' from='*' to='$juliet'><body>hi</body></message>"));
    }
    chamber.hears_nothing_from(&mut romeo);
}

/// RFC 6120 §10.5.3.2: presence for an account is delivered to the resources that have sent initial presence.
fn presence_to_an_account_reaches_available_resources(subject: &Subject) {
    let [mut romeo, mut balcony, mut chamber] = subject.login(["romeo/orchard", "juliet/balcony", "juliet/chamber"]);
    for kind in ["", "type='unavailable'"] {
        romeo.sends(format!("<presence {kind} id='a' to='$juliet'/>"));
        for juliet in [&mut balcony, &mut chamber] {
            juliet.collects();
        }
        // Collected above at the latest when romeo's stanza was processed; sent again, it is waited for.
        romeo.sends(format!("<presence {kind} id='b' to='$juliet'/>"));
        for juliet in [&mut balcony, &mut chamber] {
            let come = juliet.collects_from(&mut romeo);
            assert!(come.iter().any(|come| come.attribute("id") == Some("b")), "{kind}: {come:?}");
        }
    }
}

/// RFC 6120 §10.5.3.2: presence for an account without resources is ignored: neither answered nor kept.
fn presence_to_an_account_without_resources_is_ignored(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    let _ = subject.account("juliet");
    for kind in ["", "type='unavailable'"] {
        romeo.sends(format!("<presence {kind} id='a' to='$juliet'/>"));
        romeo.settles();
    }
    let mut juliet = subject.bound("juliet/balcony");
    juliet.sends("<presence/>");
    juliet.settles();
}

/// RFC 6120 §10.5.3.2: an IQ for an account is answered by the server; no resource gets to see it.
fn iq_to_an_account_is_answered_by_the_server(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    for kind in ["get", "set"] {
        for payload in ["<ping xmlns='urn:xmpp:ping'/>".to_owned(), format!("<q xmlns='{UNKNOWN}'/>")] {
            romeo.sends(format!("<iq type='{kind}' id='a' to='$juliet'>{payload}</iq>"));
            let answer = romeo.receives("<iq type='*' id='a' from='$juliet' to='?'>...</iq>");
            assert!(matches!(answer.attribute("type"), Some("result" | "error")), "{answer}");
        }
    }
    juliet.hears_nothing_from(&mut romeo);
}

/// RFC 6120 §10.5.3.2: so it is if nobody is there.
fn iq_to_an_account_without_resources_is_answered_by_the_server(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    for kind in ["get", "set"] {
        romeo.sends(format!("<iq type='{kind}' id='a' to='$juliet'><q xmlns='{UNKNOWN}'/></iq>"));
        romeo.receives_stanza_error_of("a", &of_any_type(&["service-unavailable"]));
    }
}
