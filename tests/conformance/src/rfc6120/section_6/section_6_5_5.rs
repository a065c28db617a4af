//! RFC 6120 §6.5.5, §13.9.1: base64 that is none.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::case;
use crate::case::Case;
use crate::client::Answer;
use crate::ns;
use crate::subject::Subject;

use super::scram::Scram;
use super::{SCRAM, has_nothing_to_say, offering};

pub(super) const CASES: &[Case] = &[
    case!(Must, what_is_not_base64_is_rejected, ["6.5.5", "13.9.1", "6.3.5"]),
    case!(Should, what_is_not_base64_is_incorrect_encoding, ["6.5.5", "6.4.5", "sasl-errors"]),
    case!(Must, characters_beside_base64_are_not_ignored, ["13.9.1", "6.3.5"]),
    case!(Must, padding_is_the_end, ["13.9.1"]),
    case!(Should, padding_is_as_long_as_need_be, ["13.9.1"]),
    case!(Should, padding_bits_are_zero, ["13.9.1", "6.3.5"]),
    case!(Must, response_is_base64, ["6.5.5", "13.9.1"]),
];

/// What comes of `<auth/>` for SCRAM with this content, which is made of a sound message whose base64 ends with `==`. A
/// server that reads it as such answers with a challenge.
#[track_caller]
fn answers(subject: &Subject, content: impl Fn(&[u8]) -> String) -> Answer {
    let account = subject.account("romeo");
    let mut romeo = offering(subject, SCRAM);
    let mut data = Scram::new(SCRAM, &account.local).first();
    while data.len() % 3 != 1 {
        // The nonce comes last, and may be of any length.
        data.push(b'x');
    }
    romeo.sends_bytes(format!("<auth xmlns='{}' mechanism='{SCRAM}'>{}</auth>", ns::SASL, content(&data)));
    let answer = romeo.receives_sasl_answer();
    if answer.failure().is_some() {
        // An implementation must not break on it either (§13.9.1).
        has_nothing_to_say(&mut romeo);
    }
    answer
}

/// The server has refused data whose encoding is wrong.
#[track_caller]
fn rejected(answer: &Answer) {
    let Some(condition) = answer.failure() else { panic!("a failure was due: {answer:?}") };
    let allowed = ["incorrect-encoding", "malformed-request", "not-authorized"];
    assert!(allowed.contains(&condition), "{condition}");
}

/// RFC 6120 §13.9.1: data with characters from outside of the alphabet of base64 is rejected.
fn what_is_not_base64_is_rejected(subject: &Subject) {
    for junk in ["!!!!", "AGp1-GlldA__", "ä", "A", "AGp1bGl", "&lt;/auth&gt;"] {
        rejected(&answers(subject, |_| junk.to_owned()));
    }
}

/// RFC 6120 §6.5.5: the condition for it is `incorrect-encoding`.
fn what_is_not_base64_is_incorrect_encoding(subject: &Subject) {
    for junk in ["!!!!", "AGp1-GlldA__"] {
        let answer = answers(subject, |_| junk.to_owned());
        assert_eq!(answer.failure(), Some("incorrect-encoding"), "{junk}");
    }
}

/// RFC 6120 §13.9.1: characters that do not belong there are rejected, not ignored, even where the rest would be sound:
/// what is ignored could carry secrets past everybody.
fn characters_beside_base64_are_not_ignored(subject: &Subject) {
    for beside in ["!", "-", "_", ".", " ", "\n", "\t", "&#xA0;"] {
        rejected(&answers(subject, |data| {
            let text = STANDARD.encode(data);
            format!("{}{beside}{}", &text[..4], &text[4..])
        }));
    }
}

/// RFC 6120 §13.9.1: the pad character is nowhere but at the end: `=AAA` and `BBBB=CCC` are rejected, and so is what would
/// be sound without what is behind the padding.
fn padding_is_the_end(subject: &Subject) {
    for sequence in ["=AAA", "BBBB=CCC", "BB==BBBB", "BBB=BBBB"] {
        rejected(&answers(subject, |_| sequence.to_owned()));
    }
    rejected(&answers(subject, |data| format!("{}AAAA", STANDARD.encode(data))));
}

/// RFC 6120 §13.9.1, RFC 4648 §4: there is no more padding than fills the last group, and no less.
fn padding_is_as_long_as_need_be(subject: &Subject) {
    for sequence in ["====", "B===", "BBBB===="] {
        rejected(&answers(subject, |_| sequence.to_owned()));
    }
    rejected(&answers(subject, |data| format!("{}====", STANDARD.encode(data).trim_end_matches('='))));
}

/// RFC 6120 §13.9.1, §6.3.5: padding bits are zero, and data is verified. (RFC 4648 §3.5 leaves it to those who decode
/// whether they reject others.)
fn padding_bits_are_zero(subject: &Subject) {
    rejected(&answers(subject, |data| {
        let text = STANDARD.encode(data);
        let digits = text.trim_end_matches('=');
        let (rest, last) = digits.split_at(digits.len() - 1);
        // The last digit has four bits that belong to no octet; all zero, it is A, Q, g or w.
        let next = char::from(last.as_bytes()[0] + 1);
        format!("{rest}{next}==")
    }));
}

/// RFC 6120 §6.5.5, §13.9.1: a `<response/>` that is no base64 is rejected, too, and the handshake is over.
fn response_is_base64(subject: &Subject) {
    let account = subject.account("romeo");
    let mut romeo = offering(subject, SCRAM);
    let scram = Scram::new(SCRAM, &account.local);
    romeo.sends_auth(SCRAM, Some(&scram.first()));
    let Answer::Challenge(data) = romeo.receives_sasl_answer() else { panic!("a challenge was due") };
    let last = STANDARD.encode(scram.last(&scram.reads(&data), &account.password));
    romeo.sends_bytes(format!("<response xmlns='{}'>{} {}</response>", ns::SASL, &last[..4], &last[4..]));
    rejected(&romeo.receives_sasl_answer());
    has_nothing_to_say(&mut romeo);
}
