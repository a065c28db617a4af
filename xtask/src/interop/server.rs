//! The server under test, on loopback, with a configuration and a data directory of its own.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::job::{Account, DOMAIN, Over};
use crate::certs::ServerCertificate;
use crate::workspace::Workspace;
use crate::{process, tools};

/// The server's log, in the folder it was started with.
pub(crate) const LOG: &str = "server.log";

const BUILD_LIMIT: Duration = Duration::from_secs(40 * 60);
const START_LIMIT: Duration = Duration::from_secs(20);
const STOP_LIMIT: Duration = Duration::from_secs(20);
const COMMAND_LIMIT: Duration = Duration::from_secs(60);

/// Which server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    #[default]
    Jabiru,
    /// What Debian has; it can't disable an account.
    Prosody,
}

/// Builds or installs the server and returns its program.
pub(super) fn install(workspace: &Workspace, kind: Kind, profile: &str) -> Result<PathBuf> {
    match kind {
        Kind::Jabiru => {
            let mut build = process::cargo(&workspace.root);
            build.args(["build", "--package", "jabiru-server", "--profile", profile]);
            process::run(&mut build, BUILD_LIMIT)?;
            let folder = if profile == "dev" { "debug" } else { profile };
            Ok(workspace.target_directory.join(folder).join("jabiru"))
        }
        Kind::Prosody => {
            tools::programs(&[("prosody", "prosody")])?;
            Ok(PathBuf::from("prosody"))
        }
    }
}

/// A server and its folder; running or not.
#[derive(Debug)]
pub(super) struct Server {
    kind: Kind,
    program: PathBuf,
    folder: PathBuf,
    config: PathBuf,
    starttls_port: u16,
    direct_tls_port: u16,
    child: Option<Child>,
}

impl Server {
    /// Writes the configuration into `folder`. Nothing runs yet.
    pub(super) fn prepare(
        kind: Kind,
        program: &Path,
        folder: &Path,
        certificate: &ServerCertificate,
    ) -> Result<Server> {
        let (starttls_port, direct_tls_port) = (free_port()?, free_port()?);
        let (name, text) = match kind {
            Kind::Jabiru => ("jabiru.toml", jabiru_config(starttls_port, direct_tls_port, certificate)),
            Kind::Prosody => ("prosody.cfg.lua", prosody_config(folder, starttls_port, direct_tls_port, certificate)),
        };
        let config = folder.join(name);
        fs::write(&config, text).with_context(|| format!("can't write {}", config.display()))?;
        let program = program.to_owned();
        Ok(Server { kind, program, folder: folder.to_owned(), config, starttls_port, direct_tls_port, child: None })
    }

    pub(super) fn port(&self, over: Over) -> u16 {
        match over {
            Over::StartTls => self.starttls_port,
            Over::DirectTls => self.direct_tls_port,
        }
    }

    /// Starts it and returns when both ports answer.
    pub(super) fn start(&mut self) -> Result<()> {
        let log = File::create(self.folder.join(LOG)).context("can't create the server's log")?;
        let mut command = process::command(&self.program);
        if self.kind == Kind::Prosody {
            command.arg("-F");
        }
        command.arg("--config").arg(&self.config);
        command.current_dir(&self.folder).stdout(log.try_clone()?).stderr(log);
        let mut child = command.spawn().with_context(|| format!("can't start {}", process::describe(&command)))?;
        let start = Instant::now();
        for port in [self.starttls_port, self.direct_tls_port] {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            while TcpStream::connect_timeout(&address, START_LIMIT).is_err() {
                if let Some(status) = child.try_wait()? {
                    bail!("the server did not start: {}", process::explain(status));
                }
                if start.elapsed() > START_LIMIT {
                    process::kill(&mut child);
                    bail!("the server does not listen on {address} after {} s", START_LIMIT.as_secs());
                }
                thread::sleep(Duration::from_millis(20));
            }
        }
        self.child = Some(child);
        Ok(())
    }

    /// Sends SIGTERM and waits for the end.
    ///
    /// # Errors
    /// If it does not end within [`STOP_LIMIT`].
    pub(super) fn stop(&mut self) -> Result<(ExitStatus, Duration)> {
        let mut child = self.child.take().context("the server does not run")?;
        let start = Instant::now();
        process::terminate(&child)?;
        match process::wait(&mut child, STOP_LIMIT)? {
            Some(status) => Ok((status, start.elapsed())),
            None => {
                process::kill(&mut child);
                bail!("still running {} s after SIGTERM", STOP_LIMIT.as_secs());
            }
        }
    }

