//! `cargo xtask readme`: the README, followed on a clean clone as a new user would.
//!
//! What is committed is cloned into a temporary folder, and the commands of the walk in README.md
//! are run there, in their order. Two things can't be done as a person does them: the passwords
//! come from standard input, and where the README starts a client in a terminal, slixmpp takes its
//! place. The server listens on the ports that the README names, so they must be free.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};
use std::{env, thread};

use anyhow::{Context, Result, bail, ensure};

use crate::interop::two_talk;
use crate::process;
use crate::workspace::Workspace;

/// The part of the README that is followed.
const WALK: &str = "## From a clone to two clients talking";

/// The clone's own crates are compiled and linked anew.
const BUILD_LIMIT: Duration = Duration::from_secs(40 * 60);

const STOP_LIMIT: Duration = Duration::from_secs(20);

/// What the server prints when it is up.
const READY: &str = "is ready";

#[derive(Debug, Default, clap::Args)]
pub(crate) struct Arguments {}

pub(crate) fn run(_arguments: &Arguments) -> Result<()> {
    let workspace = Workspace::load()?;
    let readme = fs::read_to_string(workspace.root.join("README.md")).context("can't read README.md")?;
    for promised in ["cargo run --release", "cargo test --workspace"] {
        ensure!(commands(&readme).any(|command| command == promised), "README.md does not tell to run {promised:?}");
    }
    let folder = tempfile::tempdir()?;
    let clone = folder.path().join("jabiru");
    let mut git = process::command("git");
    git.args(["clone", "--quiet", "--no-hardlinks"]).arg(&workspace.root).arg(&clone);
    process::run(&mut git, Duration::from_secs(120))?;

    let (_, walk) = readme.split_once(WALK).with_context(|| format!("README.md has no {WALK:?}"))?;
    let walk = walk.split_once("\n## ").map_or(walk, |(walk, _)| walk);
    let mut user = User { workspace: &workspace, clone, server: None, accounts: Vec::new(), have_talked: false };
    for command in commands(walk) {
        println!("    README: {command}");
        user.follow(command).with_context(|| format!("README: {command}"))?;
    }
    user.finish()
}

/// The commands of the README's shell blocks, without their comments.
fn commands(text: &str) -> impl Iterator<Item = &str> {
    text.split("```sh\n")
        .skip(1)
        .filter_map(|block| block.split_once("```").map(|(commands, _)| commands))
        .flat_map(str::lines)
        .map(|line| line.split_once(" # ").map_or(line, |(command, _)| command).trim())
        .filter(|command| !command.is_empty())
}

/// Somebody who reads the README.
struct User<'a> {
    workspace: &'a Workspace,
    clone: PathBuf,
    server: Option<Child>,
    accounts: Vec<String>,
    have_talked: bool,
}

impl User<'_> {
    fn follow(&mut self, line: &str) -> Result<()> {
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["cargo", "run", "--release"] => self.start_server(&words),
            ["cargo", "run", "--release", "--", "user", "add", account] => {
                let mut add = self.cargo(&words);
                crate::interop::server::run_with_input(&mut add, Some(&password(account)))?;
                self.accounts.push((*account).to_owned());
                Ok(())
            }
            ["profanity"] => self.talk(),
            _ => bail!("xtask/src/readme.rs does not know how to follow this"),
        }
    }

    /// Returns when the server says that it is ready.
    fn start_server(&mut self, words: &[&str]) -> Result<()> {
        let path = self.clone.join("server.log");
        let log = File::create(&path)?;
        // Built first, so that the time to start can be bounded more tightly than the time to build.
        let mut build = self.cargo(&["cargo", "build", "--release"]);
        process::run(&mut build, BUILD_LIMIT)?;
        let mut command = self.cargo(words);
        command.stdout(log.try_clone()?).stderr(log);
        let mut child = command.spawn().context("can't start it")?;
        let start = Instant::now();
        loop {
            let output = fs::read_to_string(&path).unwrap_or_default();
            if output.contains(READY) {
                break;
            }
            if let Some(status) = child.try_wait()? {
                bail!("the server did not start, {}: {output}", process::explain(status));
            }
            if start.elapsed() > Duration::from_secs(60) {
                process::kill(&mut child);
                bail!("the server is not ready after 60 s: {output}");
            }
            thread::sleep(Duration::from_millis(50));
        }
        self.server = Some(child);
        Ok(())
    }

    fn talk(&mut self) -> Result<()> {
        let [first, second] = self.accounts.as_slice() else {
            bail!("the README has made {} accounts, not two", self.accounts.len());
        };
        let trusted = self.clone.join("jabiru-data/certificates/localhost.crt");
        let accounts = [(first.as_str(), password(first)), (second.as_str(), password(second))];
        two_talk(self.workspace, &self.clone, 5222, &trusted, accounts)?;
        self.have_talked = true;
        Ok(())
    }

    /// Stops the server as Ctrl-C does.
    fn finish(mut self) -> Result<()> {
        ensure!(self.have_talked, "the README does not lead to two clients talking");
        let mut child = self.server.take().context("the README does not start the server")?;
        process::interrupt(&child)?;
        let Some(status) = process::wait(&mut child, STOP_LIMIT)? else {
            process::kill(&mut child);
            bail!("the server still runs {} s after Ctrl-C", STOP_LIMIT.as_secs());
        };
        ensure!(status.success(), "after Ctrl-C the server ended with {}", process::explain(status));
        println!("the README leads from a clone to two clients talking");
        Ok(())
    }

    /// The command, with what was compiled for this workspace taken over.
    fn cargo(&self, words: &[&str]) -> Command {
        let mut cargo = process::cargo(&self.clone);
        cargo.args(&words[1..]).env("CARGO_TARGET_DIR", target_directory(&self.workspace.target_directory));
        cargo
    }
}

impl Drop for User<'_> {
    fn drop(&mut self) {
        if let Some(server) = &mut self.server {
            process::kill(server);
        }
    }
}

/// The workspace's own target directory, which holds the dependencies.
fn target_directory(ours: &Path) -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| ours.to_owned(), PathBuf::from)
}

fn password(account: &str) -> String {
    format!("a password for {account}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_without_comments() {
        let text = "```sh\ncargo run --release    # the server\n\nprofanity\n```\ntext\n```text\n/connect\n```\n```sh\nls\n```";
        assert_eq!(commands(text).collect::<Vec<_>>(), ["cargo run --release", "profanity", "ls"]);
    }
}
