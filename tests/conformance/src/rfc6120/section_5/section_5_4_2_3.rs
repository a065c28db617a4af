//! RFC 6120 §5.4.2.3: the proceed case.

use crate::case;
use crate::case::Case;
use crate::client::TlsOptions;
use crate::ns;
use crate::subject::Subject;

use super::{PROCEED, STARTTLS, raw};

pub(super) const CASES: &[Case] = &[
    case!(Must, tls_begins_behind_proceed, ["5.4.2.3", "5.4.2"]),
    case!(Must, xml_behind_proceed_is_no_xml, ["5.4.2.3", "5.4.3.1", "5.4.3.2"]),
];

/// RFC 6120 §5.4.2.3: with the `>` of `<proceed/>` TLS has begun: the next octets from the client are its hello, and the
/// next ones from the server answer that.
fn tls_begins_behind_proceed(subject: &Subject) {
    let mut romeo = subject.connect();
    romeo.opens();
    romeo.sends(STARTTLS).receives(PROCEED);
    romeo.shakes_hands(&TlsOptions::default());
    romeo.opens();
}

/// RFC 6120 §5.4.2.3, §5.4.3.1: after `<proceed/>` the server takes what comes for TLS: a stream header in clear is not
/// answered in XML.
fn xml_behind_proceed_is_no_xml(subject: &Subject) {
    let mut romeo = subject.connect();
    romeo.opens();
    romeo.sends(STARTTLS).receives(PROCEED);
    let header = format!(
        "<?xml version='1.0'?><stream:stream to='{}' version='1.0' xmlns='{}' xmlns:stream='{}'>",
        subject.domain(),
        ns::CLIENT,
        ns::STREAM
    );
    raw::send(romeo.socket(), header.as_bytes());
    let rest = raw::rest(romeo.socket(), subject.seconds(5.0));
    assert!(!rest.text().contains('<'), "XML after <proceed/>: {:?}", rest.text());
    assert!(rest.ended, "the connection goes on after octets that are no TLS (§5.4.3.2)");
}
