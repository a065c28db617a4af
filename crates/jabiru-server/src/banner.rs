//! What somebody who starts the server wants to know first.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::certificate;
use crate::config::Config;
use crate::server::Server;

/// Where the server listens, where its data is, which certificates it shows, and what to do next.
pub(crate) struct Banner<'a> {
    pub(crate) config: &'a Config,
    pub(crate) config_path: Option<&'a Path>,
    pub(crate) server: &'a Server,
}

impl Banner<'_> {
    pub(crate) fn print(&self) -> anyhow::Result<()> {
        let mut out = io::stdout().lock();
        let data = std::path::absolute(&self.config.data_directory)?;
        writeln!(out, "Jabiru {} is ready.", env!("CARGO_PKG_VERSION"))?;
        match self.config_path {
            Some(path) => writeln!(out, "  configuration  {}", path.display())?,
            None => writeln!(out, "  configuration  built-in defaults (jabiru.example.toml shows them all)")?,
        }
        let addresses: [(&str, &[SocketAddr]); 4] = [
            ("STARTTLS", self.server.starttls_addresses()),
            ("direct TLS", self.server.direct_tls_addresses()),
            ("s2s STARTTLS", self.server.s2s_starttls_addresses()),
            ("s2s direct", self.server.s2s_direct_tls_addresses()),
        ];
        for (what, addresses) in addresses {
            if !addresses.is_empty() {
                let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
                writeln!(out, "  {what:<13}  {}", addresses.join(", "))?;
            }
        }
        writeln!(out, "  data           {} (SQLite)", data.display())?;
        let certificates = self.server.certificates();
        for certificate in certificates.iter() {
            let kind = if certificate.self_made { "self-made certificate" } else { "certificate" };
            writeln!(out, "  domain         {}, {kind} {}", certificate.domain, certificate.path.display())?;
            writeln!(out, "                 SHA-256 {}", certificate::fingerprint(certificate.identity.certificate()))?;
        }
        let domain = certificates.first().map_or("localhost", |certificate| certificate.domain.as_str());
        writeln!(out, "To create an account, in another terminal:")?;
        writeln!(out, "  {}{} user add alice@{domain}", program(), self.config_option())?;
        out.flush()?;
        Ok(())
    }

    fn config_option(&self) -> String {
        self.config_path.map_or_else(String::new, |path| format!(" --config {}", path.display()))
    }
}

/// How this program is called from the current folder.
fn program() -> String {
    let this = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("jabiru"));
    let folder = std::env::current_dir().unwrap_or_default();
    match this.strip_prefix(&folder) {
        Ok(relative) => format!("./{}", relative.display()),
        Err(_) => this.display().to_string(),
    }
}
