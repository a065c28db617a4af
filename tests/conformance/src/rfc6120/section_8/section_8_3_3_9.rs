//! RFC 6120 §8.3.3.9: `not-acceptable`.

use crate::case;
use crate::case::Case;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[case!(May, password_that_is_none_is_not_acceptable, ["8.3.3.9"])];

/// RFC 6120 §8.3.3.9: a request that is understood but does not meet the criteria gets `not-acceptable`: a new password
/// that is empty.
fn password_that_is_none_is_not_acceptable(subject: &Subject) {
    subject.spoils("romeo");
    let [mut romeo] = subject.login(["romeo/orchard"]);
    let local = subject.account("romeo").local;
    romeo.sends(format!(
        "<iq id='a' to='$domain' type='set'><query xmlns='jabber:iq:register'>\
         <username>{local}</username><password/></query></iq>"
    ));
    romeo.receives_stanza_error("a", "modify", "not-acceptable");
}
