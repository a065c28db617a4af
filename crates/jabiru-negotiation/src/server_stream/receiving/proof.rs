//! EXTERNAL, dialback and bidi, as they come from another server (XEP-0178 §3, XEP-0220 §2.2, XEP-0288 §2.2).

use jabiru_stanza::{Condition, RawElement, SaslCondition, SaslFailure, StreamCondition, StreamError, ns};

use super::super::claims::Claimed;
use super::context::{Certificate, Context, out_of_turn};
use super::header::AwaitHeader;
use super::{ReceivingServerEvent, State};
use crate::dialback::{self, DialbackElement};
use crate::opening::domain;
use crate::sasl_request::{self, Request};
use crate::{KeyAnswer, KeyToVerify, Security, ServerProof, ServerRefusal, starttls};

/// Ways to prove something were offered, and nothing is proven yet.
pub(super) struct AwaitProof;

impl AwaitProof {
    pub(super) fn handle(self, element: &RawElement, context: &mut Context) -> Result<State, StreamError> {
        if starttls::is_command(element) {
            return Ok(if context.offers_starttls() { proceed(element, context) } else { refuse_starttls(context) });
        }
        match Request::read(element) {
            Some(Ok(Request::Auth { mechanism, initial })) => {
                if let Err(failure) = check_mechanism(&mechanism, context) {
                    return fail(failure, context);
                }
                match initial.transpose() {
                    Ok(Some(message)) => external(&message, context),
                    Ok(None) => {
                        context.output.element(&sasl_request::challenge(&[]));
                        Ok(State::AwaitInitialResponse(AwaitInitialResponse))
                    }
                    Err(condition) => fail(SaslFailure::new(condition), context),
                }
            }
            Some(Ok(Request::Response(_))) => fail(SaslFailure::new(SaslCondition::MalformedRequest), context),
            Some(Ok(Request::Abort)) => fail(SaslFailure::new(SaslCondition::Aborted), context),
            Some(Err(condition)) => fail(SaslFailure::new(condition), context),
            None => Err(out_of_turn(element, "prove first who you are")),
        }
    }
}

/// `<auth/>` came without an initial response, and an empty challenge went out (RFC 6120 §6.4.3).
pub(super) struct AwaitInitialResponse;

impl AwaitInitialResponse {
    pub(super) fn handle(self, element: &RawElement, context: &mut Context) -> Result<State, StreamError> {
        match Request::read(element) {
            Some(Ok(Request::Response(message))) => external(&message, context),
            // §6.4.2: the handshake so far is discarded, and counts.
            Some(Ok(Request::Auth { .. })) => {
                count_failure(context)?;
                AwaitProof.handle(element, context)
            }
            Some(Ok(Request::Abort)) => fail(SaslFailure::new(SaslCondition::Aborted), context),
            Some(Err(condition)) => fail(SaslFailure::new(condition), context),
            None => Err(out_of_turn(element, "an answer to the challenge is awaited")),
        }
    }
}

/// Is this what was offered? Nothing else is taken, whatever it is called.
fn check_mechanism(name: &str, context: &Context) -> Result<(), SaslFailure> {
    if name != "EXTERNAL" || !context.policy.external {
        return Err(SaslFailure::new(SaslCondition::InvalidMechanism));
    }
    match (&context.security, &context.certificate) {
        (Security::Plaintext, _) => {
            Err(SaslFailure::new(SaslCondition::EncryptionRequired).with_text("TLS has to come first"))
        }
        (Security::Tls(_), Certificate::Proves) => Ok(()),
        (Security::Tls(_), Certificate::Refused(text)) => {
            Err(SaslFailure::new(SaslCondition::NotAuthorized).with_text(text.as_str()))
        }
        (Security::Tls(_), Certificate::Unknown) => {
            Err(SaslFailure::new(SaslCondition::InvalidMechanism).with_text("no certificate was presented"))
        }
    }
}

