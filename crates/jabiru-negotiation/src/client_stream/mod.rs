//! Stream negotiation as the receiving entity of a client stream.
//!
//! Covers stream headers, features and restarts (RFC 6120 §4.2 to §4.7), STARTTLS (§5), SASL (§6) and resource binding
//! (§7). Elements go in, bytes and [`Event`]s come out; the caller owns the socket, the TLS session and the clock.
//! What happens to stanzas afterwards is the business of the floors above.

mod anonymous;
mod bind;
mod context;
mod external;
mod header;
mod plain;
mod sasl;
mod scram;
mod starttls;

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use jabiru_stanza::{FullJid, RawElement, StreamCondition, StreamError, ns};
use jabiru_xml::ReadError;

use self::bind::{AwaitBind, AwaitResource};
use self::context::Context;
use self::external::AwaitExternalAccount;
use self::header::AwaitHeader;
use self::plain::{AwaitPasswordCheck, AwaitPlainCredentials};
use self::sasl::{AwaitAuth, AwaitInitialResponse};
use self::scram::{AwaitScramCredentials, AwaitScramProof};
use self::starttls::AwaitStartTls;
use crate::{BindError, CredentialsAnswer, Event, Mechanism, PasswordOutcome, Policy, Security, TlsInfo};

/// One client stream, seen from the receiving entity, up to the bound resource.
///
/// Four kinds of method: `handle_*` take what happened outside (an element, a finished TLS handshake, credentials, a
/// deadline); commands such as [`close`](Self::close) take what the caller wants; [`poll_event`](Self::poll_event) and
/// [`take_output`](Self::take_output) hand back what to do next; getters take `&self`. After each call the
/// caller sends the output, acts on the events in order, and keeps the timer of
/// [`poll_timeout`](Self::poll_timeout).
pub struct ClientStream {
    state: State,
    context: Context,
    /// When to give up; `None` once a resource is bound or the stream closed.
    deadline: Option<Instant>,
    /// What came while we waited for ourselves, at most [`MAX_HELD`].
    held: VecDeque<jabiru_xml::Event>,
}

enum State {
    /// A stream begins: the first one, or that after TLS or SASL (§4.3.3).
    AwaitHeader(AwaitHeader),
    /// `<starttls/>` offered as mandatory to negotiate (§5.4.1).
    AwaitStartTls(AwaitStartTls),
    /// `<proceed/>` sent: the next octet belongs to TLS (§5.4.2.3).
    TlsHandshake,
    /// Mechanisms offered, none chosen (§6.4.1).
    AwaitAuth(AwaitAuth),
    /// A mechanism chosen without an initial response (§6.4.3).
    AwaitInitialResponse(AwaitInitialResponse),
    /// For a SCRAM exchange, of our own storage.
    AwaitScramCredentials(AwaitScramCredentials),
    /// `server-first-message` sent (RFC 5802 §5).
    AwaitScramProof(AwaitScramProof),
    /// For PLAIN, of our own storage.
    AwaitPlainCredentials(AwaitPlainCredentials),
    /// For EXTERNAL, of our own storage.
    AwaitExternalAccount(AwaitExternalAccount),
    /// The password is being checked.
    AwaitPasswordCheck(AwaitPasswordCheck),
    /// Binding offered (§7.4).
    AwaitBind(AwaitBind),
    /// The resource is being bound.
    AwaitResource(AwaitResource),
    /// Negotiation is complete (§4.3.5).
    Established,
    /// Nothing is processed any more.
    Closed,
}

impl ClientStream {
    /// A stream that awaits its header. With [`Security::Tls`] TLS was there before the stream (XEP-0368).
    #[must_use]
    pub fn new(policy: Arc<Policy>, security: Security, now: Instant) -> ClientStream {
        let deadline = now.checked_add(policy.negotiation_timeout);
        ClientStream {
            state: State::AwaitHeader(AwaitHeader { authenticated: None }),
            context: Context::new(policy, security),
            deadline,
            held: VecDeque::new(),
        }
    }

    /// Takes what the reader read.
    ///
    /// While the stream [is waiting](Self::is_waiting) for the caller it is held back, up to a small number of
    /// elements; better not to read on then.
    pub fn handle_event(&mut self, event: jabiru_xml::Event, now: Instant) {
        if self.timed_out(now) {
            return;
        }
        match event {
            // The end of the other direction waits for nobody.
            jabiru_xml::Event::StreamClose => self.close(None),
            event if !self.is_waiting() => self.take(event),
            event if self.held.len() < MAX_HELD => self.held.push_back(event),
            _ => self.close(Some(StreamError::new(StreamCondition::PolicyViolation).with_text("too much at once"))),
        }
    }

