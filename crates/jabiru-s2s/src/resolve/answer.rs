//! What an answer of the DNS means: aliases followed, proofs weighed, times taken.

use std::time::Duration;

use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::dnssec::Proof;
use hickory_resolver::proto::op::{DnsResponse, ResponseCode};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};

use super::wildcard;

/// What the DNS says of a name and a type of records.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Answer {
    /// The records, or that there are none.
    pub(super) content: Content,
    /// Whether all of it was validated.
    pub(super) secure: bool,
    /// How long it may be remembered.
    pub(super) ttl: Duration,
}

/// The records asked for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Content {
    /// At least one, [`MAX_RECORDS`] at the most.
    Records(Vec<RData>),
    /// The name has none of this type.
    NoRecords,
    /// The name does not exist, nor anything below it.
    NoSuchName,
}

/// Where one response of a nameserver led.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    /// To the answer.
    Answer(Answer),
    /// To an alias whose own records were not in the response.
    Alias { name: Name, secure: bool, ttl: Duration },
}

/// Why a response is no answer.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    Bogus,
    TooManyAliases,
    Net(NetError),
    /// The library panicked over the response: version 0.26 has debug assertions that answers of the root can break.
    Panicked,
}

/// More records of one answer than these are not looked at. Nobody has so many servers, and 64 KiB have room for thousands.
pub(super) const MAX_RECORDS: usize = 64;
/// How many aliases may lead from one to the other.
pub(super) const MAX_ALIASES: usize = 8;
/// However long an answer may be remembered by its own account, it is asked for again after a day.
const MAX_TTL: Duration = Duration::from_secs(24 * 60 * 60);
/// That there is nothing is asked again sooner: somebody may be setting up a server (RFC 2308 §5 advises hours).
const MAX_NEGATIVE_TTL: Duration = Duration::from_secs(15 * 60);

/// Reads the response to a query for `record_type` of `name`. `validated` says whether proofs were looked for.
pub(super) fn read(
    response: Result<DnsResponse, NetError>,
    name: &Name,
    record_type: RecordType,
    validated: bool,
) -> Result<Step, Fault> {
    let (response, validated) = match response {
        Ok(response) => (response, validated),
        Err(NetError::Dns(DnsError::NoRecordsFound(none))) => {
            return Ok(Step::Answer(nothing(none.response_code, none.negative_ttl, false)));
        }
        // A proof that need not be believed, because the zone is not signed or by RFC 9276 §3.2.
        Err(NetError::Dns(DnsError::Nsec { response, proof: Proof::Insecure, .. })) => (*response, false),
        Err(NetError::Dns(DnsError::Nsec { response, .. })) if wildcard::is_proven(&response) => (*response, validated),
        Err(NetError::Dns(DnsError::Nsec { .. } | DnsError::DnssecBogus)) => return Err(Fault::Bogus),
        Err(error) => return Err(Fault::Net(error)),
    };
    match response.response_code {
        ResponseCode::NoError | ResponseCode::NXDomain => {}
        code => return Err(Fault::Net(NetError::Dns(DnsError::ResponseCode(code)))),
    }

    let mut alias = name;
    let mut secure = validated;
    let mut ttl = MAX_TTL;
    // What belongs to the answer narrows how secure it is and how long it lasts.
    let mut weigh = |record: &Record| -> Result<(), Fault> {
        if validated && !matches!(record.proof, Proof::Secure | Proof::Insecure) {
            return Err(Fault::Bogus);
        }
        secure &= validated && record.proof.is_secure();
        ttl = ttl.min(Duration::from_secs(record.ttl.into()));
        Ok(())
    };
    for _ in 0..=MAX_ALIASES {
        let mut records = Vec::new();
        for record in &response.answers {
            if record.name == *alias && record.record_type() == record_type {
                weigh(record)?;
                records.push(record.data.clone());
            }
        }
        if !records.is_empty() {
            records.truncate(MAX_RECORDS);
            return Ok(Step::Answer(Answer { content: Content::Records(records), secure, ttl }));
        }
        let next = response.answers.iter().find_map(|record| match &record.data {
            RData::CNAME(target) if record.name == *alias => Some((record, &target.0)),
            _ => None,
        });
        match next {
            Some((record, target)) => {
                weigh(record)?;
                alias = target;
            }
            None if alias == name => {
                // The validator has checked the proof that there is nothing, where there has to be one.
                let proven = |record: &Record| {
                    matches!(record.record_type(), RecordType::NSEC | RecordType::NSEC3) && record.proof.is_secure()
                };
                let secure = validated && response.authorities.iter().any(proven);
                return Ok(Step::Answer(nothing(response.response_code, response.negative_ttl(), secure)));
            }
            None => return Ok(Step::Alias { name: alias.clone(), secure, ttl }),
        }
    }
    Err(Fault::TooManyAliases)
}

/// An answer without records; not remembered if it does not say how long (RFC 2308 §5).
fn nothing(code: ResponseCode, ttl: Option<u32>, secure: bool) -> Answer {
    let content = if code == ResponseCode::NXDomain { Content::NoSuchName } else { Content::NoRecords };
    let ttl = Duration::from_secs(ttl.unwrap_or(0).into()).min(MAX_NEGATIVE_TTL);
    Answer { content, secure, ttl }
}
