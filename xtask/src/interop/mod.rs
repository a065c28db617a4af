//! `cargo xtask interop`: conversations with software written by others.

use anyhow::{Result, bail};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Log in and chat with slixmpp and xmpp.js
    Clients,
}

pub(crate) fn run(command: &Command) -> Result<()> {
    match command {
        Command::Clients => clients_for_ci(),
    }
}

pub(crate) fn clients_for_ci() -> Result<()> {
    bail!("comes with the server")
}
