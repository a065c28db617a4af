//! The steps, cheapest first.

use std::path::PathBuf;
use std::time::Duration;
use std::{env, fs};

use anyhow::{Context, Result, bail};

use super::{Outcome, Step};
use crate::process::{capture, cargo, command, run};
use crate::workspace::Workspace;
use crate::{conformance, docs, federation, fuzz, interop, layers, readme, tools};

/// Longest time for one invocation of cargo that compiles.
const COMPILE: Duration = Duration::from_secs(30 * 60);

/// Longest time for anything that has nothing to compile.
const QUICK: Duration = Duration::from_secs(5 * 60);

/// Longest run of one example.
const EXAMPLE: Duration = Duration::from_secs(60);

/// How long each fuzz target runs in the pipeline.
const FUZZ_SECONDS: u64 = 20;

pub(super) const ALL: &[Step] = &[
    Step { name: "fmt", about: "the source is formatted", run: fmt },
    Step {
        name: "layers",
        about: "imports point down; sockets, clocks and tokio stay on their floor",
        run: |_| done(layers::run()),
    },
    Step {
        name: "docs",
        about: "crate list, cited sections, XEPs, links",
        run: |_| done(docs::run(&docs::Arguments::default())),
    },
    Step { name: "ring", about: "there is one TLS back end: ring is nowhere in the tree", run: ring },
    Step { name: "deny", about: "bans, licences and sources of dependencies (cargo-deny)", run: deny },
    Step { name: "advisories", about: "security advisories against dependencies (cargo-deny)", run: advisories },
    Step { name: "clippy", about: "clippy, all targets, no warnings", run: clippy },
    Step { name: "rustdoc", about: "documentation builds without warnings", run: rustdoc },
    Step { name: "examples", about: "every crate has an example that runs and exits 0", run: examples },
    Step { name: "alone", about: "each library builds and is tested without the rest of the workspace", run: alone },
    Step { name: "package", about: "each crate is ready to publish", run: package },
    Step {
        name: "fuzz",
        about: "every fuzz target runs for a while without a finding",
        run: |_| done(fuzz::run_all(FUZZ_SECONDS)),
    },
    Step { name: "clients", about: "stock clients talk through the server", run: |_| done(interop::clients_for_ci()) },
    Step {
        name: "servers",
        about: "Jabiru federates with Prosody, ejabberd and itself, on hosts of their own",
        run: |_| done(federation::for_ci()),
    },
    Step {
        name: "peers",
        about: "the conformance suite judges Prosody and ejabberd as tests/conformance/data/peers.toml says",
        run: |_| done(conformance::peers_for_ci()),
    },
    Step {
        name: "readme",
        about: "the README, followed on a clean clone",
        run: |_| done(readme::run(&readme::Arguments::default())),
    },
];

fn done(result: Result<()>) -> Result<Outcome> {
    result.map(|()| Outcome::Passed)
}

fn fmt(workspace: &Workspace) -> Result<Outcome> {
    done(run(cargo(&workspace.root).args(["fmt", "--all", "--check"]), QUICK))
}

fn clippy(workspace: &Workspace) -> Result<Outcome> {
    done(run(cargo(&workspace.root).args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]), COMPILE))
}

