//! What was sent and is not known to be handled.

use std::collections::VecDeque;

use jabiru_stanza::{Element, StreamCondition, StreamError, ns};

/// Keeps what was sent until it is acknowledged (XEP-0198 §4), bounded in stanzas and bytes.
#[derive(Clone, Debug)]
pub struct Unacknowledged<T> {
    /// Oldest first, each with what it counts for.
    kept: VecDeque<(T, usize)>,
    bytes: usize,
    /// The last `h` of the other side.
    acknowledged: u32,
    bounds: Bounds,
    /// What was sent since an acknowledgement was last asked for.
    unrequested: Amount,
}

/// How much is kept, and how often acknowledgements are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Stanzas that may be kept.
    pub max_stanzas: usize,
    /// Bytes that they may have together; one stanza is always taken.
    pub max_bytes: usize,
    /// An acknowledgement is wanted after so many stanzas…
    pub request_every_stanzas: usize,
    /// … or so many bytes.
    pub request_every_bytes: usize,
}

/// 1,000 stanzas of 4 MiB together; a request after 20 or after 64 KiB.
impl Default for Bounds {
    fn default() -> Bounds {
        Bounds { max_stanzas: 1000, max_bytes: 4 << 20, request_every_stanzas: 20, request_every_bytes: 64 << 10 }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Amount {
    stanzas: usize,
    bytes: usize,
}

/// The other side acknowledged what was not sent, or took back what it had acknowledged (XEP-0198 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{h} stanzas acknowledged, of {sent} that were sent")]
pub struct HandledCountTooHigh {
    /// What it said.
    pub h: u32,
    /// What would have been the most to say.
    pub sent: u32,
}

impl From<HandledCountTooHigh> for StreamError {
    fn from(HandledCountTooHigh { h, sent }: HandledCountTooHigh) -> StreamError {
        let more = Element::new("handled-count-too-high", ns::SM)
            .with_attribute("h", h.to_string())
            .with_attribute("send-count", sent.to_string());
        StreamError::new(StreamCondition::UndefinedCondition)
            .with_text(format!("You acknowledged {h} stanzas, but I only sent you {sent} so far."))
            .with_application(more)
    }
}

impl<T> Unacknowledged<T> {
    /// Nothing was sent yet.
    #[must_use]
    pub fn new(bounds: Bounds) -> Unacknowledged<T> {
        Unacknowledged { kept: VecDeque::new(), bytes: 0, acknowledged: 0, bounds, unrequested: Amount::default() }
    }

    /// Keeps a stanza that is about to be sent, which counts for so many bytes.
    ///
    /// # Errors
    /// The stanza, if there is no room: then it must not be sent before something is acknowledged.
    pub fn push(&mut self, stanza: T, bytes: usize) -> Result<(), T> {
        if !self.has_room(bytes) {
            return Err(stanza);
        }
        self.kept.push_back((stanza, bytes));
        self.bytes += bytes;
        self.unrequested.stanzas += 1;
        self.unrequested.bytes += bytes;
        Ok(())
    }

    /// Would a stanza of so many bytes be taken?
    #[must_use]
    pub fn has_room(&self, bytes: usize) -> bool {
        let fits = self.bytes.checked_add(bytes).is_some_and(|bytes| bytes <= self.bounds.max_bytes);
        self.kept.is_empty() || self.kept.len() < self.bounds.max_stanzas && fits
    }

    /// Takes the `h` of `<a/>`, `<resume/>` or `<resumed/>`: gives what is handled now, oldest first. It is let go whether
    /// the iterator is used up or not.
    ///
    /// # Errors
    /// If that many were never sent. Counters wrap, so an `h` lower than the last one is the same as one too high.
    pub fn acknowledge(&mut self, h: u32) -> Result<impl Iterator<Item = T> + use<'_, T>, HandledCountTooHigh> {
        let newly = usize::try_from(h.wrapping_sub(self.acknowledged)).unwrap_or(usize::MAX);
        if newly > self.kept.len() {
            return Err(HandledCountTooHigh { h, sent: self.sent() });
        }
        self.acknowledged = h;
        self.bytes -= self.kept.iter().take(newly).map(|(_, bytes)| bytes).sum::<usize>();
        Ok(self.kept.drain(..newly).map(|(stanza, _)| stanza))
    }

    /// An acknowledgement was asked for, with `<r/>`.
    pub fn requested(&mut self) {
        self.unrequested = Amount::default();
    }

    /// Takes out everything, oldest first: the stream will not be resumed.
    pub fn drain(&mut self) -> impl Iterator<Item = T> + use<'_, T> {
        // As if it were acknowledged, so that the counters stay right.
        self.acknowledged = self.sent();
        self.bytes = 0;
        self.unrequested = Amount::default();
        self.kept.drain(..).map(|(stanza, _)| stanza)
    }

    /// Should an acknowledgement be asked for now?
    #[must_use]
    pub fn wants_request(&self) -> bool {
        self.unrequested.stanzas >= self.bounds.request_every_stanzas
            || self.unrequested.bytes >= self.bounds.request_every_bytes
            // What is full stays full until something is acknowledged.
            || self.unrequested.stanzas > 0 && !self.has_room(0)
    }

