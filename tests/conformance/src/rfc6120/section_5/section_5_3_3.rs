//! RFC 6120 §5.3.3: data formatting during STARTTLS.

use crate::case;
use crate::case::Case;
use crate::client::{Item, Next, TlsOptions};
use crate::subject::Subject;

use super::STARTTLS;

pub(super) const CASES: &[Case] = &[case!(Must, no_whitespace_before_or_after_proceed, ["5.3.3"])];

/// RFC 6120 §5.3.3: from `<starttls/>` to the end of `<proceed/>` the server sends no white space between elements, so
/// that both sides agree on the octet with which TLS begins.
fn no_whitespace_before_or_after_proceed(subject: &Subject) {
    let mut romeo = subject.connect();
    romeo.opens();
    let before = romeo.heard().len();
    romeo.sends(STARTTLS);
    match romeo.receives_next() {
        Next::Item(Item::Element(answer)) => assert!(answer.is("proceed", crate::ns::TLS), "{answer}"),
        other => panic!("<proceed/> was due, with nothing before it: {other:?}"),
    }
    let answer = romeo.heard().split_off(before);
    assert!(answer.starts_with('<') && answer.ends_with('>'), "white space around <proceed/>: {answer:?}");
    // The next octet is one of TLS: anything else would fail the handshake.
    romeo.shakes_hands(&TlsOptions::default());
}
