//! The test of one other domain, step by step.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Direction, Proof, milliseconds};

/// One step of a test, with its times and what it means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// When the step began, from the beginning of the test.
    #[serde(rename = "at_ms", with = "milliseconds")]
    pub at: Duration,
    /// How long it took.
    #[serde(rename = "took_ms", with = "milliseconds")]
    pub took: Duration,
    /// What was done, and what was found.
    #[serde(flatten)]
    pub step: Step,
    /// What that means.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// What the outcome of a step means for the whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", content = "why", rename_all = "snake_case")]
pub enum Verdict {
    /// As it should be.
    Good,
    /// Not as it should be, but the test goes on: another address is tried, another proof does.
    Notable(String),
    /// The test ends with this.
    Failed(String),
}

/// What was done, and what was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Step {
    /// What this server demands of the domain. Failed, if it has nothing to do with it: it is blocked, or hosted here.
    Policy {
        /// What it has to prove.
        require: Requirement,
        /// Whether without TLS nothing goes.
        require_tls: bool,
    },
    /// A look-up of SRV records (RFC 2782; RFC 6120 §3.2.1; XEP-0368).
    Srv {
        /// The name that was looked up, such as `_xmpp-server._tcp.example.org`.
        name: String,
        /// What is there, in the order of the answer.
        records: Vec<SrvReport>,
        /// Whether DNSSEC validated the answer.
        secure: bool,
    },
    /// All that may be connected to, in the order in which it is tried.
    Targets {
        /// Where they are from.
        source: Source,
        /// Whether DNSSEC validated every answer on the way.
        secure: bool,
        /// The first one first.
        targets: Vec<TargetReport>,
    },
    /// A look-up of the addresses of a host.
    Addresses {
        /// The host.
        host: String,
        /// Its addresses, in the order in which they are tried.
        addresses: Vec<IpAddr>,
        /// Whether DNSSEC validated the answers.
        secure: bool,
    },
    /// An attempt to connect to one address.
    Connect {
        /// The host, or the address itself where a domain is one.
        host: String,
        /// The address with its port.
        address: SocketAddr,
        /// Whether TLS is to begin at once (XEP-0368).
        direct_tls: bool,
    },
    /// The other server's stream header (RFC 6120 §4.7).
    Header {
        /// Which of the headers of the stream it is.
        stage: Stage,
        /// Its `id`.
        id: Option<String>,
        /// The domain that it says it is.
        from: Option<String>,
        /// Its `version`.
        version: Option<String>,
    },
    /// What the other server offers (RFC 6120 §4.3.2).
    Features {
        /// When.
        stage: Stage,
        /// All of them, in its order.
        features: Vec<FeatureReport>,
        /// The SASL mechanisms, if that is among them.
        mechanisms: Vec<String>,
    },
    /// The TLS handshake.
    Tls {
        /// Such as `1.3`; `None` if it failed before that was clear.
        version: Option<String>,
        /// Such as `TLS13_AES_256_GCM_SHA384`.
        cipher_suite: Option<String>,
        /// The protocol that was agreed on (RFC 7301).
        alpn: Option<String>,
        /// The name that the other server was asked for (RFC 6066 §3); `None` where the domain is no DNS name.
        server_name: Option<String>,
    },
    /// The other server's certificate against the authorities that are trusted (RFC 6120 §13.7.2). Notable, if it
    /// proves nothing and something else still may.
    Certificate {
        /// The server's own first.
        chain: Vec<CertificateReport>,
        /// What in it names the domain, such as `DNS-ID *.example.org`, if it is good.
        matched: Option<String>,
    },
    /// The certificate against TLSA records (RFC 7673).
    Dane {
        /// The name that was looked up, such as `_5269._tcp.xmpp.example.org`.
        name: String,
        /// The records, such as `3 1 1 ab01…`.
        records: Vec<String>,
        /// Whether DNSSEC validated the answer: without that, they prove nothing.
        secure: bool,
        /// The record that the certificate matches.
        matched: Option<String>,
    },
    /// The certificate against the domain's POSH document (RFC 7711).
    Posh {
        /// Where it was fetched.
        url: String,
        /// How many certificates it names.
        fingerprints: usize,
        /// How long it holds.
        expires_seconds: Option<u64>,
        /// Whether the certificate is among them.
        matched: bool,
    },
    /// All that was proven of the other server. Failed, if it is not enough.
    Proven {
        /// By what; nothing if nothing did.
        proofs: Vec<Proof>,
    },
    /// This server has authenticated itself by SASL (XEP-0178).
    Sasl {
        /// The mechanism.
        mechanism: String,
        /// The other server's failure, if it is one (RFC 6120 §6.5).
        failure: Option<Answer>,
    },
    /// This server has sent a dialback key (XEP-0220 §2.1).
    Dialback {
        /// What the other server says to it; `None` if nothing came.
        answer: Option<DialbackAnswer>,
    },
    /// Meanwhile the other server has asked here whether the key is ours (XEP-0220 §2.2). That it never did says that
    /// it does not find this server.
    DialbackVerified {
        /// From where it asked.
        address: SocketAddr,
        /// Whether this server has said that it is.
        valid: bool,
    },
    /// Whether both sides send over this stream from now on (XEP-0288).
    Bidirectional {
        /// If not, the other server has to open a stream of its own for its answers.
        agreed: bool,
    },
    /// Whether stanzas are acknowledged (XEP-0198).
    StreamManagement {
        /// Whether it was agreed on.
        agreed: bool,
        /// Whether the stream could be resumed.
        resumable: bool,
    },
    /// The other server has opened a stream for its answers, or has had one.
    Incoming {
        /// From where.
        address: SocketAddr,
        /// What has proven it there.
        proofs: Vec<Proof>,
    },
    /// A ping to the domain (XEP-0199). Good, if anything came back from there, be it an error.
    Ping {
        /// The error that came back, if it was one: some servers know no pings.
        error: Option<Answer>,
        /// Over which kind of stream it came back; `None` if nothing came.
        over: Option<Direction>,
    },
    /// The stream has ended before its time.
    Closed {
        /// The other server's stream error, if it has sent one (RFC 6120 §4.9).
        error: Option<Answer>,
    },
}

