//! Streams between servers, seen from both ends.
//!
//! [`ReceivingServerStream`] and [`InitiatingServerStream`] negotiate as [`ClientStream`](crate::ClientStream) and
//! [`InitiatingStream`](crate::InitiatingStream) do: stream headers and features (RFC 6120 §4), STARTTLS (§5), SASL
//! EXTERNAL (§6; XEP-0178 §3), and beside that Server Dialback in all its roles (XEP-0220) and bidirectional streams
//! (XEP-0288). Unlike those they live as long as their stream: dialback may come at any time, and for any pair of domains.
//!
//! What is proven on a stream are [domain pairs](crate::DomainPair). Whether a certificate is good for a domain, which
//! way leads to another server, and what becomes of stanzas is the business of the floors above.

mod claims;
mod initiating;
mod receiving;
mod requests;

use std::fmt;

use jabiru_stanza::SaslFailure;

use crate::KeyAnswer;

pub use initiating::{
    InitiatingServerError, InitiatingServerEvent, InitiatingServerPolicy, InitiatingServerStream, ServerPurpose,
};
pub use receiving::{CertificateAnswer, ReceivingServerEvent, ReceivingServerPolicy, ReceivingServerStream};

/// By what a domain pair was proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ServerProof {
    /// A certificate, with SASL EXTERNAL (XEP-0178 §3).
    External,
    /// Server Dialback (XEP-0220), whatever the receiving server judged it by.
    Dialback,
}

impl fmt::Display for ServerProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ServerProof::External => "EXTERNAL",
            ServerProof::Dialback => "dialback",
        })
    }
}

/// What a server that wanted to prove something was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerRefusal {
    /// SASL failed (RFC 6120 §6.5).
    Sasl(SaslFailure),
    /// The answer to a dialback key, which is not [`KeyAnswer::Valid`].
    Dialback(KeyAnswer),
}

impl fmt::Display for ServerRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServerRefusal::Sasl(SaslFailure { condition, text: Some(text) }) => {
                write!(f, "SASL {} ({text})", condition.name())
            }
            ServerRefusal::Sasl(SaslFailure { condition, text: None }) => write!(f, "SASL {}", condition.name()),
            ServerRefusal::Dialback(answer) => write!(f, "dialback {answer}"),
        }
    }
}
