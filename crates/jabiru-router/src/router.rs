//! The router: takes a stanza and does with it what the rules say.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;

use jabiru_stanza::{
    BareJid, Condition, Element, FullJid, Jid, Stanza, StanzaError, StanzaKind, StreamCondition, StreamError, ns,
};

use crate::directed::{DirectedPresence, TooMany};
use crate::guard::{PanicId, guarded};
use crate::hold::{Closing, Holds};
use crate::rules::{self, Destination, Recipients, Verdict};
use crate::{
    Account, BoxFuture, Eventually, Features, HostedDomains, IqAnswer, MovedAccounts, OnConflict, Refused,
    RegisterError, Registration, RemoteDomains, RemoteError, RequestContext, Resource, ResourceId, ResourceSink,
    RoutingBackend, Snapshot, Target,
};

/// Routes stanzas. Cloning costs one reference count.
///
/// **Order** (RFC 6120 §10.1): the stanzas of one stream stay in order if each is handed in after
/// what the one before it returned has been awaited.
///
/// **Nothing is lost silently.** A recipient that is gone is passed over: the stanza is decided about
/// anew without it, up to [`MAX_ATTEMPTS`] times. Where the queue of a recipient is full and nobody else
/// took the stanza, its sender gets `resource-constraint` (type `wait`) if it may be answered. What can't
/// be answered but comes from the recipient's own account or from the server (a result, the presence of
/// another resource) ends the stream that could not take it, with the stream error `resource-constraint`
/// (RFC 6120 §4.9.3.17), so that its client knows that something is missing. Of other accounts it is
/// dropped: nobody can end the stream of somebody else by flooding it. A recipient that the backend can't reach
/// costs the sender a `recipient-unavailable` (type `wait`); what may not be answered is lost with the place.
///
/// A message to a local account costs one lookup in the backend and one call of the sink; nothing
/// is allocated, copied or serialised on the way.
#[derive(Clone)]
pub struct Router {
    shared: Arc<Shared>,
}

struct Shared {
    backend: Arc<dyn RoutingBackend>,
    domains: HostedDomains,
    features: Features,
    moved: MovedAccounts,
    remote: Option<Arc<dyn RemoteDomains>>,
    holds: Holds,
    directed: DirectedPresence,
}

/// How often a stanza is decided about, each time without the resources that turned out to be gone.
pub const MAX_ATTEMPTS: usize = 3;

/// The most bytes a `<presence/>` may have: it is multiplied by everybody who shares it, and kept for those who still
/// come. A larger one is answered with `policy-violation` (RFC 6120 §8.3.3.12).
pub const MAX_PRESENCE_BYTES: usize = 16 * 1024;

impl Router {
    /// A router for these domains, with these features, on this backend.
    #[must_use]
    pub fn new(backend: Arc<dyn RoutingBackend>, domains: HostedDomains, features: Features) -> Router {
        let (moved, holds, directed) = (MovedAccounts::default(), Holds::default(), DirectedPresence::default());
        Router { shared: Arc::new(Shared { backend, domains, features, moved, remote: None, holds, directed }) }
    }

    /// The same router, but with a way to other domains (RFC 6120 §10.4).
    #[must_use]
    pub fn with_remote(&self, remote: Arc<dyn RemoteDomains>) -> Router {
        let Shared { backend, domains, features, moved, remote: _, holds, directed } = &*self.shared;
        Router {
            shared: Arc::new(Shared {
                backend: Arc::clone(backend),
                domains: domains.clone(),
                features: features.clone(),
                moved: moved.clone(),
                remote: Some(remote),
                holds: holds.clone(),
                directed: directed.clone(),
            }),
        }
    }

    /// Registers a bound resource, as [`RoutingBackend::register`]. If it takes the place of an
    /// available one, the unavailable presence of that is broadcast.
    ///
    /// # Errors
    /// As [`RoutingBackend::register`].
    pub fn register(
        &self,
        jid: &FullJid,
        sink: Arc<dyn ResourceSink>,
        on_conflict: OnConflict,
        limit: usize,
    ) -> Eventually<Result<Registration, RegisterError>> {
        match self.backend().register(jid, sink, on_conflict, limit) {
            Eventually::Now(registered) => self.registered(registered),
            Eventually::Later(registered) => {
                let router = self.clone();
                Eventually::later(async move { router.registered(registered.await).await })
            }
        }
    }

