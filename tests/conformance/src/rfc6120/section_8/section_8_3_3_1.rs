//! RFC 6120 §8.3.3.1: `bad-request`.

use crate::case;
use crate::case::Case;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[case!(Should, bad_request_is_of_type_modify, ["8.3.3.1"])];

/// RFC 6120 §8.3.3.1: the type of `bad-request` should be modify; the example of that section.
fn bad_request_is_of_type_modify(subject: &Subject) {
    let [mut juliet] = subject.login(["juliet/balcony"]);
    juliet.sends(
        "<iq from='$juliet/balcony' id='zj3v142b' to='$domain' type='subscribe'><ping xmlns='urn:xmpp:ping'/></iq>",
    );
    juliet.receives_stanza_error("zj3v142b", "modify", "bad-request");
}
