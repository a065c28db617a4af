//! What of another configuration's server streams a running server can take.

use super::{Limits, Resolver, S2s};
use crate::config::differences::differing;

impl S2s {
    /// This with what a running server can take of another one: all but the listeners and most of the bounds. So whom it
    /// has to do with, what they have to prove and by what, how they are found, and how many connections they may have.
    pub(in crate::config) fn with_applicable(&self, other: &S2s) -> S2s {
        let limits = Limits {
            streams: other.limits.streams,
            incoming_per_address: other.limits.incoming_per_address,
            ..self.limits.clone()
        };
        S2s {
            enabled: self.enabled,
            starttls: self.starttls.clone(),
            direct_tls: self.direct_tls.clone(),
            limits,
            ..other.clone()
        }
    }

    /// Adds the keys that differ to those that are applicable, or that need a restart.
    pub(in crate::config) fn compare(
        &self,
        other: &S2s,
        applicable: &mut Vec<&'static str>,
        restart: &mut Vec<&'static str>,
    ) {
        differing!(self, other, S2s {
            enabled => restart "s2s.enabled",
            starttls => restart "s2s.starttls",
            direct_tls => restart "s2s.direct_tls",
            require => applicable "s2s.require",
            require_tls => applicable "s2s.require_tls",
            ca => applicable "s2s.ca",
            system_authorities => applicable "s2s.system_authorities",
            allow => applicable "s2s.allow",
            block => applicable "s2s.block",
            dane => applicable "s2s.dane",
            posh => applicable "s2s.posh",
            direct_tls_out => applicable "s2s.direct_tls_out",
            bidirectional => applicable "s2s.bidirectional",
            stream_management => applicable "s2s.stream_management",
            routes => applicable "s2s.route",
            exceptions => applicable "s2s.domain",
        } without resolver limits);
        differing!(&self.resolver, other.resolver, Resolver {
            nameservers => applicable "s2s.resolver.nameservers",
            dnssec => applicable "s2s.resolver.dnssec",
            trust_anchor => applicable "s2s.resolver.trust_anchor",
            timeout => applicable "s2s.resolver.timeout_seconds",
            cache_entries => applicable "s2s.resolver.cache_entries",
        });
        let (own, others) = (&self.limits, &other.limits);
        differing!(own, others, Limits {
            streams => applicable "s2s.limits.streams",
            incoming_per_address => applicable "s2s.limits.incoming_per_address",
            outgoing => restart "s2s.limits.outgoing",
            pairs_per_stream => restart "s2s.limits.pairs_per_stream",
            queue_bytes => restart "s2s.limits.queue_bytes",
            total_queue_bytes => restart "s2s.limits.total_queue_bytes",
            connect_timeout => restart "s2s.limits.connect_timeout_seconds",
            negotiation_timeout => restart "s2s.limits.negotiation_timeout_seconds",
            idle_timeout => restart "s2s.limits.idle_timeout_seconds",
            bytes_per_second => restart "s2s.limits.bytes_per_second",
            bytes_burst => restart "s2s.limits.bytes_burst",
            stanzas_per_second => restart "s2s.limits.stanzas_per_second",
            stanzas_burst => restart "s2s.limits.stanzas_burst",
            unacknowledged_stanzas => restart "s2s.limits.unacknowledged_stanzas",
            unacknowledged_bytes => restart "s2s.limits.unacknowledged_bytes",
            resumption => restart "s2s.limits.resumption_seconds",
        } without retry_after longest_retry_after);
        // Two numbers, one key.
        let waits = |limits: &Limits| (limits.retry_after, limits.longest_retry_after);
        if waits(own) != waits(others) {
            restart.push("s2s.limits.retry_after_seconds");
        }
    }
}
