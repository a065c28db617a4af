//! The bundled server: started by the suite, once for each configuration that a case asks for.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, mpsc};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::admin::run;
use super::{Accounts, Admin, AdminError, Authority, Site};
use crate::case::{Need, SERVER_PROFILES, Verb};
use crate::runner::Start;
use crate::servers::{Dns, ServerSide};

/// The domain of the bundled server.
const DOMAIN: &str = "im.example";
/// Its second one.
const OTHER: &str = "other.example";
/// How long it may take to start.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How often a start is tried: a port that was free may be taken when the server wants it.
const STARTS: usize = 3;

/// Does it have streams with other servers? If it has, they are judged without being asked for.
pub const SERVER_STREAMS: bool = true;

/// How many accounts of one server are made at once: more would wait too long for the lock on its storage.
const WRITERS: usize = 3;

/// The bundled server in all its configurations; ended when dropped.
pub struct Bundled {
    program: PathBuf,
    folder: TempDir,
    authority: Arc<Authority>,
    dns: Arc<Dns>,
    sites: Mutex<BTreeMap<Option<Need>, Shared>>,
    started: AtomicUsize,
}

/// A site that several cases wait for while one of them starts it.
type Shared = Arc<OnceLock<Result<Option<Arc<Site>>, String>>>;

impl Bundled {
    /// Prepares to start `program`.
    ///
    /// # Errors
    /// If there is no room for its files.
    pub fn new(program: impl Into<PathBuf>) -> Result<Bundled> {
        let folder = tempfile::tempdir().context("no temporary folder")?;
        let authority = Arc::new(Authority::new(&folder.path().join("certificates"))?);
        for domain in [DOMAIN, OTHER] {
            authority.certify_server(domain, &[domain])?;
        }
        Ok(Bundled {
            program: program.into(),
            folder,
            authority,
            dns: Arc::new(Dns::start((Ipv4Addr::LOCALHOST, 0))?),
            sites: Mutex::default(),
            started: AtomicUsize::new(0),
        })
    }

    /// Who signed the server's certificates, and signs those of clients.
    #[must_use]
    pub fn authority(&self) -> &Arc<Authority> {
        &self.authority
    }

    fn site(&self, process: Process, profile: Option<Need>) -> Site {
        let servers = has_servers(profile).then(|| ServerSide {
            starttls: format!("127.0.0.1:{}", process.ports[2]),
            direct_tls: Some(format!("127.0.0.1:{}", process.ports[3])),
            dns: Arc::clone(&self.dns),
            asks_for_addresses: true,
            authority: Arc::clone(&self.authority),
        });
        Site {
            name: "Jabiru".to_owned(),
            starttls: format!("127.0.0.1:{}", process.ports[0]),
            direct_tls: Some(format!("127.0.0.1:{}", process.ports[1])),
            domain: DOMAIN.to_owned(),
            second_domain: Some(OTHER.to_owned()),
            trust: self.authority.trust(),
            admin: Box::new(process),
            has: profile.into_iter().collect(),
            accounts: Accounts::new_ones(),
            authority: Some(Arc::clone(&self.authority)),
            servers,
        }
    }
}

impl Start for Bundled {
    fn name(&self) -> String {
        "Jabiru".to_owned()
    }

    fn is_ours(&self) -> bool {
        true
    }

    fn shared(&self, profile: Option<Need>) -> Result<Option<Arc<Site>>> {
        let site = {
            let mut sites = self.sites.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(sites.entry(profile).or_default())
        };
        let started = site.get_or_init(|| self.own(profile).map_err(|error| format!("{error:#}")));
        started.clone().map_err(|error| anyhow!(error))
    }

