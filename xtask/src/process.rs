//! Other programs: started, waited for within a bound, and never left behind.

use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// How often a waited-for program is looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// A command that reads nothing from the terminal. Ctrl-C there reaches it as it reaches us.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null());
    command
}

/// The `cargo` that runs us, to be run in `root`.
pub(crate) fn cargo(root: &Path) -> Command {
    let mut cargo = command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root);
    // Set for us by the outer cargo; they describe xtask, not what is built next.
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        if name_text.starts_with("CARGO_PKG_")
            || name_text == "CARGO_MANIFEST_DIR"
            || name_text == "CARGO_MANIFEST_PATH"
        {
            cargo.env_remove(&name);
        }
    }
    cargo
}

/// Runs `command` to its end, its output going where ours goes.
///
/// # Errors
/// If it can't be started, ends with anything but 0, or is still running after `limit` (it and
/// its children are then killed).
pub(crate) fn run(command: &mut Command, limit: Duration) -> Result<()> {
    let line = describe(command);
    eprintln!("    $ {line}");
    let child = command.spawn().with_context(|| format!("can't start {line}"))?;
    let status = finish(child, limit).with_context(|| line.clone())?;
    if !status.success() {
        bail!("{line}: {}", explain(status));
    }
    Ok(())
}

/// What a finished program said.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs `command` to its end and hands back what it printed, whatever its exit status is.
///
/// # Errors
/// If it can't be started or is still running after `limit`.
pub(crate) fn capture(command: &mut Command, limit: Duration) -> Result<Output> {
    let line = describe(command);
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().with_context(|| format!("can't start {line}"))?;
    let stdout = read_in_background(child.stdout.take());
    let stderr = read_in_background(child.stderr.take());
    let status = finish(child, limit).with_context(|| line.clone())?;
    let collect = |handle: thread::JoinHandle<String>| handle.join().unwrap_or_default();
    Ok(Output { status, stdout: collect(stdout), stderr: collect(stderr) })
}

fn read_in_background(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What was read before an error is still worth showing.
            let _ = pipe.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Waits for `child`, and kills it and whatever it has started when `limit` has passed.
///
/// # Errors
/// If the limit passed.
pub(crate) fn finish(mut child: Child, limit: Duration) -> Result<ExitStatus> {
    if let Some(status) = wait(&mut child, limit)? {
        return Ok(status);
    }
    kill(&mut child);
    bail!("still running after {} s; killed", limit.as_secs());
}

/// Waits until `child` ends or `limit` has passed (`None`).
pub(crate) fn wait(child: &mut Child, limit: Duration) -> Result<Option<ExitStatus>> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if start.elapsed() >= limit {
            return Ok(None);
        }
        thread::sleep(POLL_INTERVAL);
    }
}

/// Asks `child` to end with SIGTERM, as a service manager does.
pub(crate) fn terminate(child: &Child) -> Result<()> {
    kill_process(pid(child), Signal::TERM).context("can't send SIGTERM")
}

/// Sends SIGINT, as Ctrl-C does.
pub(crate) fn interrupt(child: &Child) -> Result<()> {
    kill_process(pid(child), Signal::INT).context("can't send SIGINT")
}

/// Kills `child` and whatever it has started. What is gone already is as good.
pub(crate) fn kill(child: &mut Child) {
    for descendant in descendants(child.id()) {
        let _ = kill_process(descendant, Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// The children of a process and theirs, as far as Linux tells.
fn descendants(parent: u32) -> Vec<Pid> {
    let mut found = Vec::new();
    let mut open = vec![parent];
    while let Some(process) = open.pop() {
        let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else { continue };
        for thread in threads.flatten() {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            open.extend(children.split_whitespace().filter_map(|id| id.parse::<u32>().ok()));
        }
        if process != parent {
            found.extend(i32::try_from(process).ok().and_then(Pid::from_raw));
        }
    }
    found
}

fn pid(child: &Child) -> Pid {
    Pid::from_child(child)
}

/// An exit status in words.
pub(crate) fn explain(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}

/// The command as one would type it (program without its folder).
pub(crate) fn describe(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
    command.get_args().fold(name, |mut line, argument| {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
        line
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_fails_is_an_error() {
        let error = run(&mut command("false"), Duration::from_secs(10)).unwrap_err();
        assert!(error.to_string().contains("exit status 1"), "{error}");
    }

    #[test]
    fn a_program_that_hangs_is_killed() {
        let start = Instant::now();
        let error = run(command("sleep").arg("60"), Duration::from_millis(100)).unwrap_err();
        assert!(format!("{error:#}").contains("killed"), "{error:#}");
        assert!(start.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn what_a_killed_program_has_started_is_killed_too() {
        // The shell waits for its child; the pipe is at its end only when both are gone.
        let mut shell = command("sh");
        shell.args(["-c", "sleep 60; true"]).stdout(Stdio::piped());
        let mut child = shell.spawn().unwrap();
        let mut pipe = child.stdout.take().unwrap();
        while descendants(child.id()).is_empty() {
            thread::sleep(POLL_INTERVAL);
        }
        let start = Instant::now();
        kill(&mut child);
        pipe.read_to_end(&mut Vec::new()).unwrap();
        assert!(start.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn output_is_captured_with_its_status() {
        let output =
            capture(command("sh").args(["-c", "echo out; echo err >&2; exit 3"]), Duration::from_secs(10)).unwrap();
        assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("out\n", "err\n"));
        assert_eq!(output.status.code(), Some(3));
    }
}
