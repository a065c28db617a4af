//! RFC 6120 §11.4: validation.

use super::outcome_of;
use crate::case;
use crate::case::Case;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(May, content_is_delivered_without_validation, ["11.4"]),
    case!(Must, invalid_content_is_delivered_or_refused, ["11.4", "4.9.3.11"]),
];

/// Stanzas that are no valid ones by the schema (A.5), but well-formed.
const INVALID: [&str; 3] = ["<body a='1'>hi</body>", "<subject><b/></subject>", "<thread>a</thread><nonsense/>"];

/// RFC 6120 §11.4: a server is not responsible for the validity of what it delivers.
fn content_is_delivered_without_validation(subject: &Subject) {
    let [mut romeo, mut juliet] = subject.login(["romeo/orchard", "juliet/balcony"]);
    for content in INVALID {
        romeo.sends(format!("<message to='$juliet/balcony' type='chat' id='1'>{content}</message>"));
        juliet.receives(format!(
            "<message from='$romeo/orchard' to='$juliet/balcony' type='chat' id='1'>{content}</message>"
        ));
    }
}

/// RFC 6120 §11.4, §4.9.3.11: a server that validates says `invalid-xml`, or answers with a stanza error; for any other
/// the stream goes on.
fn invalid_content_is_delivered_or_refused(subject: &Subject) {
    for content in INVALID {
        let mut romeo = subject.bound("romeo/orchard");
        romeo.sends(format!("<message to='$romeo/orchard' type='chat' id='1'>{content}</message>"));
        if let Err(condition) = outcome_of(&mut romeo, "1") {
            assert_eq!(condition, "invalid-xml");
        }
    }
}
