//! A stream that we opened, while it carries stanzas (RFC 6120 §8, §4.4; XEP-0198; XEP-0288).

mod ending;

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use jabiru_negotiation::stream_management::{Handled, SmElement};
use jabiru_negotiation::{InitiatingServerError, InitiatingServerEvent, KeyAnswer, KeyToVerify};
use jabiru_net::{Wake, caught, random_letters};
use jabiru_router::{RemoteError, Router};
use jabiru_stanza::{DomainRef, RawElement, StreamCondition, StreamError, ns};
use jabiru_xml::Event;
use tokio::sync::{mpsc, oneshot};

pub(crate) use self::ending::{PINGS_AT_THE_END, PINGS_LOOKED_AT, finish};
use crate::confirm::Confirming;
use crate::dial::Dialled;
use crate::inbound::{self, Inbound};
use crate::link::{ASK_AFTER, Link};
use crate::live::Resumable;
use crate::outgoing::Because;
use crate::pace::Pacing;
use crate::plain::plain;
use crate::report::{Method, Proof};
use crate::service::Service;
use crate::verify::{self, Shown};

/// What is remembered of a stream that broke, to resume it (XEP-0198 §5).
#[derive(Clone, Debug)]
pub(crate) struct Previous {
    id: String,
    /// How many stanzas of the other side were handled on it.
    handled: Handled,
    until: Instant,
}

/// How a stream ended.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) because: Because,
    pub(crate) resumable: Option<Previous>,
    /// In words.
    pub(crate) reason: String,
    /// What the other side did, or broke, if that was it.
    pub(crate) error: Option<InitiatingServerError>,
}

/// One established stream.
pub(crate) struct Carry<'a> {
    service: &'a Arc<Service>,
    link: &'a Arc<Link>,
    inbound: Inbound,
    stream: Box<Dialled>,
    management: State,
    previous: Option<Previous>,
    /// Stanzas of the other side, since management was enabled.
    handled: Handled,
    /// What is said before the machine's last words, when nothing can be put into the outbox any more.
    last_words: Vec<u8>,
    /// The last thing that came was the other side's last word on what it has handled.
    finished: bool,
    answers: (mpsc::Sender<Answered>, mpsc::Receiver<Answered>),
    pacing: Pacing<'a>,
    /// Comes when nobody needs the stream any more, if somebody knows.
    retired: Option<oneshot::Receiver<()>>,
    /// When the stream is looked at next.
    next_tick: Instant,
    /// When `<resume/>` was sent.
    resuming_since: Instant,
}

/// A key was verified.
pub(crate) type Answered = (KeyToVerify, KeyAnswer, Vec<Proof>);

/// How far stream management is.
#[derive(Debug)]
enum State {
    /// There is none on this stream.
    Off,
    /// `<enable/>` sent: stanzas count from there on.
    Enabling,
    /// In force; with the id by which the stream can be resumed, and for how long.
    On(Option<(String, Duration)>),
    /// `<resume/>` sent: nothing is sent before the answer.
    Resuming,
}

/// How it goes on.
enum Next {
    Read,
    End(End),
}

