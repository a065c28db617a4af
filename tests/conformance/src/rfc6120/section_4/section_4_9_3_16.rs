//! RFC 6120 §4.9.3: stream errors that an administrator raises.

use super::header;
use crate::case;
use crate::case::{Case, Need, Verb};
use crate::client::{Client, Item, Login, Next, StreamErrorSeen, TlsOptions};
use crate::ns;
use crate::subject::{Stage, Subject};

pub(super) const CASES: &[Case] = &[
    case!(Should, kicked_client_is_told_reset, ["4.9.3.16"], needs[Need::Admin(Verb::Kick)]),
    case!(Must, kick_ends_that_resource_alone, ["4.9.3.16"], needs[Need::Admin(Verb::Kick)]),
    case!(Should, new_password_resets_the_streams_of_the_old, ["4.9.3.16"], needs[Need::Admin(Verb::Password)]),
    case!(
        Should,
        streams_of_a_domain_that_is_gone_end,
        ["4.9.3.5"],
        needs [Need::Alone, Need::SecondDomain, Need::Admin(Verb::RemoveDomain)]
    ),
    case!(
        Must,
        newcomers_to_a_domain_that_is_gone_are_refused,
        ["4.9.3.5"],
        needs [Need::Alone, Need::SecondDomain, Need::Admin(Verb::RemoveDomain)]
    ),
    case!(Must, drained_server_sends_its_clients_elsewhere, ["4.9.3.19"], needs [Need::Alone, Need::Admin(Verb::Drain)]),
    case!(Must, address_of_another_host_may_be_of_ipv6, ["4.9.3.19"], needs [Need::Alone, Need::Admin(Verb::Drain)]),
    case!(
        Should,
        drained_server_redirects_newcomers_under_tls_only,
        ["4.9.3.19"],
        needs [Need::Alone, Need::Admin(Verb::Drain)]
    ),
    case!(Should, stopped_server_says_that_it_shuts_down, ["4.9.3.20"], needs [Need::Alone, Need::Admin(Verb::Stop)]),
    case!(
        Should,
        drained_server_without_a_target_says_that_it_shuts_down,
        ["4.9.3.20"],
        needs [Need::Alone, Need::Admin(Verb::Drain)]
    ),
];

/// Where the drained server's clients shall go.
const TARGET: &str = "elsewhere.example:5299";

/// RFC 6120 §4.9.3.16: a stream that the administrator ends, so that it is negotiated anew, is told `reset`.
fn kicked_client_is_told_reset(subject: &Subject) {
    let mut romeo = subject.bound("romeo/orchard");
    subject.admin(Verb::Kick, &["$romeo"]);
    ends_with(subject, &mut romeo, "reset");
}

/// RFC 6120 §4.9.3.16: the reset applies to the stream that it ends, to no other; and the client may come back.
fn kick_ends_that_resource_alone(subject: &Subject) {
    let mut orchard = subject.bound("romeo/orchard");
    let mut house = subject.bound("romeo/house");
    subject.admin(Verb::Kick, &["$romeo/orchard"]);
    // With an error or without (§4.4).
    match orchard.receives_next() {
        Next::Item(Item::Element(error)) => assert!(error.is("error", ns::STREAM), "{error}"),
        Next::Item(Item::Close) => {}
        other => panic!("the end of the stream was due: {other:?}"),
    }
    house.settles();
    subject.bound("romeo/orchard").settles();
}

/// RFC 6120 §4.9.3.16: with new credentials, the security context that the old ones have made is over: `reset`.
fn new_password_resets_the_streams_of_the_old(subject: &Subject) {
    let mut romeo = subject.bound("romeo/orchard");
    subject.admin_with(Verb::Password, &["$romeo"], Some("a new pencil"));
    ends_with(subject, &mut romeo, "reset");
}

/// RFC 6120 §4.9.3.5: a stream of a domain that is no longer serviced ends with `host-gone`; those of other domains go
/// on.
fn streams_of_a_domain_that_is_gone_end(subject: &Subject) {
    let mut early = subject.connect();
    early.sends_header(&header("to='$other' version='1.0'"));
    early.receives_header();
    early.receives_features();
    let mut bound = bound_at_the_other_domain(subject);
    let mut romeo = subject.bound("romeo/orchard");
    subject.admin(Verb::RemoveDomain, &["$other"]);
    ends_with(subject, &mut bound, "host-gone");
    ends_with(subject, &mut early, "host-gone");
    romeo.settles();
}

/// RFC 6120 §4.9.3.5: a header for a domain that is no longer serviced is answered with `host-gone`, or `host-unknown`
/// from a server that keeps no memory of it.
fn newcomers_to_a_domain_that_is_gone_are_refused(subject: &Subject) {
    subject.admin(Verb::RemoveDomain, &["$other"]);
    let mut romeo = subject.connect();
    romeo.sends_header(&header("to='$other' version='1.0'"));
    romeo.receives_stream_error_of(&["host-gone", "host-unknown"]);
}

