//! Other places to attack from: the loopback has more than one address.

use std::net::{Ipv4Addr, SocketAddr};

use jabiru_attacks::wire::trusting;
use jabiru_attacks::{HEADER, Scene, Wire};
use socket2::{Domain, Socket, Type};

/// Connects from one of many addresses of the loopback, and says nothing.
pub(crate) fn connect(number: u32, to: SocketAddr) -> Wire {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let own = SocketAddr::from((Ipv4Addr::from(0x7f01_0000 + number), 0));
    socket.bind(&own.into()).expect("an address of the loopback");
    socket.connect(&to.into()).expect("the server listens");
    Wire::over(socket.into())
}

/// A stream that awaits authentication, from there.
pub(crate) fn protected(number: u32, scene: &Scene) -> Wire {
    let config = trusting(&scene.server.certificate());
    let mut wire = connect(number, scene.server.direct_tls()).start_tls(config).expect("the handshake succeeds");
    wire.open(HEADER);
    wire
}
