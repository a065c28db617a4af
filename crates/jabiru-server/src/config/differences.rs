//! Which keys of two configurations differ, of those that need a restart.

use super::{C2s, Config, Features, Guesses, Limits, Log, Shutdown, Storage};

/// Compares fields, each with its key. A field that is forgotten here is a field that is not used: an error.
macro_rules! differing {
    (
        $list:ident, $before:expr, $after:expr,
        $type:ident { $($field:ident => $key:literal),* $(,)? } $(without $other:ident)*
    ) => {
        let $type { $($field,)* $($other: _,)* } = $before;
        $(if *$field != $after.$field {
            $list.push($key);
        })*
    };
}

impl Config {
    /// The keys whose values differ, in the order of the example file. Not those that a running server can apply:
    /// domains, their certificates, the authorities for those of clients, and `[tls]`.
    #[must_use]
    pub fn differences(&self, other: &Config) -> Vec<&'static str> {
        let mut keys = Vec::new();
        let Config { domains: _, tls: _, data_directory, log, c2s, limits, guesses, features, storage, shutdown } =
            self;
        if *data_directory != other.data_directory {
            keys.push("data_directory");
        }
        differing!(keys, log, other.log, Log { format => "log.format", level => "log.level" });
        differing!(keys, c2s, other.c2s, C2s {
            starttls => "c2s.starttls",
            direct_tls => "c2s.direct_tls",
            require_tls => "c2s.require_tls",
            plain_without_tls => "c2s.plain_without_tls",
            mechanisms => "c2s.mechanisms",
            resource_conflict => "c2s.resource_conflict",
        } without client_certificates);
        differing!(keys, limits, other.limits, Limits {
            connections => "limits.connections",
            connections_per_address => "limits.connections_per_address",
            connection_attempts_per_minute => "limits.connection_attempts_per_minute",
            unauthenticated_connections => "limits.unauthenticated_connections",
            unauthenticated_connections_per_address => "limits.unauthenticated_connections_per_address",
            element_bytes_before_authentication => "limits.element_bytes_before_authentication",
            element_bytes => "limits.element_bytes",
            negotiation_timeout => "limits.negotiation_timeout_seconds",
            authentication_attempts => "limits.authentication_attempts",
            streams_per_account => "limits.streams_per_account",
            anonymous_streams => "limits.anonymous_streams",
            bytes_per_second => "limits.bytes_per_second",
            bytes_burst => "limits.bytes_burst",
            stanzas_per_second => "limits.stanzas_per_second",
            stanzas_burst => "limits.stanzas_burst",
            too_fast => "limits.too_fast",
            whitespace_interval => "limits.whitespace_interval_seconds",
            idle_timeout => "limits.idle_timeout_seconds",
            ping_timeout => "limits.ping_timeout_seconds",
            tcp_keepalive => "limits.tcp_keepalive_seconds",
            tcp_user_timeout => "limits.tcp_user_timeout_seconds",
            outbox_bytes => "limits.outbox_bytes",
            stall_timeout => "limits.stall_timeout_seconds",
            closing_timeout => "limits.closing_timeout_seconds",
        });
        differing!(keys, guesses, other.guesses, Guesses {
            throttled => "guesses.throttled",
            of_account_from_address_free => "guesses.of_account_from_address_free",
            of_account_from_address => "guesses.of_account_from_address",
            from_address_free => "guesses.from_address_free",
            from_address => "guesses.from_address",
            of_account_free => "guesses.of_account_free",
            of_account => "guesses.of_account",
            longest_delay => "guesses.longest_delay_seconds",
            longest_wait => "guesses.longest_wait_seconds",
            trust => "guesses.trust_days",
            remembered => "guesses.remembered",
        });
        differing!(keys, features, other.features, Features {
            password_change => "features.password_change",
            account_cancellation => "features.account_cancellation",
        });
        differing!(keys, storage, other.storage, Storage {
            engine => "storage.engine",
            timeout => "storage.timeout_seconds",
        });
        differing!(keys, shutdown, other.shutdown, Shutdown { timeout => "shutdown.timeout_seconds" });
        keys
    }
}
