//! All server streams at this moment, as `jabiru s2s list` shows them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jabiru_negotiation::DomainPair;
use jabiru_net::Outbox;

use crate::link::{Link, Status, View};
use crate::live::{Facts, LiveStream, ProvenPair, Resumable};
use crate::report::{Direction, ManagementReport, PairReport, QueueReport, StreamReport, StreamState};
use crate::service::S2s;
use crate::sessions::Suspended;

impl S2s {
    /// All server streams: those that there are, the oldest first, then those that can be resumed, and those that are
    /// still to be. It looks at them one after the other, so that a stream that comes or goes meanwhile may be missing.
    #[must_use]
    pub fn list(&self) -> Vec<StreamReport> {
        let now = Instant::now();
        let mut links = Views::new(self.service.links.all(), now);
        let mut reports = Vec::new();
        for stream in self.service.live.all() {
            let facts = stream.facts.lock().clone();
            let link = links.take_of(&stream, &facts);
            reports.push(live(&stream, &facts, link.as_ref(), now));
        }
        for session in self.service.sessions.suspended(now) {
            let link = session.link.as_ref().and_then(|link| links.take(link));
            reports.push(suspended(&session, link.as_ref()));
        }
        reports.extend(links.rest().filter_map(|(pair, view)| wanted(&pair, &view, now)));
        reports
    }
}

/// What is not told yet of links.
struct Views {
    views: Vec<Option<(Arc<Link>, View)>>,
    /// Those with a stream, by its outbox.
    open: HashMap<*const Outbox, usize>,
    /// Those without one.
    connecting: HashMap<DomainPair, usize>,
}

impl Views {
    fn new(links: Vec<Arc<Link>>, now: Instant) -> Views {
        let (mut open, mut connecting) = (HashMap::new(), HashMap::new());
        let view = |(number, link): (usize, Arc<Link>)| {
            let view = link.view(now);
            match &view.status {
                Status::Open(outbox) => drop(open.insert(Arc::as_ptr(outbox), number)),
                Status::Connecting => drop(connecting.insert(link.pair().clone(), number)),
                Status::Idle | Status::Waiting { .. } => {}
            }
            Some((link, view))
        };
        let views = links.into_iter().enumerate().map(view).collect();
        Views { views, open, connecting }
    }

    /// The link that sends on a stream, or is about to.
    fn take_of(&mut self, stream: &LiveStream, facts: &Facts) -> Option<View> {
        let open = self.open.get(&Arc::as_ptr(&stream.outbox));
        let number = *open.or_else(|| {
            let being_opened = stream.direction == Direction::Outgoing && !facts.established && !facts.closing;
            let pair = DomainPair::new(facts.local.clone()?, facts.remote.clone()?);
            self.connecting.get(&pair).filter(|_| being_opened)
        })?;
        self.views[number].take().map(|(_, view)| view)
    }

    fn take(&mut self, link: &Arc<Link>) -> Option<View> {
        let same = |view: &&mut Option<(Arc<Link>, View)>| view.as_ref().is_some_and(|(one, _)| Arc::ptr_eq(one, link));
        self.views.iter_mut().find(same)?.take().map(|(_, view)| view)
    }

    fn rest(self) -> impl Iterator<Item = (DomainPair, View)> {
        self.views.into_iter().flatten().map(|(link, view)| (link.pair().clone(), view))
    }
}

/// One that is connected.
fn live(stream: &LiveStream, facts: &Facts, link: Option<&View>, now: Instant) -> StreamReport {
    let (received, bytes) = (stream.received(), stream.outbox.pending_bytes());
    let last_sent = link.filter(|view| view.stanzas > 0).map(|view| view.last_sent);
    let last = [stream.last_received(), last_sent].into_iter().flatten().max().unwrap_or(stream.since);
    StreamReport {
        direction: stream.direction,
        local: facts.local.as_ref().map(ToString::to_string),
        remote: facts.remote.as_ref().map(ToString::to_string),
        state: match facts {
            Facts { closing: true, .. } => StreamState::Closing,
            Facts { established: true, .. } => StreamState::Established,
            Facts { .. } => StreamState::Negotiating,
        },
        pairs: pairs(facts),
        address: Some(stream.address),
        tls: facts.tls.clone(),
        bidirectional: facts.bidirectional,
        stream_management: facts.managed.map(|Resumable(resumable)| management(resumable, link)),
        stanzas_in: received,
        stanzas_out: link.map_or(0, |view| view.stanzas),
        queue: QueueReport {
            stanzas: link.map_or(0, |view| view.waiting),
            bytes: link.map_or(0, |view| view.waiting_bytes) + bytes,
        },
        age_seconds: seconds_since(stream.since, now),
        idle_seconds: seconds_since(last, now),
    }
}

