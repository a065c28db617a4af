//! The command line, which `cargo xtask conformance` takes over as it is.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::net::SocketAddrV4;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::case::{Case, Need, PROFILES};
use crate::client::Trust;
use crate::faults::{self, Fault};
use crate::report::{self, Run};
use crate::runner::{self, Judged, Options};
use crate::servers::{Dns, ServerSide};
use crate::subject::{Account, Accounts, AdminCommand, Authority, SERVER_STREAMS, Site};

/// What to run, and how to tell of it.
#[derive(Clone, Debug, clap::Args)]
pub struct Suite {
    /// Only the cases of this section and those below it, such as 4.9.3; may be repeated
    #[arg(long, value_name = "SECTION")]
    pub section: Vec<String>,
    /// Only the cases whose name contains this, beside those of --section; may be repeated
    #[arg(long, value_name = "NAME")]
    pub case: Vec<String>,
    /// List the cases and do not run them
    #[arg(long)]
    pub list: bool,
    /// Judge streams between servers, too (the bundled server: always); another server needs --s2s-server for that
    #[arg(long)]
    pub s2s: bool,
    /// Make every wait longer by this factor
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    pub patience: f64,
    /// How many cases run at once
    #[arg(long, value_name = "NUMBER", default_value_t = 16)]
    pub threads: usize,
    /// Say of each case when it ends
    #[arg(long, short)]
    pub verbose: bool,
    /// Write the run as JSON into this file, or to standard output (-) instead of the table
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write every row with its result, as Markdown, into this file, or to standard output (-) instead of the table
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
    /// Write the run as JUnit's XML into this file
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Write docs/conformance/rfc6120.md anew from this run
    #[arg(long, conflicts_with_all = ["section", "case", "server"])]
    pub write_docs: bool,
    /// Break this rule in what the server sends, and see which case finds it; may be repeated
    #[arg(long, value_name = "NAME")]
    pub fault: Vec<String>,
    /// Break every rule of the fault set, one after another: each has to be found
    #[arg(long)]
    pub faults: bool,
    /// The bundled server's program, instead of building it
    #[arg(long, value_name = "FILE")]
    pub program: Option<PathBuf>,
    /// How to reach another server
    #[command(flatten)]
    pub other: Other,
}

/// A server that runs already.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Another server")]
pub struct Other {
    /// Where it listens for clients that begin in clear
    #[arg(long, value_name = "HOST:PORT", requires = "domain")]
    pub server: Option<String>,
    /// Where it listens for clients that begin with TLS
    #[arg(long, value_name = "HOST:PORT", requires = "server")]
    pub direct_tls: Option<String>,
    /// The domain to be judged
    #[arg(long, value_name = "DOMAIN", requires = "server")]
    pub domain: Option<String>,
    /// Another domain of it
    #[arg(long, value_name = "DOMAIN", requires = "server")]
    pub second_domain: Option<String>,
    /// An account of the domain; three at least, more for speed
    #[arg(long, value_name = "NAME:PASSWORD", requires = "server")]
    pub account: Vec<String>,
    /// Trust certificates that lead to those in this file (PEM); by default any is accepted, for it is not judged
    #[arg(long, value_name = "FILE", requires = "server")]
    pub ca: Option<PathBuf>,
    /// Called as `COMMAND create ADDRESS` and the like; exit status 64 says that there is no such verb
    #[arg(long, value_name = "COMMAND", requires = "server")]
    pub admin_command: Option<String>,
    /// What it is configured for: short-timeouts, external, anonymous, plaintext, strong-mechanisms,
    /// conflict-refuse, conflict-assign, small-limits, servers-by-certificate, servers-short-timeouts; may be repeated
    #[arg(long, value_name = "WHAT", requires = "server")]
    pub has: Vec<String>,
    /// Where it listens for servers that begin in clear; it finds other domains by --s2s-dns, and trusts --s2s-authority
    #[arg(long, value_name = "HOST:PORT", requires_all = ["server", "s2s_authority"])]
    pub s2s_server: Option<String>,
    /// Where it listens for servers that begin with TLS
    #[arg(long, value_name = "HOST:PORT", requires = "s2s_server")]
    pub s2s_direct_tls: Option<String>,
    /// Where the suite answers its questions to the DNS, and listens for its streams: an address that it can reach
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:5453")]
    pub s2s_dns: SocketAddrV4,
    /// A folder for authority.crt and authority.key, which sign the certificates of the suite's own servers; they are made if
    /// they are not there
    #[arg(long, value_name = "FOLDER")]
    pub s2s_authority: Option<PathBuf>,
}

