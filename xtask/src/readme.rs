//! `cargo xtask readme`: the README, followed on a clean clone as a new user would.

use anyhow::{Result, bail};

#[derive(Debug, Default, clap::Args)]
pub(crate) struct Arguments {}

pub(crate) fn run(_arguments: &Arguments) -> Result<()> {
    bail!("comes with the server")
}
