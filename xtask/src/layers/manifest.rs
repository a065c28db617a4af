//! What a crate's manifest depends on.

use std::fs;

use anyhow::{Context, Result};

use super::{NET, SERVER, Violation, floor};
use crate::workspace::{Dependency, Package, Workspace};

/// Crates that drive sockets, clocks, event loops or TLS.
const NET_ONLY: &[&str] = &[
    "async-io",
    "async-net",
    "async-std",
    "chrono",
    "compio",
    "embassy-time",
    "glommio",
    "hickory-resolver",
    "hyper",
    "mio",
    "monoio",
    "native-tls",
    "openssl",
    "polling",
    "quanta",
    "quinn",
    "reqwest",
    "rustls",
    "smol",
    "socket2",
    "time",
    "tokio",
    "tokio-rustls",
    "tokio-util",
];

/// Error types for programs, not for libraries.
const PROGRAM_ONLY: &[&str] = &["anyhow", "color-eyre", "eyre"];

pub(super) fn check(workspace: &Workspace, package: &Package, floor: u8) -> Result<Vec<Violation>> {
    let manifest = fs::read_to_string(&package.manifest_path)
        .with_context(|| format!("can't read {}", package.manifest_path.display()))?;
    let file = workspace.relative(&package.manifest_path);
    Ok(package
        .dependencies
        .iter()
        .filter_map(|dependency| {
            let what = judge(package, floor, dependency, |name| floor_of_test_crate(workspace, name))?;
            Some(Violation { file: file.to_owned(), line: line_of(&manifest, dependency), what })
        })
        .collect())
}

/// Why `dependency` may not be; `None` if it may.
fn judge(
    package: &Package,
    own_floor: u8,
    dependency: &Dependency,
    floor_of_test_crate: impl Fn(&str) -> Option<u8>,
) -> Option<String> {
    let (from, to) = (&package.name, &dependency.name);
    let kind = dependency.kind.as_deref().map_or_else(String::new, |kind| format!("{kind}-"));
    if let Some(other) = floor(to) {
        return match other.cmp(&own_floor) {
            std::cmp::Ordering::Less => None,
            std::cmp::Ordering::Equal => {
                Some(format!("sideways {kind}dependency: {from} and {to} are both on floor {own_floor}"))
            }
            std::cmp::Ordering::Greater => {
                Some(format!("upward {kind}dependency: {from} (floor {own_floor}) on {to} (floor {other})"))
            }
        };
    }
    if to == "xtask" || to.starts_with("jabiru-") {
        let is_dev = dependency.kind.as_deref() == Some("dev");
        return match floor_of_test_crate(to).filter(|_| is_dev) {
            Some(highest) if highest < own_floor => None,
            Some(highest) => Some(format!(
                "upward dev-dependency: {from} (floor {own_floor}) on {to}, which imports floor {highest}"
            )),
            None => Some(format!(
                "{from} may not depend on {to}: a crate of tests/ may be a dev-dependency, and nothing else"
            )),
        };
    }
    if own_floor < NET && NET_ONLY.contains(&to.as_str()) {
        return Some(format!(
            "{kind}dependency of {from} (floor {own_floor}) on {to}: sockets, clocks and TLS begin at jabiru-net"
        ));
    }
    if own_floor < SERVER && PROGRAM_ONLY.contains(&to.as_str()) {
        return Some(format!("{kind}dependency of the library {from} on {to}: libraries have typed errors"));
    }
    None
}

/// The highest floor that a crate of `tests/` imports, 0 if it imports none; `None` for other crates.
fn floor_of_test_crate(workspace: &Workspace, name: &str) -> Option<u8> {
    let tests = workspace.root.join("tests");
    let package = workspace.packages.iter().find(|package| package.name == name)?;
    package
        .manifest_path
        .starts_with(tests)
        .then(|| package.dependencies.iter().filter_map(|dependency| floor(&dependency.name)).max().unwrap_or(0))
}

