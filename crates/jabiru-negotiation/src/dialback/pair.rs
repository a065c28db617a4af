//! Who wants to send to whom, and what is answered to that.

use std::fmt;

use jabiru_stanza::{Condition, DomainPart, DomainRef, StanzaError};

/// Sender domain and target domain (XEP-0220 §1.3): what is proven on a server stream.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DomainPair {
    /// Whose stanzas are sent.
    pub sender: DomainPart,
    /// To whom.
    pub target: DomainPart,
}

impl DomainPair {
    /// Stanzas of `sender` to `target`.
    #[must_use]
    pub fn new(sender: DomainPart, target: DomainPart) -> DomainPair {
        DomainPair { sender, target }
    }

    /// The way back.
    #[must_use]
    pub fn inverse(&self) -> DomainPair {
        DomainPair { sender: self.target.clone(), target: self.sender.clone() }
    }

    /// Is it this one?
    #[must_use]
    pub fn is(&self, sender: &DomainRef, target: &DomainRef) -> bool {
        self.sender.as_str() == sender.as_str() && self.target.as_str() == target.as_str()
    }
}

/// `capulet.example -> montague.example`
impl fmt::Display for DomainPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}", self.sender, self.target)
    }
}

/// A dialback key with all that it is bound to, for the authoritative server of the sender domain (XEP-0220 §2.1.2).
#[derive(Clone, PartialEq, Eq)]
pub struct KeyToVerify {
    /// Who showed it, to whom.
    pub pair: DomainPair,
    /// The id of the stream that it was shown on (RFC 6120 §4.7.3).
    pub stream_id: String,
    /// The key.
    pub key: String,
}

/// Not the key: whoever has it may claim the stream.
impl fmt::Debug for KeyToVerify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyToVerify")
            .field("pair", &self.pair)
            .field("stream_id", &self.stream_id)
            .finish_non_exhaustive()
    }
}

/// What a dialback key is answered with, by the authoritative and by the receiving server (XEP-0220 §2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyAnswer {
    /// It is good.
    Valid,
    /// It is not.
    Invalid,
    /// It could not be found out, or is of no interest (§2.5).
    Error(StanzaError),
}

impl KeyAnswer {
    /// What the initiating server gets to hear, by what the authoritative server said (XEP-0220 §2.5):
    /// `remote-server-not-found` where that does not serve the sender domain, and `remote-server-timeout` for other trouble.
    #[must_use]
    pub fn relayed(self) -> KeyAnswer {
        match self {
            KeyAnswer::Valid | KeyAnswer::Invalid => self,
            KeyAnswer::Error(error) => KeyAnswer::Error(StanzaError::new(match error.condition() {
                Condition::ItemNotFound | Condition::RemoteServerNotFound => Condition::RemoteServerNotFound,
                _ => Condition::RemoteServerTimeout,
            })),
        }
    }
}

/// For logs: in the words of whoever answered.
impl fmt::Display for KeyAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyAnswer::Valid => f.write_str("valid"),
            KeyAnswer::Invalid => f.write_str("invalid"),
            KeyAnswer::Error(error) => error.fmt(f),
        }
    }
}

impl From<Condition> for KeyAnswer {
    fn from(condition: Condition) -> KeyAnswer {
        KeyAnswer::Error(condition.into())
    }
}