/// RFC 6120 §4.9.3.19: a server that redirects traffic says `see-other-host`, and where: a domainpart, or one with a
/// port.
fn drained_server_sends_its_clients_elsewhere(subject: &Subject) {
    let mut romeo = subject.bound("romeo/orchard");
    subject.admin(Verb::Drain, &[TARGET]);
    let error = romeo.receives_stream_error("see-other-host");
    assert_eq!(error.content.trim(), TARGET, "{}", error.element);
}

/// RFC 6120 §4.9.3.19: an IPv6 address is enclosed in square brackets, so that its port can be told from it.
fn address_of_another_host_may_be_of_ipv6(subject: &Subject) {
    let mut romeo = subject.bound("romeo/orchard");
    subject.admin(Verb::Drain, &["[2001:db8::1]:9222"]);
    let error = romeo.receives_stream_error("see-other-host");
    assert_eq!(error.content.trim(), "[2001:db8::1]:9222", "{}", error.element);
}

/// RFC 6120 §4.9.3.19: not before the stream is protected by TLS is a newcomer sent elsewhere; then it is.
fn drained_server_redirects_newcomers_under_tls_only(subject: &Subject) {
    let mut secure = subject.at(Stage::Secure, "romeo");
    subject.admin(Verb::Drain, &[TARGET]);
    redirected(&mut secure);
    let mut newcomer = subject.connect();
    let features = newcomer.opens();
    assert!(features.starttls().is_some(), "a redirect in clear, or no way to TLS: {}", features.0);
    newcomer.starts_tls();
    newcomer.sends_header(&header("to='$domain' version='1.0'"));
    redirected(&mut newcomer);
}

/// RFC 6120 §4.9.3.20: all active streams are closed with `system-shutdown` when the server is shut down.
fn stopped_server_says_that_it_shuts_down(subject: &Subject) {
    let mut open: Vec<Client> = Stage::OPEN.into_iter().map(|stage| subject.at(stage, "romeo")).collect();
    subject.admin(Verb::Stop, &[]);
    for client in open.iter_mut().rev() {
        ends_with(subject, client, "system-shutdown");
    }
}

/// RFC 6120 §4.9.3.20: a server that goes away and knows of no other says `system-shutdown`, to those that are there.
fn drained_server_without_a_target_says_that_it_shuts_down(subject: &Subject) {
    let mut romeo = subject.bound("romeo/orchard");
    subject.admin(Verb::Drain, &[]);
    romeo.receives_stream_error("system-shutdown");
}

/// Awaits the end of the stream with this condition. The RFC does not say what else has to end a stream, so that a server
/// with other reasons is not judged by it.
#[track_caller]
fn ends_with(subject: &Subject, client: &mut Client, condition: &str) {
    match client.receives_next() {
        Next::Item(Item::Element(error)) if error.elements().any(|child| child.is(condition, ns::STREAM_ERRORS)) => {
            assert!(error.is("error", ns::STREAM), "{error}");
            client.receives_close();
        }
        Next::Item(Item::Element(error)) => {
            assert!(error.is("error", ns::STREAM), "{error}");
            subject.not_tried(&format!("the server has another reason: {error}"));
        }
        Next::Item(Item::Close) | Next::End(_) => subject.not_tried("the server ends the stream without an error"),
        Next::Nothing => subject.not_tried("the server does not end the stream"),
        other @ Next::Item(_) => panic!("the end of the stream was due: {other:?}"),
    }
}

#[track_caller]
fn redirected(client: &mut Client) -> StreamErrorSeen {
    let error = client.receives_stream_error("see-other-host");
    assert_eq!(error.content.trim(), TARGET, "{}", error.element);
    error
}

/// A stream with a bound resource at the second domain.
#[track_caller]
fn bound_at_the_other_domain(subject: &Subject) -> Client {
    let password = "pencil of the other domain";
    subject.admin_with(Verb::Create, &["nurse@$other"], Some(password));
    let open = |client: &mut Client| {
        client.sends_header(&header("to='$other' version='1.0'"));
        client.receives_header();
        client.receives_features()
    };
    let mut nurse = subject.connect();
    open(&mut nurse);
    nurse.sends("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    nurse.receives("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    nurse.shakes_hands(&TlsOptions { server_name: Some(subject.expand("$other")), ..TlsOptions::default() });
    let features = open(&mut nurse);
    let mechanism = if features.offers("SCRAM-SHA-256") { "SCRAM-SHA-256" } else { "PLAIN" };
    let answer = nurse.negotiates_sasl(&Login::new(mechanism, "nurse", password));
    assert!(answer.is_success(), "{answer:?}");
    open(&mut nurse);
    nurse.requests_resource(None);
    nurse
}
