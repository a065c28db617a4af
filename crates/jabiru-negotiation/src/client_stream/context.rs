//! What all states of a stream share: the rules, what is known by now, and the way out.

use std::sync::Arc;

use jabiru_stanza::{
    BareJid, ContentNamespace, DomainPart, RawElement, StreamCondition, StreamError, StreamHeader, ns,
};

use crate::opening::{self, VERSION};
use crate::output::Output;
use crate::{CertificateValidity, Event, Mechanism, Policy, Security};

/// Everything that outlives a step.
pub(super) struct Context {
    pub(super) policy: Arc<Policy>,
    pub(super) security: Security,
    /// The domain of the stream. Once a header named it, it stays through all restarts: the certificate was chosen
    /// for it and the account belongs to it.
    pub(super) domain: Option<DomainPart>,
    /// The account that the current header claims to be of, if TLS protects that claim or SASL has come before.
    pub(super) claimed: Option<BareJid>,
    /// The other side's default language, by its current header.
    pub(super) lang: Option<String>,
    /// Did we open our own stream yet? Anew after each restart.
    pub(super) header_sent: bool,
    /// SASL handshakes that came to nothing.
    pub(super) failed_attempts: u32,
    /// Refused requests to bind.
    pub(super) refused_binds: u32,
    pub(super) output: Output<Event>,
}

impl Context {
    pub(super) fn new(policy: Arc<Policy>, security: Security) -> Context {
        Context {
            policy,
            security,
            domain: None,
            claimed: None,
            lang: None,
            header_sent: false,
            failed_attempts: 0,
            refused_binds: 0,
            output: Output::new(ContentNamespace::Client),
        }
    }

    /// The mechanisms on offer: those of the policy that the stream's security allows, in its order but for EXTERNAL,
    /// which comes first (RFC 6120 §6.3.4).
    pub(super) fn offered(&self) -> impl Iterator<Item = Mechanism> + '_ {
        let external = |mechanism: &Mechanism| *mechanism == Mechanism::External;
        let enabled = || self.policy.mechanisms.iter().copied();
        enabled()
            .filter(external)
            .take(1)
            .chain(enabled().filter(move |mechanism| !external(mechanism)))
            .filter(|mechanism| self.allows(*mechanism))
    }

    /// Does the stream's security allow this mechanism?
    fn allows(&self, mechanism: Mechanism) -> bool {
        let tls = self.security.tls();
        if self.awaits_tls() {
            return false;
        }
        match mechanism {
            Mechanism::ScramPlus(_) => tls.is_some_and(|tls| !tls.channel_bindings().is_empty()),
            Mechanism::Scram(_) | Mechanism::Anonymous => true,
            Mechanism::Plain => tls.is_some() || self.policy.plain_without_tls,
            Mechanism::External => self.certified().next().is_some(),
        }
    }

    /// Is nothing possible before TLS (§5.3.1)?
    pub(super) fn awaits_tls(&self) -> bool {
        matches!(self.security, Security::Plaintext) && self.policy.require_tls
    }

    /// The addresses that the initiating entity is, by its certificate: those of the stream's domain (§13.7.2.2.1), none
    /// if the certificate is not to be believed.
    pub(super) fn certified(&self) -> impl Iterator<Item = &BareJid> {
        let certificate = self.security.tls().and_then(|tls| tls.client_certificate.as_ref());
        let valid = certificate.filter(|certificate| certificate.validity == CertificateValidity::Valid);
        valid.into_iter().flat_map(|certificate| &certificate.addresses).filter(|address| {
            let domain = self.domain.as_ref();
            address.node().is_some() && domain.is_some_and(|domain| domain.as_str() == address.domain().as_str())
        })
    }

    /// Is STARTTLS on offer?
    pub(super) fn offers_starttls(&self) -> bool {
        matches!(self.security, Security::Plaintext) && self.policy.starttls_available
    }

    /// Is any mechanism with channel binding on offer?
    pub(super) fn offers_channel_binding(&self) -> bool {
        self.offered().any(Mechanism::binds_channel)
    }

    /// Opens our stream: the response stream header (RFC 6120 §4.7), with a fresh id (§4.7.3).
    ///
    /// # Errors
    /// `internal-server-error` without randomness for the id; the header is written nevertheless, without one.
    pub(super) fn open(
        &mut self,
        domain: Option<&DomainPart>,
        to: Option<&BareJid>,
        version: Option<(u32, u32)>,
    ) -> Result<(), StreamError> {
        let default = || self.policy.domains.default_domain();
        let from = domain.cloned().or_else(|| self.domain.clone()).or_else(default);
        let header = StreamHeader {
            // §4.9.1.3: the empty string if there is nothing better to say.
            from: Some(from.map(DomainPart::into_inner).unwrap_or_default()),
            to: to.map(ToString::to_string),
            lang: Some(self.policy.lang.clone()),
            version,
            ..StreamHeader::default()
        };
        self.header_sent = true;
        opening::answer(header, ContentNamespace::Client, self.output.bytes()).map(|_id| ())
    }

    /// Ends our stream, with an error or without, and says so.
    ///
    /// An error before our header brings the header first (§4.9.1.2).
    pub(super) fn close(&mut self, error: Option<StreamError>) {
        if !self.header_sent && error.is_some() {
            // Without an id there is nothing left but to go on: the stream ends here anyway.
            let _no_id = self.open(None, None, Some(VERSION));
        }
        if self.header_sent {
            self.output.end(error.as_ref());
        }
        self.output.event(Event::Closed { error });
    }
}

/// A first-level element at a point where it has no business (§4.3.5, §4.9.3.12, §7.1); in the content namespace of
/// another kind of stream it would have none at any point (§4.8.3).
pub(super) fn out_of_turn(element: &RawElement, text: &'static str) -> StreamError {
    let condition = match element.namespace() {
        ns::SERVER => StreamCondition::InvalidNamespace,
        _ => StreamCondition::NotAuthorized,
    };
    StreamError::new(condition).with_text(text)
}
