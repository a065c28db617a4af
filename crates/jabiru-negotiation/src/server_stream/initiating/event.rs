//! What the initiating machine tells its caller.

use jabiru_stanza::{RawElement, SaslFailure, StreamFeatures, StreamHeader};

use super::InitiatingServerError;
use crate::{DomainPair, KeyAnswer, KeyToVerify, ServerProof, ServerRefusal};

/// What the caller of [`InitiatingServerStream`](super::InitiatingServerStream) has to do or to know next.
///
/// Events come in order. Before acting on one, the output there is has to be on its way.
#[derive(Clone, Debug)]
pub enum InitiatingServerEvent {
    /// The next octet belongs to TLS. The caller drops its reader with every octet read behind `<proceed/>`, does the
    /// handshake as the client, verifies the certificate and reports with
    /// [`handle_tls`](super::InitiatingServerStream::handle_tls).
    StartTls,
    /// The caller replaces its reader by a new one (RFC 6120 §6.3.2).
    RestartStream,
    /// The response header, as the other side sent it; for diagnosis. What is wrong with it is told later, by
    /// [`Closed`](Self::Closed). Comes before the features of the stream.
    Header(Box<StreamHeader>),
    /// What the other side offers; for diagnosis. Comes once for each stream header.
    Features(StreamFeatures),
    /// What is tried now; for diagnosis.
    Trying {
        /// The way.
        by: ServerProof,
    },
    /// EXTERNAL failed, and dialback is tried next.
    ExternalFailed(SaslFailure),
    /// The other side takes stanzas of this pair.
    Proven {
        /// Of whom to whom.
        pair: DomainPair,
        /// How we proved it.
        by: ServerProof,
    },
    /// The other side does not take stanzas of a pair that was [asked for](super::InitiatingServerStream::add_pair)
    /// besides that of the stream.
    NotAccepted {
        /// Of whom to whom.
        pair: DomainPair,
        /// What it said; `remote-server-timeout` if it said nothing.
        answer: KeyAnswer,
    },
    /// Stanzas of the stream's pair may be sent.
    Established {
        /// What the other side offers on this stream, such as stream management.
        features: StreamFeatures,
        /// The other side may send stanzas of the inverse pairs (XEP-0288).
        bidi: bool,
    },
    /// A key that was to be verified has its answer; or never will: then it is `remote-server-timeout`, or
    /// `remote-server-not-found` if the other side does not know the domain.
    KeyVerified {
        /// The key with all that it is bound to.
        request: KeyToVerify,
        /// What the authoritative server said, to be [relayed](KeyAnswer::relayed).
        answer: KeyAnswer,
    },
    /// The other side wants to send for one more pair on a bidirectional stream (XEP-0288 §2.2). Ask the authoritative
    /// server of the pair's sender domain, then [`handle_key`](super::InitiatingServerStream::handle_key).
    VerifyKey(KeyToVerify),
    /// The other side did not prove that, and was told; for logs.
    Refused {
        /// Of whom to whom.
        pair: DomainPair,
        /// What the other side was told.
        why: ServerRefusal,
    },
    /// A first-level element that is no negotiation: a stanza on a bidirectional stream, whose addresses are still to be
    /// [checked](super::InitiatingServerStream::is_proven), or something of a floor above, such as stream management.
    Element(RawElement),
    /// The end; `None` if the caller wanted it. All keys to be verified have been answered before.
    Closed {
        /// Why.
        error: Option<InitiatingServerError>,
    },
}
