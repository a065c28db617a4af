//! Prosody, with Debian's configuration but for what is the test's own: domains, certificates, the nameserver's key,
//! the folder, and the limit on what clients may send (ten thousand octets a second), which would have most checks wait.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::{DIRECT_TLS_PORT, STARTTLS_PORT, Setting, debian_file, list, quoted};
use crate::conformance::prosody::shell;
use crate::federation::domain::Purpose;
use crate::federation::network::Host;

pub(super) const CONFIG: &str = "prosody.cfg.lua";
const SOCKET: &str = "prosody.sock";
const DEBIAN: &str = "/etc/prosody/prosody.cfg.lua";

/// The part of Debian's file that counts for the whole server.
const GENERAL: &str = "debian.cfg.lua";

/// Debian's limit on other servers, and none on clients.
const UNMEASURED: &str = "limits = { c2s = { rate = \"1gb/s\" }; s2sin = { rate = \"30kb/s\" } }\n";
const MEASURED: &str = "modules_disabled = { \"limits\" }\nc2s_require_encryption = false\n";

/// Where the settings for the whole server end in Debian's file.
const FIRST_HOST: &str = "VirtualHost \"localhost\"";

pub(super) fn configuration(folder: &Path, setting: &Setting<'_>) -> Result<String> {
    let debian = debian_file("prosody", DEBIAN)?;
    let (general, _) = debian.split_once(FIRST_HOST).with_context(|| format!("{DEBIAN} has no line {FIRST_HOST}"))?;
    // Of two settings of one name the later one counts, if they are in different files.
    fs::write(folder.join(GENERAL), general)?;
    let path = |path: &Path| quoted(path.display().to_string());
    let mut out = format!(
        "Include {GENERAL:?}\n\
         data_path = {}\n\
         pidfile = {}\n\
         admin_socket = {}\n\
         run_as_root = true\n\
         log = {{ {{ levels = {{ min = \"{}\" }}, to = \"console\" }} }}\n\
         {}\
         certificates = {}\n\
         ssl = {{ cafile = {} }}\n\
         s2s_direct_tls_ports = {{ {DIRECT_TLS_PORT} }}\n\
         s2s_ports = {{ {STARTTLS_PORT} }}\n\
         s2s_insecure_domains = {{ {} }}\n\
         unbound = {{ resolvconf = true, trustfile = {} }}\n",
        path(&folder.join("data")),
        path(&folder.join("prosody.pid")),
        path(&folder.join(SOCKET)),
        if setting.measured { "warn" } else { "info" },
        if setting.measured { MEASURED } else { UNMEASURED },
        path(setting.credentials.folder()),
        path(&setting.credentials.authority),
        list([Purpose::Dialback, Purpose::Dane].into_iter().flat_map(|purpose| setting.others(purpose))),
        path(setting.anchor),
    );
    for domain in &setting.domains {
        let (certificate, key) = (setting.credentials.file(*domain, "crt"), setting.credentials.file(*domain, "key"));
        let tls = format!("{{ certificate = {}; key = {} }}", quoted(certificate), quoted(key));
        // Writing to a String can't fail.
        let _ = write!(out, "VirtualHost {}\n    ssl = {tls}\n    s2s_direct_tls_ssl = {tls}\n", quoted(domain.name()));
    }
    Ok(out)
}

pub(super) fn command(host: &Host, folder: &Path) -> Command {
    let mut command = host.command("prosody");
    command.arg("-F").arg("--config").arg(folder.join(CONFIG));
    command
}

pub(super) fn add_account(folder: &Path, address: &str, password: &str) -> Result<()> {
    shell(&folder.join(SOCKET), &format!("user:create({address:?}, {password:?})"))
}
