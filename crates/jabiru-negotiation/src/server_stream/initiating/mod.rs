//! Stream negotiation as the initiating entity of a server stream.
//!
//! Whether the certificate shown belongs to the domain (RFC 6120 §13.7.2) is for whoever does the TLS handshake to decide,
//! before [`InitiatingServerStream::handle_tls`].

mod context;
mod error;
mod event;
mod negotiation;
mod policy;

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use jabiru_stanza::{Condition, DomainRef, RawElement, StreamCondition, StreamError, ns};
use jabiru_xml::ReadError;

use self::context::{Context, unexpected, violation};
use self::negotiation::{AwaitFeatures, AwaitHeader, AwaitResult, AwaitSasl, Step};
use super::ServerProof;
use crate::dialback::DialbackElement;
use crate::{DomainPair, KeyAnswer, KeyToVerify, Security, TlsInfo};

pub use error::InitiatingServerError;
pub use event::InitiatingServerEvent;
pub use policy::{InitiatingServerPolicy, ServerPurpose};

/// One server stream, seen from the initiating entity, for as long as it lasts.
///
/// It is held as [`ClientStream`](crate::ClientStream) is; the stream header is in its output at once. Every first-level
/// element goes through it, for dialback may come at any time; what is none of its business comes back as
/// [`InitiatingServerEvent::Element`].
pub struct InitiatingServerStream {
    state: State,
    context: Context,
    /// When to give up; `None` while the stream can be used.
    deadline: Option<Instant>,
}

enum State {
    /// Our header sent (§4.2).
    AwaitHeader(AwaitHeader),
    /// The response header came (§4.3.2).
    AwaitFeatures(AwaitFeatures),
    /// `<starttls/>` sent (§5.4.2).
    AwaitProceed,
    /// `<proceed/>` received: the next octet belongs to TLS (§5.4.2.3).
    TlsHandshake,
    /// `<auth/>` sent (§6.4.2).
    AwaitSasl(AwaitSasl),
    /// Our dialback key sent (XEP-0220 §2.1.1).
    AwaitResult(AwaitResult),
    /// Stanzas may be sent, or keys were sent to be verified.
    Open,
    /// We ended our stream, and the other side has yet to end its own (§4.4).
    Closing,
    /// Nothing is processed any more.
    Closed,
}

impl InitiatingServerStream {
    /// A stream whose header is ready to be sent. With [`Security::Tls`] TLS was there before the stream.
    ///
    /// For keys to verify, `pair` has our domain, to which the keys were sent, and that of the authoritative server. Of the
    /// keys only as many are taken as the policy has room for; the others are answered `resource-constraint` at once.
    #[must_use]
    pub fn new(
        pair: DomainPair,
        purpose: ServerPurpose,
        policy: Arc<InitiatingServerPolicy>,
        security: Security,
        now: Instant,
    ) -> InitiatingServerStream {
        let deadline = now.checked_add(policy.negotiation_timeout);
        let for_stanzas = purpose == ServerPurpose::Stanzas;
        let mut context = Context::new(pair, for_stanzas, policy, security);
        context.open();
        let state = State::AwaitHeader(AwaitHeader { authenticated: false });
        let mut stream = InitiatingServerStream { state, context, deadline };
        if let ServerPurpose::Verify(requests) = purpose {
            for request in requests {
                stream.verify_key(request, now);
            }
        }
        stream
    }

    /// Takes what the reader read.
    pub fn handle_event(&mut self, event: jabiru_xml::Event, now: Instant) {
        if self.timed_out(now) {
            return;
        }
        if matches!((&self.state, &event), (State::Closing, jabiru_xml::Event::StreamClose)) {
            // Both have ended, as we wanted.
            return self.end(None);
        }
        self.step(|state, context| match event {
            jabiru_xml::Event::StreamOpen(root) => match state {
                State::AwaitHeader(state) => state.handle(&root, context),
                _ => Err(violation(StreamCondition::BadFormat, "unexpected stream header")),
            },
            jabiru_xml::Event::Element(element) => state.element(element, context, now),
            jabiru_xml::Event::StreamClose => Err(match context.external_failure.take() {
                // It closed because of that, and was but too slow to say so before we tried dialback.
                Some(failure) if matches!(state, State::AwaitResult(_)) => InitiatingServerError::Sasl(failure),
                _ => InitiatingServerError::StreamClosed,
            }),
        });
    }

    /// Takes the reader's failure.
    pub fn handle_read_error(&mut self, error: &ReadError) {
        self.step(|_, _| Err(InitiatingServerError::Violation(error.into())));
    }

    /// Takes the end of the TLS handshake, certificate verified. A new stream begins (§5.4.3.3).
    pub fn handle_tls(&mut self, info: TlsInfo, now: Instant) {
        if self.timed_out(now) {
            return;
        }
        if matches!(self.state, State::TlsHandshake) {
            self.context.security = Security::Tls(info);
            self.context.open();
            self.state = State::AwaitHeader(AwaitHeader { authenticated: false });
        }
    }

