//! RFC 6120 §6.3.9: realms.

use crate::case;
use crate::case::Case;
use crate::subject::Subject;

use super::scram::Scram;
use super::{SCRAM, offering};

pub(super) const CASES: &[Case] = &[case!(Must, scram_has_no_realm, ["6.3.9", "6.4.3"])];

/// RFC 6120 §6.3.9, §6.4.3: SCRAM has no realm: its challenge is a nonce, a salt and an iteration count, in that order
/// (RFC 5802 §7), and extensions of one letter at most behind them.
fn scram_has_no_realm(subject: &Subject) {
    let account = subject.account("romeo");
    let mut romeo = offering(subject, SCRAM);
    let scram = Scram::new(SCRAM, &account.local);
    romeo.sends_auth(SCRAM, Some(&scram.first()));
    let crate::client::Answer::Challenge(data) = romeo.receives_sasl_answer() else { panic!("a challenge was due") };
    let challenge = scram.reads(&data);
    // RFC 5802 §5.1 asks for 4096 at least.
    assert!(challenge.iterations > 0, "{}", challenge.text);
    assert!(!challenge.salt.is_empty(), "{}", challenge.text);
    for extension in challenge.text.split(',').skip(3) {
        assert_eq!(extension.as_bytes().get(1), Some(&b'='), "{}", challenge.text);
    }
}
