//! One connection: what arrives, what leaves, and when to stop waiting.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use jabiru_negotiation::TlsInfo;
use jabiru_stanza::StreamError;
use tokio::net::TcpStream;
use tokio::time::Sleep;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::buffer::{self, Chunk};
use crate::limits::ConnectionLimits;
use crate::outbox::Outbox;
use crate::tls::{self, Beginning, ConnectingTls, TlsSettings};
use crate::transport::Transport;

/// A socket with what waits to be sent on it. One task owns it.
pub struct Connection {
    transport: Transport,
    outbox: Arc<Outbox>,
    /// Taken from the outbox; `writing[written..]` is still to be sent.
    writing: Vec<u8>,
    written: usize,
    /// Since when the socket takes nothing.
    stalled: Option<Instant>,
    /// How long the socket may take nothing.
    stall_timeout: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    /// Bytes given to the transport are not on the wire yet (TLS keeps some).
    unflushed: bool,
    peer: SocketAddr,
}

/// Why [`Connection::next`] returns.
#[derive(Debug)]
pub enum Wake {
    /// Octets arrived.
    Received(Chunk),
    /// The other side sends no more.
    Ended,
    /// The deadline has passed.
    Deadline,
    /// [`Outbox::end`] was called: end the stream, with this error.
    EndOrdered(Option<StreamError>),
}

impl Connection {
    /// Takes over an accepted socket.
    ///
    /// # Errors
    /// Whatever the system says to the socket options (no delay, and what `limits` ask for).
    pub fn new(socket: TcpStream, peer: SocketAddr, limits: ConnectionLimits) -> io::Result<Connection> {
        // Stanzas leave in one write already; waiting for more to send would only delay them.
        socket.set_nodelay(true)?;
        limits.apply(&socket)?;
        Ok(Connection {
            transport: Transport::Plain(socket),
            outbox: Arc::new(Outbox::new(limits.outbox_bytes)),
            writing: Vec::new(),
            written: 0,
            stalled: None,
            stall_timeout: limits.stall_timeout,
            timer: None,
            unflushed: false,
            peer,
        })
    }

