//! `jabiru`, an XMPP server: command line, configuration, and the assembly of the crates below.

mod assemble;
mod certificate;
mod cli;
mod config;
mod data_directory;
mod features;
mod logging;
mod serve;
mod user_command;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Parser;

use crate::cli::{Cli, Command, ConfigCommand};

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One sentence: what failed, and why.
            eprintln!("jabiru: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    let path = cli.source.path();
    match cli.command {
        None | Some(Command::Run) => serve::run(&cli::load(path.as_deref())?, path.as_deref()),
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
