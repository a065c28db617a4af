//! The service: what all server streams share.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, ArcSwapOption};
use jabiru_negotiation::stream_management;
use jabiru_negotiation::{DialbackSecret, ReceivingServerPolicy};
use jabiru_net::{Admission, ConnectingTls, Connection, Listener, TlsSettings, hosted as hosted_domains};
use jabiru_router::{Eventually, HostedDomains, RemoteDomains, RemoteError, Router};
use jabiru_stanza::{Condition, DomainPart, DomainRef, Stanza, StanzaError, StreamCondition, StreamError};
use rand::Rng;
use tokio::sync::Semaphore;

use crate::awaited::Awaited;
use crate::carry::PINGS_AT_THE_END;
use crate::link::{Bounds, Link, Sent};
use crate::links::Links;
use crate::live::Live;
use crate::outgoing;
use crate::policy::Policy;
use crate::posh::{PoshClient, PoshSettings};
use crate::report::Direction;
use crate::resolve::Resolver;
use crate::sessions::Sessions;
use crate::settings::Settings;

/// Server streams: cheap to clone, shared by all listeners, and the router's way to other domains.
#[derive(Clone)]
pub struct S2s {
    pub(crate) service: Arc<Service>,
}

/// What protects the streams of a listener.
#[derive(Clone, Debug)]
pub enum Transport {
    /// STARTTLS (RFC 6120 §5).
    StartTls(TlsSettings),
    /// TLS from the first octet (XEP-0368).
    DirectTls(TlsSettings),
}

/// What server streams are made of.
#[derive(Debug)]
pub struct Parts {
    /// Bounds.
    pub settings: Settings,
    /// With whom, and on which conditions.
    pub policy: Policy,
    /// Our domains, the same as the router's.
    pub hosted: HostedDomains,
    /// How other servers are found.
    pub resolver: Resolver,
    /// What our domains show where we connect to.
    pub tls: ConnectingTls,
    /// What dialback keys are made from: the same on all machines of our domains, or else the one that is asked does not
    /// know the key of the one that shows it.
    pub dialback_secret: DialbackSecret,
}

pub(crate) struct Service {
    pub(crate) settings: Settings,
    policy: ArcSwap<Policy>,
    receiving: ArcSwap<ReceivingServerPolicy>,
    /// Set once there is one, and taken away at the end, so that the two don't keep each other.
    router: ArcSwapOption<Router>,
    pub(crate) hosted: HostedDomains,
    pub(crate) resolver: ArcSwap<Resolver>,
    pub(crate) posh: ArcSwap<PoshClient>,
    pub(crate) tls: ConnectingTls,
    pub(crate) dialback_secret: Arc<DialbackSecret>,
    pub(crate) links: Links,
    pub(crate) live: Arc<Live>,
    pub(crate) sessions: Sessions,
    /// What tests of other domains wait for.
    pub(crate) awaited: Arc<Awaited>,
    /// Places for connections that are being made for stanzas.
    pub(crate) dialling: Semaphore,
    /// The same for questions about keys, so that neither keeps the other waiting.
    pub(crate) asking: Semaphore,
    /// Places for questions about dialback keys, by the address of whoever has shown them.
    pub(crate) verifications: Admission,
}

impl S2s {
    /// Puts the parts together. Nothing happens before [`connect_router`](Self::connect_router) and
    /// [`serve`](Self::serve).
    #[must_use]
    pub fn new(parts: Parts) -> S2s {
        let Parts { settings, policy, hosted, resolver, tls, dialback_secret } = parts;
        let dialback_secret = Arc::new(dialback_secret);
        let bounds = Bounds {
            queue_bytes: settings.queue_bytes,
            total_queue_bytes: settings.total_queue_bytes,
            unacknowledged_stanzas: settings.unacknowledged_stanzas,
            unacknowledged_bytes: settings.unacknowledged_bytes,
        };
        let receiving = receiving(&settings, &policy, &hosted, &dialback_secret);
        let posh = PoshClient::new(resolver.clone(), &policy.roots, PoshSettings::default());
        let service = Service {
            posh: ArcSwap::from_pointee(posh),
            policy: ArcSwap::from_pointee(policy),
            receiving: ArcSwap::from_pointee(receiving),
            router: ArcSwapOption::empty(),
            hosted,
            resolver: ArcSwap::from_pointee(resolver),
            tls,
            dialback_secret,
            links: Links::new(settings.links, bounds),
            live: Arc::default(),
            sessions: Sessions::new(settings.resumable_streams, settings.resumption),
            awaited: Arc::default(),
            dialling: Semaphore::new(settings.dialling.min(Semaphore::MAX_PERMITS)),
            asking: Semaphore::new(settings.dialling.min(Semaphore::MAX_PERMITS)),
            verifications: Admission::new(settings.verifications, settings.verifications_per_address),
            settings,
        };
        S2s { service: Arc::new(service) }
    }

