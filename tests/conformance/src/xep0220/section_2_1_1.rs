//! XEP-0220 §2.1.1: the subject as initiating server.

use crate::case;
use crate::case::{Case, Need};
use crate::client::{Client, Item, Next};
use crate::ns;
use crate::servers::{Offers, PeerServer};
use crate::subject::{Authority, ServerCertificate, Subject};
use crate::tree::Element;

pub(super) const CASES: &[Case] = &[
    case!(Must, subject_sends_a_key_where_no_certificate_will_do, ["10.4.2", "8.1.2.2", "13.5"], needs[Need::Servers]),
    case!(Must, key_of_the_subject_is_of_the_domain_pair, ["13.5"], needs[Need::Servers]),
    case!(Must, every_stream_of_the_subject_has_a_key_of_its_own, ["13.5"], needs[Need::Servers]),
    case!(Must, subject_sends_nothing_after_an_invalid_key, ["13.5", "4.3.5"], needs[Need::Servers]),
    case!(Must, subject_sends_nothing_after_an_error, ["13.5", "10.4.3", "8.3.3.17"], needs[Need::Servers]),
    case!(Must, result_for_another_domain_is_none, ["13.5", "4.3.5"], needs[Need::Servers]),
    case!(Should, subject_falls_back_on_a_key_where_external_fails, ["6.4.5", "13.5"], needs[Need::Servers]),
];

/// XEP-0220 §2.1.1: where nothing else is offered, the subject sends a key, and its stanzas once that is called valid.
fn subject_sends_a_key_where_no_certificate_will_do(subject: &Subject) {
    let mut verona = keys_only(subject);
    let _romeo = writes(subject, "first");
    verona.receives(
        "<message from='$romeo/orchard' to='juliet@$verona' type='chat' id='first'><body>hi</body></message>",
    );
    let keys = verona.incoming().iter().map(|stream| stream.keys.len()).sum::<usize>();
    assert!(keys > 0, "no key was sent: {:?}", verona.incoming());
}

/// XEP-0220 §2.1.1: `<db:result/>` has the sender domain as `from`, the target domain as `to`, and a key.
fn key_of_the_subject_is_of_the_domain_pair(subject: &Subject) {
    let mut verona = keys_only(subject);
    let _romeo = writes(subject, "first");
    verona.receives_any();
    for stream in verona.incoming().iter() {
        for key in &stream.keys {
            assert_eq!(key.attribute("from"), Some(subject.domain()), "{key}");
            assert_eq!(key.attribute("to"), Some(subject.expand("$verona").as_str()), "{key}");
            assert!(!key.text().trim().is_empty(), "{key}");
        }
    }
}

/// XEP-0220 §2.1.1, XEP-0185: a key is good for one stream id: another stream has another key.
fn every_stream_of_the_subject_has_a_key_of_its_own(subject: &Subject) {
    let mut keys = Vec::new();
    let domain = keys_only(subject).domain().to_owned();
    for number in 0..3 {
        let mut verona = subject.server_of("verona", &domain);
        verona.offers(Offers::dialback());
        let _romeo = writes(subject, &number.to_string());
        let (place, _) = verona.receives_with_stream();
        let stream = verona.incoming().remove(place);
        keys.extend(stream.keys.iter().map(Element::text));
        let mut client = stream.client;
        client.closes();
    }
    for (place, key) in keys.iter().enumerate() {
        assert!(!keys[..place].contains(key), "the same key twice: {keys:?}");
    }
}

/// XEP-0220 §2.1.1: after `invalid` no stanza is sent, and its sender is told.
fn subject_sends_nothing_after_an_invalid_key(subject: &Subject) {
    let mut verona = keys_only(subject);
    verona.offers(Offers { key: "invalid", ..Offers::dialback() });
    let mut romeo = writes(subject, "first");
    verona.serves_until(|streams| streams.iter().any(|stream| !stream.keys.is_empty()));
    romeo.waits(Some(subject.seconds(20.0)));
    told(&mut romeo, &["internal-server-error", "remote-server-timeout", "remote-server-not-found", "not-authorized"]);
    verona.serves_until(|_| true);
}

