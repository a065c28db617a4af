//! Bounds of a connection, and how TCP itself finds out that the other side is gone (RFC 6120
//! §4.6.1; RFC 9293 §3.8.3 and §3.8.4; RFC 5482).

use std::io;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

/// Bounds of a connection. [`new`](Self::new) leaves out what is optional.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Bytes that may wait to be sent before deliveries are refused.
    pub outbox_bytes: usize,
    /// How long the socket may take nothing although something waits; then the connection is given
    /// up.
    pub stall_timeout: Duration,
    /// Probes by TCP on a connection that is silent; `None` for none.
    pub keepalive: Option<Keepalive>,
    /// How long what was sent, probes of [`keepalive`](Self::keepalive) included, may stay
    /// unacknowledged before the system gives the connection up (`TCP_USER_TIMEOUT`, in
    /// milliseconds); `None` for the system's own patience, which is a quarter of an hour on Linux.
    /// Only Linux has this; elsewhere it does nothing.
    pub user_timeout: Option<Duration>,
}

/// When TCP probes a silent connection. A probe is answered by the other side's system, so it finds
/// what is dead, at no cost to what is only idle; and it keeps the connection known to address
/// translators on the way.
///
/// How many unanswered probes end the connection is the system's affair (9 on Linux) unless
/// [`ConnectionLimits::user_timeout`] is set, which then decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalive {
    /// How long a connection is silent before the first probe; in whole seconds,
    /// from one to 32,767.
    pub idle: Duration,
    /// How long after an unanswered probe the next one follows; in whole seconds,
    /// from one to 32,767.
    pub interval: Duration,
}

impl ConnectionLimits {
    /// These bounds, and no options for TCP.
    #[must_use]
    pub const fn new(outbox_bytes: usize, stall_timeout: Duration) -> ConnectionLimits {
        ConnectionLimits { outbox_bytes, stall_timeout, keepalive: None, user_timeout: None }
    }

    /// Tells the socket what concerns it.
    pub(crate) fn apply(&self, socket: &TcpStream) -> io::Result<()> {
        let socket = SockRef::from(socket);
        if let Some(Keepalive { idle, interval }) = self.keepalive {
            let probes = TcpKeepalive::new().with_time(takeable(idle)).with_interval(takeable(interval));
            socket.set_tcp_keepalive(&probes)?;
        }
        #[cfg(target_os = "linux")]
        if let Some(timeout) = self.user_timeout {
            // Zero would mean the system's own patience.
            socket.set_tcp_user_timeout(Some(timeout.max(Duration::from_millis(1))))?;
        }
        Ok(())
    }
}

/// What the system takes as a time between probes.
fn takeable(time: Duration) -> Duration {
    time.clamp(Duration::from_secs(1), Duration::from_secs(32_767))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    /// What is asked for is what the socket says it has.
    #[tokio::test]
    async fn the_socket_has_the_options() {
        let seconds = Duration::from_secs;
        let limits = ConnectionLimits::new(1, seconds(1));
        for (keepalive, user_timeout) in [
            (None, None),
            (Some((seconds(90), seconds(7))), None),
            (None, Some(Duration::from_millis(12_345))),
            (Some((seconds(1), seconds(1))), Some(seconds(60))),
        ] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let _client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (socket, _) = listener.accept().await.unwrap();
            let asked = keepalive.map(|(idle, interval)| Keepalive { idle, interval });
            ConnectionLimits { keepalive: asked, user_timeout, ..limits }.apply(&socket).unwrap();
            let socket = SockRef::from(&socket);
            assert_eq!(socket.keepalive().unwrap(), keepalive.is_some());
            if let Some((idle, interval)) = keepalive {
                assert_eq!(socket.tcp_keepalive_time().unwrap(), idle);
                assert_eq!(socket.tcp_keepalive_interval().unwrap(), interval);
            }
            #[cfg(target_os = "linux")]
            assert_eq!(socket.tcp_user_timeout().unwrap(), user_timeout);
        }
    }

    #[tokio::test]
    async fn what_the_system_does_not_take_is_brought_into_its_range() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (socket, _) = listener.accept().await.unwrap();
        let keepalive = Some(Keepalive { idle: Duration::from_millis(3), interval: Duration::MAX });
        let user_timeout = Some(Duration::ZERO);
        ConnectionLimits { keepalive, user_timeout, ..ConnectionLimits::new(1, Duration::ZERO) }
            .apply(&socket)
            .unwrap();
        let socket = SockRef::from(&socket);
        assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(1));
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(32_767));
        #[cfg(target_os = "linux")]
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(Duration::from_millis(1)));
    }
}