impl Suite {
    /// The cases that are asked for.
    ///
    /// # Errors
    /// If there is none.
    pub fn asked(&self) -> Result<Vec<&'static Case>> {
        let cases = self.cases();
        ensure!(!cases.is_empty(), "there is no such case; `--list` without a choice shows all");
        Ok(cases)
    }

    /// The cases that are asked for, if there are any.
    #[must_use]
    pub fn cases(&self) -> Vec<&'static Case> {
        let section = |case: &Case| self.section.iter().any(|section| case.belongs_to(section));
        let name = |case: &Case| self.case.iter().any(|part| case.name.contains(part.as_str()));
        let all = self.section.is_empty() && self.case.is_empty();
        let cases = crate::rfc6120::cases().into_iter().filter(|case| self.s2s || !case.is_of_servers());
        cases.filter(|case| all || section(case) || name(case)).collect()
    }

    /// The same suite for the bundled server, whose streams with other servers need not be asked for.
    #[must_use]
    pub fn for_ours(&self) -> Suite {
        Suite { s2s: self.s2s || SERVER_STREAMS, ..self.clone() }
    }

    /// How to run them.
    #[must_use]
    pub fn options(&self) -> Options {
        Options { patience: self.patience, threads: self.threads }
    }
}

impl Other {
    /// The server that is meant, if one is.
    ///
    /// # Errors
    /// If what is said of it can't be understood.
    pub fn site(&self) -> Result<Option<Site>> {
        let (Some(server), Some(domain)) = (&self.server, &self.domain) else { return Ok(None) };
        let account = |text: &String| -> Result<Account> {
            let (name, password) = text.split_once(':').with_context(|| format!("{text}: NAME:PASSWORD is wanted"))?;
            let jid = if name.contains('@') { name.to_owned() } else { format!("{name}@{domain}") };
            Ok(Account::new(&jid, password))
        };
        let need = |name: &String| -> Result<Need> {
            PROFILES.into_iter().find(|need| need.name() == name).with_context(|| format!("--has {name}: unknown"))
        };
        let servers = self.server_side()?;
        let mut has = self.has.iter().map(need).collect::<Result<BTreeSet<_>>>()?;
        has.extend(servers.is_some().then_some(Need::Servers));
        Ok(Some(Site {
            name: server.clone(),
            starttls: server.clone(),
            direct_tls: self.direct_tls.clone(),
            domain: domain.clone(),
            second_domain: self.second_domain.clone(),
            trust: self.ca.as_deref().map_or(Ok(Trust::Anything), trust)?,
            admin: Box::new(AdminCommand { command: self.admin_command.clone() }),
            has,
            accounts: Accounts::given(self.account.iter().map(account).collect::<Result<_>>()?),
            authority: None,
            servers,
        }))
    }

    /// Where it takes streams of other servers, if that is said.
    fn server_side(&self) -> Result<Option<ServerSide>> {
        let (Some(server), Some(folder)) = (&self.s2s_server, &self.s2s_authority) else { return Ok(None) };
        Ok(Some(ServerSide {
            starttls: server.clone(),
            direct_tls: self.s2s_direct_tls.clone(),
            dns: Arc::new(Dns::start((*self.s2s_dns.ip(), self.s2s_dns.port()))?),
            asks_for_addresses: true,
            authority: Arc::new(Authority::kept(folder)?),
        }))
    }
}

