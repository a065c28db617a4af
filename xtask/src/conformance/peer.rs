//! Servers of others: installed from Debian's packages, started on loopback, administered by their own tools.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use jabiru_conformance::case::SERVER_PROFILES;
use jabiru_conformance::runner::Start;
use jabiru_conformance::servers::{Dns, ServerSide};
use jabiru_conformance::subject::{Accounts, Admin, AdminError, Authority};
use jabiru_conformance::{Need, Site, Verb};
use tempfile::TempDir;

use super::{ejabberd, prosody};
use crate::interop::server::free_port;
use crate::{process, tools};

/// The domain that is judged.
pub(super) const DOMAIN: &str = "im.example";
/// Another one of the same server.
pub(super) const OTHER: &str = "other.example";

const LOG: &str = "server.log";
const START_LIMIT: Duration = Duration::from_secs(60);
const COMMAND_LIMIT: Duration = Duration::from_secs(60);

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Kind {
    Prosody,
    Ejabberd,
}

impl Kind {
    /// Its package, which is its name on the command line and in `peers.toml`, too.
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Prosody => "prosody",
            Kind::Ejabberd => "ejabberd",
        }
    }

    /// How it is run, for the document.
    pub(super) fn configuration(self) -> &'static str {
        match self {
            Kind::Prosody => {
                "Debian's package and configuration, but for addresses, certificates, accounts and `limits` (which slows \
                 others down). Server streams are on for the cases for them, with `s2s_secure_auth` (as Debian has it) \
                 where certificates alone are to prove a server, and without it for Server Dialback. The cases for it also \
                 ran with TLS optional, with `conflict_resolve`, with short time-outs of server streams, and with anonymous \
                 accounts."
            }
            Kind::Ejabberd => {
                "Debian's package and configuration, but for addresses, certificates, accounts, shapers and \
                 `mod_pres_counter` (which slow others down); `mod_fail2ban` is on where a case has the server for \
                 itself, as it locks out the address that all cases come from. Server streams are on for the cases for \
                 them, without `mod_s2s_dialback` where certificates alone are to prove a server. The cases for it also ran \
                 with TLS optional, with `resource_conflict`, with short time-outs of server streams, and with anonymous \
                 accounts."
            }
        }
    }
}

/// A server of others, started as often as cases ask for; all are ended when it is dropped.
pub(super) struct Peer {
    kind: Kind,
    name: String,
    version: String,
    folder: TempDir,
    authority: Arc<Authority>,
    dns: Arc<Dns>,
    sites: Mutex<BTreeMap<Option<Need>, Option<Arc<Site>>>>,
    started: AtomicUsize,
}

/// Where one running server listens, and where its files are.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) folder: PathBuf,
    pub(super) certificates: PathBuf,
    pub(super) profile: Option<Need>,
    /// Is it there for one case?
    pub(super) alone: bool,
    pub(super) starttls: u16,
    pub(super) direct_tls: u16,
    /// For streams of other servers, where the profile has some.
    pub(super) servers: Option<ServerPlace>,
    /// For the administrator, where there is such a port.
    pub(super) control: u16,
}

/// Where a server listens for others, and how it finds them.
#[derive(Clone, Copy, Debug)]
pub(super) struct ServerPlace {
    pub(super) starttls: u16,
    pub(super) direct_tls: u16,
    pub(super) dns: SocketAddr,
}

/// One running server.
struct Running {
    kind: Kind,
    place: Place,
    child: Mutex<Child>,
}

impl Peer {
    /// Installs the server if need be.
    pub(super) fn install(kind: Kind) -> Result<Peer> {
        match kind {
            Kind::Prosody => tools::programs(&[("prosody", "prosody")])?,
            Kind::Ejabberd => tools::programs(&[("ejabberdctl", "ejabberd"), ("erl", "erlang-base")])?,
        }
        let mut query = process::command("dpkg-query");
        let output = process::capture(query.args(["-W", "-f", "${Version}", kind.name()]), COMMAND_LIMIT)?;
        let version = output.stdout.split(['-', '+']).next().unwrap_or_default().to_owned();
        let folder = tempfile::tempdir()?;
        let authority = Arc::new(Authority::new(&folder.path().join("certificates"))?);
        for domain in [DOMAIN, OTHER] {
            let (certificate, key) = authority.certify_server(domain, &[domain])?;
            // ejabberd wants both in one file, with the authority's certificate.
            let parts = [&key, &certificate, &authority.path()];
            let chain: String = parts.into_iter().map(fs::read_to_string).collect::<Result<_, _>>()?;
            fs::write(certificate.with_extension("pem"), chain)?;
        }
        let name = match kind {
            Kind::Prosody => format!("Prosody {version}"),
            Kind::Ejabberd => format!("ejabberd {version}"),
        };
        let dns = Arc::new(Dns::start((Ipv4Addr::LOCALHOST, 0))?);
        Ok(Peer { kind, name, version, folder, authority, dns, sites: Mutex::default(), started: AtomicUsize::new(0) })
    }

    /// The version of its package.
    pub(super) fn version(&self) -> &str {
        &self.version
    }