/// What another server has to prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Requirement {
    /// Its identity by its certificate, whether authorities, DANE or POSH vouch for it.
    Certificate,
    /// That by any means, dialback being the least.
    Dialback,
    /// Its certificate by DANE.
    Dane,
}

/// Where targets are from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The configuration (`[s2s.route]`).
    Route,
    /// SRV records.
    Srv,
    /// There are no SRV records: the domain itself, on port 5269 (RFC 6120 §3.2.2).
    Address,
    /// The domain is an IP address.
    Literal,
}

/// Where in the negotiation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Without TLS.
    Plaintext,
    /// With TLS, before this server was authenticated.
    Secured,
    /// After that.
    Authenticated,
}

/// An SRV record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SrvReport {
    /// Lower comes first.
    pub priority: u16,
    /// Among those of one priority.
    pub weight: u16,
    /// The port.
    pub port: u16,
    /// The host; `.` says that there is no such service.
    pub target: String,
}

/// What may be connected to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetReport {
    /// A name or an address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Whether TLS begins at once (XEP-0368).
    pub direct_tls: bool,
}

/// A feature that is offered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeatureReport {
    /// The element's name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
}

/// One certificate of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateReport {
    /// Whose it is, such as `CN=example.org`.
    pub subject: String,
    /// Who issued it.
    pub issuer: String,
    /// The domains that it names, each with its kind (RFC 6125 §1.8), such as `DNS-ID example.org`; none for an
    /// authority's.
    pub names: Vec<String>,
    /// Its first moment (RFC 3339).
    pub not_before: String,
    /// Its last moment (RFC 3339).
    pub not_after: String,
    /// Its SHA-256 fingerprint, in hexadecimal digits.
    pub sha256: String,
}

/// A failure or an error in the other server's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The defined condition.
    pub condition: String,
    /// The text that came with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// What another server says to a dialback key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum DialbackAnswer {
    /// It has found it to be ours.
    Valid,
    /// It has found it not to be ours.
    Invalid,
    /// It could not find out (XEP-0220 §2.4).
    Error {
        /// Why.
        error: Option<Answer>,
    },
}

/// The end of a test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conclusion {
    /// Whether anything came back from the domain itself: the answer to a ping, or an error.
    pub reached: bool,
    /// What it failed for, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// A whole test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// The domain that was tested.
    pub domain: String,
    /// The hosted domain on whose behalf.
    pub from: String,
    /// Step by step.
    pub findings: Vec<Finding>,
    /// What came of it.
    #[serde(flatten)]
    pub conclusion: Conclusion,
}

impl Finding {
    /// A step that found what it should.
    #[must_use]
    pub fn good(at: Duration, took: Duration, step: Step) -> Finding {
        Finding { at, took, step, verdict: Verdict::Good }
    }

    /// A step that found something else, behind which the test goes on.
    #[must_use]
    pub fn notable(at: Duration, took: Duration, step: Step, why: impl Into<String>) -> Finding {
        Finding { at, took, step, verdict: Verdict::Notable(why.into()) }
    }

    /// The last step of a test that fails.
    #[must_use]
    pub fn failed(at: Duration, took: Duration, step: Step, why: impl Into<String>) -> Finding {
        Finding { at, took, step, verdict: Verdict::Failed(why.into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_and_back() {
        let step = Step::Srv {
            name: "_xmpp-server._tcp.example.org".to_owned(),
            records: vec![SrvReport { priority: 1, weight: 2, port: 5269, target: "xmpp.example.org".to_owned() }],
            secure: true,
        };
        let (at, took) = (Duration::from_micros(12_345), Duration::from_millis(2));
        let finding = Finding::good(at, took, step.clone());
        let json = serde_json::to_value(&finding).unwrap();
        assert_eq!(json["at_ms"], 12.345);
        assert_eq!((&json["step"], &json["verdict"]), (&"srv".into(), &"good".into()));
        assert_eq!(serde_json::from_value::<Finding>(json).unwrap(), finding);

        let finding = Finding::notable(at, took, step, "no records");
        let json = serde_json::to_value(&finding).unwrap();
        assert_eq!((&json["verdict"], &json["why"]), (&"notable".into(), &"no records".into()));
        assert_eq!(serde_json::from_value::<Finding>(json).unwrap(), finding);
    }

    #[test]
    fn a_whole_test() {
        let answer = Answer { condition: "host-unknown".to_owned(), text: None };
        let step = Step::Dialback { answer: Some(DialbackAnswer::Error { error: Some(answer) }) };
        let diagnosis = Diagnosis {
            domain: "example.org".to_owned(),
            from: "im.example".to_owned(),
            findings: vec![Finding::failed(Duration::ZERO, Duration::ZERO, step, "refused")],
            conclusion: Conclusion { reached: false, failure: Some("refused".to_owned()) },
        };
        let json = serde_json::to_string(&diagnosis).unwrap();
        assert!(json.ends_with(r#""reached":false,"failure":"refused"}"#), "{json}");
        assert_eq!(serde_json::from_str::<Diagnosis>(&json).unwrap(), diagnosis);
    }
}