    /// Where to put what is to be sent, from any task.
    #[must_use]
    pub fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }

    /// The other side's address.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Sends what waits in the outbox until something happens that the owner must see.
    ///
    /// Cancel-safe: nothing received or to be sent is lost if the future is dropped. Nothing is
    /// read while more than half of the outbox's capacity waits to be sent.
    ///
    /// # Errors
    /// What the socket says, and `TimedOut` if it has taken nothing for the stall time-out.
    pub async fn next(&mut self, deadline: Option<Instant>) -> io::Result<Wake> {
        poll_fn(|context| self.poll_next(context, deadline, true)).await
    }

    /// Sends as [`next`](Self::next) does, but reads nothing before `until`, so that the other side is held back:
    /// gives [`Wake::Deadline`] then, or [`Wake::EndOrdered`] earlier.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub async fn rest(&mut self, until: Instant) -> io::Result<Wake> {
        poll_fn(|context| self.poll_next(context, Some(until), false)).await
    }

    /// Does anything wait to be sent? While it does, what was said last may not have reached the other side.
    #[must_use]
    pub fn is_sending(&self) -> bool {
        self.written < self.writing.len() || self.unflushed || self.outbox.has_pending()
    }

    fn poll_next(
        &mut self,
        context: &mut Context<'_>,
        deadline: Option<Instant>,
        reading: bool,
    ) -> Poll<io::Result<Wake>> {
        loop {
            if let Poll::Ready(Err(error)) = self.poll_send(context) {
                return Poll::Ready(Err(error));
            }
            if let Some(error) = self.outbox.take_ending() {
                return Poll::Ready(Ok(Wake::EndOrdered(error)));
            }
            if reading && !self.outbox.is_congested() {
                match self.transport.poll_read(context) {
                    Poll::Ready(Ok(chunk)) if chunk.is_empty() => return Poll::Ready(Ok(Wake::Ended)),
                    Poll::Ready(Ok(chunk)) => {
                        self.outbox.stay_awake();
                        return Poll::Ready(Ok(Wake::Received(chunk)));
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => {}
                }
            }
            let stall = self.stalled.map(|since| since + self.stall_timeout);
            if self.poll_timer(context, earlier(deadline, stall)).is_ready() {
                let now = Instant::now();
                if stall.is_some_and(|stall| stall <= now) {
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
                return Poll::Ready(Ok(Wake::Deadline));
            }
            if self.stalled.is_some() {
                // The socket wakes us; only an order to end could come from the outbox, and it must.
                match self.outbox.poll_ending(context) {
                    Poll::Ready(()) => continue,
                    Poll::Pending => return Poll::Pending,
                }
            }
            if self.outbox.poll_wake(context).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Ready when nothing waits to be sent any more.
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.stalled.is_some() && self.written == self.writing.len() {
            // What TLS holds goes first: it would take more although the socket takes nothing, and a trickle
            // of deliveries would look like a sign of life.
            ready!(self.poll_flush(context))?;
        }
        loop {
            if self.written == self.writing.len() {
                let pending = self.outbox.take_pending();
                let is_last = pending.is_none();
                self.written = 0;
                buffer::give_writing(std::mem::replace(&mut self.writing, pending.unwrap_or_default()));
                if is_last {
                    break;
                }
            }
            match self.transport.poll_write(context, &self.writing[self.written..]) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(count)) => {
                    self.written += count;
                    self.unflushed = true;
                    self.stalled = None;
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return self.stall(),
            }
        }
        self.poll_flush(context)
    }

    /// Ready when nothing that was written waits in the transport any more.
    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.unflushed {
            match self.transport.poll_flush(context) {
                Poll::Ready(Ok(())) => self.unflushed = false,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return self.stall(),
            }
        }
        self.stalled = None;
        Poll::Ready(Ok(()))
    }

    fn stall<T>(&mut self) -> Poll<io::Result<T>> {
        self.stalled.get_or_insert_with(Instant::now);
        Poll::Pending
    }

    fn poll_timer(&mut self, context: &mut Context<'_>, deadline: Option<Instant>) -> Poll<()> {
        let Some(deadline) = deadline else {
            self.timer = None;
            return Poll::Pending;
        };
        let deadline = tokio::time::Instant::from_std(deadline);
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if timer.deadline() != deadline {
            timer.as_mut().reset(deadline);
        }
        timer.as_mut().poll(context)
    }

    /// Sends everything that waits, within a bound.
    ///
    /// # Errors
    /// What the socket says, and `TimedOut` when the time is over.
    pub async fn flush(&mut self, within: Duration) -> io::Result<()> {
        tokio::time::timeout(within, poll_fn(|context| self.poll_send(context))).await?
    }

    /// Receives TLS for a stream to `domain`, within a bound. What waits is sent first, in clear:
    /// `<proceed/>` must have left (RFC 6120 §5.4.2.3).
    ///
    /// # Errors
    /// What TLS or the socket say, `TimedOut`, and `ConnectionAborted` if meanwhile the end was
    /// ordered; the connection can't be used afterwards.
    pub async fn receive_tls(
        &mut self,
        settings: &TlsSettings,
        domain: Option<&str>,
        within: Duration,
    ) -> io::Result<TlsInfo> {
        self.flush(within).await?;
        let Transport::Plain(socket) = std::mem::replace(&mut self.transport, Transport::Closed) else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "TLS was negotiated already"));
        };
        let handshake = settings.handshake(domain);
        let acceptor = TlsAcceptor::from(handshake.config());
        let session = tokio::select! {
            session = tokio::time::timeout(within, acceptor.accept(socket)) => session??,
            // Nothing can be said before TLS is there: the connection just ends.
            () = poll_fn(|context| self.outbox.poll_ending(context)) => {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
        };
        let info = handshake.info(session.get_ref().1);
        self.transport = Transport::tls(session.into());
        self.outbox.set_confidential();
        Ok(info)
    }

    /// Begins TLS for a stream from one of our domains, `from`, to `to`, within a bound. What waits is sent first, in
    /// clear: `<starttls/>` has left already (RFC 6120 §5.4.2.1).
    ///
    /// The other side has the key of the certificate that it showed; whose that is, is still to be judged
    /// ([`ConnectingTls`]).
    ///
    /// # Errors
    /// What TLS or the socket say, `TimedOut`, `InvalidInput` if `to` is no name that TLS can ask for, and
    /// `ConnectionAborted` if meanwhile the end was ordered; the connection can't be used afterwards.
    pub async fn initiate_tls(
        &mut self,
        settings: &ConnectingTls,
        from: &str,
        to: &str,
        beginning: Beginning,
        within: Duration,
    ) -> io::Result<TlsInfo> {
        self.flush(within).await?;
        let name = tls::server_name(to).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        let Transport::Plain(socket) = std::mem::replace(&mut self.transport, Transport::Closed) else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "TLS was negotiated already"));
        };
        let connector = TlsConnector::from(settings.config(from, beginning));
        let session = tokio::select! {
            session = tokio::time::timeout(within, connector.connect(name, socket)) => session??,
            () = poll_fn(|context| self.outbox.poll_ending(context)) => {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
        };
        let info = tls::connecting_info(session.get_ref().1);
        self.transport = Transport::tls(session.into());
        self.outbox.set_confidential();
        Ok(info)
    }

    /// Adds to what is sent although the end was ordered, or orders it: from now on nobody else's deliveries are taken. The
    /// owner may go on reading before it [finishes](Self::finish).
    pub fn add_last_words(&self, words: &[u8]) {
        self.outbox.push_last(words);
    }

    /// Sends the last words and ends the connection. Whatever still arrives is read and thrown
    /// away until the other side ends too or the time is over: closing a socket with unread
    /// octets would reset it and could destroy what was sent last.
    pub async fn finish(mut self, last_words: &[u8], within: Duration) {
        self.outbox.push_last(last_words);
        let ending = async {
            poll_fn(|context| self.poll_send(context)).await?;
            poll_fn(|context| self.transport.poll_shutdown(context)).await?;
            let mut discarded = 0;
            while discarded < DISCARDED_AT_THE_END {
                match poll_fn(|context| self.transport.poll_read(context)).await? {
                    chunk if chunk.is_empty() => break,
                    chunk => discarded += chunk.len(),
                }
            }
            io::Result::Ok(())
        };
        match tokio::time::timeout(within, ending).await {
            Ok(Ok(())) | Err(_) => {}
            // The other side is gone already: there is nobody left to tell.
            Ok(Err(error)) => tracing::trace!(%error, "while ending a connection"),
        }
    }
}

/// How much is on its way, not what.
impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("peer", &self.peer)
            .field("outbox", &self.outbox)
            .field("writing_bytes", &(self.writing.len() - self.written))
            .field("stalled", &self.stalled)
            .finish_non_exhaustive()
    }
}

impl Drop for Connection {
    /// However it ends: what nobody will send must not be taken any more.
    fn drop(&mut self) {
        self.outbox.shut();
    }
}

/// Octets read and thrown away while a connection ends.
const DISCARDED_AT_THE_END: usize = 256 * 1024;

fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
