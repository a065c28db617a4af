//! RFC 6120 §5.3.5: TLS renegotiation.

use rustls::ContentType;

use crate::case;
use crate::case::Case;
use crate::subject::Subject;

use super::renegotiation::{Session, client_hello};
use super::{PROCEED, STARTTLS, raw};

pub(super) const CASES: &[Case] = &[case!(Must, renegotiation_ends_the_connection, ["5.3.5", "13.9.5"])];

/// RFC 6120 §5.3.5: support for renegotiation is optional. A server that does not support it ends the TCP connection at
/// once when it is tried, and says nothing of it in XMPP: the violation is one of TLS. So does a server that supports
/// it, for here the client leaves out the Renegotiation Extension (RFC 5746).
fn renegotiation_ends_the_connection(subject: &Subject) {
    let mut romeo = subject.connect();
    romeo.opens();
    romeo.sends(STARTTLS).receives(PROCEED);
    let limit = subject.seconds(5.0);
    let mut session = match Session::start(romeo.socket(), subject.domain(), &subject.site().trust, limit) {
        Ok(session) => session,
        Err(why) => subject.not_tried(&format!("no session of TLS 1.2 with ChaCha20-Poly1305: {why}")),
    };
    let header = subject.expand(crate::client::HEADER);
    session.sends(ContentType::ApplicationData, header.as_bytes());
    let answer = raw::read(romeo.socket(), limit, |bytes| bytes.first() == Some(&0x17));
    assert_eq!(answer.bytes.first(), Some(&0x17), "the stream header was to be answered in TLS application data");
    // What belongs to that answer still comes.
    raw::rest(romeo.socket(), subject.seconds(0.2));
    romeo.notes("sends a client hello within the session");
    session.sends(ContentType::Handshake, &client_hello());
    let rest = raw::rest(romeo.socket(), limit);
    let data = records(&rest.bytes).any(|content| content == 0x17);
    assert!(!data, "the server has answered within XMPP");
    assert!(
        rest.ended,
        "the connection goes on, after records of types {:?}",
        records(&rest.bytes).collect::<Vec<_>>()
    );
}

/// The content types of the TLS records in there.
fn records(mut bytes: &[u8]) -> impl Iterator<Item = u8> {
    std::iter::from_fn(move || {
        let [content, _, _, high, low, rest @ ..] = bytes else { return None };
        bytes = rest.get(usize::from(u16::from_be_bytes([*high, *low]))..).unwrap_or_default();
        Some(*content)
    })
}
