//! What an initiating server insists on, and for what it opens a stream.

use std::sync::Arc;
use std::time::Duration;

use crate::{DialbackSecret, KeyToVerify};

/// What a stream is opened for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerPurpose {
    /// Stanzas of its pair.
    Stanzas,
    /// To ask an authoritative server about keys (XEP-0220 §2.1.2), and nothing else: nothing is proven.
    Verify(Vec<KeyToVerify>),
}

/// The rules by which [`InitiatingServerStream`](super::InitiatingServerStream) negotiates.
#[derive(Clone, Debug)]
pub struct InitiatingServerPolicy {
    /// Never go on without TLS, whatever is offered (RFC 6120 §13.8).
    pub require_tls: bool,
    /// Use STARTTLS where it is offered. Without it and with `require_tls` only direct TLS (XEP-0368) is left.
    pub use_starttls: bool,
    /// Prove our domain by EXTERNAL where it is offered, with the certificate that the caller presents in TLS.
    pub external: bool,
    /// Prove our domain by dialback where EXTERNAL is not offered or fails.
    pub dialback: bool,
    /// Make the stream bidirectional where that is offered (XEP-0288).
    pub bidi: bool,
    /// Pairs accepted or being asked for on one stream, in each direction; and as many keys to verify.
    pub max_pairs: usize,
    /// With which our keys are made.
    pub dialback_secret: Arc<DialbackSecret>,
    /// From the first octet until stanzas may be sent, or keys verified.
    pub negotiation_timeout: Duration,
    /// For the answer to a key.
    pub dialback_timeout: Duration,
    /// For the other side's end of the stream after [ours](super::InitiatingServerStream::finish) (RFC 6120 §4.4).
    pub closing_timeout: Duration,
    /// Default language of what we send (RFC 6120 §4.7.4).
    pub lang: String,
}

impl InitiatingServerPolicy {
    /// The defaults: TLS required, EXTERNAL, then dialback, bidirectional streams, 100 pairs; one minute, half of that for
    /// a key, and ten seconds for the end; English.
    #[must_use]
    pub fn new(dialback_secret: Arc<DialbackSecret>) -> InitiatingServerPolicy {
        InitiatingServerPolicy {
            require_tls: true,
            use_starttls: true,
            external: true,
            dialback: true,
            bidi: true,
            max_pairs: 100,
            dialback_secret,
            negotiation_timeout: Duration::from_secs(60),
            dialback_timeout: Duration::from_secs(30),
            closing_timeout: Duration::from_secs(10),
            lang: "en".to_owned(),
        }
    }
}
