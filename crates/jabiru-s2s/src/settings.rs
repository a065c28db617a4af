//! The bounds of server streams.

use std::time::Duration;

use jabiru_net::rate::{OnExcess, Rate, RateLimits};
use jabiru_net::{ConnectionLimits, Keepalive};
use jabiru_xml::Limits;

use crate::backoff::BackOff;

/// The bounds of server streams. Each is one of RFC 6120 §13.12's.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What is read of a server that has proved nothing yet.
    pub unauthenticated: Limits,
    /// What is read of one that has.
    pub authenticated: Limits,
    /// How fast one stream is read.
    pub rate: RateLimits,
    /// Bytes that may wait to be sent on one stream before stanzas are refused.
    pub outbox_bytes: usize,
    /// How long the other side may take nothing of what waits for it.
    pub stall_timeout: Duration,
    /// Probes by TCP itself on a silent stream (§4.6.1).
    pub keepalive: Option<Keepalive>,
    /// How long TCP tries to get across what was sent before the connection counts as dead (RFC 5482).
    pub user_timeout: Option<Duration>,
    /// How long the end of a stream may take (§4.4).
    pub closing_timeout: Duration,
    /// How long negotiation of one stream may take, from its connection on.
    pub negotiation_timeout: Duration,
    /// How long it may take to find a domain's servers and connect to one, over all of its addresses.
    pub connect_timeout: Duration,
    /// How long an attempt to reach a domain may take altogether, over all its servers: what waits for it is answered
    /// with an error then.
    pub dial_timeout: Duration,
    /// After how long without a stanza in either direction a stream is closed; `None`: never.
    pub idle_timeout: Option<Duration>,
    /// How long what was sent may stay unacknowledged by a server that acknowledges; then its stream counts as dead.
    pub acknowledgement_timeout: Duration,
    /// How long what was on its way to a domain waits for a new stream after the stream broke, before its senders are told.
    pub patience: Duration,
    /// How long a stream that broke can be resumed by the other side (XEP-0198 §5).
    pub resumption: Duration,
    /// Streams that may be resumed at once by others.
    pub resumable_streams: usize,
    /// The pauses between attempts to reach a domain.
    pub back_off: BackOff,
    /// Pairs of domains that we have something to send between at once, altogether.
    pub links: usize,
    /// Connections at once that are being made to other servers for stanzas, and as many for dialback.
    pub dialling: usize,
    /// Questions at once by other servers whether they are who they say (dialback), altogether.
    pub verifications: usize,
    /// The same by one network address, so that it does not keep all others from proving themselves.
    pub verifications_per_address: usize,
    /// Pairs of domains that one incoming stream may prove, or have under way.
    pub pairs_per_stream: usize,
    /// Bytes of stanzas that may wait for one pair of domains while there is no stream.
    pub queue_bytes: usize,
    /// The same, for all pairs together.
    pub total_queue_bytes: usize,
    /// Stanzas, and their bytes, that were sent on one stream and are not acknowledged.
    pub unacknowledged_stanzas: usize,
    /// See [`unacknowledged_stanzas`](Self::unacknowledged_stanzas).
    pub unacknowledged_bytes: usize,
}

impl Settings {
    pub(crate) fn connection(&self) -> ConnectionLimits {
        ConnectionLimits {
            keepalive: self.keepalive,
            user_timeout: self.user_timeout,
            ..ConnectionLimits::new(self.outbox_bytes, self.stall_timeout)
        }
    }
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            unauthenticated: Limits::UNAUTHENTICATED,
            authenticated: Limits::AUTHENTICATED,
            // A server speaks for many: ten times what a client may, which is a tenth of what can be handled.
            rate: RateLimits {
                bytes: Some(Rate { per_second: 10_000_000, burst: 50_000_000 }),
                stanzas: Some(Rate { per_second: 10_000, burst: 100_000 }),
                on_excess: OnExcess::Slow,
            },
            outbox_bytes: 4 * 1024 * 1024,
            stall_timeout: Duration::from_secs(60),
            keepalive: Some(Keepalive { idle: Duration::from_secs(120), interval: Duration::from_secs(15) }),
            user_timeout: Some(Duration::from_secs(120)),
            closing_timeout: Duration::from_secs(5),
            negotiation_timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(30),
            dial_timeout: Duration::from_secs(90),
            idle_timeout: Some(Duration::from_secs(1800)),
            acknowledgement_timeout: Duration::from_secs(120),
            patience: Duration::from_secs(60),
            resumption: Duration::from_secs(300),
            resumable_streams: 10_000,
            back_off: BackOff::default(),
            links: 10_000,
            dialling: 200,
            verifications: 200,
            verifications_per_address: 50,
            pairs_per_stream: 100,
            queue_bytes: 1024 * 1024,
            total_queue_bytes: 256 * 1024 * 1024,
            unacknowledged_stanzas: 10_000,
            unacknowledged_bytes: 8 * 1024 * 1024,
        }
    }
}
