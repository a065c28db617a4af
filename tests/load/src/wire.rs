//! The socket of one client, with or without TLS.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

/// How long a login may wait for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct Wire {
    socket: TcpStream,
    tls: Option<Box<ClientConnection>>,
}

impl Wire {
    /// Connects, and blocks from now on.
    pub(crate) fn connect(address: SocketAddr) -> io::Result<Wire> {
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(Wire { socket, tls: None })
    }

    pub(crate) fn start_tls(&mut self, config: Arc<ClientConfig>, name: ServerName<'static>) -> io::Result<()> {
        let session = ClientConnection::new(config, name).map_err(io::Error::other)?;
        let session = self.tls.insert(Box::new(session));
        while session.is_handshaking() {
            session.complete_io(&mut self.socket)?;
        }
        Ok(())
    }

    pub(crate) fn set_nonblocking(&mut self) -> io::Result<()> {
        self.socket.set_nonblocking(true)
    }

    /// Sends all of it. What is on the way is far less than a socket's buffer, so it never has to wait: if the socket takes no
    /// more, that is an error.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(session) = &mut self.tls else { return self.socket.write_all(bytes) };
        session.writer().write_all(bytes)?;
        while session.wants_write() {
            session.write_tls(&mut self.socket)?;
        }
        Ok(())
    }

    /// Reads once: how many bytes came; 0 at the end, or `WouldBlock`.
    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(session) = &mut self.tls else { return self.socket.read(buffer) };
        loop {
            match session.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return result,
            }
            if session.read_tls(&mut self.socket)? == 0 {
                return Ok(0);
            }
            session.process_new_packets().map_err(io::Error::other)?;
        }
    }
}

impl AsRawFd for Wire {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}
