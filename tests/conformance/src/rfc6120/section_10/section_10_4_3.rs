//! RFC 6120 §10.4.3: stanzas for remote domains that can't be reached.

use super::{UNKNOWN, of_any_type};
use crate::case;
use crate::case::Case;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, every_request_to_an_unreachable_domain_is_answered, ["10.4.3", "10.4", "8.3.3.16"]),
    case!(Must, every_message_to_an_unreachable_domain_is_answered, ["10.4.3", "10.4", "8.3.3.16"]),
    case!(Must, directed_presence_to_an_unreachable_domain_is_answered, ["10.4.3", "10.4", "8.3.3.16"]),
    case!(Must, responses_to_an_unreachable_domain_are_not_answered, ["10.4.3", "8.3.1", "stanza-error-reply"]),
    case!(Should, unresolvable_domain_is_a_permanent_error, ["10.4.3", "8.3.3.16"]),
];

/// Domains that nobody can resolve: `.invalid` is reserved for that (RFC 2606).
const TO: [&str; 4] = ["$remote", "$remote/there", "somebody@$remote", "somebody@$remote/there"];

/// What may be said of them: a domain that can't be resolved is `remote-server-not-found`; where policy forbids
/// communication with others (§10.4), nobody tries, and the error is another one.
const CONDITIONS: [&str; 5] =
    ["remote-server-not-found", "not-allowed", "forbidden", "policy-violation", "service-unavailable"];

/// RFC 6120 §10.4.3: a request to a domain that can't be resolved gets `remote-server-not-found`.
fn every_request_to_an_unreachable_domain_is_answered(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    romeo.waits(Some(subject.seconds(20.0)));
    for to in TO {
        for kind in ["get", "set"] {
            romeo.sends(format!("<iq type='{kind}' id='a' to='{to}'><q xmlns='{UNKNOWN}'/></iq>"));
            let error = romeo.receives_stanza_error_of("a", &of_any_type(&CONDITIONS));
            assert_eq!(error.attribute("from"), Some(subject.expand(to).as_str()), "{error}");
        }
    }
}

/// RFC 6120 §10.4.3: so does a message.
fn every_message_to_an_unreachable_domain_is_answered(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    romeo.waits(Some(subject.seconds(20.0)));
    for to in TO {
        for kind in ["chat", "normal", "headline", "groupchat"] {
            romeo.sends(format!("<message type='{kind}' id='a' to='{to}'><body>hi</body></message>"));
            let error = romeo.receives_stanza_error_of("a", &of_any_type(&CONDITIONS));
            assert_eq!(error.name, "message", "{error}");
        }
    }
}

/// RFC 6120 §10.4.3: so does directed presence.
fn directed_presence_to_an_unreachable_domain_is_answered(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    romeo.waits(Some(subject.seconds(20.0)));
    for to in TO {
        romeo.sends(format!("<presence id='a' to='{to}'/>"));
        let error = romeo.receives_stanza_error_of("a", &of_any_type(&CONDITIONS));
        assert_eq!(error.name, "presence", "{error}");
    }
}

/// RFC 6120 §10.4.3, §8.3.1: results and errors are not answered, not even if they can't be delivered.
fn responses_to_an_unreachable_domain_are_not_answered(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    let error = "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    for to in TO {
        romeo.sends(format!("<iq type='result' id='a' to='{to}'/>"));
        for kind in ["iq", "message", "presence"] {
            romeo.sends(format!("<{kind} type='error' id='a' to='{to}'>{error}</{kind}>"));
        }
    }
    // The answer to this one comes after all that could come of them.
    romeo.waits(Some(subject.seconds(20.0)));
    romeo.sends(format!("<iq type='get' id='b' to='somebody@$remote'><q xmlns='{UNKNOWN}'/></iq>"));
    romeo.receives_stanza_error_of("b", &of_any_type(&CONDITIONS));
    romeo.settles();
}

/// RFC 6120 §8.3.3.16: the type of `remote-server-not-found` should be cancel.
fn unresolvable_domain_is_a_permanent_error(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    romeo.waits(Some(subject.seconds(20.0)));
    romeo.sends("<message id='a' to='somebody@$remote'><body>hi</body></message>");
    let mut allowed = of_any_type(&CONDITIONS[1..]);
    allowed.push(("cancel", "remote-server-not-found"));
    romeo.receives_stanza_error_of("a", &allowed);
}
