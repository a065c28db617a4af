//! From the first octet to the bound resource: drives `jabiru-negotiation` over a connection.

use std::io;
use std::pin::pin;
use std::time::{Instant, SystemTime};

use jabiru_negotiation::{BindError, ClientStream, CredentialsAnswer, Event, Mechanism, ScramHash, Security, TlsInfo};
use jabiru_net::rate::{Meter, Pace};
use jabiru_net::{Connection, Wake, caught};
use jabiru_stanza::{
    BareJid, ContentNamespace, DomainPart, FullJid, ResourcePart, SaslCondition, StreamError, StreamHeader,
};
use jabiru_xml::Reader;
use tokio::sync::OwnedSemaphorePermit;

use crate::bound::Bound;
use crate::credentials;
use crate::farewell::{append_last_words, log_end, too_fast};
use crate::live::Entry;
use crate::refusal::response_header;
use crate::service::{Service, Transport};
use crate::throttle::{Guess, Throttle, Verdict};
use crate::watch::Since;

/// What has become of a new connection.
pub(crate) enum Negotiated {
    /// A stream with a bound resource.
    Established(Box<Established>),
    /// The stream has ended; these are its last words.
    Closed(Vec<u8>),
    /// There is nobody left to talk to.
    Gone,
}

pub(crate) struct Established {
    pub(crate) bound: Bound,
    pub(crate) lang: Option<String>,
    pub(crate) reader: Reader,
    /// Octets that came behind the request to bind.
    pub(crate) input: Vec<u8>,
    /// Since when the account's credentials count as proven.
    pub(crate) proven: Since,
    /// Of an account that was made up for the stream: its place among those.
    pub(crate) anonymous: Option<OwnedSemaphorePermit>,
    /// When the certificate expires by which the client was authenticated.
    pub(crate) certificate_expires: Option<SystemTime>,
}

struct Negotiation<'a> {
    service: &'a Service,
    transport: &'a Transport,
    connection: &'a mut Connection,
    entry: &'a Entry,
    machine: ClientStream,
    reader: Reader,
    input: Vec<u8>,
    /// The stream's domain as the client wrote it, for the certificate of a client without SNI.
    to: Option<String>,
    bound: Option<Bound>,
    proven: Since,
    /// Our stream header has been sent for the present stream.
    opened: bool,
    /// A guess at a password whose outcome is still to come.
    guess: Option<Guess>,
    /// How the client was authenticated, once it was.
    mechanism: Option<Mechanism>,
    anonymous: Option<OwnedSemaphorePermit>,
    /// When the client's certificate expires.
    certificate_expires: Option<SystemTime>,
    meter: Meter<'a>,
}

/// Negotiates a client stream on a new connection, within the policy's time.
///
/// # Errors
/// What the socket says.
pub(crate) async fn negotiate(
    service: &Service,
    transport: &Transport,
    connection: &mut Connection,
    entry: &Entry,
) -> io::Result<Negotiated> {
    let start = Instant::now();
    let security = match transport {
        Transport::Plain | Transport::StartTls(_) => Security::Plaintext,
        Transport::DirectTls(settings) => {
            let within = service.policy.negotiation_timeout;
            Security::Tls(connection.receive_tls(settings, None, within).await?)
        }
    };
    let mut negotiation = Negotiation {
        service,
        transport,
        connection,
        entry,
        certificate_expires: security.tls().and_then(certificate_expires),
        machine: ClientStream::new(service.policy.clone(), security, start),
        reader: Reader::new(service.settings.unauthenticated),
        input: Vec::new(),
        to: None,
        bound: None,
        proven: service.watch.now(),
        opened: false,
        guess: None,
        mechanism: None,
        anonymous: None,
        meter: Meter::new(&service.settings.rate, start),
    };
    let outcome = caught(pin!(negotiation.run())).await;
    match outcome {
        Ok(negotiated) => negotiated,
        Err(panicked) => {
            let error = panicked.report(&negotiation.connection.peer());
            Ok(Negotiated::Closed(negotiation.last_words(&error)))
        }
    }
}

fn certificate_expires(tls: &TlsInfo) -> Option<SystemTime> {
    tls.client_certificate.as_ref().and_then(|certificate| certificate.not_after)
}

/// A guess whose outcome nobody will hear.
impl Drop for Negotiation<'_> {
    fn drop(&mut self) {
        self.told(Throttle::abandoned);
    }
}

