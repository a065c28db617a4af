//! The command line.

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};

use crate::config::{Config, ConfigError};
use crate::control::DrainArguments;
use crate::s2s_command::S2sCommand;
use crate::user_command::UserCommand;

/// An XMPP server.
#[derive(Debug, Parser)]
#[command(name = "jabiru", version, after_help = "Without a command, jabiru runs the server.")]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) source: ConfigSource,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// Where the configuration comes from.
#[derive(Args, Debug)]
pub(crate) struct ConfigSource {
    /// The configuration file. By default jabiru.toml in the current folder, else
    /// /etc/jabiru/jabiru.toml, else the built-in defaults.
    #[arg(long, short, global = true, value_name = "FILE", env = "JABIRU_CONFIG")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs the server (the default).
    Run,
    /// Manages accounts, whether the server runs or not.
    #[command(subcommand)]
    User(UserCommand),
    /// Shows how the running server is: streams, domains, when certificates expire.
    Status {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Lets the running server read its configuration anew, with domains, certificates and what other servers have to
    /// prove; SIGHUP does the same.
    ///
    /// Says which other keys have changed, for which the server has to be restarted. If anything is wrong with
    /// the configuration, nothing is changed.
    Reload,
    /// Lets the running server send everybody away, also those who still come, as long as it runs.
    Drain(DrainArguments),
    /// Shows streams to and from other servers, and finds out why there are none.
    #[command(subcommand)]
    S2s(S2sCommand),
    /// Looks at the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Says what is wrong with the configuration, without starting.
    Check {
        /// The file to check, instead of the one that would be used.
        file: Option<PathBuf>,
    },
}

impl ConfigSource {
    /// The file that counts; `None` for the built-in defaults.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        let usual = || USUAL_PLACES.iter().map(Path::new).find(|path| path.exists()).map(Path::to_owned);
        self.config.clone().or_else(usual)
    }
}

/// Where the configuration is looked for if it is not named.
const USUAL_PLACES: [&str; 2] = ["jabiru.toml", "/etc/jabiru/jabiru.toml"];

/// Reads the file, or takes the defaults without one.
pub(crate) fn load(path: Option<&Path>) -> Result<Config, ConfigError> {
    path.map_or_else(|| Ok(Config::default()), Config::load)
}

/// Where the server of this configuration has its data, even if something else in the file is wrong: whoever is
/// about to write it may still command the server.
pub(crate) fn data_directory(path: Option<&Path>) -> Result<PathBuf, ConfigError> {
    path.map_or_else(|| Ok(Config::default().data_directory), Config::data_directory_of)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
