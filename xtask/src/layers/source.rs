//! What a crate's source names.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::{FLOORS, NET, SERVER, Violation, floor};
use crate::rust_text::{code_only, test_lines};
use crate::workspace::{Package, Workspace, files};

/// Types and functions that open a socket or ask the resolver.
const SOCKETS: &[&str] =
    &["TcpListener", "TcpStream", "ToSocketAddrs", "UdpSocket", "UnixDatagram", "UnixListener", "UnixStream"];

/// Crates that bring an event loop with them.
const EVENT_LOOPS: &[&str] = &["async_std", "mio", "smol", "socket2", "tokio", "tokio_rustls"];

pub(super) fn check(workspace: &Workspace, package: &Package, own_floor: u8) -> Result<Vec<Violation>> {
    let mut violations = Vec::new();
    for file in files(package.folder(), &["rs"])? {
        let source = fs::read_to_string(&file).with_context(|| format!("can't read {}", file.display()))?;
        let in_folder = file.strip_prefix(package.folder()).unwrap_or(&file);
        // By custom `tests.rs` is the body of `#[cfg(test)] mod tests;`.
        let is_test = !in_folder.starts_with("src") || in_folder.ends_with("tests.rs");
        let shown = workspace.relative(&file);
        for (line, what) in scan(&package.name, own_floor, &source, is_test) {
            violations.push(Violation { file: Path::new(shown).to_owned(), line, what });
        }
    }
    Ok(violations)
}

/// The violations in one file, each with its line. `is_test` for files outside `src/`.
fn scan(package: &str, own_floor: u8, source: &str, is_test: bool) -> Vec<(usize, String)> {
    let code = code_only(source);
    let in_test = test_lines(&code);
    let mut found = Vec::new();
    for (index, line) in code.lines().enumerate() {
        let is_test = is_test || in_test.get(index).copied().unwrap_or(false);
        for (word, before, after) in words(line) {
            if let Some(what) = judge(package, own_floor, is_test, word, before, after) {
                found.push((index + 1, what));
            }
        }
    }
    found
}

fn judge(package: &str, own_floor: u8, is_test: bool, word: &str, before: &str, after: &str) -> Option<String> {
    if let Some((other, _)) = FLOORS.iter().find(|(name, _)| name.replace('-', "_") == word) {
        let other_floor = floor(other)?;
        if *other == package || other_floor < own_floor {
            return None;
        }
        let direction = if other_floor == own_floor { "sideways" } else { "upward" };
        return Some(format!("{direction} import: {package} (floor {own_floor}) names {other} (floor {other_floor})"));
    }
    if own_floor < SERVER && word == "anyhow" {
        return Some(format!("the library {package} names anyhow: libraries have typed errors"));
    }
    if own_floor >= NET {
        return None;
    }
    let is_path = after.starts_with("::") || before.ends_with("use ") || before.ends_with("crate ");
    if EVENT_LOOPS.contains(&word) && is_path {
        return Some(format!("{package} (floor {own_floor}) names {word}: event loops begin at jabiru-net"));
    }
    if SOCKETS.contains(&word) {
        return Some(format!("{package} (floor {own_floor}) names {word}: sockets begin at jabiru-net"));
    }
    // A path that ends in `now` is a clock whatever its type was renamed to, and `elapsed` reads
    // the clock behind the back of an `Instant` that was passed in.
    let reads_clock = (word == "now" && before.ends_with("::")) || (word == "elapsed" && before.ends_with(['.', ':']));
    if reads_clock && !is_test {
        return Some(format!(
            "{package} (floor {own_floor}) reads a clock ({word}): time is passed in, clocks begin at jabiru-net"
        ));
    }
    None
}

/// Every identifier of a line with what stands before and after it.
fn words(line: &str) -> impl Iterator<Item = (&str, &str, &str)> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut from = 0;
    std::iter::from_fn(move || {
        let start = from + line[from..].find(is_word)?;
        let end = line[start..].find(|c| !is_word(c)).map_or(line.len(), |length| start + length);
        from = end;
        Some((&line[start..end], &line[..start], &line[end..]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(package: &str, source: &str) -> Vec<usize> {
        scan(package, floor(package).unwrap(), source, false).into_iter().map(|(line, _)| line).collect()
    }

    #[test]
    fn seeded_violations_are_caught() {
        for (package, line) in [
            ("jabiru-router", "use jabiru_storage::Accounts;"),
            ("jabiru-router", "use {jabiru_net as net};"),
            ("jabiru-xml", "fn f(x: jabiru_stanza::Jid) {}"),
            ("jabiru-storage", "use tokio::sync::mpsc;"),
            ("jabiru-storage", "extern crate tokio;"),
            ("jabiru-storage", "    tokio::spawn(async {});"),
            ("jabiru-router", "use std::net::TcpStream;"),
            ("jabiru-router", "use std::net::{IpAddr, UdpSocket};"),
            ("jabiru-router", "use std::{io, os::unix::net::UnixListener};"),
            ("jabiru-negotiation", "let now = Instant::now();"),
            ("jabiru-negotiation", "let now = std::time::SystemTime::now();"),
            ("jabiru-negotiation", "let clock: fn() -> Instant = Clock::now;"),
            ("jabiru-negotiation", "if start.elapsed() > limit {}"),
            ("jabiru-c2s", "fn f() -> anyhow::Result<()> {}"),
            ("jabiru-c2s", "use jabiru_server::Config;"),
        ] {
            assert_eq!(found(package, line), [1], "{package}: {line}");
        }
    }

    #[test]
    fn what_is_allowed_passes() {
        for (package, line) in [
            ("jabiru-router", "use jabiru_stanza::FullJid;"),
            ("jabiru-router", "use jabiru_router::Backend;"),
            ("jabiru-router", "use std::net::{IpAddr, SocketAddr};"),
            ("jabiru-negotiation", "fn handle(&mut self, now: Instant) -> Option<Instant> { self.now(now) }"),
            ("jabiru-negotiation", "// tokio::spawn, Instant::now()"),
            ("jabiru-negotiation", "/// use jabiru_net::Tls;"),
            ("jabiru-negotiation", "let text = \"Instant::now() jabiru_net TcpStream\";"),
            ("jabiru-storage", "std::thread::Builder::new().spawn(work)?;"),
            ("jabiru-storage", "let mio = tokio;"),
            ("jabiru-net", "use tokio::net::TcpStream; let now = Instant::now();"),
            ("jabiru-server", "use anyhow::Result;"),
        ] {
            assert!(found(package, line).is_empty(), "{package}: {line}");
        }
    }

    #[test]
    fn tests_may_read_the_clock_but_have_no_sockets() {
        let source = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() { Instant::now(); }\n    use std::net::TcpStream;\n}\nfn c() { Instant::now(); }\n";
        assert_eq!(found("jabiru-negotiation", source), [5, 7]);
        let example = scan("jabiru-negotiation", 2, "fn main() { Instant::now(); }\nuse tokio::x;\n", true);
        assert_eq!(example.into_iter().map(|(line, _)| line).collect::<Vec<_>>(), [2]);
    }
}
