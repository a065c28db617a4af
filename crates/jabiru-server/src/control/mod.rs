//! The control channel: how a command reaches the server that runs on a data directory.
//!
//! It is a Unix socket, `control` in the data directory, open to the user who runs the server, and to
//! root, alone. Who connects sends one request, a JSON object on one line, and gets one answer, also a
//! line of JSON; then the connection ends.
//!
//! ```json
//! {"command":"kick","address":"juliet@im.example/balcony","reason":"maintenance"}
//! {"kicked":{"streams":1}}
//! {"command":"drain","to":"xmpp2.example:5222"}
//! {"draining":{"streams":12}}
//! {"command":"reload"}
//! {"refused":"jabiru.toml:3:1: unknown key \"domain_names\"; the nearest known key is \"domains\""}
//! {"command":"status"}
//! {"status":{"version":"0.1.0","streams":12,…}}
//! ```
//!
//! `reason` and `to` may be left out. Bounds: [`MAX_REQUEST_BYTES`] a request, [`MAX_CONNECTIONS`] at once (others wait
//! in the socket's queue), [`REQUEST_TIMEOUT`] until the request is there, [`TIMEOUT`] for all of it.

mod client;
mod socket;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(crate) use self::client::{DrainArguments, KickArguments, drain, kick, reload, status};
pub(crate) use self::socket::ControlSocket;
use crate::operations::Reloaded;
use crate::status::Status;

/// The longest request, in bytes, with the end of its line.
pub(crate) const MAX_REQUEST_BYTES: usize = 8192;

/// How many requests are taken at once.
pub(crate) const MAX_CONNECTIONS: usize = 4;

/// How long a request may take to arrive.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a request may take in all. Reading certificates from a slow disk is the most of it.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(60);

/// What is asked of the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum Request {
    /// End the streams of an account, or of one of its resources.
    Kick {
        /// A bare or full JID.
        address: String,
        /// What its owner is told.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Send everybody away, also those who still come.
    Drain {
        /// Where to: a domain or address, with a port if need be.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<String>,
    },
    /// Read the configuration anew.
    Reload,
    /// Tell how things are.
    Status,
}

/// What the server says to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Answer {
    /// The streams were ended.
    Kicked {
        /// How many there were.
        streams: usize,
    },
    /// The streams are being ended.
    Draining {
        /// How many there were at that moment.
        streams: usize,
    },
    /// The configuration was read.
    Reloaded(Reloaded),
    /// How things are.
    Status(Status),
    /// Nothing was done, and why.
    Refused(String),
}

/// Who does what is asked over the channel.
pub(crate) trait Operator: Send + Sync + 'static {
    /// Does it, and says what came of it.
    fn answer(&self, request: Request) -> Pin<Box<dyn Future<Output = Answer> + Send + '_>>;
}

/// The socket's name in a data directory.
const SOCKET: &str = "control";

/// A path to `name` in a folder that fits into the address of a socket, however long the folder's is.
/// It is valid as long as the value lives.
struct SocketPath {
    path: PathBuf,
    _folder: Option<std::fs::File>,
}

impl SocketPath {
    fn new(folder: &Path, name: &str) -> std::io::Result<SocketPath> {
        /// `sun_path` has 108 octets on Linux and 104 elsewhere, the last of them 0.
        const MAX_PATH_BYTES: usize = 103;
        let path = folder.join(name);
        if path.as_os_str().len() <= MAX_PATH_BYTES || !cfg!(target_os = "linux") {
            return Ok(SocketPath { path, _folder: None });
        }
        let folder = std::fs::File::open(folder)?;
        let number = std::os::fd::AsRawFd::as_raw_fd(&folder);
        Ok(SocketPath { path: format!("/proc/self/fd/{number}/{name}").into(), _folder: Some(folder) })
    }
}
