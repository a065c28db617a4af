//! Two servers of a kind that federate with each other, and nothing else: for measurements, and to try things by hand.

use std::fs;
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::credentials::Credentials;
use super::domain::{Domain, Party, Purpose, Software};
use super::nameserver::Nameserver;
use super::network::{Host, Network};
use super::server::{CLIENT_PORT, Server, Setting};
use crate::interop::install_jabiru;
use crate::workspace::Workspace;

/// The host of the clients.
const CLIENTS: &str = "clients";

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Which servers
    #[arg(value_enum)]
    software: Software,
    /// How many accounts each gets: user0, user1 and so on, with the password `secret`
    #[arg(long, default_value_t = 1)]
    accounts: usize,
    /// Our server's program, built already, instead of building it
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// The cargo profile that our server is built with
    #[arg(long, default_value = "release")]
    profile: String,
}

/// Starts two servers, says where they are, and ends them when standard input ends.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let workspace = Workspace::load()?;
    let program = match (&arguments.program, arguments.software) {
        (Some(program), _) => std::path::absolute(program)?,
        (None, Software::Jabiru) => install_jabiru(&workspace, &arguments.profile)?,
        (None, Software::Prosody | Software::Ejabberd) => PathBuf::new(),
    };
    let folder = tempfile::tempdir()?;
    let pair = FederatedPair::start(arguments.software, &program, folder.path())?;
    for server in &pair.servers {
        for number in 0..arguments.accounts {
            server.add_account(&format!("user{number}"), pair.domain(server), "secret")?;
        }
        let (domain, address) = (pair.domain(server).name(), pair.address(server));
        println!("{domain}: clients connect to {address}, process {}", server.process()?);
    }
    println!("trusted by all: {}", pair.authority().display());
    let shell = crate::process::describe(&pair.client("COMMAND"));
    println!("where they can be reached from: {shell}\nUntil standard input ends.");
    std::io::stdin().read_to_end(&mut Vec::new())?;
    pair.stop()
}

/// Two servers, each with the one domain NAME.example, on test hosts, without limits on what clients and servers send,
/// and with clients that need no TLS.
#[derive(Debug)]
pub(crate) struct FederatedPair {
    pub(crate) servers: [Server; 2],
    clients: Host,
    credentials: Credentials,
    nameserver: Nameserver,
    network: Network,
}

impl FederatedPair {
    /// Installs and starts them; ours is at `jabiru`. Their folders are below `folder`.
    pub(crate) fn start(software: Software, jabiru: &Path, folder: &Path) -> Result<FederatedPair> {
        let parties = Party::two(software);
        let network = Network::build(&[parties[0].name(), parties[1].name(), CLIENTS])?;
        let certificates = folder.join("certificates");
        fs::create_dir_all(&certificates).with_context(|| format!("can't create {}", certificates.display()))?;
        let credentials = Credentials::write(&parties, &certificates)?;
        let nameserver = Nameserver::start(&network, &parties, &credentials, &folder.join("dns"))?;
        let prepare = |party: Party, other: Party| {
            let setting = Setting {
                domains: vec![Domain { party, purpose: Purpose::Plain }],
                others: vec![other],
                credentials: &credentials,
                nameserver: nameserver.address(),
                anchor: nameserver.anchor(),
                measured: true,
            };
            let mut server = Server::prepare(party, jabiru, network.host(party.name())?, folder, &setting)?;
            server.begin()?;
            Ok::<Server, anyhow::Error>(server)
        };
        let mut servers = [prepare(parties[0], parties[1])?, prepare(parties[1], parties[0])?];
        for server in &mut servers {
            server.wait_until_ready()?;
        }
        let clients = network.host(CLIENTS)?.clone();
        Ok(FederatedPair { servers, clients, credentials, nameserver, network })
    }

    /// The only domain of one of the servers.
    pub(crate) fn domain(&self, server: &Server) -> Domain {
        Domain { party: server.party, purpose: Purpose::Plain }
    }

    /// Where its clients connect.
    pub(crate) fn address(&self, server: &Server) -> SocketAddr {
        (server.host.v4(), CLIENT_PORT).into()
    }

    /// The certificate of the authority that has certified both.
    pub(crate) fn authority(&self) -> &Path {
        &self.credentials.authority
    }

    /// A command that can reach both: a client, or what makes load.
    pub(crate) fn client(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        self.clients.command(program)
    }

    /// Ends both and removes the hosts.
    pub(crate) fn stop(self) -> Result<()> {
        let FederatedPair { servers, nameserver, network, .. } = self;
        drop((servers, nameserver));
        network.take_down()
    }
}
