//! RFC 6120 §4.9.3: stream errors between servers.

use super::{Stage, ends, message_from, romeo_writes};
use crate::case;
use crate::case::{Case, Need, Verb};
use crate::client::STREAM_CONDITIONS;
use crate::ns;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, server_that_asks_for_an_unknown_host_is_refused, ["4.9.3.6", "4.9.1.3"], needs[Need::Servers]),
    case!(Should, server_that_asks_for_no_address_is_refused, ["4.9.3.7", "4.9.1.3"], needs[Need::Servers]),
    case!(Should, server_that_is_no_domain_is_not_taken, ["4.9.3.7", "4.7.1"], needs[Need::Servers]),
    case!(
        Must,
        server_that_asks_for_a_domain_that_is_gone_is_refused,
        ["4.9.3.5"],
        needs[Need::Servers, Need::Alone, Need::Admin(Verb::RemoveDomain)]
    ),
    case!(Must, text_between_stanzas_of_a_server_is_not_processed, ["4.9.3.1"], needs[Need::Servers]),
    case!(Should, unknown_element_of_a_server_is_refused, ["4.9.3.24"], needs[Need::Servers]),
    case!(Should, endless_element_of_an_unproven_server_ends_the_stream, ["4.9.3.14", "13.12"], needs[Need::Servers]),
    case!(Must, error_of_a_receiving_server_closes_the_stream, ["4.9.1.1", "4.9.1.4"], needs[Need::Servers]),
    case!(
        Should,
        stopped_server_tells_other_servers,
        ["4.9.3.20"],
        needs[Need::Servers, Need::Alone, Need::Admin(Verb::Stop)]
    ),
];

/// RFC 6120 §4.9.3.6: a header to a domain that is not hosted is `host-unknown`; the response header comes first.
fn server_that_asks_for_an_unknown_host_is_refused(subject: &Subject) {
    let verona = subject.server("verona");
    let mut stream = verona.connects();
    stream.sends_header(&verona.header().replace("$domain", "$remote"));
    stream.receives_stream_error("host-unknown");
}

/// RFC 6120 §4.9.3.7: a `to` that is no address is `improper-addressing`, or names no host that is known (§4.9.1.3), or does
/// not fit the schema (§4.9.3.11).
fn server_that_asks_for_no_address_is_refused(subject: &Subject) {
    let verona = subject.server("verona");
    for to in ["", "@@$domain", "$domain$domain@"] {
        let mut stream = verona.connects();
        stream.sends_header(&verona.header().replace("$domain", to));
        stream.receives_stream_error_of(&["improper-addressing", "host-unknown", "invalid-xml"]);
    }
}

/// RFC 6120 §4.7.1: a server's `from` is its domain; one that is no domain proves nothing.
fn server_that_is_no_domain_is_not_taken(subject: &Subject) {
    let [mut romeo, mut nurse] = subject.login(["romeo/orchard", "nurse/house"]);
    let verona = subject.server("verona");
    for from in ["juliet@$verona", "$verona/balcony", "@$verona"] {
        let mut stream = verona.connects();
        stream.sends_header(&verona.header_with(&format!("from='{from}' to='$domain' version='1.0'")));
        stream.receives_header();
        if !stream.receives_any().is("features", ns::STREAM) {
            continue;
        }
        stream.sends(super::STARTTLS).receives(super::PROCEED);
        stream.shakes_hands(verona.tls_options());
        stream.sends_header(&verona.header_with(&format!("from='{from}' to='$domain' version='1.0'")));
        stream.receives_header();
        if !stream.receives_any().is("features", ns::STREAM) {
            continue;
        }
        stream.sends(format!("<auth xmlns='{}' mechanism='EXTERNAL'>=</auth>", ns::SASL));
        let answer = stream.receives_any();
        if answer.is("success", ns::SASL) {
            stream.sends_header(&verona.header_with(&format!("from='{from}' to='$domain' version='1.0'")));
            stream.sends(format!(
                "<message from='{from}' to='$romeo/orchard' type='chat' id='a'><body>hi</body></message>"
            ));
            stream.receives_next_within(subject.seconds(1.0));
        }
        romeo.hears_nothing_from(&mut nurse);
    }
}

/// RFC 6120 §4.9.3.5: a header to a domain that is no longer serviced is `host-gone`, or `host-unknown` from a server that
/// keeps no memory of it.
fn server_that_asks_for_a_domain_that_is_gone_is_refused(subject: &Subject) {
    let verona = subject.server("verona");
    subject.admin(Verb::RemoveDomain, &["$other"]);
    let mut stream = verona.connects();
    stream.sends_header(&verona.header().replace("$domain", "$other"));
    stream.receives_stream_error_of(&["host-gone", "host-unknown"]);
}

