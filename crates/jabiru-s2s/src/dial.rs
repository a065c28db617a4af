//! Reaching another server: from the look-up of its domain to a stream that it takes stanzas on (RFC 6120 §10.4.2).

use std::fmt;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jabiru_negotiation::{
    DomainPair, InitiatingServerError, InitiatingServerEvent, InitiatingServerPolicy, InitiatingServerStream,
    KeyAnswer, KeyToVerify, Security, ServerProof, ServerPurpose, TlsInfo,
};
use jabiru_net::{Beginning, Connection, Wake, caught};
use jabiru_router::RemoteError;
use jabiru_stanza::{StreamCondition, StreamError, StreamFeatures};
use jabiru_xml::Reader;

use crate::carry::finish;
use crate::connect::{ConnectLimits, Connected, Connector};
use crate::judge::{Judgement, judge};
use crate::live::Entry;
use crate::plain::plain;
use crate::policy::{Require, Rules};
use crate::report::{Direction, Method, TlsReport, Verdict};
use crate::resolve::ServerTarget;
use crate::service::Service;
use crate::steps;
use crate::trace::Trace;

/// A stream that we opened.
pub(crate) struct Dialled {
    pub(crate) connection: Connection,
    pub(crate) machine: InitiatingServerStream,
    pub(crate) reader: Reader,
    /// Octets that came behind the last element.
    pub(crate) input: Vec<u8>,
    pub(crate) entry: Entry,
    /// What the other side offers besides.
    pub(crate) features: StreamFeatures,
    /// Whether it may send stanzas, too.
    pub(crate) bidi: bool,
    /// What its certificate proves.
    pub(crate) judgement: Judgement,
    /// Its certificates, its own first.
    pub(crate) chain: Vec<Vec<u8>>,
}

/// Why there is no stream: which step failed, and what the other side said.
#[derive(Clone, Debug)]
pub(crate) struct DialError {
    /// What senders are told.
    pub(crate) remote: RemoteError,
    /// In words for the operator.
    pub(crate) text: String,
    /// Whether it may be otherwise in a moment, as with a server that starts again.
    pub(crate) passing: bool,
    /// Whether this server wanted no stream: then no other server of the domain is tried.
    pub(crate) ours: bool,
}

impl DialError {
    fn new(remote: RemoteError, step: &str, text: impl fmt::Display) -> DialError {
        DialError { remote, text: format!("{step}: {}", plain(text)), passing: false, ours: false }
    }

    fn passing(self) -> DialError {
        DialError { passing: true, ..self }
    }

