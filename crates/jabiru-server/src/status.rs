//! How a running server is, for people and for machines.

use std::fmt;
use std::path::PathBuf;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::assemble::Certificate;
use crate::config::Tls;
use crate::expiry::{NotAfter, Validity};

/// What `jabiru status` shows. `Display` is for people, the JSON form for machines; further fields may come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The server's version.
    pub version: String,
    /// How long it has been running.
    pub uptime_seconds: u64,
    /// Connections of clients, also those that are still being negotiated.
    pub streams: usize,
    /// Connections to and from other servers; `None`: server streams are switched off.
    #[serde(default)]
    pub server_streams: Option<usize>,
    /// If everybody is being sent away.
    pub draining: Option<Draining>,
    /// The domains, in the order of the configuration.
    pub domains: Vec<DomainStatus>,
}

/// Where everybody is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draining {
    /// The host that clients are told to go to; `None`: they are told that the server shuts down.
    pub to: Option<String>,
}

/// A hosted domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainStatus {
    /// Its name.
    pub name: String,
    /// Its certificate.
    pub certificate: CertificateStatus,
}

/// A certificate as it is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateStatus {
    /// The file that it was read from.
    pub path: PathBuf,
    /// Made by the server, not given by the operator.
    pub self_made: bool,
    /// Its last moment (RFC 3339); `None` if it can't be read.
    pub not_after: Option<String>,
    /// Whole days until then; less than none once it has expired.
    pub days_left: Option<i64>,
    /// `good`, `expires_soon` (within the configured time) or `expired`.
    pub validity: Option<Validity>,
}

impl DomainStatus {
    pub(crate) fn new(certificate: &Certificate, tls: &Tls, now: SystemTime) -> DomainStatus {
        let not_after = NotAfter::of(certificate.identity.certificate());
        let seconds_left = not_after.map(|not_after| not_after.seconds_left(now));
        DomainStatus {
            name: certificate.domain.to_string(),
            certificate: CertificateStatus {
                path: certificate.path.clone(),
                self_made: certificate.self_made,
                not_after: not_after.map(|not_after| not_after.to_string()),
                days_left: seconds_left.map(|seconds| seconds.div_euclid(86_400)),
                validity: seconds_left.map(|seconds| Validity::of(seconds, tls.warn_before_expiry)),
            },
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Status { version, uptime_seconds, streams, server_streams, draining, domains } = self;
        writeln!(f, "Jabiru {version}, running for {}", duration(*uptime_seconds))?;
        writeln!(f, "  streams        {streams}")?;
        match server_streams {
            Some(streams) => writeln!(f, "  server streams {streams}")?,
            None => writeln!(f, "  server streams switched off")?,
        }
        match draining {
            None => {}
            Some(Draining { to: Some(to) }) => writeln!(f, "  draining       clients are sent to {to}")?,
            Some(Draining { to: None }) => writeln!(f, "  draining       clients are told that the server shuts down")?,
        }
        for (index, domain) in domains.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            let certificate = &domain.certificate;
            let kind = if certificate.self_made { "self-made certificate" } else { "certificate" };
            writeln!(f, "  domain         {}, {kind} {}", domain.name, certificate.path.display())?;
            match (&certificate.not_after, certificate.days_left, certificate.validity) {
                (Some(not_after), Some(_), Some(Validity::Expired)) => {
                    write!(f, "                 HAS EXPIRED {not_after}: clients refuse it")?;
                }
                (Some(not_after), Some(days), Some(Validity::ExpiresSoon)) => {
                    write!(f, "                 EXPIRES SOON, {not_after} (in {})", plural(days, "day"))?;
                }
                (Some(not_after), Some(days), _) => {
                    write!(f, "                 expires {not_after} (in {})", plural(days, "day"))?;
                }
                _ => write!(f, "                 its dates can't be read")?,
            }
        }
        Ok(())
    }
}

fn duration(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => plural(seconds, "second"),
        (0, 0, minutes) => plural(minutes, "minute"),
        (0, hours, minutes) => format!("{} {}", plural(hours, "hour"), plural(minutes, "minute")),
        (days, hours, _) => format!("{} {}", plural(days, "day"), plural(hours, "hour")),
    }
}

fn plural(number: impl fmt::Display, what: &str) -> String {
    let number = number.to_string();
    let ending = if number == "1" { "" } else { "s" };
    format!("{number} {what}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domain(name: &str, days_left: i64, validity: Validity) -> DomainStatus {
        let certificate = CertificateStatus {
            path: PathBuf::from(format!("{name}.crt")),
            self_made: name == "localhost",
            not_after: Some("2026-11-23T02:41:14Z".to_owned()),
            days_left: Some(days_left),
            validity: Some(validity),
        };
        DomainStatus { name: name.to_owned(), certificate }
    }

    #[test]
    fn for_people() {
        let mut status = Status {
            version: "0.1.0".to_owned(),
            uptime_seconds: 90_061,
            streams: 42,
            server_streams: Some(7),
            draining: None,
            domains: vec![
                domain("localhost", 3650, Validity::Good),
                domain("im.example", 1, Validity::ExpiresSoon),
                domain("old.example", -2, Validity::Expired),
            ],
        };
        let expected = "\
Jabiru 0.1.0, running for 1 day 1 hour
  streams        42
  server streams 7
  domain         localhost, self-made certificate localhost.crt
                 expires 2026-11-23T02:41:14Z (in 3650 days)
  domain         im.example, certificate im.example.crt
                 EXPIRES SOON, 2026-11-23T02:41:14Z (in 1 day)
  domain         old.example, certificate old.example.crt
                 HAS EXPIRED 2026-11-23T02:41:14Z: clients refuse it";
        assert_eq!(status.to_string(), expected);
        status.draining = Some(Draining { to: Some("xmpp2.example:5222".to_owned()) });
        assert!(status.to_string().contains("\n  draining       clients are sent to xmpp2.example:5222\n"), "{status}");
    }

    #[test]
    fn for_machines() {
        let status = Status {
            version: "0.1.0".to_owned(),
            uptime_seconds: 1,
            streams: 0,
            server_streams: None,
            draining: Some(Draining { to: None }),
            domains: vec![domain("im.example", 1, Validity::ExpiresSoon)],
        };
        let json = serde_json::to_value(&status).unwrap();
        assert_eq!(json["domains"][0]["certificate"]["validity"], "expires_soon");
        assert_eq!(json["domains"][0]["certificate"]["days_left"], 1);
        assert_eq!(json["draining"]["to"], serde_json::Value::Null);
        assert_eq!(serde_json::from_value::<Status>(json).unwrap(), status);
    }

    #[test]
    fn durations() {
        for (seconds, expected) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (60, "1 minute"),
            (3599, "59 minutes"),
            (3660, "1 hour 1 minute"),
            (86_400, "1 day 0 hours"),
        ] {
            assert_eq!(duration(seconds), expected);
        }
    }
}
