//! RFC 6120 §5.4.3.2: TLS failure.

use crate::case;
use crate::case::{Case, Need};
use crate::subject::Subject;

use super::{PROCEED, STARTTLS, raw};

pub(super) const CASES: &[Case] = &[
    case!(Must, junk_instead_of_tls_ends_the_connection, ["5.4.3.2", "5.4.3"]),
    case!(Must, junk_instead_of_direct_tls_ends_the_connection, ["5.4.3.2", "5.4.3"], needs[Need::DirectTls]),
    case!(Must, ssl_2_is_not_spoken, ["13.9.5"]),
];

/// What is no hello of any client.
const JUNK: [&[u8]; 4] = [
    b"<presence/><presence/><presence/>",
    b"GET / HTTP/1.1\r\nHost: im.example\r\n\r\n",
    &[0; 64],
    // A handshake record with a message that is no hello.
    b"\x16\x03\x03\x00\x08\x14\x00\x00\x04\x00\x00\x00\x00",
];

/// RFC 6120 §5.4.3.2: when TLS fails, the server ends the TCP connection, without a closing tag: the failure is not one
/// of XMPP. An alert of TLS may come before.
fn junk_instead_of_tls_ends_the_connection(subject: &Subject) {
    for junk in JUNK {
        let mut romeo = subject.connect();
        romeo.opens();
        romeo.sends(STARTTLS).receives(PROCEED);
        romeo.notes(&format!("sends {:?}", String::from_utf8_lossy(junk)));
        raw::send(romeo.socket(), junk);
        let rest = raw::rest(romeo.socket(), subject.seconds(5.0));
        assert!(!rest.text().contains('<'), "XML after TLS has failed: {:?}", rest.text());
        assert!(rest.ended, "the connection goes on after {:?}", String::from_utf8_lossy(junk));
    }
}

/// RFC 6120 §5.4.3.2, XEP-0368: the same where TLS is due from the first octet.
fn junk_instead_of_direct_tls_ends_the_connection(subject: &Subject) {
    for junk in JUNK {
        let romeo = subject.connect_to_direct_tls();
        romeo.notes(&format!("sends {:?}", String::from_utf8_lossy(junk)));
        raw::send(romeo.socket(), junk);
        let rest = raw::rest(romeo.socket(), subject.seconds(5.0));
        assert!(!rest.text().contains('<'), "XML after TLS has failed: {:?}", rest.text());
        assert!(rest.ended, "the connection goes on after {:?}", String::from_utf8_lossy(junk));
    }
}

/// RFC 6120 §13.9.5: SSL 2.0 is not used: its hello gets no server hello of SSL 2.0.
fn ssl_2_is_not_spoken(subject: &Subject) {
    // CLIENT-HELLO, version 0.2, SSL_CK_RC4_128_WITH_MD5 and SSL_CK_DES_192_EDE3_CBC_WITH_MD5, a challenge of 16 octets.
    let mut hello = b"\x80\x1f\x01\x00\x02\x00\x06\x00\x00\x00\x10\x01\x00\x80\x07\x00\xc0".to_vec();
    hello.extend_from_slice(b"0123456789abcdef");
    let mut romeo = subject.connect();
    romeo.opens();
    romeo.sends(STARTTLS).receives(PROCEED);
    raw::send(romeo.socket(), &hello);
    let rest = raw::rest(romeo.socket(), subject.seconds(5.0));
    // SERVER-HELLO: a length of two octets with the highest bit set, then message type 4.
    let is_hello = matches!(rest.bytes[..], [first, _, 4, ..] if first & 0x80 != 0);
    assert!(!is_hello, "a server hello of SSL 2.0: {:?}", rest.bytes);
    assert!(rest.ended, "the connection goes on (§5.4.3.2)");
}