    /// The server was found, but there is no stream with it (RFC 6120 §10.4.3).
    fn stream(step: &str, text: impl fmt::Display) -> DialError {
        DialError::new(RemoteError::Timeout, step, text)
    }
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What an attempt led to.
enum Outcome {
    Established(Box<Dialled>),
    Verified(KeyAnswer),
}

/// Opens a stream for stanzas of a pair, trying one server of the domain after the other, within the settings' bounds.
///
/// # Errors
/// [`DialError`] with the last thing that went wrong.
pub(crate) async fn dial(service: &Arc<Service>, pair: &DomainPair, trace: &Trace) -> Result<Box<Dialled>, DialError> {
    match dial_for(service, pair, ServerPurpose::Stanzas, trace).await? {
        Outcome::Established(dialled) => Ok(dialled),
        Outcome::Verified(_) => Err(DialError::stream("stream", "it answered what was not asked")),
    }
}

/// Asks the authoritative server of a domain about a key (XEP-0220 §2.1.2), over a connection for that alone.
///
/// # Errors
/// As [`dial`].
pub(crate) async fn ask(service: &Arc<Service>, claim: &KeyToVerify, trace: &Trace) -> Result<KeyAnswer, DialError> {
    let purpose = ServerPurpose::Verify(vec![claim.clone()]);
    match dial_for(service, &claim.pair.inverse(), purpose, trace).await? {
        Outcome::Verified(answer) => Ok(answer),
        Outcome::Established(_) => Err(DialError::stream("dialback", "the key was not answered")),
    }
}

async fn dial_for(
    service: &Arc<Service>,
    pair: &DomainPair,
    purpose: ServerPurpose,
    trace: &Trace,
) -> Result<Outcome, DialError> {
    let Some(rules) = service.policy().rules(&pair.target) else {
        return Err(DialError::new(RemoteError::Blocked, "policy", "the domain is not talked to"));
    };
    let within = service.settings.dial_timeout;
    let mut last = None;
    // Boxed: what connecting needs is large, and would be taken for as long as the stream lasts.
    let outcome =
        tokio::time::timeout(within, Box::pin(attempts(service, pair, &purpose, rules, trace, &mut last))).await;
    outcome.unwrap_or_else(|_| {
        let text = format_args!("there was none after {} s", within.as_secs());
        Err(last.unwrap_or_else(|| DialError::stream("stream", text).passing()))
    })
}

async fn attempts(
    service: &Arc<Service>,
    pair: &DomainPair,
    purpose: &ServerPurpose,
    rules: Rules,
    trace: &Trace,
    last: &mut Option<DialError>,
) -> Result<Outcome, DialError> {
    let places = match purpose {
        ServerPurpose::Stanzas => &service.dialling,
        ServerPurpose::Verify(_) => &service.asking,
    };
    // Held while connections are being made, and not while they are negotiated on: a server that takes its time there
    // keeps nobody waiting.
    let place = || async { places.acquire().await.ok() };
    let resolver = service.resolver.load_full();
    let began = Instant::now();
    let found = {
        let _place = place().await;
        resolver.find_telling(&pair.target, &mut |lookup| steps::srv(trace, lookup)).await
    };
    trace.note(began, || steps::found(&found));
    let found = found.map_err(|error| DialError::new(error.condition(), "DNS", error))?;
    let limits = ConnectLimits { total_timeout: service.settings.connect_timeout, ..ConnectLimits::default() };
    let mut connector = Connector::new((*resolver).clone(), &found, limits);
    loop {
        let connected = {
            let _place = place().await;
            connector.next(&mut |step| steps::connecting(trace, &step)).await
        };
        let Connected { socket, target, address } = match connected {
            Ok(connected) => connected,
            // What a server said that was reached says more than that another could not be.
            Err(error) => {
                let unreached = || DialError::new(error.condition(), "connect", &error).passing();
                return Err(last.take().unwrap_or_else(unreached));
            }
        };
        let connection = Connection::new(socket, address, service.settings.connection())
            .map_err(|error| DialError::stream("connect", error))?;
        let now = Instant::now();
        let (entry, ended) = service.live.enter(Direction::Outgoing, address, connection.outbox(), now);
        if ended.is_some() {
            return Err(DialError::stream("stream", "this server shuts down"));
        }
        entry.note(|facts| {
            facts.local = Some(pair.sender.clone());
            facts.remote = Some(pair.target.clone());
        });
        let attempt = Attempt { service, pair, rules, trace, target: &target };
        match caught(pin!(attempt.run(connection, entry, purpose.clone()))).await {
            Ok(Ok(outcome)) => return Ok(outcome),
            // Not because of that server.
            Ok(Err(error)) if error.ours => return Err(error),
            Ok(Err(error)) => {
                tracing::debug!(domain = %pair.target, %target, %address, %error, "no stream with this server");
                *last = Some(error);
            }
            Err(panicked) => {
                panicked.report(pair);
                *last = Some(DialError::new(RemoteError::Internal, "stream", "an error of this server"));
            }
        }
    }
}

/// One connection to one server of the domain.
struct Attempt<'a> {
    service: &'a Arc<Service>,
    pair: &'a DomainPair,
    rules: Rules,
    trace: &'a Trace,
    target: &'a ServerTarget,
}

