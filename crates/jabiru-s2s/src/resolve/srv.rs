//! What the DNS says of one service of a domain (RFC 2782; XEP-0368 §2).

use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::proto::rr::RData;
use hickory_resolver::proto::rr::rdata::SRV;

use super::answer::Answer;
use super::{Host, ResolveError, ServerTarget};

/// The look-up of the SRV records of one service, for whoever watches [`Resolver::find_telling`](super::Resolver::find_telling).
#[derive(Debug)]
pub struct SrvLookup {
    name: String,
    direct_tls: bool,
    answer: Result<Arc<Answer>, ResolveError>,
    elapsed: Duration,
}

/// An SRV record as the DNS has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SrvRecord {
    /// Lower is tried first.
    pub priority: u16,
    /// The share among those of one priority.
    pub weight: u16,
    /// The port.
    pub port: u16,
    /// The machine, as A-labels without the dot that ends it; `.` alone if there is no such service.
    pub target: String,
}

impl SrvLookup {
    pub(super) fn new(
        name: String,
        direct_tls: bool,
        answer: Result<Arc<Answer>, ResolveError>,
        elapsed: Duration,
    ) -> SrvLookup {
        SrvLookup { name, direct_tls, answer, elapsed }
    }

    /// The name that was looked up, such as `_xmpp-server._tcp.example.org`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The records, in the order of the answer; none, if there are none.
    ///
    /// # Errors
    /// There was no answer, or none to be believed.
    pub fn records(&self) -> Result<Vec<SrvRecord>, &ResolveError> {
        let record = |srv: &SRV| SrvRecord {
            priority: srv.priority,
            weight: srv.weight,
            port: srv.port,
            target: if srv.target.is_root() { ".".to_owned() } else { target(srv) },
        };
        self.answer.as_ref().map(|answer| srv_records(answer).map(record).collect())
    }

    /// Whether DNSSEC validated the answer.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.answer.as_ref().is_ok_and(|answer| answer.secure)
    }

    /// How long it took.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// Are there any records?
    pub(super) fn has_records(&self) -> bool {
        self.answer.as_ref().is_ok_and(|answer| srv_records(answer).next().is_some())
    }

    /// Does the domain say that it has no such service, by the target `.`?
    pub(super) fn is_declined(&self) -> bool {
        self.answer.as_ref().is_ok_and(|answer| srv_records(answer).any(|srv| srv.target.is_root()))
    }

    /// Where the service is. A target that can be no host is left out.
    pub(super) fn targets(&self) -> Vec<ServerTarget> {
        let Ok(answer) = &self.answer else { return Vec::new() };
        let server = |srv: &SRV| {
            let host = target(srv).parse::<Host>().ok().filter(|_| !srv.target.is_root())?;
            Some(ServerTarget {
                host,
                port: srv.port,
                direct_tls: self.direct_tls,
                priority: srv.priority,
                weight: srv.weight,
                secure: answer.secure,
            })
        };
        srv_records(answer).filter_map(server).collect()
    }

    /// Why there was no answer.
    pub(super) fn into_error(self) -> Option<ResolveError> {
        self.answer.err()
    }

    pub(super) fn error(&self) -> Option<&ResolveError> {
        self.answer.as_ref().err()
    }
}

fn srv_records(answer: &Answer) -> impl Iterator<Item = &SRV> {
    answer.records().filter_map(|record| match record {
        RData::SRV(srv) => Some(srv),
        _ => None,
    })
}

fn target(srv: &SRV) -> String {
    srv.target.to_ascii().trim_end_matches('.').to_owned()
}