    fn own(&self, profile: Option<Need>) -> Result<Option<Arc<Site>>> {
        if has_servers(profile) && !SERVER_STREAMS {
            return Ok(None);
        }
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        let name = profile.map_or("default", Need::name);
        let mut last = anyhow!("never started");
        for attempt in 0..STARTS {
            let folder = self.folder.path().join(format!("{number}-{attempt}-{name}"));
            match Process::start(&self.program, folder, &self.authority, profile, self.dns.address()) {
                Ok(process) => return Ok(Some(Arc::new(self.site(process, profile)))),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

impl std::fmt::Debug for Bundled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bundled").field("program", &self.program).finish_non_exhaustive()
    }
}

/// One running server.
struct Process {
    program: PathBuf,
    folder: PathBuf,
    certificates: PathBuf,
    profile: Option<Need>,
    ports: [u16; 4],
    /// Whom it asks for the addresses of other domains.
    dns: SocketAddr,
    child: Mutex<Child>,
    /// Taken in turns by whoever makes an account.
    turns: [Mutex<()>; WRITERS],
    turn: AtomicUsize,
}

impl Process {
    fn start(
        program: &Path,
        folder: PathBuf,
        authority: &Authority,
        profile: Option<Need>,
        dns: SocketAddr,
    ) -> Result<Process> {
        std::fs::create_dir_all(&folder)?;
        let ports = [free_port()?, free_port()?, free_port()?, free_port()?];
        let certificates = authority.folder().to_owned();
        let text = configuration(profile, ports, dns, &certificates, &[DOMAIN, OTHER]);
        std::fs::write(folder.join("jabiru.toml"), text)?;
        let log = std::fs::File::create(folder.join("log"))?;
        let mut child = command(program, &folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .with_context(|| format!("can't start {}", program.display()))?;
        let stdout = child.stdout.take().context("it is piped")?;
        let process = Process {
            program: program.to_owned(),
            folder,
            certificates,
            profile,
            ports,
            dns,
            child: Mutex::new(child),
            turns: Default::default(),
            turn: AtomicUsize::new(0),
        };
        // A thread reads, so that a server that says nothing can't hold the suite up; it goes on reading, so that
        // the server can always write.
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // After the start nobody listens any more.
                let _ = sender.send(line);
            }
        });
        let deadline = Instant::now() + START_LIMIT;
        loop {
            match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) if line.contains("user add") => return Ok(process),
                Ok(_) => {}
                Err(_) => bail!("the bundled server did not start:\n{}", process.log()),
            }
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(&self.program, &self.folder);
        command.args(arguments);
        command
    }

    fn terminate(&self) -> Result<(), AdminError> {
        let child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        kill_process(Pid::from_child(&child), Signal::TERM).map_err(|error| AdminError::Failed(error.to_string()))
    }

    /// Overwrites the database, so that nothing can be read from it any more.
    fn break_storage(&self) -> Result<(), AdminError> {
        let failed = |error: std::io::Error| AdminError::Failed(error.to_string());
        for entry in std::fs::read_dir(self.folder.join("data")).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.file_name().is_some_and(|name| name.to_string_lossy().contains("sqlite")) {
                std::fs::write(&path, vec![0x55; 1 << 16]).map_err(failed)?;
            }
        }
        Ok(())
    }
}

impl Admin for Process {
    fn run(&self, verb: Verb, arguments: &[&str], input: Option<&str>) -> Result<(), AdminError> {
        let first = arguments.first().copied().unwrap_or_default();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % WRITERS;
        let _turn = (verb == Verb::Create).then(|| self.turns[turn].lock().unwrap_or_else(PoisonError::into_inner));
        let mut line: Vec<&str> = match verb {
            Verb::Create => vec!["user", "add"],
            Verb::Password => vec!["user", "passwd"],
            Verb::Disable => vec!["user", "disable"],
            Verb::Enable => vec!["user", "enable"],
            Verb::Expire => vec!["user", "expire"],
            Verb::Remove => vec!["user", "remove", "--yes"],
            Verb::Kick => vec!["user", "kick"],
            Verb::Move => vec!["user", "move"],
            Verb::Drain if arguments.is_empty() => vec!["drain"],
            Verb::Drain => vec!["drain", "--to"],
            Verb::Reload => vec!["reload"],
            Verb::RemoveDomain => {
                let left: Vec<&str> = [DOMAIN, OTHER].into_iter().filter(|domain| *domain != first).collect();
                let text = configuration(self.profile, self.ports, self.dns, &self.certificates, &left);
                let written = std::fs::write(self.folder.join("jabiru.toml"), text);
                written.map_err(|error| AdminError::Failed(error.to_string()))?;
                return run(&mut self.command(&["reload"]), None);
            }
            Verb::Stop => return self.terminate(),
            Verb::BreakStorage => return self.break_storage(),
        };
        line.extend(arguments.iter().map(|argument| if *argument == "temporary" { "--temporary" } else { argument }));
        run(&mut self.command(&line), input)
    }

    fn knows(&self, _: Verb) -> bool {
        true
    }

    fn log(&self) -> Option<String> {
        Some(Process::log(self))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let child = self.child.get_mut().unwrap_or_else(PoisonError::into_inner);
        let _ = child.kill();
        let _ = child.wait();
    }
}

fn command(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).env_remove("RUST_LOG").env_remove("JABIRU_CONFIG");
    command
}

/// A port of loopback that nobody listens on.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port on loopback")?;
    Ok(listener.local_addr()?.port())
}

fn has_servers(profile: Option<Need>) -> bool {
    profile.is_some_and(|profile| SERVER_PROFILES.contains(&profile))
}

