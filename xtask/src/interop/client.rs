//! The client libraries: how each is installed, pinned, under `target/interop/`, and run.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::job::{Job, Report};
use crate::workspace::Workspace;
use crate::{process, tools};

/// Longest installation of a client.
const INSTALL_LIMIT: Duration = Duration::from_secs(10 * 60);

/// Longest run of a job. The scripts' own limits are shorter and tell more.
const JOB_LIMIT: Duration = Duration::from_secs(4 * 60);

/// A client library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Client {
    Slixmpp,
    XmppJs,
}

impl Client {
    pub(super) fn name(self) -> &'static str {
        match self {
            Client::Slixmpp => "slixmpp",
            Client::XmppJs => "xmpp.js",
        }
    }

    /// The start of its accounts' names.
    pub(super) fn prefix(self) -> &'static str {
        match self {
            Client::Slixmpp => "slixmpp",
            Client::XmppJs => "xmppjs",
        }
    }

    /// Installs the pinned version unless it is there.
    pub(super) fn install(self, workspace: &Workspace) -> Result<()> {
        match self {
            Client::Slixmpp => install_slixmpp(workspace),
            Client::XmppJs => install_xmppjs(workspace),
        }
        .with_context(|| format!("can't install {}", self.name()))
    }

    /// Runs a job to its end.
    pub(super) fn run(self, workspace: &Workspace, folder: &Path, name: &str, job: &Job) -> Result<Report> {
        let mut command = self.command(workspace, folder, name, job)?;
        let output = process::capture(&mut command, JOB_LIMIT)?;
        let last = output.stdout.lines().last().unwrap_or_default();
        serde_json::from_str(last).with_context(|| {
            format!("{} reported nothing ({}): {}", self.name(), process::explain(output.status), output.stderr.trim())
        })
    }

    /// Starts the task `stay` and returns when the account is online.
    pub(super) fn stay(self, workspace: &Workspace, folder: &Path, name: &str, job: &Job) -> Result<Staying> {
        let mut child = self
            .command(workspace, folder, name, job)?
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .with_context(|| format!("can't start {}", self.name()))?;
        let stdout = child.stdout.take().context("no standard output")?;
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let mut staying = Staying { child, lines };
        let first = staying.next_line()?;
        if first.contains("\"online\"") && first.contains("\"event\"") {
            return Ok(staying);
        }
        bail!("{} did not get online: {first}", self.name());
    }

    fn command(self, workspace: &Workspace, folder: &Path, name: &str, job: &Job) -> Result<Command> {
        let path = folder.join(format!("{name}.json"));
        fs::write(&path, serde_json::to_vec(job)?).with_context(|| format!("can't write {}", path.display()))?;
        let mut command = match self {
            Client::Slixmpp => {
                let mut python = process::command(virtual_environment(workspace).join("bin/python"));
                python.arg(sources(workspace, "slixmpp").join("run.py"));
                python
            }
            Client::XmppJs => {
                let mut node = process::command("node");
                node.arg(modules(workspace).join("run.mjs")).env("NODE_EXTRA_CA_CERTS", &job.ca);
                node
            }
        };
        command.arg(&path);
        Ok(command)
    }
}

/// Installs slixmpp; the Python that has it, and one of our scripts for it.
pub(crate) fn slixmpp_script(workspace: &Workspace, name: &str) -> Result<(PathBuf, PathBuf)> {
    Client::Slixmpp.install(workspace)?;
    Ok((virtual_environment(workspace).join("bin/python"), sources(workspace, "slixmpp").join(name)))
}

/// A client that is online until the server throws it out.
#[derive(Debug)]
pub(super) struct Staying {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Staying {
    /// Waits for the end.
    pub(super) fn finish(mut self) -> Result<Report> {
        let line = self.next_line()?;
        serde_json::from_str(&line).with_context(|| format!("an unexpected report: {line}"))
    }

    fn next_line(&mut self) -> Result<String> {
        self.lines.recv_timeout(JOB_LIMIT).context("the client said nothing")
    }
}

impl Drop for Staying {
    fn drop(&mut self) {
        process::kill(&mut self.child);
    }
}

fn sources(workspace: &Workspace, client: &str) -> PathBuf {
    workspace.root.join("tests/interop").join(client)
}

fn virtual_environment(workspace: &Workspace) -> PathBuf {
    workspace.target_directory.join("interop/slixmpp-venv")
}

fn modules(workspace: &Workspace) -> PathBuf {
    workspace.target_directory.join("interop/xmppjs")
}

fn install_slixmpp(workspace: &Workspace) -> Result<()> {
    let folder = virtual_environment(workspace);
    let requirements = sources(workspace, "slixmpp").join("requirements.txt");
    if is_installed(&folder, &[&requirements])? {
        return Ok(());
    }
    tools::programs(&[("python3", "python3")])?;
    let venv = || {
        let mut python = process::command("python3");
        python.args(["-m", "venv", "--clear"]).arg(&folder);
        python
    };
    // Debian's python3 has the module but not what it needs.
    if process::run(&mut venv(), INSTALL_LIMIT).is_err() {
        tools::debian_packages(&["python3-venv"])?;
        process::run(&mut venv(), INSTALL_LIMIT)?;
    }
    let mut pip = process::command(folder.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]).arg(&requirements);
    process::run(&mut pip, INSTALL_LIMIT)?;
    mark_installed(&folder, &[&requirements])
}

fn install_xmppjs(workspace: &Workspace) -> Result<()> {
    tools::programs(&[("node", "nodejs"), ("npm", "npm")])?;
    let (from, folder) = (sources(workspace, "xmppjs"), modules(workspace));
    fs::create_dir_all(&folder).with_context(|| format!("can't create {}", folder.display()))?;
    // Node looks for modules beside the script, and nothing is to be installed into the sources.
    for name in ["run.mjs", "package.json", "package-lock.json"] {
        fs::copy(from.join(name), folder.join(name)).with_context(|| format!("can't copy {name}"))?;
    }
    let (manifest, lock) = (from.join("package.json"), from.join("package-lock.json"));
    if is_installed(&folder, &[&manifest, &lock])? {
        return Ok(());
    }
    let mut npm = process::command("npm");
    npm.current_dir(&folder).args(["ci", "--no-audit", "--no-fund", "--loglevel", "error"]);
    process::run(&mut npm, INSTALL_LIMIT)?;
    mark_installed(&folder, &[&manifest, &lock])
}

/// Holds a copy of what the last complete installation was made from.
const MARK: &str = ".installed-from";

fn is_installed(folder: &Path, inputs: &[&Path]) -> Result<bool> {
    let wanted = read_all(inputs)?;
    Ok(fs::read(folder.join(MARK)).is_ok_and(|found| found == wanted))
}

fn mark_installed(folder: &Path, inputs: &[&Path]) -> Result<()> {
    fs::write(folder.join(MARK), read_all(inputs)?).context("can't write the mark of a complete installation")
}

fn read_all(paths: &[&Path]) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    for path in paths {
        all.extend(fs::read(path).with_context(|| format!("can't read {}", path.display()))?);
    }
    Ok(all)
}
