//! Our own server.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::{CLIENT_PORT, DIRECT_TLS_PORT, STARTTLS_PORT, Setting, quoted};
use crate::federation::domain::Purpose;
use crate::federation::network::Host;
use crate::interop::server::run_with_input;
use crate::process;

pub(super) const CONFIG: &str = "jabiru.toml";

pub(super) fn configuration(host: &Host, setting: &Setting<'_>) -> String {
    let listen = |port: u16| format!("[\"0.0.0.0:{port}\", \"[::]:{port}\"]");
    let mut out = format!(
        "domains = []\n\
         data_directory = \"data\"\n\
         [c2s]\n\
         starttls = [\"{}:{CLIENT_PORT}\"]\n\
         direct_tls = []\n\
         {}\
         [s2s]\n\
         enabled = true\n\
         starttls = {}\n\
         direct_tls = {}\n\
         require = \"certificate\"\n\
         ca = [{}]\n\
         [s2s.resolver]\n\
         nameservers = [{}]\n\
         dnssec = true\n\
         trust_anchor = {}\n",
        host.v4(),
        if setting.measured { "require_tls = false\nmechanisms = [\"SCRAM-SHA-1\"]\n" } else { "" },
        listen(STARTTLS_PORT),
        listen(DIRECT_TLS_PORT),
        quoted(setting.credentials.authority.display().to_string()),
        quoted(&setting.nameserver),
        quoted(setting.anchor.display().to_string()),
    );
    if setting.measured {
        out.push_str(
            "[log]\n\
             level = \"warn\"\n\
             [limits]\n\
             connection_attempts_per_minute = 0\n\
             bytes_per_second = 1000000000\n\
             bytes_burst = 1000000000\n\
             stanzas_per_second = 1000000000\n\
             stanzas_burst = 1000000000\n\
             recipients_per_minute = 0\n\
             [s2s.limits]\n\
             bytes_per_second = 0\n\
             stanzas_per_second = 0\n",
        );
    }
    // Writing to a String can't fail.
    for domain in &setting.domains {
        let _ = write!(
            out,
            "[[domain]]\nname = {}\ncertificate = {}\nkey = {}\n",
            quoted(domain.name()),
            quoted(setting.credentials.file(*domain, "crt")),
            quoted(setting.credentials.file(*domain, "key"))
        );
    }
    for (purpose, require) in [
        (Purpose::Dialback, "dialback"),
        (Purpose::Dane, "dane"),
        (Purpose::DaneOther, "dane"),
        (Purpose::DaneUnsigned, "dane"),
    ] {
        for name in setting.others(purpose) {
            let _ = write!(out, "[[s2s.domain]]\nname = {}\nrequire = {}\n", quoted(name), quoted(require));
        }
    }
    out
}

pub(super) fn command(host: &Host, program: &Path, folder: &Path) -> Command {
    let mut command = host.command(program);
    command.arg("--config").arg(folder.join(CONFIG));
    command
}

pub(super) fn administer(program: &Path, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = process::command(program);
    command.args(arguments).arg("--config").arg(folder.join(CONFIG)).current_dir(folder);
    command
}

pub(super) fn add_account(program: &Path, folder: &Path, address: &str, password: &str) -> Result<()> {
    run_with_input(&mut administer(program, folder, &["user", "add", "--allow-weak", address]), Some(password))
}
