//! To how many others a client may write in a minute (RFC 6120 §13.12 rule 5, XEP-0205 §4.6): who sends what nobody asked
//! for sends it to many.
//!
//! Time is passed in. A recipient is remembered for a minute at least and half as much more at the most, and all that are
//! remembered count, so no minute has more than the limit. What is remembered of one is a keyed hash: memory is bounded
//! by the limit, some 20 bytes each, and a client with one recipient takes none.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::BuildHasher;
use std::time::{Duration, Instant};

use jabiru_stanza::{Condition, Element, ErrorType, FullJid, Jid, Stanza, StanzaError, ns};

/// The recipients of one stream.
#[derive(Debug)]
pub(crate) struct Recipients {
    /// `None`: as many as it likes.
    limit: Option<u32>,
    /// Half-minutes since the beginning.
    epoch: u32,
    epoch_ends: Instant,
    /// The recipient of the latest stanza, and in which epoch that was.
    latest: Option<(u64, u32)>,
    /// As soon as there are two: all of them, each with the epoch of its latest stanza.
    all: HashMap<u64, u32>,
}

impl Recipients {
    /// No recipients yet, and so many for each minute; 0 counts as 1.
    pub(crate) fn new(limit: Option<u32>, now: Instant) -> Recipients {
        Recipients { limit, epoch: 0, epoch_ends: now + EPOCH, latest: None, all: HashMap::new() }
    }

    /// What a stanza is answered with that would be for one recipient too many; `None`: it may go on. Answers do not
    /// count, nor what is for the client's own account or its server.
    pub(crate) fn refusal(&mut self, stanza: &Stanza, own: &FullJid, now: Instant) -> Option<StanzaError> {
        let limit = self.limit?;
        let to = stanza.to()?;
        let ours = to.domain() == own.domain() && (to.node().is_none() || to.node() == own.node());
        if ours || stanza.is_response() || self.meet(to, limit, now) {
            return None;
        }
        let too_many = Element::new("too-many-stanzas", ns::ERRORS);
        let error = StanzaError::new(Condition::PolicyViolation).with_type(ErrorType::Wait);
        Some(error.with_text("too many recipients in too short a time").with_application(too_many))
    }

    /// Remembers who a stanza is for, unless that would be one too many.
    fn meet(&mut self, to: &Jid, limit: u32, now: Instant) -> bool {
        self.forget(now);
        // Neither a localpart nor a domainpart has a slash (RFC 7622 §3.2, §3.3).
        let bare = to.as_str().split('/').next();
        let hash = self.all.hasher().hash_one(bare);
        let met = (hash, self.epoch);
        if self.latest == Some(met) {
            return true;
        }
        if self.all.is_empty() {
            match self.latest {
                Some((only, epoch)) if only != hash => {
                    self.all.insert(only, epoch);
                }
                Some(_) | None => {
                    self.latest = Some(met);
                    return true;
                }
            }
        }
        let full = self.all.len() >= limit as usize;
        match self.all.entry(hash) {
            Entry::Vacant(_) if full => return false,
            entry => {
                entry.insert_entry(self.epoch);
            }
        }
        self.latest = Some(met);
        true
    }

    /// Forgets those that were met last too long ago. Does something twice in a minute only.
    fn forget(&mut self, now: Instant) {
        if now < self.epoch_ends {
            return;
        }
        let over = (now - self.epoch_ends).as_secs() / EPOCH.as_secs() + 1;
        let over = u32::try_from(over).unwrap_or(u32::MAX);
        self.epoch = self.epoch.saturating_add(over);
        self.epoch_ends += EPOCH.saturating_mul(over);
        let kept = |epoch: u32| self.epoch - epoch <= KEPT_EPOCHS;
        self.latest = self.latest.filter(|(_, epoch)| kept(*epoch));
        self.all.retain(|_, epoch| kept(*epoch));
        if self.all.is_empty() {
            self.all.shrink_to_fit();
        }
    }
}

/// How exactly it is known when a recipient was met last.
const EPOCH: Duration = Duration::from_secs(30);
/// Epochs that must pass before a whole minute has for certain.
const KEPT_EPOCHS: u32 = 2;

#[cfg(test)]
mod tests {
    use jabiru_stanza::{ContentNamespace, RawElement};

    use super::*;

    fn stanza(xml: &str) -> Stanza {
        Stanza::parse(RawElement::parse(xml, ns::CLIENT).unwrap(), ContentNamespace::Client).unwrap()
    }

    fn own() -> FullJid {
        FullJid::new("romeo@im.example/orchard").unwrap()
    }

