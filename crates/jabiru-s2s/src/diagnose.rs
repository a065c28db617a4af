//! Whether another domain can be reached, and if not, why: the engine of `jabiru s2s test`.
//!
//! A test opens a stream of its own, by the same code as any stream, and sends a ping to the other domain (XEP-0199). What
//! that code does on the way is told step by step. The answer may come over the same stream, if that is bidirectional
//! (XEP-0288), or over one that the other server opens, or has open already.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

use jabiru_negotiation::DomainPair;
use jabiru_net::{caught, random_letters};
use jabiru_stanza::{DomainPart, Element, Stanza, ns};
use tokio::sync::{mpsc, oneshot};

use crate::awaited::PingAnswer;
use crate::carry::{Carry, End};
use crate::confirm;
use crate::dial::{Dialled, dial};
use crate::link::Link;
use crate::live::{LiveStream, Resumable};
use crate::report::{Conclusion, Direction, Finding, Step, Verdict};
use crate::service::{S2s, Service};
use crate::steps;
use crate::trace::Trace;

/// A test that is under way. Dropped, it ends, and closes its stream.
///
/// [`next`](Self::next) gives its steps as they come, and [`conclusion`](Self::conclusion) what came of it.
#[derive(Debug)]
pub struct Test {
    findings: mpsc::UnboundedReceiver<Finding>,
    /// To be given next.
    ready: VecDeque<Finding>,
    /// A step that failed: the last one, unless another follows.
    held: Option<Finding>,
    conclusion: oneshot::Receiver<Conclusion>,
}

impl S2s {
    /// Finds out whether `domain` can be reached from `from`, a domain of ours.
    ///
    /// It takes at most twice [`dial_timeout`](crate::Settings::dial_timeout): until there is a stream, and until an answer
    /// comes, for which the other server may have to find this one. There may be 8 tests at once.
    ///
    /// To be called on the runtime that serves the streams.
    #[must_use]
    pub fn test(&self, from: DomainPart, domain: DomainPart) -> Test {
        let (listener, findings) = mpsc::unbounded_channel();
        let (conclude, conclusion) = oneshot::channel();
        let (service, pair) = (self.service.clone(), DomainPair::new(from, domain));
        tokio::spawn(async move { run(&service, &pair, Arc::new(Trace::to(listener)), conclude).await });
        Test { findings, ready: VecDeque::new(), held: None, conclusion }
    }
}

impl Test {
    /// The next step, once it has ended; `None` after the last one.
    pub async fn next(&mut self) -> Option<Finding> {
        loop {
            if let Some(finding) = self.ready.pop_front() {
                return Some(finding);
            }
            let Some(finding) = self.findings.recv().await else { return self.held.take() };
            self.ready.extend(self.held.take().map(not_the_end));
            match finding.verdict {
                Verdict::Failed(_) => self.held = Some(finding),
                Verdict::Good | Verdict::Notable(_) => self.ready.push_back(finding),
            }
        }
    }

    /// What came of it, once it is over. Steps that were not asked for are passed over.
    pub async fn conclusion(mut self) -> Conclusion {
        while self.next().await.is_some() {}
        let none = || Conclusion { reached: false, failure: Some("the test was broken off".to_owned()) };
        self.conclusion.await.unwrap_or_else(|_| none())
    }
}

/// A step that failed, after which something else was tried.
fn not_the_end(mut finding: Finding) -> Finding {
    if let Verdict::Failed(why) = finding.verdict {
        finding.verdict = Verdict::Notable(why);
    }
    finding
}

async fn run(service: &Arc<Service>, pair: &DomainPair, trace: Arc<Trace>, mut conclude: oneshot::Sender<Conclusion>) {
    let reached = {
        let walk = pin!(Walk { service, pair, trace }.run(&mut conclude));
        match caught(walk).await {
            Ok(reached) => reached,
            Err(panicked) => Err(panicked.report(pair).text().unwrap_or("an error of this server").to_owned()),
        }
    };
    let conclusion = Conclusion { reached: reached.is_ok(), failure: reached.err() };
    // Whoever asked may have gone.
    let _gone = conclude.send(conclusion);
}

/// The way there and back.
struct Walk<'a> {
    service: &'a Arc<Service>,
    pair: &'a DomainPair,
    trace: Arc<Trace>,
}

