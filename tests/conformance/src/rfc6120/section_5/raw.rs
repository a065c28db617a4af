//! Octets below XML: what a socket says when TLS is due and something else comes.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// The octets that are read at most.
const MAX_BYTES: usize = 1 << 16;

/// How a socket ended, if it did.
#[derive(Debug)]
pub(in crate::rfc6120) struct Rest {
    /// What came.
    pub(in crate::rfc6120) bytes: Vec<u8>,
    /// Did the other side end the connection within the time?
    pub(in crate::rfc6120) ended: bool,
}

impl Rest {
    /// The octets, as far as they are text.
    pub(in crate::rfc6120) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// Sends octets to a server that may have gone.
pub(in crate::rfc6120) fn send(mut socket: &TcpStream, bytes: &[u8]) {
    // A server that has ended the connection already has done so for what came before.
    let _ = socket.write_all(bytes);
}

/// Reads until the server ends the connection, or for `limit`.
pub(in crate::rfc6120) fn rest(socket: &TcpStream, limit: Duration) -> Rest {
    read(socket, limit, |_| false)
}

/// Reads until `enough` has come, or the server ends the connection, or for `limit`.
pub(in crate::rfc6120) fn read(mut socket: &TcpStream, limit: Duration, enough: impl Fn(&[u8]) -> bool) -> Rest {
    let deadline = Instant::now() + limit;
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    while bytes.len() < MAX_BYTES && !enough(&bytes) {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        socket.set_read_timeout(Some(left)).expect("a time-out that is not zero can be set");
        match socket.read(&mut buffer) {
            Ok(0) => return Rest { bytes, ended: true },
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Reset: the server has gone, with octets of ours unread.
            Err(_) => return Rest { bytes, ended: true },
        }
    }
    Rest { bytes, ended: false }
}
