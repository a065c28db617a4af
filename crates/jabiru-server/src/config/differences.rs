//! What of another configuration a running server can take, and which other keys need a restart.

use super::{C2s, Config, Features, Guesses, Limits, Log, Shutdown, Storage, Tls};

/// The keys whose values differ between two configurations, in the order of the example file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// Those that a running server can apply.
    pub applicable: Vec<&'static str>,
    /// Those that need a restart.
    pub restart: Vec<&'static str>,
}

/// Compares fields, each with the list for it and its key. A field that is forgotten is a field that is not used: an
/// error.
macro_rules! differing {
    (
        $before:expr, $after:expr,
        $type:ident { $($field:ident => $list:ident $key:literal),* $(,)? } $(without $($other:ident)+)?
    ) => {
        let $type { $($field,)* $($($other: _,)+)? } = $before;
        $(if *$field != $after.$field {
            $list.push($key);
        })*
    };
}
pub(super) use differing;

impl Config {
    /// This configuration with what a running server can take of another one: the domains and their certificates, the
    /// authorities for those of clients, `[tls]`, how many connections there may be, and of `[s2s]` whom the server has to
    /// do with, what they have to prove, and where they are.
    #[must_use]
    pub fn with_applicable(&self, other: &Config) -> Config {
        // Whether clients may log in with certificates at all goes with the mechanisms, which need a restart.
        let client_certificates = match (&self.c2s.client_certificates, &other.c2s.client_certificates) {
            (Some(_), Some(authorities)) => Some(authorities.clone()),
            (own, _) => own.clone(),
        };
        let limits = Limits {
            connections: other.limits.connections,
            connections_per_address: other.limits.connections_per_address,
            connection_attempts_per_minute: other.limits.connection_attempts_per_minute,
            unauthenticated_connections: other.limits.unauthenticated_connections,
            unauthenticated_connections_per_address: other.limits.unauthenticated_connections_per_address,
            ..self.limits.clone()
        };
        Config {
            domains: other.domains.clone(),
            tls: other.tls.clone(),
            c2s: C2s { client_certificates, ..self.c2s.clone() },
            s2s: self.s2s.with_applicable(&other.s2s),
            limits,
            ..self.clone()
        }
    }

    /// Which keys differ. What is applicable is what [`with_applicable`](Self::with_applicable) takes, except for the
    /// domains and their certificates, which are no single keys.
    #[must_use]
    pub fn differences(&self, other: &Config) -> Differences {
        let (mut applicable, mut restart) = (Vec::new(), Vec::new());
        let Config { domains: _, data_directory, log, c2s, s2s, tls, limits, guesses, features, storage, shutdown } =
            self;
        if *data_directory != other.data_directory {
            restart.push("data_directory");
        }
        differing!(log, other.log, Log { format => restart "log.format", level => restart "log.level" });
        differing!(c2s, other.c2s, C2s {
            starttls => restart "c2s.starttls",
            direct_tls => restart "c2s.direct_tls",
            require_tls => restart "c2s.require_tls",
            plain_without_tls => restart "c2s.plain_without_tls",
            mechanisms => restart "c2s.mechanisms",
            resource_conflict => restart "c2s.resource_conflict",
        } without client_certificates);
        if c2s.client_certificates != other.c2s.client_certificates {
            // With the mechanisms: see with_applicable.
            let both = c2s.client_certificates.is_some() && other.c2s.client_certificates.is_some();
            let list = if both { &mut applicable } else { &mut restart };
            list.push("c2s.client_certificates");
        }
        s2s.compare(&other.s2s, &mut applicable, &mut restart);
        differing!(tls, other.tls, Tls {
            warn_before_expiry => applicable "tls.warn_before_expiry_days",
            restart_streams_before_expiry => applicable "tls.restart_streams_before_expiry_hours",
        });
        differing!(limits, other.limits, Limits {
            connections => applicable "limits.connections",
            connections_per_address => applicable "limits.connections_per_address",
            connection_attempts_per_minute => applicable "limits.connection_attempts_per_minute",
            unauthenticated_connections => applicable "limits.unauthenticated_connections",
            unauthenticated_connections_per_address => applicable "limits.unauthenticated_connections_per_address",
            element_bytes_before_authentication => restart "limits.element_bytes_before_authentication",
            element_bytes => restart "limits.element_bytes",
            negotiation_timeout => restart "limits.negotiation_timeout_seconds",
            authentication_attempts => restart "limits.authentication_attempts",
            streams_per_account => restart "limits.streams_per_account",
            anonymous_streams => restart "limits.anonymous_streams",
            bytes_per_second => restart "limits.bytes_per_second",
            bytes_burst => restart "limits.bytes_burst",
            stanzas_per_second => restart "limits.stanzas_per_second",
            stanzas_burst => restart "limits.stanzas_burst",
            too_fast => restart "limits.too_fast",
            recipients_per_minute => restart "limits.recipients_per_minute",
            whitespace_interval => restart "limits.whitespace_interval_seconds",
            idle_timeout => restart "limits.idle_timeout_seconds",
            ping_timeout => restart "limits.ping_timeout_seconds",
            tcp_keepalive => restart "limits.tcp_keepalive_seconds",
            tcp_user_timeout => restart "limits.tcp_user_timeout_seconds",
            outbox_bytes => restart "limits.outbox_bytes",
            stall_timeout => restart "limits.stall_timeout_seconds",
            closing_timeout => restart "limits.closing_timeout_seconds",
        });
        differing!(guesses, other.guesses, Guesses {
            throttled => restart "guesses.throttled",
            of_account_from_address_free => restart "guesses.of_account_from_address_free",
            of_account_from_address => restart "guesses.of_account_from_address",
            from_address_free => restart "guesses.from_address_free",
            from_address => restart "guesses.from_address",
            of_account_free => restart "guesses.of_account_free",
            of_account => restart "guesses.of_account",
            longest_delay => restart "guesses.longest_delay_seconds",
            longest_wait => restart "guesses.longest_wait_seconds",
            trust => restart "guesses.trust_days",
            remembered => restart "guesses.remembered",
        });
        differing!(features, other.features, Features {
            password_change => restart "features.password_change",
            account_cancellation => restart "features.account_cancellation",
        });
        differing!(storage, other.storage, Storage {
            engine => restart "storage.engine",
            timeout => restart "storage.timeout_seconds",
        });
        differing!(shutdown, other.shutdown, Shutdown { timeout => restart "shutdown.timeout_seconds" });
        Differences { applicable, restart }
    }
}
