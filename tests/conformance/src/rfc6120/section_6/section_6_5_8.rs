//! RFC 6120 §6.5.8: requests that the mechanism can't read.

use crate::case;
use crate::case::{Case, Need};
use crate::client::Answer;
use crate::subject::Subject;

use super::scram::Scram;
use super::{SCRAM, has_nothing_to_say, offering};

pub(super) const CASES: &[Case] = &[
    case!(Must, malformed_data_does_not_break_the_server, ["6.5.8", "13.9.1", "13.9.6"]),
    case!(Should, malformed_plain_is_told, ["6.5.8", "6.4.5", "sasl-errors"]),
    case!(Should, malformed_scram_is_told, ["6.5.8", "6.4.5", "sasl-errors"]),
    case!(Should, token_of_anonymous_is_not_long, ["6.5.8", "sasl-errors"], needs[Need::Anonymous]),
    case!(Must, user_name_that_is_not_utf_8_is_nobodys, ["13.9.6", "6.5.8"]),
];

/// What violates the syntax of RFC 4616 §2.
const MALFORMED_PLAIN: [&[u8]; 4] = [b"no separator", b"\0one separator", b"\0\0no name", b"\0name\0"];

/// What violates the syntax of RFC 5802 §7.
const MALFORMED_SCRAM: [&[u8]; 7] = [
    b"junk",
    b"n,,",
    b"n,,n=romeo",
    b"n,,r=nonce,n=romeo",
    b"x,,n=romeo,r=nonce",
    b"n,,m=ext,n=romeo,r=nonce",
    b"n=romeo,r=nonce",
];

/// RFC 6120 §6.5.8, §13.9.1: data that the mechanism can't read fails, and the stream goes on.
fn malformed_data_does_not_break_the_server(subject: &Subject) {
    for (mechanism, messages) in [("PLAIN", &MALFORMED_PLAIN[..]), (SCRAM, &MALFORMED_SCRAM)] {
        for message in messages {
            let (mut romeo, features) = subject.secure();
            if features.offers(mechanism) {
                romeo.sends_auth(mechanism, Some(message));
                let answer = romeo.receives_sasl_answer();
                assert!(answer.failure().is_some(), "a failure was due: {answer:?}");
                has_nothing_to_say(&mut romeo);
            }
        }
    }
}

/// RFC 6120 §6.5.8: what violates the syntax of PLAIN is `malformed-request`.
fn malformed_plain_is_told(subject: &Subject) {
    for message in [b"no separator".as_slice(), b"\0one separator"] {
        let mut romeo = offering(subject, "PLAIN");
        romeo.sends_auth("PLAIN", Some(message));
        romeo.receives_sasl_failure("malformed-request");
    }
}

/// RFC 6120 §6.5.8: what violates the syntax of SCRAM is `malformed-request`, in the first message and in the last.
fn malformed_scram_is_told(subject: &Subject) {
    for message in [b"junk".as_slice(), b"n,,n=romeo"] {
        let mut romeo = offering(subject, SCRAM);
        romeo.sends_auth(SCRAM, Some(message));
        romeo.receives_sasl_failure("malformed-request");
    }
    let mut romeo = offering(subject, SCRAM);
    romeo.sends_auth(SCRAM, Some(&Scram::new(SCRAM, &subject.account("romeo").local).first()));
    assert!(matches!(romeo.receives_sasl_answer(), Answer::Challenge(_)), "a challenge was due");
    romeo.sends_response(b"junk");
    romeo.receives_sasl_failure("malformed-request");
}

/// RFC 6120 §6.5.8: the example of the section: a token of ANONYMOUS has 255 characters at most (RFC 4505 §2).
fn token_of_anonymous_is_not_long(subject: &Subject) {
    let mut romeo = offering(subject, "ANONYMOUS");
    romeo.sends_auth("ANONYMOUS", Some("x".repeat(256).as_bytes()));
    romeo.receives_sasl_failure("malformed-request");
}

/// RFC 6120 §13.9.6, RFC 4616 §2, RFC 5802 §5.1: user names are UTF-8. Octets that are none, overlong forms among them,
/// name nobody and do not harm the server.
fn user_name_that_is_not_utf_8_is_nobodys(subject: &Subject) {
    for octets in [b"\xff\xfe".as_slice(), b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"] {
        for mechanism in ["PLAIN", SCRAM] {
            let (mut romeo, features) = subject.secure();
            if !features.offers(mechanism) {
                continue;
            }
            let message = match mechanism {
                "PLAIN" => [b"\0".as_slice(), octets, b"\0secret"].concat(),
                _ => [b"n,,n=".as_slice(), octets, b",r=fyko+d2lbbFgONRv9qkxdawL"].concat(),
            };
            romeo.sends_auth(mechanism, Some(&message));
            let answer = romeo.receives_sasl_answer();
            assert!(!answer.is_success(), "{answer:?}");
            if let Answer::Challenge(_) = answer {
                // Like any unknown name: the handshake goes on, and fails at its end.
                romeo.sends_response(b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL,p=AAAA");
                let answer = romeo.receives_sasl_answer();
                assert!(answer.failure().is_some(), "{answer:?}");
            }
            has_nothing_to_say(&mut romeo);
        }
    }
}