    /// Takes the reader's failure: the stream ends with the stream error that says what it was (§4.9.3, §11.1).
    pub fn handle_read_error(&mut self, error: &ReadError) {
        self.close(Some(error.into()));
    }

    /// Takes the end of the TLS handshake that [`Event::StartTls`] asked for. A new header follows (§5.4.3.3).
    pub fn handle_tls(&mut self, info: TlsInfo, now: Instant) {
        if self.timed_out(now) {
            return;
        }
        if matches!(self.state, State::TlsHandshake) {
            self.context.security = Security::Tls(info);
            self.context.header_sent = false;
            self.state = State::AwaitHeader(AwaitHeader { authenticated: None });
        }
    }

    /// Takes the answer to [`Event::LookUpCredentials`]. One that comes too late, for a closed stream, is dropped.
    pub fn handle_credentials(&mut self, answer: CredentialsAnswer, now: Instant) {
        if self.timed_out(now) {
            return;
        }
        self.step(|state, context| match state {
            State::AwaitScramCredentials(state) => state.handle(answer, context),
            State::AwaitPlainCredentials(state) => state.handle(answer, context),
            State::AwaitExternalAccount(state) => state.handle(&answer, context),
            state => Ok(state),
        });
        self.take_held();
    }

    /// Takes the outcome of [`Event::CheckPassword`]. One that comes too late, for a closed stream, is dropped.
    pub fn handle_password_check(&mut self, outcome: PasswordOutcome, now: Instant) {
        if self.timed_out(now) {
            return;
        }
        self.step(|state, context| match state {
            State::AwaitPasswordCheck(state) => state.handle(outcome.into_correct(), context),
            state => Ok(state),
        });
        self.take_held();
    }

    /// Takes the answer to [`Event::BindResource`]: the full JID that is bound now.
    ///
    /// If the stream was closed meanwhile this changes nothing: the caller, who got [`Event::Closed`], unbinds.
    pub fn handle_bind(&mut self, result: Result<FullJid, BindError>) {
        self.step(|state, context| match state {
            State::AwaitResource(state) => state.handle(result, context),
            state => Ok(state),
        });
        if matches!(self.state, State::Established) {
            self.deadline = None;
        }
        self.take_held();
    }

    /// Closes the stream with `connection-timeout` if its deadline has passed (§4.9.3.4).
    pub fn handle_timeout(&mut self, now: Instant) {
        self.timed_out(now);
    }

    /// Closes the stream, with or without an error. Does nothing to a closed stream.
    ///
    /// During the TLS handshake nothing can be sent, so nothing is.
    pub fn close(&mut self, error: Option<StreamError>) {
        self.deadline = None;
        self.held.clear();
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Closed | State::Established => {}
            State::TlsHandshake => self.context.output.event(Event::Closed { error }),
            _ => self.context.close(error),
        }
    }

    /// What to do or to know next; `None`: nothing more until something happens.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.context.output.next_event()
    }

    /// Appends what is to be sent to `out`; `false` if there was nothing.
    pub fn take_output(&mut self, out: &mut Vec<u8>) -> bool {
        self.context.output.take(out)
    }

    /// After [`Event::Established`]: what had arrived behind the request to bind, for the caller to process, in order.
    pub fn poll_held(&mut self) -> Option<jabiru_xml::Event> {
        if matches!(self.state, State::Established) { self.held.pop_front() } else { None }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout); `None` once there is no deadline any more.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadline
    }

    /// Does it wait for the caller, be it for credentials, a password check or a resource?
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        matches!(
            self.state,
            State::AwaitScramCredentials(_)
                | State::AwaitPlainCredentials(_)
                | State::AwaitExternalAccount(_)
                | State::AwaitPasswordCheck(_)
                | State::AwaitResource(_)
        )
    }

    /// The mechanism of the SASL handshake that is going on; `None` between handshakes. Whoever throttles guesses at
    /// passwords asks it at [`Event::LookUpCredentials`]: nothing is guessed by [`Mechanism::External`].
    #[must_use]
    pub fn mechanism(&self) -> Option<Mechanism> {
        match &self.state {
            State::AwaitInitialResponse(state) => Some(state.mechanism()),
            State::AwaitScramCredentials(state) => Some(state.mechanism()),
            State::AwaitScramProof(state) => Some(state.mechanism()),
            State::AwaitPlainCredentials(_) | State::AwaitPasswordCheck(_) => Some(Mechanism::Plain),
            State::AwaitExternalAccount(_) => Some(Mechanism::External),
            State::AwaitHeader(_)
            | State::AwaitStartTls(_)
            | State::TlsHandshake
            | State::AwaitAuth(_)
            | State::AwaitBind(_)
            | State::AwaitResource(_)
            | State::Established
            | State::Closed => None,
        }
    }

    fn take(&mut self, event: jabiru_xml::Event) {
        match event {
            jabiru_xml::Event::StreamOpen(root) => self.step(|state, context| match state {
                State::AwaitHeader(state) => state.handle(&root, context),
                // Behind <starttls/>, in plaintext: none of it may be read (§5.4.3.3).
                State::TlsHandshake => Ok(State::TlsHandshake),
                _ => Err(StreamError::new(StreamCondition::BadFormat).with_text("a stream is open")),
            }),
            jabiru_xml::Event::Element(element) => self.step(|state, context| state.element(&element, context)),
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
            Err(error) => self.context.close(Some(error)),
        }
        if matches!(self.state, State::Closed) {
            self.deadline = None;
            self.held.clear();
        }
    }

    /// Goes on with what was held back, until the next wait.
    fn take_held(&mut self) {
        while !self.is_waiting() && !matches!(self.state, State::Established) {
            match self.held.pop_front() {
                Some(event) => self.take(event),
                None => break,
            }
        }
    }

    fn timed_out(&mut self, now: Instant) -> bool {
        let over = self.deadline.is_some_and(|deadline| now >= deadline);
        if over {
            let error = StreamError::new(StreamCondition::ConnectionTimeout).with_text("negotiation took too long");
            self.close(Some(error));
        }
        over
    }
}

