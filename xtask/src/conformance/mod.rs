//! `cargo xtask conformance`: judges a server by RFC 6120, ours or any other.
//!
//! The cases, the client and the reports are in `tests/conformance`; here the bundled server is built, and servers
//! of others are installed and started ([`peer`]).

mod against;
pub(crate) mod ejabberd;
mod peer;
pub(crate) mod prosody;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use jabiru_conformance::cli;
use jabiru_conformance::runner::Judged;
use jabiru_conformance::subject::Bundled;

pub(crate) use self::against::peers_for_ci;
use crate::process;
use crate::workspace::Workspace;

const BUILD_LIMIT: Duration = Duration::from_secs(40 * 60);

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    suite: cli::Suite,
    /// Judge a server that Debian has a package of: install it, start it on loopback, and hold what it fails against
    /// tests/conformance/data/peers.toml; may be repeated. With --write-docs the bundled server is judged, too, and
    /// docs/conformance and the table of README.md are written
    #[arg(long, value_name = "SERVER", conflicts_with = "server")]
    against: Vec<peer::Kind>,
    /// The profile that the bundled server is built with
    #[arg(long, value_name = "PROFILE", default_value = "dev")]
    profile: String,
}

/// Runs the suite.
///
/// # Errors
/// If a case fails, or there is no server to judge.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let suite = &arguments.suite;
    if suite.list {
        return cli::list(suite);
    }
    suite.for_ours().asked()?; // before minutes are spent on building
    if let Some(site) = suite.other.site()? {
        return cli::run(suite, &Judged::Other(Arc::new(site)));
    }
    if !arguments.against.is_empty() {
        return against::run(arguments);
    }
    cli::run(&suite.for_ours(), &bundled(arguments)?)
}

/// The bundled server, built if need be.
fn bundled(arguments: &Arguments) -> Result<Judged> {
    let program = match &arguments.suite.program {
        Some(program) => std::path::absolute(program)?,
        None => build(&arguments.profile)?,
    };
    Ok(Judged::Started(Box::new(Bundled::new(program)?)))
}

/// Builds the bundled server and returns its program.
fn build(profile: &str) -> Result<PathBuf> {
    let workspace = Workspace::load()?;
    let mut build = process::cargo(&workspace.root);
    build.args(["build", "--package", "jabiru-server", "--profile", profile]);
    process::run(&mut build, BUILD_LIMIT)?;
    let folder = if profile == "dev" { "debug" } else { profile };
    Ok(workspace.target_directory.join(folder).join("jabiru"))
}
