//! RFC 6120 §8.3.3.8: `jid-malformed`.

use crate::case;
use crate::case::Case;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Should, address_that_is_none_is_jid_malformed, ["8.3.3.8", "8.1.1"]),
    case!(Must, response_to_what_is_no_address_is_not_answered, ["8.3.3.8", "8.3.1", "stanza-error-reply"]),
];

/// What is no address, whoever reads it (RFC 7622 §3).
const MALFORMED: [&str; 6] =
    ["ch@r@cters@$domain/JulieC", "@$domain", "a&lt;b@$domain", "a&amp;b@$domain", "$juliet/", "a b@$domain"];

/// RFC 6120 §8.3.3.8: what is sent to something that is no address, in a domain that the server knows best, gets
/// `jid-malformed` of type modify.
fn address_that_is_none_is_jid_malformed(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    for to in MALFORMED {
        for stanza in [
            format!("<iq type='get' id='a' to='{to}'><ping xmlns='urn:xmpp:ping'/></iq>"),
            format!("<message id='a' to='{to}'><body>hi</body></message>"),
            format!("<presence id='a' to='{to}'/>"),
        ] {
            romeo.sends(stanza);
            romeo.receives_stanza_error("a", "modify", "jid-malformed");
        }
    }
}

/// RFC 6120 §8.3.1: not so a result or an error.
fn response_to_what_is_no_address_is_not_answered(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    let error = "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    for to in MALFORMED {
        for kind in ["iq", "message", "presence"] {
            romeo.sends(format!("<{kind} type='error' id='a' to='{to}'>{error}</{kind}>"));
        }
        romeo.sends(format!("<iq type='result' id='a' to='{to}'/>"));
    }
    romeo.settles();
}