    pub(super) fn add_account(&self, account: &Account) -> Result<()> {
        match self.kind {
            Kind::Jabiru => self.user(&["add", &account.jid], Some(&account.password)),
            Kind::Prosody => {
                let local = account.jid.split('@').next().unwrap_or_default();
                let mut command = process::command("prosodyctl");
                command.args(["--root", "--config"]).arg(&self.config);
                command.args(["register", local, DOMAIN, &account.password]);
                run_with_input(&mut command, None)
            }
        }
    }

    /// False if this server has no command for it.
    pub(super) fn can_disable(&self) -> bool {
        self.kind == Kind::Jabiru
    }

    /// `disable`, `enable` or `remove`.
    pub(super) fn change_account(&self, change: &str, jid: &str) -> Result<()> {
        self.user(&[change, jid], None)
    }

    /// `jabiru user …`.
    fn user(&self, arguments: &[&str], input: Option<&str>) -> Result<()> {
        let mut command = process::command(&self.program);
        command.arg("user").args(arguments).arg("--config").arg(&self.config).current_dir(&self.folder);
        run_with_input(&mut command, input)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            process::kill(child);
        }
    }
}

/// Runs a command that reads `input`, a line, from its standard input.
pub(crate) fn run_with_input(command: &mut Command, input: Option<&str>) -> Result<()> {
    let line = process::describe(command);
    let input = input.map(|input| format!("{input}\n"));
    let mut file = tempfile::tempfile()?;
    file.write_all(input.as_deref().unwrap_or_default().as_bytes())?;
    std::io::Seek::rewind(&mut file)?;
    let output = process::capture(command.stdin(Stdio::from(file)), COMMAND_LIMIT)?;
    if !output.status.success() {
        bail!("{line}: {}: {}{}", process::explain(output.status), output.stdout, output.stderr);
    }
    Ok(())
}

/// A port of loopback that nobody listens on.
pub(crate) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port on loopback")?;
    Ok(listener.local_addr()?.port())
}

fn jabiru_config(starttls_port: u16, direct_tls_port: u16, certificate: &ServerCertificate) -> String {
    let quoted = |path: &Path| format!("{:?}", path.display().to_string());
    let mut text = String::new();
    // Writing to a String can't fail.
    let _ = write!(
        text,
        "domains = []\n\
         data_directory = \"data\"\n\
         [[domain]]\n\
         name = \"{DOMAIN}\"\n\
         certificate = {}\n\
         key = {}\n\
         [c2s]\n\
         starttls = [\"127.0.0.1:{starttls_port}\"]\n\
         direct_tls = [\"127.0.0.1:{direct_tls_port}\"]\n\
         [s2s]\n\
         enabled = false\n",
        quoted(&certificate.certificate),
        quoted(&certificate.key),
    );
    text
}

fn prosody_config(folder: &Path, starttls_port: u16, direct_tls_port: u16, certificate: &ServerCertificate) -> String {
    let tls = format!(
        "{{ certificate = {:?}; key = {:?} }}",
        certificate.certificate.display().to_string(),
        certificate.key.display().to_string()
    );
    format!(
        "data_path = {:?}\n\
         run_as_root = true\n\
         log = {{ {{ levels = {{ min = \"info\" }}, to = \"console\" }} }}\n\
         interfaces = {{ \"127.0.0.1\" }}\n\
         c2s_ports = {{ {starttls_port} }}\n\
         c2s_direct_tls_ports = {{ {direct_tls_port} }}\n\
         modules_enabled = {{ \"roster\", \"saslauth\", \"tls\", \"disco\", \"version\", \"ping\", \"presence\", \"message\", \"iq\" }}\n\
         modules_disabled = {{ \"s2s\" }}\n\
         authentication = \"internal_hashed\"\n\
         c2s_require_encryption = true\n\
         ssl = {tls}\n\
         c2s_direct_tls_ssl = {tls}\n\
         VirtualHost \"{DOMAIN}\"\n",
        folder.join("data").display().to_string()
    )
}
