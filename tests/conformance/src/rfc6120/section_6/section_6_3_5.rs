//! RFC 6120 §6.3.5: data formatting during SASL.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::case;
use crate::case::Case;
use crate::client::{Client, Item, Next};
use crate::ns;
use crate::subject::Subject;

use super::scram::Scram;
use super::{SCRAM, offering};

pub(super) const CASES: &[Case] = &[
    case!(Must, no_whitespace_from_auth_to_success, ["6.3.5"]),
    case!(Must, server_speaks_base64, ["6.3.5", "13.9.1"]),
    case!(May, channel_bindings_are_announced, ["6.3.5"]),
];

/// RFC 6120 §6.3.5 rule 1: from `<auth/>` to the end of `<success/>` the server sends no white space between elements.
fn no_whitespace_from_auth_to_success(subject: &Subject) {
    let account = subject.account("romeo");
    let mut romeo = offering(subject, SCRAM);
    let before = romeo.heard().len();
    let answer = Scram::new(SCRAM, &account.local).negotiates(&mut romeo, &account.password);
    assert!(answer.is_success(), "{answer:?}");
    let said = romeo.heard().split_off(before);
    let outside: String = said.split('>').filter_map(|part| part.split('<').next()).collect();
    // What is between tags is base64, which has no white space either.
    assert!(!outside.contains(char::is_whitespace), "{said:?}");
}

/// RFC 6120 §6.3.5 rule 2, §13.9.1: the server's data is base64 with the padding that belongs to it, unused bits zero, and
/// nothing else.
fn server_speaks_base64(subject: &Subject) {
    let account = subject.account("romeo");
    let mut romeo = offering(subject, SCRAM);
    let scram = Scram::new(SCRAM, &account.local);
    romeo.sends_auth(SCRAM, Some(&scram.first()));
    let challenge = scram.reads(&data(&mut romeo, "challenge"));
    romeo.sends_response(&scram.last(&challenge, &account.password));
    data(&mut romeo, "success");
}

/// The data of the next element, which has this name.
fn data(client: &mut Client, name: &str) -> Vec<u8> {
    match client.receives_next() {
        Next::Item(Item::Element(element)) if element.is(name, ns::SASL) => {
            let text = element.text();
            let data = STANDARD.decode(&text).unwrap_or_else(|error| panic!("no base64: {error}: {text:?}"));
            assert_eq!(STANDARD.encode(&data), text, "not written as RFC 4648 §4 has it");
            data
        }
        other => panic!("<{name}/> was due: {other:?}"),
    }
}

/// XEP-0440 §3 (as the extension that RFC 6120 §6.3.5 rule 3 leaves room for): a server that offers channel binding
/// says which kinds it has, `tls-server-end-point` among them.
fn channel_bindings_are_announced(subject: &Subject) {
    let (_, features) = subject.secure();
    if !features.mechanisms().iter().any(|mechanism| mechanism.ends_with("-PLUS")) {
        subject.not_tried("no channel binding is offered");
    }
    let announced = super::bindings(&features);
    assert!(announced.iter().any(|kind| kind == "tls-server-end-point"), "{}", features.0);
}