    /// States where stanzas of other servers go, and errors for what could not be sent: the router that has this as its
    /// [remote](Router::with_remote). Until then, nothing is sent and nobody is let in.
    pub fn connect_router(&self, router: Router) {
        self.service.router.store(Some(Arc::new(router)));
    }

    /// Accepts server streams until dropped, or until all streams have to end. Each has a task of its own, and a panic in one ends that stream alone, with
    /// `internal-server-error` (RFC 6120 §4.9.3.8).
    ///
    /// A connection over a bound of the listener's admission is told `resource-constraint` (§4.9.3.17).
    pub async fn serve(&self, listener: Listener, transport: Transport) {
        let transport = Arc::new(transport);
        loop {
            let (socket, peer, admitted) = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.service.live.wait_for_the_end() => return,
            };
            let connection = match Connection::new(socket, peer, self.service.settings.connection()) {
                Ok(connection) => connection,
                Err(error) => {
                    tracing::debug!(%peer, %error, "connection lost before it began");
                    continue;
                }
            };
            let (entry, ended) =
                self.service.live.enter(Direction::Incoming, peer, connection.outbox(), Instant::now());
            let refusal = match (&admitted, ended) {
                (_, Some(error)) => Some(error),
                (Err(excess), None) => {
                    tracing::debug!(%peer, limit = %excess.limit(), "connection refused");
                    let error = StreamError::new(StreamCondition::ResourceConstraint);
                    Some(error.with_text(excess.limit().to_string()))
                }
                (Ok(_), None) => None,
            };
            let (service, transport) = (self.service.clone(), transport.clone());
            tokio::spawn(service.incoming(connection, transport, entry, admitted, refusal));
        }
    }

    /// Looks after what ends by time: links that nobody uses, streams that nobody resumes. Runs until dropped.
    pub async fn keep_order(&self) {
        loop {
            tokio::time::sleep(SWEEP_INTERVAL).await;
            let now = Instant::now();
            self.service.links.sweep(self.service.settings.back_off.longest, now);
            self.service.sessions.sweep(now);
        }
    }

    /// Other rules from now on. Streams with domains that are not talked to any more end with `policy-violation`.
    pub fn set_policy(&self, policy: Policy) {
        let Service { settings, hosted, dialback_secret, .. } = &*self.service;
        self.service.receiving.store(Arc::new(receiving(settings, &policy, hosted, dialback_secret)));
        let policy = Arc::new(policy);
        self.service.policy.store(policy.clone());
        self.service.renew_posh();
        let error = StreamError::new(StreamCondition::PolicyViolation).with_text("this domain is not talked to");
        self.service.live.end(&error, |facts| {
            let unwanted = |domain: &DomainPart| policy.rules(domain).is_none();
            facts.remote.as_ref().is_some_and(unwanted) || facts.proven.iter().any(|pair| unwanted(&pair.remote))
        });
    }

    /// Another way of finding servers from now on.
    pub fn set_resolver(&self, resolver: Resolver) {
        self.service.resolver.store(Arc::new(resolver));
        self.service.renew_posh();
    }

    /// What our domains show from now on.
    #[must_use]
    pub fn connecting_tls(&self) -> &ConnectingTls {
        &self.service.tls
    }

    /// Ends the streams of domains that are hosted no more with `host-gone` (RFC 6120 §4.9.3.5); how many. The router's
    /// set of domains is to be without them already. What waits in them is answered with an error, by whoever looks for
    /// a stream for it.
    pub fn end_domains(&self, domains: &[DomainPart]) -> usize {
        let error = StreamError::new(StreamCondition::HostGone).with_text("this domain is not served here any more");
        self.service.live.end(&error, |facts| domains.iter().any(|domain| facts.serves(domain)))
    }

    /// Ends the streams of these of our domains with `reset` (RFC 6120 §4.9.3.16) and this text; how many. The next stanza
    /// opens them again, which what is not acknowledged waits for too.
    pub fn restart_domains(&self, domains: &[DomainPart], text: &str) -> usize {
        let error = StreamError::new(StreamCondition::Reset).with_text(text);
        self.service.live.end(&error, |facts| domains.iter().any(|domain| facts.serves(domain)))
    }

    /// Closes all streams with another domain in good order; how many there were. The next stanza opens one again.
    pub fn close(&self, remote: &DomainRef) -> usize {
        let error = StreamError::new(StreamCondition::Reset).with_text("closed by the operator");
        self.service.live.end(&error, |facts| facts.reaches(remote))
    }

    /// How many streams there are, in both directions.
    #[must_use]
    pub fn stream_count(&self) -> usize {
        self.service.live.count()
    }

    /// Orders the end of all streams with `system-shutdown`, and refuses newcomers; waits for nothing.
    pub fn end_streams(&self) {
        self.service.live.end_all(&StreamCondition::SystemShutdown.into());
        self.service.router.store(None);
    }

    /// Leaves what other servers send from now on to the server that comes after this one, as far as it is counted
    /// (XEP-0198): it is not acknowledged, so its senders keep it and send it again. There is no way back.
    ///
    /// For the moment before accounts go offline because the server ends: what comes for them later would be refused,
    /// although they will be there again.
    pub fn take_no_more(&self) {
        self.service.live.take_no_more();
    }

    /// [Takes no more](Self::take_no_more), ends all streams with `system-shutdown` (RFC 6120 §4.9.3.20), after what waits
    /// in them, and refuses newcomers; what could not be sent is answered with errors.
    ///
    /// First come streams that are being opened for what waits, within half of the time; other servers are let in
    /// meanwhile, as some ask back (XEP-0220). Then those that only bring something end, within a quarter of it: the other
    /// side has a moment before that to confirm over them what was sent to it, and what comes last over them may have to
    /// be answered over others. Returns how many streams were still there when all of the time was over.
    pub async fn shut_down(&self, within: Duration) -> usize {
        let live = &self.service.live;
        let error = StreamError::new(StreamCondition::SystemShutdown);
        let deadline = Instant::now() + within;
        let links = || self.service.links.all().into_iter();
        self.take_no_more();
        wait_while(|| links().any(|link| link.waits_for_stream()), within / 2).await;
        links().for_each(|link| link.ask_for_the_rest(Instant::now()));
        wait_while(|| links().any(|link| link.awaits_confirmation()), PINGS_AT_THE_END.min(within / 8)).await;
        live.end_one_way(&error);
        let _over = tokio::time::timeout(within / 4, live.wait_for_one_way()).await;
        live.end_all(&error);
        let left = deadline.saturating_duration_since(Instant::now());
        let _over = tokio::time::timeout(left, live.wait_until_empty()).await;
        for link in links() {
            self.service.give_up(&link, RemoteError::Timeout, "the server shuts down").await;
        }
        self.service.router.store(None);
        self.stream_count()
    }
}

