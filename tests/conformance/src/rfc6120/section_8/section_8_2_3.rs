//! RFC 6120 §8.2.3: IQs.

use super::{UNKNOWN, of_any_type};
use crate::case;
use crate::case::Case;
use crate::client::Client;
use crate::ns;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, iq_without_id_is_answered_without_one, ["8.2.3", "stanza-iq-id", "stanza-attribute-id"]),
    case!(Must, iq_of_unknown_type_is_a_bad_request, ["8.2.3", "8.3.3.1", "stanza-iq-type"]),
    case!(Must, iq_without_type_is_a_bad_request, ["8.2.3", "8.3.3.1", "stanza-iq-type"]),
    case!(Must, iq_of_unknown_type_does_not_reach_another_client, ["8.2.3", "stanza-iq-type"]),
    case!(Must, every_request_is_answered, ["8.2.3", "stanza-iq-reply", "stanza-kind-iq"]),
    case!(Must, request_of_a_client_reaches_another_and_its_answer_comes_back, ["8.2.3", "stanza-kind-iq"]),
    case!(Must, result_is_not_answered, ["8.2.3", "8.3.1", "stanza-iq-reply"]),
    case!(Must, iq_error_is_not_answered, ["8.2.3", "8.3.1", "stanza-iq-reply", "stanza-error-reply"]),
    case!(Must, request_without_a_child_is_an_error, ["8.2.3", "8.3.3.1", "stanza-iq-child"]),
    case!(Must, request_with_two_children_is_an_error, ["8.2.3", "8.3.3.1", "stanza-iq-child"]),
    case!(Must, result_of_the_server_has_one_child_or_none, ["8.2.3", "stanza-iq-child"]),
    case!(Must, error_of_the_server_has_the_child_of_the_request_at_most, ["8.2.3", "stanza-iq-child"]),
];

/// Where a server answers itself.
const TO_THE_SERVER: [&str; 3] = ["", "to='$domain'", "to='$romeo'"];

/// Stream errors for what does not fit the schema: a server may validate (§4.9.3.11).
const INVALID: [&str; 3] = ["invalid-xml", "bad-format", "policy-violation"];

/// RFC 6120 §8.2.3: the id is required. The answer to an IQ without one has none or an empty one; a server that
/// validates may end the stream (§4.9.3.11).
fn iq_without_id_is_answered_without_one(subject: &Subject) {
    for to in TO_THE_SERVER {
        let mut romeo = subject.bound("romeo/orchard");
        romeo.sends(format!("<iq type='get' {to}><ping xmlns='urn:xmpp:ping'/></iq>"));
        let answer = romeo.receives_any();
        if answer.is("error", ns::STREAM) {
            assert!(INVALID.iter().any(|name| answer.child(name, ns::STREAM_ERRORS).is_some()), "{answer}");
            continue;
        }
        assert!(answer.is("iq", ns::CLIENT), "{answer}");
        assert!(matches!(answer.attribute("type"), Some("result" | "error")), "{answer}");
        assert!(answer.attribute("id").is_none_or(str::is_empty), "an id that nobody has given: {answer}");
        romeo.settles();
    }
}

/// RFC 6120 §8.2.3: an IQ whose type is none of the four gets `bad-request`, whomever it is for.
fn iq_of_unknown_type_is_a_bad_request(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    for to in ["", "to='$domain'", "to='$romeo'", "to='$juliet'", "to='$juliet/balcony'", "to='$nobody'"] {
        for kind in ["subscribe", "GET", "", "results"] {
            romeo.sends(format!("<iq type='{kind}' id='a' {to}><ping xmlns='urn:xmpp:ping'/></iq>"));
            romeo.receives_stanza_error_of("a", &of_any_type(&["bad-request"]));
        }
    }
    juliet.hears_nothing_from(&mut romeo);
}

