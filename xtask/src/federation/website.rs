//! The web server of the domains that publish what their certificates are (POSH, RFC 7711).

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::credentials::Credentials;
use super::domain::{Domain, Party};
use super::network::Host;
use super::sockets;
use crate::workspace::Workspace;
use crate::{process, tools};

const START_LIMIT: Duration = Duration::from_secs(20);
const PORT: u16 = 443;
const LOG: &str = "website.log";

/// A running web server; ended when dropped.
#[derive(Debug)]
pub(super) struct Website {
    child: Child,
}

impl Website {
    /// Starts it on `host`, for those domains of all `parties` that publish something.
    pub(super) fn start(
        workspace: &Workspace,
        host: &Host,
        parties: &[Party],
        credentials: &Credentials,
        folder: &Path,
    ) -> Result<Website> {
        tools::programs(&[("python3", "python3")])?;
        let sites: BTreeMap<String, Value> =
            parties.iter().flat_map(|party| credentials.sites(Domain::hosted_by(*party))).collect();
        let job = json!({ "address": host.v4(), "sites": sites });
        let log = File::create(folder.join(LOG))?;
        let mut command = host.command("python3");
        command.arg(workspace.root.join("tests/interop/posh/publish.py")).arg(job.to_string());
        command.stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().with_context(|| format!("can't start {}", process::describe(&command)))?;
        let mut website = Website { child };
        website.wait(&folder.join(LOG))?;
        Ok(website)
    }

    fn wait(&mut self, log: &Path) -> Result<()> {
        let start = Instant::now();
        while !sockets::listening(self.child.id()).contains(&PORT) {
            if let Some(status) = self.child.try_wait()? {
                bail!("the web server did not start: {}; see {}", process::explain(status), log.display());
            }
            if start.elapsed() > START_LIMIT {
                bail!("the web server is not ready after {} s; see {}", START_LIMIT.as_secs(), log.display());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Website {
    fn drop(&mut self) {
        process::kill(&mut self.child);
    }
}
