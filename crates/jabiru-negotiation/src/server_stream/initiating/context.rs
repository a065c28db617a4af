//! What all states of an initiating server stream share.

use std::sync::Arc;
use std::time::Instant;

use jabiru_stanza::{
    Condition, ContentNamespace, RawElement, SaslFailure, StreamCondition, StreamError, StreamFeatures, StreamHeader,
    ns,
};
use jabiru_xml::Element;

use super::super::claims::{Claimed, Claims};
use super::super::requests::Requests;
use super::{InitiatingServerError, InitiatingServerEvent, InitiatingServerPolicy};
use crate::dialback::{self, DialbackElement};
use crate::opening::VERSION;
use crate::output::Output;
use crate::{DomainPair, KeyAnswer, KeyToVerify, Security, ServerProof, ServerRefusal};

pub(super) struct Context {
    /// Whose stanzas the stream is for, and to whom; for keys to verify our domain and that of the authoritative server.
    pub(super) pair: DomainPair,
    /// Are stanzas to be sent?
    pub(super) for_stanzas: bool,
    pub(super) policy: Arc<InitiatingServerPolicy>,
    pub(super) security: Security,
    /// The id in the current response header, which our keys are bound to.
    pub(super) id: Option<String>,
    /// Does the current response header declare dialback (XEP-0220 §2.4.1)?
    pub(super) declares_dialback: bool,
    /// Does the other side, by its last features, know errors of dialback (XEP-0220 §2.4.2)?
    pub(super) knows_dialback_errors: bool,
    pub(super) bidi: bool,
    /// Did our stream end?
    ended: bool,
    /// Why EXTERNAL did not do, where dialback was tried then.
    pub(super) external_failure: Option<SaslFailure>,
    pub(super) requests: Requests,
    /// What the other side may send on a bidirectional stream, beside the inverse of what it accepted.
    pub(super) claims: Claims,
    output: Output<InitiatingServerEvent>,
}

impl Context {
    pub(super) fn new(
        pair: DomainPair,
        for_stanzas: bool,
        policy: Arc<InitiatingServerPolicy>,
        security: Security,
    ) -> Context {
        Context {
            pair,
            for_stanzas,
            security,
            id: None,
            declares_dialback: false,
            knows_dialback_errors: false,
            bidi: false,
            ended: false,
            external_failure: None,
            requests: Requests::new(policy.max_pairs, policy.dialback_timeout),
            claims: Claims::new(policy.max_pairs, policy.dialback_timeout),
            output: Output::new(ContentNamespace::Server),
            policy,
        }
    }

    /// Sends the initial stream header (RFC 6120 §4.2), with both domains and the prefix for dialback.
    pub(super) fn open(&mut self) {
        let header = StreamHeader {
            from: Some(self.pair.sender.as_str().to_owned()),
            to: Some(self.pair.target.as_str().to_owned()),
            lang: Some(self.policy.lang.clone()),
            version: Some(VERSION),
            dialback: true,
            ..StreamHeader::default()
        };
        self.id = None;
        header.write(self.output.bytes(), ContentNamespace::Server);
    }

    /// Can dialback be tried (XEP-0220 §2.4)?
    pub(super) fn can_dial_back(&self, features: &StreamFeatures) -> bool {
        self.policy.dialback && (self.declares_dialback || features.dialback().is_some())
    }

    /// Sends our key for a pair (XEP-0220 §2.1.1); `false` if there is no room for it or one was sent before.
    ///
    /// # Errors
    /// A stream without an id is none that a key could be bound to (RFC 6120 §4.7.3).
    pub(super) fn send_key(&mut self, pair: &DomainPair, now: Instant) -> Result<bool, InitiatingServerError> {
        let Some(id) = &self.id else {
            return Err(violation(StreamCondition::BadFormat, "the response header has no id"));
        };
        if !self.requests.begin_key(pair, now) {
            return Ok(false);
        }
        let key = dialback::key(&self.policy.dialback_secret, pair.target.as_str(), pair.sender.as_str(), id);
        self.dialback(&DialbackElement::Key { pair: pair.clone(), key });
        Ok(true)
    }

    /// Asks about the keys that wait for it.
    pub(super) fn send_verifications(&mut self) {
        while let Some(request) = self.requests.next_unsent() {
            self.dialback(&DialbackElement::Verify(request));
        }
    }

    /// The other side accepted a pair.
    pub(super) fn accept(&mut self, pair: DomainPair, by: ServerProof) {
        self.requests.accept(pair.clone(), by);
        self.event(InitiatingServerEvent::Proven { pair, by });
    }

