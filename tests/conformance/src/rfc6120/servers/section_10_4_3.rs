//! RFC 6120 §10.4.3: stanzas that do not get to another server.

use super::{is_told, romeo_writes};
use crate::case;
use crate::case::{Case, Need};
use crate::servers::Srv;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(
        Must,
        domain_that_does_not_exist_is_not_found,
        ["10.4.3", "8.3.3.16", "stream-fqdn-resolution"],
        needs[Need::Servers]
    ),
    case!(
        Must,
        domain_without_the_service_is_not_found,
        ["10.4.3", "8.3.3.16", "stream-fqdn-resolution"],
        needs[Need::Servers]
    ),
    case!(Must, server_that_nobody_is_at_is_a_timeout, ["10.4.3", "8.3.3.17"], needs[Need::Servers]),
    case!(Must, server_that_closes_at_once_is_a_timeout, ["10.4.3", "8.3.3.17"], needs[Need::Servers]),
    case!(Must, every_stanza_that_waited_is_answered, ["10.4.3", "10.1"], needs[Need::Servers]),
    case!(Must, errors_that_waited_are_not_answered, ["10.4.3", "8.3.1", "stanza-error-reply"], needs[Need::Servers]),
];

/// RFC 6120 §10.4.3: where resolution does not succeed, the sender is told `remote-server-not-found`.
fn domain_that_does_not_exist_is_not_found(subject: &Subject) {
    let verona = subject.server("verona");
    verona.is_not_found();
    let mut romeo = romeo_writes(subject, &verona);
    romeo.waits(Some(subject.seconds(20.0)));
    is_told(&mut romeo, "first", &["remote-server-not-found"]);
}

/// RFC 6120 §3.2.1, RFC 2782: a target of "." says that the domain has no such service: nobody connects to its address.
fn domain_without_the_service_is_not_found(subject: &Subject) {
    let verona = subject.server("verona");
    verona.is_found_by(&[Srv { priority: 0, weight: 0, port: 0, target: String::new() }]);
    verona.is_at("");
    let mut romeo = romeo_writes(subject, &verona);
    romeo.waits(Some(subject.seconds(20.0)));
    is_told(&mut romeo, "first", &["remote-server-not-found"]);
}

/// RFC 6120 §10.4.3: where resolution succeeds and no stream can be negotiated, it is `remote-server-timeout`: because nobody
/// listens there,
fn server_that_nobody_is_at_is_a_timeout(subject: &Subject) {
    let verona = subject.server("verona");
    // Port 1 of loopback: nobody.
    verona.is_found_by(&[Srv { port: 1, ..verona.target(10) }]);
    let mut romeo = romeo_writes(subject, &verona);
    romeo.waits(Some(subject.seconds(20.0)));
    is_told(&mut romeo, "first", &["remote-server-timeout"]);
}

/// RFC 6120 §10.4.3: or because who listens closes the connection.
fn server_that_closes_at_once_is_a_timeout(subject: &Subject) {
    let mut verona = subject.server("verona");
    let mut romeo = romeo_writes(subject, &verona);
    drop(verona.accepts());
    // It may try again, at the same address.
    verona.is_found_by(&[Srv { port: 1, ..verona.target(10) }]);
    romeo.waits(Some(subject.seconds(20.0)));
    is_told(&mut romeo, "first", &["remote-server-timeout"]);
}

/// RFC 6120 §10.4.3: every stanza that waited for the stream gets its error, in order.
fn every_stanza_that_waited_is_answered(subject: &Subject) {
    let mut verona = subject.server("verona");
    let mut romeo = romeo_writes(subject, &verona);
    let stream = verona.accepts();
    for id in ["a", "b", "c"] {
        romeo.sends(format!("<message to='juliet@$verona' type='chat' id='{id}'><body>hi</body></message>"));
    }
    romeo.settles();
    verona.is_found_by(&[Srv { port: 1, ..verona.target(10) }]);
    drop(stream);
    romeo.waits(Some(subject.seconds(20.0)));
    for id in ["first", "a", "b", "c"] {
        is_told(&mut romeo, id, &["remote-server-timeout", "remote-server-not-found"]);
    }
}

/// RFC 6120 §8.3.1: errors and results that can't be delivered are not answered.
fn errors_that_waited_are_not_answered(subject: &Subject) {
    let mut verona = subject.server("verona");
    let [mut romeo] = subject.login(["romeo/orchard"]);
    let error = "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    romeo.sends(format!("<message to='juliet@$verona' type='error' id='a'>{error}</message>"));
    romeo.sends("<iq to='juliet@$verona/balcony' type='result' id='b'/>");
    romeo.sends(format!("<iq to='juliet@$verona/balcony' type='error' id='c'>{error}</iq>"));
    romeo.sends("<message to='juliet@$verona' type='chat' id='d'><body>hi</body></message>");
    let stream = verona.accepts();
    romeo.settles();
    verona.is_found_by(&[Srv { port: 1, ..verona.target(10) }]);
    drop(stream);
    romeo.waits(Some(subject.seconds(20.0)));
    is_told(&mut romeo, "d", &["remote-server-timeout", "remote-server-not-found"]);
    romeo.settles();
}
