//! The listeners of the server: all of them are bound before one is served.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use jabiru_net::{Admission, Listener};

/// Listeners of one kind.
pub(crate) struct Listeners {
    /// Where they listen: the real ports, where the system chose them.
    pub(crate) addresses: Vec<SocketAddr>,
    listeners: Vec<Listener>,
}

impl Listeners {
    /// Listens on all of these addresses, but for `::1` where there is no IPv6.
    ///
    /// # Errors
    /// One sentence for the operator on the first address where that can't be.
    pub(crate) fn bind(addresses: &[SocketAddr], admission: &Admission) -> anyhow::Result<Listeners> {
        let listeners = addresses.iter().filter_map(|address| listen(*address, admission).transpose());
        let listeners: Vec<Listener> = listeners.collect::<anyhow::Result<_>>()?;
        let addresses = listeners.iter().map(Listener::local_address).collect::<io::Result<_>>()?;
        Ok(Listeners { addresses, listeners })
    }

    /// Lets each of them be served; gives their addresses.
    pub(crate) fn serve(self, serve: impl FnMut(Listener)) -> Vec<SocketAddr> {
        self.listeners.into_iter().for_each(serve);
        self.addresses
    }
}

/// Listens on one address. `None`: it is `::1` on a machine without IPv6, where nobody could ask for it; the
/// built-in defaults name it.
fn listen(address: SocketAddr, admission: &Admission) -> anyhow::Result<Option<Listener>> {
    let error = match Listener::bind(address, admission.clone()) {
        Ok(listener) => return Ok(Some(listener)),
        Err(error) => error,
    };
    let no_ipv6 = error.kind() == io::ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(EAFNOSUPPORT);
    if no_ipv6 && address.ip() == IpAddr::V6(Ipv6Addr::LOCALHOST) {
        tracing::warn!(%address, "this machine has no IPv6: not listening there");
        return Ok(None);
    }
    Err(match error.kind() {
        io::ErrorKind::AddrInUse => anyhow::anyhow!(
            "can't listen on {address}: another program does already (`ss -ltnp` tells which); stop it, or configure another address"
        ),
        io::ErrorKind::PermissionDenied => {
            anyhow::anyhow!("can't listen on {address}: ports below 1024 need a privilege (CAP_NET_BIND_SERVICE)")
        }
        io::ErrorKind::AddrNotAvailable => {
            anyhow::anyhow!("can't listen on {address}: this machine has no such address")
        }
        _ => anyhow::anyhow!("can't listen on {address}: {error}"),
    })
}

/// Linux: the system knows no such family of addresses.
const EAFNOSUPPORT: i32 = 97;
