//! ejabberd, with Debian's configuration but for what is the test's own: domains, certificates, ports, and the limit on
//! what clients may send (three thousand octets a second), which would have most checks wait.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use serde_json::json;

use super::{CLIENT_PORT, DIRECT_TLS_PORT, STARTTLS_PORT, Setting, debian_file, quoted};
use crate::conformance::ejabberd::{libraries, post};
use crate::federation::network::Host;

pub(super) const CONFIG: &str = "ejabberd.yml";
const DEBIAN: &str = "/etc/ejabberd/ejabberd.yml";
/// For the administrator's commands, on the host's loopback.
const CONTROL_PORT: u16 = 5281;

pub(super) fn configuration(setting: &Setting<'_>) -> Result<String> {
    debian_file("ejabberd", DEBIAN)?;
    let mut out = String::from("hosts:\n");
    // Writing to a String can't fail.
    for domain in &setting.domains {
        let _ = writeln!(out, "  - {}", quoted(domain.name()));
    }
    out.push_str("certfiles:\n");
    for domain in &setting.domains {
        let _ = writeln!(out, "  - {}", quoted(setting.credentials.file(*domain, "pem")));
    }
    let server_rate = if setting.measured { "none" } else { "fast" };
    let _ = write!(
        out,
        "include_config_file:\n  \
           {DEBIAN:?}:\n    \
             disallow: [hosts, certfiles, listen, shaper_rules, api_permissions{}]\n\
         {}\
         ca_file: {}\n\
         listen:\n  \
           - port: {CLIENT_PORT}\n    ip: \"::\"\n    module: ejabberd_c2s\n    max_stanza_size: 262144\n    \
             shaper: c2s_shaper\n    access: c2s\n    {}: true\n    protocol_options: 'TLS_OPTIONS'\n  \
           - port: {STARTTLS_PORT}\n    ip: \"::\"\n    module: ejabberd_s2s_in\n    max_stanza_size: 524288\n  \
           - port: {DIRECT_TLS_PORT}\n    ip: \"::\"\n    module: ejabberd_s2s_in\n    max_stanza_size: 524288\n    tls: true\n  \
           - port: {CONTROL_PORT}\n    ip: 127.0.0.1\n    module: ejabberd_http\n    request_handlers:\n      /api: mod_http_api\n\
         shaper_rules:\n  \
           max_user_sessions: 10\n  \
           max_user_offline_messages: 100\n  \
           c2s_shaper: none\n  \
           s2s_shaper: {server_rate}\n\
         api_permissions:\n  \
           loopback:\n    who:\n      ip: 127.0.0.1/8\n    what: \"*\"\n",
        if setting.measured { ", loglevel" } else { "" },
        if setting.measured { "loglevel: warning\n" } else { "" },
        quoted(setting.credentials.authority.display().to_string()),
        if setting.measured { "starttls" } else { "starttls_required" },
    );
    Ok(out)
}

/// What `ejabberdctl` would start, but as ourselves and with a data directory of our own.
pub(super) fn command(host: &Host, folder: &Path) -> Result<Command> {
    let mut command = host.command("erl");
    command
        .env("ERL_LIBS", libraries()?)
        .env("ERL_CRASH_DUMP", folder.join("crash.dump"))
        .env("ERL_MAX_PORTS", "32000")
        .env("EJABBERD_CONFIG_PATH", folder.join(CONFIG))
        .env("EJABBERD_LOG_PATH", folder.join("ejabberd.log"))
        .args(["+K", "true", "+P", "250000", "-noinput", "-mnesia", "dir"])
        .arg(format!("{:?}", folder.join("data").display().to_string()))
        .args(["-s", "ejabberd"]);
    Ok(command)
}

pub(super) fn add_account(local: &str, domain: &str, password: &str) -> Result<()> {
    post(CONTROL_PORT, Path::new("/api/register"), &json!({ "user": local, "host": domain, "password": password }))
}
