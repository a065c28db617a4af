//! From the response header to a stream that can be used: TLS, then EXTERNAL or dialback (XEP-0178 §3, XEP-0220 §2.1).

use std::time::Instant;

use jabiru_stanza::{
    ContentNamespace, RawElement, SaslFailure, StreamCondition, StreamError, StreamFeatures, StreamHeader, ns,
};
use jabiru_xml::Element;

use super::context::{Context, unexpected, violation};
use super::{InitiatingServerError, InitiatingServerEvent, State};
use crate::dialback::DialbackElement;
use crate::opening::{VERSION, domain};
use crate::sasl_request;
use crate::{KeyAnswer, Security, ServerProof};

/// What a step leads to.
pub(super) type Step = Result<State, InitiatingServerError>;

/// Our header was sent, for the first time or anew.
pub(super) struct AwaitHeader {
    /// After EXTERNAL.
    pub(super) authenticated: bool,
}

impl AwaitHeader {
    pub(super) fn handle(self, root: &RawElement, context: &mut Context) -> Step {
        let header = StreamHeader::parse(root, ContentNamespace::Server).map_err(InitiatingServerError::Violation)?;
        let from = header.from.as_deref();
        let other = from.is_some_and(|from| domain(from).as_ref() != Some(&context.pair.target));
        let old = header.version.is_none_or(|version| version < VERSION);
        let fault = match (other, old) {
            (true, _) => Some(StreamError::new(StreamCondition::InvalidFrom)),
            (false, true) => Some(StreamError::new(StreamCondition::UnsupportedVersion)),
            (false, false) => None,
        };
        context.id = header.id.clone().filter(|id| !id.is_empty());
        context.declares_dialback = header.dialback;
        context.event(InitiatingServerEvent::Header(Box::new(header)));
        Ok(State::AwaitFeatures(AwaitFeatures { authenticated: self.authenticated, fault }))
    }
}

/// The response header came.
pub(super) struct AwaitFeatures {
    authenticated: bool,
    /// What is wrong with the header. Said only now: a stream error may have stood here instead, which says more (§4.9.1.3).
    pub(super) fault: Option<StreamError>,
}

impl AwaitFeatures {
    /// Goes on with what is mandatory next: TLS, then proof of who we are.
    pub(super) fn handle(self, element: &RawElement, context: &mut Context, now: Instant) -> Step {
        let Some(features) = StreamFeatures::parse(element) else {
            return Err(violation(StreamCondition::BadFormat, "stream features are awaited"));
        };
        if let Some(fault) = self.fault {
            return Err(InitiatingServerError::Violation(fault));
        }
        context.knows_dialback_errors = features.dialback() == Some(true);
        context.event(InitiatingServerEvent::Features(features.clone()));
        if self.authenticated {
            check_mandatory(&features)?;
            return Ok(establish(features, context));
        }
        match (&context.security, features.starttls()) {
            (Security::Plaintext, Some(_)) if context.policy.use_starttls => {
                context.element(&Element::new("starttls", ns::TLS));
                return Ok(State::AwaitProceed);
            }
            // Never fall back: the offer may have been taken away on the way.
            (Security::Plaintext, _) if context.policy.require_tls => return Err(InitiatingServerError::TlsNotOffered),
            // It will not go on without, and we do not want it.
            (Security::Plaintext, Some(true)) => return Err(InitiatingServerError::NoProof),
            (Security::Plaintext | Security::Tls(_), _) => {}
        }
        if !context.for_stanzas {
            context.send_verifications();
            return Ok(State::Open);
        }
        if context.policy.bidi && features.bidi() {
            // XEP-0288 §2.2: before either way of proof, and behind TLS.
            context.element(&Element::new("bidi", ns::BIDI));
            context.bidi = true;
        }
        prove(features, context, now)
    }
}

/// Proves our domain by the best way there is.
fn prove(features: StreamFeatures, context: &mut Context, now: Instant) -> Step {
    let offered = features.mechanisms().iter().any(|name| name.trim() == "EXTERNAL");
    // Whoever offers EXTERNAL in plaintext can't have seen a certificate.
    if offered && context.policy.external && context.security.tls().is_some() {
        context.event(InitiatingServerEvent::Trying { by: ServerProof::External });
        // XEP-0178 §3, step 10: without the identity some know nothing to begin with it.
        let authzid = context.pair.sender.as_str().to_owned();
        context.element(&sasl_request::auth("EXTERNAL", Some(authzid.as_bytes())));
        return Ok(State::AwaitSasl(AwaitSasl { features }));
    }
    if context.can_dial_back(&features) {
        return dial_back(features, context, now);
    }
    check_mandatory(&features)?;
    Err(InitiatingServerError::NoProof)
}

