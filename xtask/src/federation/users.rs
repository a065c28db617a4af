//! The users of all servers: one process of slixmpp on a host of its own, led by requests.
//!
//! `tests/interop/slixmpp/users.py` describes the requests. Several may be open at once: [`Users::begin`] asks, and
//! [`Pending::wait`] waits for the answer.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::network::Host;
use crate::interop::slixmpp_script;
use crate::process;
use crate::workspace::Workspace;

/// Longest wait for an answer; the script's own limits are shorter.
const LIMIT: Duration = Duration::from_secs(180);

type Waiting = Arc<Mutex<HashMap<u64, mpsc::Sender<Answer>>>>;

/// The process; ended when dropped.
#[derive(Debug)]
pub(super) struct Users {
    child: Child,
    requests: Mutex<ChildStdin>,
    waiting: Waiting,
    next: AtomicU64,
}

/// The answer to one request, that may not be there yet.
#[derive(Debug)]
pub(super) struct Pending {
    what: String,
    answer: mpsc::Receiver<Answer>,
}

#[derive(Debug, Deserialize)]
struct Answer {
    id: u64,
    #[serde(default)]
    answer: Value,
    failed: Option<String>,
}

impl Users {
    pub(super) fn start(workspace: &Workspace, host: &Host, folder: &Path) -> Result<Users> {
        let (python, script) = slixmpp_script(workspace, "users.py")?;
        let log = File::create(folder.join("users.log"))?;
        let mut command = host.command(python);
        command.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().with_context(|| format!("can't start {}", process::describe(&command)))?;
        let (requests, answers) = (child.stdin.take(), child.stdout.take());
        let waiting = Waiting::default();
        let to = Arc::clone(&waiting);
        let answers = BufReader::new(answers.context("no standard output")?);
        thread::spawn(move || {
            for line in answers.lines().map_while(Result::ok) {
                let Ok(answer) = serde_json::from_str::<Answer>(&line) else { continue };
                let sender = to.lock().unwrap_or_else(PoisonError::into_inner).remove(&answer.id);
                if let Some(sender) = sender {
                    // Who asked may have given up.
                    let _ = sender.send(answer);
                }
            }
            // The script has ended: nobody waits for what won't come.
            to.lock().unwrap_or_else(PoisonError::into_inner).clear();
        });
        let requests = Mutex::new(requests.context("no standard input")?);
        Ok(Users { child, requests, waiting, next: AtomicU64::new(1) })
    }

    /// Sends a request: `what` with the members of the object `arguments`.
    pub(super) fn begin(&self, what: &str, mut arguments: Value) -> Result<Pending> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = mpsc::channel();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(id, sender);
        arguments["id"] = json!(id);
        arguments["do"] = json!(what);
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(requests, "{arguments}").context("slixmpp is gone; see users.log")?;
        Ok(Pending { what: what.to_owned(), answer })
    }

    /// Sends a request and waits for its answer.
    pub(super) fn ask<T: DeserializeOwned>(&self, what: &str, arguments: Value) -> Result<T> {
        self.begin(what, arguments)?.wait()
    }
}

impl Pending {
    /// # Errors
    /// If the request failed, its answer is not what was expected, or there is none.
    pub(super) fn wait<T: DeserializeOwned>(self) -> Result<T> {
        let what = self.what;
        let answer = self.answer.recv_timeout(LIMIT).with_context(|| format!("no answer to {what}; see users.log"))?;
        if let Some(why) = answer.failed {
            bail!("{what}: {why}; see users.log");
        }
        serde_json::from_value(answer.answer).with_context(|| format!("an unexpected answer to {what}"))
    }
}

impl Drop for Users {
    fn drop(&mut self) {
        process::kill(&mut self.child);
    }
}
