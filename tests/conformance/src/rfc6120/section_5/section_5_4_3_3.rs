//! RFC 6120 §5.4.3.3: TLS success.

use crate::case;
use crate::case::Case;
use crate::client::{HEADER, TlsOptions};
use crate::subject::Subject;

use super::{PROCEED, STARTTLS};

pub(super) const CASES: &[Case] = &[
    case!(Must, what_was_said_before_tls_is_forgotten, ["5.4.3.3"]),
    case!(Must, stream_after_tls_has_a_new_id, ["5.4.3.3", "stream-attribute-response-id"]),
    case!(Must, starttls_is_not_offered_after_tls, ["5.4.3.3"]),
    case!(Should, sasl_is_offered_after_tls, ["5.4.3.3"]),
    case!(Must, domain_is_chosen_anew_after_tls, ["5.4.3.3"]),
];

/// RFC 6120 §5.4.3.3 rule 2: what the client said before TLS is discarded: an address from the header in clear is not the
/// `to` of the header after TLS.
fn what_was_said_before_tls_is_forgotten(subject: &Subject) {
    let mut romeo = subject.connect();
    romeo.sends_header(&HEADER.replace("to=", "from='$juliet' to="));
    romeo.receives_header();
    romeo.receives_features();
    romeo.sends(STARTTLS).receives(PROCEED);
    romeo.shakes_hands(&TlsOptions::default());
    let features = romeo.opens();
    assert_ne!(romeo.header().attribute("to"), Some(subject.account("juliet").jid.as_str()), "{:?}", romeo.header());
    // And nobody is bound to have that address (§6.4.6).
    romeo.authenticates("romeo", &features);
    romeo.opens();
}

/// RFC 6120 §5.4.3.3 rule 4: the response header after TLS has a new stream ID.
fn stream_after_tls_has_a_new_id(subject: &Subject) {
    let mut romeo = subject.connect();
    romeo.opens();
    let before = romeo.header().attribute("id").map(str::to_owned);
    romeo.starts_tls();
    romeo.opens();
    let after = romeo.header().attribute("id").map(str::to_owned);
    assert!(before.is_some() && after.is_some(), "no id: {before:?}, {after:?}");
    assert_ne!(before, after);
}

/// RFC 6120 §5.4.3.3 rule 5: the features after TLS have no STARTTLS.
fn starttls_is_not_offered_after_tls(subject: &Subject) {
    let (_, features) = subject.secure();
    assert_eq!(features.starttls(), None, "{}", features.0);
}

/// RFC 6120 §5.4.3.3 rule 5: the features after TLS have SASL.
fn sasl_is_offered_after_tls(subject: &Subject) {
    let (_, features) = subject.secure();
    assert!(!features.mechanisms().is_empty(), "{}", features.0);
}

/// RFC 6120 §5.4.3.3 rules 2 and 3: the header after TLS is an initial header of its own: one for a domain that is not
/// hosted is refused (§4.9.3.6), whatever the one before TLS said. Some servers do not let the domain change.
fn domain_is_chosen_anew_after_tls(subject: &Subject) {
    let mut romeo = subject.connect();
    romeo.opens();
    romeo.starts_tls();
    romeo.sends_header(&HEADER.replace("$domain", "$remote"));
    romeo.receives_stream_error_of(&["host-unknown", "not-authorized", "improper-addressing", "policy-violation"]);
}