impl Walk<'_> {
    /// `conclude` is closed when nobody listens any more.
    ///
    /// # Errors
    /// Why the domain can't be reached, in words.
    async fn run(self, conclude: &mut oneshot::Sender<Conclusion>) -> Result<(), String> {
        self.policy()?;
        let letters = random_letters(28).map_err(|error| format!("no random numbers: {error}"))?;
        let id = confirm::test_id(&letters);
        let ping = self.ping(&id).ok_or("the domains make no stanza")?;
        let Some((_expectation, answer)) = self.service.awaited.expect(self.pair, id, &self.trace) else {
            return Err("there are as many tests as there may be at once".to_owned());
        };
        let dialled = tokio::select! {
            dialled = dial(self.service, self.pair, &self.trace) => dialled.map_err(|error| error.text)?,
            () = conclude.closed() => return Err(NOBODY_LISTENS.to_owned()),
        };
        self.exchange(dialled, &ping, answer, conclude).await
    }

    /// Has this server anything to do with that domain?
    fn policy(&self) -> Result<(), String> {
        let (policy, hosted) = (self.service.policy(), &self.service.hosted);
        let DomainPair { sender, target } = self.pair;
        let rules = policy.rules(target);
        let verdict = if !hosted.contains(sender) {
            Err(format!("{sender} is not hosted here"))
        } else if hosted.contains(target) {
            Err(format!("{target} is hosted here"))
        } else if rules.is_none() {
            Err(format!("{target} is not talked to: it is blocked, or not among those that are allowed"))
        } else {
            Ok(())
        };
        self.trace.note_next(|| {
            let step = steps::policy(rules.unwrap_or(policy.rules));
            (step, verdict.as_ref().map_or_else(|why| Verdict::Failed(why.clone()), |()| Verdict::Good))
        });
        verdict
    }

    fn ping(&self, id: &str) -> Option<Stanza> {
        let ping = Element::new("iq", ns::CLIENT)
            .with_attribute("type", "get")
            .with_attribute("id", id)
            .with_attribute("from", self.pair.sender.as_str())
            .with_attribute("to", self.pair.target.as_str())
            .with_child(Element::new("ping", ns::PING));
        Stanza::build(&ping).ok()
    }

    /// Sends the ping, waits for what comes back, and closes the stream.
    async fn exchange(
        &self,
        dialled: Box<Dialled>,
        ping: &Stanza,
        answer: oneshot::Receiver<PingAnswer>,
        conclude: &mut oneshot::Sender<Conclusion>,
    ) -> Result<(), String> {
        let router = self.service.router().ok_or("the server shuts down")?;
        let bidi = dialled.bidi;
        let stream = dialled.entry.shared();
        let began = Instant::now();
        // A link of its own: what waits for the domain goes by another.
        let total = Arc::new(AtomicUsize::new(0));
        let link = Arc::new(Link::new(self.pair.clone(), self.service.links.bounds(), total, began));
        link.claim();
        link.send(ping, began);
        let (retire, retired) = oneshot::channel();
        let mut carry = Carry::new(self.service, &link, router, dialled, None);
        carry.retire_when(retired);
        let mut carrying = pin!(carry.run());
        let within = self.service.settings.dial_timeout;
        let outcome = tokio::select! {
            biased;
            answer = tokio::time::timeout(within, answer) => {
                self.managed(&stream);
                match answer {
                    Ok(Ok(answer)) => self.answered(began, &answer),
                    Ok(Err(_)) | Err(_) => self.unanswered(began, within, bidi),
                }
            }
            end = &mut carrying => return self.ended(&end),
            () = conclude.closed() => Err(NOBODY_LISTENS.to_owned()),
        };
        let _over = retire.send(());
        carrying.await;
        outcome
    }

    /// Whether stanzas were acknowledged.
    fn managed(&self, stream: &LiveStream) {
        let managed = stream.facts.lock().managed;
        let resumable = managed == Some(Resumable(true));
        let step = Step::StreamManagement { agreed: managed.is_some(), resumable };
        self.trace.note_taking(Instant::now(), Duration::ZERO, || (step, Verdict::Good));
    }

    fn answered(&self, began: Instant, answer: &PingAnswer) -> Result<(), String> {
        let PingAnswer { error, over, address, proofs } = answer;
        let took = began.elapsed();
        if *over == Direction::Incoming {
            self.trace.note_taking(Instant::now(), Duration::ZERO, || {
                (Step::Incoming { address: *address, proofs: proofs.clone() }, Verdict::Good)
            });
        }
        let step = Step::Ping { error: error.clone(), over: Some(*over) };
        self.trace.note_taking(began, took, || (step, Verdict::Good));
        Ok(())
    }

    fn unanswered(&self, began: Instant, within: Duration, bidi: bool) -> Result<(), String> {
        let mut why = format!("nothing came back within {} s", within.as_secs_f32());
        if !bidi {
            why.push_str(
                "; for that, the other server has to reach this one: see its log, and whether it finds this server",
            );
        }
        self.trace.note(began, || (Step::Ping { error: None, over: None }, Verdict::Failed(why.clone())));
        Err(why)
    }

    /// The stream has ended before anything came back.
    fn ended(&self, end: &End) -> Result<(), String> {
        let why = format!("the stream ended before anything came back: {}", end.reason);
        self.trace.note_next(|| (steps::closed(end.error.as_ref()), Verdict::Failed(why.clone())));
        Err(why)
    }
}

const NOBODY_LISTENS: &str = "nobody listens any more";
