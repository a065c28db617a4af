//! RFC 6120 §8.3.3.12: `policy-violation`.

use crate::case;
use crate::case::Case;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[case!(May, presence_that_is_too_big_is_a_policy_violation, ["8.3.3.12"])];

/// RFC 6120 §8.3.3.12: what local policy forbids gets `policy-violation`, such as presence that would be multiplied and
/// is too big for that; the stream goes on.
fn presence_that_is_too_big_is_a_policy_violation(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    romeo.sends(format!("<presence id='a'><status>{}</status></presence>", "0123456789".repeat(2000)));
    romeo.receives_stanza_error_of("a", &[("modify", "policy-violation"), ("wait", "policy-violation")]);
    romeo.settles();
}
