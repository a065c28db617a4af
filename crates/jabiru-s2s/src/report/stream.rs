//! One live stream, or one that is to be.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::{Method, Proof};

/// A server stream as it is at one moment: one row of `jabiru s2s list`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamReport {
    /// Who opened it.
    pub direction: Direction,
    /// The hosted domain that it was opened for; `None` as long as an incoming one has not said.
    pub local: Option<String>,
    /// The other server's domain that it was opened for; `None` as long as an incoming one has not said.
    pub remote: Option<String>,
    /// How far it is.
    #[serde(flatten)]
    pub state: StreamState,
    /// The pairs of domains that may send stanzas over it, or are being proven (XEP-0220 §2.4); the one that it was
    /// opened for is the first.
    pub pairs: Vec<PairReport>,
    /// The other server's address; `None` as long as there is no connection.
    pub address: Option<SocketAddr>,
    /// `None`: it is not encrypted (yet).
    pub tls: Option<TlsReport>,
    /// Whether both sides send stanzas over it (XEP-0288).
    pub bidirectional: bool,
    /// `None`: stanzas are not acknowledged (XEP-0198).
    pub stream_management: Option<ManagementReport>,
    /// Stanzas received.
    pub stanzas_in: u64,
    /// Stanzas sent.
    pub stanzas_out: u64,
    /// What waits to be sent.
    pub queue: QueueReport,
    /// Since it was first wanted (outgoing) or accepted (incoming).
    pub age_seconds: u64,
    /// Since the last stanza in either direction; since the beginning if there was none.
    pub idle_seconds: u64,
}

/// Who opened a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// This server.
    Outgoing,
    /// The other server.
    Incoming,
}

/// How far a stream is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum StreamState {
    /// The other server is looked up and connected to.
    Connecting {
        /// Which attempt this is, from 1.
        attempt: u32,
        /// Why the one before failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        last_failure: Option<String>,
    },
    /// Connected; no pair of domains is proven yet.
    Negotiating,
    /// Stanzas flow.
    Established,
    /// The connection is lost, and the stream may still be resumed (XEP-0198 §5).
    Suspended {
        /// For how long.
        seconds_left: u64,
    },
    /// Attempts have failed; there will be another one.
    Waiting {
        /// How many have failed in a row.
        attempts: u32,
        /// When the next one begins.
        next_try_seconds: u64,
        /// Why the last one failed: the step, and the other side's words.
        last_failure: String,
    },
    /// It is being closed (RFC 6120 §4.4).
    Closing,
}

/// One pair of domains on a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairReport {
    /// The hosted domain.
    pub local: String,
    /// The other server's domain.
    pub remote: String,
    /// What has proven that the other server speaks for its domain; nothing as long as that is not proven.
    pub proofs: Vec<Proof>,
    /// By what the server that opened the stream was accepted by the other one; `None` as long as it is not.
    pub accepted_by: Option<Method>,
}

/// The encryption of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsReport {
    /// Such as `1.3`.
    pub version: String,
    /// Whether the connection began with it (XEP-0368), not by STARTTLS.
    pub direct: bool,
}

/// What is not acknowledged yet (XEP-0198).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManagementReport {
    /// Whether the stream can be resumed when its connection is lost.
    pub resumable: bool,
    /// Stanzas sent that the other server has not acknowledged.
    pub unacknowledged_stanzas: usize,
    /// Their bytes.
    pub unacknowledged_bytes: usize,
}

/// What waits to be sent: until there is a stream, or, on one that there is, until the connection takes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueReport {
    /// How many stanzas wait for a stream.
    pub stanzas: usize,
    /// Their bytes, and those that wait for the connection.
    pub bytes: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_and_back() {
        let report = StreamReport {
            direction: Direction::Outgoing,
            local: Some("im.example".to_owned()),
            remote: Some("example.net".to_owned()),
            state: StreamState::Waiting {
                attempts: 2,
                next_try_seconds: 7,
                last_failure: "connect: refused".to_owned(),
            },
            pairs: vec![PairReport {
                local: "im.example".to_owned(),
                remote: "example.net".to_owned(),
                proofs: vec![Proof::Certificate, Proof::Dane],
                accepted_by: Some(Method::External),
            }],
            address: Some(([192, 0, 2, 1], 5269).into()),
            tls: Some(TlsReport { version: "1.3".to_owned(), direct: true }),
            bidirectional: true,
            stream_management: Some(ManagementReport {
                resumable: true,
                unacknowledged_stanzas: 1,
                unacknowledged_bytes: 100,
            }),
            stanzas_in: 1,
            stanzas_out: 2,
            queue: QueueReport { stanzas: 3, bytes: 400 },
            age_seconds: 5,
            idle_seconds: 1,
        };
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!((&json["state"], &json["next_try_seconds"]), (&"waiting".into(), &7.into()));
        assert_eq!(json["pairs"][0]["proofs"], serde_json::json!(["certificate", "dane"]));
        assert_eq!(serde_json::from_value::<StreamReport>(json).unwrap(), report);
        let negotiating = StreamReport { state: StreamState::Negotiating, local: None, remote: None, ..report };
        let json = serde_json::to_string(&negotiating).unwrap();
        assert_eq!(serde_json::from_str::<StreamReport>(&json).unwrap(), negotiating);
    }
}
