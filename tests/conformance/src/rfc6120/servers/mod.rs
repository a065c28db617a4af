//! RFC 6120 as it is about streams between servers, by section.
//!
//! In these cases, `verona` and `mantua` are servers of the judge's ([`PeerServer`]), romeo and juliet have accounts of the
//! subject.

mod section_10_1;
mod section_10_4_1;
mod section_10_4_2;
mod section_10_4_3;
mod section_10_5;
mod section_11;
mod section_13_7_2_1;
mod section_13_9_2;
mod section_4_3;
mod section_4_4;
mod section_4_5;
mod section_4_6;
mod section_4_7;
mod section_4_8;
mod section_4_9_3;
mod section_5_3;
mod section_5_4;
mod section_6_3;
mod section_6_4;
mod section_8_1_1_2;
mod section_8_1_2_2;
mod section_9_2;

use crate::case::Case;
use crate::client::{Client, Header, Item, Next};
use crate::ns;
use crate::servers::PeerServer;
use crate::subject::Subject;
use crate::tree::Element;

/// The cases of each file.
pub(super) const FILES: &[&[Case]] = &[
    section_4_3::CASES,
    section_4_4::CASES,
    section_4_5::CASES,
    section_4_6::CASES,
    section_4_7::CASES,
    section_4_8::CASES,
    section_4_9_3::CASES,
    section_5_3::CASES,
    section_5_4::CASES,
    section_6_3::CASES,
    section_6_4::CASES,
    section_8_1_1_2::CASES,
    section_8_1_2_2::CASES,
    section_9_2::CASES,
    section_10_1::CASES,
    section_10_4_1::CASES,
    section_10_4_2::CASES,
    section_10_4_3::CASES,
    section_10_5::CASES,
    section_11::CASES,
    section_13_7_2_1::CASES,
    section_13_9_2::CASES,
];

/// The element that asks for TLS.
const STARTTLS: &str = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
/// The consent to it.
const PROCEED: &str = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

/// How far a stream that the judge opens has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// In clear: STARTTLS is due.
    Clear,
    /// Under TLS: SASL is due.
    Secure,
    /// Authenticated by a certificate.
    Authenticated,
}

impl Stage {
    const ALL: [Stage; 3] = [Stage::Clear, Stage::Secure, Stage::Authenticated];

    /// A stream of this server that has got so far.
    #[track_caller]
    fn reach(self, server: &PeerServer) -> Client {
        let stream = match self {
            Stage::Clear => {
                let mut stream = server.connects();
                stream.opens();
                stream
            }
            Stage::Secure => server.secure().0,
            Stage::Authenticated => server.authenticated(),
        };
        stream.notes(&format!("{self:?}"));
        stream
    }
}

/// The response headers of a server's three streams (in clear, under TLS, authenticated), each opened with `header`.
#[track_caller]
fn three_responses(server: &PeerServer, header: &str) -> [Header; 3] {
    let mut stream = server.connects();
    let open = |stream: &mut Client| {
        stream.sends_header(header);
        let response = stream.receives_header();
        (response, stream.receives_features())
    };
    let (clear, _) = open(&mut stream);
    stream.sends(STARTTLS).receives(PROCEED);
    stream.shakes_hands(server.tls_options());
    let (secure, _) = open(&mut stream);
    stream.sends_auth("EXTERNAL", Some(&[]));
    let answer = stream.receives_sasl_answer();
    assert!(answer.is_success(), "{answer:?}");
    let (authenticated, _) = open(&mut stream);
    [clear, secure, authenticated]
}

/// The headers that the subject opens its three streams with when romeo writes to somebody at this server.
#[track_caller]
fn three_initial_headers(subject: &Subject, server: &mut PeerServer) -> Vec<Header> {
    let _romeo = romeo_writes(subject, server);
    server.receives_any();
    let headers = server.incoming()[0].headers.clone();
    assert!(headers.len() >= 2, "the stream was not opened anew after TLS (§5.3.2): {headers:?}");
    headers
}

/// Romeo, who has sent a message to juliet at this server.
#[track_caller]
fn romeo_writes(subject: &Subject, server: &PeerServer) -> Client {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    romeo.sends(format!("<message to='juliet@{}' type='chat' id='first'><body>hi</body></message>", server.domain()));
    romeo
}

/// A message to romeo from juliet at a domain of the judge's; `$romeo` and the like are for the stream to fill in.
fn message_from(domain: &str, id: &str) -> String {
    format!(
        "<message from='juliet@{domain}/balcony' to='$romeo/orchard' type='chat' id='{id}'><body>hi</body></message>"
    )
}

/// The end of a stream, with or without an error; an element that is none is no end.
#[track_caller]
fn ends(stream: &mut Client) -> Option<Element> {
    match stream.receives_next() {
        Next::Item(Item::Element(element)) => {
            assert!(element.is("error", ns::STREAM), "the end of the stream was due: {element}");
            Some(element)
        }
        Next::Item(Item::Close) | Next::End(_) => None,
        other => panic!("the end of the stream was due: {other:?}"),
    }
}

/// Romeo hears that what he has sent with this id has failed, for one of these conditions.
#[track_caller]
fn is_told(romeo: &mut Client, id: &str, conditions: &[&str]) {
    let types = ["auth", "cancel", "continue", "modify", "wait"];
    let allowed: Vec<(&str, &str)> =
        types.iter().flat_map(|kind| conditions.iter().map(|condition| (*kind, *condition))).collect();
    romeo.receives_stanza_error_of(id, &allowed);
}

/// The case is not tried where the judge does not decide which addresses hosts have.
fn asks_for_addresses(subject: &Subject) {
    if !subject.server_side().asks_for_addresses {
        subject.not_tried("the server asks its system for addresses, not the name server of the suite");
    }
}
