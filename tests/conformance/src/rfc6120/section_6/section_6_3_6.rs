//! RFC 6120 §6.3.6: security layers.

use crate::case;
use crate::case::Case;
use crate::client::HEADER;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, no_layer_without_its_negotiation, ["6.3.6", "6.6"]),
    case!(Must, header_after_success_counts_anew, ["6.3.6", "6.4.6"]),
];

/// RFC 6120 §6.3.6, §6.6: a security layer takes effect behind the `>` of `<success/>`, if one was negotiated. With SCRAM
/// none is: the new stream is XML as before, under the same TLS.
fn no_layer_without_its_negotiation(subject: &Subject) {
    let (mut romeo, features) = subject.secure();
    let before = romeo.tls().and_then(|tls| tls.protocol_version());
    romeo.authenticates("romeo", &features);
    assert!(romeo.opens().bind(), "resource binding was due");
    assert_eq!(romeo.tls().and_then(|tls| tls.protocol_version()), before);
}

/// RFC 6120 §6.3.6, §4.3.3: what the stream before success has agreed on in XMPP does not outlive it: the `to` of the new
/// header is looked at, not remembered.
fn header_after_success_counts_anew(subject: &Subject) {
    let (mut romeo, features) = subject.secure();
    romeo.authenticates("romeo", &features);
    romeo.sends_header(&HEADER.replace("$domain", "$remote"));
    let error = romeo.receives_stream_error_of(&["host-unknown", "not-authorized", "invalid-from", "policy-violation"]);
    romeo.notes(&error.condition);
}