/// RFC 6120 §4.9.3.1: character data between stanzas belongs to none: it is passed over, or ends the stream.
fn text_between_stanzas_of_a_server_is_not_processed(subject: &Subject) {
    let [mut romeo, mut nurse] = subject.login(["romeo/orchard", "nurse/house"]);
    let verona = subject.server("verona");
    let mut stream = verona.authenticated();
    stream.sends("soft!");
    let _ = stream.tries_to_send(subject.expand(&message_from(verona.domain(), "a")).as_bytes());
    // Either of the two comes first.
    let next = stream.receives_next_within(subject.seconds(1.0));
    stream.notes(&format!("{next:?}"));
    for element in romeo.collects_from(&mut nurse) {
        assert_eq!(element.attribute("id"), Some("a"), "{element}");
    }
}

/// RFC 6120 §4.9.3.24: a first-level element of `jabber:server` that is no stanza is `unsupported-stanza-type`, unless it
/// is ignored (§4.8.4).
fn unknown_element_of_a_server_is_refused(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    let verona = subject.server("verona");
    let mut stream = verona.authenticated();
    stream.sends("<pubsub from='$verona' to='$romeo/orchard'><create/></pubsub>");
    let _ = stream.tries_to_send(subject.expand(&message_from(verona.domain(), "a")).as_bytes());
    match stream.receives_next_within(subject.seconds(1.0)) {
        crate::Next::Nothing => {
            romeo.receives(message_from("$verona", "a"));
        }
        crate::Next::Item(crate::Item::Element(error)) => {
            assert!(error.elements().any(|child| child.name == "unsupported-stanza-type"), "{error}");
        }
        other => panic!("an error was due, or nothing: {other:?}"),
    }
}

/// RFC 6120 §4.9.1.1: an error from the receiving server ends the stream that the subject has opened.
fn error_of_a_receiving_server_closes_the_stream(subject: &Subject) {
    let mut verona = subject.server("verona");
    let _romeo = romeo_writes(subject, &verona);
    let (place, _) = verona.receives_with_stream();
    let stream = &mut verona.incoming()[place].client;
    stream.sends(format!("<stream:error><reset xmlns='{}'/></stream:error></stream:stream>", ns::STREAM_ERRORS));
    assert_eq!(ends(stream), None, "an error is not answered with an error");
}

/// RFC 6120 §4.9.3.20: a server that is shut down closes the streams of other servers, too, with `system-shutdown`.
fn stopped_server_tells_other_servers(subject: &Subject) {
    let mut verona = subject.server("verona");
    let mut open: Vec<_> = Stage::ALL.into_iter().map(|stage| stage.reach(&verona)).collect();
    let _romeo = romeo_writes(subject, &verona);
    let (place, _) = verona.receives_with_stream();
    open.push(verona.incoming().remove(place).client);
    subject.admin(Verb::Stop, &[]);
    for stream in &mut open {
        // It may wait for a sign that what it has sent has arrived.
        stream.waits(Some(subject.seconds(15.0)));
        if let Some(error) = ends(stream) {
            let condition = error.elements().next().map(|child| child.name.clone()).unwrap_or_default();
            assert!(STREAM_CONDITIONS.contains(&condition.as_str()), "{error}");
            assert_eq!(condition, "system-shutdown", "{error}");
        }
    }
}

/// RFC 6120 §4.9.3.14, §13.12: a server that has proved nothing can't make the subject keep whatever it sends: an element
/// that goes on and on ends the stream.
fn endless_element_of_an_unproven_server_ends_the_stream(subject: &Subject) {
    const MOST: usize = 4 << 20;
    let verona = subject.server("verona");
    for stage in [Stage::Clear, Stage::Secure] {
        let mut stream = stage.reach(&verona);
        let _ = stream.tries_to_send(b"<message><body>");
        let piece = vec![b'a'; 1 << 16];
        let sent = (0..MOST / piece.len()).take_while(|_| stream.tries_to_send(&piece).is_ok()).count();
        stream.notes(&format!("{sent} pieces"));
        match stream.receives_next() {
            crate::Next::Item(crate::Item::Element(error)) => assert!(error.is("error", ns::STREAM), "{error}"),
            crate::Next::Item(crate::Item::Close) | crate::Next::End(_) => {}
            other => panic!("the end of the stream was due: {other:?}"),
        }
    }
}
