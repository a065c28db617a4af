//! Logs: for a person on a terminal, as JSON for machines. Never a password: what is secret has
//! no `Display` and a `Debug` that hides it.

use std::io::{self, IsTerminal};

use anyhow::Context;
use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};

/// Sends log lines of this level and above to standard error. `RUST_LOG`, if set, overrides the
/// level, by module if need be.
pub(crate) fn start(log: &Log) -> anyhow::Result<()> {
    let filter = match std::env::var("RUST_LOG") {
        Ok(directives) if !directives.is_empty() => {
            EnvFilter::try_new(&directives).with_context(|| format!("RUST_LOG={directives} is no filter for logs"))?
        }
        _ => EnvFilter::new(&log.level),
    };
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match log.format {
        LogFormat::Human => subscriber.with_ansi(io::stderr().is_terminal()).init(),
        LogFormat::Json => subscriber.json().flatten_event(true).init(),
    }
    Ok(())
}
