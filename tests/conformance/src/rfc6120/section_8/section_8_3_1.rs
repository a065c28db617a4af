//! RFC 6120 §8.3.1: rules for stanza errors.

use super::{UNKNOWN, of_any_type};
use crate::case;
use crate::case::Case;
use crate::ns;
use crate::subject::Subject;
use crate::tree::Element;

pub(super) const CASES: &[Case] = &[
    case!(Must, request_that_fails_is_answered_by_an_error, ["8.3.1", "stanza-error", "stanza-iq-reply"]),
    case!(Should, error_swaps_the_addresses, ["8.3.1", "stanza-error"]),
    case!(Must, error_has_the_id_of_the_stanza, ["8.3.1", "stanza-error-id"]),
    case!(Must, error_of_a_stanza_without_id_has_none, ["8.3.1", "stanza-error-id"]),
    case!(Must, original_in_an_error_is_the_original, ["8.3.1", "stanza-error-child"]),
    case!(Must, by_is_an_address, ["8.3.1", "8.3.2", "stanza-error-child"]),
    case!(Must, error_child_is_only_in_errors, ["8.3.1", "stanza-error-child"]),
    case!(Must, message_error_is_not_answered, ["8.3.1", "stanza-error-reply"]),
    case!(Must, presence_error_is_not_answered, ["8.3.1", "stanza-error-reply"]),
    case!(Must, error_reaches_its_recipient_and_is_not_answered, ["8.3.1", "stanza-error-reply"]),
];

/// Requests that nobody can fulfil, and where they go.
const ADDRESSES: [&str; 7] =
    ["$domain", "$domain/anything", "$romeo", "$romeo/nowhere", "$juliet", "$juliet/nowhere", "$nobody"];

/// RFC 6120 §8.3.1: whoever detects an error in an IQ request has to return an error: nobody knows this namespace, nor
/// that resource of the domain.
fn request_that_fails_is_answered_by_an_error(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    for to in ADDRESSES {
        romeo.sends(format!("<iq type='set' id='a' to='{to}'><q xmlns='{UNKNOWN}'/></iq>"));
        let conditions = ["service-unavailable", "feature-not-implemented", "item-not-found"];
        let conditions = if to.starts_with("$domain/") { &conditions[..] } else { &conditions[..2] };
        romeo.receives_stanza_error_of("a", &of_any_type(conditions));
    }
    juliet.hears_nothing_from(&mut romeo);
}

/// RFC 6120 §8.3.1: the error comes from where the stanza was to go, and goes where that came from. What concerns the
/// own account may do without `from` (§8.1.2.1), and everything of the server's own without `to` (§8.1.1.1).
fn error_swaps_the_addresses(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    for to in ADDRESSES.into_iter().filter(|to| *to != "$romeo") {
        romeo.sends(format!("<iq type='get' id='a' to='{to}'><q xmlns='{UNKNOWN}'/></iq>"));
        let error = romeo.receives(format!("<iq type='error' id='a' from='{to}' to='?'>...</iq>"));
        assert!(error.attribute("to").is_none_or(|to| to == romeo.jid()), "{error}");
    }
    juliet.hears_nothing_from(&mut romeo);
}

/// RFC 6120 §8.3.1: the id of an error is that of the stanza, for every kind that can be in error.
fn error_has_the_id_of_the_stanza(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    romeo.waits(Some(subject.seconds(20.0)));
    for (number, stanza) in errors().into_iter().enumerate() {
        let id = format!("the id of number {number}");
        romeo.sends(stanza.replace("ID", &format!("id='{id}'")));
        let error = romeo.receives_any();
        assert_eq!(error.attribute("type"), Some("error"), "{error}");
        assert_eq!(error.attribute("id"), Some(id.as_str()), "{error}");
    }
}

/// RFC 6120 §8.3.1: the error of a message or of presence without id has none, or an empty one.
fn error_of_a_stanza_without_id_has_none(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    romeo.waits(Some(subject.seconds(20.0)));
    for stanza in errors().into_iter().filter(|stanza| !stanza.starts_with("<iq")) {
        romeo.sends(stanza.replace("ID", ""));
        let error = romeo.receives_any();
        assert_eq!(error.attribute("type"), Some("error"), "{error}");
        assert!(error.attribute("id").is_none_or(str::is_empty), "an id that nobody has given: {error}");
    }
}

