//! The server's end: takes requests, a few at once, from those who may command.

use std::fs;
use std::future::Future;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{
    Answer, MAX_CONNECTIONS, MAX_REQUEST_BYTES, Operator, PROGRESS, REQUEST_TIMEOUT, Request, SOCKET, SocketPath,
    TIMEOUT,
};
use crate::certificate::create_private_folder;

/// The socket; removed when dropped.
pub(crate) struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl ControlSocket {
    /// Makes the socket in the data directory, in place of one that was left there. The directory must
    /// be locked. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn bind(directory: &Path) -> io::Result<ControlSocket> {
        // A new socket has whatever mode the system gives it, so it is made where nobody else can come,
        // and shown once it is closed to others.
        let private = directory.join("control.new");
        match fs::remove_dir_all(&private) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => create_private_folder(&private)?,
        }
        let listener = UnixListener::bind(&SocketPath::new(&private, SOCKET)?.path)?;
        let made = private.join(SOCKET);
        fs::set_permissions(&made, fs::Permissions::from_mode(0o600))?;
        let path = directory.join(SOCKET);
        fs::rename(&made, &path)?;
        fs::remove_dir(&private)?;
        Ok(ControlSocket { listener, path })
    }

    /// Answers requests until dropped.
    pub(crate) async fn serve(self, operator: Arc<dyn Operator>) {
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let mut conversations = JoinSet::new();
        loop {
            let Ok(place) = places.clone().acquire_owned().await else { return };
            while let Some(ended) = conversations.try_join_next() {
                if let Err(error) = ended {
                    tracing::error!(%error, "a command has failed");
                }
            }
            let stream = match self.listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // As when no more files can be opened: that may pass.
                    tracing::warn!(%error, "can't take a command");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    continue;
                }
            };
            let operator = operator.clone();
            conversations.spawn(async move {
                if let Err(error) = converse(stream, &*operator).await {
                    tracing::debug!(%error, "the sender of a command is gone");
                }
                drop(place);
            });
        }
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(%error, path = %self.path.display(), "can't remove the socket for commands");
        }
    }
}

/// One request and its answer.
async fn converse(mut stream: UnixStream, operator: &dyn Operator) -> io::Result<()> {
    let user = stream.peer_cred()?.uid();
    let refused = if may_command(user) {
        match timeout(REQUEST_TIMEOUT, read(&mut stream)).await {
            Ok(request) => match request? {
                Ok(request) => return obey(stream, operator, request).await,
                Err(reason) => reason,
            },
            Err(_) => "the request did not arrive in time".to_owned(),
        }
    } else {
        tracing::warn!(user, "a command of another user was refused");
        "only the user who runs the server, and root, may command it".to_owned()
    };
    within(TIMEOUT, async {
        write(&mut stream, &Answer::Refused(refused)).await?;
        stream.shutdown().await
    })
    .await
}

/// Lets a request be done, and writes what is told on the way, then the answer.
async fn obey(mut stream: UnixStream, operator: &dyn Operator, request: Request) -> io::Result<()> {
    match &request {
        // They change nothing, and monitoring sends them all the time.
        Request::Status | Request::S2sList => tracing::debug!(?request, "command"),
        _ => tracing::info!(?request, "command"),
    }
    within(request.timeout(), async {
        let (progress, mut told) = mpsc::channel(PROGRESS);
        let mut answer = operator.answer(request, progress);
        let answer = loop {
            tokio::select! {
                // What was told is written first.
                biased;
                Some(line) = told.recv() => write(&mut stream, &line).await?,
                answer = &mut answer => break answer,
            }
        };
        while let Ok(line) = told.try_recv() {
            write(&mut stream, &line).await?;
        }
        write(&mut stream, &answer).await?;
        stream.shutdown().await
    })
    .await
}

async fn within(time: Duration, work: impl Future<Output = io::Result<()>>) -> io::Result<()> {
    timeout(time, work).await.unwrap_or_else(|_| {
        tracing::warn!("a command took too long, and was given up");
        Ok(())
    })
}

async fn write(stream: &mut UnixStream, answer: &Answer) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    stream.write_all(&line).await
}

/// The socket's mode says so too, but not every system heeds it.
pub(super) fn may_command(user: u32) -> bool {
    user == 0 || user == rustix::process::geteuid().as_raw()
}

async fn read(stream: &mut UnixStream) -> io::Result<Result<Request, String>> {
    let mut line = Vec::new();
    let mut reader = BufReader::new(stream.take(MAX_REQUEST_BYTES as u64));
    reader.read_until(b'\n', &mut line).await?;
    if line.last() != Some(&b'\n') {
        return Ok(Err(format!("a request is one line of at most {MAX_REQUEST_BYTES} bytes")));
    }
    Ok(serde_json::from_slice(&line).map_err(|error| format!("the request can't be understood: {error}")))
}
