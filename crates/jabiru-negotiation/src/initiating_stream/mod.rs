//! Stream negotiation as the initiating entity of a client stream: for clients, bots and tests.
//!
//! Covers the same as [`ClientStream`](crate::ClientStream) from the other end: stream headers and features (RFC 6120
//! §4.2, §4.3), STARTTLS (§5), SASL (§6) and resource binding (§7). Whether the certificate shown belongs to the
//! domain (§13.7.2) is for whoever does the TLS handshake to decide, before [`InitiatingStream::handle_tls`].

mod context;
mod error;
mod login;
mod sasl;

use std::fmt;
use std::time::{Duration, Instant};

use jabiru_stanza::{
    BareJid, ContentNamespace, FullJid, RawElement, StanzaError, StreamCondition, StreamError, StreamFeatures,
    StreamHeader, ns,
};
use jabiru_xml::{Element, ReadError};

use self::context::Context;
use self::sasl::AwaitSasl;
use crate::{Mechanism, Security, TlsInfo};

pub use error::InitiatingError;
pub use login::{Authentication, Login};

/// What the initiating entity insists on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitiatingPolicy {
    /// Never go on without TLS, whatever is offered (§13.8).
    pub require_tls: bool,
    /// Use STARTTLS where it is offered. Without it and with `require_tls` only direct TLS (XEP-0368) is left.
    pub use_starttls: bool,
    /// Send the password itself, if under TLS nothing better is offered (§13.8.3).
    pub plain: bool,
    /// Default language of what we send (§4.7.4).
    pub lang: String,
    /// From the first octet to the bound resource.
    pub negotiation_timeout: Duration,
}

/// TLS required, PLAIN allowed under it, English, one minute.
impl Default for InitiatingPolicy {
    fn default() -> InitiatingPolicy {
        InitiatingPolicy {
            require_tls: true,
            use_starttls: true,
            plain: true,
            lang: "en".to_owned(),
            negotiation_timeout: Duration::from_secs(60),
        }
    }
}

/// What the caller of [`InitiatingStream`] has to do or to know next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InitiatingEvent {
    /// The next octet belongs to TLS. The caller drops its reader with every octet read behind `<proceed/>`, does the
    /// handshake as the client, verifies the certificate and reports with
    /// [`handle_tls`](InitiatingStream::handle_tls).
    StartTls,
    /// The caller replaces its reader by a new one (§6.3.2).
    RestartStream,
    /// The account was authenticated, and where the mechanism can prove it, so was the server.
    Authenticated {
        /// By which mechanism.
        mechanism: Mechanism,
    },
    /// Negotiation is complete.
    Established {
        /// The bound resource, as the server determined it (§7.6.1).
        jid: FullJid,
    },
    /// The end; `None` if the caller wanted it.
    Closed {
        /// Why.
        error: Option<InitiatingError>,
    },
}

/// One client stream, seen from the initiating entity, up to the bound resource.
///
/// It is held as [`ClientStream`](crate::ClientStream) is; the stream header is in its output at once. SCRAM makes it
/// compute for some milliseconds within [`handle_event`](Self::handle_event).
pub struct InitiatingStream {
    state: State,
    context: Context,
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
    /// The request to bind sent (§7.6, §7.7).
    AwaitBind,
    /// Negotiation is complete.
    Established,
    /// Nothing is processed any more.
    Closed,
}

/// A stream began, for the first time or anew.
struct AwaitHeader {
    authenticated: bool,
}

struct AwaitFeatures {
    authenticated: bool,
    /// What is wrong with the response header. Said only now: a stream error may have stood here instead, which
    /// says more (§4.9.1.3).
    fault: Option<StreamError>,
}

impl InitiatingStream {
    /// A stream whose header is ready to be sent. With [`Security::Tls`] TLS was there before the stream.
    #[must_use]
    pub fn new(login: Login, policy: InitiatingPolicy, security: Security, now: Instant) -> InitiatingStream {
        let deadline = now.checked_add(policy.negotiation_timeout);
        let mut context = Context::new(login, policy, security);
        context.open();
        let state = State::AwaitHeader(AwaitHeader { authenticated: false });
        InitiatingStream { state, context, deadline }
    }

