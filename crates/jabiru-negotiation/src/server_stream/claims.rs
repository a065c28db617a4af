//! Which domain pairs the other side of a stream may send for, or claims to (XEP-0220 §2.2, §2.6).

use std::time::{Duration, Instant};

use jabiru_stanza::{Condition, DomainRef};

use super::ServerProof;
use crate::{DomainPair, KeyAnswer, KeyToVerify};

/// The pairs of one direction of a stream: proven, and being proven.
///
/// Nothing gets among the proven ones but by [`prove`](Self::prove), which is for EXTERNAL, and by an answer to a claim that
/// was made on this stream and asked about by us: unsolicited answers are none (XEP-0220 §3.1).
pub(super) struct Claims {
    proven: Vec<(DomainPair, ServerProof)>,
    pending: Vec<Pending>,
    /// Of both together.
    max_pairs: usize,
    timeout: Duration,
}

struct Pending {
    claim: KeyToVerify,
    deadline: Option<Instant>,
}

/// What becomes of a claim.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Claimed {
    /// The authoritative server has to be asked.
    Ask(KeyToVerify),
    /// It is answered at once.
    Answer(KeyAnswer),
    /// The same key of the same pair is being verified: one answer is enough.
    Repeated,
}

impl Claims {
    pub(super) fn new(max_pairs: usize, timeout: Duration) -> Claims {
        Claims { proven: Vec::new(), pending: Vec::new(), max_pairs, timeout }
    }

    /// Takes a key. `hosts` says which domains are ours on this stream: to them alone can be sent, and nobody else can
    /// prove to be one of them.
    pub(super) fn claim(&mut self, claim: KeyToVerify, hosts: impl Fn(&DomainRef) -> bool, now: Instant) -> Claimed {
        if !hosts(&claim.pair.target) {
            return Claimed::Answer(Condition::ItemNotFound.into());
        }
        // We are the authoritative server, and did not open this stream.
        if hosts(&claim.pair.sender) {
            return Claimed::Answer(Condition::Forbidden.into());
        }
        if claim.key.is_empty() || claim.key.len() > MAX_KEY_BYTES {
            return Claimed::Answer(Condition::BadRequest.into());
        }
        if self.is_proven(&claim.pair.sender, &claim.pair.target) {
            return Claimed::Answer(KeyAnswer::Valid);
        }
        if let Some(pending) = self.pending.iter().find(|pending| pending.claim.pair == claim.pair) {
            // Another key for the pair while one is being verified: whose answer would be whose?
            return match pending.claim == claim {
                true => Claimed::Repeated,
                false => Claimed::Answer(Condition::Conflict.into()),
            };
        }
        if self.proven.len() + self.pending.len() >= self.max_pairs {
            return Claimed::Answer(Condition::ResourceConstraint.into());
        }
        self.pending.push(Pending { claim: claim.clone(), deadline: now.checked_add(self.timeout) });
        Claimed::Ask(claim)
    }

    /// Takes an answer out of the list of those awaited; `false` if it is not: too late, or of another stream.
    pub(super) fn settle(&mut self, claim: &KeyToVerify) -> bool {
        let place = self.pending.iter().position(|pending| pending.claim == *claim);
        place.map(|place| self.pending.swap_remove(place)).is_some()
    }

    /// The pair is proven.
    pub(super) fn prove(&mut self, pair: DomainPair, by: ServerProof) {
        if !self.is_proven(&pair.sender, &pair.target) {
            self.proven.push((pair, by));
        }
    }

    /// The stream restarts: what was claimed on it is void, for keys are bound to its id.
    pub(super) fn forget_pending(&mut self) {
        self.pending.clear();
    }

    /// A claim whose answer did not come in time.
    pub(super) fn expired(&mut self, now: Instant) -> Option<KeyToVerify> {
        let place = self.pending.iter().position(|pending| pending.deadline.is_some_and(|deadline| now >= deadline))?;
        Some(self.pending.swap_remove(place).claim)
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.pending.iter().filter_map(|pending| pending.deadline).min()
    }