/// RFC 6120 §8.2.3: the type is required; an IQ without one gets `bad-request`.
fn iq_without_type_is_a_bad_request(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    for to in ["", "to='$domain'", "to='$romeo'", "to='$juliet'", "to='$juliet/balcony'"] {
        romeo.sends(format!("<iq id='a' {to}><ping xmlns='urn:xmpp:ping'/></iq>"));
        romeo.receives_stanza_error_of("a", &of_any_type(&["bad-request"]));
    }
    juliet.hears_nothing_from(&mut romeo);
}

/// RFC 6120 §8.2.3: an IQ of unknown type for another client is refused by the server between them, or by the
/// recipient if it gets that far: once in either case.
fn iq_of_unknown_type_does_not_reach_another_client(subject: &Subject) {
    let [mut orchard, mut garden] = subject.login(["romeo/orchard", "romeo/garden"]);
    orchard.sends("<iq type='subscribe' id='a' to='$romeo/garden'><ping xmlns='urn:xmpp:ping'/></iq>");
    orchard.receives_stanza_error_of("a", &of_any_type(&["bad-request"]));
    garden.hears_nothing_from(&mut orchard);
}

/// RFC 6120 §8.2.3: every get and every set is answered by a result or an error, and once.
fn every_request_is_answered(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    let unknown = format!("<q xmlns='{UNKNOWN}'/>");
    for to in ["", "to='$domain'", "to='$romeo'", "to='$domain/any'", "to='$nobody'", "to='$romeo/nowhere'"] {
        for kind in ["get", "set"] {
            for payload in [
                unknown.as_str(),
                "<ping xmlns='urn:xmpp:ping'/>",
                "<query xmlns='http://jabber.org/protocol/disco#info'/>",
                "<query xmlns='http://jabber.org/protocol/disco#items'/>",
                "<query xmlns='jabber:iq:version'/>",
                "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>",
            ] {
                romeo.sends(format!("<iq type='{kind}' id='a' {to}>{payload}</iq>"));
                let answer = romeo.receives("<iq type='*' id='a' from='?' to='?'>...</iq>");
                assert!(matches!(answer.attribute("type"), Some("result" | "error")), "{answer}");
            }
        }
    }
    romeo.settles();
}

/// RFC 6120 §8.2.3: a request is relayed to its recipient, whose result or error is relayed to who has asked.
fn request_of_a_client_reaches_another_and_its_answer_comes_back(subject: &Subject) {
    let [mut orchard, mut garden] = subject.login(["romeo/orchard", "romeo/garden"]);
    orchard.sends("<iq type='get' id='1' to='$romeo/garden'><q xmlns='urn:example:question'>who?</q></iq>");
    garden.receives(
        "<iq type='get' id='1' from='$romeo/orchard' to='$romeo/garden'><q xmlns='urn:example:question'>who?</q></iq>",
    );
    garden.sends("<iq type='result' id='1' to='$romeo/orchard'><q xmlns='urn:example:question'>me</q></iq>");
    orchard.receives(
        "<iq type='result' id='1' from='$romeo/garden' to='$romeo/orchard'><q xmlns='urn:example:question'>me</q></iq>",
    );
    orchard.sends("<iq type='set' id='2' to='$romeo/garden'><q xmlns='urn:example:question'>be!</q></iq>");
    garden.receives(
        "<iq type='set' id='2' from='$romeo/orchard' to='$romeo/garden'><q xmlns='urn:example:question'>be!</q></iq>",
    );
    let error = "<error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    garden.sends(format!("<iq type='error' id='2' to='$romeo/orchard'>{error}</iq>"));
    orchard.receives(format!("<iq type='error' id='2' from='$romeo/garden' to='$romeo/orchard'>{error}</iq>"));
    // The server has nothing to add.
    orchard.settles();
    garden.settles();
}

/// RFC 6120 §8.2.3: a result that nobody has asked for is not answered, wherever it goes.
fn result_is_not_answered(subject: &Subject) {
    is_not_answered(subject, "result", "<q xmlns='urn:example:question'/>");
}