    /// Takes a stanza that a connected resource sent, its `from` stamped with `jid`: presence
    /// without `to` is the resource's own ([`presence`](Self::presence)), all else is
    /// [`route`](Self::route)d.
    pub fn receive(&self, jid: &FullJid, id: ResourceId, mut stanza: Stanza) -> Eventually<()> {
        if let StanzaKind::Presence(_) = stanza.kind() {
            if stanza.raw().as_bytes().len() > MAX_PRESENCE_BYTES {
                // However it is stamped, the mistake is this resource's.
                stanza.set_from(Arc::new(jid.clone().into()));
                return self.bounce(&stanza, &presence_too_big());
            }
            if stanza.to().is_none() {
                return self.presence(jid, id, stanza);
            }
            if let Err(TooMany) = self.shared.directed.note(id, &stanza) {
                return self.bounce(&stanza, &Condition::ResourceConstraint.into());
            }
        }
        self.route(stanza)
    }

    /// Routes a stanza whose `from` can be trusted, by the [`rules`]. Presence without `to` is not
    /// for here.
    pub fn route(&self, mut stanza: Stanza) -> Eventually<()> {
        if stanza.to().is_none()
            && let Some(account) = stanza.from().and_then(|from| Account::of(from))
        {
            // RFC 6120 §10.3.1, §10.3.3: as if it were addressed to the sender's bare JID, from which the answer comes.
            let to = account.to_bare_jid();
            stanza.set_to(to.into());
        }
        self.attempt(stanza, Vec::new(), 1)
    }

    /// Ends all streams of an account that was disabled or removed, or has another password; returns how many.
    ///
    /// If the account has asked for something whose answer must come first ([`IqRequest::before_closing`](crate::IqRequest::before_closing)), they end
    /// as soon as that is on its way.
    pub fn close_account(&self, account: Account<'_>, error: &StreamError) -> Eventually<usize> {
        let address = account.to_bare_jid();
        if !self.shared.holds.is_held(&address) {
            return self.close_now(account, error);
        }
        let (router, account, error) = (self.clone(), address, error.clone());
        Eventually::later(async move {
            poll_fn(|context| router.shared.holds.poll_released(&account, context)).await;
            match Account::of(&account) {
                Some(account) => {
                    let closing = router.close_now(account, &error);
                    closing.await
                }
                None => 0,
            }
        })
    }

    fn close_now(&self, account: Account<'_>, error: &StreamError) -> Eventually<usize> {
        match self.backend().close_account(account, error) {
            Eventually::Now(closed) => self.closed(&closed),
            Eventually::Later(closed) => {
                let router = self.clone();
                Eventually::later(async move {
                    let closed = closed.await;
                    router.closed(&closed).await
                })
            }
        }
    }

    /// The backend.
    #[must_use]
    pub fn backend(&self) -> &Arc<dyn RoutingBackend> {
        &self.shared.backend
    }

    /// The accounts that have moved: what is sent to one that has no resource is answered with `gone` or `redirect`
    /// and the new address (RFC 6120 §8.3.3.5, §8.3.3.14), unless it is presence or a response.
    #[must_use]
    pub fn moved(&self) -> &MovedAccounts {
        &self.shared.moved
    }

    /// The domains that are hosted.
    #[must_use]
    pub fn domains(&self) -> &HostedDomains {
        &self.shared.domains
    }

    /// The features.
    #[must_use]
    pub fn features(&self) -> &Features {
        &self.shared.features
    }

    /// To whom resources have shown themselves.
    pub(crate) fn directed(&self) -> &DirectedPresence {
        &self.shared.directed
    }

    /// Answers a stanza with an error, if it may have an answer.
    pub(crate) fn bounce(&self, stanza: &Stanza, error: &StanzaError) -> Eventually<()> {
        match error.reply_to(stanza) {
            Some(reply) => self.route(reply),
            None => Eventually::Now(()),
        }
    }

    fn attempt(&self, stanza: Stanza, gone: Vec<ResourceId>, attempt: usize) -> Eventually<()> {
        let destination = rules::destination(&stanza, self.domains());
        let snapshot = match destination {
            Destination::Remote | Destination::Server { .. } => Snapshot::EMPTY,
            Destination::Sender(account) | Destination::Account { account, .. } => {
                match self.backend().snapshot(account) {
                    Eventually::Now(snapshot) => snapshot.without(&gone),
                    Eventually::Later(snapshot) => {
                        let router = self.clone();
                        return Eventually::later(async move {
                            let snapshot = snapshot.await.without(&gone);
                            let destination = rules::destination(&stanza, router.domains());
                            let verdict = router.decide(&stanza, destination, &snapshot);
                            router.act(verdict, stanza, &snapshot, gone, attempt).await;
                        });
                    }
                }
            }
        };
        let verdict = self.decide(&stanza, destination, &snapshot);
        self.act(verdict, stanza, &snapshot, gone, attempt)
    }

