//! A stream that another server opened, from the accepted connection to its close (RFC 6120 §4 to §8; XEP-0220; XEP-0288;
//! XEP-0198).

mod ending;
mod management;

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use jabiru_negotiation::{
    CertificateAnswer, DomainPair, ReceivingServerEvent, ReceivingServerStream, Security, ServerProof, TlsInfo,
};
use jabiru_net::{Admitted, Connection, Excess, Wake, caught};
use jabiru_router::Router;
use jabiru_stanza::{DomainPart, DomainRef, RawElement, StreamCondition, StreamError};
use jabiru_xml::{Event, Reader};
use tokio::sync::mpsc;

use self::ending::broken;
use self::management::Counting;
use crate::carry::{Answered, by_pings};
use crate::confirm::Confirming;
use crate::dial::method;
use crate::inbound::{Inbound, is_stanza};
use crate::judge::{Judgement, judge};
use crate::link::Link;
use crate::live::Entry;
use crate::outgoing;
use crate::pace::Pacing;
use crate::plain::plain;
use crate::policy::Require;
use crate::report::{Method, TlsReport};
use crate::service::{Service, Transport};
use crate::steps;
use crate::trace::Trace;
use crate::verify::{self, Shown};

impl Service {
    /// One connection from accept to close. With a `refusal`, nothing comes of it but that.
    pub(crate) async fn incoming(
        self: Arc<Self>,
        connection: Connection,
        transport: Arc<Transport>,
        entry: Entry,
        admitted: Result<Admitted, Excess>,
        refusal: Option<StreamError>,
    ) {
        let peer = connection.peer();
        let Some(router) = self.router() else { return };
        tracing::debug!(%peer, "server connected");
        let mut incoming = match Incoming::accept(&self, connection, &transport, entry, router, refusal).await {
            Ok(incoming) => incoming,
            Err(error) => {
                tracing::info!(%peer, %error, "a server's TLS handshake failed");
                return;
            }
        };
        incoming.admitted = Some(admitted);
        let ended = caught(pin!(incoming.run())).await;
        let outcome = match ended {
            Ok(outcome) => outcome,
            Err(panicked) => {
                let error = panicked.report(&peer);
                Ok(incoming.fail(error))
            }
        };
        incoming.end(outcome);
    }
}

/// One connection.
struct Incoming<'a> {
    service: &'a Arc<Service>,
    transport: &'a Transport,
    inbound: Inbound,
    connection: Connection,
    entry: Entry,
    /// Its place among connections, or among those that get none: taken until it is closed.
    admitted: Option<Result<Admitted, Excess>>,
    machine: ReceivingServerStream,
    reader: Reader,
    pacing: Pacing<'a>,
    refusal: Option<StreamError>,
    /// The other side's certificates, its own first.
    chain: Vec<Vec<u8>>,
    /// What they prove of the domain that the stream is from.
    judgement: Judgement,
    counting: Counting,
    /// What we send on this stream, as it is bidirectional.
    link: Option<Arc<Link>>,
    answers: (mpsc::Sender<Answered>, mpsc::Receiver<Answered>),
    /// When a stanza last came, or the stream began.
    last_heard: Instant,
    /// What is said before the machine's last words, when nothing can be put into the outbox any more.
    last_words: Vec<u8>,
    /// The last thing that came was the other side's last word on what it has handled.
    finished: bool,
    /// TLS has begun, with what was received last.
    secured: bool,
    /// A stanza has come.
    spoken: bool,
    /// A link has used the stream.
    offered: bool,
    /// When the stream is looked at next.
    next_tick: Instant,
    /// Domains that were not proven.
    refused: usize,
}

/// How the stream goes on.
enum Next {
    Read,
    End(End),
}

/// How it ended.
struct End {
    because: outgoing::Because,
    reason: String,
}

