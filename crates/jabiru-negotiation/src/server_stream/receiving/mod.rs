//! Stream negotiation as the receiving entity of a server stream.

mod context;
mod event;
mod header;
mod policy;
mod proof;

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use jabiru_stanza::{
    Condition, DomainPart, DomainRef, RawElement, SaslCondition, SaslFailure, StreamCondition, StreamError, ns,
};
use jabiru_xml::ReadError;

use self::context::{Context, out_of_turn};
use self::header::{AwaitCertificate, AwaitHeader};
use self::proof::{AwaitInitialResponse, AwaitProof, Settled};
use super::ServerProof;
use crate::dialback::DialbackElement;
use crate::{DomainPair, KeyAnswer, KeyToVerify, Security, TlsInfo, starttls};

pub use event::{CertificateAnswer, ReceivingServerEvent};
pub use policy::ReceivingServerPolicy;

/// One server stream, seen from the receiving entity, for as long as it lasts.
///
/// It is held as [`ClientStream`](crate::ClientStream) is: after each call the caller sends the output, acts on the events
/// in order, and keeps the timer of [`poll_timeout`](Self::poll_timeout). Every first-level element goes through it, for
/// dialback may come at any time; what is none of its business comes back as [`ReceivingServerEvent::Element`].
pub struct ReceivingServerStream {
    state: State,
    context: Context,
    /// When to give up on one who proves nothing, or does not end its stream; `None` while the stream can be used.
    deadline: Option<Instant>,
    /// What came while the caller judged a certificate, at most [`MAX_HELD`].
    held: VecDeque<jabiru_xml::Event>,
}

enum State {
    /// A stream begins: the first one, or that after TLS or SASL (§4.3.3).
    AwaitHeader(AwaitHeader),
    /// A certificate is being judged; features come afterwards.
    AwaitCertificate(AwaitCertificate),
    /// `<starttls/>` offered as mandatory to negotiate (§5.4.1).
    AwaitStartTls,
    /// `<proceed/>` sent: the next octet belongs to TLS (§5.4.2.3).
    TlsHandshake,
    /// Ways to prove something offered, nothing proven yet.
    AwaitProof(AwaitProof),
    /// EXTERNAL chosen without an initial response (§6.4.3).
    AwaitInitialResponse(AwaitInitialResponse),
    /// Something is proven (§4.3.5).
    Open,
    /// We ended our stream, and the other side has yet to end its own (§4.4).
    Closing,
    /// Nothing is processed any more.
    Closed,
}

impl ReceivingServerStream {
    /// A stream that awaits its header. With [`Security::Tls`] TLS was there before the stream (XEP-0368).
    #[must_use]
    pub fn new(policy: Arc<ReceivingServerPolicy>, security: Security, now: Instant) -> ReceivingServerStream {
        let deadline = now.checked_add(policy.negotiation_timeout);
        ReceivingServerStream {
            state: State::AwaitHeader(AwaitHeader { authenticated: false }),
            context: Context::new(policy, security),
            deadline,
            held: VecDeque::new(),
        }
    }

    /// Takes what the reader read.
    ///
    /// While the stream [is waiting](Self::is_waiting) for the caller it is held back, up to a small number of elements;
    /// better not to read on then.
    pub fn handle_event(&mut self, event: jabiru_xml::Event, now: Instant) {
        if self.timed_out(now) {
            return;
        }
        match event {
            // The end of the other direction waits for nobody.
            jabiru_xml::Event::StreamClose => self.close(None),
            event if !self.is_waiting() => self.take(event, now),
            event if self.held.len() < MAX_HELD => self.held.push_back(event),
            _ => self.close(Some(StreamError::new(StreamCondition::PolicyViolation).with_text("too much at once"))),
        }
    }

    /// Takes the reader's failure: the stream ends with the stream error that says what it was (§4.9.3, §11.1).
    pub fn handle_read_error(&mut self, error: &ReadError) {
        self.close(Some(error.into()));
    }

    /// Takes the end of the TLS handshake that [`ReceivingServerEvent::StartTls`] asked for. A new header follows (§5.4.3.3).
    pub fn handle_tls(&mut self, info: TlsInfo, now: Instant) {
        if self.timed_out(now) {
            return;
        }
        if matches!(self.state, State::TlsHandshake) {
            self.context.security = Security::Tls(info);
            // Who it was said to be in plaintext counts no more; nothing was proven yet (§5.4.3.3).
            self.context.peer = None;
            self.context.header_sent = false;
            self.state = State::AwaitHeader(AwaitHeader { authenticated: false });
        }
    }

    /// Takes the answer to [`ReceivingServerEvent::JudgeCertificate`]. One that comes too late, for a closed stream, is
    /// dropped.
    pub fn handle_certificate(&mut self, answer: CertificateAnswer, now: Instant) {
        if self.timed_out(now) {
            return;
        }
        self.step(|state, context| match state {
            State::AwaitCertificate(state) => state.handle(answer, context),
            state => Ok(state),
        });
        while !self.is_waiting() {
            match self.held.pop_front() {
                Some(event) => self.take(event, now),
                None => break,
            }
        }
    }

