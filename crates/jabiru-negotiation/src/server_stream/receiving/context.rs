//! What all states of a receiving server stream share.

use std::sync::Arc;

use jabiru_stanza::{
    ContentNamespace, DomainPart, DomainRef, RawElement, StreamCondition, StreamError, StreamFeatures, StreamHeader, ns,
};

use super::super::claims::Claims;
use super::{ReceivingServerEvent, ReceivingServerPolicy};
use crate::dialback::DialbackElement;
use crate::opening::{self, VERSION};
use crate::output::Output;
use crate::{DomainPair, KeyAnswer, Security, ServerRefusal};

/// Everything that outlives a step.
pub(super) struct Context {
    pub(super) policy: Arc<ReceivingServerPolicy>,
    pub(super) security: Security,
    /// The hosted domain of the stream. Once a header named it, it stays through all restarts (CVE-2018-10847).
    pub(super) local: Option<DomainPart>,
    /// As which domain the other side opened the stream; it stays as well, but for what was said before TLS (§5.4.3.3).
    pub(super) peer: Option<DomainPart>,
    /// Of the stream as it is now, which keys are bound to.
    pub(super) id: String,
    /// The other side's default language, by its current header.
    pub(super) lang: Option<String>,
    /// Is our own stream open? Anew after each restart.
    pub(super) header_sent: bool,
    /// Did it end?
    pub(super) ended: bool,
    pub(super) certificate: Certificate,
    /// Was the stream made bidirectional?
    pub(super) bidi: bool,
    pub(super) claims: Claims,
    /// SASL handshakes that came to nothing.
    pub(super) failed_attempts: u32,
    pub(super) output: Output<ReceivingServerEvent>,
}

/// What is known of the other side's certificate.
pub(super) enum Certificate {
    /// None was presented, or nobody asked about it.
    Unknown,
    /// It is good for the domain of the stream header.
    Proves,
    /// It is not, because of this.
    Refused(String),
}

impl Context {
    pub(super) fn new(policy: Arc<ReceivingServerPolicy>, security: Security) -> Context {
        let claims = Claims::new(policy.max_pairs, policy.dialback_timeout);
        Context {
            policy,
            security,
            local: None,
            peer: None,
            id: String::new(),
            lang: None,
            header_sent: false,
            ended: false,
            certificate: Certificate::Unknown,
            bidi: false,
            claims,
            failed_attempts: 0,
            output: Output::new(ContentNamespace::Server),
        }
    }

    /// Is nothing possible before TLS (RFC 6120 §5.3.1)?
    pub(super) fn awaits_tls(&self) -> bool {
        matches!(self.security, Security::Plaintext) && self.policy.require_tls
    }

    /// Is STARTTLS on offer?
    pub(super) fn offers_starttls(&self) -> bool {
        matches!(self.security, Security::Plaintext) && self.policy.starttls_available
    }

    /// Is EXTERNAL on offer (XEP-0178 §3, step 9)?
    pub(super) fn offers_external(&self) -> bool {
        self.policy.external && matches!(self.certificate, Certificate::Proves)
    }

    /// Both domains of the stream, if its header named both.
    pub(super) fn pair(&self) -> Option<DomainPair> {
        Some(DomainPair::new(self.peer.clone()?, self.local.clone()?))
    }

    pub(super) fn hosts(&self, domain: &DomainRef) -> bool {
        self.policy.domains.hosts(domain)
    }

    /// Sends features.
    pub(super) fn offer(&mut self, features: &StreamFeatures) {
        features.write(self.output.bytes());
    }

    /// Sends something of dialback.
    pub(super) fn dialback(&mut self, element: &DialbackElement) {
        element.write(self.output.bytes());
    }

    /// Answers a key, and tells the caller of what is not [`KeyAnswer::Valid`].
    pub(super) fn answer_key(&mut self, pair: DomainPair, answer: KeyAnswer) {
        self.dialback(&DialbackElement::Result { pair: pair.clone(), answer: answer.clone() });
        if answer != KeyAnswer::Valid {
            self.output.event(ReceivingServerEvent::Refused { pair: Some(pair), why: ServerRefusal::Dialback(answer) });
        }
    }

    /// Opens our stream: the response stream header (RFC 6120 §4.7).
    ///
    /// # Errors
    /// `internal-server-error` without randomness for the id; the header is written nevertheless, without one.
    pub(super) fn open(
        &mut self,
        domain: Option<&DomainPart>,
        to: Option<&DomainPart>,
        version: Option<(u32, u32)>,
    ) -> Result<(), StreamError> {
        let default = || self.policy.domains.default_domain();
        let from = domain.cloned().or_else(|| self.local.clone()).or_else(default);
        let header = StreamHeader {
            // §4.9.1.3: the empty string if there is nothing better to say.
            from: Some(from.map(DomainPart::into_inner).unwrap_or_default()),
            to: to.map(ToString::to_string),
            lang: Some(self.policy.lang.clone()),
            version,
            dialback: true,
            ..StreamHeader::default()
        };
        self.header_sent = true;
        self.id = opening::answer(header, ContentNamespace::Server, self.output.bytes())?;
        Ok(())
    }

    /// Ends our stream, and only that.
    pub(super) fn finish(&mut self) {
        self.output.end(None);
        self.ended = true;
        self.claims.forget_pending();
    }

    /// Ends our stream, with an error or without, and says so.
    ///
    /// An error before our header brings the header first (RFC 6120 §4.9.1.2).
    pub(super) fn close(&mut self, error: Option<StreamError>, peer_error: Option<StreamError>) {
        if !self.ended && !self.header_sent && error.is_some() {
            // Without an id there is nothing left but to go on: the stream ends here anyway.
            let _no_id = self.open(None, None, Some(VERSION));
        }
        if self.header_sent && !self.ended {
            self.output.end(error.as_ref());
        }
        self.claims.forget_pending();
        self.output.event(ReceivingServerEvent::Closed { error, peer_error });
    }
}

/// A first-level element at a point where it has no business (RFC 6120 §4.3.5, §4.9.3.12); in the content namespace of
/// another kind of stream it would have none at any point (§4.8.3).
pub(super) fn out_of_turn(element: &RawElement, text: &'static str) -> StreamError {
    let condition = match element.namespace() {
        ns::CLIENT => StreamCondition::InvalidNamespace,
        _ => StreamCondition::NotAuthorized,
    };
    StreamError::new(condition).with_text(text)
}
