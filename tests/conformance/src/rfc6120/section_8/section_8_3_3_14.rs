//! RFC 6120 §8.3.3.14: `redirect`.

use super::UNKNOWN;
use super::section_8_3_3_5::{address, moved};
use crate::case;
use crate::case::{Case, Need, Verb};
use crate::subject::Subject;

pub(super) const CASES: &[Case] =
    &[case!(Should, account_that_has_moved_for_a_time_is_redirected, ["8.3.3.14"], needs[Need::Admin(Verb::Move)])];

/// RFC 6120 §8.3.3.14: who asks for an account that has moved for a time gets `redirect` of type modify, with the other
/// address as a URI.
fn account_that_has_moved_for_a_time_is_redirected(subject: &Subject) {
    let mut juliet = moved(subject, &["$romeo", "xmpp:romeo@mantua.example", "temporary"]);
    for stanza in [
        "<message id='a' to='$romeo' type='chat'><body>Where art thou?</body></message>".to_owned(),
        "<message id='a' to='$romeo/orchard'><body>Where art thou?</body></message>".to_owned(),
        format!("<iq type='get' id='a' to='$romeo'><q xmlns='{UNKNOWN}'/></iq>"),
    ] {
        juliet.sends(stanza);
        let error = juliet.receives_stanza_error("a", "modify", "redirect");
        assert_eq!(address(&error, "redirect"), "xmpp:romeo@mantua.example", "{error}");
    }
}
