//! RFC 6120 §6.2: support for SASL.

use crate::case;
use crate::case::Case;
use crate::client::Login;
use crate::subject::Subject;

use super::{SCRAM, is_refused};

pub(super) const CASES: &[Case] = &[
    case!(Must, sasl_authenticates_a_stream, ["6.1", "6.2", "13.5", "sasl-support"]),
    case!(Must, wrong_password_authenticates_nobody, ["6.2", "13.5", "sasl-support"]),
];

/// RFC 6120 §6.1, §6.2, §13.5: servers support SASL, under the namespace `urn:ietf:params:xml:ns:xmpp-sasl`: who knows
/// the password is authenticated, and the server proves that it knows it, too.
fn sasl_authenticates_a_stream(subject: &Subject) {
    let (mut romeo, features) = subject.secure();
    romeo.authenticates("romeo", &features);
    let features = romeo.opens();
    assert!(features.bind(), "{}", features.0);
    romeo.binds("orchard");
    romeo.settles();
}

/// RFC 6120 §13.5: SASL keeps others out: with another password there is a failure, and no resource can be bound.
fn wrong_password_authenticates_nobody(subject: &Subject) {
    let account = subject.account("romeo");
    let (mut romeo, features) = subject.secure();
    for mechanism in [SCRAM, "PLAIN"].into_iter().filter(|mechanism| features.offers(mechanism)) {
        let answer = romeo.negotiates_sasl(&Login::new(mechanism, &account.local, "not the password"));
        assert!(answer.failure().is_some(), "{mechanism}: {answer:?}");
    }
    romeo.sends("<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
    is_refused(&mut romeo);
}