    /// Takes what the reader read.
    pub fn handle_event(&mut self, event: jabiru_xml::Event, now: Instant) {
        if self.timed_out(now) {
            return;
        }
        self.step(|state, context| match event {
            jabiru_xml::Event::StreamOpen(root) => state.header(&root, context),
            jabiru_xml::Event::Element(element) => state.element(&element, context),
            jabiru_xml::Event::StreamClose => Err(InitiatingError::StreamClosed),
        });
    }

    /// Takes the reader's failure.
    pub fn handle_read_error(&mut self, error: &ReadError) {
        self.step(|_, _| Err(InitiatingError::Violation(error.into())));
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

    /// Gives up if the deadline has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.timed_out(now);
    }

    /// Closes the stream. Does nothing to a closed or established one.
    pub fn close(&mut self) {
        self.end(None);
    }

    /// What to do or to know next; `None`: nothing more until something happens.
    pub fn poll_event(&mut self) -> Option<InitiatingEvent> {
        self.context.next_event()
    }

    /// Appends what is to be sent to `out`; `false` if there was nothing.
    pub fn take_output(&mut self, out: &mut Vec<u8>) -> bool {
        self.context.take(out)
    }

    /// When to call [`handle_timeout`](Self::handle_timeout); `None` once there is no deadline any more.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadline
    }

    fn step(&mut self, step: impl FnOnce(State, &mut Context) -> Result<State, InitiatingError>) {
        let state = std::mem::replace(&mut self.state, State::Closed);
        match state {
            State::Closed => return,
            // What follows is the caller's, or was sent in plaintext and must not be read (§5.4.3.3).
            State::Established | State::TlsHandshake => {
                self.state = state;
                return;
            }
            state => match step(state, &mut self.context) {
                Ok(state) => self.state = state,
                Err(error) => self.context.close(Some(error)),
            },
        }
        if matches!(self.state, State::Established | State::Closed) {
            self.deadline = None;
        }
    }

    fn timed_out(&mut self, now: Instant) -> bool {
        let over = self.deadline.is_some_and(|deadline| now >= deadline);
        if over {
            self.end(Some(InitiatingError::Timeout));
        }
        over
    }

    fn end(&mut self, error: Option<InitiatingError>) {
        self.deadline = None;
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Closed => {}
            State::Established => self.state = State::Established,
            State::TlsHandshake => self.context.event(InitiatingEvent::Closed { error }),
            _ => self.context.close(error),
        }
    }
}

/// Nothing of what is to be sent: there may be a password in it.
impl fmt::Debug for InitiatingStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InitiatingStream").field("login", &self.context.login).finish_non_exhaustive()
    }
}

impl State {
    fn header(self, root: &RawElement, context: &mut Context) -> Result<State, InitiatingError> {
        let State::AwaitHeader(AwaitHeader { authenticated }) = self else {
            return Err(violation("unexpected stream header"));
        };
        let header = StreamHeader::parse(root, ContentNamespace::Client).map_err(InitiatingError::Violation)?;
        let domain = context.login.jid.domain().as_str();
        let other =
            header.from.as_deref().is_some_and(|from| BareJid::new(from).map_or(true, |from| from.as_str() != domain));
        let old = header.version.is_none_or(|version| version < (1, 0));
        let fault = match (other, old) {
            (true, _) => Some(StreamError::new(StreamCondition::InvalidFrom)),
            (false, true) => Some(StreamError::new(StreamCondition::UnsupportedVersion)),
            (false, false) => None,
        };
        Ok(State::AwaitFeatures(AwaitFeatures { authenticated, fault }))
    }