/// EXTERNAL, with an authorization identity or without: it is the domain that the stream is from, or none (XEP-0178 §3,
/// step 10; RFC 6120 §6.3.8).
fn external(message: &[u8], context: &mut Context) -> Result<State, StreamError> {
    // The certificate was judged for the one of the header, so there is one.
    let Some(pair) = context.pair() else {
        return fail(SaslFailure::new(SaslCondition::NotAuthorized), context);
    };
    match std::str::from_utf8(message).ok().filter(|authzid| !authzid.contains('\0')) {
        None => return fail(SaslFailure::new(SaslCondition::MalformedRequest), context),
        Some("") => {}
        Some(authzid) if domain(authzid).as_ref() == Some(&pair.sender) => {}
        Some(_) => {
            let failure = SaslFailure::new(SaslCondition::InvalidAuthzid);
            return fail(failure.with_text("the authorization identity is not the domain of the stream"), context);
        }
    }
    context.output.write("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
    context.claims.forget_pending();
    context.claims.prove(pair.clone(), ServerProof::External);
    context.output.event(ReceivingServerEvent::Proven { pair, by: ServerProof::External });
    context.output.event(ReceivingServerEvent::RestartStream);
    context.header_sent = false;
    Ok(State::AwaitHeader(AwaitHeader { authenticated: true }))
}

/// Sends `<failure/>`, after which dialback or another attempt may follow (XEP-0178 §3, step 11).
pub(super) fn fail(failure: SaslFailure, context: &mut Context) -> Result<State, StreamError> {
    context.output.element(&failure.to_element());
    let pair = context.pair();
    context.output.event(ReceivingServerEvent::Refused { pair, why: ServerRefusal::Sasl(failure) });
    count_failure(context)?;
    // Dialback may have proven something while SASL went on.
    Ok(if context.claims.proven().is_empty() { State::AwaitProof(AwaitProof) } else { State::Open })
}

fn count_failure(context: &mut Context) -> Result<(), StreamError> {
    context.failed_attempts += 1;
    if context.failed_attempts >= context.policy.max_authentication_attempts {
        return Err(StreamError::new(StreamCondition::PolicyViolation).with_text("too many attempts to authenticate"));
    }
    Ok(())
}

/// Answers `<starttls/>`. What was claimed and agreed before TLS is void.
pub(super) fn proceed(element: &RawElement, context: &mut Context) -> State {
    if !starttls::proceed(element, ReceivingServerEvent::StartTls, &mut context.output) {
        context.close(None, None);
        return State::Closed;
    }
    context.claims.forget_pending();
    context.bidi = false;
    State::TlsHandshake
}

/// Answers `<starttls/>` where none was offered (RFC 6120 §5.4.2.2).
pub(super) fn refuse_starttls(context: &mut Context) -> State {
    starttls::refuse(&mut context.output);
    context.close(None, None);
    State::Closed
}

/// Takes dialback, at any point behind the features: a request is answered or asked about.
///
/// # Errors
/// An answer on the stream of somebody else's requests is none that was asked for (XEP-0220 §3.1): `not-authorized`.
pub(super) fn dialback(
    element: DialbackElement,
    context: &mut Context,
    now: std::time::Instant,
) -> Result<(), StreamError> {
    // XEP-0220 §2.5.
    let before_tls = context.awaits_tls().then_some(Condition::PolicyViolation);
    match element {
        DialbackElement::Key { pair, key } => {
            let disabled = (!context.policy.dialback).then_some(Condition::NotAuthorized);
            if let Some(condition) = before_tls.or(disabled) {
                context.answer_key(pair, condition.into());
                return Ok(());
            }
            let claim = KeyToVerify { pair: pair.clone(), stream_id: context.id.clone(), key };
            let domains = &context.policy.domains;
            match context.claims.claim(claim, |domain| domains.hosts(domain), now) {
                Claimed::Ask(claim) => context.output.event(ReceivingServerEvent::VerifyKey(claim)),
                Claimed::Answer(answer) => context.answer_key(pair, answer),
                Claimed::Repeated => {}
            }
            Ok(())
        }
        DialbackElement::Verify(request) => {
            let answer = match before_tls {
                Some(condition) => condition.into(),
                None if !context.hosts(&request.pair.sender) => Condition::ItemNotFound.into(),
                None => dialback::judge(&context.policy.dialback_secret, &request),
            };
            let KeyToVerify { pair, stream_id, key: _ } = request;
            context.output.event(ReceivingServerEvent::KeyJudged { pair: pair.clone(), answer: answer.clone() });
            context.dialback(&DialbackElement::Verified { pair, stream_id, answer });
            Ok(())
        }
        DialbackElement::Result { .. } | DialbackElement::Verified { .. } => {
            Err(StreamError::new(StreamCondition::NotAuthorized).with_text("nobody asked for this answer"))
        }
    }
}

/// Takes the answer of an authoritative server.
pub(super) fn settle(claim: &KeyToVerify, answer: KeyAnswer, context: &mut Context) -> Settled {
    if !context.claims.settle(claim) {
        return Settled::Nothing;
    }
    let pair = claim.pair.clone();
    match answer {
        KeyAnswer::Valid => {
            context.claims.prove(pair.clone(), ServerProof::Dialback);
            context.answer_key(pair.clone(), KeyAnswer::Valid);
            context.output.event(ReceivingServerEvent::Proven { pair, by: ServerProof::Dialback });
            Settled::Proven
        }
        // XEP-0220 §2.2.1: other pairs need not suffer for it.
        KeyAnswer::Invalid if !context.claims.proven().is_empty() => {
            context.answer_key(pair, Condition::Forbidden.into());
            Settled::Nothing
        }
        KeyAnswer::Invalid => {
            context.answer_key(pair, KeyAnswer::Invalid);
            Settled::Spoofed
        }
        KeyAnswer::Error(error) => {
            context.answer_key(pair, KeyAnswer::Error(error));
            Settled::Nothing
        }
    }
}

/// What an answer leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settled {
    /// The stream goes on as it is.
    Nothing,
    /// A pair is proven.
    Proven,
    /// The only thing that the other side said was wrong: the stream ends (XEP-0220 §2.2.1).
    Spoofed,
}

/// Takes `<bidi/>`, which is answered by nothing; `false` if it is something else or was not offered.
pub(super) fn bidi(element: &RawElement, context: &mut Context) -> bool {
    let taken = context.policy.bidi && element.is("bidi", ns::BIDI);
    if taken && !std::mem::replace(&mut context.bidi, true) {
        context.output.event(ReceivingServerEvent::BidiEnabled);
    }
    taken
}
