//! Who listens and who is connected, as Linux tells of the network that a process is in.
//!
//! What a server says of its connections may be wrong; this is not.

use std::fs;
use std::net::{IpAddr, SocketAddr};

/// One TCP connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Connection {
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
}

/// The ports that are listened on in the network of process `pid`.
pub(crate) fn listening(pid: u32) -> Vec<u16> {
    sockets(pid, "0A").into_iter().map(|socket| socket.local.port()).collect()
}

/// The established connections of the network of process `pid`.
pub(crate) fn established(pid: u32) -> Vec<Connection> {
    sockets(pid, "01")
}

fn sockets(pid: u32, wanted: &str) -> Vec<Connection> {
    let mut found = Vec::new();
    for table in ["tcp", "tcp6"] {
        // A process that is gone has no sockets.
        let text = fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
        found.extend(text.lines().skip(1).filter_map(|line| connection(line, wanted)));
    }
    found
}

/// A line of the table: number, local address, remote address, state, and more.
fn connection(line: &str, wanted: &str) -> Option<Connection> {
    let mut fields = line.split_whitespace().skip(1);
    let (local, remote, state) = (fields.next()?, fields.next()?, fields.next()?);
    (state == wanted).then_some(())?;
    Some(Connection { local: address(local)?, remote: address(remote)? })
}

/// `0100007F:1466`: words of four octets, each in the machine's order, then the port.
fn address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let mut octets = Vec::with_capacity(16);
    for start in (0..address.len()).step_by(8) {
        let word = u32::from_str_radix(address.get(start..start + 8)?, 16).ok()?;
        octets.extend(word.to_ne_bytes());
    }
    let address = match octets.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(octets).ok()?),
        // A socket of both families has IPv4 addresses mapped.
        16 => IpAddr::from(<[u8; 16]>::try_from(octets).ok()?).to_canonical(),
        _ => return None,
    };
    Some(SocketAddr::new(address, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};

    use super::*;

    #[test]
    fn our_own_sockets_are_found() {
        for address in [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)] {
            let listener = TcpListener::bind((address, 0)).unwrap();
            let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let pid = std::process::id();
            assert!(listening(pid).contains(&listener.local_addr().unwrap().port()));
            let expected = Connection { local: stream.local_addr().unwrap(), remote: stream.peer_addr().unwrap() };
            assert!(established(pid).contains(&expected), "{expected:?}");
        }
    }

    #[test]
    fn mapped_addresses_are_ipv4() {
        let mapped = address("0000000000000000FFFF00000100007F:1495");
        if cfg!(target_endian = "little") {
            assert_eq!(mapped, Some("127.0.0.1:5269".parse().unwrap()));
        }
        assert_eq!(address("no"), None);
    }
}