/// Nothing of what was received or is to be sent: there may be a password in it.
impl fmt::Debug for ClientStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientStream").field("state", &self.state.name()).finish_non_exhaustive()
    }
}

impl State {
    fn name(&self) -> &'static str {
        match self {
            State::AwaitHeader(_) => "AwaitHeader",
            State::AwaitStartTls(_) => "AwaitStartTls",
            State::TlsHandshake => "TlsHandshake",
            State::AwaitAuth(_) => "AwaitAuth",
            State::AwaitInitialResponse(_) => "AwaitInitialResponse",
            State::AwaitScramCredentials(_) => "AwaitScramCredentials",
            State::AwaitScramProof(_) => "AwaitScramProof",
            State::AwaitPlainCredentials(_) => "AwaitPlainCredentials",
            State::AwaitExternalAccount(_) => "AwaitExternalAccount",
            State::AwaitPasswordCheck(_) => "AwaitPasswordCheck",
            State::AwaitBind(_) => "AwaitBind",
            State::AwaitResource(_) => "AwaitResource",
            State::Established => "Established",
            State::Closed => "Closed",
        }
    }

    /// Takes a first-level element.
    fn element(self, element: &RawElement, context: &mut Context) -> Result<State, StreamError> {
        match self {
            // Behind <starttls/>, in plaintext: none of it may be read (§5.4.3.3).
            State::TlsHandshake => Ok(State::TlsHandshake),
            _ if element.is("error", ns::STREAM) => {
                // §4.9.1.1: the other side has found an error and closes; there is nothing to answer.
                context.close(None);
                Ok(State::Closed)
            }
            State::AwaitStartTls(state) => state.handle(element, context),
            State::AwaitAuth(state) => state.handle(element, context),
            // §5.4.2.2: not offered at this point.
            _ if crate::starttls::is_command(element) => Ok(starttls::refuse(context)),
            State::AwaitInitialResponse(state) => state.handle(element, context),
            State::AwaitScramProof(state) => state.handle(element, context),
            State::AwaitBind(state) => state.handle(element, context),
            State::AwaitHeader(_) => {
                Err(StreamError::new(StreamCondition::BadFormat).with_text("a stream header is awaited"))
            }
            // Held back while waiting; the caller's business afterwards.
            state @ (State::AwaitScramCredentials(_)
            | State::AwaitPlainCredentials(_)
            | State::AwaitExternalAccount(_)
            | State::AwaitPasswordCheck(_)
            | State::AwaitResource(_)
            | State::Established
            | State::Closed) => Ok(state),
        }
    }
}

/// Elements held back while we wait for ourselves; more is no negotiation any more.
const MAX_HELD: usize = 8;