/// The manifest's line that names `dependency` in a table of its kind; 1 if it can't be found.
fn line_of(manifest: &str, dependency: &Dependency) -> usize {
    let table =
        dependency.kind.as_deref().map_or_else(|| "dependencies".to_owned(), |kind| format!("{kind}-dependencies"));
    let mut in_table = false;
    for (index, line) in manifest.lines().enumerate() {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[') {
            let header = header.trim_end_matches(']');
            // `[dependencies]`, `[target.'…'.dependencies]` and `[dependencies.name]`.
            in_table = header == table || header.ends_with(&format!(".{table}"));
            if header == format!("{table}.{}", dependency.name) {
                return index + 1;
            }
        } else if in_table {
            let key = line.split(['=', '.']).next().unwrap_or_default().trim().trim_matches('"');
            let renamed = line.contains(&format!("package = \"{}\"", dependency.name));
            if key == dependency.name || renamed {
                return index + 1;
            }
        }
    }
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str) -> Package {
        Package { name: name.into(), ..Package::default() }
    }

    fn dependency(name: &str, kind: Option<&str>) -> Dependency {
        Dependency { name: name.into(), kind: kind.map(Into::into) }
    }

    #[test]
    fn seeded_violations_are_caught() {
        for (from, to, kind, expected) in [
            ("jabiru-router", "jabiru-xml", None, None),
            ("jabiru-router", "jabiru-storage", None, Some("sideways dependency")),
            ("jabiru-router", "jabiru-storage", Some("dev"), Some("sideways dev-dependency")),
            ("jabiru-xml", "jabiru-stanza", None, Some("upward dependency")),
            ("jabiru-xml", "jabiru-stanza", Some("dev"), Some("upward dev-dependency")),
            ("jabiru-net", "jabiru-server", Some("build"), Some("upward build-dependency")),
            ("jabiru-storage", "tokio", None, Some("begin at jabiru-net")),
            ("jabiru-storage", "tokio", Some("dev"), Some("begin at jabiru-net")),
            ("jabiru-negotiation", "rustls", None, Some("begin at jabiru-net")),
            ("jabiru-net", "tokio", None, None),
            ("jabiru-c2s", "anyhow", None, Some("typed errors")),
            ("jabiru-server", "anyhow", None, None),
            ("jabiru-xml", "xtask", None, Some("may not depend on xtask")),
            ("jabiru-xml", "jabiru-test-support", None, Some("may not depend on jabiru-test-support")),
            ("jabiru-router", "jabiru-test-support", Some("dev"), None),
            ("jabiru-stanza", "jabiru-test-support", Some("dev"), Some("upward dev-dependency")),
            ("jabiru-xml", "jabiru-unknown", Some("dev"), Some("may not depend on jabiru-unknown")),
        ] {
            let verdict = judge(&package(from), floor(from).unwrap(), &dependency(to, kind), |name| {
                (name == "jabiru-test-support").then_some(1)
            });
            match (&verdict, expected) {
                (None, None) => {}
                (Some(what), Some(part)) if what.contains(part) => {}
                _ => panic!("{from} -> {to} ({kind:?}): {verdict:?}, expected {expected:?}"),
            }
        }
    }

    #[test]
    fn the_line_of_a_dependency_is_found() {
        let manifest = "[package]\nname = \"x\"\n\n[dependencies]\nbytes.workspace = true\nalias = { package = \"tokio\" }\n\n[dev-dependencies]\nbytes = \"1\"\n[dependencies.long]\nversion = \"1\"\n";
        for (name, kind, line) in
            [("bytes", None, 5), ("tokio", None, 6), ("bytes", Some("dev"), 9), ("long", None, 10), ("absent", None, 1)]
        {
            assert_eq!(line_of(manifest, &dependency(name, kind)), line, "{name} {kind:?}");
        }
    }
}
