//! Accepting connections, with bounds on how many there may be.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};

use crate::admission::{Admission, Admitted, Excess};

/// A bound listening socket that counts its connections.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    admission: Admission,
}

impl Listener {
    /// Listens on `address` (an IPv6 address stands for itself alone, not for IPv4 too).
    ///
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// What the system says; `AddrInUse` if another process listens there.
    pub fn bind(address: SocketAddr, admission: Admission) -> io::Result<Listener> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        // A restart must not wait for the old connections' TIME_WAIT.
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(Listener { socket: TcpListener::from_std(socket.into())?, admission })
    }

    /// Where it listens: the real port, if port 0 was asked for.
    ///
    /// # Errors
    /// What the system says.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// The next connection, with its place; or, if it is over a bound, with the [`Excess`] that says which, so
    /// that it can be told `resource-constraint` (RFC 6120 §4.9.3.17) and closed. When too many are being told
    /// already, one is closed at once and not seen here, which costs the server nothing further (§13.12).
    ///
    /// Trouble with the socket (above all: no file descriptors left) is logged and waited out, so
    /// that a server under load recovers by itself.
    pub async fn accept(&self) -> (TcpStream, SocketAddr, Result<Admitted, Excess>) {
        loop {
            match self.socket.accept().await {
                Ok((socket, peer)) => match self.admission.admit(peer.ip()) {
                    Ok(admitted) => return (socket, peer, Ok(admitted)),
                    Err(Some(excess)) => return (socket, peer, Err(excess)),
                    Err(None) => tracing::debug!(%peer, "connection refused: too many, even of those to be told so"),
                },
                // The connection was gone before it could be accepted.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    tracing::warn!(%error, "can't accept connections, waiting");
                    tokio::time::sleep(ACCEPT_BACKOFF).await;
                }
            }
        }
    }
}

/// Connections that the system may hold ready before they are accepted.
const BACKLOG: i32 = 1024;
const ACCEPT_BACKOFF: Duration = Duration::from_millis(200);