    /// What is not acknowledged, oldest first: what has to be sent again after a resumption (XEP-0198 §5).
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.kept.iter().map(|(stanza, _)| stanza)
    }

    /// How many stanzas were sent in all, modulo 2³².
    #[must_use]
    pub fn sent(&self) -> u32 {
        // Never more than fits: whoever keeps 2³² stanzas in memory has other trouble.
        self.acknowledged.wrapping_add(self.kept.len() as u32)
    }

    /// How many stanzas are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Is everything acknowledged?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// What the stanzas that are kept count for.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(max_stanzas: usize, max_bytes: usize) -> Bounds {
        Bounds { max_stanzas, max_bytes, request_every_stanzas: 3, request_every_bytes: 100 }
    }

    fn acknowledged(sent: &mut Unacknowledged<u32>, h: u32) -> Result<Vec<u32>, HandledCountTooHigh> {
        sent.acknowledge(h).map(Iterator::collect)
    }

    #[test]
    fn stanzas_are_let_go_in_order() {
        let mut sent = Unacknowledged::new(bounds(10, 1000));
        for stanza in 1..=5 {
            assert_eq!(sent.push(stanza, 10), Ok(()));
        }
        for (h, expected) in [
            (0, Ok(vec![])),
            (2, Ok(vec![1, 2])),
            (2, Ok(vec![])),
            (6, Err(HandledCountTooHigh { h: 6, sent: 5 })),
            // Taken back.
            (1, Err(HandledCountTooHigh { h: 1, sent: 5 })),
            (u32::MAX, Err(HandledCountTooHigh { h: u32::MAX, sent: 5 })),
            (4, Ok(vec![3, 4])),
        ] {
            assert_eq!(acknowledged(&mut sent, h), expected, "{h}");
        }
        assert_eq!((sent.len(), sent.bytes(), sent.sent()), (1, 10, 5));
        assert_eq!(sent.drain().collect::<Vec<_>>(), [5]);
        assert_eq!((sent.len(), sent.bytes(), sent.sent()), (0, 0, 5));
        assert_eq!(acknowledged(&mut sent, 5), Ok(vec![]));
    }

    /// What is not taken out of the iterator is gone all the same.
    #[test]
    fn an_unused_answer_counts() {
        let mut sent = Unacknowledged::new(bounds(10, 1000));
        let _ = (sent.push(1, 10), sent.push(2, 10));
        assert!(sent.acknowledge(1).is_ok());
        assert_eq!((sent.len(), sent.bytes()), (1, 10));
    }

    /// XEP-0198 §4: 2³²−1 is followed by 0.
    #[test]
    fn counters_wrap() {
        let mut sent = Unacknowledged::new(bounds(10, 1000));
        sent.acknowledged = u32::MAX - 1;
        for stanza in 1..=4 {
            assert_eq!(sent.push(stanza, 1), Ok(()));
        }
        assert_eq!(sent.sent(), 2);
        for (h, expected) in [
            (3, Err(HandledCountTooHigh { h: 3, sent: 2 })),
            (u32::MAX - 2, Err(HandledCountTooHigh { h: u32::MAX - 2, sent: 2 })),
            (u32::MAX, Ok(vec![1])),
            (1, Ok(vec![2, 3])),
            (2, Ok(vec![4])),
        ] {
            assert_eq!(acknowledged(&mut sent, h), expected, "{h}");
        }
    }

    #[test]
    fn room_is_bounded() {
        let mut sent = Unacknowledged::new(bounds(2, 30));
        // One is always taken, or else it could never be sent.
        assert_eq!(sent.push(1, 50), Ok(()));
        assert_eq!(sent.push(2, 0), Err(2));
        assert_eq!(acknowledged(&mut sent, 1), Ok(vec![1]));
        for (stanza, bytes, expected) in
            [(3, 10, Ok(())), (4, 21, Err(4)), (4, usize::MAX, Err(4)), (4, 20, Ok(())), (5, 0, Err(5))]
        {
            assert_eq!(sent.push(stanza, bytes), expected, "{stanza} {bytes}");
        }
        assert_eq!(sent.sent(), 3, "what was not taken does not count");
    }

    #[test]
    fn requests_are_wanted_now_and_then() {
        let mut sent = Unacknowledged::new(bounds(5, 1000));
        for (bytes, expected) in [(1, false), (1, false), (1, true)] {
            assert_eq!(sent.push(0, bytes), Ok(()));
            assert_eq!(sent.wants_request(), expected);
        }
        sent.requested();
        assert!(!sent.wants_request());
        assert_eq!(sent.push(0, 100), Ok(()));
        assert!(sent.wants_request(), "by its bytes");
        sent.requested();
        assert_eq!(sent.push(0, 1), Ok(()));
        assert!(sent.wants_request(), "for nothing more can be sent");
        sent.requested();
        assert!(!sent.wants_request(), "once is enough");
    }

    /// XEP-0198 §6, example 17.
    #[test]
    fn too_high_is_a_stream_error() {
        let mut out = Vec::new();
        StreamError::from(HandledCountTooHigh { h: 10, sent: 8 }).write(&mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "<stream:error><undefined-condition xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
             <text xmlns='urn:ietf:params:xml:ns:xmpp-streams' xml:lang='en'>You acknowledged 10 stanzas, but I only \
             sent you 8 so far.</text><handled-count-too-high xmlns='urn:xmpp:sm:3' h='10' send-count='8'/></stream:error>"
        );
    }

    /// XEP-0198 §5: what the other side has handled is let go, the rest is sent again, and the counters go on.
    #[test]
    fn a_resumption_sends_what_was_lost() {
        let mut sent = Unacknowledged::new(bounds(10, 1000));
        for stanza in 1..=4 {
            assert_eq!(sent.push(stanza, 1), Ok(()));
        }
        assert_eq!(acknowledged(&mut sent, 1), Ok(vec![1]));
        // The stream broke; <resumed h='3'/> comes on another.
        assert_eq!(acknowledged(&mut sent, 3), Ok(vec![2, 3]));
        assert_eq!(sent.iter().copied().collect::<Vec<_>>(), [4]);
        assert_eq!(sent.push(5, 1), Ok(()));
        assert_eq!(acknowledged(&mut sent, 5), Ok(vec![4, 5]));
    }
}
