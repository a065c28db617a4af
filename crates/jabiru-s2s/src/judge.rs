//! Whether the certificate that another server shows is good for its domain (RFC 6120 §13.7.2; RFC 7673; RFC 7711).

use std::fmt;
use std::time::{Instant, SystemTime};

use jabiru_net::certificate::dane::{DaneProblem, verify_dane};
use jabiru_net::certificate::posh::verify_posh;
use jabiru_net::certificate::{Peer, Problem, ServerCheck, verify_server};
use jabiru_stanza::DomainRef;

use crate::policy::{Policy, Require, Rules};
use crate::report::Proof;
use crate::resolve::ServerTarget;
use crate::service::Service;
use crate::steps;
use crate::trace::Trace;

/// What a certificate proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Judgement {
    /// By what it is good for the domain.
    pub(crate) proof: Option<Proof>,
    /// When the proof ends.
    pub(crate) expires: Option<SystemTime>,
    /// Why it is not good, or not in every way that was tried.
    pub(crate) problems: Vec<Objection>,
    /// The DNS announces another certificate for the server that we connected to, or may, and DNSSEC vouches for that: then
    /// nothing is sent there, whatever else would do (RFC 7673 §3.3).
    pub(crate) denied: bool,
}

impl Judgement {
    /// Is it enough for these rules, without dialback?
    pub(crate) fn suffices(&self, rules: Rules) -> bool {
        match (rules.require, self.proof) {
            (Require::Dane, proof) => proof == Some(Proof::Dane),
            (Require::Certificate | Require::Dialback, proof) => proof.is_some(),
        }
    }

    /// Nothing, as nothing was shown yet.
    pub(crate) fn none() -> Judgement {
        Judgement { proof: None, expires: None, problems: Vec::new(), denied: false }
    }

    fn nothing(objection: Objection) -> Judgement {
        Judgement { problems: vec![objection], ..Judgement::none() }
    }

    /// What the other side may know of what was found against it, in one sentence.
    pub(crate) fn told(&self) -> String {
        self.problems.iter().map(Objection::told).collect::<Vec<_>>().join("; ")
    }

    fn proved(proof: Proof, expires: Option<SystemTime>) -> Judgement {
        Judgement { proof: Some(proof), expires, ..Judgement::none() }
    }
}

/// All that was found against it, in one sentence.
impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, objection) in self.problems.iter().enumerate() {
            write!(f, "{}{objection}", if n == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

/// Something against a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Objection {
    /// What is wrong with it, by itself or by what was published of it.
    Certificate(String),
    /// That what may have been published of it is not known. Who chooses the domain chooses what is looked up, down to an
    /// address in our own network; so why it failed is for our operator alone.
    LookUp { what: &'static str, error: String },
}

impl Objection {
    fn told(&self) -> &str {
        match self {
            Objection::Certificate(problem) => problem,
            Objection::LookUp { what, .. } => what,
        }
    }
}

impl fmt::Display for Objection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Objection::Certificate(problem) => f.write_str(problem),
            Objection::LookUp { what, error } => write!(f, "{what}: {error}"),
        }
    }
}

impl From<Problem> for Objection {
    fn from(problem: Problem) -> Objection {
        Objection::Certificate(problem.to_string())
    }
}

/// Judges the chain that the other end of a stream has shown, its own certificate first, for a domain. `target` is where
/// we connected to; `None` if the other side did.
///
/// Where the DNS announces the certificate of a server that we connected to, and DNSSEC vouches for that, the announcement
/// decides (RFC 7671 §2.1; RFC 7673 §3). Otherwise the authorities do that are trusted here; and only if they say nothing good,
/// those are asked that cost a look-up: for who connected to us the DNS, and for everybody the domain's web server (POSH), as
/// far as the policy has it. Look-ups take no longer than connecting may.
pub(crate) async fn judge(
    service: &Service,
    chain: &[Vec<u8>],
    domain: &DomainRef,
    target: Option<&ServerTarget>,
    rules: Rules,
    trace: &Trace,
) -> Judgement {
    if chain.is_empty() {
        return Judgement::nothing(Problem::NoCertificate.into());
    }
    let peer = if target.is_some() { Peer::Receiving } else { Peer::Initiating };
    let judge = Judge { service, policy: &service.policy(), chain, domain, peer, rules, trace };
    match tokio::time::timeout(service.settings.connect_timeout, judge.judge(target)).await {
        Ok(judgement) => judgement,
        Err(_) => {
            // What needs no look-up may do all the same.
            let mut judgement = judge.by_authorities();
            judgement.problems.push(Objection::Certificate("look-ups took too long".to_owned()));
            judgement
        }
    }
}

struct Judge<'a> {
    service: &'a Service,
    policy: &'a Policy,
    chain: &'a [Vec<u8>],
    domain: &'a DomainRef,
    peer: Peer,
    rules: Rules,
    trace: &'a Trace,
}

