//! Whether the certificate that another server shows is good for its domain (RFC 6120 §13.7.2; RFC 7673; RFC 7711).

use std::fmt;
use std::time::SystemTime;

use jabiru_net::certificate::{Peer, Problem, ServerCheck, verify_server};
use jabiru_stanza::DomainRef;

use crate::policy::{Require, Rules};
use crate::report::Proof;
use crate::resolve::ServerTarget;
use crate::service::Service;
use crate::trace::Trace;

/// What a certificate proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Judgement {
    /// By what it is good for the domain.
    pub(crate) proof: Option<Proof>,
    /// When the proof ends.
    pub(crate) expires: Option<SystemTime>,
    /// Why it is not good, or not in every way that was tried.
    pub(crate) problems: Vec<String>,
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
        Judgement { proof: None, expires: None, problems: Vec::new() }
    }

    fn nothing(problem: impl fmt::Display) -> Judgement {
        Judgement { proof: None, expires: None, problems: vec![problem.to_string()] }
    }

    fn proved(proof: Proof, expires: Option<SystemTime>) -> Judgement {
        Judgement { proof: Some(proof), expires, problems: Vec::new() }
    }
}

/// All that was found against it, in one sentence.
impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problems.join("; "))
    }
}

/// Judges the chain that the other end of a stream has shown, its own certificate first, for a domain. `target` is where
/// we connected to; `None` if the other side did.
///
/// What the chain itself says is looked at first. Only if that is not enough, the DNS (where DNSSEC vouches for it) and the
/// domain's web server are asked, as far as the policy has it; each of those is bounded in time where it is asked.
pub(crate) async fn judge(
    service: &Service,
    chain: &[Vec<u8>],
    domain: &DomainRef,
    target: Option<&ServerTarget>,
    rules: Rules,
    trace: &Trace,
) -> Judgement {
    let peer = if target.is_some() { Peer::Receiving } else { Peer::Initiating };
    let _ = trace;
    let policy = service.policy();
    let verified = verify_server(chain, domain, &policy.roots, SystemTime::now(), ServerCheck::new(peer));
    let judgement = match verified {
        Ok(proof) => Judgement::proved(Proof::Certificate, Some(proof.not_after)),
        Err(problem @ Problem::NoCertificate) => return Judgement::nothing(problem),
        Err(problem) => Judgement::nothing(problem),
    };
    if judgement.suffices(rules) {
        return judgement;
    }
    judgement
}
