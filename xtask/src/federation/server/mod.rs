//! A server on its host: installed, configured, started, killed, started again, and its log read.

mod ejabberd;
mod jabiru;
mod prosody;

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::credentials::Credentials;
use super::domain::{DIRECT_TLS_PORT, Domain, Party, Purpose, STARTTLS_PORT, Software};
use super::network::Host;
use super::sockets::{self, Connection};
use crate::{process, tools};

/// Where clients connect.
pub(crate) const CLIENT_PORT: u16 = 5222;

const LOG: &str = "server.log";
const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(30);
const COMMAND_LIMIT: Duration = Duration::from_secs(60);

/// What a server is configured from.
#[derive(Debug)]
pub(crate) struct Setting<'a> {
    /// What it hosts.
    pub(crate) domains: Vec<Domain>,
    /// The other servers.
    pub(crate) others: Vec<Party>,
    pub(crate) credentials: &'a Credentials,
    /// `address:port` of the nameserver, and the key that DNSSEC begins with.
    pub(crate) nameserver: String,
    pub(crate) anchor: &'a Path,
    /// For a measurement: no limits, and a log of warnings only.
    pub(crate) measured: bool,
}

impl Setting<'_> {
    /// The domains of the other servers that are there for `purpose`.
    fn others(&self, purpose: Purpose) -> impl Iterator<Item = String> {
        self.others.iter().map(move |party| Domain { party: *party, purpose }.name())
    }
}

/// A server and its folder, running or not; killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) party: Party,
    pub(crate) host: Host,
    program: PathBuf,
    folder: PathBuf,
    domains: Vec<Domain>,
    child: Option<Child>,
}

impl Server {
    /// Installs the server if need be (ours is at `jabiru`), and writes its configuration below `folder`.
    pub(crate) fn prepare(
        party: Party,
        jabiru: &Path,
        host: &Host,
        folder: &Path,
        setting: &Setting<'_>,
    ) -> Result<Server> {
        let program = match party.software() {
            Software::Jabiru => jabiru.to_owned(),
            Software::Prosody => {
                // Without lua-unbound it resolves names by another library, that knows nothing of DNSSEC.
                tools::programs(&[("prosody", "prosody")])?;
                if !Path::new("/usr/share/doc/lua-unbound").exists() {
                    tools::debian_packages(&["lua-unbound"])?;
                }
                PathBuf::from("prosody")
            }
            Software::Ejabberd => {
                tools::programs(&[("ejabberdctl", "ejabberd"), ("erl", "erlang-base")])?;
                PathBuf::from("erl")
            }
        };
        let folder = folder.join(party.name());
        fs::create_dir_all(folder.join("data"))?;
        let (name, text) = match party.software() {
            Software::Jabiru => (jabiru::CONFIG, jabiru::configuration(host, setting)),
            Software::Prosody => (prosody::CONFIG, prosody::configuration(&folder, setting)?),
            Software::Ejabberd => (ejabberd::CONFIG, ejabberd::configuration(setting)?),
        };
        let config = folder.join(name);
        fs::write(&config, text).with_context(|| format!("can't write {}", config.display()))?;
        Ok(Server { party, host: host.clone(), program, folder, domains: setting.domains.clone(), child: None })
    }

    /// Starts it; [`wait_until_ready`](Self::wait_until_ready) says when it answers.
    pub(crate) fn begin(&mut self) -> Result<()> {
        ensure!(self.child.is_none(), "{} runs already", self.party.name());
        let log = OpenOptions::new().create(true).append(true).open(self.folder.join(LOG))?;
        let mut command = match self.party.software() {
            Software::Jabiru => jabiru::command(&self.host, &self.program, &self.folder),
            Software::Prosody => prosody::command(&self.host, &self.folder),
            Software::Ejabberd => ejabberd::command(&self.host, &self.folder)?,
        };
        command.current_dir(&self.folder).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().with_context(|| format!("can't start {}", process::describe(&command)))?;
        self.child = Some(child);
        Ok(())
    }

    /// Waits until it listens and says something on a client's stream.
    pub(crate) fn wait_until_ready(&mut self) -> Result<()> {
        let (start, name, log) = (Instant::now(), self.party.name(), self.folder.join(LOG));
        let ports = [CLIENT_PORT, STARTTLS_PORT, DIRECT_TLS_PORT];
        loop {
            let child = self.child.as_mut().context("it does not run")?;
            if let Some(status) = child.try_wait()? {
                self.child = None;
                bail!("{name} did not start: {}; see {}", process::explain(status), log.display());
            }
            let listening = sockets::listening(child.id());
            let is_ready = ports.iter().all(|port| listening.contains(port));
            if is_ready && self.host.within(|| self.greets()).is_ok() {
                return Ok(());
            }
            if start.elapsed() > START_LIMIT {
                bail!("{name} does not answer after {} s; see {}", START_LIMIT.as_secs(), log.display());
            }
            thread::sleep(Duration::from_millis(30));
        }
    }