    /// Takes the answer to [`ReceivingServerEvent::VerifyKey`], and tells the other side. One that comes too late, for a
    /// stream that restarted or closed, is dropped.
    ///
    /// What the authoritative server said is given [relayed](KeyAnswer::relayed), what is a matter of policy as it is to
    /// be told (XEP-0220 §2.5). After [`KeyAnswer::Invalid`] the stream ends, unless something else is proven on it.
    pub fn handle_key(&mut self, claim: &KeyToVerify, answer: KeyAnswer, now: Instant) {
        if self.timed_out(now) {
            return;
        }
        match proof::settle(claim, answer, &mut self.context) {
            Settled::Nothing => {}
            Settled::Proven => self.step(|state, _| match state {
                State::AwaitProof(AwaitProof) => Ok(State::Open),
                state => Ok(state),
            }),
            Settled::Spoofed => self.close(None),
        }
    }

    /// Closes the stream with `connection-timeout` if nothing was proven in time (§4.9.3.4), and answers keys that nobody
    /// verified.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.timed_out(now);
    }

    /// Ends our stream in good order (§4.4): nothing is sent any more, but what the other side still sends is taken until it
    /// ends its own, which brings [`ReceivingServerEvent::Closed`], or did not in the policy's time.
    pub fn finish(&mut self, now: Instant) {
        if self.timed_out(now) {
            return;
        }
        if !matches!(self.state, State::Open | State::Closing) {
            return self.close(None);
        }
        if !matches!(self.state, State::Closing) {
            self.state = State::Closing;
            self.context.finish();
            self.deadline = now.checked_add(self.context.policy.closing_timeout);
        }
    }

    /// Closes the stream at once, with or without an error. Does nothing to a closed stream.
    ///
    /// During the TLS handshake nothing can be sent, so nothing is.
    pub fn close(&mut self, error: Option<StreamError>) {
        self.deadline = None;
        self.held.clear();
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Closed => {}
            State::TlsHandshake | State::Closing => {
                self.context.output.event(ReceivingServerEvent::Closed { error, peer_error: None });
            }
            _ => self.context.close(error, None),
        }
    }

    /// What to do or to know next; `None`: nothing more until something happens.
    pub fn poll_event(&mut self) -> Option<ReceivingServerEvent> {
        self.context.output.next_event()
    }

    /// Appends what is to be sent to `out`; `false` if there was nothing.
    pub fn take_output(&mut self, out: &mut Vec<u8>) -> bool {
        self.context.output.take(out)
    }

    /// When to call [`handle_timeout`](Self::handle_timeout); `None` while there is no deadline.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.deadline, self.context.claims.next_deadline()].into_iter().flatten().min()
    }

    /// Does it wait for the caller to judge a certificate? For answers to keys it does not wait: other things may be said
    /// meanwhile.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        matches!(self.state, State::AwaitCertificate(_))
    }

    /// Is something proven, and the features behind it said, so that stanzas may be sent where the stream is
    /// [bidirectional](Self::is_bidirectional)? Not between EXTERNAL and the stream that follows it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }

    /// Was it proven on this stream that it may carry stanzas of `sender` to `target` (RFC 6120 §8.1.1.2, §8.1.2.2)?
    ///
    /// EXTERNAL proves the two domains of the stream header; every other pair needs dialback.
    #[must_use]
    pub fn is_proven(&self, sender: &DomainRef, target: &DomainRef) -> bool {
        self.context.claims.is_proven(sender, target)
    }

    /// All pairs that were proven, in the order in which they were.
    #[must_use]
    pub fn proven_pairs(&self) -> &[(DomainPair, ServerProof)] {
        self.context.claims.proven()
    }

    /// May stanzas be sent on this stream, of the inverse of each [proven](Self::proven_pairs) pair (XEP-0288 §2.2)?
    #[must_use]
    pub fn is_bidirectional(&self) -> bool {
        self.context.bidi
    }

    /// As which domain the other side opened the stream. Before something is proven that is only what it says.
    #[must_use]
    pub fn peer_domain(&self) -> Option<&DomainPart> {
        self.context.peer.as_ref()
    }

    /// The hosted domain that the stream was opened to.
    #[must_use]
    pub fn local_domain(&self) -> Option<&DomainPart> {
        self.context.local.as_ref()
    }

    /// The id of the stream as it is now (§4.7.3); empty before the first header.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.context.id
    }

    /// The default language of stanzas from the other side (§4.7.4), if its header stated a sound one.
    #[must_use]
    pub fn lang(&self) -> Option<&str> {
        self.context.lang.as_deref()
    }

    fn take(&mut self, event: jabiru_xml::Event, now: Instant) {
        match event {
            jabiru_xml::Event::StreamOpen(root) => self.step(|state, context| match state {
                State::AwaitHeader(state) => state.handle(&root, context),
                // Behind <starttls/>, in plaintext: none of it may be read (§5.4.3.3).
                State::TlsHandshake => Ok(State::TlsHandshake),
                _ => Err(StreamError::new(StreamCondition::BadFormat).with_text("a stream is open")),
            }),
            jabiru_xml::Event::Element(element) => self.step(|state, context| state.element(element, context, now)),
            jabiru_xml::Event::StreamClose => self.close(None),
        }
    }

    /// Gives back the state that a step leads to; an error leaves the stream closed.
    fn step(&mut self, step: impl FnOnce(State, &mut Context) -> Result<State, StreamError>) {
        let state = std::mem::replace(&mut self.state, State::Closed);
        if matches!(state, State::Closed) {
            return;
        }
        match step(state, &mut self.context) {
            Ok(state) => self.state = state,
            Err(error) => self.context.close(Some(error), None),
        }
        match self.state {
            State::Open => self.deadline = None,
            State::Closed => {
                self.deadline = None;
                self.held.clear();
            }
            _ => {}
        }
    }

    fn timed_out(&mut self, now: Instant) -> bool {
        if self.deadline.is_some_and(|deadline| now >= deadline) {
            let error = StreamError::new(StreamCondition::ConnectionTimeout).with_text("nothing was proven in time");
            let ended = matches!(self.state, State::Closing);
            self.close(Some(error).filter(|_| !ended));
            return true;
        }
        while let Some(claim) = self.context.claims.expired(now) {
            self.context.answer_key(claim.pair, Condition::RemoteServerTimeout.into());
        }
        false
    }
}