/// RFC 6120 §8.3.1: what an error has beside `<error/>`, it has from the stanza in error.
fn original_in_an_error_is_the_original(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    romeo.waits(Some(subject.seconds(20.0)));
    for stanza in errors() {
        let stanza = subject.expand(&stanza.replace("ID", "id='a'"));
        let sent = Element::parse(&stanza);
        romeo.sends_bytes(&stanza);
        let error = romeo.receives_any();
        for child in error.elements().filter(|child| !child.is("error", ns::CLIENT)) {
            assert!(sent.elements().any(|original| original == child), "{child} was not in {sent}");
        }
    }
}

/// RFC 6120 §8.3.1: `by`, if it is there, is the address of who found the error.
fn by_is_an_address(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    romeo.waits(Some(subject.seconds(20.0)));
    for stanza in errors() {
        romeo.sends(stanza.replace("ID", "id='a'"));
        let stanza = romeo.receives_any();
        let error = stanza.child("error", ns::CLIENT).unwrap_or_else(|| panic!("no <error/>: {stanza}"));
        if let Some(by) = error.attribute("by") {
            // Nobody but this server has seen the stanza.
            let domain = by.split('/').next().unwrap_or_default().rsplit('@').next().unwrap_or_default();
            assert_eq!(domain, subject.domain(), "{stanza}");
        }
    }
}

/// RFC 6120 §8.3.1: a stanza of another type than error has no `<error/>`; one that comes with it from a client is not
/// answered by a second like it.
fn error_child_is_only_in_errors(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    let error = "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    for payload in ["<ping xmlns='urn:xmpp:ping'/>", error] {
        for kind in ["get", "set"] {
            romeo.sends(format!("<iq type='{kind}' id='a' to='$domain'>{payload}</iq>"));
            let answer = romeo.receives("<iq type='*' id='a' from='?' to='?'>...</iq>");
            let has_error = answer.child("error", ns::CLIENT).is_some();
            assert_eq!(has_error, answer.attribute("type") == Some("error"), "{answer}");
        }
    }
}

/// RFC 6120 §8.3.1: a message of type error is not answered by an error, wherever it goes.
fn message_error_is_not_answered(subject: &Subject) {
    is_not_answered(subject, "message");
}

/// RFC 6120 §8.3.1: presence of type error is not answered by an error, wherever it goes.
fn presence_error_is_not_answered(subject: &Subject) {
    is_not_answered(subject, "presence");
}

fn is_not_answered(subject: &Subject, kind: &str) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    let error = "<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    for to in
        ADDRESSES.into_iter().chain(["$nobody/nowhere", "somebody@$remote/there", "$remote", "@@not an address@@"])
    {
        // To the own account it may come back: that is delivery, not an answer.
        if !to.starts_with("$romeo") {
            romeo.sends(format!("<{kind} type='error' id='a' to='{to}'>{error}</{kind}>"));
        }
    }
    romeo.settles();
}

/// RFC 6120 §8.3.1: an error for another client is delivered to it, with an unknown id or none, and not answered.
fn error_reaches_its_recipient_and_is_not_answered(subject: &Subject) {
    let [mut orchard, mut garden] = subject.login(["romeo/orchard", "romeo/garden"]);
    let error = "<error type='modify'><not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    for kind in ["message", "presence", "iq"] {
        orchard.sends(format!("<{kind} type='error' id='never-seen' to='$romeo/garden'>{error}</{kind}>"));
        garden.receives(format!(
            "<{kind} type='error' id='never-seen' from='$romeo/orchard' to='$romeo/garden'>{error}</{kind}>"
        ));
    }
    orchard.settles();
    garden.settles();
}

/// Stanzas of all kinds that end in an error on every server, with `ID` where the id belongs.
fn errors() -> Vec<String> {
    vec![
        format!("<iq type='get' ID to='$domain'><q xmlns='{UNKNOWN}'/></iq>"),
        format!("<iq type='set' ID><q xmlns='{UNKNOWN}'><deep xmlns='urn:example:other'>text</deep></q></iq>"),
        format!("<iq type='get' ID to='$nobody'><q xmlns='{UNKNOWN}'/></iq>"),
        format!("<iq type='get' ID to='$romeo/nowhere'><q xmlns='{UNKNOWN}'/></iq>"),
        format!("<iq type='fetch' ID to='$domain'><q xmlns='{UNKNOWN}'/></iq>"),
        "<message ID to='somebody@$remote' type='chat'><body>hi</body></message>".to_owned(),
        "<presence ID to='somebody@$remote/there'><show>away</show></presence>".to_owned(),
    ]
}