    /// Takes a request of the other side, which it may make on a bidirectional stream alone (XEP-0288 §2.2): to the domains
    /// that it accepted as senders.
    pub(super) fn claim(&mut self, element: DialbackElement, now: Instant) {
        let ours = |domain: &jabiru_stanza::DomainRef, requests: &Requests| {
            requests.accepted().iter().any(|(pair, _)| pair.sender.as_str() == domain.as_str())
        };
        match element {
            DialbackElement::Key { pair, key } => {
                let stream_id = self.id.clone().unwrap_or_default();
                let claim = KeyToVerify { pair: pair.clone(), stream_id, key };
                let requests = &self.requests;
                let claimed = match self.is_inverse_of_accepted(&pair) {
                    true => Claimed::Answer(KeyAnswer::Valid),
                    false => self.claims.claim(claim, |domain| ours(domain, requests), now),
                };
                match claimed {
                    Claimed::Ask(claim) => self.event(InitiatingServerEvent::VerifyKey(claim)),
                    Claimed::Answer(answer) => self.answer_key(pair, answer),
                    Claimed::Repeated => {}
                }
            }
            DialbackElement::Verify(request) => {
                let answer = match ours(&request.pair.sender, &self.requests) {
                    true => dialback::judge(&self.policy.dialback_secret, &request),
                    false => Condition::ItemNotFound.into(),
                };
                let KeyToVerify { pair, stream_id, key: _ } = request;
                self.dialback(&DialbackElement::Verified { pair, stream_id, answer });
            }
            DialbackElement::Result { .. } | DialbackElement::Verified { .. } => {}
        }
    }

    /// May the other side send for it, because the way there is accepted (XEP-0288 §2.2)?
    pub(super) fn is_inverse_of_accepted(&self, pair: &DomainPair) -> bool {
        self.bidi && self.requests.is_accepted(&pair.inverse())
    }

    /// Answers a key, and tells the caller of what is not [`KeyAnswer::Valid`].
    pub(super) fn answer_key(&mut self, pair: DomainPair, answer: KeyAnswer) {
        self.dialback(&DialbackElement::Result { pair: pair.clone(), answer: answer.clone() });
        if answer != KeyAnswer::Valid {
            self.event(InitiatingServerEvent::Refused { pair, why: ServerRefusal::Dialback(answer) });
        }
    }

    pub(super) fn element(&mut self, element: &Element) {
        self.output.element(element);
    }

    pub(super) fn event(&mut self, event: InitiatingServerEvent) {
        self.output.event(event);
    }

    /// Ends our stream, and only that: keys that were to be verified never will be.
    pub(super) fn finish(&mut self) {
        self.output.end(None);
        self.ended = true;
        self.give_up(&Condition::RemoteServerTimeout);
    }

    /// Ends our stream; a violation by the other side is named to it first.
    pub(super) fn close(&mut self, error: Option<InitiatingServerError>) {
        match &error {
            _ if self.ended => {}
            Some(InitiatingServerError::Violation(error)) => self.output.end(Some(error)),
            Some(_) | None => self.output.end(None),
        }
        self.closed(error);
    }

    /// Tells that the stream ended, and before that what will never be answered.
    pub(super) fn closed(&mut self, error: Option<InitiatingServerError>) {
        let unknown = matches!(&error, Some(InitiatingServerError::StreamError(error))
            if matches!(error.condition(), StreamCondition::HostUnknown | StreamCondition::HostGone));
        // XEP-0220 §2.5.
        let condition = if unknown { Condition::RemoteServerNotFound } else { Condition::RemoteServerTimeout };
        self.give_up(&condition);
        self.event(InitiatingServerEvent::Closed { error });
    }

    fn give_up(&mut self, condition: &Condition) {
        let (pairs, verifications) = self.requests.give_up();
        for pair in pairs.into_iter().filter(|pair| *pair != self.pair) {
            self.output.event(InitiatingServerEvent::NotAccepted { pair, answer: condition.clone().into() });
        }
        for request in verifications {
            self.event(InitiatingServerEvent::KeyVerified { request, answer: condition.clone().into() });
        }
        self.claims.forget_pending();
    }

    pub(super) fn next_event(&mut self) -> Option<InitiatingServerEvent> {
        self.output.next_event()
    }

    pub(super) fn take(&mut self, out: &mut Vec<u8>) -> bool {
        self.output.take(out)
    }

    fn dialback(&mut self, element: &DialbackElement) {
        element.write(self.output.bytes());
    }
}

/// What the other side did is not what it may do.
pub(super) fn violation(condition: StreamCondition, text: &'static str) -> InitiatingServerError {
    InitiatingServerError::Violation(StreamError::new(condition).with_text(text))
}

/// An element that nothing at this point leads to.
pub(super) fn unexpected(element: &RawElement) -> InitiatingServerError {
    match element.namespace() {
        ns::CLIENT => violation(StreamCondition::InvalidNamespace, "this is a stream between servers"),
        ns::SERVER => violation(StreamCondition::NotAuthorized, "stanzas may not be sent on this stream"),
        _ => violation(StreamCondition::UnsupportedStanzaType, "unexpected element"),
    }
}