impl<'a> Carry<'a> {
    /// Takes over an established stream, for a link that waits for one. `previous` is what it resumes.
    pub(crate) fn new(
        service: &'a Arc<Service>,
        link: &'a Arc<Link>,
        router: Router,
        stream: Box<Dialled>,
        previous: Option<Previous>,
    ) -> Carry<'a> {
        Carry {
            service,
            link,
            inbound: Inbound::new(router),
            stream,
            management: State::Off,
            previous,
            handled: Handled::default(),
            last_words: Vec::new(),
            finished: false,
            answers: mpsc::channel(ANSWERS),
            pacing: Pacing::new(&service.settings.rate, Instant::now()),
            retired: None,
            next_tick: Instant::now() + TICK,
            resuming_since: Instant::now(),
        }
    }

    /// Closes the stream once somebody says, or goes away without a word.
    pub(crate) fn retire_when(&mut self, retired: oneshot::Receiver<()>) {
        self.retired = Some(retired);
    }

    /// Carries stanzas until the stream ends, and ends the connection.
    pub(crate) async fn run(mut self) -> End {
        self.begin().await;
        let ended = caught(pin!(self.exchange())).await;
        let end = match ended {
            Ok(end) => end,
            Err(panicked) => {
                let error = panicked.report(self.link.pair());
                self.link.lost(self.stream.connection.outbox());
                self.fail(error)
            }
        };
        let pair = self.link.pair();
        tracing::info!(from = %pair.sender, domain = %pair.target, reason = end.reason, "stream to this domain ended");
        // What is still to come is read while the machine's last words are on their way.
        let Dialled { connection, mut machine, entry, .. } = *self.stream;
        let mut last_words = self.last_words;
        machine.take_output(&mut last_words);
        entry.note(|facts| facts.closing = true);
        finish(connection, entry, last_words, self.service.settings.closing_timeout);
        end
    }

    /// Says that stanzas can be sent, or first what is left of the stream before.
    async fn begin(&mut self) {
        let pair = self.link.pair();
        let Dialled { connection, entry, features, bidi, judgement, machine, .. } = &*self.stream;
        let by = machine.accepted_pairs().first().map(|(_, by)| *by);
        tracing::info!(from = %pair.sender, domain = %pair.target, peer = %connection.peer(),
            accepted_by = by.map(tracing::field::display), proof = ?judgement.proof, bidi, "stream to this domain established");
        entry.note(|facts| {
            facts.established = true;
            facts.bidirectional = *bidi;
        });
        let offered = features.feature("sm", ns::SM).is_some() && self.service.policy().stream_management;
        let now = Instant::now();
        match self.previous.take().filter(|previous| offered && now < previous.until) {
            Some(previous) => {
                self.push(&SmElement::Resume { h: previous.handled.h(), previd: previous.id.clone() });
                self.management = State::Resuming;
                self.resuming_since = now;
                self.previous = Some(previous);
            }
            None => self.start(offered, now).await,
        }
    }

    /// A stream of its own.
    async fn start(&mut self, managed: bool, now: Instant) {
        let unconfirmed = self.link.take_unconfirmed();
        self.service.bounce(unconfirmed, RemoteError::Timeout, "the stream broke, and could not be resumed").await;
        let outbox = self.stream.connection.outbox();
        if managed {
            self.push(&SmElement::Enable { resume: true, max: None });
            self.management = State::Enabling;
            self.link.open(outbox, Confirming::by_management(), now);
        } else {
            self.management = State::Off;
            self.link.open(outbox, by_pings(), now);
        }
    }

    async fn exchange(&mut self) -> End {
        let input = std::mem::take(&mut self.stream.input);
        let mut next = self.take(&input).await;
        drop(input);
        loop {
            if let Next::End(end) = next {
                return end;
            }
            let now = Instant::now();
            if now >= self.next_tick {
                self.next_tick = now + TICK;
                next = self.tick(now).await;
                continue;
            }
            let deadline = [Some(self.next_tick), self.stream.machine.poll_timeout()].into_iter().flatten().min();
            let wake = tokio::select! {
                wake = self.pacing.next(&mut self.stream.connection, deadline) => wake,
                Some((claim, answer, proofs)) = self.answers.1.recv() => {
                    self.stream.machine.handle_key(&claim, answer, Instant::now());
                    if self.stream.machine.is_proven(&claim.pair.sender, &claim.pair.target) {
                        self.stream.entry.note(|facts| facts.prove(&claim.pair, proofs, Some(Method::Dialback)));
                    }
                    next = self.events().await;
                    continue;
                }
                () = retired(&mut self.retired) => return self.retire().await,
            };
            next = match wake {
                Ok(Wake::Received(chunk)) => match (self.take(&chunk).await, self.pacing.took(chunk.len())) {
                    (Next::Read, Some(error)) => Next::End(self.fail(error)),
                    (next, _) => next,
                },
                Ok(Wake::Ended) => Next::End(self.broken("the other side closed the connection")),
                Ok(Wake::Deadline) => {
                    self.stream.machine.handle_timeout(Instant::now());
                    self.events().await
                }
                Ok(Wake::EndOrdered(error)) => Next::End(self.end_ordered(error).await),
                Err(error) => Next::End(self.broken(&error.to_string())),
            };
        }
    }

    /// Handles what was received.
    async fn take(&mut self, mut input: &[u8]) -> Next {
        loop {
            match self.stream.reader.read(&mut input) {
                Ok(None) => return Next::Read,
                Ok(Some(Event::Element(element))) if self.stream.bidi && inbound::is_stanza(&element) => {
                    self.pacing.count();
                    if let Next::End(end) = self.stanza(element).await {
                        return Next::End(end);
                    }
                }
                Ok(Some(event)) => {
                    self.pacing.count();
                    self.stream.machine.handle_event(event, Instant::now());
                    if let Next::End(end) = self.events().await {
                        return Next::End(end);
                    }
                }
                Err(error) => {
                    self.stream.machine.handle_read_error(&error);
                    return self.events().await;
                }
            }
        }
    }

    async fn stanza(&mut self, element: RawElement) -> Next {
        self.finished = false;
        if matches!(self.management, State::On(_)) && self.service.live.takes_no_more() {
            return Next::Read;
        }
        let Dialled { entry, machine, .. } = &*self.stream;
        let proven = |from: &DomainRef, to: &DomainRef| machine.is_proven(from, to);
        match self.inbound.stanza(self.service, entry.stream(), element, proven).await {
            Ok(()) => {
                self.handled.count();
                Next::Read
            }
            Err(error) => Next::End(self.fail(error)),
        }
    }

    /// Does what the machine wants.
    async fn events(&mut self) -> Next {
        while let Some(event) = self.stream.machine.poll_event() {
            match event {
                InitiatingServerEvent::Element(element) => {
                    let next = self.element(&element).await;
                    if let Next::End(_) = next {
                        return next;
                    }
                }
                InitiatingServerEvent::VerifyKey(claim) => {
                    let secured = self.stream.machine.security().tls().is_some();
                    let address = self.stream.connection.peer().ip();
                    let shown = Shown { chain: self.stream.chain.clone(), secured, address };
                    verify::spawn(self.service, claim, shown, self.answers.0.clone());
                }
                InitiatingServerEvent::Refused { pair, why } => {
                    tracing::info!(%pair, why = plain(why), peer = %self.stream.connection.peer(), "a domain was not proven");
                }
                InitiatingServerEvent::Closed { error } => {
                    return Next::End(self.closed(error));
                }
                InitiatingServerEvent::StartTls
                | InitiatingServerEvent::RestartStream
                | InitiatingServerEvent::Header(_)
                | InitiatingServerEvent::Features(_)
                | InitiatingServerEvent::Trying { .. }
                | InitiatingServerEvent::ExternalFailed(_)
                | InitiatingServerEvent::Proven { .. }
                | InitiatingServerEvent::NotAccepted { .. }
                | InitiatingServerEvent::Established { .. }
                | InitiatingServerEvent::KeyVerified { .. } => {}
            }
        }
        self.stream.push_output();
        Next::Read
    }

    /// Something that is neither a stanza nor negotiation: stream management. What else comes is ignored (§4.8.4).
    async fn element(&mut self, element: &RawElement) -> Next {
        let management = match SmElement::read(element) {
            None => return Next::Read,
            Some(Ok(management)) => management,
            Some(Err(error)) => return Next::End(self.fail(error)),
        };
        let now = Instant::now();
        let outbox = self.stream.connection.outbox().clone();
        let result = match (management, &self.management) {
            (SmElement::Enabled { id, resume, max, .. }, State::Enabling) => {
                let id = id.filter(|_| resume);
                self.stream.entry.note(|facts| facts.managed = Some(Resumable(id.is_some())));
                let max = max.map_or(self.service.settings.resumption, |max| Duration::from_secs(max.into()));
                self.management = State::On(id.map(|id| (id, max)));
                // §3: what came before does not count.
                self.handled = Handled::default();
                Ok(())
            }
            (SmElement::Failed { .. }, State::Enabling) => {
                self.management = State::Off;
                // The counts go on: what was sent since is confirmed by the first ping that is answered.
                self.link.open(&outbox, by_pings(), now);
                Ok(())
            }
            (SmElement::Resumed { h, .. }, State::Resuming) => {
                let (id, handled) = match self.previous.take() {
                    Some(previous) => (Some(previous.id), previous.handled),
                    None => (None, Handled::default()),
                };
                self.handled = handled;
                self.stream.entry.note(|facts| facts.managed = Some(Resumable(id.is_some())));
                self.management = State::On(id.map(|id| (id, self.service.settings.resumption)));
                self.link.resume(&outbox, h, now)
            }
            (SmElement::Failed { h, .. }, State::Resuming) => {
                self.previous = None;
                // XEP-0198 §5: it may still know how far it was.
                let known = h.map_or(Ok(()), |h| self.link.acknowledged(h, now).map(drop));
                if known.is_ok() {
                    self.start(true, now).await;
                }
                known
            }
            (SmElement::Ack { h }, State::Enabling | State::On(_)) => {
                self.next_tick = self.next_tick.min(now + ASK_AFTER);
                self.link.acknowledged(h, now).map(|last_word| self.finished = last_word)
            }
            (SmElement::Request, State::Enabling | State::On(_)) => {
                self.say_handled();
                Ok(())
            }
            (_, _) => Ok(()),
        };
        match result {
            Ok(()) => Next::Read,
            Err(too_high) => Next::End(self.fail(too_high.into())),
        }
    }

    /// Is the stream still good for anything?
    async fn tick(&mut self, now: Instant) -> Next {
        let settings = &self.service.settings;
        if self.link.overdue(settings.acknowledgement_timeout, now) {
            return Next::End(self.broken("what was sent is not acknowledged"));
        }
        let resuming = matches!(self.management, State::Resuming);
        if resuming && now.saturating_duration_since(self.resuming_since) >= settings.negotiation_timeout {
            self.previous = None;
            return Next::End(self.broken("the other side did not say whether the stream is resumed"));
        }
        self.link.ask_for_the_rest(now);
        if self.link.forget_unanswered(settings.acknowledgement_timeout, now) {
            let pair = self.link.pair();
            tracing::info!(from = %pair.sender, domain = %pair.target,
                "pings are not answered: what is sent to this domain can't be confirmed");
        }
        if self.stream.judgement.expires.is_some_and(|expires| expires <= SystemTime::now()) {
            if let Some(end) = self.hear_out().await {
                return Next::End(end);
            }
            let error = StreamError::new(StreamCondition::Reset).with_text("the certificate has expired");
            return Next::End(self.fail(error));
        }
        let received = self.stream.entry.stream().last_received();
        let last = received.map_or(self.link.last_sent(), |received| received.max(self.link.last_sent()));
        let idle = settings.idle_timeout.is_some_and(|idle| now.saturating_duration_since(last) >= idle);
        if idle && self.link.is_quiet() {
            return Next::End(self.retire().await);
        }
        Next::Read
    }

    /// Tells how many stanzas were handled, where that is counted.
    fn say_handled(&self) {
        if matches!(self.management, State::On(_)) {
            self.push(&SmElement::Ack { h: self.handled.h() });
        }
    }

    fn push(&self, element: &SmElement) {
        if let Err(refused) = self.stream.connection.outbox().push(|out| element.to_element().write(out, ns::SERVER)) {
            // The end was ordered, and comes with its own reason; or so much waits that this one can't matter.
            tracing::trace!(%refused, "stream management is not sent");
        }
    }
}

/// Returns when nobody needs the stream; never, if nobody would say.
async fn retired(told: &mut Option<oneshot::Receiver<()>>) {
    match told {
        Some(told) => drop(told.await),
        None => pending().await,
    }
}

/// By pings; without random numbers for their ids nothing is confirmed, and nothing is kept.
pub(crate) fn by_pings() -> Confirming {
    random_letters(16).map_or(Confirming::Not, Confirming::by_pings)
}

/// How often an open stream is looked at.
const TICK: Duration = Duration::from_secs(15);

/// Answers about keys that wait to be taken; those who have more wait with them.
const ANSWERS: usize = 16;