    /// Takes the answer to [`InitiatingServerEvent::VerifyKey`], and tells the other side. One that comes too late is
    /// dropped.
    pub fn handle_key(&mut self, claim: &KeyToVerify, answer: KeyAnswer, now: Instant) {
        if self.timed_out(now) || !self.context.claims.settle(claim) {
            return;
        }
        let answer = match answer {
            KeyAnswer::Valid => {
                self.context.claims.prove(claim.pair.clone(), ServerProof::Dialback);
                KeyAnswer::Valid
            }
            // XEP-0220 §2.2.1: the stream has a proven pair, and goes on.
            KeyAnswer::Invalid => Condition::Forbidden.into(),
            KeyAnswer::Error(error) => KeyAnswer::Error(error),
        };
        self.context.answer_key(claim.pair.clone(), answer);
    }

    /// Gives up if the deadline has passed, on the stream or on a single key.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.timed_out(now);
    }

    /// Asks the other side to take stanzas of one more pair (XEP-0220 §2.6), which is answered by
    /// [`Proven`](InitiatingServerEvent::Proven) or [`NotAccepted`](InitiatingServerEvent::NotAccepted). `false` where that
    /// can't be: dialback is not allowed or not spoken, the stream is not established, or has as many pairs as it may have.
    /// Nor for another target domain than the stream's, where the other side does not know errors of dialback: it might
    /// close the stream over one that it does not serve (XEP-0220 §2.6.2).
    pub fn add_pair(&mut self, pair: &DomainPair, now: Instant) -> bool {
        let context = &self.context;
        let possible = context.policy.dialback && context.declares_dialback && context.for_stanzas;
        let possible = possible && (pair.target == context.pair.target || context.knows_dialback_errors);
        matches!(self.state, State::Open) && possible && self.context.send_key(pair, now).unwrap_or(false)
    }

    /// Asks the other side, as the authoritative server, about a key (XEP-0220 §2.1.2), as soon as the stream can be used
    /// for that. The answer is [`KeyVerified`](InitiatingServerEvent::KeyVerified), in any case; at once if there are too
    /// many already, or the stream is closed.
    pub fn verify_key(&mut self, request: KeyToVerify, now: Instant) {
        let open = !matches!(self.state, State::Closing | State::Closed);
        if !open || !self.context.requests.note_verification(request.clone(), now) {
            let condition = if open { Condition::ResourceConstraint } else { Condition::RemoteServerTimeout };
            self.context.event(InitiatingServerEvent::KeyVerified { request, answer: condition.into() });
        } else if matches!(self.state, State::Open | State::AwaitResult(_)) {
            self.context.send_verifications();
        }
    }

    /// Ends our stream in good order (§4.4): nothing is sent any more, but what the other side still sends, such as
    /// acknowledgements, is taken until it ends its own, which brings [`InitiatingServerEvent::Closed`], or did not in the
    /// policy's time.
    pub fn finish(&mut self, now: Instant) {
        if self.timed_out(now) {
            return;
        }
        if !matches!(self.state, State::Open | State::Closing) {
            return self.close();
        }
        if !matches!(self.state, State::Closing) {
            self.state = State::Closing;
            self.context.finish();
            self.deadline = now.checked_add(self.context.policy.closing_timeout);
        }
    }

    /// Closes the stream at once. Does nothing to a closed one.
    pub fn close(&mut self) {
        self.end(None);
    }

    /// Closes the stream because of what the other side did (§4.9).
    pub fn close_with(&mut self, error: StreamError) {
        self.end(Some(InitiatingServerError::Violation(error)));
    }

    /// What to do or to know next; `None`: nothing more until something happens.
    pub fn poll_event(&mut self) -> Option<InitiatingServerEvent> {
        self.context.next_event()
    }

    /// Appends what is to be sent to `out`; `false` if there was nothing.
    pub fn take_output(&mut self, out: &mut Vec<u8>) -> bool {
        self.context.take(out)
    }

    /// When to call [`handle_timeout`](Self::handle_timeout); `None` while there is no deadline.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let (requests, claims) = (self.context.requests.next_deadline(), self.context.claims.next_deadline());
        [self.deadline, requests, claims].into_iter().flatten().min()
    }

    /// For which pair it was opened.
    #[must_use]
    pub fn pair(&self) -> &DomainPair {
        &self.context.pair
    }

    /// The pairs of which stanzas may be sent.
    #[must_use]
    pub fn accepted_pairs(&self) -> &[(DomainPair, ServerProof)] {
        self.context.requests.accepted()
    }

    /// May the other side send stanzas of `sender` to `target` on this stream (RFC 6120 §8.1.1.2, §8.1.2.2)? On a
    /// bidirectional one, the inverse of what it accepted, and what it proved by dialback (XEP-0288 §2.2).
    #[must_use]
    pub fn is_proven(&self, sender: &DomainRef, target: &DomainRef) -> bool {
        let accepted = self.context.requests.accepted();
        self.context.bidi
            && (accepted.iter().any(|(pair, _)| pair.is(target, sender))
                || self.context.claims.is_proven(sender, target))
    }

    /// Is nothing processed any more?
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// The id of the stream as it is now (§4.7.3), if its header came and had one.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.context.id.as_deref()
    }

    /// What protects the stream by now.
    #[must_use]
    pub fn security(&self) -> &Security {
        &self.context.security
    }

    fn step(&mut self, step: impl FnOnce(State, &mut Context) -> Step) {
        let state = std::mem::replace(&mut self.state, State::Closed);
        match state {
            State::Closed => return,
            // What follows was sent in plaintext and must not be read (§5.4.3.3).
            State::TlsHandshake => {
                self.state = state;
                return;
            }
            state => match step(state, &mut self.context) {
                Ok(state) => self.state = state,
                Err(error) => self.context.close(Some(error)),
            },
        }
        if matches!(self.state, State::Open | State::Closed) {
            self.deadline = None;
        }
    }

    fn timed_out(&mut self, now: Instant) -> bool {
        if self.deadline.is_some_and(|deadline| now >= deadline) {
            if matches!(self.state, State::Closing) {
                self.end(None);
                return true;
            }
            let error = match &self.state {
                // Servers of before stream features send none (§4.7.5).
                State::AwaitFeatures(AwaitFeatures { fault: Some(fault), .. }) => {
                    InitiatingServerError::Violation(fault.clone())
                }
                state => InitiatingServerError::Timeout { waiting_for: state.awaited() },
            };
            self.end(Some(error));
            return true;
        }
        while let Some(pair) = self.context.requests.expired_key(now) {
            if pair == self.context.pair && matches!(self.state, State::AwaitResult(_)) {
                self.end(Some(InitiatingServerError::Timeout { waiting_for: self.state.awaited() }));
                return true;
            }
            let answer = Condition::RemoteServerTimeout.into();
            self.context.event(InitiatingServerEvent::NotAccepted { pair, answer });
        }
        while let Some(request) = self.context.requests.expired_verification(now) {
            let answer = Condition::RemoteServerTimeout.into();
            self.context.event(InitiatingServerEvent::KeyVerified { request, answer });
        }
        while let Some(claim) = self.context.claims.expired(now) {
            self.context.answer_key(claim.pair, Condition::RemoteServerTimeout.into());
        }
        false
    }

    fn end(&mut self, error: Option<InitiatingServerError>) {
        self.deadline = None;
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Closed => {}
            State::TlsHandshake | State::Closing => self.context.closed(error),
            _ => self.context.close(error),
        }
    }
}

