//! BIND, which serves the test's zones and answers as a resolver does: with nothing beyond them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::domain::{self, Addresses, Domain, Party, Purpose, Zone};
use super::network::{Host, Network};
use super::zone::{self, Zones};
use super::{credentials::Credentials, sockets};
use crate::{process, tools};

const START_LIMIT: Duration = Duration::from_secs(20);
const PORT: u16 = 53;

/// A running nameserver; ended when dropped.
#[derive(Debug)]
pub(crate) struct Nameserver {
    child: Child,
    host: Host,
    anchor: PathBuf,
}

impl Nameserver {
    /// Installs it if need be, writes the zones of all `parties` into `folder`, and starts it.
    pub(crate) fn start(
        network: &Network,
        parties: &[Party],
        credentials: &Credentials,
        folder: &Path,
    ) -> Result<Nameserver> {
        tools::programs(&[("named", "bind9"), ("dnssec-signzone", "bind9-utils")])?;
        let host = network.nameserver().clone();
        let mut records: Vec<(Zone, String)> =
            domain::common_records(host.v4()).into_iter().map(|line| (Zone::Example, line)).collect();
        for party in parties {
            let place = network.host(party.name())?;
            let addresses = Addresses { v4: place.v4(), second_v4: place.second_v4(), v6: place.v6(), web: host.v4() };
            records.extend(domain::host_records(*party, &addresses).into_iter().map(|line| (Zone::Example, line)));
            for purpose in Purpose::ALL {
                let domain = Domain { party: *party, purpose };
                let lines = domain.records(&addresses, &credentials.key_of(domain));
                records.extend(lines.into_iter().map(|line| (purpose.zone(), line)));
            }
        }
        let zones = zone::write(folder, (host.v4(), host.v6()), &records)?;
        let config = folder.join("named.conf");
        fs::write(&config, configuration(&host, folder, &zones))?;
        let log = File::create(folder.join(LOG))?;
        let mut command = host.command("named");
        command.args(["-g", "-c"]).arg(&config).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().with_context(|| format!("can't start {}", process::describe(&command)))?;
        let mut nameserver = Nameserver { child, host, anchor: zones.anchor };
        nameserver.wait(&folder.join(LOG))?;
        Ok(nameserver)
    }

    fn wait(&mut self, log: &Path) -> Result<()> {
        let start = Instant::now();
        let said = || fs::read_to_string(log).unwrap_or_default();
        // It listens before its zones are loaded.
        while !(said().contains(" running") && sockets::listening(self.child.id()).contains(&PORT)) {
            if let Some(status) = self.child.try_wait()? {
                bail!("the nameserver did not start: {}: {}", process::explain(status), said());
            }
            if start.elapsed() > START_LIMIT {
                bail!("the nameserver is not ready after {} s: {}", START_LIMIT.as_secs(), said());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        match said().lines().find(|line| line.contains("not loaded due to errors")) {
            Some(line) => bail!("the nameserver refuses a zone: {line}"),
            None => Ok(()),
        }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> String {
        format!("{}:{PORT}", self.host.v4())
    }

    /// The key that DNSSEC begins with.
    pub(crate) fn anchor(&self) -> &Path {
        &self.anchor
    }
}

impl Drop for Nameserver {
    fn drop(&mut self) {
        process::kill(&mut self.child);
    }
}

/// Its log, in its folder.
const LOG: &str = "named.log";

fn configuration(host: &Host, folder: &Path, zones: &Zones) -> String {
    let path = |path: &Path| format!("{:?}", path.display().to_string());
    let zones: String = zones
        .files
        .iter()
        .map(|(zone, file)| format!("zone \"{zone}\" {{ type primary; file {}; }};\n", path(file)))
        .collect();
    format!(
        "options {{\n\
           directory {};\n\
           pid-file {};\n\
           session-keyfile {};\n\
           listen-on {{ {}; }};\n\
           listen-on-v6 {{ {}; }};\n\
           recursion yes;\n\
           allow-query {{ any; }};\n\
           allow-recursion {{ any; }};\n\
           dnssec-validation no;\n\
           empty-zones-enable no;\n\
         }};\n\
         controls {{ }};\n\
         {zones}",
        path(folder),
        path(&folder.join("named.pid")),
        path(&folder.join("session.key")),
        host.v4(),
        host.v6()
    )
}
