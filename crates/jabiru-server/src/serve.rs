//! Runs the server for an operator: log, banner, signals.

use std::io;
use std::path::Path;

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::banner::Banner;
use crate::config::Config;
use crate::logging;
use crate::open_files;
use crate::server::Server;

/// Serves until SIGINT or SIGTERM, and reads the configuration anew on SIGHUP. At the end every stream is closed and what is
/// pending is sent, within the configured time. A second signal ends at once.
pub(crate) fn run(config: &Config, config_path: Option<&Path>) -> anyhow::Result<()> {
    logging::start(&config.log)?;
    open_files::allow_all(config);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("can't start threads")?;
    let result = runtime.block_on(async {
        let mut signals = Signals::new()?;
        let mut hangup = signal(SignalKind::hangup())?;
        let mut server = Server::start(config).await?;
        let commands = server.take_commands(config_path);
        Banner { config, config_path, server: &server }.print()?;
        let (name, result) = loop {
            tokio::select! {
                name = signals.next() => break (name, Ok(())),
                error = server.failed() => break ("none", Err(error)),
                _ = hangup.recv() => {
                    let commands = commands.clone();
                    // By itself, so that a slow disk holds up no other signal. What comes of it, the log tells.
                    tokio::spawn(async move { commands.reload().await.is_ok() });
                }
            }
        };
        let (streams, server_streams) = (server.stream_count(), server.server_stream_count());
        tracing::info!(signal = name, streams, server_streams, "shutting down");
        tokio::select! {
            left = server.shut_down() => {
                if left > 0 {
                    tracing::warn!(streams = left, "streams had not ended in time");
                }
            }
            name = signals.next() => tracing::warn!(signal = name, "ending at once"),
        }
        result
    });
    // A task that hangs must not keep the process: what could be sent has been sent.
    runtime.shutdown_background();
    result
}

/// The signals that end the server.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> io::Result<Signals> {
        Ok(Signals { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}
