//! A socket, with TLS or without, on which every wait has an end.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use rustls::Connection;

/// A connection.
pub(crate) struct Wire {
    socket: TcpStream,
    tls: Option<Box<Connection>>,
}

/// What a read found.
#[derive(Debug)]
pub(crate) enum Found {
    /// So many bytes.
    Bytes(usize),
    /// The other side's TLS has ended (close_notify); its TCP may go on.
    TlsEnd,
    /// The connection has ended, in the way that the text tells.
    End(String),
    /// Nothing in time.
    Nothing,
}

impl Wire {
    /// Connects to `host:port`.
    pub(crate) fn connect(address: &str, limit: Duration) -> io::Result<Wire> {
        let mut result = Err(io::Error::new(ErrorKind::NotFound, "no such host"));
        for address in address.to_socket_addrs()? {
            result = TcpStream::connect_timeout(&address, limit);
            if result.is_ok() {
                break;
            }
        }
        Wire::new(result?, limit)
    }

    /// A connection that is there already.
    pub(crate) fn new(socket: TcpStream, limit: Duration) -> io::Result<Wire> {
        socket.set_nodelay(true)?;
        socket.set_write_timeout(Some(limit))?;
        Ok(Wire { socket, tls: None })
    }

    /// Goes through the handshake of this TLS session.
    ///
    /// # Errors
    /// What TLS or the socket says.
    pub(crate) fn start_tls(&mut self, session: impl Into<Connection>, limit: Duration) -> io::Result<()> {
        let deadline = Instant::now() + limit;
        let mut tls: Box<Connection> = Box::new(session.into());
        while tls.is_handshaking() {
            while tls.wants_write() {
                tls.write_tls(&mut self.socket)?;
            }
            if tls.is_handshaking() {
                if !self.await_bytes(deadline)? {
                    return Err(io::Error::new(ErrorKind::TimedOut, "nothing came during the TLS handshake"));
                }
                if tls.read_tls(&mut self.socket)? == 0 {
                    return Err(io::Error::new(ErrorKind::UnexpectedEof, "the connection ended in the TLS handshake"));
                }
                if let Err(error) = tls.process_new_packets() {
                    // The alert that is due; whether it can be sent does not matter any more.
                    let _ = tls.write_tls(&mut self.socket);
                    return Err(io::Error::other(error));
                }
            }
        }
        while tls.wants_write() {
            tls.write_tls(&mut self.socket)?;
        }
        self.tls = Some(tls);
        Ok(())
    }

    /// Sends all of it.
    pub(crate) fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        let Some(tls) = &mut self.tls else { return self.socket.write_all(bytes) };
        while !bytes.is_empty() {
            let taken = tls.writer().write(bytes)?;
            bytes = &bytes[taken..];
            while tls.wants_write() {
                tls.write_tls(&mut self.socket)?;
            }
        }
        Ok(())
    }

    /// Reads what there is, waiting for it until `deadline`.
    pub(crate) fn read(&mut self, buffer: &mut [u8], deadline: Instant) -> Found {
        loop {
            if let Some(tls) = &mut self.tls {
                match tls.reader().read(buffer) {
                    Ok(0) => return self.tls_ended(),
                    Ok(count) => return Found::Bytes(count),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(error) => return Found::End(error.to_string()),
                }
            }
            match self.await_bytes(deadline) {
                Ok(true) => {}
                Ok(false) => return Found::Nothing,
                Err(error) => return Found::End(error.to_string()),
            }
            let Some(tls) = &mut self.tls else {
                return match self.socket.read(buffer) {
                    Ok(0) => Found::End("TCP closed".to_owned()),
                    Ok(count) => Found::Bytes(count),
                    Err(error) => Found::End(error.to_string()),
                };
            };
            match tls.read_tls(&mut self.socket) {
                Ok(0) => return Found::End("TCP closed".to_owned()),
                Ok(_) => {}
                Err(error) => return Found::End(error.to_string()),
            }
            if let Err(error) = tls.process_new_packets() {
                return Found::End(format!("TLS: {error}"));
            }
        }
    }

    /// The other side has said the last of its TLS: so do we, and what follows is TCP alone.
    fn tls_ended(&mut self) -> Found {
        if let Some(mut tls) = self.tls.take() {
            tls.send_close_notify();
            // It may have closed its socket already.
            let _ = tls.write_tls(&mut self.socket);
        }
        Found::TlsEnd
    }

    /// Ends our half of the connection: close_notify if there is TLS, then FIN.
    pub(crate) fn end(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            let _ = tls.write_tls(&mut self.socket);
        }
        let _ = self.socket.shutdown(Shutdown::Write);
    }

    /// The socket.
    pub(crate) fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// The TLS session, if there is one.
    pub(crate) fn tls(&self) -> Option<&Connection> {
        self.tls.as_deref()
    }

    /// Waits for something to read; false if nothing came until `deadline`.
    fn await_bytes(&self, deadline: Instant) -> io::Result<bool> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                // What has arrived already still counts.
                self.socket.set_nonblocking(true)?;
                let peeked = self.socket.peek(&mut [0]);
                self.socket.set_nonblocking(false)?;
                return match peeked {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
                    other => other.map(|_| true),
                };
            }
            self.socket.set_read_timeout(Some(left))?;
            match self.socket.peek(&mut [0]) {
                Ok(_) => return Ok(true),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}
