//! RFC 6120 §4.9.3.14, §4.9.3.17: stream errors that limits raise.

use super::header;
use crate::case;
use crate::case::{Case, Need, Verb};
use crate::client::{Item, Next};
use crate::ns;
use crate::subject::Subject;
use crate::tree::Element;

pub(super) const CASES: &[Case] = &[
    case!(Must, stanza_over_the_limit_is_a_violation_of_policy, ["4.9.3.14"], needs[Need::SmallLimits]),
    case!(Must, element_over_the_limit_before_authentication_ends_the_stream, ["4.9.3.14"], needs[Need::SmallLimits]),
    case!(Must, streams_over_the_limit_of_an_account_are_refused, ["4.9.3.17"], needs[Need::SmallLimits]),
    case!(
        Should,
        connections_over_the_limit_of_an_address_are_told_so,
        ["4.9.3.17"],
        needs [Need::Alone, Need::SmallLimits]
    ),
    case!(
        Must,
        storage_that_is_gone_is_an_error_of_the_server,
        ["4.9.3.8"],
        needs [Need::Alone, Need::Admin(Verb::BreakStorage)]
    ),
];

/// RFC 6120 §4.9.3.14: a stanza over the configured size ends the stream with `policy-violation`, or is answered with
/// the stanza error of that name (§8.3.3.12); it is not delivered.
fn stanza_over_the_limit_is_a_violation_of_policy(subject: &Subject) {
    let [mut romeo, mut juliet, mut nurse] = subject.login(["romeo/orchard", "juliet/balcony", "nurse/house"]);
    let manual = "the-emacs-manual ".repeat(5000);
    romeo.sends(format!("<message to='$juliet/balcony' type='chat' id='1'><body>{manual}</body></message>"));
    let next = romeo.receives_any();
    if next.is("error", ns::STREAM) {
        assert!(next.elements().any(|child| child.name == "policy-violation"), "{next}");
        romeo.receives_close();
    } else {
        assert_eq!((next.attribute("type"), next.attribute("id")), (Some("error"), Some("1")), "{next}");
    }
    juliet.hears_nothing_from(&mut nurse);
}

/// RFC 6120 §4.9.3.14: before authentication, an element over the configured size ends the stream with
/// `policy-violation`, during setup behind a response header.
fn element_over_the_limit_before_authentication_ends_the_stream(subject: &Subject) {
    let mut romeo = subject.connect();
    romeo.opens();
    let data = "A".repeat(40_000);
    romeo.sends(format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{data}</auth>"));
    romeo.receives_stream_error("policy-violation");
    let mut juliet = subject.connect();
    juliet.sends_header(&header(&format!("to='$domain' version='1.0' junk='{data}'")));
    juliet.receives_stream_error("policy-violation");
}

/// RFC 6120 §4.9.3.17, §7.6.2.1: where an account has as many streams as it may, the next one is refused with
/// `resource-constraint`, as a stream error or as the stanza error that answers its request to bind.
fn streams_over_the_limit_of_an_account_are_refused(subject: &Subject) {
    let open: Vec<_> = (0..3).map(|_| subject.bound("romeo")).collect();
    let (mut next, _) = subject.authenticated("romeo");
    next.sends("<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
    let answer = next.receives_any();
    let conditions: Vec<&str> =
        answer.elements().flat_map(Element::elements).map(|child| child.name.as_str()).collect();
    let own: Vec<&str> = answer.elements().map(|child| child.name.as_str()).collect();
    assert!(conditions.contains(&"resource-constraint") || own.contains(&"resource-constraint"), "{answer}");
    for mut stream in open {
        stream.settles();
    }
}

/// RFC 6120 §4.9.3.17: where an address has as many connections as it may, the next one is told `resource-constraint`
/// before it is closed. A server need not answer it at all (§13.12).
fn connections_over_the_limit_of_an_address_are_told_so(subject: &Subject) {
    let mut open = Vec::new();
    for number in 0..400 {
        let mut client = subject.connect();
        client.waits(Some(subject.seconds(5.0)));
        client.sends_header(&header("to='$domain' version='1.0'"));
        client.receives_header();
        match client.receives_next() {
            Next::Item(Item::Element(next)) if next.name == "features" => open.push(client),
            Next::Item(Item::Element(next)) => {
                assert!(next.is("error", ns::STREAM), "{next}");
                assert!(next.elements().any(|child| child.name == "resource-constraint"), "{next}");
                client.receives_close();
                client.notes(&format!("after {number} connections"));
                return;
            }
            other => panic!("features or an error were due: {other:?}"),
        }
    }
    panic!("400 connections are no limit");
}

/// RFC 6120 §4.9.3.8, §6.5.11: what keeps the server from serving a stream is its own fault: logging in fails for now
/// (`temporary-auth-failure`), or the stream ends with `internal-server-error`; it is not said that the password is
/// wrong, and no stream hangs.
fn storage_that_is_gone_is_an_error_of_the_server(subject: &Subject) {
    let account = subject.account("romeo");
    let (mut romeo, features) = subject.secure();
    assert!(!features.mechanisms().is_empty(), "{}", features.0);
    subject.admin(Verb::BreakStorage, &[]);
    romeo.waits(Some(subject.seconds(20.0)));
    let plain = format!("\0{}\0{}", account.local, account.password);
    romeo.sends_auth("PLAIN", Some(plain.as_bytes()));
    let answer = romeo.receives_any();
    let condition = answer.elements().next().map(|child| child.name.clone()).unwrap_or_default();
    assert!(["temporary-auth-failure", "internal-server-error"].contains(&condition.as_str()), "{answer}");
}
