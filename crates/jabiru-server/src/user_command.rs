//! stub
use std::sync::Arc;
#[derive(Debug, clap::Subcommand)]
pub(crate) enum UserCommand { List }
pub(crate) fn run(_c: UserCommand, _config: &crate::config::Config, _a: Arc<dyn jabiru_storage::Accounts>) -> anyhow::Result<()> { Ok(()) }
