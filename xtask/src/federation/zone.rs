//! The test's DNS: a root of its own, signed; below it a signed zone, an unsigned one, and one whose signatures are wrong.
//!
//! Zones are signed once, by BIND's tools, before the server starts. Each has one key for all (a CSK); the root's is the
//! trust anchor that resolvers are given.

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::domain::Zone;
use crate::process;

const LIMIT: Duration = Duration::from_secs(60);
const ALGORITHM: &str = "ECDSAP256SHA256";

/// The zones' files, ready to be served.
#[derive(Debug)]
pub(super) struct Zones {
    /// `(zone, file)`.
    pub(super) files: Vec<(String, PathBuf)>,
    /// The root's DNSKEY, in the format of a zone file.
    pub(super) anchor: PathBuf,
}

/// Writes the zones with their `records` into `folder` and signs them.
pub(super) fn write(folder: &Path, nameserver: (Ipv4Addr, Ipv6Addr), records: &[(Zone, String)]) -> Result<Zones> {
    fs::create_dir_all(folder)?;
    let mut files = Vec::new();
    // Children first: what their parents say of them is made when they are signed.
    let text = |zone: Zone, more: &str| {
        let mut text = head(zone.name(), nameserver);
        text.extend(records.iter().filter(|(of, _)| *of == zone).map(|(_, line)| format!("{line}\n")));
        text + more
    };
    let unsigned = folder.join("unsigned.example.zone");
    fs::write(&unsigned, text(Zone::Unsigned, ""))?;
    files.push((Zone::Unsigned.name().to_owned(), unsigned));

    let bogus = Zone::Bogus.name();
    let key = make_key(folder, bogus)?;
    files.push((bogus.to_owned(), sign(folder, bogus, &key, &text(Zone::Bogus, ""))?));
    let unrelated = make_key(folder, bogus)?;
    let wrong = run(folder, "dnssec-dsfromkey", &["-2", &unrelated])?;
    fs::write(folder.join(format!("dsset-{bogus}.")), wrong)?;

    let delegations = [delegation(Zone::Unsigned.name()), delegation(bogus)].concat();
    let example = Zone::Example.name();
    let key = make_key(folder, example)?;
    files.push((example.to_owned(), sign(folder, example, &key, &text(Zone::Example, &delegations))?));

    let key = make_key(folder, ".")?;
    let root = head("", nameserver) + &delegation(example);
    files.push((".".to_owned(), sign(folder, ".", &key, &root)?));

    let anchor = folder.join("anchor.key");
    let public = fs::read_to_string(folder.join(format!("{key}.key")))?;
    let line = public.lines().find(|line| !line.starts_with(';')).context("dnssec-keygen has written no key")?;
    fs::write(&anchor, format!("{line}\n"))?;
    Ok(Zones { files, anchor })
}

/// What every zone begins with. The server's name is in the zone `example`.
fn head(zone: &str, (v4, v6): (Ipv4Addr, Ipv6Addr)) -> String {
    let glue = if zone == Zone::Example.name() || zone.is_empty() {
        format!("{SERVER} A {v4}\n{SERVER} AAAA {v6}\n")
    } else {
        String::new()
    };
    format!("$TTL 60\n{zone}. SOA {SERVER} nobody.example. 1 3600 600 86400 60\n{zone}. NS {SERVER}\n{glue}")
}

fn delegation(zone: &str) -> String {
    format!("{zone}. NS {SERVER}\n")
}

const SERVER: &str = "ns.example.";

/// Makes a key and returns its name.
fn make_key(folder: &Path, zone: &str) -> Result<String> {
    let name = run(folder, "dnssec-keygen", &["-q", "-a", ALGORITHM, "-f", "KSK", zone])?;
    Ok(name.trim().to_owned())
}

/// Signs a zone, with what is known of its children (`-g`), by its only key (`-z`).
fn sign(folder: &Path, zone: &str, key: &str, text: &str) -> Result<PathBuf> {
    let name = if zone == "." { "root" } else { zone };
    let (plain, signed) = (format!("{name}.zone"), folder.join(format!("{name}.signed")));
    let public = fs::read_to_string(folder.join(format!("{key}.key")))?;
    fs::write(folder.join(&plain), format!("{text}{public}"))?;
    let output = signed.display().to_string();
    run(folder, "dnssec-signzone", &["-q", "-z", "-g", "-o", zone, "-f", &output, &plain, key])?;
    Ok(signed)
}

fn run(folder: &Path, program: &str, arguments: &[&str]) -> Result<String> {
    let mut command = process::command(program);
    let output = process::capture(command.args(arguments).current_dir(folder), LIMIT)?;
    if !output.status.success() {
        bail!("{}: {}{}", process::describe(&command), output.stdout, output.stderr);
    }
    Ok(output.stdout)
}
