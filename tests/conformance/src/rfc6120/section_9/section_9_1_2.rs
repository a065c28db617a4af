//! RFC 6120 §9.1.2: SASL, where it goes another way than in the first example.

use crate::case;
use crate::case::Case;
use crate::client::Login;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[case!(Must, alternative_of_step_12, ["9.1", "9.1.2"])];

/// RFC 6120 §9.1.2: step 12 (alt): another password fails with `not-authorized`.
fn alternative_of_step_12(subject: &Subject) {
    let (mut juliet, features) = subject.secure();
    let mechanisms = ["SCRAM-SHA-1", "SCRAM-SHA-256", "PLAIN"];
    let Some(mechanism) = mechanisms.into_iter().find(|mechanism| features.offers(mechanism)) else {
        subject.not_tried("no mechanism with passwords is offered");
    };
    let account = subject.account("juliet");
    let answer = juliet.negotiates_sasl(&Login::new(mechanism, &account.local, "r0m30myr0m30, but another one"));
    assert_eq!(answer.failure(), Some("not-authorized"), "{answer:?}");
}
