//! `cargo xtask layers`: the floors of ARCHITECTURE.md, held.
//!
//! Two looks at every crate under `crates/`: what its manifest depends on ([`manifest`]) and what
//! its source names ([`source`]). The second catches what the first can't: a clock, a socket of
//! the standard library, and a path that a renamed dependency would hide.
//!
//! The rules:
//! - A crate depends only on crates of lower floors. Siblings never import each other. This holds
//!   for `[dependencies]`, `[build-dependencies]` and `[dev-dependencies]` alike: a test that needs
//!   a higher floor belongs into `tests/`. A crate of `tests/` may be a dev-dependency of those that
//!   are above everything it imports.
//! - Below `jabiru-net` there is no tokio or other event loop, no TLS library, no socket and no
//!   reading of a clock. `std::time::Instant` as a value that is passed in is welcome, and so are
//!   addresses such as `std::net::IpAddr`. Tests, examples and benchmarks may read the clock (an
//!   `Instant` can't be made otherwise), but have no sockets either.
//! - Libraries have typed errors: `anyhow` is for the server's binary, `tests/` and `xtask`.

mod manifest;
mod source;

use std::fmt;
use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::workspace::Workspace;

/// Every crate under `crates/` and its floor.
const FLOORS: &[(&str, u8)] = &[
    ("jabiru-xml", 0),
    ("jabiru-stanza", 1),
    ("jabiru-negotiation", 2),
    ("jabiru-router", 2),
    ("jabiru-storage", 2),
    ("jabiru-net", 3),
    ("jabiru-c2s", 5),
    ("jabiru-s2s", 5),
    ("jabiru-server", 6),
];

/// The only floor that drives a socket and a clock; those above it may, too.
const NET: u8 = 3;

/// The floor of the one crate that is a program and not a library.
const SERVER: u8 = 6;

/// The floor of a crate of the house; `None` for everything else.
fn floor(name: &str) -> Option<u8> {
    FLOORS.iter().find(|(known, _)| *known == name).map(|(_, floor)| *floor)
}

/// Something that is on the wrong floor, and where.
#[derive(Debug, PartialEq, Eq)]
struct Violation {
    file: PathBuf,
    /// Counted from 1.
    line: usize,
    what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.line, self.what)
    }
}

/// Checks every crate and lists what is wrong.
///
/// # Errors
/// If anything is, or if the sources can't be read.
pub(crate) fn run() -> Result<()> {
    let workspace = Workspace::load()?;
    let mut violations = Vec::new();
    for package in workspace.crates() {
        let Some(floor) = floor(&package.name) else {
            bail!("{} has no floor: add it to FLOORS in xtask/src/layers/mod.rs and to ARCHITECTURE.md", package.name);
        };
        violations.extend(manifest::check(&workspace, package, floor)?);
        violations.extend(source::check(&workspace, package, floor)?);
    }
    for violation in &violations {
        println!("{violation}");
    }
    if !violations.is_empty() {
        bail!("{} violation(s) of the floors", violations.len());
    }
    println!("{} crates keep to their floors", workspace.crates().len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_crate_has_a_floor_and_every_floor_a_crate() {
        let workspace = Workspace::load().unwrap();
        let mut crates: Vec<&str> = workspace.crates().iter().map(|package| package.name.as_str()).collect();
        let mut known: Vec<&str> = FLOORS.iter().map(|(name, _)| *name).collect();
        crates.sort_unstable();
        known.sort_unstable();
        assert_eq!(crates, known);
    }
}