impl<'a> Incoming<'a> {
    async fn accept(
        service: &'a Arc<Service>,
        mut connection: Connection,
        transport: &'a Transport,
        entry: Entry,
        router: Router,
        refusal: Option<StreamError>,
    ) -> io::Result<Incoming<'a>> {
        let now = Instant::now();
        let (security, chain) = match transport {
            Transport::StartTls(_) => (Security::Plaintext, Vec::new()),
            Transport::DirectTls(settings) => {
                let within = service.settings.negotiation_timeout;
                let info = connection.receive_tls(settings, None, within).await?;
                note_tls(&entry, &info, true);
                let chain = info.peer_certificates.clone();
                (Security::Tls(info), chain)
            }
        };
        Ok(Incoming {
            service,
            transport,
            inbound: Inbound::new(router),
            connection,
            entry,
            admitted: None,
            machine: ReceivingServerStream::new(service.receiving(), security, now),
            reader: Reader::new(service.settings.unauthenticated),
            pacing: Pacing::new(&service.settings.rate, now),
            refusal,
            chain,
            judgement: Judgement::none(),
            counting: Counting::Off,
            link: None,
            answers: mpsc::channel(ANSWERS),
            last_heard: now,
            last_words: Vec::new(),
            finished: false,
            secured: false,
            spoken: false,
            offered: false,
            next_tick: now + TICK,
            refused: 0,
        })
    }

    /// Handles what comes until the stream ends.
    ///
    /// # Errors
    /// What the socket or TLS say.
    async fn run(&mut self) -> io::Result<End> {
        if self.refusal.is_some() {
            // Who gets no service gets little time to say whom it is not for.
            self.next_tick = Instant::now() + self.service.settings.closing_timeout;
        }
        loop {
            let now = Instant::now();
            if now >= self.next_tick {
                self.next_tick = now + TICK;
                if let Next::End(end) = self.tick(now).await? {
                    return Ok(end);
                }
            }
            let deadline = self.machine.poll_timeout().map_or(self.next_tick, |deadline| deadline.min(self.next_tick));
            let wake = tokio::select! {
                wake = self.pacing.next(&mut self.connection, Some(deadline)) => wake?,
                Some((claim, answer, proofs)) = self.answers.1.recv() => {
                    self.machine.handle_key(&claim, answer, Instant::now());
                    // It may have come too late.
                    if self.machine.is_proven(&claim.pair.sender, &claim.pair.target) {
                        self.entry.note(|facts| facts.prove(&claim.pair, proofs, Some(Method::Dialback)));
                    }
                    if let Next::End(end) = self.events().await? {
                        return Ok(end);
                    }
                    continue;
                }
            };
            let next = match wake {
                Wake::Received(chunk) => match (self.take(&chunk).await?, self.pacing.took(chunk.len())) {
                    (Next::Read, Some(error)) => Next::End(self.fail(error)),
                    (next, _) => next,
                },
                Wake::Ended => Next::End(broken("the other side closed the connection")),
                Wake::Deadline => {
                    self.machine.handle_timeout(Instant::now());
                    self.events().await?
                }
                // Somebody resumes the stream on another connection.
                Wake::EndOrdered(None) => Next::End(broken("another connection takes its place")),
                Wake::EndOrdered(Some(error)) => Next::End(self.end_ordered(error).await),
            };
            if let Next::End(end) = next {
                return Ok(end);
            }
        }
    }

    /// Handles what was received.
    async fn take(&mut self, mut input: &[u8]) -> io::Result<Next> {
        loop {
            match self.reader.read(&mut input) {
                Ok(None) => return Ok(Next::Read),
                Ok(Some(Event::Element(element))) if is_stanza(&element) && !self.machine.proven_pairs().is_empty() => {
                    self.pacing.count();
                    if let Next::End(end) = self.stanza(element).await {
                        return Ok(Next::End(end));
                    }
                }
                Ok(Some(event)) => {
                    self.pacing.count();
                    if let (Event::StreamOpen(_), Some(refusal)) = (&event, self.refusal.take()) {
                        return Ok(Next::End(self.fail(refusal)));
                    }
                    self.machine.handle_event(event, Instant::now());
                    if let Next::End(end) = self.events().await? {
                        return Ok(Next::End(end));
                    }
                    if std::mem::take(&mut self.secured) {
                        // RFC 6120 §5.4.3.3: what was sent in clear behind <starttls/> is never read as part of the
                        // protected stream.
                        return Ok(Next::Read);
                    }
                }
                Err(error) => {
                    self.machine.handle_read_error(&error);
                    return self.events().await;
                }
            }
        }
    }

    async fn stanza(&mut self, element: RawElement) -> Next {
        self.last_heard = Instant::now();
        self.finished = false;
        if self.counting.is_on() && self.service.live.takes_no_more() {
            return Next::Read;
        }
        if !self.spoken {
            // Of the header that counts: the one before may have been that of a stream in plaintext.
            self.spoken = true;
            self.inbound.set_lang(self.machine.lang());
        }
        let machine = &self.machine;
        let proven = |from: &DomainRef, to: &DomainRef| machine.is_proven(from, to);
        match self.inbound.stanza(self.service, self.entry.stream(), element, proven).await {
            Ok(()) => {
                self.counting.count();
                Next::Read
            }
            Err(error) => Next::End(self.fail(error)),
        }
    }

    /// Does what the machine wants.
    async fn events(&mut self) -> io::Result<Next> {
        while let Some(event) = self.machine.poll_event() {
            match event {
                ReceivingServerEvent::StartTls => self.start_tls().await?,
                ReceivingServerEvent::RestartStream => {
                    self.push_output();
                    let settings = &self.service.settings;
                    let unproven = self.machine.proven_pairs().is_empty();
                    self.reader = Reader::new(if unproven { settings.unauthenticated } else { settings.authenticated });
                }
                ReceivingServerEvent::JudgeCertificate { domain } => {
                    self.push_output();
                    if let Some(error) = self.judge(&domain).await {
                        self.machine.close(Some(error));
                    }
                }
                ReceivingServerEvent::VerifyKey(claim) => {
                    self.note_domains();
                    let secured = self.entry.stream().facts.lock().tls.is_some();
                    let shown = Shown { chain: self.chain.clone(), secured, address: self.connection.peer().ip() };
                    verify::spawn(self.service, claim, shown, self.answers.0.clone());
                }
                ReceivingServerEvent::Proven { pair, by } => self.proven(&pair, by),
                ReceivingServerEvent::Refused { pair, why } => {
                    self.refused += 1;
                    let (pair, why, peer) = (pair.map(tracing::field::display), plain(why), self.connection.peer());
                    // Whoever wants to fill a log can't do it here.
                    if self.refused <= REFUSALS_LOGGED {
                        tracing::warn!(pair, why, %peer, "a server did not prove its domain");
                    } else {
                        tracing::debug!(pair, why, %peer, "a server did not prove its domain");
                    }
                    if self.refused > self.service.settings.pairs_per_stream {
                        let error = StreamError::new(StreamCondition::PolicyViolation);
                        self.machine.close(Some(error.with_text("too many domains that are not proven")));
                    }
                }
                ReceivingServerEvent::KeyJudged { pair, answer } => {
                    self.service.awaited.key_judged(&pair, &answer, self.connection.peer());
                }
                ReceivingServerEvent::BidiEnabled => {
                    self.entry.note(|facts| facts.bidirectional = true);
                }
                ReceivingServerEvent::Element(element) => {
                    let next =
                        if is_stanza(&element) { self.stanza(element).await } else { self.management(&element).await };
                    if let Next::End(end) = next {
                        return Ok(Next::End(end));
                    }
                }
                ReceivingServerEvent::Closed { error, peer_error } => {
                    return Ok(Next::End(self.closed(error.as_ref(), peer_error.as_ref())));
                }
            }
        }
        self.push_output();
        self.offer_stream();
        Ok(Next::Read)
    }

    async fn start_tls(&mut self) -> io::Result<()> {
        let Transport::StartTls(settings) = self.transport else {
            return Err(io::Error::other("STARTTLS was negotiated on a listener without it"));
        };
        self.push_output();
        self.reader = Reader::new(self.service.settings.unauthenticated);
        let now = Instant::now();
        let within = self
            .machine
            .poll_timeout()
            .map_or(self.service.settings.negotiation_timeout, |deadline| deadline.saturating_duration_since(now));
        let local = self.machine.local_domain().map(|domain| domain.as_str().to_owned());
        let info = self.connection.receive_tls(settings, local.as_deref(), within).await?;
        note_tls(&self.entry, &info, false);
        self.chain.clone_from(&info.peer_certificates);
        self.secured = true;
        self.machine.handle_tls(info, Instant::now());
        Ok(())
    }

    /// Says whether the certificate is good for the domain; gives the error if that is the end.
    async fn judge(&mut self, domain: &DomainPart) -> Option<StreamError> {
        self.note_domains();
        let Some(rules) = self.service.policy().rules(domain) else {
            tracing::info!(%domain, peer = %self.connection.peer(), "a server was refused: the domain is not talked to");
            return Some(StreamError::new(StreamCondition::PolicyViolation).with_text("this domain is not talked to"));
        };
        let trace = Trace::silent();
        self.judgement = judge(self.service, &self.chain, domain, None, rules, &trace).await;
        let judgement = &self.judgement;
        if judgement.suffices(rules) {
            self.machine.handle_certificate(CertificateAnswer::Proves, Instant::now());
            return None;
        }
        if rules.require != Require::Dialback {
            tracing::warn!(%domain, peer = %self.connection.peer(), %judgement,
                "a server was refused: its certificate does not prove its domain");
            let error = StreamError::new(StreamCondition::NotAuthorized);
            return Some(error.with_text(format!("the certificate does not prove {domain}: {}", judgement.told())));
        }
        tracing::debug!(%domain, %judgement, "the certificate does not prove the domain; dialback may");
        let answer = CertificateAnswer::Refused { text: judgement.told() };
        self.machine.handle_certificate(answer, Instant::now());
        None
    }

    fn note_domains(&self) {
        self.entry.note(|facts| {
            facts.local = self.machine.local_domain().cloned();
            facts.remote = self.machine.peer_domain().cloned();
        });
    }

    fn proven(&mut self, pair: &DomainPair, by: ServerProof) {
        self.note_domains();
        self.reader.set_limits(self.service.settings.authenticated);
        if let Some(Ok(admitted)) = &mut self.admitted {
            admitted.established();
        }
        self.entry.note(|facts| {
            facts.established = true;
            // What dialback proved was noted with the answer to its key.
            if by == ServerProof::External {
                facts.prove(pair, self.judgement.proof.into_iter().collect(), Some(method(by)));
            }
        });
        tracing::info!(from = %pair.sender, domain = %pair.target, peer = %self.connection.peer(), %by,
            bidi = self.machine.is_bidirectional(), "stream from this domain established");
    }

    /// Lets stanzas to the other side go by this stream, if it is bidirectional and there is no other (XEP-0288); once its
    /// features are said, for the other side awaits them first.
    fn offer_stream(&mut self) {
        if self.link.is_some() || self.offered || !(self.machine.is_open() && self.machine.is_bidirectional()) {
            return;
        }
        // The first pair alone: stream management counts by the stream, and a link is for a pair.
        let Some((pair, _)) = self.machine.proven_pairs().first() else { return };
        let now = Instant::now();
        let Ok(link) = self.service.links.get_or_make(&pair.target, &pair.sender, now) else { return };
        if !link.claim() {
            return;
        }
        let confirming = match self.counting {
            Counting::Off => by_pings(),
            // Nothing was sent on it before, so the counts of both sides are zero.
            Counting::On(_) | Counting::Resumable(_) => Confirming::by_management(),
        };
        link.open(self.connection.outbox(), confirming, now);
        self.link = Some(link);
        // Once: a count can't be taken up by another link.
        self.offered = true;
    }

    /// Is the stream still good for anything?
    async fn tick(&mut self, now: Instant) -> io::Result<Next> {
        let settings = &self.service.settings;
        if let Some(refusal) = self.refusal.take() {
            return Ok(Next::End(self.fail(refusal)));
        }
        if let Some(link) = &self.link {
            link.ask_for_the_rest(now);
        }
        if let Some(link) = &self.link
            && link.forget_unanswered(settings.acknowledgement_timeout, now)
        {
            let pair = link.pair();
            tracing::info!(from = %pair.sender, domain = %pair.target,
                "pings are not answered: what is sent to this domain can't be confirmed");
        }
        if self.judgement.expires.is_some_and(|expires| expires <= SystemTime::now())
            && self.machine.proven_pairs().iter().any(|(_, by)| *by == ServerProof::External)
        {
            // RFC 6120 §13.7.2.3
            let error = StreamError::new(StreamCondition::Reset).with_text("the certificate has expired");
            return Ok(Next::End(match self.hear_out().await {
                Some(end) => end,
                None => self.fail(error),
            }));
        }
        if self.link.as_ref().is_some_and(|link| link.overdue(settings.acknowledgement_timeout, now)) {
            return Ok(Next::End(broken("what was sent is not acknowledged")));
        }
        let last = self.link.as_ref().map_or(self.last_heard, |link| link.last_sent().max(self.last_heard));
        // Whoever opened it closes it when nobody needs it; but not every server does.
        if !self.machine.proven_pairs().is_empty()
            && settings.idle_timeout.is_some_and(|idle| now.saturating_duration_since(last) >= idle.saturating_mul(2))
        {
            self.last_words = self.last_word();
            return Ok(Next::End(self.fail(StreamError::new(StreamCondition::ConnectionTimeout))));
        }
        // There may have been another stream, or an attempt at one, when this one began.
        self.offer_stream();
        Ok(Next::Read)
    }

    fn push_bytes(&self, bytes: &[u8]) {
        if let Err(refused) = self.connection.outbox().push(|out| out.extend_from_slice(bytes)) {
            // The end was ordered, and comes with its own reason; or so much waits that this one can't matter.
            tracing::trace!(%refused, "stream management is not sent");
        }
    }

    fn push_output(&mut self) {
        let mut output = Vec::new();
        if self.machine.take_output(&mut output) {
            self.push_bytes(&output);
        }
    }
}

fn note_tls(entry: &Entry, info: &TlsInfo, direct: bool) {
    let version = steps::tls_version(info).unwrap_or("unknown").to_owned();
    entry.note(|facts| facts.tls = Some(TlsReport { version, direct }));
}

/// Domains that a stream does not prove, each with a line of its own in the log.
const REFUSALS_LOGGED: usize = 5;

/// How often an open stream is looked at.
const TICK: Duration = Duration::from_secs(15);

/// Answers about keys that wait to be taken; those who have more wait with them.
const ANSWERS: usize = 16;