impl fmt::Debug for ReceivingServerStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceivingServerStream")
            .field("state", &self.state.name())
            .field("local", &self.context.local)
            .field("peer", &self.context.peer)
            .field("proven", &self.context.claims.proven())
            .finish_non_exhaustive()
    }
}

impl State {
    fn name(&self) -> &'static str {
        match self {
            State::AwaitHeader(_) => "AwaitHeader",
            State::AwaitCertificate(_) => "AwaitCertificate",
            State::AwaitStartTls => "AwaitStartTls",
            State::TlsHandshake => "TlsHandshake",
            State::AwaitProof(_) => "AwaitProof",
            State::AwaitInitialResponse(_) => "AwaitInitialResponse",
            State::Open => "Open",
            State::Closing => "Closing",
            State::Closed => "Closed",
        }
    }

    /// Takes a first-level element.
    fn element(self, element: RawElement, context: &mut Context, now: Instant) -> Result<State, StreamError> {
        match self {
            // Behind <starttls/>, in plaintext: none of it may be read (§5.4.3.3).
            State::TlsHandshake => return Ok(State::TlsHandshake),
            // Held back while the caller judges; and nothing comes to a closed stream.
            state @ (State::AwaitCertificate(_) | State::Closed) => return Ok(state),
            State::AwaitStartTls | State::AwaitHeader(_) | State::AwaitProof(_) => {}
            State::AwaitInitialResponse(_) | State::Open | State::Closing => {}
        }
        if let Some(error) = StreamError::parse(&element) {
            // §4.9.1.1: the other side has found an error and closes; there is nothing to answer.
            context.close(None, Some(error));
            return Ok(State::Closed);
        }
        if matches!(self, State::Closing) {
            // Nothing can be answered, so what wants an answer is left alone.
            if !matches!(element.namespace(), ns::DIALBACK | ns::SASL | ns::TLS | ns::BIDI) {
                context.output.event(ReceivingServerEvent::Element(element));
            }
            return Ok(State::Closing);
        }
        if matches!(self, State::AwaitHeader(_)) {
            return Err(StreamError::new(StreamCondition::BadFormat).with_text("a stream header is awaited"));
        }
        if let Some(dialback) = DialbackElement::read(&element) {
            proof::dialback(dialback?, context, now)?;
            return Ok(self);
        }
        match self {
            State::AwaitStartTls if starttls::is_command(&element) => Ok(proof::proceed(&element, context)),
            State::AwaitStartTls if element.is("auth", ns::SASL) => {
                // §6.5.4; the stream goes on, for <starttls/> may still come.
                let failure = SaslFailure::new(SaslCondition::EncryptionRequired).with_text("TLS has to come first");
                proof::fail(failure, context)?;
                Ok(State::AwaitStartTls)
            }
            State::AwaitStartTls => Err(out_of_turn(&element, "STARTTLS is required")),
            state @ (State::AwaitProof(_) | State::Open) if proof::bidi(&element, context) => Ok(state),
            State::AwaitProof(state) => state.handle(&element, context),
            // §5.4.2.2: not offered at this point.
            _ if starttls::is_command(&element) => Ok(proof::refuse_starttls(context)),
            State::AwaitInitialResponse(state) => state.handle(&element, context),
            // Nothing is left to prove by SASL; and stanzas of a client stream have no business here (§4.8.3).
            State::Open if matches!(element.namespace(), ns::SASL | ns::CLIENT) => {
                Err(out_of_turn(&element, "there is no place for this on the stream"))
            }
            State::Open => {
                context.output.event(ReceivingServerEvent::Element(element));
                Ok(State::Open)
            }
            state => Ok(state),
        }
    }
}

/// Elements held back while a certificate is judged; more is no negotiation any more.
const MAX_HELD: usize = 8;
