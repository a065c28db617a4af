//! Jabiru, an XMPP server: configuration, command line, and the assembly of the crates below.
//!
//! Most people want the program `jabiru`, which is [`main`]. A program that wants a whole server inside itself
//! starts a [`Server`]:
//!
//! ```
//! use jabiru_server::Server;
//! use jabiru_server::config::Config;
//!
//! # #[tokio::main]
//! # async fn main() -> anyhow::Result<()> {
//! # let folder = tempfile::tempdir()?;
//! let mut config = Config::default();
//! config.data_directory = folder.path().join("data");
//! config.c2s.starttls = vec!["127.0.0.1:0".parse()?];
//! config.c2s.direct_tls = vec![];
//! config.s2s.enabled = false;
//!
//! let server = Server::start(&config).await?;
//! println!("clients may come to {}", server.starttls_addresses()[0]);
//! assert_eq!(server.shut_down().await, 0, "no stream is left");
//! # Ok(())
//! # }
//! ```

mod assemble;
mod banner;
mod certificate;
mod cli;
pub mod config;
mod control;
mod credentials;
mod data_directory;
mod expiry;
mod features;
mod host;
mod listeners;
mod logging;
mod open_files;
mod operations;
mod s2s_command;
mod serve;
mod server;
mod status;
mod user_command;

pub use assemble::Certificate;
pub use expiry::Validity;
pub use operations::Reloaded;
pub use server::Server;
pub use status::{CertificateStatus, DomainStatus, Draining, Status};

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Parser;

use crate::cli::{Cli, Command, ConfigCommand};
use crate::user_command::UserCommand;

/// The program `jabiru`: does what its command line says.
#[must_use]
pub fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("jabiru: {}", sentence(&error));
            ExitCode::FAILURE
        }
    }
}

/// One sentence: what failed, and why. A cause that the text before it ends with is not said again.
pub(crate) fn sentence(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |said, cause| match said.as_str() {
        "" => cause,
        before if before.ends_with(&cause) => said,
        before => format!("{before}: {cause}"),
    })
}

fn run(cli: Cli) -> anyhow::Result<()> {
    let path = cli.source.path();
    match cli.command {
        None | Some(Command::Run) => serve::run(&cli::load(path.as_deref())?, path.as_deref()),
        Some(Command::User(UserCommand::Kick(arguments))) => {
            control::kick(&cli::data_directory(path.as_deref())?, arguments)
        }
        Some(Command::Drain(arguments)) => control::drain(&cli::data_directory(path.as_deref())?, arguments),
        Some(Command::Reload) => control::reload(&cli::data_directory(path.as_deref())?),
        Some(Command::Status { json }) => control::status(&cli::data_directory(path.as_deref())?, json),
        Some(Command::S2s(command)) => s2s_command::run(command, &cli::data_directory(path.as_deref())?),
        Some(Command::User(command)) => {
            let config = cli::load(path.as_deref())?;
            let accounts = data_directory::open_storage(&config)?;
            user_command::run(command, &config, Arc::new(accounts))
        }
        Some(Command::Config(ConfigCommand::Check { file })) => {
            let path = file.or(path);
            let config = cli::load(path.as_deref())?;
            assemble::check(&config)
                .context("the configuration can be read, but the server could not start with it")?;
            match path {
                Some(path) => println!("{}: no errors", path.display()),
                None => println!("no configuration file: the built-in defaults hold"),
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_said_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("can't read it: {source}")]
        struct Outer {
            source: std::io::Error,
        }
        let error = anyhow::Error::from(Outer { source: std::io::Error::other("gone") });
        assert_eq!(sentence(&error.context("no start")), "no start: can't read it: gone");
        let error = anyhow::Error::from(std::io::Error::other("gone"));
        assert_eq!(sentence(&error.context("can't read it")), "can't read it: gone");
    }
}
