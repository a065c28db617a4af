//! Accepting connections, with bounds on how many there may be.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};

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

    /// The next connection that may come in. One that may not is closed at once, which costs the
    /// server nothing further (RFC 6120 §13.12).
    ///
    /// Trouble with the socket (above all: no file descriptors left) is logged and waited out, so
    /// that a server under load recovers by itself.
    pub async fn accept(&self) -> (TcpStream, SocketAddr, Admitted) {
        loop {
            match self.socket.accept().await {
                Ok((socket, peer)) => match self.admission.admit(peer.ip()) {
                    Some(admitted) => return (socket, peer, admitted),
                    None => tracing::debug!(%peer, "connection refused: too many"),
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

/// How many connections there may be at once, altogether and from one network address. Shared by
/// the listeners that it is cloned to.
#[derive(Clone, Debug)]
pub struct Admission {
    counts: Arc<Mutex<Counts>>,
    max_total: usize,
    max_per_address: usize,
}

#[derive(Debug, Default)]
struct Counts {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A place taken by one connection, free again when dropped.
#[derive(Debug)]
pub struct Admitted {
    counts: Arc<Mutex<Counts>>,
    address: IpAddr,
}

impl Admission {
    /// Admits `max_total` connections, and `max_per_address` of them from one address. IPv6
    /// addresses count by their /64, which is what one site has at the least.
    #[must_use]
    pub fn new(max_total: usize, max_per_address: usize) -> Admission {
        Admission { counts: Arc::default(), max_total, max_per_address }
    }

    /// Takes a place for a connection from this address, if there is one.
    #[must_use]
    pub fn admit(&self, address: IpAddr) -> Option<Admitted> {
        let address = site(address);
        let mut counts = self.counts.lock();
        if counts.total >= self.max_total {
            return None;
        }
        let count = counts.by_address.entry(address).or_insert(0);
        if *count >= self.max_per_address {
            return None;
        }
        *count += 1;
        counts.total += 1;
        Some(Admitted { counts: self.counts.clone(), address })
    }

    /// How many connections there are.
    #[must_use]
    pub fn total(&self) -> usize {
        self.counts.lock().total
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut counts = self.counts.lock();
        counts.total -= 1;
        if let Some(count) = counts.by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.by_address.remove(&self.address);
            }
        }
    }
}

/// The address by which connections are counted.
fn site(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_and_given_back() {
        let admission = Admission::new(3, 2);
        let admit = |address: &str| admission.admit(address.parse().unwrap());
        let first = admit("2001:db8::1").unwrap();
        let _second = admit("2001:db8::2").unwrap();
        assert!(admit("2001:db8::3").is_none(), "the same /64");
        let _third = admit("192.0.2.1").unwrap();
        assert!(admit("192.0.2.2").is_none(), "the total");
        drop(first);
        assert!(admit("::ffff:192.0.2.1").is_some(), "a place is free again");
        assert_eq!(admission.total(), 2);
    }
}
