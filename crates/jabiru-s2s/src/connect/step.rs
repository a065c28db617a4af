//! What happens while connecting, for whoever watches.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::AttemptError;
use crate::resolve::{ResolveError, ServerTarget};

/// One step; its `Display` is a line for an operator.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectStep<'a> {
    /// The addresses of a target are known.
    Addresses {
        /// The target.
        target: &'a ServerTarget,
        /// Its addresses, in the order in which they are tried.
        addresses: &'a [IpAddr],
        /// Whether DNSSEC validated them.
        secure: bool,
        /// How long the lookup took.
        elapsed: Duration,
    },
    /// The addresses of a target could not be found.
    NoAddresses {
        /// The target.
        target: &'a ServerTarget,
        /// Why.
        error: &'a ResolveError,
        /// How long the lookup took.
        elapsed: Duration,
    },
    /// An address is tried.
    Trying {
        /// The target.
        target: &'a ServerTarget,
        /// One of its addresses, and its port.
        address: SocketAddr,
    },
    /// An address did not answer, or said no.
    Failed {
        /// The target.
        target: &'a ServerTarget,
        /// One of its addresses, and its port.
        address: SocketAddr,
        /// Why.
        error: &'a AttemptError,
        /// How long the attempt took.
        elapsed: Duration,
    },
    /// An address answered.
    Connected {
        /// The target.
        target: &'a ServerTarget,
        /// One of its addresses, and its port.
        address: SocketAddr,
        /// How long the attempt took.
        elapsed: Duration,
    },
}

impl fmt::Display for ConnectStep<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectStep::Addresses { target, addresses, secure, elapsed } => {
                write!(f, "{target} has the addresses ")?;
                for (position, address) in addresses.iter().enumerate() {
                    write!(f, "{}{address}", if position == 0 { "" } else { ", " })?;
                }
                write!(f, "{} ({} ms)", if *secure { ", validated by DNSSEC" } else { "" }, elapsed.as_millis())
            }
            ConnectStep::NoAddresses { target, error, elapsed } => {
                write!(f, "{target}: {error} ({} ms)", elapsed.as_millis())
            }
            ConnectStep::Trying { target, address } => write!(f, "{target}: trying {address}"),
            ConnectStep::Failed { target, address, error, elapsed } => {
                write!(f, "{target}: {address}: {error} ({} ms)", elapsed.as_millis())
            }
            ConnectStep::Connected { target, address, elapsed } => {
                write!(f, "{target}: connected to {address} ({} ms)", elapsed.as_millis())
            }
        }
    }
}

impl From<&io::Error> for AttemptError {
    fn from(error: &io::Error) -> AttemptError {
        match error.kind() {
            io::ErrorKind::TimedOut => AttemptError::Timeout,
            io::ErrorKind::ConnectionRefused => AttemptError::Refused,
            kind => AttemptError::Io { kind, error: error.to_string() },
        }
    }
}