/// The pair that it was opened for comes first, proven or not.
fn pairs(facts: &Facts) -> Vec<PairReport> {
    let report = |pair: &ProvenPair| PairReport {
        local: pair.local.to_string(),
        remote: pair.remote.to_string(),
        proofs: pair.proofs.clone(),
        accepted_by: pair.by,
    };
    let mut pairs: Vec<_> = facts.proven.iter().map(report).collect();
    if let (Some(local), Some(remote)) = (&facts.local, &facts.remote) {
        let own = |pair: &PairReport| pair.local == local.as_str() && pair.remote == remote.as_str();
        match pairs.iter().position(own) {
            Some(position) => pairs[..=position].rotate_right(1),
            None => pairs.insert(0, unproven(local.to_string(), remote.to_string())),
        }
    }
    pairs
}

fn unproven(local: String, remote: String) -> PairReport {
    PairReport { local, remote, proofs: Vec::new(), accepted_by: None }
}

fn management(resumable: bool, link: Option<&View>) -> ManagementReport {
    ManagementReport {
        resumable,
        unacknowledged_stanzas: link.map_or(0, |view| view.unconfirmed),
        unacknowledged_bytes: link.map_or(0, |view| view.unconfirmed_bytes),
    }
}

/// One of the other side's whose connection is lost.
fn suspended(session: &Suspended, link: Option<&View>) -> StreamReport {
    let DomainPair { sender, target } = &session.pair;
    StreamReport {
        state: StreamState::Suspended { seconds_left: session.remaining.as_secs() },
        bidirectional: link.is_some(),
        stream_management: Some(management(true, link)),
        queue: queue(link),
        age_seconds: session.lost.as_secs(),
        idle_seconds: session.lost.as_secs(),
        ..unconnected(Direction::Incoming, target.to_string(), sender.to_string(), StreamState::Negotiating)
    }
}

/// One that there is not yet, or not at the moment.
fn wanted(pair: &DomainPair, view: &View, now: Instant) -> Option<StreamReport> {
    let last_failure = view.last_failure.as_deref().map(str::to_owned);
    let state = match view.status {
        // The stream of one that is open has come or gone since all streams were looked at.
        Status::Idle | Status::Open(_) => return None,
        Status::Connecting => StreamState::Connecting { attempt: view.failures.saturating_add(1), last_failure },
        Status::Waiting { remaining } => StreamState::Waiting {
            attempts: view.failures,
            next_try_seconds: rounded_up(remaining),
            last_failure: last_failure.unwrap_or_default(),
        },
    };
    Some(StreamReport {
        stream_management: (view.managed && view.unconfirmed > 0).then(|| management(true, Some(view))),
        queue: queue(Some(view)),
        age_seconds: seconds_since(view.since, now),
        idle_seconds: seconds_since(view.last_sent.max(view.since), now),
        ..unconnected(Direction::Outgoing, pair.sender.to_string(), pair.target.to_string(), state)
    })
}

fn unconnected(direction: Direction, local: String, remote: String, state: StreamState) -> StreamReport {
    StreamReport {
        direction,
        local: Some(local.clone()),
        remote: Some(remote.clone()),
        state,
        pairs: vec![unproven(local, remote)],
        address: None,
        tls: None,
        bidirectional: false,
        stream_management: None,
        stanzas_in: 0,
        stanzas_out: 0,
        queue: QueueReport::default(),
        age_seconds: 0,
        idle_seconds: 0,
    }
}

fn queue(link: Option<&View>) -> QueueReport {
    link.map_or_else(QueueReport::default, |view| QueueReport { stanzas: view.waiting, bytes: view.waiting_bytes })
}

fn seconds_since(then: Instant, now: Instant) -> u64 {
    now.saturating_duration_since(then).as_secs()
}

fn rounded_up(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}
