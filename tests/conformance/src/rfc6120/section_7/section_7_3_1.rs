//! RFC 6120 §7.3.1: resource binding as mandatory-to-negotiate.

use crate::case;
use crate::case::Case;
use crate::subject::Subject;

pub(super) const CASES: &[Case] =
    &[case!(Must, stream_without_a_resource_gets_no_stanzas, ["7.3.1", "4.3.5", "bind-mtn"])];

/// RFC 6120 §7.3.1, §4.3.5: binding can't be left out: before it negotiation is not complete, and a stream that has only
/// authenticated gets nothing of what is sent to its account.
fn stream_without_a_resource_gets_no_stanzas(subject: &Subject) {
    let (mut romeo, _) = subject.authenticated("romeo");
    let mut juliet = subject.bound("juliet/balcony");
    juliet.becomes_available();
    juliet.sends("<message to='$romeo' type='headline'><body>extra, extra</body></message>");
    juliet.collects();
    // The next thing is the answer to the request to bind; anything else would have come before.
    romeo.requests_resource(Some("orchard"));
}
