//! How we learn what the other side has handled.
//!
//! With stream management the other side counts (XEP-0198 §4). Without it, a ping to the other domain does, as stanzas
//! between two domains stay in order (RFC 6120 §10.1): whoever answers it has handled what was sent before. One question is
//! under way at a time, so that it costs no more than one small element a round trip, and needs no timer.

use std::time::Instant;

use jabiru_negotiation::DomainPair;
use jabiru_stanza::{Element, ns};

/// How what was sent on a stream is confirmed.
#[derive(Debug)]
pub(crate) enum Confirming {
    /// Not at all: there is no stream.
    Not,
    /// The other side counts stanzas.
    Management {
        /// When it was asked for its count, if the answer is still to come.
        asked: Option<Instant>,
    },
    /// It answers pings.
    Pings {
        /// Unguessable, and so known to nobody who did not get the ping.
        token: Box<str>,
        /// How many there were.
        number: u64,
        /// When it was asked, and how many stanzas had been sent by then, if the answer is still to come.
        asked: Option<(Instant, u32)>,
    },
}

/// What is asked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// `<r/>`
    Count,
    /// A ping of this id.
    Ping(String),
}

impl Confirming {
    /// By stream management.
    pub(crate) fn by_management() -> Confirming {
        Confirming::Management { asked: None }
    }

    /// By pings with this token in their ids.
    pub(crate) fn by_pings(token: String) -> Confirming {
        Confirming::Pings { token: token.into(), number: 0, asked: None }
    }

    /// Is what was sent to be kept until it is confirmed?
    pub(crate) fn tracks(&self) -> bool {
        match self {
            Confirming::Not => false,
            Confirming::Management { .. } | Confirming::Pings { .. } => true,
        }
    }

    /// Has the other side said that it will answer?
    pub(crate) fn is_certain(&self) -> bool {
        match self {
            Confirming::Management { .. } => true,
            Confirming::Not | Confirming::Pings { .. } => false,
        }
    }

    /// The question to put behind what is sent now, with which `sent` stanzas have been sent on the stream; `None` while
    /// another is still open.
    pub(crate) fn ask(&mut self, sent: u32, now: Instant) -> Option<Question> {
        match self {
            Confirming::Not => None,
            Confirming::Management { asked } => {
                let first = asked.is_none();
                first.then(|| {
                    *asked = Some(now);
                    Question::Count
                })
            }
            Confirming::Pings { token, number, asked } => {
                let first = asked.is_none();
                first.then(|| {
                    *asked = Some((now, sent));
                    *number += 1;
                    Question::Ping(ping_id(token, *number))
                })
            }
        }
    }

    /// The question is answered, or was never put.
    pub(crate) fn settle(&mut self) {
        match self {
            Confirming::Not => {}
            Confirming::Management { asked } => *asked = None,
            Confirming::Pings { asked, .. } => *asked = None,
        }
    }

    /// How many stanzas an answer to a ping of this id confirms; `None` if it is not the one that is open.
    pub(crate) fn confirmed_by(&self, id: &str) -> Option<u32> {
        match self {
            Confirming::Pings { token, number, asked: Some((_, sent)) } => {
                (id == ping_id(token, *number)).then_some(*sent)
            }
            Confirming::Pings { asked: None, .. } | Confirming::Management { .. } | Confirming::Not => None,
        }
    }

    /// When a ping was sent that nobody has answered yet.
    pub(crate) fn unanswered_since(&self) -> Option<Instant> {
        match self {
            Confirming::Pings { asked, .. } => asked.map(|(asked, _)| asked),
            Confirming::Not | Confirming::Management { .. } => None,
        }
    }

    /// When a question was put that the other side has promised to answer, and is still open.
    pub(crate) fn promised_since(&self) -> Option<Instant> {
        match self {
            Confirming::Management { asked } => *asked,
            // Nobody has to be able to connect back, or to know pings.
            Confirming::Not | Confirming::Pings { .. } => None,
        }
    }
}

impl Question {
    /// Appends it, for a stream of this pair.
    pub(crate) fn write(&self, out: &mut Vec<u8>, pair: &DomainPair) {
        match self {
            Question::Count => out.extend_from_slice(b"<r xmlns='urn:xmpp:sm:3'/>"),
            Question::Ping(id) => Element::new("iq", ns::SERVER)
                .with_attribute("type", "get")
                .with_attribute("id", id.as_str())
                .with_attribute("from", pair.sender.as_str())
                .with_attribute("to", pair.target.as_str())
                .with_child(Element::new("ping", ns::PING))
                .write(out, ns::SERVER),
        }
    }
}

/// The id of a ping that has nothing to do with what was sent before: that of a test.
pub(crate) fn test_id(token: &str) -> String {
    format!("{PREFIX}test-{token}")
}

/// Does an id look like that of one of these pings?
pub(crate) fn is_ping_id(id: &str) -> bool {
    id.starts_with(PREFIX)
}

fn ping_id(token: &str, number: u64) -> String {
    format!("{PREFIX}{token}-{number}")
}

const PREFIX: &str = "s2s-";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_question_at_a_time() {
        let now = Instant::now();
        for mut confirming in [Confirming::by_management(), Confirming::by_pings("token".into())] {
            assert!(confirming.ask(1, now).is_some());
            assert_eq!(confirming.ask(2, now), None, "{confirming:?}");
            confirming.settle();
            assert!(confirming.ask(2, now).is_some());
        }
        assert_eq!(Confirming::Not.ask(1, now), None);
    }

    #[test]
    fn a_ping_confirms_what_was_sent_before_it() {
        let mut pings = Confirming::by_pings("token".into());
        let Some(Question::Ping(first)) = pings.ask(3, Instant::now()) else { panic!("{pings:?}") };
        assert!(is_ping_id(&first));
        assert_eq!(pings.confirmed_by("s2s-guess-1"), None);
        assert_eq!(pings.confirmed_by(&first), Some(3));
        pings.settle();
        assert_eq!(pings.confirmed_by(&first), None, "answered already");
        let second = pings.ask(5, Instant::now());
        assert_eq!(pings.confirmed_by(&first), None, "{second:?} is open");
    }
}
