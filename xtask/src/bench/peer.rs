//! The servers that are measured: ours and others, each on loopback with a folder of its own.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::certs::ServerCertificate;
use crate::conformance::ejabberd::libraries;
use crate::interop::server::{free_port, run_with_input};
use crate::{process, tools};

/// The password of all accounts.
pub(super) const PASSWORD: &str = "secret";

const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(30);
const COMMAND_LIMIT: Duration = Duration::from_secs(60);
const LOG: &str = "server.log";

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Kind {
    #[value(skip)]
    Jabiru,
    Prosody,
    Ejabberd,
}

impl Kind {
    /// Its name and version.
    pub(super) fn name(self) -> Result<String> {
        let package = match self {
            Kind::Jabiru => return Ok("Jabiru".to_owned()),
            Kind::Prosody => "prosody",
            Kind::Ejabberd => "ejabberd",
        };
        let mut query = process::command("dpkg-query");
        let output = process::capture(query.args(["-W", "-f", "${Version}", package]), COMMAND_LIMIT)?;
        let version = output.stdout.split(['-', '+']).next().unwrap_or_default().to_owned();
        Ok(format!("{package} {version}"))
    }
}

/// A server with its folder, running or not; killed when dropped.
#[derive(Debug)]
pub(super) struct Peer {
    kind: Kind,
    program: PathBuf,
    folder: PathBuf,
    starttls_port: u16,
    direct_tls_port: u16,
    child: Option<Child>,
}

impl Peer {
    /// Installs the server if need be, and writes its configuration into a folder below `folder`.
    pub(super) fn prepare(kind: Kind, jabiru: &Path, folder: &Path, certificate: &ServerCertificate) -> Result<Peer> {
        let (name, program) = match kind {
            Kind::Jabiru => ("jabiru", jabiru.to_owned()),
            Kind::Prosody => {
                tools::programs(&[("prosody", "prosody")])?;
                ("prosody", PathBuf::from("prosody"))
            }
            Kind::Ejabberd => {
                tools::programs(&[("ejabberdctl", "ejabberd"), ("erl", "erlang-base")])?;
                ("ejabberd", PathBuf::from("erl"))
            }
        };
        let folder = folder.join(name);
        fs::create_dir_all(folder.join("data"))?;
        let (starttls_port, direct_tls_port) = (free_port()?, free_port()?);
        let peer = Peer { kind, program, folder, starttls_port, direct_tls_port, child: None };
        let text = match kind {
            Kind::Jabiru => peer.jabiru_config(certificate),
            Kind::Prosody => peer.prosody_config(certificate),
            Kind::Ejabberd => {
                // It wants the key, its certificate and the authority's in one file.
                let authority = certificate.certificate.with_file_name("ca.crt");
                let parts = [&certificate.key, &certificate.certificate, &authority];
                let chain: String = parts.into_iter().map(fs::read_to_string).collect::<Result<_, _>>()?;
                let path = peer.folder.join("certificate.pem");
                fs::write(&path, chain).with_context(|| format!("can't write {}", path.display()))?;
                peer.ejabberd_config(&path)
            }
        };
        fs::write(peer.config(), text).with_context(|| format!("can't write {}", peer.config().display()))?;
        Ok(peer)
    }

    /// Starts it and returns when both ports answer.
    pub(super) fn start(&mut self) -> Result<()> {
        let log = File::create(self.folder.join(LOG)).context("can't create the server's log")?;
        let mut command = process::command(&self.program);
        match self.kind {
            Kind::Jabiru => command.arg("--config").arg(self.config()),
            Kind::Prosody => command.arg("-F").arg("--config").arg(self.config()),
            Kind::Ejabberd => self.ejabberd_arguments(&mut command)?,
        };
        command.current_dir(&self.folder).stdout(log.try_clone()?).stderr(log);
        let mut child = command.spawn().with_context(|| format!("can't start {}", process::describe(&command)))?;
        let start = Instant::now();
        for port in [self.starttls_port, self.direct_tls_port] {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            while TcpStream::connect_timeout(&address, START_LIMIT).is_err() {
                let log = self.folder.join(LOG);
                if let Some(status) = child.try_wait()? {
                    bail!("{:?} did not start: {}; see {}", self.kind, process::explain(status), log.display());
                }
                if start.elapsed() > START_LIMIT {
                    process::kill(&mut child);
                    bail!("{:?} does not listen on {address}; see {}", self.kind, log.display());
                }
                thread::sleep(Duration::from_millis(50));
            }
        }
        self.child = Some(child);
        Ok(())
    }

    /// Sends SIGTERM and waits for the end.
    pub(super) fn stop(&mut self) -> Result<()> {
        let mut child = self.child.take().context("the server does not run")?;
        process::terminate(&child)?;
        if process::wait(&mut child, STOP_LIMIT)?.is_none() {
            process::kill(&mut child);
            bail!("{:?} still runs {} s after SIGTERM", self.kind, STOP_LIMIT.as_secs());
        }
        Ok(())
    }