    /// As [`rules::decide`], but for accounts that have moved.
    fn decide(&self, stanza: &Stanza, destination: Destination<'_>, snapshot: &Snapshot) -> Verdict {
        if snapshot.is_empty()
            && let Some(account) = rules::asked_account(stanza, destination)
            && let Some(moved) = self.moved().get(account)
        {
            return Verdict::Bounce(moved.condition());
        }
        rules::decide(stanza, destination, snapshot)
    }

    fn act(
        &self,
        verdict: Verdict,
        stanza: Stanza,
        snapshot: &Snapshot,
        gone: Vec<ResourceId>,
        attempt: usize,
    ) -> Eventually<()> {
        match verdict {
            Verdict::Deliver(recipients) => self.deliver(stanza, snapshot, recipients, gone, attempt),
            Verdict::Ask(id) if stanza.from().is_some_and(|from| self.directed().shares(id, from)) => {
                self.deliver(stanza, snapshot, Recipients::Resource(id), gone, attempt)
            }
            Verdict::Ask(_) => self.bounce(&stanza, &Condition::ServiceUnavailable.into()),
            Verdict::Answer(target) => self.answer(stanza, target),
            // Not what the account says itself.
            Verdict::Bounce(condition @ (Condition::Gone(_) | Condition::Redirect(_))) => {
                self.bounce(&stanza, &found_at(condition, stanza.to()))
            }
            Verdict::Bounce(condition) => self.bounce(&stanza, &condition.into()),
            Verdict::Remote => self.send_away(stanza),
            // TODO RFC 6121 §3 and §4.3: without rosters nobody can be subscribed, and RFC 6121 §8.5.1
            // asks for silence where there is nothing to subscribe to.
            Verdict::Roster | Verdict::Broadcast | Verdict::Ignore => Eventually::Now(()),
        }
    }

    fn deliver(
        &self,
        stanza: Stanza,
        snapshot: &Snapshot,
        recipients: Recipients,
        gone: Vec<ResourceId>,
        attempt: usize,
    ) -> Eventually<()> {
        let mut outcome = Outcome { delivered: false, unreachable: false, full: Vec::new(), gone };
        let mut waiting: Vec<(Resource, BoxFuture<Result<(), Refused>>)> = Vec::new();
        for resource in snapshot.select(recipients) {
            match self.backend().deliver(resource, &stanza) {
                Eventually::Now(result) => outcome.note(resource, result),
                Eventually::Later(result) => waiting.push((resource.clone(), result)),
            }
        }
        if waiting.is_empty() {
            return self.conclude(stanza, outcome, attempt);
        }
        let router = self.clone();
        Eventually::later(async move {
            for (resource, result) in waiting {
                outcome.note(&resource, result.await);
            }
            router.conclude(stanza, outcome, attempt).await;
        })
    }

    /// Looks at what became of a delivery; see the policy at [`Router`].
    fn conclude(&self, stanza: Stanza, outcome: Outcome, attempt: usize) -> Eventually<()> {
        let answerable = !outcome.delivered && !stanza.is_response();
        if !answerable {
            outcome.full.iter().filter(|slow| self.owes(&stanza, slow)).for_each(end_slow_stream);
        }
        if outcome.delivered {
            Eventually::Now(())
        } else if !outcome.full.is_empty() {
            self.bounce(&stanza, &Condition::ResourceConstraint.into())
        } else if outcome.unreachable {
            self.bounce(&stanza, &Condition::RecipientUnavailable.into())
        } else if attempt < MAX_ATTEMPTS {
            self.attempt(stanza, outcome.gone, attempt + 1)
        } else {
            self.bounce(&stanza, &Condition::ServiceUnavailable.into())
        }
    }

    /// Does the stanza come from the resource's own account, or from the server itself?
    fn owes(&self, stanza: &Stanza, resource: &Resource) -> bool {
        let Some(from) = stanza.from() else { return true };
        match Account::of(from) {
            Some(account) => Some(account) == Account::of(&resource.jid),
            None => self.domains().contains(from.domain()),
        }
    }