fn rustdoc(workspace: &Workspace) -> Result<Outcome> {
    let mut doc = cargo(&workspace.root);
    doc.args(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings");
    done(run(&mut doc, COMPILE))
}

/// Features are resolved for the one package, so a feature that only a sibling turns on is missed here.
fn alone(workspace: &Workspace) -> Result<Outcome> {
    let libraries: Vec<_> = workspace.crates().into_iter().filter(|package| package.is_library()).collect();
    for package in &libraries {
        run(cargo(&workspace.root).args(["test", "--quiet", "--package", &package.name]), COMPILE)
            .with_context(|| format!("{} alone", package.name))?;
    }
    done(Ok(()))
}

/// Built for the whole workspace at once, as `cargo test --workspace` has done already.
fn examples(workspace: &Workspace) -> Result<Outcome> {
    let mut programs = Vec::new();
    for package in workspace.crates().into_iter().filter(|package| package.is_library()) {
        let examples = package.examples();
        if examples.is_empty() {
            bail!("{} has no program in examples/", package.name);
        }
        programs.extend(examples);
    }
    run(cargo(&workspace.root).args(["build", "--quiet", "--workspace", "--examples"]), COMPILE)?;
    // They share a folder, so of two with one name only one would be run.
    programs.sort_unstable();
    if let Some(pair) = programs.windows(2).find(|pair| pair[0] == pair[1]) {
        bail!("two crates have an example named {}", pair[0]);
    }
    for program in programs {
        let path = workspace.target_directory.join("debug/examples").join(program);
        run(command(path).current_dir(&workspace.root), EXAMPLE)?;
    }
    done(Ok(()))
}

/// Everything under `crates/`: the server, too, can be had with `cargo install`.
fn package(workspace: &Workspace) -> Result<Outcome> {
    let lacking: Vec<String> = workspace
        .crates()
        .into_iter()
        .filter(|package| !package.is_published() || !package.missing_metadata().is_empty())
        .map(|package| format!("{} lacks {}", package.name, package.missing_metadata().join(", ")))
        .collect();
    if !lacking.is_empty() {
        bail!("not ready to publish: {}", lacking.join("; "));
    }
    forget_packaged(workspace)?;
    // A developer's uncommitted change is no reason to fail; what is published is looked at by
    // `cargo publish`, which refuses it.
    let mut package = cargo(&workspace.root);
    package.args(["package", "--quiet", "--workspace", "--allow-dirty", "--target-dir"]);
    package.arg(packaging(workspace));
    for unpublished in workspace.packages.iter().filter(|package| !package.is_published()) {
        package.args(["--exclude", &unpublished.name]);
    }
    done(run(&mut package, COMPILE))
}

/// Where packages are built.
fn packaging(workspace: &Workspace) -> PathBuf {
    workspace.target_directory.join("packaging")
}

/// Removes what cargo has unpacked and built of our own crates while it packaged them before: it takes that for what it
/// packages now, as the version is the same, and packages never change. Those of a registry on the network lie in a folder
/// with the name of its host.
fn forget_packaged(workspace: &Workspace) -> Result<()> {
    let built = packaging(workspace).join("debug/.fingerprint");
    if built.is_dir() {
        for entry in fs::read_dir(&built).with_context(|| format!("can't read {}", built.display()))? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with("jabiru-") {
                fs::remove_dir_all(entry.path()).with_context(|| format!("can't remove {}", entry.path().display()))?;
            }
        }
    }
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home =
        home.or_else(|| env::home_dir().map(|home| home.join(".cargo"))).context("there is no home directory")?;
    let sources = home.join("registry/src");
    if !sources.is_dir() {
        return Ok(());
    }
    for registry in fs::read_dir(&sources).with_context(|| format!("can't read {}", sources.display()))? {
        let registry = registry?;
        if !registry.file_name().to_string_lossy().starts_with('-') {
            continue;
        }
        for package in workspace.crates() {
            let unpacked = registry.path().join(format!("{}-{}", package.name, package.version));
            if unpacked.is_dir() {
                fs::remove_dir_all(&unpacked).with_context(|| format!("can't remove {}", unpacked.display()))?;
            }
        }
    }
    Ok(())
}

fn ring(workspace: &Workspace) -> Result<Outcome> {
    let mut tree = cargo(&workspace.root);
    tree.args(["tree", "--workspace", "--target", "all", "--edges", "all", "--invert", "ring"]);
    let output = capture(&mut tree, QUICK)?;
    if !output.stdout.trim().is_empty() {
        bail!("ring is in the tree:\n{}", output.stdout);
    }
    // cargo's way of saying that there is no such package.
    let absent = output.stderr.contains("did not match any packages") || output.stderr.contains("nothing to print");
    if !absent {
        bail!("cargo tree said something unexpected: {}", output.stderr);
    }
    done(Ok(()))
}

fn deny(workspace: &Workspace) -> Result<Outcome> {
    tools::cargo_subcommand(&workspace.root, "deny")?;
    done(run(cargo(&workspace.root).args(["deny", "check", "bans", "licenses", "sources"]), QUICK))
}

/// A finding fails; a database that can't be reached does not, but it is said in the summary.
fn advisories(workspace: &Workspace) -> Result<Outcome> {
    tools::cargo_subcommand(&workspace.root, "deny")?;
    let fetch = capture(cargo(&workspace.root).args(["deny", "fetch", "db"]), QUICK)?;
    if !fetch.status.success() {
        print!("{}", fetch.stderr);
        if !is_unreachable(&fetch.stderr) {
            bail!("the advisory database can't be used");
        }
        println!("\n    !!! ADVISORIES WERE NOT CHECKED: their database can't be reached from here. !!!\n");
        return Ok(Outcome::PassedBut("NOT CHECKED: the advisory database can't be reached".to_owned()));
    }
    done(run(cargo(&workspace.root).args(["deny", "check", "--disable-fetch", "advisories"]), QUICK))
}

/// Did the fetch fail for want of a network rather than for anything that we could mend?
fn is_unreachable(stderr: &str) -> bool {
    const SIGNS: [&str; 8] = [
        "Could not resolve host",
        "Connection refused",
        "Connection timed out",
        "Failed to connect",
        "Network is unreachable",
        "Operation timed out",
        "The requested URL returned error: 5",
        "Temporary failure in name resolution",
    ];
    stderr.contains("failed to fetch advisory database") && SIGNS.iter().any(|sign| stderr.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_unreachable_database_is_forgiven() {
        for (stderr, expected) in [
            ("[ERROR] failed to fetch advisory database x\nfatal: unable to access: Could not resolve host: a", true),
            ("[ERROR] failed to fetch advisory database x\nfatal: not a git repository", false),
            ("[ERROR] failed to parse config: Could not resolve host", false),
            ("", false),
        ] {
            assert_eq!(is_unreachable(stderr), expected, "{stderr}");
        }
    }
}
