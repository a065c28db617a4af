//! The suite without `cargo xtask`: for a server that is built already.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Parser;
use jabiru_conformance::cli::{self, Suite};
use jabiru_conformance::runner::Judged;
use jabiru_conformance::subject::Bundled;

#[derive(Debug, Parser)]
#[command(about = "Judges an XMPP server by RFC 6120")]
struct Arguments {
    #[command(flatten)]
    suite: Suite,
}

fn main() -> ExitCode {
    match run(&Arguments::parse().suite) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(suite: &Suite) -> Result<()> {
    if suite.list {
        return cli::list(suite);
    }
    if let Some(site) = suite.other.site()? {
        return cli::run(suite, &Judged::Other(Arc::new(site)));
    }
    let program = suite
        .program
        .as_ref()
        .context("which server? --program FILE or --server HOST:PORT; cargo xtask conformance builds one")?;
    cli::run(&suite.for_ours(), &Judged::Started(Box::new(Bundled::new(std::path::absolute(program)?)?)))
}