fn trust(path: &Path) -> Result<Trust> {
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(path).with_context(|| format!("can't read {}", path.display()))?;
    for certificate in certificates {
        roots.add(certificate.with_context(|| format!("{}: not PEM", path.display()))?)?;
    }
    ensure!(!roots.is_empty(), "{} has no certificate", path.display());
    Ok(Trust::Roots(Arc::new(roots)))
}

/// Prints the cases that are asked for, as far as somebody reads them.
///
/// # Errors
/// If there is no such case, or they can't be written.
pub fn list(suite: &Suite) -> Result<()> {
    let mut text = String::new();
    for case in suite.asked()? {
        let (section, level, proves) = (case.section(), case.level.name(), case.proves.join(", "));
        text += &format!("{section:10} {level:6} {}  [{proves}]\n{:18}{}\n", case.name, "", case.rule());
    }
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

/// Runs the cases that are asked for and tells of them in all the ways that are.
///
/// # Errors
/// If any fails, or a file can't be written.
pub fn run(suite: &Suite, judged: &Judged) -> Result<()> {
    if suite.faults || !suite.fault.is_empty() {
        let cases = suite.asked()?;
        judged.check()?;
        return run_faults(suite, judged, &cases);
    }
    let run = judge(suite, judged, |_| false)?;
    if suite.write_docs {
        write_docs(&run)?;
    }
    match run.failures() {
        0 => Ok(()),
        failures => bail!("{failures} case(s) failed"),
    }
}

/// Runs the cases that are asked for and tells of them in all the ways that are; whether it is bad that some fail is for
/// the caller to say. The table leaves out the dialogues of failures that are `known`.
///
/// # Errors
/// If there is no such case, nobody to judge, or a file can't be written.
pub fn judge(suite: &Suite, judged: &Judged, known: impl Fn(&Case) -> bool) -> Result<Run> {
    let start = Instant::now();
    let cases = suite.asked()?;
    judged.check()?;
    let reports = runner::run(judged, &cases, suite.options(), |report| {
        if suite.verbose {
            eprintln!("{:6.2} s  {:9}  {}", report.took.as_secs_f64(), report.word(), report.case.name);
        }
    });
    let run = Run { server: judged.name(), reports, strict: judged.is_strict() };
    let mut shown = false;
    type Form = fn(&Run) -> String;
    let forms: [(&Option<PathBuf>, Form); 3] =
        [(&suite.json, report::json), (&suite.markdown, report::markdown), (&suite.junit, report::junit)];
    for (path, form) in forms {
        match path {
            Some(path) if path.as_os_str() == "-" => {
                print!("{}", form(&run));
                shown = true;
            }
            Some(path) => write(path, &form(&run))?,
            None => {}
        }
    }
    if !shown {
        print!("{}", report::table(&run, known));
        println!("{:.1} s", start.elapsed().as_secs_f64());
    }
    Ok(run)
}

/// Writes docs/conformance/rfc6120.md anew from this run.
///
/// # Errors
/// If it can't be written.
pub fn write_docs(run: &Run) -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/conformance");
    std::fs::create_dir_all(&folder)?;
    write(&folder.join("rfc6120.md"), &report::markdown(run))
}

/// Runs the faults that are asked for.
fn run_faults(suite: &Suite, judged: &Judged, cases: &[&'static Case]) -> Result<()> {
    let start = Instant::now();
    let named = |fault: &&Fault| suite.faults || suite.fault.iter().any(|name| fault.name.contains(name.as_str()));
    let faults: Vec<&'static Fault> = faults::faults(suite.s2s).into_iter().filter(named).collect();
    ensure!(!faults.is_empty(), "there is no such fault");
    let found = faults::run::run(judged, &faults, cases, suite.options(), |found| {
        if suite.verbose {
            eprintln!("{:12}  {}", if found.by.is_some() { "found" } else { "NOT FOUND" }, found.fault.name);
        }
    });
    print!("{}", faults::run::table(&found));
    println!("{:.1} s", start.elapsed().as_secs_f64());
    match found.iter().filter(|found| found.by.is_none()).count() {
        0 => Ok(()),
        missed => bail!("{missed} fault(s) were not found"),
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| format!("can't write {}", path.display()))
}
