//! What the receiving entity of server streams allows and offers.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jabiru_stanza::Element;

use crate::{DialbackSecret, Domains};

/// The rules by which [`ReceivingServerStream`](super::ReceivingServerStream) negotiates, the same for all streams of a
/// listener.
#[derive(Clone)]
pub struct ReceivingServerPolicy {
    /// Which domains are served. Asked anew by every stream, so that it may change under way.
    pub domains: Arc<dyn Domains>,
    /// Nothing but STARTTLS is possible in plaintext (RFC 6120 §5.3.1).
    pub require_tls: bool,
    /// STARTTLS is offered in plaintext.
    pub starttls_available: bool,
    /// EXTERNAL proves something, for who presents a certificate that the caller judges good (XEP-0178 §3).
    pub external: bool,
    /// Dialback proves something (XEP-0220). Keys of our own domains are verified for other servers in any case.
    pub dialback: bool,
    /// Streams may be made bidirectional (XEP-0288).
    pub bidi: bool,
    /// Domain pairs proven or being proven on one stream (XEP-0220 §2.6); one more gets `resource-constraint`.
    pub max_pairs: usize,
    /// SASL handshakes that may fail before the stream is closed (RFC 6120 §6.4.5). At least 1.
    pub max_authentication_attempts: u32,
    /// By which our own keys are known.
    pub dialback_secret: Arc<DialbackSecret>,
    /// From the first octet until something is proven.
    pub negotiation_timeout: Duration,
    /// For the answer to a key; then the other side is told `remote-server-timeout`.
    pub dialback_timeout: Duration,
    /// For the other side's end of the stream after [ours](super::ReceivingServerStream::finish) (RFC 6120 §4.4).
    pub closing_timeout: Duration,
    /// Language of our texts: `xml:lang` of the response stream header (RFC 6120 §4.7.4).
    pub lang: String,
    /// Stream features of the floors above, such as stream management, none of them mandatory to negotiate. Offered
    /// after EXTERNAL, and beside dialback, after which there are no other features.
    pub stream_features: Vec<Element>,
}

impl ReceivingServerPolicy {
    /// The defaults for these domains: TLS required, EXTERNAL and dialback, bidirectional streams, 100 pairs, 3 attempts;
    /// one minute, half of that for a key, and ten seconds for the end; English.
    #[must_use]
    pub fn new(domains: Arc<dyn Domains>, dialback_secret: Arc<DialbackSecret>) -> ReceivingServerPolicy {
        ReceivingServerPolicy {
            domains,
            require_tls: true,
            starttls_available: true,
            external: true,
            dialback: true,
            bidi: true,
            max_pairs: 100,
            max_authentication_attempts: 3,
            dialback_secret,
            negotiation_timeout: Duration::from_secs(60),
            dialback_timeout: Duration::from_secs(30),
            closing_timeout: Duration::from_secs(10),
            lang: "en".to_owned(),
            stream_features: Vec::new(),
        }
    }
}

impl fmt::Debug for ReceivingServerPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceivingServerPolicy")
            .field("require_tls", &self.require_tls)
            .field("starttls_available", &self.starttls_available)
            .field("external", &self.external)
            .field("dialback", &self.dialback)
            .field("bidi", &self.bidi)
            .field("max_pairs", &self.max_pairs)
            .finish_non_exhaustive()
    }
}