impl fmt::Debug for InitiatingServerStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InitiatingServerStream")
            .field("pair", &self.context.pair)
            .field("awaits", &self.state.awaited())
            .finish_non_exhaustive()
    }
}

impl State {
    /// What comes next, in words.
    fn awaited(&self) -> &'static str {
        match self {
            State::AwaitHeader(_) => "a stream header",
            State::AwaitFeatures(_) => "stream features",
            State::AwaitProceed => "the answer to STARTTLS",
            State::TlsHandshake => "TLS",
            State::AwaitSasl(_) => "the outcome of EXTERNAL",
            State::AwaitResult(_) => "the answer to the dialback key",
            State::Open => "nothing",
            State::Closing => "the other side's end",
            State::Closed => "the end",
        }
    }

    /// Takes a first-level element.
    fn element(self, element: RawElement, context: &mut Context, now: Instant) -> Step {
        if let Some(error) = StreamError::parse(&element) {
            return Err(InitiatingServerError::StreamError(error));
        }
        match self {
            State::AwaitFeatures(state) => state.handle(&element, context, now),
            State::AwaitProceed if element.is("proceed", ns::TLS) => {
                context.event(InitiatingServerEvent::StartTls);
                Ok(State::TlsHandshake)
            }
            State::AwaitProceed if element.is("failure", ns::TLS) => Err(InitiatingServerError::TlsRefused),
            State::AwaitSasl(state) => state.handle(&element, context, now),
            state @ (State::AwaitResult(_) | State::Open) => match DialbackElement::read(&element) {
                Some(dialback) => {
                    let dialback = dialback.map_err(InitiatingServerError::Violation)?;
                    negotiation::dialback(dialback, state, context, now)
                }
                None if matches!(state, State::AwaitResult(_)) => Err(unexpected(&element)),
                None => open(element, context),
            },
            State::AwaitHeader(_) | State::AwaitProceed => Err(unexpected(&element)),
            State::Closing => {
                // Nothing can be answered, so what wants an answer is left alone.
                let bidi = context.bidi || element.namespace() != ns::SERVER;
                if bidi && !matches!(element.namespace(), ns::DIALBACK | ns::SASL | ns::TLS | ns::STREAM) {
                    context.event(InitiatingServerEvent::Element(element));
                }
                Ok(State::Closing)
            }
            state @ (State::TlsHandshake | State::Closed) => Ok(state),
        }
    }
}

/// Takes an element once the stream can be used.
fn open(element: RawElement, context: &mut Context) -> Step {
    let negotiation = matches!(element.namespace(), ns::STREAM | ns::TLS | ns::SASL | ns::CLIENT);
    if negotiation || element.namespace() == ns::SERVER && !context.bidi {
        return Err(unexpected(&element));
    }
    context.event(InitiatingServerEvent::Element(element));
    Ok(State::Open)
}
