//! What only an administrator can do.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::case::Verb;

/// How long a command may take.
const LIMIT: Duration = Duration::from_secs(30);

/// The exit status of a command that does not know the verb (`EX_USAGE`).
const UNSUPPORTED: i32 = 64;

/// The administrator of a server.
pub trait Admin: Send + Sync {
    /// Does it; `input` is one line, a password.
    ///
    /// # Errors
    /// [`AdminError`].
    fn run(&self, verb: Verb, arguments: &[&str], input: Option<&str>) -> Result<(), AdminError>;

    /// Is there such a command, as far as one knows without trying?
    fn knows(&self, verb: Verb) -> bool;

    /// What the server has logged, if that can be had.
    fn log(&self) -> Option<String> {
        None
    }
}

/// Why an administrator's command was not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminError {
    /// There is no such command.
    Unsupported,
    /// It failed; what it said.
    Failed(String),
}

/// `--admin-command`: called as `COMMAND verb argument…`. Without one nothing can be administered.
#[derive(Clone, Debug, Default)]
pub struct AdminCommand {
    /// The command, split at white space.
    pub command: Option<String>,
}

impl Admin for AdminCommand {
    fn run(&self, verb: Verb, arguments: &[&str], input: Option<&str>) -> Result<(), AdminError> {
        let Some(line) = &self.command else { return Err(AdminError::Unsupported) };
        let mut words = line.split_whitespace();
        let Some(program) = words.next() else { return Err(AdminError::Unsupported) };
        let mut command = Command::new(program);
        command.args(words).arg(verb.name()).args(arguments);
        run(&mut command, input)
    }

    fn knows(&self, _: Verb) -> bool {
        self.command.is_some()
    }
}

/// Runs a command to its end, with `input` as a line on its standard input.
///
/// # Errors
/// [`AdminError::Unsupported`] for exit status 64; what it printed for any other but 0.
pub(super) fn run(command: &mut Command, input: Option<&str>) -> Result<(), AdminError> {
    let text = format!("{command:?}");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return Err(AdminError::Failed(format!("{text}: {error}"))),
    };
    if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
        // It may end without reading.
        let _ = stdin.write_all(format!("{input}\n").as_bytes());
    }
    let readers = [child.stdout.take().map(in_background), child.stderr.take().map(in_background)];
    let deadline = Instant::now() + LIMIT;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(2)),
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(AdminError::Failed(format!("{text}: still running after {} s", LIMIT.as_secs())));
            }
            Err(error) => return Err(AdminError::Failed(format!("{text}: {error}"))),
        }
    };
    let said: String = readers.into_iter().flatten().map(|reader| reader.join().unwrap_or_default()).collect();
    match status.code() {
        Some(0) => Ok(()),
        Some(UNSUPPORTED) => Err(AdminError::Unsupported),
        _ => Err(AdminError::Failed(format!("{status}: {}", said.trim()))),
    }
}

fn in_background(mut pipe: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read before an error is still worth showing.
        let _ = pipe.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
