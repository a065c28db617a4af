//! `jabiru-load`: one measurement of a running server; prints one line of JSON.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand, ValueEnum};
use jabiru_load::{Login, Pace, Security, Target, Traffic};

#[derive(Debug, Parser)]
#[command(about, version)]
struct Arguments {
    /// Where the server listens for clients
    #[arg(long)]
    address: SocketAddr,
    #[arg(long, default_value = "localhost")]
    domain: String,
    /// Where the server of those listens who are sent messages, if it is another one
    #[arg(long, requires = "other_domain")]
    other_address: Option<SocketAddr>,
    #[arg(long, requires = "other_address")]
    other_domain: Option<String>,
    /// The password of the accounts load-0000, load-0001 …
    #[arg(long, default_value = "secret")]
    password: String,
    #[arg(long, value_enum, default_value = "none")]
    tls: Tls,
    /// The certificate to trust, in PEM
    #[arg(long)]
    trust: Option<PathBuf>,
    /// A process of the server; as often as it has some
    #[arg(long = "process")]
    processes: Vec<u32>,
    #[command(subcommand)]
    scenario: Scenario,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Tls {
    None,
    Starttls,
    Direct,
}

#[derive(Debug, Subcommand)]
enum Scenario {
    /// Pairs of clients that chat
    Chat {
        #[arg(long, default_value_t = 10)]
        pairs: usize,
        #[command(flatten)]
        pace: PaceArguments,
    },
    /// Clients that ping the server
    Ping {
        #[arg(long, default_value_t = 10)]
        clients: usize,
        #[command(flatten)]
        pace: PaceArguments,
    },
    /// Logins one after the other
    Login {
        #[arg(long, default_value_t = 300)]
        count: usize,
        #[arg(long, default_value_t = 20)]
        accounts: usize,
    },
    /// Clients that log in and do nothing; prints bytes of memory each takes
    Idle {
        #[arg(long, default_value_t = 1000)]
        count: usize,
        #[arg(long, default_value_t = 100)]
        accounts: usize,
    },
    /// Make accounts by in-band registration (XEP-0077)
    Register {
        #[arg(long, default_value_t = 100)]
        accounts: usize,
    },
}

#[derive(Debug, clap::Args)]
struct PaceArguments {
    /// How many may be on the way in each pair, or from each client
    #[arg(long, default_value_t = 1)]
    in_flight: usize,
    /// Send so many a second altogether instead
    #[arg(long)]
    rate: Option<u32>,
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
}

impl PaceArguments {
    fn pace(&self) -> Pace {
        self.rate.map_or(Pace::InFlight(self.in_flight), Pace::Rate)
    }

    fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }
}

fn main() -> Result<()> {
    let Arguments { address, domain, other_address, other_domain, password, tls, trust, processes, scenario } =
        Arguments::parse();
    let config = || Security::trusting(trust.as_deref().context("--trust is needed for TLS")?);
    let security = match tls {
        Tls::None => Security::Plain,
        Tls::Starttls => Security::StartTls(config()?),
        Tls::Direct => Security::Direct(config()?),
    };
    let other = other_address.zip(other_domain).map(|(address, domain)| Target {
        address,
        domain,
        password: password.clone(),
        security: security.clone(),
    });
    let target = Target { address, domain, password, security };
    let figures = match scenario {
        Scenario::Chat { pairs, pace } => {
            let traffic = other.as_ref().map_or(Traffic::Chat, Traffic::ChatBetween);
            jabiru_load::exchange(&target, &processes, traffic, pairs, pace.pace(), pace.duration())?
        }
        Scenario::Ping { clients, pace } => {
            jabiru_load::exchange(&target, &processes, Traffic::Ping, clients, pace.pace(), pace.duration())?
        }
        Scenario::Login { count, accounts } => jabiru_load::logins(&target, &processes, count, accounts)?,
        Scenario::Idle { count, accounts } => {
            println!("{:.0}", jabiru_load::idle_memory(&target, &processes, count, accounts)?);
            return Ok(());
        }
        Scenario::Register { accounts } => return (0..accounts).try_for_each(|n| Login::register(&target, n)),
    };
    println!("{}", serde_json::to_string(&figures)?);
    Ok(())
}
