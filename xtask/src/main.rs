//! The project's own commands: `cargo xtask <command>`.
//!
//! What a shell script would do elsewhere: the checks that the pipeline runs ([`ci`]) and each of
//! them alone, test certificates, fuzzing for a bounded time, measurements, and conversations with
//! XMPP clients that were written by others ([`interop`]). One module is one command.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod bench;
mod certs;
mod ci;
mod conformance;
mod docs;
mod federation;
mod fuzz;
mod interop;
mod layers;
mod process;
mod readme;
mod rust_text;
mod table;
mod tools;
mod workspace;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about, version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run everything the pipeline runs after `cargo test --workspace`
    Ci(ci::Arguments),
    /// Check that imports point down and that sockets, clocks and tokio stay on their floor
    Layers,
    /// Check what the documents say: crate list, cited sections, XEPs, links
    Docs(docs::Arguments),
    /// Make a throw-away certification authority and server certificates for tests
    Certs(certs::Arguments),
    /// Run the fuzz targets, each for a bounded time
    Fuzz(fuzz::Arguments),
    /// Measure, and write the figures into BENCHMARKS.md
    #[command(subcommand)]
    Bench(bench::Command),
    /// Talk to the server with software written by others
    #[command(subcommand)]
    Interop(interop::Command),
    /// Judge a server by RFC 6120, the bundled one or any other
    Conformance(Box<conformance::Arguments>),
    /// Follow the README on a clean clone, as a new user would
    Readme(readme::Arguments),
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Ci(arguments) => ci::run(&arguments),
        Command::Layers => layers::run(),
        Command::Docs(arguments) => docs::run(&arguments),
        Command::Certs(arguments) => certs::run(&arguments),
        Command::Fuzz(arguments) => fuzz::run(&arguments),
        Command::Bench(command) => bench::run(&command),
        Command::Interop(command) => interop::run(&command),
        Command::Conformance(arguments) => conformance::run(&arguments),
        Command::Readme(arguments) => readme::run(&arguments),
    }
}
