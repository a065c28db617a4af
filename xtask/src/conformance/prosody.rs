//! Prosody: its configuration, and its administrator's shell.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};
use jabiru_conformance::{Need, Verb};

use super::peer::{DOMAIN, OTHER, Place, text};
use crate::process;

const LIMIT: Duration = Duration::from_secs(30);

/// Writes the configuration; the command that starts the server.
pub(super) fn prepare(place: &Place) -> Result<Command> {
    fs::write(place.folder.join("prosody.cfg.lua"), configuration(place))?;
    let mut command = process::command("prosody");
    command.arg("-F").arg("--config").arg(place.folder.join("prosody.cfg.lua"));
    Ok(command)
}

fn configuration(place: &Place) -> String {
    let Place { folder, starttls, direct_tls, profile, .. } = place;
    let authentication = if *profile == Some(Need::Anonymous) { "anonymous" } else { "internal_hashed" };
    let conflict = match profile {
        Some(Need::ConflictRefuse) => "conflict_resolve = \"kick_new\"\n",
        Some(Need::ConflictAssign) => "conflict_resolve = \"random\"\n",
        _ => "",
    };
    let tls = |domain: &str| {
        let (certificate, key) =
            (place.certificates.join(format!("{domain}.crt")), place.certificates.join(format!("{domain}.key")));
        format!("{{ certificate = {:?}; key = {:?} }}", text(&certificate), text(&key))
    };
    let mut out = format!(
        "data_path = {:?}\n\
         admin_socket = {:?}\n\
         run_as_root = true\n\
         log = {{ {{ levels = {{ min = \"info\" }}, to = \"console\" }} }}\n\
         interfaces = {{ \"127.0.0.1\" }}\n\
         c2s_ports = {{ {starttls} }}\n\
         c2s_direct_tls_ports = {{ {direct_tls} }}\n\
         c2s_direct_tls_ssl = {}\n\
         modules_enabled = {{ \"admin_shell\", \"roster\", \"saslauth\", \"tls\", \"disco\", \"version\", \"ping\", \
         \"presence\", \"message\", \"iq\" }}\n\
         modules_disabled = {{ \"s2s\" }}\n\
         authentication = \"{authentication}\"\n\
         c2s_require_encryption = {}\n\
         {conflict}",
        text(&folder.join("data")),
        text(&folder.join("prosody.sock")),
        tls(DOMAIN),
        *profile != Some(Need::Plaintext),
    );
    for domain in [DOMAIN, OTHER] {
        // Writing to a String can't fail.
        let _ = write!(out, "VirtualHost \"{domain}\"\n    ssl = {}\n", tls(domain));
    }
    out
}

/// The line of its shell for a verb; `None` if it has none.
pub(super) fn command(verb: Verb, arguments: &[&str], input: Option<&str>) -> Option<String> {
    let (first, input) = (arguments.first().copied().unwrap_or_default(), input.unwrap_or_default());
    Some(match verb {
        Verb::Create => format!("user:create({first:?}, {input:?})"),
        Verb::Password => format!("user:password({first:?}, {input:?})"),
        Verb::Remove => format!("user:delete({first:?})"),
        Verb::Kick => format!("c2s:close({first:?})"),
        Verb::Reload => "config:reload()".to_owned(),
        Verb::RemoveDomain => format!("host:deactivate({first:?})"),
        Verb::Disable | Verb::Enable | Verb::Expire | Verb::Move | Verb::Drain | Verb::Stop | Verb::BreakStorage => {
            return None;
        }
    })
}

/// Has the shell carry out a line.
pub(super) fn shell(place: &Place, line: &str) -> Result<()> {
    let mut command = process::command("prosodyctl");
    command.args(["--root", "--config"]).arg(place.folder.join("prosody.cfg.lua")).args(["shell", line]);
    let output = process::capture(&mut command, LIMIT)?;
    if !output.status.success() {
        bail!("{line}: {}: {}{}", process::explain(output.status), output.stdout.trim(), output.stderr.trim());
    }
    Ok(())
}