    pub(super) fn is_proven(&self, sender: &DomainRef, target: &DomainRef) -> bool {
        self.proven.iter().any(|(pair, _)| pair.is(sender, target))
    }

    pub(super) fn proven(&self) -> &[(DomainPair, ServerProof)] {
        &self.proven
    }
}

/// Keys are kept until they are verified. Those of XEP-0185 have 64; nobody needs as much as this.
const MAX_KEY_BYTES: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(30);

    fn claim(sender: &str, target: &str, key: &str) -> KeyToVerify {
        let pair = DomainPair::new(sender.parse().unwrap(), target.parse().unwrap());
        KeyToVerify { pair, stream_id: "id".to_owned(), key: key.to_owned() }
    }

    fn hosts(domain: &DomainRef) -> bool {
        domain.as_str().ends_with("ours.example")
    }

    #[test]
    fn answers() {
        let now = Instant::now();
        let mut claims = Claims::new(3, TIMEOUT);
        claims.prove(claim("proven.example", "ours.example", "").pair, ServerProof::External);
        let pending = claim("pending.example", "ours.example", "k");
        assert_eq!(claims.claim(pending.clone(), hosts, now), Claimed::Ask(pending.clone()));
        for (claim, expected) in [
            (claim("a.example", "theirs.example", "k"), Claimed::Answer(Condition::ItemNotFound.into())),
            (claim("ours.example", "ours.example", "k"), Claimed::Answer(Condition::Forbidden.into())),
            (claim("a.ours.example", "ours.example", "k"), Claimed::Answer(Condition::Forbidden.into())),
            (claim("a.example", "ours.example", ""), Claimed::Answer(Condition::BadRequest.into())),
            (claim("a.example", "ours.example", &"k".repeat(1025)), Claimed::Answer(Condition::BadRequest.into())),
            (claim("proven.example", "ours.example", "k"), Claimed::Answer(KeyAnswer::Valid)),
            (pending.clone(), Claimed::Repeated),
            (claim("pending.example", "ours.example", "l"), Claimed::Answer(Condition::Conflict.into())),
            // Another pair of the same domains is another pair.
            (
                claim("proven.example", "a.ours.example", "k"),
                Claimed::Ask(claim("proven.example", "a.ours.example", "k")),
            ),
            (claim("a.example", "ours.example", "k"), Claimed::Answer(Condition::ResourceConstraint.into())),
        ] {
            let row = format!("{claim:?}");
            assert_eq!(claims.claim(claim, hosts, now), expected, "{row}");
        }
        // What is settled makes room.
        assert!(claims.settle(&pending) && !claims.settle(&pending));
        assert!(matches!(claims.claim(claim("a.example", "ours.example", "k"), hosts, now), Claimed::Ask(_)));
    }

    /// An answer counts for the very key, pair and stream that was asked about.
    #[test]
    fn only_what_was_claimed_is_settled() {
        let now = Instant::now();
        let mut claims = Claims::new(10, TIMEOUT);
        let right = claim("a.example", "ours.example", "k");
        claims.claim(right.clone(), hosts, now);
        let other_stream = KeyToVerify { stream_id: "other".to_owned(), ..right.clone() };
        for wrong in [claim("b.example", "ours.example", "k"), claim("a.example", "ours.example", "l"), other_stream] {
            assert!(!claims.settle(&wrong), "{wrong:?}");
        }
        assert_eq!(claims.next_deadline(), Some(now + TIMEOUT));
        assert_eq!(claims.expired(now), None);
        assert_eq!(claims.expired(now + TIMEOUT), Some(right.clone()));
        assert!(!claims.settle(&right), "too late");
        claims.claim(right.clone(), hosts, now);
        claims.forget_pending();
        assert!(!claims.settle(&right), "of another stream");
        assert_eq!((claims.next_deadline(), claims.proven()), (None, &[][..]));
    }
}
