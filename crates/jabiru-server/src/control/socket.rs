//! The server's end: takes requests, a few at once, from those who may command.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{
    Answer, MAX_CONNECTIONS, MAX_REQUEST_BYTES, Operator, REQUEST_TIMEOUT, Request, SOCKET, SocketPath, TIMEOUT,
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
                match timeout(TIMEOUT, converse(stream, &*operator)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => tracing::debug!(%error, "the sender of a command is gone"),
                    Err(_) => tracing::warn!("a command took too long, and was given up"),
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
    let answer = if may_command(user) {
        match timeout(REQUEST_TIMEOUT, read(&mut stream)).await {
            Ok(request) => match request? {
                Ok(request) => {
                    match &request {
                        // It changes nothing, and monitoring sends it all the time.
                        Request::Status => tracing::debug!(?request, "command"),
                        _ => tracing::info!(?request, "command"),
                    }
                    operator.answer(request).await
                }
                Err(reason) => Answer::Refused(reason),
            },
            Err(_) => Answer::Refused("the request did not arrive in time".to_owned()),
        }
    } else {
        tracing::warn!(user, "a command of another user was refused");
        Answer::Refused("only the user who runs the server, and root, may command it".to_owned())
    };
    let mut line = serde_json::to_vec(&answer)?;
    line.push(b'\n');
    stream.write_all(&line).await?;
    stream.shutdown().await
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
