//! How many files and sockets the process may have open.

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::config::Config;

/// Raises the limit on open files to what the system allows, and says so if that is too little for the configured
/// number of connections.
///
/// Systems start programs with a limit of 1024 that is meant to be raised by those that need more; left at that, one
/// address could take all of it within the connections that it may have by default.
pub(crate) fn allow_all(config: &Config) {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let before = limit.current;
        limit.current = limit.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::warn!(%error, "can't raise the limit on open files");
            limit.current = before;
        }
    }
    let connections = connections(config);
    if let Some(files) = limit.current.filter(|files| *files < connections.saturating_add(RESERVED)) {
        tracing::warn!(
            files,
            connections,
            "the system allows fewer open files than there may be connections; raise its limit (LimitNOFILE of a \
             systemd unit) or lower limits.connections or s2s.limits"
        );
    }
}

/// How many there may be, of clients and of servers in both directions.
fn connections(config: &Config) -> u64 {
    let servers = &config.s2s.limits;
    let of_servers = if config.s2s.enabled { servers.streams.saturating_add(servers.outgoing) } else { 0 };
    config.limits.connections.saturating_add(of_servers) as u64
}

/// Files beside the connections: listeners, the database, the log.
const RESERVED: u64 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_of_all_kinds() {
        let mut config = Config::default();
        assert_eq!(connections(&config), 100_000 + 10_000 + 5_000);
        config.s2s.enabled = false;
        assert_eq!(connections(&config), 100_000);
    }

    /// The limit is the process's: it is lowered by one alone, which no other test notices.
    #[test]
    fn the_limit_is_raised() {
        let before = getrlimit(Resource::Nofile);
        let lowered = before.current.map(|files| files - 1);
        setrlimit(Resource::Nofile, rustix::process::Rlimit { current: lowered, maximum: before.maximum }).unwrap();
        allow_all(&Config::default());
        let after = getrlimit(Resource::Nofile);
        assert_eq!(after.current, after.maximum);
        assert_eq!(after.maximum, before.maximum);
    }
}
