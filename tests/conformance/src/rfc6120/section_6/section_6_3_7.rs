//! RFC 6120 §6.3.7: the simple user name.

use crate::case;
use crate::case::Case;
use crate::client::Login;
use crate::subject::Subject;

use super::{SCRAM, offering};

pub(super) const CASES: &[Case] = &[
    case!(Should, simple_user_name_is_the_localpart, ["6.3.7"]),
    case!(Should, localpart_leads_to_the_account_of_that_name, ["6.3.7"]),
];

/// RFC 6120 §6.3.7: without other information a client takes the localpart of its address for the simple user name: with
/// it SCRAM and PLAIN succeed.
fn simple_user_name_is_the_localpart(subject: &Subject) {
    let account = subject.account("romeo");
    for mechanism in [SCRAM, "SCRAM-SHA-256", "PLAIN"] {
        let (mut romeo, features) = subject.secure();
        if features.offers(mechanism) {
            let answer = romeo.negotiates_sasl(&Login::new(mechanism, &account.local, &account.password));
            assert!(answer.is_success(), "{mechanism}: {answer:?}");
        }
    }
}

/// RFC 6120 §6.3.7, §4.3.6: the account that it leads to is the one with that localpart at the stream's domain.
fn localpart_leads_to_the_account_of_that_name(subject: &Subject) {
    let account = subject.account("romeo");
    let mut romeo = offering(subject, SCRAM);
    let answer = romeo.negotiates_sasl(&Login::new(SCRAM, &account.local, &account.password));
    assert!(answer.is_success(), "{answer:?}");
    romeo.opens();
    let jid = romeo.requests_resource(None);
    assert_eq!(jid.split('/').next(), Some(account.jid.as_str()), "{jid}");
}
