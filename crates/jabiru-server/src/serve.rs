//! Runs the server: from the configuration to the last stream's end.

use std::io::{self, IsTerminal, Write};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use jabiru_c2s::Transport;
use jabiru_net::Listener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;

use crate::assemble::{self, Certificate};
use crate::config::{Config, LogFormat};
use crate::{certificate, data_directory, logging};

/// Serves until SIGINT or SIGTERM; then every stream is closed and what is pending is sent, within
/// the configured time. A second signal ends at once.
pub(crate) fn run(config: &Config, config_path: Option<&Path>) -> anyhow::Result<()> {
    logging::start(log_format(config.log.format), &config.log.level)?;
    let storage = Arc::new(data_directory::open_storage(config)?);
    let _lock = data_directory::lock(&config.data_directory)?;
    let secret = data_directory::secret(&config.data_directory)?;
    let certificates = assemble::certificates(config)?;
    let c2s = assemble::c2s(config, storage.clone(), secret)?;
    let (starttls, direct_tls) = assemble::tls(&certificates)?;

    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("can't start threads")?;
    let result = runtime.block_on(async {
        let mut signals = Signals::new()?;
        let admission = assemble::admission(config);
        let bind = |addresses: &[SocketAddr]| -> anyhow::Result<Vec<Listener>> {
            addresses.iter().filter_map(|address| listen(*address, &admission).transpose()).collect()
        };
        let starttls_listeners = bind(&config.c2s.starttls)?;
        let direct_listeners = bind(&config.c2s.direct_tls)?;
        let banner = Banner {
            config,
            config_path,
            certificates: &certificates,
            starttls: local_addresses(&starttls_listeners)?,
            direct_tls: local_addresses(&direct_listeners)?,
        };
        banner.print()?;

        let mut serving = JoinSet::new();
        let kinds = starttls_listeners
            .into_iter()
            .map(|listener| (listener, Transport::StartTls(starttls.clone())))
            .chain(direct_listeners.into_iter().map(|listener| (listener, Transport::DirectTls(direct_tls.clone()))));
        for (listener, transport) in kinds {
            let c2s = c2s.clone();
            serving.spawn(async move { c2s.serve(listener, transport).await });
        }
        let watching = c2s.clone();
        serving.spawn(async move { watching.watch_accounts().await });

        let name = tokio::select! {
            name = signals.next() => name,
            // None of them returns; one that does has panicked, and the log says where.
            Some(ended) = serving.join_next() => bail!("a part of the server has failed: {ended:?}"),
        };
        tracing::info!(signal = name, streams = c2s.stream_count(), "shutting down");
        serving.shutdown().await;
        tokio::select! {
            left = c2s.shut_down(config.shutdown.timeout) => {
                if left > 0 {
                    tracing::warn!(streams = left, "streams had not ended in time");
                }
            }
            name = signals.next() => tracing::warn!(signal = name, "ending at once"),
        }
        Ok(())
    });
    // A task that hangs must not keep the process: what could be sent has been sent.
    runtime.shutdown_background();
    storage.close();
    result
}

fn log_format(format: LogFormat) -> logging::Format {
    match format {
        LogFormat::Human => logging::Format::Human,
        LogFormat::Json => logging::Format::Json,
        LogFormat::Auto if io::stderr().is_terminal() => logging::Format::Human,
        LogFormat::Auto => logging::Format::Json,
    }
}

/// Listens on one address. `None`: it is `::1` on a machine without IPv6, where nobody could ask for it; the
/// built-in defaults name it.
fn listen(address: SocketAddr, admission: &jabiru_net::Admission) -> anyhow::Result<Option<Listener>> {
    let error = match Listener::bind(address, admission.clone()) {
        Ok(listener) => return Ok(Some(listener)),
        Err(error) => error,
    };
    let no_ipv6 = error.kind() == io::ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(EAFNOSUPPORT);
    if no_ipv6 && address.ip() == IpAddr::V6(Ipv6Addr::LOCALHOST) {
        tracing::warn!(%address, "this machine has no IPv6: not listening there");
        return Ok(None);
    }
    Err(match error.kind() {
        io::ErrorKind::AddrInUse => anyhow::anyhow!(
            "can't listen on {address}: another program does already (`ss -ltnp` tells which); stop it, or configure another address"
        ),
        io::ErrorKind::PermissionDenied => {
            anyhow::anyhow!("can't listen on {address}: ports below 1024 need a privilege (CAP_NET_BIND_SERVICE)")
        }
        io::ErrorKind::AddrNotAvailable => {
            anyhow::anyhow!("can't listen on {address}: this machine has no such address")
        }
        _ => anyhow::anyhow!("can't listen on {address}: {error}"),
    })
}

fn local_addresses(listeners: &[Listener]) -> io::Result<Vec<SocketAddr>> {
    listeners.iter().map(Listener::local_address).collect()
}

/// Linux: the system knows no such family of addresses.
const EAFNOSUPPORT: i32 = 97;

/// The signals that end the server.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> io::Result<Signals> {
        Ok(Signals { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}

/// What somebody who starts the server wants to know first.
struct Banner<'a> {
    config: &'a Config,
    config_path: Option<&'a Path>,
    certificates: &'a [Certificate],
    starttls: Vec<SocketAddr>,
    direct_tls: Vec<SocketAddr>,
}

impl Banner<'_> {
    fn print(&self) -> anyhow::Result<()> {
        let mut out = io::stdout().lock();
        let data = std::path::absolute(&self.config.data_directory)?;
        writeln!(out, "Jabiru {} is ready.", env!("CARGO_PKG_VERSION"))?;
        match self.config_path {
            Some(path) => writeln!(out, "  configuration  {}", path.display())?,
            None => writeln!(out, "  configuration  built-in defaults (jabiru.example.toml shows them all)")?,
        }
        for (what, addresses) in [("STARTTLS", &self.starttls), ("direct TLS", &self.direct_tls)] {
            if !addresses.is_empty() {
                let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
                writeln!(out, "  {what:<13}  {}", addresses.join(", "))?;
            }
        }
        writeln!(out, "  data           {} (SQLite)", data.display())?;
        for certificate in self.certificates {
            let kind = if certificate.self_made { "self-made certificate" } else { "certificate" };
            writeln!(out, "  domain         {}, {kind} {}", certificate.domain, certificate.path.display())?;
            writeln!(out, "                 SHA-256 {}", certificate::fingerprint(certificate.identity.certificate()))?;
        }
        let domain = self.certificates.first().map_or("localhost", |certificate| certificate.domain.as_str());
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