    /// Starts one more, for one case `alone` or for all; `None` if it has no such configuration.
    fn start(&self, profile: Option<Need>, alone: bool) -> Result<Option<Arc<Site>>> {
        let can = [Need::Plaintext, Need::Anonymous, Need::ConflictRefuse, Need::ConflictAssign];
        let servers = profile.is_some_and(|profile| SERVER_PROFILES.contains(&profile));
        if profile.is_some_and(|profile| !servers && !can.contains(&profile)) {
            return Ok(None);
        }
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        let folder = self.folder.path().join(number.to_string());
        fs::create_dir_all(folder.join("data"))?;
        let certificates = self.folder.path().join("certificates");
        let (starttls, direct_tls, control) = (free_port()?, free_port()?, free_port()?);
        let servers = if servers {
            let (starttls, direct_tls) = (free_port()?, free_port()?);
            Some(ServerPlace { starttls, direct_tls, dns: self.dns.address() })
        } else {
            None
        };
        let place = Place { folder, certificates, profile, alone, starttls, direct_tls, servers, control };
        let command = match self.kind {
            Kind::Prosody => prosody::prepare(&place)?,
            Kind::Ejabberd => ejabberd::prepare(&place, &[DOMAIN, OTHER])?,
        };
        let child = start(command, &place)?;
        let server_side = |place: ServerPlace| ServerSide {
            starttls: format!("127.0.0.1:{}", place.starttls),
            direct_tls: Some(format!("127.0.0.1:{}", place.direct_tls)),
            dns: Arc::clone(&self.dns),
            asks_for_addresses: self.kind == Kind::Prosody,
            authority: Arc::clone(&self.authority),
        };
        Ok(Some(Arc::new(Site {
            name: self.name.clone(),
            starttls: format!("127.0.0.1:{starttls}"),
            direct_tls: Some(format!("127.0.0.1:{direct_tls}")),
            domain: DOMAIN.to_owned(),
            second_domain: Some(OTHER.to_owned()),
            trust: self.authority.trust(),
            admin: Box::new(Running { kind: self.kind, place, child: Mutex::new(child) }),
            has: profile.into_iter().collect(),
            accounts: Accounts::new_ones(),
            authority: None,
            servers: servers.map(server_side),
        })))
    }
}

impl Start for Peer {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn is_ours(&self) -> bool {
        false
    }

    fn shared(&self, profile: Option<Need>) -> Result<Option<Arc<Site>>> {
        // Held while it starts: the others wait for it anyway.
        let mut sites = self.sites.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(site) = sites.get(&profile) {
            return Ok(site.clone());
        }
        let site = self.start(profile, false)?;
        sites.insert(profile, site.clone());
        Ok(site)
    }

    fn own(&self, profile: Option<Need>) -> Result<Option<Arc<Site>>> {
        self.start(profile, true)
    }
}

/// Starts the program and returns when it answers: it may listen before it can.
fn start(mut command: Command, place: &Place) -> Result<Child> {
    let path = place.folder.join(LOG);
    let log = File::create(&path).context("can't create the server's log")?;
    command.current_dir(&place.folder).stdout(log.try_clone()?).stderr(log);
    let mut child = command.spawn().with_context(|| format!("can't start {}", process::describe(&command)))?;
    let start = Instant::now();
    let servers = place.servers.iter().flat_map(|servers| [servers.starttls, servers.direct_tls]);
    for port in [place.starttls, place.direct_tls].into_iter().chain(servers) {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        while TcpStream::connect_timeout(&address, START_LIMIT).is_err() {
            let said = || fs::read_to_string(&path).unwrap_or_default();
            if let Some(status) = child.try_wait()? {
                bail!("the server did not start: {}: {}", process::explain(status), said());
            }
            if start.elapsed() > START_LIMIT {
                process::kill(&mut child);
                bail!("the server does not listen on {address}: {}", said());
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
    if let Err(error) = answers(place.starttls) {
        process::kill(&mut child);
        bail!("{error:#}: {}", fs::read_to_string(&path).unwrap_or_default());
    }
    Ok(child)
}

/// Waits for something to be said on a new stream.
fn answers(port: u16) -> Result<()> {
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    socket.set_read_timeout(Some(START_LIMIT))?;
    write!(
        socket,
        "<stream:stream to='{DOMAIN}' version='1.0' xmlns='jabber:client' \
         xmlns:stream='http://etherx.jabber.org/streams'>"
    )?;
    let length = socket.read(&mut [0; 64]).context("the server listens, but does not answer")?;
    ensure!(length > 0, "the server listens, but closes the connection");
    Ok(())
}

impl Admin for Running {
    fn run(&self, verb: Verb, arguments: &[&str], input: Option<&str>) -> Result<(), AdminError> {
        let failed = |error: anyhow::Error| AdminError::Failed(format!("{error:#}"));
        match (verb, self.kind) {
            (Verb::Stop, _) => {
                process::terminate(&self.child.lock().unwrap_or_else(PoisonError::into_inner)).map_err(failed)
            }
            (_, Kind::Prosody) => {
                let line = prosody::command(verb, arguments, input).ok_or(AdminError::Unsupported)?;
                prosody::shell(&self.place.folder.join(prosody::SOCKET), &line).map_err(failed)
            }
            (_, Kind::Ejabberd) => ejabberd::run(&self.place, verb, arguments, input),
        }
    }

    fn knows(&self, verb: Verb) -> bool {
        let common =
            [Verb::Create, Verb::Password, Verb::Remove, Verb::Kick, Verb::Reload, Verb::RemoveDomain, Verb::Stop];
        common.contains(&verb)
    }

    fn log(&self) -> Option<String> {
        fs::read_to_string(self.place.folder.join(LOG)).ok()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        process::kill(self.child.get_mut().unwrap_or_else(PoisonError::into_inner));
    }
}

/// A path in the configuration.
pub(super) fn text(path: &Path) -> String {
    path.display().to_string()
}