fn dial_back(features: StreamFeatures, context: &mut Context, now: Instant) -> Step {
    context.event(InitiatingServerEvent::Trying { by: ServerProof::Dialback });
    let pair = context.pair.clone();
    context.send_key(&pair, now)?;
    context.send_verifications();
    Ok(State::AwaitResult(AwaitResult { features }))
}

/// `<auth/>` sent.
pub(super) struct AwaitSasl {
    features: StreamFeatures,
}

impl AwaitSasl {
    pub(super) fn handle(self, element: &RawElement, context: &mut Context, now: Instant) -> Step {
        if let Some(failure) = SaslFailure::parse(element) {
            if !context.can_dial_back(&self.features) {
                return Err(InitiatingServerError::Sasl(failure));
            }
            context.event(InitiatingServerEvent::ExternalFailed(failure.clone()));
            context.external_failure = Some(failure);
            return dial_back(self.features, context, now);
        }
        if element.is("success", ns::SASL) {
            // RFC 4422 appendix A: EXTERNAL has no additional data.
            if sasl_request::additional_data(element).is_none_or(|data| !data.is_empty()) {
                return Err(violation(StreamCondition::UndefinedCondition, "unexpected data with success"));
            }
            let pair = context.pair.clone();
            context.accept(pair, ServerProof::External);
            context.event(InitiatingServerEvent::RestartStream);
            context.open();
            return Ok(State::AwaitHeader(AwaitHeader { authenticated: true }));
        }
        Err(unexpected(element))
    }
}

/// Our key sent (XEP-0220 §2.1.1).
pub(super) struct AwaitResult {
    features: StreamFeatures,
}

impl AwaitResult {
    /// Takes the answer to the key of the stream's pair.
    pub(super) fn handle(self, answer: KeyAnswer, context: &mut Context) -> Step {
        match answer {
            KeyAnswer::Valid => {
                let pair = context.pair.clone();
                context.accept(pair, ServerProof::Dialback);
                Ok(establish(self.features, context))
            }
            KeyAnswer::Invalid => Err(InitiatingServerError::DialbackInvalid),
            KeyAnswer::Error(error) => Err(InitiatingServerError::Dialback(error)),
        }
    }
}

fn establish(features: StreamFeatures, context: &mut Context) -> State {
    context.event(InitiatingServerEvent::Established { features, bidi: context.bidi });
    context.send_verifications();
    State::Open
}

/// Takes dialback at any point at which we may have asked for something.
///
/// What answers nothing that was asked for on this stream is dropped (XEP-0220 §2.1.2): it came too late, or proves that
/// somebody tries (§3.1).
pub(super) fn dialback(element: DialbackElement, state: State, context: &mut Context, now: Instant) -> Step {
    match element {
        DialbackElement::Result { pair, answer } => {
            if !context.requests.settle_key(&pair) {
                return Ok(state);
            }
            match (state, answer) {
                (State::AwaitResult(state), answer) if pair == context.pair => state.handle(answer, context),
                (state, KeyAnswer::Valid) => {
                    context.accept(pair, ServerProof::Dialback);
                    Ok(state)
                }
                (state, answer @ (KeyAnswer::Invalid | KeyAnswer::Error(_))) => {
                    context.event(InitiatingServerEvent::NotAccepted { pair, answer });
                    Ok(state)
                }
            }
        }
        DialbackElement::Verified { pair, stream_id, answer } => {
            if let Some(request) = context.requests.settle_verification(&pair, &stream_id) {
                context.event(InitiatingServerEvent::KeyVerified { request, answer });
            }
            Ok(state)
        }
        element @ (DialbackElement::Key { .. } | DialbackElement::Verify(_)) if context.bidi => {
            context.claim(element, now);
            Ok(state)
        }
        DialbackElement::Key { .. } | DialbackElement::Verify(_) => {
            Err(violation(StreamCondition::NotAuthorized, "this stream has one direction"))
        }
    }
}

/// Features with nothing that we know, and something that has to be negotiated first (RFC 6120 §4.9.3.23).
fn check_mandatory(features: &StreamFeatures) -> Result<(), InitiatingServerError> {
    match features.unknown_mandatory() {
        Some(error) => Err(InitiatingServerError::Violation(error)),
        None => Ok(()),
    }
}