/// RFC 6120 §8.2.3: an IQ of type error that answers nothing is not answered, wherever it goes.
fn iq_error_is_not_answered(subject: &Subject) {
    let error = "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    is_not_answered(subject, "error", error);
}

fn is_not_answered(subject: &Subject, kind: &str, content: &str) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    for to in [
        "",
        "to='$domain'",
        "to='$domain/any'",
        "to='$romeo'",
        "to='$romeo/nowhere'",
        "to='$juliet'",
        "to='$juliet/nowhere'",
        "to='$nobody'",
        "to='$nobody/nowhere'",
        "to='$nurse'",
        "to='somebody@$remote/there'",
    ] {
        romeo.sends(format!("<iq type='{kind}' id='a' {to}>{content}</iq>"));
    }
    romeo.settles();
    juliet.hears_nothing_from(&mut romeo);
}

/// RFC 6120 §8.2.3: a get or set has exactly one child: without one it is answered by an error.
fn request_without_a_child_is_an_error(subject: &Subject) {
    is_an_error(subject, "");
}

/// RFC 6120 §8.2.3: a get or set has exactly one child: with two it is answered by an error.
fn request_with_two_children_is_an_error(subject: &Subject) {
    is_an_error(subject, "<ping xmlns='urn:xmpp:ping'/><ping xmlns='urn:xmpp:ping'/>");
}

fn is_an_error(subject: &Subject, content: &str) {
    let mut romeo = subject.bound("romeo/orchard");
    for to in TO_THE_SERVER {
        for kind in ["get", "set"] {
            romeo.sends(format!("<iq type='{kind}' id='a' {to}>{content}</iq>"));
            is_refused(&mut romeo);
        }
    }
}

/// `bad-request` is what it is (§8.3.3.1); a server that looks at the payload first may say that there is no such
/// service.
#[track_caller]
fn is_refused(romeo: &mut Client) {
    let conditions = ["bad-request", "not-acceptable", "service-unavailable", "feature-not-implemented"];
    romeo.receives_stanza_error_of("a", &of_any_type(&conditions));
}

/// RFC 6120 §8.2.3: a result has one child or none.
fn result_of_the_server_has_one_child_or_none(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    for to in TO_THE_SERVER {
        for payload in [
            "<ping xmlns='urn:xmpp:ping'/>",
            "<query xmlns='http://jabber.org/protocol/disco#info'/>",
            "<query xmlns='http://jabber.org/protocol/disco#items'/>",
            "<query xmlns='jabber:iq:version'/>",
            "<query xmlns='jabber:iq:roster'/>",
            "<query xmlns='jabber:iq:register'/>",
        ] {
            romeo.sends(format!("<iq type='get' id='a' {to}>{payload}</iq>"));
            let answer = romeo.receives("<iq type='*' id='a' from='?' to='?'>...</iq>");
            if answer.attribute("type") == Some("result") {
                assert!(answer.elements().count() <= 1, "{answer}");
                assert!(answer.child("error", ns::CLIENT).is_none(), "{answer}");
            }
        }
    }
}

/// RFC 6120 §8.2.3: an IQ of type error has an `<error/>`, and beside it the child of the request or nothing.
fn error_of_the_server_has_the_child_of_the_request_at_most(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    for to in ["", "to='$domain'", "to='$romeo'", "to='$nobody'", "to='somebody@$remote'"] {
        romeo.waits(Some(subject.seconds(20.0)));
        romeo.sends(format!("<iq type='get' id='a' {to}><q xmlns='{UNKNOWN}'><inside/></q></iq>"));
        let answer = romeo.receives("<iq type='error' id='a' from='?' to='?'>...</iq>");
        assert!(answer.child("error", ns::CLIENT).is_some(), "{answer}");
        let others: Vec<_> = answer.elements().filter(|child| !child.is("error", ns::CLIENT)).collect();
        assert!(others.len() <= 1 && others.iter().all(|child| child.is("q", UNKNOWN)), "{answer}");
    }
}
