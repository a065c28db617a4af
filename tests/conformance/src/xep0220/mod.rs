//! XEP-0220: Server Dialback.
//!
//! Only where it decides how a rule of RFC 6120 is to be read: which domains a server stream is validated for (§8.1.2.2).

mod section_2_1_1;
mod section_2_1_2;
mod section_2_2_1;
mod section_2_2_2;
mod section_2_4;

use crate::case::Case;
use crate::client::{Client, Item, Next, TlsOptions};
use crate::ns;
use crate::servers::PeerServer;
use crate::subject::Subject;
use crate::tree::Element;

/// The cases of each section.
pub(crate) const SECTIONS: &[&[&[Case]]] =
    &[&[section_2_1_1::CASES, section_2_1_2::CASES, section_2_2_1::CASES, section_2_2_2::CASES, section_2_4::CASES]];

/// A key that the judge's servers send: nobody else has to understand it.
const KEY: &str = "b4835385f37fe2895af6c196b59097b16862406db80559900d96bf6fa7d23df3";

/// A stream of this server's under TLS, without a certificate: a key is due.
#[track_caller]
fn without_certificate(server: &PeerServer) -> Client {
    server.secure_with(&TlsOptions::default()).0
}

/// Sends a key for this domain, and takes the request for its verification: the place of its connection and the request.
#[track_caller]
fn sends_key(stream: &mut Client, server: &mut PeerServer) -> (usize, Element) {
    stream.sends(format!("<db:result from='{}' to='$domain'>{KEY}</db:result>", server.domain()));
    let (place, request) = server.receives_with_stream();
    assert!(request.is("verify", ns::DIALBACK), "a request for verification was due: {request}");
    (place, request)
}

/// Answers a request for verification, with this type.
#[track_caller]
fn answers(server: &mut PeerServer, (place, request): &(usize, Element), kind: &str) {
    let value = |name| request.attribute(name).unwrap_or_default().to_owned();
    let (from, to, id) = (value("to"), value("from"), value("id"));
    let stream = &mut server.incoming()[*place].client;
    let error = "<error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    let inner = if kind == "error" { error } else { "" };
    stream.sends(format!("<db:verify from='{from}' to='{to}' id='{id}' type='{kind}'>{inner}</db:verify>"));
}

/// A stream on which a key has proved the domain of this server.
#[track_caller]
fn proven(server: &mut PeerServer) -> Client {
    let mut stream = without_certificate(server);
    let request = sends_key(&mut stream, server);
    answers(server, &request, "valid");
    is_valid(&mut stream, server);
    stream
}

/// The result that the key is valid.
#[track_caller]
fn is_valid(stream: &mut Client, server: &PeerServer) {
    let result = stream.receives_any();
    assert!(result.is("result", ns::DIALBACK), "a result was due: {result}");
    assert_eq!(result.attribute("type"), Some("valid"), "{result}");
    assert_eq!(result.attribute("to"), Some(server.domain()), "{result}");
}

/// Everything but a valid result: `invalid`, `error`, or the end of the stream; what of these it was.
#[track_caller]
fn is_not_valid(stream: &mut Client) -> String {
    match stream.receives_next() {
        Next::Item(Item::Element(element)) if element.is("result", ns::DIALBACK) => {
            let kind = element.attribute("type").unwrap_or_default().to_owned();
            assert!(["invalid", "error"].contains(&kind.as_str()), "{element}");
            kind
        }
        Next::Item(Item::Element(element)) if element.is("error", ns::STREAM) => "stream error".to_owned(),
        Next::Item(Item::Close) | Next::End(_) => "end".to_owned(),
        other => panic!("a result was due: {other:?}"),
    }
}

/// Proves that this server's stanzas do not reach romeo.
#[track_caller]
fn is_not_heard(subject: &Subject, stream: &mut Client, domain: &str, romeo: &mut Client, nurse: &mut Client) {
    let stanza = message(domain, "a");
    // It may have gone.
    let _ = stream.tries_to_send(subject.expand(&stanza).as_bytes());
    stream.receives_next_within(subject.seconds(1.0));
    romeo.hears_nothing_from(nurse);
}

fn message(domain: &str, id: &str) -> String {
    format!("<message from='juliet@{domain}' to='$romeo/orchard' type='chat' id='{id}'><body>hi</body></message>")
}
