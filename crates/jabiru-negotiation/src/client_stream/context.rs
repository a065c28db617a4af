//! What all states of a stream share: the rules, what is known by now, and the way out.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jabiru_stanza::{BareJid, ContentNamespace, DomainPart, StreamCondition, StreamError, StreamHeader};

use super::output::Output;
use crate::{Event, Mechanism, Policy, Security};

/// Everything that outlives a step.
pub(super) struct Context {
    pub(super) policy: Arc<Policy>,
    pub(super) security: Security,
    /// The domain of the stream. Once a header named it, it stays through all restarts: the certificate was chosen
    /// for it and the account belongs to it.
    pub(super) domain: Option<DomainPart>,
    /// The account that the current header claims to be of, if TLS protects that claim.
    pub(super) claimed: Option<BareJid>,
    /// The other side's default language, by its current header.
    pub(super) lang: Option<String>,
    /// Did we open our own stream yet? Anew after each restart.
    pub(super) header_sent: bool,
    /// SASL handshakes that came to nothing.
    pub(super) failed_attempts: u32,
    /// Refused requests to bind.
    pub(super) refused_binds: u32,
    pub(super) output: Output,
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
            output: Output::default(),
        }
    }

    /// The mechanisms on offer: those of the policy that the stream's security allows (RFC 6120 §6.3.4).
    pub(super) fn offered(&self) -> impl Iterator<Item = Mechanism> + '_ {
        let tls = self.security.tls();
        let bindable = tls.is_some_and(|tls| !tls.channel_bindings().is_empty());
        self.policy.mechanisms.iter().copied().filter(move |mechanism| match mechanism {
            Mechanism::ScramPlus(_) => bindable,
            Mechanism::Scram(_) => true,
            Mechanism::Plain => tls.is_some() || self.policy.plain_without_tls,
            Mechanism::External | Mechanism::Anonymous => false,
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
        let mut random = [0; STREAM_ID_BYTES];
        let id = getrandom::fill(&mut random).map(|()| URL_SAFE_NO_PAD.encode(random));
        let header = StreamHeader {
            // §4.9.1.3: the empty string if there is nothing better to say.
            from: Some(from.map(DomainPart::into_inner).unwrap_or_default()),
            to: to.map(ToString::to_string),
            id: id.as_ref().ok().cloned(),
            lang: Some(self.policy.lang.clone()),
            version,
        };
        header.write(self.output.bytes(), ContentNamespace::Client);
        self.header_sent = true;
        id.map(|_| ()).map_err(|_| StreamError::new(StreamCondition::InternalServerError))
    }

    /// Ends our stream, with an error or without, and says so.
    ///
    /// An error before our header brings the header first (§4.9.1.2).
    pub(super) fn close(&mut self, error: Option<StreamError>) {
        if !self.header_sent && error.is_some() {
            // Without an id there is nothing left but to go on: the stream ends here anyway.
            let _no_id = self.open(None, None, Some(VERSION));
        }
        if let Some(error) = &error {
            error.write(self.output.bytes());
        }
        if self.header_sent {
            self.output.write("</stream:stream>");
        }
        self.output.event(Event::Closed { error });
    }
}

/// The version of XMPP spoken here (§4.7.5).
pub(super) const VERSION: (u32, u32) = (1, 0);

/// 144 random bits: unpredictable and never repeated (§4.7.3).
const STREAM_ID_BYTES: usize = 18;

/// A first-level element at a point where it has no business.
pub(super) fn out_of_turn(text: &'static str) -> StreamError {
    StreamError::new(StreamCondition::NotAuthorized).with_text(text)
}
