//! RFC 6120 §8.3: stanza errors.

use super::{UNKNOWN, of_any_type};
use crate::case;
use crate::case::Case;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, error_of_an_iq_is_an_iq, ["8.3", "stanza-error", "stanza-error-child"]),
    case!(Must, error_of_a_message_is_a_message, ["8.3", "10.4.3", "stanza-error", "stanza-error-child"]),
    case!(Must, error_of_presence_is_presence, ["8.3", "10.4.3", "stanza-error", "stanza-error-child"]),
    case!(Must, stanza_errors_leave_the_stream_open, ["8.3", "stanza-error"]),
];

/// What a server may say of a domain that it can't or does not want to reach.
const OUT_OF_REACH: [&str; 7] = [
    "remote-server-not-found",
    "remote-server-timeout",
    "service-unavailable",
    "not-allowed",
    "forbidden",
    "policy-violation",
    "item-not-found",
];

/// RFC 6120 §8.3: the error of an IQ is an IQ of type error with the id of the request and an `<error/>`.
fn error_of_an_iq_is_an_iq(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    for kind in ["get", "set"] {
        romeo.sends(format!("<iq type='{kind}' id='a' to='$domain'><q xmlns='{UNKNOWN}'/></iq>"));
        let error = romeo.receives_stanza_error_of("a", &of_any_type(&["service-unavailable"]));
        assert_eq!(error.name, "iq", "{error}");
    }
}

/// RFC 6120 §8.3: the error of a message is a message of type error with its id and an `<error/>`.
fn error_of_a_message_is_a_message(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    romeo.waits(Some(subject.seconds(20.0)));
    for kind in ["", "type='chat'", "type='normal'"] {
        romeo.sends(format!("<message id='a' to='somebody@$remote' {kind}><body>hi</body></message>"));
        let error = romeo.receives_stanza_error_of("a", &of_any_type(&OUT_OF_REACH));
        assert_eq!(error.name, "message", "{error}");
    }
}

/// RFC 6120 §8.3: the error of presence is presence of type error with its id and an `<error/>`.
fn error_of_presence_is_presence(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    romeo.waits(Some(subject.seconds(20.0)));
    romeo.sends("<presence id='a' to='somebody@$remote/there'/>");
    let error = romeo.receives_stanza_error_of("a", &of_any_type(&OUT_OF_REACH));
    assert_eq!(error.name, "presence", "{error}");
}

/// RFC 6120 §8.3: stanza errors are recoverable: however many there were, the stream goes on.
fn stanza_errors_leave_the_stream_open(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    for number in 0..30 {
        romeo.sends(format!("<iq type='get' id='{number}' to='$domain'><q xmlns='{UNKNOWN}'/></iq>"));
        romeo.receives_stanza_error_of(&number.to_string(), &of_any_type(&["service-unavailable"]));
    }
    romeo.sends("<message to='$juliet/balcony' id='a' type='chat'><body>still here</body></message>");
    juliet.receives("<message from='*' to='*' id='a' type='chat'><body>still here</body></message>");
}
