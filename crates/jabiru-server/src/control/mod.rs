//! The control channel: how a command reaches the server that runs on a data directory.
//!
//! It is a Unix socket, `control` in the data directory, open to the user who runs the server, and to
//! root, alone. Who connects sends one request, a JSON object on one line, and gets one answer, also a
//! line of JSON; then the connection ends. Before the answer to `s2s-test`, which takes its time, there is
//! a line for each step.
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
//! {"command":"s2s-list"}
//! {"s2s-streams":[{"direction":"outgoing","remote":"example.net",…}]}
//! {"command":"s2s-test","domain":"example.net"}
//! {"s2s-finding":{"at_ms":0.1,"took_ms":2.5,"step":"srv",…,"verdict":"good"}}
//! {"s2s-diagnosis":{"domain":"example.net","from":"im.example","findings":[…],"reached":true}}
//! {"command":"s2s-close","domain":"example.net"}
//! {"s2s-closed":{"streams":2}}
//! ```
//!
//! `reason`, `to` and `from` may be left out. Bounds: [`MAX_REQUEST_BYTES`] a request, [`MAX_CONNECTIONS`] at once (others
//! wait in the socket's queue), [`REQUEST_TIMEOUT`] until the request is there, [`Request::timeout`] for all of it,
//! [`PROGRESS`] lines that wait for who reads them.

mod client;
mod socket;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use jabiru_s2s::report::{Diagnosis, Finding, StreamReport};
use tokio::sync::mpsc;

pub(crate) use self::client::{
    DrainArguments, KickArguments, ask, drain, follow, kick, reload, say, status, unexpected,
};
pub(crate) use self::socket::ControlSocket;
use crate::operations::Reloaded;
use crate::status::Status;

/// The longest request, in bytes, with the end of its line.
pub(crate) const MAX_REQUEST_BYTES: usize = 8192;

/// How many requests are taken at once. More than there may be tests, which take their time.
pub(crate) const MAX_CONNECTIONS: usize = 8;

/// Lines before an answer that wait to be read; who tells them waits too, then.
pub(crate) const PROGRESS: usize = 64;

/// How long a request may take to arrive.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a request may take in all. Reading certificates from a slow disk is the most of it.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(60);

/// How long a test of another server may take: to find it, to connect to one of its machines, to be accepted, which it may
/// have to ask back for, and for an answer to come, for which it may have to find this server.
pub(crate) const TEST_TIMEOUT: Duration = Duration::from_secs(240);

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
    /// Tell which server streams there are.
    #[serde(rename = "s2s-list")]
    S2sList,
    /// Walk every step to another domain, and tell what comes of each.
    #[serde(rename = "s2s-test")]
    S2sTest {
        /// The other server's domain.
        domain: String,
        /// The hosted domain on whose behalf; the first one if it is not said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<String>,
    },
    /// Close the streams to and from another domain.
    #[serde(rename = "s2s-close")]
    S2sClose {
        /// The other server's domain.
        domain: String,
    },
}

impl Request {
    /// How long it may take in all.
    pub(crate) fn timeout(&self) -> Duration {
        match self {
            Request::S2sTest { .. } => TEST_TIMEOUT,
            Request::Kick { .. }
            | Request::Drain { .. }
            | Request::Reload
            | Request::Status
            | Request::S2sList
            | Request::S2sClose { .. } => TIMEOUT,
        }
    }
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
    /// The server streams.
    #[serde(rename = "s2s-streams")]
    S2sStreams(Vec<StreamReport>),
    /// A step of a test; more follows.
    #[serde(rename = "s2s-finding")]
    S2sFinding(Finding),
    /// A whole test, with all its steps.
    #[serde(rename = "s2s-diagnosis")]
    S2sDiagnosis(Diagnosis),
    /// The server streams are being closed.
    #[serde(rename = "s2s-closed")]
    S2sClosed {
        /// How many there were.
        streams: usize,
    },
    /// Nothing was done, and why.
    Refused(String),
}

impl Answer {
    /// Whether the answer itself is still to come.
    fn is_progress(&self) -> bool {
        matches!(self, Answer::S2sFinding(_))
    }
}

/// Takes the lines before an answer.
pub(crate) type Progress = mpsc::Sender<Answer>;

/// Who does what is asked over the channel.
pub(crate) trait Operator: Send + Sync + 'static {
    /// Does it, and says what came of it. What takes its time tells `progress` on the way, for as long as somebody
    /// listens; it is dropped when nobody does any more.
    fn answer(&self, request: Request, progress: Progress) -> Pin<Box<dyn Future<Output = Answer> + Send + '_>>;
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
