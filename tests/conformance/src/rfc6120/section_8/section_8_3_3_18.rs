//! RFC 6120 §8.3.3.18: `resource-constraint`.

use crate::case;
use crate::case::{Case, Need};
use crate::subject::Subject;

pub(super) const CASES: &[Case] =
    &[case!(Should, one_resource_too_many_is_a_resource_constraint, ["8.3.3.18", "7.6.2.1"], needs[Need::SmallLimits])];

/// RFC 6120 §8.3.3.18: what the server has no room for gets `resource-constraint` of type wait: one resource more than
/// an account may have (§7.6.2.1).
fn one_resource_too_many_is_a_resource_constraint(subject: &Subject) {
    let mut bound = Vec::new();
    // The profile allows three; fewer than twenty are few on any server.
    for number in 0..20 {
        let (mut romeo, _) = subject.authenticated("romeo");
        romeo.sends(format!(
            "<iq id='a' type='set'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>{number}</resource></bind></iq>"
        ));
        let answer = romeo.receives_any();
        if answer.attribute("type") == Some("error") {
            let error = answer.child("error", crate::ns::CLIENT).unwrap_or_else(|| panic!("no <error/>: {answer}"));
            assert!(error.child("resource-constraint", crate::ns::STANZA_ERRORS).is_some(), "{answer}");
            assert_eq!(error.attribute("type"), Some("wait"), "{answer}");
            return;
        }
        bound.push(romeo);
    }
    panic!("there is no limit");
}
