//! Prosody: its configuration, and its administrator's shell.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use jabiru_conformance::{Need, Verb};

use super::peer::{DOMAIN, OTHER, Place, ServerPlace, text};
use crate::process;

const LIMIT: Duration = Duration::from_secs(30);

/// The longest answer of the shell that is read.
const MAX_ANSWER: usize = 64 * 1024;

/// Where the shell listens, in the server's folder.
pub(super) const SOCKET: &str = "prosody.sock";

/// What Debian's configuration enables, but for `limits`, which slows clients down.
const MODULES: [&str; 25] = [
    "disco",
    "roster",
    "saslauth",
    "tls",
    "blocklist",
    "bookmarks",
    "carbons",
    "dialback",
    "pep",
    "private",
    "smacks",
    "vcard4",
    "vcard_legacy",
    "csi_simple",
    "invites",
    "invites_adhoc",
    "invites_register",
    "ping",
    "register",
    "time",
    "uptime",
    "version",
    "admin_adhoc",
    "admin_shell",
    "posix",
];

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
        let authority = place.certificates.join("authority.crt");
        let [certificate, key, authority] = [&certificate, &key, &authority].map(|path| text(path));
        format!("{{ certificate = {certificate:?}; key = {key:?}; cafile = {authority:?} }}")
    };
    let modules: Vec<String> = MODULES.iter().map(|module| format!("{module:?}")).collect();
    let modules = modules.join(", ");
    let mut out = format!(
        "data_path = {:?}\n\
         admin_socket = {:?}\n\
         run_as_root = true\n\
         log = {{ {{ levels = {{ min = \"info\" }}, to = \"console\" }} }}\n\
         interfaces = {{ \"127.0.0.1\" }}\n\
         c2s_ports = {{ {starttls} }}\n\
         c2s_direct_tls_ports = {{ {direct_tls} }}\n\
         c2s_direct_tls_ssl = {}\n\
         modules_enabled = {{ {modules} }}\n\
         authentication = \"{authentication}\"\n\
         c2s_require_encryption = {}\n\
         {conflict}{}",
        text(&folder.join("data")),
        text(&folder.join(SOCKET)),
        tls(DOMAIN),
        *profile != Some(Need::Plaintext),
        servers(place, &tls(DOMAIN)),
    );
    for domain in [DOMAIN, OTHER] {
        // Writing to a String can't fail.
        let _ = write!(out, "VirtualHost \"{domain}\"\n    ssl = {}\n", tls(domain));
    }
    out
}

/// The part of the configuration that is about other servers.
fn servers(place: &Place, tls: &str) -> String {
    let Some(ServerPlace { starttls, direct_tls, dns }) = place.servers else {
        return "modules_disabled = { \"s2s\" }\n".to_owned();
    };
    let certificate_alone = place.profile == Some(Need::ServersByCertificate);
    let timeout = if place.profile == Some(Need::ServersShortTimeouts) { "s2s_timeout = 2\n" } else { "" };
    // A name server on loopback is asked only if that is allowed, and it signs nothing.
    format!(
        "s2s_ports = {{ {starttls} }}\n\
         s2s_direct_tls_ports = {{ {direct_tls} }}\n\
         s2s_direct_tls_ssl = {tls}\n\
         s2s_secure_auth = {certificate_alone}\n\
         {timeout}\
         unbound = {{ resolvconf = false; hoststxt = false; forward = \"{}@{}\"; \
         options = {{ [\"do-not-query-localhost:\"] = \"no\"; [\"module-config:\"] = \"iterator\" }} }}\n",
        dns.ip(),
        dns.port(),
    )
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

/// Has the shell carry out a line, over its `socket`: to start `prosodyctl shell` for each takes a third of a second.
pub(crate) fn shell(socket: &Path, line: &str) -> Result<()> {
    let mut socket = UnixStream::connect(socket).context("can't reach Prosody's shell")?;
    socket.set_read_timeout(Some(LIMIT))?;
    let line_in_xml = line.replace('&', "&amp;").replace('<', "&lt;");
    write!(
        socket,
        "<stream:stream xmlns='xmpp:prosody.im/admin' xmlns:stream='http://etherx.jabber.org/streams'>\
         <repl-input>{line_in_xml}</repl-input>"
    )?;
    let mut answer = String::new();
    let mut piece = [0; 4096];
    // What it prints comes first, in elements of their own.
    let result = loop {
        let found = answer.find("<repl-result").map(|start| &answer[start..]);
        if let Some(result) = found.filter(|rest| rest.contains("</repl-result>") || rest.contains("/>")) {
            break result;
        }
        ensure!(answer.len() < MAX_ANSWER, "{line}: Prosody's shell does not come to an end");
        let length = socket.read(&mut piece).with_context(|| format!("{line}: no answer of Prosody's shell"))?;
        ensure!(length > 0, "{line}: Prosody's shell has closed: {answer}");
        answer.push_str(&String::from_utf8_lossy(&piece[..length]));
    };
    let head = result.split('>').next().unwrap_or_default();
    ensure!(!head.contains("type='error'"), "{line}: {answer}");
    Ok(())
}
