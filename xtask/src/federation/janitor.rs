//! Who takes the test hosts down, however we end: a process of its own that waits for our end.
//!
//! It reads a pipe whose other end is ours alone. The pipe ends when we close it, and also when a signal or a panic ends
//! us, for which no handler of ours could be relied on. It is in a process group of its own, so that Ctrl-C at the
//! terminal does not reach it.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::process;

/// Longest wait for all to be taken down.
const LIMIT: Duration = Duration::from_secs(30);

/// Reads one name of a namespace a line; at the end of the pipe, ends what runs in each and removes it. What is gone
/// already is as good.
const SCRIPT: &str = r#"
names=
while read -r name; do names="$names $name"; done
for name in $names; do
    pids=$(ip netns pids "$name" 2>/dev/null) && [ -n "$pids" ] && kill -KILL $pids 2>/dev/null
done
for name in $names; do
    ip netns del "$name" 2>/dev/null
    rm -rf "/etc/netns/$name"
done
rmdir /etc/netns 2>/dev/null
exit 0
"#;

/// Takes the namespaces down that it was told of, when dropped or when we end.
#[derive(Debug)]
pub(super) struct Janitor {
    child: Child,
    names: Option<ChildStdin>,
}

impl Janitor {
    pub(super) fn start() -> Result<Janitor> {
        let mut shell = process::command("sh");
        shell.args(["-c", SCRIPT]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = shell.process_group(0).spawn().context("can't start a shell")?;
        let names = child.stdin.take();
        Ok(Janitor { child, names })
    }

    /// Has a namespace taken down in the end: to be called before it is made.
    pub(super) fn take_care_of(&mut self, namespace: &str) -> Result<()> {
        let names = self.names.as_mut().context("the janitor is at work already")?;
        writeln!(names, "{namespace}").context("the janitor is gone")
    }

    /// Takes everything down and waits for it.
    ///
    /// # Errors
    /// If it takes longer than [`LIMIT`].
    pub(super) fn finish(mut self) -> Result<()> {
        self.work()
    }

    fn work(&mut self) -> Result<()> {
        if self.names.take().is_none() {
            return Ok(());
        }
        match process::wait(&mut self.child, LIMIT)? {
            Some(status) if status.success() => Ok(()),
            Some(status) => bail!("the test hosts may still be there: {}", process::explain(status)),
            None => bail!("the test hosts are still there after {} s", LIMIT.as_secs()),
        }
    }
}

impl Drop for Janitor {
    fn drop(&mut self) {
        if let Err(error) = self.work() {
            eprintln!("{error:#}");
        }
    }
}