/// Waits for others, within a bound.
async fn wait_while(waiting: impl Fn() -> bool, within: Duration) {
    let deadline = Instant::now() + within;
    while waiting() && Instant::now() < deadline {
        tokio::time::sleep(WAITING_LOOKED_AT).await;
    }
}

/// How often is looked for what has to come first while the server shuts down.
const WAITING_LOOKED_AT: Duration = Duration::from_millis(20);

/// How often senders are told of what came while they were told.
const ROUNDS: usize = 16;

/// How often is looked for what has ended by time.
const SWEEP_INTERVAL: Duration = Duration::from_secs(15);

impl RemoteDomains for S2s {
    fn send(&self, stanza: &Stanza) -> Eventually<Result<(), RemoteError>> {
        Eventually::Now(self.service.send(stanza))
    }
}

impl Service {
    /// The rules at this moment.
    pub(crate) fn policy(&self) -> Arc<Policy> {
        self.policy.load_full()
    }

    /// The same, as incoming streams negotiate by them.
    pub(crate) fn receiving(&self) -> Arc<ReceivingServerPolicy> {
        self.receiving.load_full()
    }

    /// With the authorities and the resolver of this moment, and nothing remembered of those before.
    fn renew_posh(&self) {
        let resolver = Resolver::clone(&self.resolver.load());
        let posh = PoshClient::new(resolver, &self.policy.load().roots, PoshSettings::default());
        self.posh.store(Arc::new(posh));
    }