    /// Is something said on a new stream? Some listen before they can answer.
    fn greets(&self) -> Result<()> {
        let address = SocketAddr::from((self.host.v4(), CLIENT_PORT));
        let mut socket = TcpStream::connect_timeout(&address, Duration::from_secs(2))?;
        socket.set_read_timeout(Some(Duration::from_secs(5)))?;
        let domain = self.domains.first().context("a server without a domain")?;
        write!(
            socket,
            "<stream:stream to='{}' version='1.0' xmlns='jabber:client' \
             xmlns:stream='http://etherx.jabber.org/streams'>",
            domain.name()
        )?;
        ensure!(socket.read(&mut [0; 64])? > 0, "closed");
        Ok(())
    }

    /// Makes an account on the running server.
    pub(crate) fn add_account(&self, local: &str, domain: Domain, password: &str) -> Result<()> {
        let domain = domain.name();
        match self.party.software() {
            Software::Jabiru => {
                jabiru::add_account(&self.program, &self.folder, &format!("{local}@{domain}"), password)
            }
            Software::Prosody => prosody::add_account(&self.folder, &format!("{local}@{domain}"), password),
            Software::Ejabberd => self.host.within(|| ejabberd::add_account(local, &domain, password)),
        }
        .with_context(|| format!("can't make an account {local}@{domain}"))
    }

    /// Ends it with SIGKILL, as the kernel does that has no memory left.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            process::kill(&mut child);
        }
    }

    /// Ends it with SIGTERM.
    ///
    /// # Errors
    /// If it is still running after [`STOP_LIMIT`].
    pub(crate) fn stop(&mut self) -> Result<(ExitStatus, Duration)> {
        let mut child = self.child.take().context("it does not run")?;
        let start = Instant::now();
        process::terminate(&child)?;
        match process::wait(&mut child, STOP_LIMIT)? {
            Some(status) => Ok((status, start.elapsed())),
            None => {
                process::kill(&mut child);
                bail!("{} still runs {} s after SIGTERM", self.party.name(), STOP_LIMIT.as_secs());
            }
        }
    }

    /// The process that does all the work.
    pub(crate) fn process(&self) -> Result<u32> {
        Ok(self.child.as_ref().with_context(|| format!("{} does not run", self.party.name()))?.id())
    }

    /// Its connections to a port of `other`, a host.
    pub(crate) fn connections_to(&self, other: &Host) -> Vec<Connection> {
        let addresses: [std::net::IpAddr; 3] = [other.v4().into(), other.second_v4().into(), other.v6().into()];
        let all = self.process().map(sockets::established).unwrap_or_default();
        all.into_iter().filter(|connection| addresses.contains(&connection.remote.ip())).collect()
    }

    /// Where its log ends now, for [`log_since`](Self::log_since).
    pub(crate) fn log_end(&self) -> u64 {
        fs::metadata(self.folder.join(LOG)).map_or(0, |metadata| metadata.len())
    }

    /// What it has logged since.
    pub(crate) fn log_since(&self, start: u64) -> String {
        let text = fs::read(self.folder.join(LOG)).unwrap_or_default();
        let start = usize::try_from(start).unwrap_or(usize::MAX).min(text.len());
        String::from_utf8_lossy(&text[start..]).into_owned()
    }

    /// The command `jabiru …` with this server's configuration; for ours only.
    pub(crate) fn administer(&self, arguments: &[&str]) -> Result<process::Output> {
        ensure!(self.party.is_ours(), "{} has no such command", self.party.name());
        let mut command = jabiru::administer(&self.program, &self.folder, arguments);
        process::capture(&mut command, COMMAND_LIMIT)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A string of TOML, Lua or YAML.
fn quoted(text: impl AsRef<str>) -> String {
    format!("{:?}", text.as_ref())
}

fn list(items: impl IntoIterator<Item = String>) -> String {
    items.into_iter().map(quoted).collect::<Vec<_>>().join(", ")
}

/// Debian's own configuration, as the package has it.
///
/// # Errors
/// If someone has changed it: then it is not what is to be tried.
fn debian_file(package: &str, path: &str) -> Result<String> {
    let mut verify = process::command("dpkg");
    let output = process::capture(verify.args(["--verify", package]), COMMAND_LIMIT)?;
    let is_changed = output.stdout.lines().any(|line| line.ends_with(path));
    ensure!(!is_changed, "{path} is not as Debian's package {package} has it");
    fs::read_to_string(path).with_context(|| format!("can't read {path}"))
}
