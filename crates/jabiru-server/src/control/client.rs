//! The commands' end: sends a request to the server of a data directory and tells what came of it.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use anyhow::{Context, bail};
use clap::Args;

use super::{Answer, Request, SOCKET, SocketPath, TIMEOUT};

/// Whose streams are to end.
#[derive(Args, Debug)]
pub(crate) struct KickArguments {
    /// The account, such as juliet@im.example, or one of its resources, such as juliet@im.example/balcony.
    address: String,
    /// What the owner is told.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Where everybody is to go.
#[derive(Args, Debug)]
pub(crate) struct DrainArguments {
    /// Where to: a domain or IP address, with a port if it is another than usual, such as xmpp2.example:5222 or
    /// [2001:db8::1]. Without it, clients are told that the server shuts down.
    #[arg(long, value_name = "HOST[:PORT]")]
    to: Option<String>,
}

/// Ends an account's streams.
pub(crate) fn kick(directory: &Path, arguments: KickArguments) -> anyhow::Result<()> {
    let KickArguments { address, reason } = arguments;
    match ask(directory, &Request::Kick { address: address.clone(), reason })? {
        Answer::Kicked { streams: 0 } => say(&format!("{address} has no streams.")),
        Answer::Kicked { streams } => say(&format!("Ended {} of {address}.", count(streams))),
        other => unexpected(&other),
    }
}

/// Sends everybody away.
pub(crate) fn drain(directory: &Path, arguments: DrainArguments) -> anyhow::Result<()> {
    let to = arguments.to;
    match ask(directory, &Request::Drain { to: to.clone() })? {
        Answer::Draining { streams } => {
            let told = to.map_or_else(|| "that the server shuts down".to_owned(), |to| format!("to go to {to}"));
            say(&format!("Ending {}; who still comes is told {told}.", count(streams)))
        }
        other => unexpected(&other),
    }
}

/// Lets the server read its configuration anew.
pub(crate) fn reload(directory: &Path) -> anyhow::Result<()> {
    match ask(directory, &Request::Reload)? {
        Answer::Reloaded(reloaded) => say(&reloaded.to_string()),
        other => unexpected(&other),
    }
}

/// Shows how the server is, for people or as JSON.
pub(crate) fn status(directory: &Path, json: bool) -> anyhow::Result<()> {
    match ask(directory, &Request::Status)? {
        Answer::Status(status) if json => say(&serde_json::to_string_pretty(&status)?),
        Answer::Status(status) => say(&status.to_string()),
        other => unexpected(&other),
    }
}

/// One request, one answer.
pub(crate) fn ask(directory: &Path, request: &Request) -> anyhow::Result<Answer> {
    follow(directory, request, |_| Ok(()))
}

/// One request, what is told on the way, and then the answer.
pub(crate) fn follow(
    directory: &Path,
    request: &Request,
    mut told: impl FnMut(Answer) -> anyhow::Result<()>,
) -> anyhow::Result<Answer> {
    let mut stream = connect(directory)?;
    let lost = || format!("the server on the data directory {} did not answer", directory.display());
    // Longer than the server takes for it at the most.
    stream.set_read_timeout(Some(request.timeout() + TIMEOUT)).with_context(lost)?;
    stream.set_write_timeout(Some(TIMEOUT)).with_context(lost)?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    // It may refuse a long request before it has read all of it: then it has answered.
    let mut written = stream.write_all(&line);
    let mut reader = BufReader::new(stream.take(MAX_ANSWER_BYTES));
    loop {
        let mut answer = Vec::new();
        let read = reader.read_until(b'\n', &mut answer);
        if answer.is_empty() {
            std::mem::replace(&mut written, Ok(())).with_context(lost)?;
            read.with_context(lost)?;
            bail!("{}", lost());
        }
        match serde_json::from_slice(&answer).with_context(|| format!("{}: it is of another version", lost()))? {
            Answer::Refused(reason) => bail!("{reason}"),
            answer if answer.is_progress() => told(answer)?,
            answer => return Ok(answer),
        }
    }
}

/// A status with some hundred thousand domains, or as many streams.
const MAX_ANSWER_BYTES: u64 = 64 << 20;

fn connect(directory: &Path) -> anyhow::Result<UnixStream> {
    let connected = SocketPath::new(directory, SOCKET).and_then(|socket| UnixStream::connect(&socket.path));
    connected.map_err(|error| match error.kind() {
        // The socket of a server that was killed is still there, but nobody listens.
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => anyhow::anyhow!(
            "no server runs on the data directory {}; start it, or name the configuration of another with --config",
            directory.display()
        ),
        io::ErrorKind::PermissionDenied => anyhow::anyhow!(
            "only the user who runs the server on the data directory {}, and root, may command it",
            directory.display()
        ),
        _ => anyhow::anyhow!("can't reach the server on the data directory {}: {error}", directory.display()),
    })
}

/// Writes a line to standard output.
pub(crate) fn say(text: &str) -> anyhow::Result<()> {
    match writeln!(io::stdout(), "{text}") {
        // Nobody reads it any more, as in `jabiru status | head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.context("can't write to standard output"),
    }
}

fn count(streams: usize) -> String {
    if streams == 1 { "1 stream".to_owned() } else { format!("{streams} streams") }
}

/// The server answered something else.
pub(crate) fn unexpected(answer: &Answer) -> anyhow::Result<()> {
    bail!("the server gave another answer than was asked for: {answer:?}")
}