/// What the DNS says.
enum Announced {
    /// Nothing that could be used.
    Nothing,
    /// That this is the certificate.
    This(Judgement),
    /// That it is another.
    Other(Objection),
}

impl Judge<'_> {
    async fn judge(&self, target: Option<&ServerTarget>) -> Judgement {
        let mut problems = Vec::new();
        if let Some(target) = target {
            match self.by_dns(target).await {
                Announced::Nothing => {}
                Announced::This(judgement) => return judgement,
                Announced::Other(problem) => return Judgement { denied: true, ..Judgement::nothing(problem) },
            }
        }
        let judgement = self.by_authorities();
        if judgement.suffices(self.rules) {
            return judgement;
        }
        if self.rules.require == Require::Dialback {
            // Which does, and costs less than what follows.
            return judgement;
        }
        problems.extend(judgement.problems.iter().cloned());
        if target.is_none() {
            match self.by_dns_of_domain().await {
                Announced::Nothing => {}
                Announced::This(judgement) => return judgement,
                Announced::Other(problem) => problems.push(problem),
            }
        }
        if self.rules.require == Require::Dane {
            let nothing = "the DNS announces no certificate that DNSSEC vouches for";
            problems.push(Objection::Certificate(nothing.to_owned()));
            return Judgement { problems, ..judgement };
        }
        match self.by_posh().await {
            Some(Ok(judgement)) => judgement,
            Some(Err(problem)) => {
                problems.push(problem);
                Judgement { problems, ..judgement }
            }
            None => Judgement { problems, ..judgement },
        }
    }

    fn by_authorities(&self) -> Judgement {
        let began = Instant::now();
        let check = ServerCheck::new(self.peer);
        let verified = verify_server(self.chain, self.domain, &self.policy.roots, SystemTime::now(), check);
        self.trace.note(began, || steps::certificate(self.chain, self.domain, &verified));
        match verified {
            Ok(proof) => Judgement::proved(Proof::Certificate, Some(proof.not_after)),
            Err(problem) => Judgement::nothing(problem.into()),
        }
    }

    /// What is announced of the server at one place (RFC 7673 §3.2).
    async fn by_dns(&self, target: &ServerTarget) -> Announced {
        if !(self.policy.dane && target.secure) {
            return Announced::Nothing;
        }
        let began = Instant::now();
        let announced = self.service.resolver.load_full().announced(target).await;
        steps::nothing_announced(self.trace, began, target, &announced);
        let records = match announced {
            Ok(records) if records.is_empty() => return Announced::Nothing,
            Ok(records) => records,
            // RFC 7673 §3.3: otherwise whoever can keep answers back could keep DANE out.
            Err(error) => {
                let what = "what the DNS announces of the certificate is not known";
                return Announced::Other(Objection::LookUp { what, error: error.to_string() });
            }
        };
        let references = target.references(self.domain);
        let now = SystemTime::now();
        let verified = verify_dane(self.chain, &records, &references, &self.policy.roots, now, self.peer);
        self.trace.note(began, || steps::dane(target, &records, &verified));
        match verified {
            Ok(proof) => Announced::This(Judgement::proved(Proof::Dane, proof.not_after)),
            Err(DaneProblem::NothingUsable { .. }) => Announced::Nothing,
            Err(problem) => Announced::Other(Objection::Certificate(problem.to_string())),
        }
    }

    /// The same for a server that connected to us: of whichever place it may be.
    async fn by_dns_of_domain(&self) -> Announced {
        if !self.policy.dane {
            return Announced::Nothing;
        }
        let resolver = self.service.resolver.load_full();
        let Ok(found) = resolver.find(self.domain).await else { return Announced::Nothing };
        let mut announced = Announced::Nothing;
        for target in found.targets.iter().filter(|target| target.secure).take(PLACES) {
            match self.by_dns(target).await {
                this @ Announced::This(_) => return this,
                other @ Announced::Other(_) => announced = other,
                Announced::Nothing => {}
            }
        }
        announced
    }

    /// What the domain publishes on its web server; `None` if that is not asked for.
    async fn by_posh(&self) -> Option<Result<Judgement, Objection>> {
        if !self.policy.posh {
            return None;
        }
        let began = Instant::now();
        let fetched = self.service.posh.load_full().fetch(self.domain).await;
        let verified = match &fetched {
            Ok(posh) => verify_posh(self.chain, &posh.fingerprints, SystemTime::now())
                .map_err(|problem| Objection::Certificate(problem.to_string())),
            Err(error) => Err(Objection::LookUp { what: "no POSH document was found", error: error.to_string() }),
        };
        self.trace.note(began, || steps::posh(self.domain, &fetched, verified.as_ref().err()));
        Some(verified.map(|proof| Judgement::proved(Proof::Posh, Some(proof.not_after))))
    }
}

/// Places of one domain whose announcements are looked at.
const PLACES: usize = 4;