/// The configuration of a profile. The ports are for clients and for servers, those for STARTTLS before those for direct
/// TLS.
fn configuration(
    profile: Option<Need>,
    ports: [u16; 4],
    dns: SocketAddr,
    certificates: &Path,
    domains: &[&str],
) -> String {
    let [starttls, direct_tls, s2s_starttls, s2s_direct_tls] = ports;
    let mut text = "domains = []\ndata_directory = \"data\"\n".to_owned();
    for domain in domains {
        let (certificate, key) =
            (certificates.join(format!("{domain}.crt")), certificates.join(format!("{domain}.key")));
        let (certificate, key) = (certificate.display().to_string(), key.display().to_string());
        // Writing to a String can't fail.
        let _ = write!(text, "[[domain]]\nname = {domain:?}\ncertificate = {certificate:?}\nkey = {key:?}\n");
    }
    let (c2s, limits) = profile.map_or(("", ""), differences);
    let mut c2s = c2s.to_owned();
    if profile == Some(Need::External) {
        let authority = certificates.join("authority.crt").display().to_string();
        let _ = writeln!(c2s, "client_certificates = {authority:?}");
    }
    // All cases guess from one address.
    let guesses = if profile == Some(Need::SmallLimits) { "" } else { "[guesses]\nthrottled = false\n" };
    // Who has no account can be told so only where there is something to cancel (XEP-0077 §3.2).
    let features = if profile == Some(Need::Anonymous) { "[features]\naccount_cancellation = true\n" } else { "" };
    let _ = write!(
        text,
        "[c2s]\nstarttls = [\"127.0.0.1:{starttls}\"]\ndirect_tls = [\"127.0.0.1:{direct_tls}\"]\n{c2s}[limits]\n{limits}{guesses}{features}"
    );
    if has_servers(profile) {
        let authority = certificates.join("authority.crt").display().to_string();
        let require = if profile == Some(Need::ServersByCertificate) { "certificate" } else { "dialback" };
        let timeouts = match profile {
            Some(Need::ServersShortTimeouts) => "connect_timeout_seconds = 2\nnegotiation_timeout_seconds = 2\n",
            _ => "",
        };
        // All servers of the suite are at one address, and nobody but its name server is to be asked.
        let _ = write!(
            text,
            "[s2s]\nenabled = true\nstarttls = [\"127.0.0.1:{s2s_starttls}\"]\n\
             direct_tls = [\"127.0.0.1:{s2s_direct_tls}\"]\nrequire = \"{require}\"\nca = [{authority:?}]\n\
             system_authorities = false\ndane = false\nposh = false\n\
             [s2s.resolver]\nnameservers = [\"{dns}\"]\ndnssec = false\n\
             [s2s.limits]\nincoming_per_address = 10000\n{timeouts}"
        );
    } else {
        text.push_str("[s2s]\nenabled = false\n");
    }
    text
}

/// What a profile adds to the sections `[c2s]` and `[limits]`.
fn differences(profile: Need) -> (&'static str, &'static str) {
    match profile {
        Need::ShortTimeouts => (
            "",
            "negotiation_timeout_seconds = 2\nidle_timeout_seconds = 1\nping_timeout_seconds = 1\n\
             stall_timeout_seconds = 1\nclosing_timeout_seconds = 1\n",
        ),
        Need::External => (
            "mechanisms = [\"EXTERNAL\", \"SCRAM-SHA-256-PLUS\", \"SCRAM-SHA-1-PLUS\", \"SCRAM-SHA-256\", \
             \"SCRAM-SHA-1\", \"PLAIN\"]\n",
            "",
        ),
        Need::Anonymous => (
            "mechanisms = [\"SCRAM-SHA-256-PLUS\", \"SCRAM-SHA-256\", \"SCRAM-SHA-1-PLUS\", \"SCRAM-SHA-1\", \
             \"ANONYMOUS\"]\n",
            "",
        ),
        Need::Plaintext => ("require_tls = false\n", ""),
        Need::StrongMechanisms => ("mechanisms = [\"SCRAM-SHA-256-PLUS\", \"SCRAM-SHA-256\"]\n", ""),
        Need::ConflictRefuse => ("resource_conflict = \"refuse\"\n", ""),
        Need::ConflictAssign => ("resource_conflict = \"assign\"\n", ""),
        Need::SmallLimits => (
            "",
            "element_bytes_before_authentication = 4096\nelement_bytes = 10000\nauthentication_attempts = 3\n\
             streams_per_account = 3\nconnections_per_address = 200\nconnection_attempts_per_minute = 500\n\
             bytes_per_second = 20000\nbytes_burst = 400000\nstanzas_per_second = 20\nstanzas_burst = 400\n\
             too_fast = \"close\"\nrecipients_per_minute = 100\noutbox_bytes = 65536\n",
        ),
        Need::Servers
        | Need::ServersByCertificate
        | Need::ServersShortTimeouts
        | Need::Alone
        | Need::SecondDomain
        | Need::DirectTls
        | Need::Admin(_) => ("", ""),
    }
}
