//! RFC 6120 §5.4.2.2: the failure case.

use crate::case;
use crate::case::{Case, Need};
use crate::client::{HEADER, TlsOptions};
use crate::subject::Subject;

use super::STARTTLS;

pub(super) const CASES: &[Case] = &[
    case!(Must, second_starttls_fails, ["5.4.2.2", "5.4.2"]),
    case!(Must, starttls_after_sasl_fails, ["5.4.2.2"]),
    case!(Must, starttls_under_direct_tls_fails, ["5.4.2.2"], needs[Need::DirectTls]),
    case!(Must, nothing_is_processed_after_a_starttls_failure, ["5.4.2.2"]),
];

/// The answer where STARTTLS was not offered: `<failure/>`, the end of the stream, the end of the connection.
#[track_caller]
fn fails(client: &mut crate::Client) {
    client.sends(STARTTLS);
    client.receives("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    client.receives_close();
    client.receives_end();
}

/// RFC 6120 §5.4.2.2: under TLS the STARTTLS feature is not offered (§5.4.3.3), so asking for it is answered with
/// `<failure/>`, and the stream and the connection end.
fn second_starttls_fails(subject: &Subject) {
    let (mut romeo, features) = subject.secure();
    assert_eq!(features.starttls(), None, "{}", features.0);
    fails(&mut romeo);
}

/// RFC 6120 §5.4.2.2: the same once SASL is through.
fn starttls_after_sasl_fails(subject: &Subject) {
    let (mut romeo, features) = subject.authenticated("romeo");
    assert_eq!(features.starttls(), None, "{}", features.0);
    fails(&mut romeo);
}

/// RFC 6120 §5.4.2.2, XEP-0368: the same where TLS was there from the first octet.
fn starttls_under_direct_tls_fails(subject: &Subject) {
    let mut romeo = subject.connect_direct_tls(&TlsOptions::default());
    let features = romeo.opens();
    assert_eq!(features.starttls(), None, "{}", features.0);
    fails(&mut romeo);
}

/// RFC 6120 §5.4.2.2: the stream ends with the failure, so what is sent behind it has no answer.
fn nothing_is_processed_after_a_starttls_failure(subject: &Subject) {
    let (mut romeo, _) = subject.secure();
    let abort = "<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
    romeo.sends(format!("{STARTTLS}{abort}{HEADER}"));
    romeo.receives("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    romeo.receives_close();
    romeo.receives_end();
}