    fn element(self, element: &RawElement, context: &mut Context) -> Result<State, InitiatingError> {
        if let Some(error) = StreamError::parse(element) {
            return Err(InitiatingError::StreamError(error));
        }
        match self {
            State::AwaitFeatures(state) => state.handle(element, context),
            State::AwaitProceed if element.is("proceed", ns::TLS) => {
                context.event(InitiatingEvent::StartTls);
                Ok(State::TlsHandshake)
            }
            State::AwaitProceed if element.is("failure", ns::TLS) => Err(InitiatingError::TlsRefused),
            State::AwaitSasl(state) => state.handle(element, context),
            State::AwaitBind => bound(element, context),
            State::AwaitHeader(_) | State::AwaitProceed => Err(violation("unexpected element")),
            state @ (State::TlsHandshake | State::Established | State::Closed) => Ok(state),
        }
    }
}

impl AwaitFeatures {
    /// Goes on with what is mandatory next: TLS, then SASL, then binding (§5.3.4, §7.1).
    fn handle(self, element: &RawElement, context: &mut Context) -> Result<State, InitiatingError> {
        let Some(features) = StreamFeatures::parse(element) else {
            return Err(violation("stream features are awaited"));
        };
        if let Some(fault) = self.fault {
            return Err(InitiatingError::Violation(fault));
        }
        if self.authenticated {
            if !features.bind() {
                return Err(stuck(&features).unwrap_or_else(|| violation("resource binding is not offered")));
            }
            return Ok(bind(context));
        }
        match (&context.security, features.starttls()) {
            (Security::Plaintext, Some(_)) if context.policy.use_starttls => {
                context.element(&Element::new("starttls", ns::TLS));
                Ok(State::AwaitProceed)
            }
            // Never fall back: the offer may have been taken away on the way.
            (Security::Plaintext, _) if context.policy.require_tls => Err(InitiatingError::TlsNotOffered),
            (Security::Plaintext | Security::Tls(_), _) if features.mechanisms().is_empty() => {
                Err(stuck(&features).unwrap_or(InitiatingError::NoMechanism))
            }
            (Security::Plaintext | Security::Tls(_), _) => AwaitSasl::begin(&features, context).map(State::AwaitSasl),
        }
    }
}

/// Asks for a resource (§7.6, §7.7).
fn bind(context: &mut Context) -> State {
    let mut bind = Element::new("bind", ns::BIND);
    if let Some(resource) = &context.login.resource {
        bind.push_child(Element::new("resource", ns::BIND).with_text(resource.as_str()));
    }
    let iq =
        Element::new("iq", ns::CLIENT).with_attribute("type", "set").with_attribute("id", BIND_ID).with_child(bind);
    context.element(&iq);
    State::AwaitBind
}

/// Takes the answer: the JID is the one that the server states, whatever was asked for (§7.7.1).
fn bound(element: &RawElement, context: &mut Context) -> Result<State, InitiatingError> {
    if !element.is("iq", ns::CLIENT) || element.attribute("id").as_deref() != Some(BIND_ID) {
        return Err(violation("the answer to the request to bind is awaited"));
    }
    if let Some(error) = StanzaError::parse(element) {
        return Err(InitiatingError::Bind(error));
    }
    let jid = element.child("bind", ns::BIND).and_then(|bind| bind.child("jid", ns::BIND));
    let jid = jid.and_then(|jid| FullJid::new(jid.text().trim()).ok());
    let jid = jid.filter(|_| element.attribute("type").as_deref() == Some("result"));
    let jid = jid.ok_or_else(|| violation("no address in the answer to the request to bind"))?;
    context.event(InitiatingEvent::Established { jid });
    Ok(State::Established)
}

/// Features with nothing that we know, and something that has to be negotiated first (§4.9.3.23).
fn stuck(features: &StreamFeatures) -> Option<InitiatingError> {
    features.unknown_mandatory().map(InitiatingError::Violation)
}

/// What the other side did is no XMPP.
fn violation(text: &'static str) -> InitiatingError {
    InitiatingError::Violation(StreamError::new(StreamCondition::UndefinedCondition).with_text(text))
}

/// There is one request per stream, and nothing else before its answer.
const BIND_ID: &str = "bind";