    /// Makes the accounts of the load generator: ours by the command line, those of others by
    /// `register`, which is given the address for in-band registration.
    pub(super) fn make_accounts(&self, count: usize, register: impl FnOnce(&str) -> Result<()>) -> Result<()> {
        if self.kind != Kind::Jabiru {
            return register(&self.address(false));
        }
        for number in 0..count {
            let mut command = process::command(&self.program);
            command
                .args(["user", "add", "--allow-weak", &format!("load-{number:04}@localhost"), "--config"])
                .arg(self.config());
            run_with_input(command.current_dir(&self.folder), Some(PASSWORD))?;
        }
        Ok(())
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// Where clients connect, with TLS from the first octet or without any.
    pub(super) fn address(&self, tls: bool) -> String {
        format!("127.0.0.1:{}", if tls { self.direct_tls_port } else { self.starttls_port })
    }

    /// The process that does all the work.
    pub(super) fn process(&self) -> Result<u32> {
        Ok(self.child.as_ref().context("the server does not run")?.id())
    }

    /// Its name and version.
    pub(super) fn name(&self) -> Result<String> {
        self.kind.name()
    }

    fn config(&self) -> PathBuf {
        self.folder.join(match self.kind {
            Kind::Jabiru => "jabiru.toml",
            Kind::Prosody => "prosody.cfg.lua",
            Kind::Ejabberd => "ejabberd.yml",
        })
    }

    /// What `ejabberdctl` would start, but as ourselves and with a data directory of our own.
    fn ejabberd_arguments<'a>(&self, command: &'a mut Command) -> Result<&'a mut Command> {
        let data = self.folder.join("data");
        command
            .env("ERL_LIBS", libraries()?)
            .env("ERL_MAX_PORTS", "32000")
            .env("ERL_CRASH_DUMP", self.folder.join("crash.dump"))
            .env("EJABBERD_CONFIG_PATH", self.config())
            .env("EJABBERD_LOG_PATH", self.folder.join("ejabberd.log"))
            .args(["+K", "true", "+P", "250000", "-noinput", "-mnesia", "dir"])
            .arg(format!("{:?}", data.display().to_string()));
        Ok(command.args(["-s", "ejabberd"]))
    }

    fn jabiru_config(&self, certificate: &ServerCertificate) -> String {
        format!(
            "domains = []\n\
             data_directory = \"data\"\n\
             [[domain]]\n\
             name = \"localhost\"\n\
             certificate = {:?}\n\
             key = {:?}\n\
             [log]\n\
             level = \"warn\"\n\
             [c2s]\n\
             starttls = [\"127.0.0.1:{}\"]\n\
             direct_tls = [\"127.0.0.1:{}\"]\n\
             require_tls = false\n\
             mechanisms = [\"SCRAM-SHA-1\"]\n\
             [s2s]\n\
             enabled = false\n\
             [limits]\n\
             connection_attempts_per_minute = 0\n\
             bytes_per_second = 1000000000\n\
             bytes_burst = 1000000000\n\
             stanzas_per_second = 1000000000\n\
             stanzas_burst = 1000000000\n",
            text(&certificate.certificate),
            text(&certificate.key),
            self.starttls_port,
            self.direct_tls_port
        )
    }

    fn prosody_config(&self, certificate: &ServerCertificate) -> String {
        let tls =
            format!("{{ certificate = {:?}; key = {:?} }}", text(&certificate.certificate), text(&certificate.key));
        format!(
            "data_path = {:?}\n\
             run_as_root = true\n\
             log = {{ {{ levels = {{ min = \"warn\" }}, to = \"console\" }} }}\n\
             interfaces = {{ \"127.0.0.1\" }}\n\
             c2s_ports = {{ {} }}\n\
             c2s_direct_tls_ports = {{ {} }}\n\
             modules_enabled = {{ \"roster\", \"saslauth\", \"tls\", \"disco\", \"ping\", \"presence\", \"message\", \"iq\", \"register_ibr\" }}\n\
             modules_disabled = {{ \"s2s\" }}\n\
             authentication = \"internal_hashed\"\n\
             allow_registration = true\n\
             c2s_require_encryption = false\n\
             ssl = {tls}\n\
             c2s_direct_tls_ssl = {tls}\n\
             VirtualHost \"localhost\"\n",
            text(&self.folder.join("data")),
            self.starttls_port,
            self.direct_tls_port
        )
    }

    fn ejabberd_config(&self, certificate: &Path) -> String {
        let listener = |port: u16, tls: &str| {
            format!(
                "  - port: {port}\n    ip: 127.0.0.1\n    module: ejabberd_c2s\n    {tls}: true\n    shaper: none\n    access: all\n"
            )
        };
        format!(
            "hosts: [localhost]\n\
             loglevel: warning\n\
             certfiles: [{:?}]\n\
             auth_method: internal\n\
             auth_password_format: scram\n\
             registration_timeout: infinity\n\
             listen:\n{}{}\
             modules:\n  \
               mod_ping: {{}}\n  \
               mod_disco: {{}}\n  \
               mod_roster: {{}}\n  \
               mod_register:\n    \
                 ip_access: all\n",
            text(certificate),
            listener(self.starttls_port, "starttls"),
            listener(self.direct_tls_port, "tls")
        )
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            process::kill(child);
        }
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