    fn answer(&self, request: Stanza, target: Target) -> Eventually<()> {
        let Some((feature, sort)) = self.features().for_request(&request, target) else {
            let known = request.payload().is_some_and(|payload| self.features().know(payload.namespace(), target));
            let condition = match target {
                // RFC 6120 §8.3.3.3: the namespace is understood, but not this of it.
                Target::Server | Target::OwnAccount if known => Condition::FeatureNotImplemented,
                // §8.4, §10.3.3 item 2; RFC 6121 §8.5.2.1.3. About others' accounts nobody learns more than from their
                // full JIDs (§13.10.2).
                Target::Server | Target::OwnAccount | Target::OtherAccount => Condition::ServiceUnavailable,
            };
            return self.bounce(&request, &condition.into());
        };
        let asker = request.from().and_then(|from| Account::of(from));
        let closing = match asker {
            Some(account) if sort.before_closing => Closing::of(&self.shared.holds, account),
            _ => Closing::default(),
        };
        let context = RequestContext { target, features: self.features(), router: self, closing: &closing };
        match guarded(feature.name(), || feature.handle_iq(&request, context)) {
            Eventually::Now(answer) => self.reply(&request, answer).map(move |()| drop(closing)),
            Eventually::Later(answer) => {
                let router = self.clone();
                Eventually::later(async move {
                    let answer = answer.await;
                    router.reply(&request, answer).await;
                    drop(closing);
                })
            }
        }
    }

    fn reply(&self, request: &Stanza, answer: Result<IqAnswer, PanicId>) -> Eventually<()> {
        match answer {
            Ok(IqAnswer::Result(payload)) => match request.result(payload) {
                Some(result) => self.route(result),
                None => Eventually::Now(()),
            },
            Ok(IqAnswer::Error(error)) => self.bounce(request, &error),
            Err(id) => {
                let error = StanzaError::new(Condition::InternalServerError);
                self.bounce(request, &error.with_text(format!("a fault of this server, in its log as {id}")))
            }
        }
    }

    /// RFC 6120 §10.4: to another domain, if there is a way.
    fn send_away(&self, stanza: Stanza) -> Eventually<()> {
        let sent = match &self.shared.remote {
            Some(remote) => remote.send(&stanza),
            None => Eventually::Now(Err(RemoteError::NotFound)),
        };
        match sent {
            Eventually::Now(Ok(())) => Eventually::Now(()),
            Eventually::Now(Err(error)) => self.not_sent(&stanza, error),
            Eventually::Later(sent) => {
                let router = self.clone();
                Eventually::later(async move {
                    if let Err(error) = sent.await {
                        router.not_sent(&stanza, error).await;
                    }
                })
            }
        }
    }

    fn not_sent(&self, stanza: &Stanza, error: RemoteError) -> Eventually<()> {
        self.bounce(stanza, &found_at(error.condition(), stanza.from().map(|from| &**from)))
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router")
            .field("domains", &self.shared.domains)
            .field("features", &self.shared.features)
            .finish_non_exhaustive()
    }
}

/// An error that the server of this address has found, not the entity that was addressed (RFC 6120 §8.3.2).
fn found_at(condition: Condition, address: Option<&Jid>) -> StanzaError {
    let error = StanzaError::new(condition);
    match address {
        Some(address) => error.with_by(BareJid::from_parts(None, address.domain()).into()),
        None => error,
    }
}

fn presence_too_big() -> StanzaError {
    StanzaError::new(Condition::PolicyViolation)
        .with_text(format!("presence exceeds {MAX_PRESENCE_BYTES} bytes"))
        // XEP-0205 §4.5, which is older than `policy-violation`.
        .with_application(Element::new("stanza-too-big", ns::ERRORS))
}

/// Closes a stream that could not take a stanza of which nobody else will hear.
pub(crate) fn end_slow_stream(resource: &Resource) {
    let error = StreamError::new(StreamCondition::ResourceConstraint);
    resource.sink.close(error.with_text("too slow to take what was sent to this stream"));
}

/// What became of one stanza at all its recipients.
struct Outcome {
    delivered: bool,
    /// Somebody could not be reached.
    unreachable: bool,
    full: Vec<Resource>,
    /// All resources that turned out to be gone, in every attempt.
    gone: Vec<ResourceId>,
}

impl Outcome {
    fn note(&mut self, resource: &Resource, result: Result<(), Refused>) {
        match result {
            Ok(()) => self.delivered = true,
            Err(Refused::Full) => self.full.push(resource.clone()),
            Err(Refused::Unreachable) => self.unreachable = true,
            Err(Refused::Gone) => self.gone.push(resource.id),
        }
    }
}

#[cfg(test)]
mod tests;
