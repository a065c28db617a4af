//! RFC 6120 §8.3.3.4: `forbidden`.

use crate::case;
use crate::case::Case;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[case!(May, password_of_another_account_is_forbidden, ["8.3.3.4"])];

/// RFC 6120 §8.3.3.4: what only some are allowed to do is `forbidden` for others: to change another's password
/// (XEP-0077 §3.3).
fn password_of_another_account_is_forbidden(subject: &Subject) {
    subject.spoils("romeo");
    subject.spoils("juliet");
    let [mut romeo] = subject.login(["romeo/orchard"]);
    let local = subject.account("juliet").local;
    romeo.sends(format!(
        "<iq id='a' to='$domain' type='set'><query xmlns='jabber:iq:register'>\
         <username>{local}</username><password>a secret of romeo&apos;s</password></query></iq>"
    ));
    romeo.receives_stanza_error("a", "auth", "forbidden");
    // It still has its own.
    let [_juliet] = subject.login(["juliet/balcony"]);
}