impl Negotiation<'_> {
    async fn run(&mut self) -> io::Result<Negotiated> {
        loop {
            while let Some(event) = self.machine.poll_event() {
                if let Some(negotiated) = self.act(event).await? {
                    return Ok(negotiated);
                }
            }
            self.push_output();
            if self.read_one() {
                continue;
            }
            match self.connection.next(self.machine.poll_timeout()).await? {
                Wake::Received(chunk) => {
                    self.input.extend_from_slice(&chunk);
                    match self.meter.read(chunk.len(), 0, Instant::now()) {
                        Pace::Go => {}
                        Pace::Rest(until) => self.rest(until).await?,
                        Pace::Close => self.machine.close(Some(too_fast())),
                    }
                    // While something is there to be read, the connection tells of no deadline.
                    self.machine.handle_timeout(Instant::now());
                }
                Wake::Ended => return Ok(Negotiated::Gone),
                Wake::Deadline => self.machine.handle_timeout(Instant::now()),
                Wake::EndOrdered(error) => self.machine.close(error),
            }
        }
    }

    /// Reads nothing until then, but for no longer than negotiation may take.
    async fn rest(&mut self, until: Instant) -> io::Result<()> {
        self.push_output();
        let until = self.machine.poll_timeout().map_or(until, |deadline| deadline.min(until));
        match self.connection.rest(until).await? {
            Wake::EndOrdered(error) => self.machine.close(error),
            Wake::Deadline | Wake::Received(_) | Wake::Ended => {}
        }
        Ok(())
    }

    /// Hands one event of the stream to the machine; `false` if there is none in what was received.
    fn read_one(&mut self) -> bool {
        let mut rest = self.input.as_slice();
        let result = self.reader.read(&mut rest);
        let taken = self.input.len() - rest.len();
        self.input.drain(..taken);
        match result {
            Ok(Some(event)) => {
                if let jabiru_xml::Event::StreamOpen(root) = &event {
                    self.to = root.attribute("to").map(|to| to.to_lowercase());
                    if let Some(Ok(to)) = self.to.as_deref().map(DomainPart::new) {
                        self.entry.address(to.into_owned());
                    }
                }
                self.machine.handle_event(event, Instant::now());
                true
            }
            Ok(None) => false,
            Err(error) => {
                self.machine.handle_read_error(&error);
                true
            }
        }
    }

    async fn act(&mut self, event: Event) -> io::Result<Option<Negotiated>> {
        match event {
            Event::StartTls => self.start_tls().await?,
            Event::RestartStream => {
                self.push_output();
                self.opened = false;
                self.reader = Reader::new(self.service.settings.unauthenticated);
            }
            Event::LookUpCredentials { account, hash } => {
                let answer = self.look_up(&account, hash).await?;
                self.machine.handle_credentials(answer, Instant::now());
            }
            Event::CheckPassword(check) => {
                let deadline = self.machine.poll_timeout();
                match self.service.computing.run(deadline, move || check.run()).await? {
                    Some(outcome) => self.machine.handle_password_check(outcome, Instant::now()),
                    None => self.machine.handle_timeout(Instant::now()),
                }
            }
            Event::Authenticated { account, mechanism } => {
                tracing::info!(%account, %mechanism, peer = %self.connection.peer(), "authenticated");
                self.mechanism = Some(mechanism);
                self.told(Throttle::succeeded);
            }
            Event::AuthenticationFailed { account, condition, mechanism } => {
                // A right password is no failure, whatever else is in the way.
                if condition == SaslCondition::NotAuthorized {
                    self.told(Throttle::failed);
                } else {
                    self.told(Throttle::abandoned);
                }
                let account = account.map(tracing::field::display);
                let mechanism = mechanism.map(tracing::field::display);
                let (peer, name) = (self.connection.peer(), condition.name());
                if condition == SaslCondition::TemporaryAuthFailure {
                    // Refused guesses cost whoever makes them nothing, so they must not fill the log either. What the
                    // storage did not answer has a line of its own.
                    tracing::debug!(account, mechanism, condition = name, %peer, "authentication failed");
                } else {
                    tracing::info!(account, mechanism, condition = name, %peer, "authentication failed");
                }
            }
            Event::BindResource { account, requested } => {
                let result = self.bind(&account, requested).await;
                self.machine.handle_bind(result);
            }
            Event::Established { jid, lang } => {
                self.push_output();
                self.connection.outbox().release_deliveries();
                let Some(bound) = self.bound.take().filter(|bound| bound.jid == jid) else {
                    return Err(io::Error::other("negotiation established a resource that was not bound"));
                };
                let mut reader =
                    std::mem::replace(&mut self.reader, Reader::new(self.service.settings.unauthenticated));
                reader.set_limits(self.service.settings.authenticated);
                let input = std::mem::take(&mut self.input);
                let certificate_expires =
                    self.certificate_expires.filter(|_| self.mechanism == Some(Mechanism::External));
                let established = Established {
                    bound,
                    lang,
                    reader,
                    input,
                    proven: self.proven,
                    anonymous: self.anonymous.take(),
                    certificate_expires,
                };
                return Ok(Some(Negotiated::Established(Box::new(established))));
            }
            Event::Closed { error } => {
                log_end(self.connection, error.as_ref());
                let mut last_words = Vec::new();
                self.machine.take_output(&mut last_words);
                return Ok(Some(Negotiated::Closed(last_words)));
            }
        }
        Ok(None)
    }

    /// Looks credentials up, at once or when those who guess at them may try again.
    async fn look_up(&mut self, account: &BareJid, hash: ScramHash) -> io::Result<CredentialsAnswer> {
        // A handshake that another `<auth/>` broke off.
        self.told(Throttle::abandoned);
        // Certificates are not guessed.
        let guessed = self.machine.mechanism() != Some(Mechanism::External);
        if let Some(throttle) = self.service.throttle.as_ref().filter(|_| guessed) {
            let now = Instant::now();
            let verdict = throttle.lock().ask(account, self.connection.peer().ip(), now);
            match verdict {
                Verdict::After(wait, guess) => {
                    self.guess = Some(guess);
                    if !wait.is_zero() {
                        tracing::debug!(%account, peer = %self.connection.peer(), ?wait, "guesses are slowed down");
                        self.rest(now + wait).await?;
                    }
                }
                Verdict::Refuse => {
                    tracing::debug!(%account, peer = %self.connection.peer(), "guesses are refused");
                    return Ok(CredentialsAnswer::Throttled);
                }
            }
        }
        self.proven = self.service.watch.now();
        let Service { accounts, settings, .. } = self.service;
        Ok(credentials::look_up(&**accounts, account, hash, settings.storage_timeout).await)
    }

    /// Tells the outcome of a guess, if one is under way.
    fn told(&mut self, outcome: impl FnOnce(&mut Throttle, &Guess, Instant)) {
        if let (Some(throttle), Some(guess)) = (&self.service.throttle, self.guess.take()) {
            outcome(&mut throttle.lock(), &guess, Instant::now());
        }
    }

    async fn bind(&mut self, account: &BareJid, requested: Option<ResourcePart>) -> Result<FullJid, BindError> {
        let Service { router, settings, .. } = self.service;
        if self.mechanism == Some(Mechanism::Anonymous) && self.anonymous.is_none() {
            let place = self.service.anonymous.clone().try_acquire_owned();
            self.anonymous = Some(place.map_err(|_| BindError::ResourceConstraint)?);
        }
        let bound = Bound::bind(router, settings, account, requested, self.connection.outbox()).await?;
        Ok(self.bound.insert(bound).jid.clone())
    }

    /// What is left to say after a panic: the machine may be in the middle of anything.
    fn last_words(&self, error: &StreamError) -> Vec<u8> {
        let mut last_words = Vec::new();
        if !self.opened {
            // RFC 6120 §4.9.1.2
            response_header(self.service, &StreamHeader::default()).write(&mut last_words, ContentNamespace::Client);
        }
        append_last_words(self.connection, Some(error), &mut last_words);
        last_words
    }

    async fn start_tls(&mut self) -> io::Result<()> {
        let Transport::StartTls(settings) = self.transport else {
            return Err(io::Error::other("STARTTLS was negotiated on a listener without it"));
        };
        self.push_output();
        // RFC 6120 §5.4.3.3: what was sent in clear behind <starttls/> is never read as part of the
        // protected stream.
        self.input.clear();
        self.reader = Reader::new(self.service.settings.unauthenticated);
        self.opened = false;
        let now = Instant::now();
        let within = self
            .machine
            .poll_timeout()
            .map_or(self.service.policy.negotiation_timeout, |deadline| deadline.saturating_duration_since(now));
        let info = self.connection.receive_tls(settings, self.to.as_deref(), within).await?;
        self.certificate_expires = certificate_expires(&info);
        self.machine.handle_tls(info, Instant::now());
        Ok(())
    }

    fn push_output(&mut self) {
        let machine = &mut self.machine;
        let mut output = Vec::new();
        if machine.take_output(&mut output) {
            self.opened = true;
            // Refused only after an order to end, which comes back as a wake and closes the machine.
            if let Err(refused) = self.connection.outbox().push(|out| out.extend_from_slice(&output)) {
                tracing::debug!(%refused, "negotiation can't go on");
            }
        }
    }
}
