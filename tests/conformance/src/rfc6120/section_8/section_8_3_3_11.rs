//! RFC 6120 §8.3.3.11: `not-authorized`.

use crate::case;
use crate::case::{Case, Need};
use crate::client::Login;
use crate::subject::Subject;

pub(super) const CASES: &[Case] =
    &[case!(May, password_over_a_stream_in_clear_is_not_authorized, ["8.3.3.11"], needs[Need::Plaintext])];

/// RFC 6120 §8.3.3.11: a password is not changed over a stream in clear (XEP-0077 §3.3): `not-authorized`.
fn password_over_a_stream_in_clear_is_not_authorized(subject: &Subject) {
    subject.spoils("romeo");
    let account = subject.account("romeo");
    let mut romeo = subject.connect();
    let features = romeo.opens();
    let scram = ["SCRAM-SHA-256", "SCRAM-SHA-1"].into_iter().find(|mechanism| features.offers(mechanism));
    let Some(scram) = scram else { subject.not_tried("SCRAM is not offered in clear") };
    assert!(romeo.negotiates_sasl(&Login::new(scram, &account.local, &account.password)).is_success());
    romeo.becomes("romeo").opens();
    romeo.binds("orchard");
    romeo.sends(format!(
        "<iq id='a' to='$domain' type='set'><query xmlns='jabber:iq:register'>\
         <username>{}</username><password>not for everybody to read</password></query></iq>",
        account.local
    ));
    romeo.receives_stanza_error("a", "auth", "not-authorized");
}
