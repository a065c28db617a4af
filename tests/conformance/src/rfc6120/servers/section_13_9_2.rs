//! RFC 6120 §13.9.2, §3.2: finding the server of a domain.

use super::romeo_writes;
use crate::case;
use crate::case::{Case, Need};
use crate::client::TlsOptions;
use crate::servers::Srv;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(
        Must,
        server_is_found_by_its_srv_record,
        ["13.9.2", "stream-fqdn-resolution", "10.4.2"],
        needs[Need::Servers]
    ),
    case!(Must, target_of_the_lowest_priority_comes_first, ["13.9.2", "stream-fqdn-resolution"], needs[Need::Servers]),
    case!(Must, next_target_is_tried_where_nobody_listens, ["13.9.2", "stream-fqdn-resolution"], needs[Need::Servers]),
    case!(
        Should,
        domain_without_srv_records_is_tried_at_its_address,
        ["13.9.2", "14.7", "stream-fqdn-resolution"],
        needs[Need::Servers]
    ),
    case!(May, server_may_begin_with_tls, ["14.7", "13.4"], needs[Need::Servers]),
    case!(May, subject_begins_with_tls_where_the_dns_says_so, ["14.7", "13.4", "13.9.2"], needs[Need::Servers]),
];

/// RFC 6120 §3.2.1: the host and port of an SRV record are connected to; the domain itself has no address.
fn server_is_found_by_its_srv_record(subject: &Subject) {
    let mut verona = subject.server("verona");
    let _romeo = romeo_writes(subject, &verona);
    verona.receives(
        "<message from='$romeo/orchard' to='juliet@$verona' type='chat' id='first'><body>hi</body></message>",
    );
}

/// RFC 6120 §3.2.1, RFC 2782: of several targets, that of the lowest priority number comes first.
fn target_of_the_lowest_priority_comes_first(subject: &Subject) {
    let (mut verona, mut mantua) = (subject.server("verona"), subject.server("mantua"));
    // Mantua's machine is the spare one of verona.
    let spare = mantua.target(20);
    verona.is_found_by(&[spare, verona.target(10)]);
    let mut romeo = romeo_writes(subject, &verona);
    verona.receives_any();
    romeo.sends("<message to='friar@$mantua' type='chat' id='a'><body>hi</body></message>");
    mantua.receives_any();
    let others = mantua.incoming().iter().flat_map(|stream| &stream.headers);
    let to: Vec<_> = others.map(|header| header.attribute("to").unwrap_or_default().to_owned()).collect();
    assert!(to.iter().all(|to| to == mantua.domain()), "the spare machine was asked for {to:?}");
}

/// RFC 6120 §3.2.1: where a target can't be connected to, the next one is tried.
fn next_target_is_tried_where_nobody_listens(subject: &Subject) {
    let mut verona = subject.server("verona");
    let dead = Srv { port: 1, ..verona.target(10) };
    verona.is_found_by(&[dead, verona.target(20)]);
    verona.waits(Some(subject.seconds(15.0)));
    let _romeo = romeo_writes(subject, &verona);
    verona.receives(
        "<message from='$romeo/orchard' to='juliet@$verona' type='chat' id='first'><body>hi</body></message>",
    );
}

/// RFC 6120 §3.2.2: without SRV records, the domain's own address is tried, at port 5269.
fn domain_without_srv_records_is_tried_at_its_address(subject: &Subject) {
    super::asks_for_addresses(subject);
    let mut verona = subject.server("verona");
    if let Err(error) = verona.listens_on_the_registered_port() {
        subject.not_tried(&format!("nobody can listen on port 5269 of loopback: {error}"));
    }
    let _romeo = romeo_writes(subject, &verona);
    verona.receives(
        "<message from='$romeo/orchard' to='juliet@$verona' type='chat' id='first'><body>hi</body></message>",
    );
}

/// RFC 6120 §14.7, XEP-0368 §3: a server may take streams that begin with TLS, on another port.
fn server_may_begin_with_tls(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    let verona = subject.server("verona");
    let options = TlsOptions { alpn: vec!["xmpp-server"], ..verona.tls_options().clone() };
    let Some(mut stream) = verona.connects_with_tls(&options) else {
        subject.not_tried("no address where streams of servers begin with TLS is known");
    };
    let features = stream.opens();
    assert!(features.offers("EXTERNAL") && features.starttls().is_none(), "{}", features.0);
    stream.sends_auth("EXTERNAL", Some(&[]));
    assert!(stream.receives_sasl_answer().is_success());
    stream.opens();
    stream.sends(super::message_from("$verona", "a"));
    romeo.receives(super::message_from("$verona", "a"));
}

/// RFC 6120 §14.7, XEP-0368 §2: a domain may be found by `_xmpps-server._tcp` alone: the stream begins with TLS.
fn subject_begins_with_tls_where_the_dns_says_so(subject: &Subject) {
    let mut verona = subject.server("verona");
    verona.begins_with_tls();
    let _romeo = romeo_writes(subject, &verona);
    let (place, _) = verona.receives_with_stream();
    let stream = &verona.incoming()[place];
    assert!(stream.secure && stream.headers.len() == 2, "under TLS, after SASL: {stream:?}");
}