impl Attempt<'_> {
    async fn run(self, mut connection: Connection, entry: Entry, purpose: ServerPurpose) -> Result<Outcome, DialError> {
        let service = self.service;
        let verifying = matches!(purpose, ServerPurpose::Verify(_));
        let policy = Arc::new(InitiatingServerPolicy {
            require_tls: self.rules.require_tls,
            bidi: service.policy().bidirectional,
            max_pairs: service.settings.pairs_per_stream,
            negotiation_timeout: service.settings.negotiation_timeout,
            dialback_timeout: service.settings.negotiation_timeout,
            ..InitiatingServerPolicy::new(service.dialback_secret.clone())
        });
        let (mut judgement, mut chain, mut refusal) = (Judgement::none(), Vec::new(), None);
        let security = if self.target.direct_tls {
            let info = self.begin_tls(&mut connection, Beginning::Direct, &entry).await?;
            chain.clone_from(&info.peer_certificates);
            (judgement, refusal) = self.judge(&chain, verifying).await;
            Security::Tls(info)
        } else {
            Security::Plaintext
        };
        let now = Instant::now();
        let machine = InitiatingServerStream::new(self.pair.clone(), purpose, policy, security, now);
        let mut dialled = Box::new(Dialled {
            connection,
            machine,
            reader: Reader::new(service.settings.unauthenticated),
            input: Vec::new(),
            entry,
            features: StreamFeatures::new(),
            bidi: false,
            judgement,
            chain,
        });
        if let Some(refusal) = refusal {
            return Err(self.refuse(dialled, refusal));
        }
        loop {
            while let Some(event) = dialled.machine.poll_event() {
                steps::negotiating(self.trace, &event, &dialled.machine);
                match event {
                    InitiatingServerEvent::StartTls => {
                        dialled.push_output();
                        // RFC 6120 §5.4.3.3: what came in clear behind <proceed/> is never read as part of the
                        // protected stream.
                        dialled.input.clear();
                        dialled.reader = Reader::new(service.settings.unauthenticated);
                        let info = self.begin_tls(&mut dialled.connection, Beginning::StartTls, &dialled.entry).await?;
                        dialled.chain.clone_from(&info.peer_certificates);
                        let (judgement, refusal) = self.judge(&dialled.chain, verifying).await;
                        dialled.judgement = judgement;
                        dialled.machine.handle_tls(info, Instant::now());
                        if let Some(refusal) = refusal {
                            return Err(self.refuse(dialled, refusal));
                        }
                    }
                    InitiatingServerEvent::RestartStream => {
                        dialled.push_output();
                        dialled.reader = Reader::new(service.settings.unauthenticated);
                    }
                    InitiatingServerEvent::Established { features, bidi } => {
                        if !self.is_proven(&dialled) {
                            // Only a stream without TLS gets here unjudged.
                            self.trace.note_next(|| steps::proven(&self.pair.target, &dialled.judgement, self.rules));
                            let why = "a certificate is required".to_owned();
                            let refusal =
                                Refusal { condition: StreamCondition::PolicyViolation, told: why.clone(), why };
                            return Err(self.refuse(dialled, refusal));
                        }
                        dialled.push_output();
                        dialled.features = features;
                        dialled.bidi = bidi;
                        dialled.reader.set_limits(service.settings.authenticated);
                        return Ok(Outcome::Established(dialled));
                    }
                    // Why there is no answer follows.
                    InitiatingServerEvent::KeyVerified { answer: KeyAnswer::Error(_), .. }
                        if dialled.machine.is_closed() => {}
                    InitiatingServerEvent::KeyVerified { answer, .. } => {
                        dialled.machine.close();
                        dialled.finish(service.settings.closing_timeout);
                        return Ok(Outcome::Verified(answer));
                    }
                    InitiatingServerEvent::Proven { by, .. } => dialled.entry.note(|facts| {
                        facts.proven.push(crate::live::ProvenPair {
                            local: self.pair.sender.clone(),
                            remote: self.pair.target.clone(),
                            proofs: dialled.judgement.proof.into_iter().collect(),
                            by: Some(method(by)),
                        });
                    }),
                    InitiatingServerEvent::ExternalFailed(failure) => {
                        tracing::info!(domain = %self.pair.target, condition = failure.condition.name(),
                            text = failure.text.as_deref(), "EXTERNAL was refused; trying dialback");
                    }
                    InitiatingServerEvent::Closed { error } => {
                        let text = match &error {
                            Some(error) => error.to_string(),
                            None => "it was closed".to_owned(),
                        };
                        dialled.finish(service.settings.closing_timeout);
                        let told = DialError::stream(step(error.as_ref()), text);
                        return Err(if is_passing(error.as_ref()) { told.passing() } else { told });
                    }
                    InitiatingServerEvent::Header(_)
                    | InitiatingServerEvent::Features(_)
                    | InitiatingServerEvent::Trying { .. }
                    | InitiatingServerEvent::NotAccepted { .. }
                    | InitiatingServerEvent::VerifyKey(_)
                    | InitiatingServerEvent::Refused { .. }
                    | InitiatingServerEvent::Element(_) => {}
                }
            }
            dialled.push_output();
            if dialled.read_one() {
                continue;
            }
            let deadline = dialled.machine.poll_timeout();
            match dialled.connection.next(deadline).await.map_err(|error| self.lost(&error.to_string()))? {
                Wake::Received(received) => {
                    dialled.input.extend_from_slice(&received);
                    dialled.machine.handle_timeout(Instant::now());
                }
                Wake::Ended => return Err(self.lost("the connection was closed")),
                Wake::Deadline => dialled.machine.handle_timeout(Instant::now()),
                Wake::EndOrdered(error) => {
                    match error {
                        Some(error) => dialled.machine.close_with(error),
                        None => dialled.machine.close(),
                    }
                    dialled.finish(service.settings.closing_timeout);
                    let told = DialError::stream("stream", "this server ended it");
                    return Err(DialError { ours: true, ..told });
                }
            }
        }
    }

    /// The connection is gone.
    fn lost(&self, why: &str) -> DialError {
        self.trace.note_next(|| (steps::closed(None), Verdict::Failed(why.to_owned())));
        DialError::stream("stream", why).passing()
    }

    async fn begin_tls(
        &self,
        connection: &mut Connection,
        beginning: Beginning,
        entry: &Entry,
    ) -> Result<TlsInfo, DialError> {
        let DomainPair { sender, target } = self.pair;
        let began = Instant::now();
        let within = self.service.settings.negotiation_timeout;
        let begun =
            connection.initiate_tls(&self.service.tls, sender.as_str(), target.as_str(), beginning, within).await;
        self.trace.note(began, || steps::tls(target, beginning, &begun));
        let info = begun.map_err(|error| {
            let told = DialError::stream("TLS", tls_error(&error));
            // What TLS itself has to say is said again the next time; a connection may be better then.
            if error.kind() == io::ErrorKind::InvalidData { told } else { told.passing() }
        })?;
        let version = steps::tls_version(&info).unwrap_or("unknown").to_owned();
        entry.note(|facts| {
            facts.tls = Some(TlsReport { version, direct: beginning == Beginning::Direct });
        });
        Ok(info)
    }

    /// Looks at the certificate. What an authoritative server says about keys is no secret and binds nobody by itself, so
    /// that one needs none where dialback would do.
    async fn judge(&self, chain: &[Vec<u8>], verifying: bool) -> (Judgement, Option<Refusal>) {
        let domain = &self.pair.target;
        let began = Instant::now();
        let judgement = judge(self.service, chain, domain, Some(self.target), self.rules, self.trace).await;
        self.trace.note(began, || steps::proven(domain, &judgement, self.rules));
        let without = self.rules.require == Require::Dialback || verifying;
        if judgement.suffices(self.rules) || (without && !judgement.denied) {
            return (judgement, None);
        }
        let refusal = Refusal {
            condition: StreamCondition::NotAuthorized,
            told: format!("the certificate does not prove {domain}: {}", judgement.told()),
            why: format!("the certificate does not prove {domain}: {judgement}"),
        };
        (judgement, Some(refusal))
    }

    /// May stanzas go there?
    fn is_proven(&self, dialled: &Dialled) -> bool {
        let Dialled { judgement, .. } = dialled;
        judgement.suffices(self.rules) || (self.rules.require == Require::Dialback && !judgement.denied)
    }

    /// Tells the other side why there will be no stream.
    fn refuse(&self, mut dialled: Box<Dialled>, refusal: Refusal) -> DialError {
        dialled.machine.close_with(StreamError::new(refusal.condition).with_text(refusal.told));
        dialled.finish(self.service.settings.closing_timeout);
        DialError::stream("certificate", refusal.why)
    }
}

