//! Whether another server may send for a domain, where it shows a dialback key (XEP-0220 §2.2.1).

use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;

use jabiru_negotiation::{KeyAnswer, KeyToVerify};
use jabiru_net::caught;
use jabiru_stanza::{Condition, StanzaError};
use tokio::sync::mpsc;

use crate::carry::Answered;
use crate::dial;
use crate::judge::judge;
use crate::plain::plain;
use crate::policy::Require;
use crate::report::Proof;
use crate::service::Service;
use crate::trace::Trace;

/// What the other side of the stream has shown.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    /// Its certificates, its own first.
    pub(crate) chain: Vec<Vec<u8>>,
    /// Whether there is TLS.
    pub(crate) secured: bool,
    /// Where it is.
    pub(crate) address: IpAddr,
}

/// Finds out in a task of its own, while the stream that asks goes on, and hands the answer there.
pub(crate) fn spawn(service: &Arc<Service>, claim: KeyToVerify, shown: Shown, to: mpsc::Sender<Answered>) {
    let service = service.clone();
    tokio::spawn(async move {
        let (answer, proofs) = match caught(pin!(answer(&service, &claim, &shown))).await {
            Ok(answered) => answered,
            Err(panicked) => {
                panicked.report(&claim.pair);
                (Condition::InternalServerError.into(), Vec::new())
            }
        };
        // The stream may be gone; nobody else wants to know.
        let _gone = to.send((claim, answer, proofs)).await;
    });
}

/// What the initiating server is to be told, and what has proven its domain.
///
/// A certificate that proves the domain is enough by itself: then nobody is asked. Without one, the authoritative server
/// is, always: an answer that does not come is no proof.
async fn answer(service: &Arc<Service>, claim: &KeyToVerify, shown: &Shown) -> (KeyAnswer, Vec<Proof>) {
    let trace = Trace::silent();
    let domain = &claim.pair.sender;
    if service.hosted.contains(domain) {
        // Nobody else proves to be one of ours, and ours are looked for nowhere else.
        return refused(Condition::Forbidden, "this domain is served here");
    }
    let Some(rules) = service.policy().rules(domain) else {
        return refused(Condition::PolicyViolation, "this domain is not talked to");
    };
    if rules.require_tls && !shown.secured {
        return refused(Condition::PolicyViolation, "TLS is required");
    }
    let judgement = judge(service, &shown.chain, domain, None, rules, &trace).await;
    if judgement.suffices(rules) {
        return (KeyAnswer::Valid, judgement.proof.into_iter().collect());
    }
    if rules.require != Require::Dialback {
        tracing::info!(%domain, %judgement, "dialback is not enough for this domain");
        return refused(Condition::PolicyViolation, format!("a certificate is required: {}", judgement.told()));
    }
    let Ok(_place) = service.verifications.admit(shown.address) else {
        return refused(Condition::ResourceConstraint, "too many keys are being verified");
    };
    match dial::ask(service, claim, &trace).await {
        Ok(KeyAnswer::Valid) => (KeyAnswer::Valid, vec![Proof::Dialback]),
        Ok(answer) => {
            tracing::warn!(%domain, answer = plain(&answer), "a dialback key was not confirmed by the domain's own server");
            (answer.relayed(), Vec::new())
        }
        Err(error) => {
            tracing::warn!(%domain, failed = %error, "a dialback key could not be verified");
            (error.remote.condition().into(), Vec::new())
        }
    }
}

fn refused(condition: Condition, text: impl Into<String>) -> (KeyAnswer, Vec<Proof>) {
    (KeyAnswer::Error(StanzaError::new(condition).with_text(text)), Vec::new())
}
