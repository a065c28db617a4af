//! Logs: for a person on a terminal, as JSON for machines. Never a password: what is secret has
//! no `Display` and a `Debug` that hides it.

use std::io::{self, IsTerminal};

use anyhow::Context;
use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people, in colour on a terminal.
    Human,
    /// One JSON object a line.
    Json,
}

/// Sends log lines of this level and above to standard error. `RUST_LOG`, if set, overrides the
/// level, by module if need be.
pub(crate) fn start(format: Format, level: &str) -> anyhow::Result<()> {
    let filter = match std::env::var("RUST_LOG") {
        Ok(directives) if !directives.is_empty() => {
            EnvFilter::try_new(&directives).with_context(|| format!("RUST_LOG={directives} is no filter for logs"))?
        }
        _ => EnvFilter::new(level),
    };
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match format {
        Format::Human => subscriber.with_ansi(io::stderr().is_terminal()).init(),
        Format::Json => subscriber.json().flatten_event(true).init(),
    }
    Ok(())
}