    /// Each row goes on where the one before it ended; times in seconds.
    #[test]
    fn so_many_in_a_minute() {
        let start = Instant::now();
        let mut recipients = Recipients::new(Some(3), start);
        for (at, to, allowed) in [
            (0, "a@im.example", true),
            (0, "b@im.example", true),
            (29, "c@im.example/phone", true),
            (29, "c@im.example/home", true),
            (29, "c@im.example", true),
            (29, "d@im.example", false),
            (29, "d@elsewhere.example", false),
            (29, "elsewhere.example", false),
            (59, "a@im.example/x", true),
            // Not before a whole minute has passed for certain.
            (60, "d@im.example", false),
            (89, "d@im.example", false),
            // b and c, but not a, are forgotten.
            (90, "d@im.example", true),
            (90, "a@im.example", true),
            (90, "b@im.example", true),
            (90, "c@im.example", false),
            // Long afterwards nobody is remembered.
            (1_000_000, "e@im.example", true),
            (1_000_000, "f@im.example", true),
            (1_000_000, "g@im.example", true),
            (1_000_000, "a@im.example", false),
        ] {
            let message = stanza(&format!("<message to='{to}'/>"));
            let refusal = recipients.refusal(&message, &own(), start + Duration::from_secs(at));
            assert_eq!(refusal.is_none(), allowed, "{at}: {to}");
        }
    }

    /// Nobody writes to more in any minute, whatever the rhythm.
    #[test]
    fn no_minute_has_more() {
        for every in [100, 700, 1_000, 5_000, 30_000, 45_000, 59_999] {
            let start = Instant::now();
            let mut recipients = Recipients::new(Some(7), start);
            let mut allowed: Vec<Duration> = Vec::new();
            for number in 0..2_000u32 {
                let at = Duration::from_millis(every) * number;
                let message = stanza(&format!("<message to='n{number}@im.example'/>"));
                if recipients.refusal(&message, &own(), start + at).is_none() {
                    allowed.push(at);
                }
            }
            let minutes = allowed.windows(8).filter(|eight| eight[7] - eight[0] < Duration::from_secs(60)).count();
            assert_eq!(minutes, 0, "{every}");
            // And at least so many in 90 seconds.
            let time = Duration::from_millis(every) * 2_000;
            let least = if every < 12_000 { time.as_secs() / 90 * 7 } else { 2_000 };
            assert!(allowed.len() as u64 >= least, "{every}: {} of {least}", allowed.len());
        }
    }

    #[test]
    fn what_counts() {
        let start = Instant::now();
        for (xml, counts) in [
            ("<message to='juliet@im.example'/>", true),
            ("<message to='im.example.elsewhere'/>", true),
            ("<message to='romeo@elsewhere.example'/>", true),
            ("<presence to='juliet@im.example'/>", true),
            ("<iq type='set' id='1' to='juliet@im.example/balcony'><x xmlns='urn:x'/></iq>", true),
            ("<message/>", false),
            ("<presence/>", false),
            ("<message to='romeo@im.example'/>", false),
            ("<message to='romeo@im.example/house'/>", false),
            ("<iq type='get' id='1' to='im.example'><x xmlns='urn:x'/></iq>", false),
            ("<iq type='result' id='1' to='juliet@im.example/balcony'/>", false),
            ("<iq type='error' id='1' to='juliet@im.example'><error/></iq>", false),
            ("<message type='error' to='juliet@im.example'><error/></message>", false),
        ] {
            let mut recipients = Recipients::new(Some(1), start);
            let other = stanza("<message to='other@im.example'/>");
            assert_eq!(recipients.refusal(&other, &own(), start), None);
            let refusal = recipients.refusal(&stanza(xml), &own(), start);
            assert_eq!(refusal.is_some(), counts, "{xml}");
            if let Some(refusal) = refusal {
                assert_eq!(refusal.error_type(), ErrorType::Wait);
                assert!(refusal.application().is_some_and(|more| more.is("too-many-stanzas", ns::ERRORS)));
            }
        }
    }

    #[test]
    fn no_memory_without_need() {
        let start = Instant::now();
        let to = |number: u32| stanza(&format!("<message to='n{number}@im.example'/>"));
        let mut recipients = Recipients::new(Some(300), start);
        for _ in 0..1_000 {
            recipients.refusal(&to(1), &own(), start);
        }
        assert_eq!(recipients.all.capacity(), 0);
        for number in 0..10_000 {
            recipients.refusal(&to(number), &own(), start);
        }
        assert_eq!(recipients.all.len(), 300);
        assert!(recipients.all.capacity() < 1_000, "{}", recipients.all.capacity());
        recipients.refusal(&to(1), &own(), start + Duration::from_secs(100));
        assert_eq!(recipients.all.capacity(), 0);
        let mut unbounded = Recipients::new(None, start);
        assert!((0..1_000).all(|number| unbounded.refusal(&to(number), &own(), start).is_none()));
        assert_eq!(unbounded.all.capacity(), 0);
    }
}
