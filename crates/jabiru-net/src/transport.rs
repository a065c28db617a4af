//! The octets below a stream: TCP, or TLS over it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustls::ProtocolVersion;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;

use crate::buffer::{Chunk, ReadBuffer};

#[derive(Debug)]
pub(crate) enum Transport {
    Plain(TcpStream),
    /// Boxed: a TLS session is fifty times as large as a socket.
    Tls(Box<TlsStream<TcpStream>>),
    /// The same in TLS 1.2, in which a peer can ask for renegotiation.
    Tls12(Box<TlsStream<TcpStream>>),
    /// Between the two, or after a failed handshake.
    Closed,
}

impl Transport {
    /// A finished handshake.
    pub(crate) fn tls(session: TlsStream<TcpStream>) -> Transport {
        let session = Box::new(session);
        match session.get_ref().1.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => Transport::Tls12(session),
            _ => Transport::Tls(session),
        }
    }

    /// Ready with what was read; an empty chunk at the end. Holds a buffer only while something
    /// comes in.
    pub(crate) fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Chunk>> {
        match self {
            Transport::Plain(socket) => {
                // Not `try_read`: this knows that a read which did not fill the buffer has emptied the socket,
                // and saves the one that would find nothing.
                let mut buffer = ReadBuffer::take();
                let mut filling = ReadBuf::new(buffer.as_mut());
                ready!(Pin::new(socket).poll_read(context, &mut filling))?;
                let filled = filling.filled().len();
                Poll::Ready(Ok(Chunk::new(buffer, filled)))
            }
            Transport::Tls(session) => poll_read_tls(session, context),
            Transport::Tls12(session) => {
                // There is one thing that rustls answers by itself once the handshake is over, with the warning that
                // there will be no other: RFC 6120 §5.3.5 wants the connection closed at once. (While something waits to
                // be sent the answer can't be told from that, and it takes a second request, which is an error to rustls.)
                let is_silent = !session.get_ref().1.wants_write();
                let result = poll_read_tls(session, context);
                if is_silent && session.get_ref().1.wants_write() {
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, RenegotiationRequested)));
                }
                result
            }
            Transport::Closed => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    pub(crate) fn poll_write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Transport::Plain(socket) => Pin::new(socket).poll_write(context, bytes),
            Transport::Tls(session) | Transport::Tls12(session) => Pin::new(session).poll_write(context, bytes),
            Transport::Closed => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    pub(crate) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Transport::Plain(socket) => Pin::new(socket).poll_flush(context),
            Transport::Tls(session) | Transport::Tls12(session) => Pin::new(session).poll_flush(context),
            Transport::Closed => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    /// Sends close_notify where there is TLS, then FIN.
    pub(crate) fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Transport::Plain(socket) => Pin::new(socket).poll_shutdown(context),
            Transport::Tls(session) | Transport::Tls12(session) => Pin::new(session).poll_shutdown(context),
            Transport::Closed => Poll::Ready(Ok(())),
        }
    }
}

fn poll_read_tls(session: &mut TlsStream<TcpStream>, context: &mut Context<'_>) -> Poll<io::Result<Chunk>> {
    let mut buffer = ReadBuffer::take();
    let mut filling = ReadBuf::new(buffer.as_mut());
    let result = ready!(Pin::new(session).poll_read(context, &mut filling));
    let filled = filling.filled().len();
    match result {
        Ok(()) => Poll::Ready(Ok(Chunk::new(buffer, filled))),
        // An end without close_notify: nothing half read is ever processed, so it is an end like another.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Poll::Ready(Ok(Chunk::new(buffer, 0))),
        Err(error) => Poll::Ready(Err(error)),
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the other side asked for a renegotiation of TLS")]
struct RenegotiationRequested;
