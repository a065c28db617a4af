//! XEP-0220 §2.2.2: the subject as authoritative server.

use super::without_certificate;
use crate::case;
use crate::case::{Case, Need};
use crate::client::{Client, Item, Next};
use crate::ns;
use crate::servers::{Offers, PeerServer};
use crate::subject::Subject;
use crate::tree::Element;

pub(super) const CASES: &[Case] = &[
    case!(Must, own_key_is_called_valid, ["13.5"], needs[Need::Servers]),
    case!(Must, key_of_somebody_else_is_called_invalid, ["13.5"], needs[Need::Servers]),
    case!(Must, own_key_is_good_for_its_own_stream_alone, ["13.5"], needs[Need::Servers]),
    case!(Must, key_of_a_domain_that_is_not_hosted_is_not_valid, ["13.5"], needs[Need::Servers]),
    case!(Should, key_of_a_domain_that_is_not_hosted_is_an_error, ["13.5"], needs[Need::Servers]),
    case!(Must, request_for_verification_proves_nothing, ["13.5", "8.1.2.2"], needs[Need::Servers]),
];

/// XEP-0220 §2.2.2: the key that the subject has sent is called valid, with `from` and `to` swapped and the same id.
fn own_key_is_called_valid(subject: &Subject) {
    let (verona, id, key, _stream) = gets_key(subject);
    let answer = asks(subject, &verona, subject.domain(), &id, &key);
    for (name, value) in [("from", subject.domain()), ("to", verona.domain()), ("id", &id), ("type", "valid")] {
        assert_eq!(answer.attribute(name), Some(value), "{answer}");
    }
}

/// XEP-0220 §2.2.2: every other key is called invalid.
fn key_of_somebody_else_is_called_invalid(subject: &Subject) {
    let (verona, id, key, _stream) = gets_key(subject);
    let mut other = key.clone();
    let last = other.pop().unwrap_or('0');
    other.push(if last == '0' { '1' } else { '0' });
    for wrong in [other.as_str(), super::KEY, "0", &key.repeat(2)] {
        let answer = asks(subject, &verona, subject.domain(), &id, wrong);
        assert_eq!(answer.attribute("type"), Some("invalid"), "{wrong}: {answer}");
        assert_eq!(answer.attribute("id"), Some(id.as_str()), "{answer}");
    }
}

/// XEP-0220 §2.2.2, XEP-0185: the key is good for the id of its stream and for its pair of domains alone.
fn own_key_is_good_for_its_own_stream_alone(subject: &Subject) {
    let (verona, id, key, _stream) = gets_key(subject);
    let answer = asks(subject, &verona, subject.domain(), &format!("{id}0"), &key);
    assert_eq!(answer.attribute("type"), Some("invalid"), "{answer}");
    let mantua = subject.server("mantua");
    let answer = asks(subject, &mantua, subject.domain(), &id, &key);
    assert_eq!(answer.attribute("type"), Some("invalid"), "{answer}");
}

/// XEP-0220 §2.2.2: a key of a domain that is not hosted is never valid.
fn key_of_a_domain_that_is_not_hosted_is_not_valid(subject: &Subject) {
    let (verona, id, key, _stream) = gets_key(subject);
    let mut stream = without_certificate(&verona);
    stream.sends(format!("<db:verify from='$verona' to='$remote' id='{id}'>{key}</db:verify>"));
    match stream.receives_next() {
        Next::Item(Item::Element(answer)) => assert_ne!(answer.attribute("type"), Some("valid"), "{answer}"),
        other => stream.notes(&format!("{other:?}")),
    }
}

/// XEP-0220 §2.2.2: it is an error, which does not end the stream.
fn key_of_a_domain_that_is_not_hosted_is_an_error(subject: &Subject) {
    let (verona, id, key, _stream) = gets_key(subject);
    let mut stream = without_certificate(&verona);
    stream.sends(format!("<db:verify from='$verona' to='$remote' id='{id}'>{key}</db:verify>"));
    let answer = stream.receives_any();
    assert!(answer.is("verify", ns::DIALBACK), "{answer}");
    assert_eq!(answer.attribute("type"), Some("error"), "{answer}");
    stream.sends(format!("<db:verify from='$verona' to='$domain' id='{id}'>{key}</db:verify>"));
    assert_eq!(stream.receives_any().attribute("type"), Some("valid"));
}

/// XEP-0220 §2.2.2, RFC 6120 §8.1.2.2: who asks for a verification has proved nothing by that.
fn request_for_verification_proves_nothing(subject: &Subject) {
    let [mut romeo, mut nurse] = subject.login(["romeo/orchard", "nurse/house"]);
    let (verona, id, key, _stream) = gets_key(subject);
    let mut stream = without_certificate(&verona);
    stream.sends(format!("<db:verify from='$verona' to='$domain' id='{id}'>{key}</db:verify>"));
    stream.receives_any();
    super::is_not_heard(subject, &mut stream, "$verona", &mut romeo, &mut nurse);
}

/// A server to which the subject has sent a key that it has not answered yet: the id of that stream, the key, and the stream.
#[track_caller]
fn gets_key(subject: &Subject) -> (PeerServer, String, String, Client) {
    let mut verona = subject.server("verona");
    verona.offers(Offers { key: "", ..Offers::dialback() });
    let mut writer = subject.bound("writer");
    writer.sends("<message to='juliet@$verona' type='chat' id='first'><body>hi</body></message>");
    verona.serves_until(|streams| streams.iter().any(|stream| !stream.keys.is_empty()));
    let place = verona.incoming().iter().position(|stream| !stream.keys.is_empty()).expect("one has sent a key");
    let stream = verona.incoming().remove(place);
    (verona, stream.id(), stream.keys[0].text().trim().to_owned(), stream.client)
}

/// Asks the subject on a new stream whether a key of `domain` is valid.
#[track_caller]
fn asks(subject: &Subject, server: &PeerServer, domain: &str, id: &str, key: &str) -> Element {
    let mut stream = without_certificate(server);
    let from = server.domain();
    stream.sends(format!("<db:verify from='{from}' to='{domain}' id='{id}'>{key}</db:verify>"));
    let answer = stream.receives_any();
    assert!(answer.is("verify", ns::DIALBACK), "an answer was due: {answer}");
    stream.notes(&format!("{} has answered", subject.domain()));
    answer
}
