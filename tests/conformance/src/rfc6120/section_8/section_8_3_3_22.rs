//! RFC 6120 §8.3.3.22: `unexpected-request`.

use crate::case;
use crate::case::{Case, Need};
use crate::subject::Subject;

pub(super) const CASES: &[Case] =
    &[case!(May, registration_where_one_has_no_account_is_unexpected, ["8.3.3.22"], needs[Need::SecondDomain])];

/// RFC 6120 §8.3.3.22: a request that is understood but not expected from whom it comes gets `unexpected-request`:
/// another password at a domain where one has no account (XEP-0077 §3.3).
fn registration_where_one_has_no_account_is_unexpected(subject: &Subject) {
    subject.spoils("romeo");
    let [mut romeo] = subject.login(["romeo/orchard"]);
    let local = subject.account("romeo").local;
    romeo.sends(format!(
        "<iq id='a' to='$other' type='set'><query xmlns='jabber:iq:register'>\
         <username>{local}</username><password>another one, please</password></query></iq>"
    ));
    romeo.receives_stanza_error_of("a", &[("wait", "unexpected-request"), ("modify", "unexpected-request")]);
}
