//! Stream headers of other servers and the features that answer them (RFC 6120 §4.2, §4.3 and §4.7).

use jabiru_stanza::{
    ContentNamespace, DomainPart, RawElement, StreamCondition, StreamError, StreamFeatures, StreamHeader,
};

use super::context::{Certificate, Context};
use super::proof::AwaitProof;
use super::{CertificateAnswer, ReceivingServerEvent, State};
use crate::Security;
use crate::opening::{answered_version, asked_domain, check_version, domain, is_language_tag};

/// A stream begins, for the first time or anew.
pub(super) struct AwaitHeader {
    /// Did EXTERNAL prove the pair of the stream that this one replaces?
    pub(super) authenticated: bool,
}

impl AwaitHeader {
    /// Answers the initial stream header with ours, always, and then with features or the error.
    pub(super) fn handle(self, root: &RawElement, context: &mut Context) -> Result<State, StreamError> {
        let header = StreamHeader::parse(root, ContentNamespace::Server);
        // Read apart from the header: an error in the one must not hide the other from the answer.
        let to = root.attribute("to");
        let local = asked_domain(to.as_deref(), context.local.as_ref(), &context.security, &*context.policy.domains);
        let peer = root.attribute("from").filter(|from| !from.is_empty()).map(|from| domain(&from));
        let to = peer.clone().unwrap_or_else(|| context.peer.clone());
        context.open(local.as_ref().ok(), to.as_ref(), answered_version(&header))?;

        let header = header?;
        context.local = Some(local?);
        check_version(&header)?;
        if let Some(peer) = peer {
            context.peer = Some(checked_peer(peer, context)?);
        }
        context.lang = header.lang.filter(|lang| is_language_tag(lang));
        self.go_on(context)
    }

    /// What comes behind the header: features, or before them the judgement of a certificate.
    fn go_on(self, context: &mut Context) -> Result<State, StreamError> {
        if self.authenticated {
            return Ok(offer_after_proof(context));
        }
        if context.awaits_tls() {
            if !context.policy.starttls_available {
                return Err(StreamError::new(StreamCondition::PolicyViolation).with_text("TLS is required"));
            }
            let mut features = StreamFeatures::new();
            features.offer_starttls(true);
            context.offer(&features);
            return Ok(State::AwaitStartTls);
        }
        let presented = context.security.tls().is_some_and(|tls| !tls.peer_certificates.is_empty());
        match &context.peer {
            Some(peer) if presented && context.policy.external => {
                context.output.event(ReceivingServerEvent::JudgeCertificate { domain: peer.clone() });
                Ok(State::AwaitCertificate(AwaitCertificate))
            }
            Some(_) | None => offer_proof(context),
        }
    }
}

/// The domain that the other side says it is (§4.7.1).
fn checked_peer(peer: Option<DomainPart>, context: &Context) -> Result<DomainPart, StreamError> {
    let invalid = |text| Err(StreamError::new(StreamCondition::InvalidFrom).with_text(text));
    let Some(peer) = peer else { return invalid("from is no domain") };
    // We open no streams to ourselves: it is a loop, or somebody who would like to be us.
    if context.hosts(&peer) {
        return invalid("from is a domain that is served here");
    }
    if context.peer.as_ref().is_some_and(|known| *known != peer) {
        return invalid("the domain that a stream is from can't change");
    }
    Ok(peer)
}

/// The caller judges the certificate.
pub(super) struct AwaitCertificate;

impl AwaitCertificate {
    pub(super) fn handle(self, answer: CertificateAnswer, context: &mut Context) -> Result<State, StreamError> {
        context.certificate = match answer {
            CertificateAnswer::Proves => Certificate::Proves,
            CertificateAnswer::Refused { text } => Certificate::Refused(text),
        };
        offer_proof(context)
    }
}

/// Offers the ways to prove something.
fn offer_proof(context: &mut Context) -> Result<State, StreamError> {
    let mut features = StreamFeatures::new();
    if context.offers_starttls() {
        features.offer_starttls(false);
    }
    if context.offers_external() {
        features.offer_mechanisms(["EXTERNAL"]);
    }
    if context.policy.bidi {
        features.offer_bidi();
    }
    if context.policy.dialback {
        features.offer_dialback();
        for feature in &context.policy.stream_features {
            features.push(feature.clone());
        }
    } else if !context.offers_external() && !context.offers_starttls() {
        // Features without any would say that everything is negotiated (§4.3.2).
        return Err(no_way(context));
    }
    context.offer(&features);
    Ok(State::AwaitProof(AwaitProof))
}

/// Why nothing can be proven on this stream.
fn no_way(context: &Context) -> StreamError {
    let error = StreamError::new(StreamCondition::NotAuthorized);
    match (&context.certificate, &context.security, &context.peer) {
        (Certificate::Refused(text), _, _) => error.with_text(format!("the certificate was refused: {text}")),
        (_, Security::Plaintext, _) => error.with_text("there is no way to authenticate without TLS"),
        (_, Security::Tls(_), None) => {
            StreamError::new(StreamCondition::ImproperAddressing).with_text("from is missing")
        }
        (_, Security::Tls(_), Some(_)) => error.with_text("a certificate is required"),
    }
}

/// Offers what there is after EXTERNAL, which need not be anything (§4.3.5).
fn offer_after_proof(context: &mut Context) -> State {
    let mut features = StreamFeatures::new();
    if context.policy.dialback {
        // For more pairs of domains (XEP-0220 §2.6).
        features.offer_dialback();
    }
    for feature in &context.policy.stream_features {
        features.push(feature.clone());
    }
    context.offer(&features);
    State::Open
}