/// XEP-0220 §2.1.1: after `error` the queued stanzas are returned with `remote-server-timeout`.
fn subject_sends_nothing_after_an_error(subject: &Subject) {
    let mut verona = keys_only(subject);
    verona.offers(Offers { key: "", ..Offers::dialback() });
    let mut romeo = writes(subject, "first");
    verona.serves_until(|streams| streams.iter().any(|stream| !stream.keys.is_empty()));
    let stream = verona.incoming().iter_mut().find(|stream| !stream.keys.is_empty()).expect("one has sent a key");
    stream.client.sends(
        "<db:result from='$verona' to='$domain' type='error'><error type='cancel'>\
         <item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></db:result>",
    );
    romeo.waits(Some(subject.seconds(20.0)));
    told(&mut romeo, &["remote-server-timeout"]);
    verona.serves_until(|_| true);
}

/// XEP-0220 §2.1.1, §3.1: a result counts only if it is for a domain pair that was asked for on that stream.
fn result_for_another_domain_is_none(subject: &Subject) {
    for result in [
        "<db:result from='$remote' to='$domain' type='valid'/>",
        "<db:result from='$verona' to='$remote' type='valid'/>",
        "<db:verify from='$verona' to='$domain' id='1' type='valid'/>",
    ] {
        let mut verona = keys_only(subject);
        verona.offers(Offers { key: "", ..Offers::dialback() });
        let _romeo = subject.bound("romeo");
        let mut romeo = subject.bound("romeo");
        romeo.sends("<message to='juliet@$verona' type='chat' id='first'><body>hi</body></message>");
        verona.serves_until(|streams| streams.iter().any(|stream| !stream.keys.is_empty()));
        let stream = verona.incoming().iter_mut().find(|stream| !stream.keys.is_empty()).expect("one has sent a key");
        stream.client.sends(result).sends("</stream:stream>");
        loop {
            match stream.client.receives_next() {
                Next::Item(Item::Element(element)) => assert_ne!(element.namespace, ns::SERVER, "{result}: {element}"),
                Next::Item(Item::Close) | Next::End(_) => break,
                other => stream.client.notes(&format!("{other:?}")),
            }
        }
    }
}

/// XEP-0220 §1.2, XEP-0178 §3: where EXTERNAL fails and dialback is offered, too, a key is tried on the same stream.
fn subject_falls_back_on_a_key_where_external_fails(subject: &Subject) {
    let mut verona = subject.server("verona");
    verona.offers(Offers { external_succeeds: false, ..Offers::default() });
    let _romeo = writes(subject, "first");
    verona.waits(Some(subject.seconds(10.0)));
    verona.receives(
        "<message from='$romeo/orchard' to='juliet@$verona' type='chat' id='first'><body>hi</body></message>",
    );
}

/// A server with a certificate that proves nothing, which offers dialback.
#[track_caller]
fn keys_only(subject: &Subject) -> PeerServer {
    let mut verona = subject.server("verona");
    let identity = Authority::self_signed(&ServerCertificate { dns: &[verona.domain()], ..Default::default() });
    verona.shows(identity).offers(Offers::dialback());
    verona
}

#[track_caller]
fn writes(subject: &Subject, id: &str) -> Client {
    let resource = if id == "first" { "orchard" } else { id };
    let [mut romeo] = subject.login([format!("romeo/{resource}").as_str()]);
    romeo.sends(format!("<message to='juliet@$verona' type='chat' id='{id}'><body>hi</body></message>"));
    romeo
}

#[track_caller]
fn told(romeo: &mut Client, conditions: &[&str]) {
    let types = ["auth", "cancel", "continue", "modify", "wait"];
    let allowed: Vec<(&str, &str)> =
        types.iter().flat_map(|kind| conditions.iter().map(|condition| (*kind, *condition))).collect();
    romeo.receives_stanza_error_of("first", &allowed);
}
