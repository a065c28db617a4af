//! What we asked the other side of a stream for: to take our stanzas, and whether keys are good (XEP-0220 §2.1).

use std::time::{Duration, Instant};

use super::ServerProof;
use crate::{DomainPair, KeyToVerify};

/// Requests under way and pairs accepted, together at most as many as the policy says.
pub(super) struct Requests {
    accepted: Vec<(DomainPair, ServerProof)>,
    /// Keys of ours that were sent.
    keys: Vec<(DomainPair, Option<Instant>)>,
    /// Keys of others that the other side was asked about, or will be.
    verifications: Vec<Verification>,
    max: usize,
    timeout: Duration,
}

struct Verification {
    request: KeyToVerify,
    deadline: Option<Instant>,
    sent: bool,
}

impl Requests {
    pub(super) fn new(max: usize, timeout: Duration) -> Requests {
        Requests { accepted: Vec::new(), keys: Vec::new(), verifications: Vec::new(), max, timeout }
    }

    /// A key for this pair is about to be sent; `false` if there is no room, or one is under way or was accepted.
    pub(super) fn begin_key(&mut self, pair: &DomainPair, now: Instant) -> bool {
        let known = self.is_accepted(pair) || self.keys.iter().any(|(key, _)| key == pair);
        if known || self.accepted.len() + self.keys.len() >= self.max {
            return false;
        }
        self.keys.push((pair.clone(), now.checked_add(self.timeout)));
        true
    }

    /// Was a key for this pair sent that has no answer yet? Then this is it.
    pub(super) fn settle_key(&mut self, pair: &DomainPair) -> bool {
        let place = self.keys.iter().position(|(key, _)| key == pair);
        place.map(|place| self.keys.swap_remove(place)).is_some()
    }

    /// The other side takes stanzas of this pair.
    pub(super) fn accept(&mut self, pair: DomainPair, by: ServerProof) {
        if !self.is_accepted(&pair) {
            self.accepted.push((pair, by));
        }
    }

    /// Notes a key to be verified; `false` if there is no room or it was noted before.
    pub(super) fn note_verification(&mut self, request: KeyToVerify, now: Instant) -> bool {
        let same = |other: &KeyToVerify| other.pair == request.pair && other.stream_id == request.stream_id;
        if self.verifications.len() >= self.max || self.verifications.iter().any(|noted| same(&noted.request)) {
            return false;
        }
        let deadline = now.checked_add(self.timeout);
        self.verifications.push(Verification { request, deadline, sent: false });
        true
    }

    /// A verification that was noted and not sent yet; it counts as sent from now on.
    pub(super) fn next_unsent(&mut self) -> Option<KeyToVerify> {
        let noted = self.verifications.iter_mut().find(|noted| !noted.sent)?;
        noted.sent = true;
        Some(noted.request.clone())
    }

    /// The verification that was asked for on this stream with this pair and id (XEP-0220 §2.1.2), which has its answer now.
    pub(super) fn settle_verification(&mut self, pair: &DomainPair, stream_id: &str) -> Option<KeyToVerify> {
        let place = self.verifications.iter().position(|Verification { request, sent, .. }| {
            *sent && request.pair == *pair && request.stream_id == stream_id
        })?;
        Some(self.verifications.swap_remove(place).request)
    }

    /// A key of ours that was not answered in time.
    pub(super) fn expired_key(&mut self, now: Instant) -> Option<DomainPair> {
        let place = self.keys.iter().position(|(_, deadline)| deadline.is_some_and(|deadline| now >= deadline))?;
        Some(self.keys.swap_remove(place).0)
    }

    /// A verification that was not answered in time.
    pub(super) fn expired_verification(&mut self, now: Instant) -> Option<KeyToVerify> {
        let place = self.verifications.iter().position(|v| v.deadline.is_some_and(|deadline| now >= deadline))?;
        Some(self.verifications.swap_remove(place).request)
    }

    /// The stream ends: nothing will be answered any more.
    pub(super) fn give_up(&mut self) -> (Vec<DomainPair>, Vec<KeyToVerify>) {
        let keys = self.keys.drain(..).map(|(pair, _)| pair).collect();
        (keys, self.verifications.drain(..).map(|verification| verification.request).collect())
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let keys = self.keys.iter().filter_map(|(_, deadline)| *deadline);
        keys.chain(self.verifications.iter().filter_map(|verification| verification.deadline)).min()
    }

    pub(super) fn is_accepted(&self, pair: &DomainPair) -> bool {
        self.accepted.iter().any(|(accepted, _)| accepted == pair)
    }

    pub(super) fn accepted(&self) -> &[(DomainPair, ServerProof)] {
        &self.accepted
    }
}
