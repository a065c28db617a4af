//! From the first octet to the bound resource: drives `jabiru-negotiation` over a connection.

use std::io;
use std::time::Instant;

use jabiru_negotiation::{ClientStream, Event, Security};
use jabiru_net::{Connection, Wake};
use jabiru_stanza::{DomainPart, StreamError};
use jabiru_xml::Reader;

use crate::bound::Bound;
use crate::live::Entry;
use crate::service::{Service, Transport};
use crate::{credentials, watch::Since};

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
    let negotiation = Negotiation {
        service,
        transport,
        connection,
        entry,
        machine: ClientStream::new(service.policy.clone(), security, start),
        reader: Reader::new(service.settings.unauthenticated),
        input: Vec::new(),
        to: None,
        bound: None,
        proven: service.watch.now(),
    };
    negotiation.run().await
}

impl Negotiation<'_> {
    async fn run(mut self) -> io::Result<Negotiated> {
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
                Wake::Received(chunk) => self.input.extend_from_slice(&chunk),
                Wake::Ended => return Ok(Negotiated::Gone),
                Wake::Deadline => self.machine.handle_timeout(Instant::now()),
                Wake::EndOrdered(error) => self.machine.close(error),
            }
        }
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
            Event::RestartStream => self.reader = Reader::new(self.service.settings.unauthenticated),
            Event::LookUpCredentials { account, hash } => {
                self.proven = self.service.watch.now();
                let within = self.service.settings.storage_timeout;
                let answer = credentials::look_up(&*self.service.accounts, &account, hash, within).await;
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
            }
            Event::AuthenticationFailed { account, condition, mechanism } => {
                let account = account.map(tracing::field::display);
                let mechanism = mechanism.map(tracing::field::display);
                let condition = condition.name();
                tracing::info!(account, mechanism, condition, peer = %self.connection.peer(), "authentication failed");
            }
            Event::BindResource { account, requested } => {
                let Service { router, settings, .. } = self.service;
                let result = Bound::bind(router, settings, &account, requested, self.connection.outbox()).await;
                self.machine.handle_bind(result.map(|bound| self.bound.insert(bound).jid.clone()));
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
                let established = Established { bound, lang, reader, input, proven: self.proven };
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

    async fn start_tls(&mut self) -> io::Result<()> {
        let Transport::StartTls(settings) = self.transport else {
            return Err(io::Error::other("STARTTLS was negotiated on a listener without it"));
        };
        self.push_output();
        // RFC 6120 §5.4.3.3: what was sent in clear behind <starttls/> is never read as part of the
        // protected stream.
        self.input.clear();
        self.reader = Reader::new(self.service.settings.unauthenticated);
        let now = Instant::now();
        let within = self
            .machine
            .poll_timeout()
            .map_or(self.service.policy.negotiation_timeout, |deadline| deadline.saturating_duration_since(now));
        let info = self.connection.receive_tls(settings, self.to.as_deref(), within).await?;
        self.machine.handle_tls(info, Instant::now());
        Ok(())
    }

    fn push_output(&mut self) {
        let machine = &mut self.machine;
        let mut output = Vec::new();
        if machine.take_output(&mut output) {
            // Refused only after an order to end, which comes back as a wake and closes the machine.
            if let Err(refused) = self.connection.outbox().push(|out| out.extend_from_slice(&output)) {
                tracing::debug!(%refused, "negotiation can't go on");
            }
        }
    }
}

/// One line on how a stream ended.
pub(crate) fn log_end(connection: &Connection, error: Option<&StreamError>) {
    match error {
        None => tracing::debug!(peer = %connection.peer(), "stream closed"),
        Some(error) => tracing::debug!(peer = %connection.peer(), %error, "stream closed with an error"),
    }
}