/// Why there will be no stream.
struct Refusal {
    condition: StreamCondition,
    /// What the other side hears of it.
    told: String,
    why: String,
}

impl Dialled {
    pub(crate) fn push_output(&mut self) {
        let mut output = Vec::new();
        if self.machine.take_output(&mut output)
            && let Err(refused) = self.connection.outbox().push(|out| out.extend_from_slice(&output))
        {
            // Refused only after an order to end, which comes back as a wake and closes the machine.
            tracing::debug!(%refused, "a server stream can't go on");
        }
    }

    /// Hands one event of the stream to the machine; `false` if there is none in what was received.
    fn read_one(&mut self) -> bool {
        let mut rest = self.input.as_slice();
        let result = self.reader.read(&mut rest);
        let taken = self.input.len() - rest.len();
        self.input.drain(..taken);
        match result {
            Ok(Some(event)) => self.machine.handle_event(event, Instant::now()),
            Ok(None) => return false,
            Err(error) => self.machine.handle_read_error(&error),
        }
        true
    }

    /// Ends a stream that nobody wants any more.
    pub(crate) fn refuse(mut self: Box<Self>, error: StreamError, service: &Service) {
        self.machine.close_with(error);
        self.finish(service.settings.closing_timeout);
    }

    /// Sends what the closed machine left to say, and ends the connection, while nobody waits for that.
    fn finish(mut self: Box<Self>, within: Duration) {
        let mut last_words = Vec::new();
        self.machine.take_output(&mut last_words);
        let Dialled { connection, entry, .. } = *self;
        finish(connection, entry, last_words, within);
    }
}