    /// The router, as long as there is one.
    pub(crate) fn router(&self) -> Option<Router> {
        self.router.load().as_deref().cloned()
    }

    fn send(self: &Arc<Self>, stanza: &Stanza) -> Result<(), RemoteError> {
        let (Some(from), Some(to)) = (stanza.from(), stanza.to()) else { return Err(RemoteError::Internal) };
        let (local, remote) = (from.domain(), to.domain());
        let now = Instant::now();
        // An end that is open shows that the rules allow it; they end streams when they change.
        if let Some(link) = self.links.get(local, remote)
            && let Some(result) = self.sent(link.send(stanza, now), &link)
        {
            return result;
        }
        // What is ours is never looked for elsewhere, and nobody else's domain sends from here.
        if self.hosted.contains(remote) || !self.hosted.contains(local) {
            return Err(RemoteError::NotFound);
        }
        if self.policy.load().rules(remote).is_none() {
            return Err(RemoteError::Blocked);
        }
        if self.live.is_ending() {
            return Err(RemoteError::Timeout);
        }
        // A link may go out of use between being found and being used, but not twice.
        for _ in 0..2 {
            let link = self.links.get_or_make(local, remote, now).map_err(|_| RemoteError::Full)?;
            if let Some(result) = self.sent(link.send(stanza, now), &link) {
                return result;
            }
        }
        Err(RemoteError::Internal)
    }

    fn sent(self: &Arc<Self>, sent: Sent, link: &Arc<Link>) -> Option<Result<(), RemoteError>> {
        match sent {
            Sent::Taken => Some(Ok(())),
            Sent::TakenFirst => {
                tokio::spawn(outgoing::run(self.clone(), link.clone()));
                Some(Ok(()))
            }
            Sent::Refused(error) => Some(Err(error)),
            Sent::Ended => None,
        }
    }

    /// Tells the senders of everything that a link has that it will not arrive, and lets nobody try again for some time.
    pub(crate) async fn give_up(&self, link: &Link, error: RemoteError, reason: &str) {
        // What comes while senders are told is told next; whoever sends without end is refused in the end.
        for _ in 0..ROUNDS {
            let stanzas = link.take_all();
            if stanzas.is_empty() {
                break;
            }
            self.bounce(stanzas, error, reason).await;
        }
        let left = link.back_off(error, reason, |failures| self.pause(failures, &mut rand::rng()));
        self.bounce(left, error, reason).await;
    }

    /// Tells senders, in order, that their stanzas did not arrive (RFC 6120 §10.4.3).
    pub(crate) async fn bounce(&self, stanzas: Vec<Stanza>, error: RemoteError, reason: &str) {
        let Some(router) = self.router() else { return };
        for stanza in stanzas {
            if let Some(answer) = undelivered(&stanza, error, reason).reply_to(&stanza) {
                router.route(answer).await;
            }
        }
    }

    /// Random numbers where nothing depends on them.
    pub(crate) fn pause(&self, failures: u32, rng: &mut impl Rng) -> Duration {
        self.settings.back_off.pause(failures, rng)
    }
}

/// What the sender of a stanza is told. The text says what happened, in words for people.
fn undelivered(stanza: &Stanza, error: RemoteError, reason: &str) -> StanzaError {
    let told = StanzaError::new(error.condition()).with_text(reason);
    match stanza.from() {
        // RFC 6120 §8.3.2: it is our server that found out, not the entity addressed.
        Some(from) => told.with_by(jabiru_stanza::BareJid::from_parts(None, from.domain()).into()),
        None => StanzaError::new(Condition::InternalServerError),
    }
}

fn receiving(
    settings: &Settings,
    policy: &Policy,
    hosted: &HostedDomains,
    dialback_secret: &Arc<DialbackSecret>,
) -> ReceivingServerPolicy {
    ReceivingServerPolicy {
        require_tls: policy.rules.require_tls && policy.exceptions.values().all(|rules| rules.require_tls),
        bidi: policy.bidirectional,
        max_pairs: settings.pairs_per_stream,
        negotiation_timeout: settings.negotiation_timeout,
        dialback_timeout: settings.dial_timeout,
        stream_features: if policy.stream_management { vec![stream_management::feature()] } else { Vec::new() },
        ..ReceivingServerPolicy::new(hosted_domains(hosted.clone()), dialback_secret.clone())
    }
}

impl fmt::Debug for S2s {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S2s").field("streams", &self.stream_count()).finish_non_exhaustive()
    }
}
