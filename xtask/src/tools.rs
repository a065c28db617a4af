//! Programs that a check needs and a machine may lack.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::process;

/// Compiling a tool takes minutes on a small machine.
const INSTALL_LIMIT: Duration = Duration::from_secs(30 * 60);

/// Makes sure that `cargo <subcommand>` exists, by installing the crate `cargo-<subcommand>`.
pub(crate) fn cargo_subcommand(root: &Path, subcommand: &str) -> Result<()> {
    let name = format!("cargo-{subcommand}");
    if is_in_path(&name) {
        return Ok(());
    }
    println!("{name} is missing: installing it");
    // A build directory of its own would be thrown away; the shared one may keep what it built.
    process::run(process::cargo(root).args(["install", "--locked", &name]), INSTALL_LIMIT)
}

/// Makes sure that every program of `(program, Debian package)` is there, by installing the packages
/// of those that are not.
///
/// # Errors
/// If one is missing and can't be installed: no apt-get, or not root.
pub(crate) fn programs(wanted: &[(&str, &str)]) -> Result<()> {
    let missing: Vec<_> = wanted.iter().filter(|(program, _)| !is_in_path(program)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = missing.iter().map(|(program, _)| *program).collect();
    let packages: Vec<&str> = missing.iter().map(|(_, package)| *package).collect();
    let advice = format!("missing: {}; install {}", names.join(", "), packages.join(", "));
    debian_packages(&packages).context(advice)?;
    match wanted.iter().find(|(program, _)| !is_in_path(program)) {
        Some((program, package)) => bail!("{program} is still missing after {package} was installed"),
        None => Ok(()),
    }
}

/// `apt-get install` without questions.
///
/// # Errors
/// If there is no apt-get, or we are not root.
pub(crate) fn debian_packages(packages: &[&str]) -> Result<()> {
    if !is_in_path("apt-get") || !rustix::process::geteuid().is_root() {
        bail!("only root can install {}, with apt-get", packages.join(", "));
    }
    println!("installing {}", packages.join(" "));
    let mut update = process::command("apt-get");
    process::run(update.args(["-qq", "update"]).env("DEBIAN_FRONTEND", "noninteractive"), INSTALL_LIMIT)?;
    let mut install = process::command("apt-get");
    install.args(["-qq", "-y", "--no-install-recommends", "install"]).args(packages);
    process::run(install.env("DEBIAN_FRONTEND", "noninteractive"), INSTALL_LIMIT)
}

/// Is there a file of that name in one of the folders of `PATH`?
pub(crate) fn is_in_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