pub(crate) fn method(by: ServerProof) -> Method {
    match by {
        ServerProof::External => Method::External,
        ServerProof::Dialback => Method::Dialback,
    }
}

/// In which step negotiation ended.
fn step(error: Option<&InitiatingServerError>) -> &'static str {
    match error {
        Some(InitiatingServerError::TlsNotOffered | InitiatingServerError::TlsRefused) => "STARTTLS",
        Some(InitiatingServerError::Sasl(_) | InitiatingServerError::NoProof) => "authentication",
        Some(InitiatingServerError::DialbackInvalid | InitiatingServerError::Dialback(_)) => "dialback",
        Some(_) | None => "stream",
    }
}

/// May it be otherwise in a moment?
fn is_passing(error: Option<&InitiatingServerError>) -> bool {
    match error {
        Some(InitiatingServerError::StreamError(error)) => matches!(
            error.condition(),
            StreamCondition::SystemShutdown
                | StreamCondition::Reset
                | StreamCondition::InternalServerError
                | StreamCondition::ResourceConstraint
                | StreamCondition::RemoteConnectionFailed
                | StreamCondition::ConnectionTimeout
        ),
        Some(InitiatingServerError::StreamClosed | InitiatingServerError::Timeout { .. }) => true,
        Some(_) | None => false,
    }
}

/// What TLS says, and what it means where the other side did not say anything.
pub(crate) fn tls_error(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::TimedOut => "the handshake took too long".to_owned(),
        io::ErrorKind::UnexpectedEof => "the other side closed the connection during the handshake".to_owned(),
        _ => error.to_string(),
    }
}
