//! What the receiving machine tells its caller, and what it hears about certificates.

use jabiru_stanza::{DomainPart, RawElement, StreamError};

use crate::{DomainPair, KeyAnswer, KeyToVerify, ServerProof, ServerRefusal};

/// What the caller of [`ReceivingServerStream`](super::ReceivingServerStream) has to do or to know next.
///
/// Events come in order. Before acting on one, the output there is has to be on its way.
#[derive(Debug)]
pub enum ReceivingServerEvent {
    /// Once the output so far has been sent, the next octet in either direction belongs to TLS. The caller drops its
    /// reader with every octet read behind `<starttls/>` (RFC 6120 §5.4.3.3), does the handshake as the server, asks for
    /// a certificate, and reports with [`handle_tls`](super::ReceivingServerStream::handle_tls).
    StartTls,
    /// The caller replaces its reader by a new one (RFC 6120 §6.3.2). Octets that came behind the last event belong to the
    /// new stream.
    RestartStream,
    /// Is the certificate that was presented in TLS good for this domain (RFC 6120 §13.7.2)? Answer with
    /// [`handle_certificate`](super::ReceivingServerStream::handle_certificate); the other side waits for its features.
    JudgeCertificate {
        /// As which the other side opened the stream.
        domain: DomainPart,
    },
    /// Ask the authoritative server of the pair's sender domain, on another stream (XEP-0288 §2.2), then
    /// [`handle_key`](super::ReceivingServerStream::handle_key).
    VerifyKey(KeyToVerify),
    /// Stanzas of this pair are taken from now on.
    Proven {
        /// Of whom to whom.
        pair: DomainPair,
        /// How that was proved.
        by: ServerProof,
    },
    /// Something was not proven, and the other side was told; for logs.
    Refused {
        /// Of whom to whom, as far as that was said.
        pair: Option<DomainPair>,
        /// What the other side was told.
        why: ServerRefusal,
    },
    /// The other side asked about a key of ours, as its authoritative server (XEP-0220 §2.2.2), and was answered; for
    /// diagnosis.
    KeyJudged {
        /// Of whom the key is, and to whom it was shown.
        pair: DomainPair,
        /// What it was told.
        answer: KeyAnswer,
    },
    /// From now on stanzas may be sent on this stream too: of the inverse of each pair that is or gets proven (XEP-0288).
    BidiEnabled,
    /// A first-level element after something was proven that is no negotiation: a stanza, whose addresses are still to be
    /// [checked](super::ReceivingServerStream::is_proven), or something of a floor above, such as stream management.
    Element(RawElement),
    /// The end: all that is still to be sent, stream error and closing tag included, is in the output.
    /// Nothing is processed any more.
    Closed {
        /// Why we closed; `None` if the other side closed the stream or the caller wanted no error.
        error: Option<StreamError>,
        /// The stream error of the other side, if it sent one (RFC 6120 §4.9.1.1).
        peer_error: Option<StreamError>,
    },
}

/// Is the certificate good for the domain?
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateAnswer {
    /// It is: EXTERNAL is offered.
    Proves,
    /// It is not. Dialback may still do; if the caller does not want that, it closes the stream instead of answering.
    Refused {
        /// Why, for the person who debugs the other side.
        text: String,
    },
}
