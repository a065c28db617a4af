//! The whole server as one value: from the configuration to the last stream's end.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jabiru_c2s::{C2s, Transport};
use jabiru_net::Admission;
use jabiru_s2s::S2s;
use jabiru_stanza::Jid;
use jabiru_storage::{Accounts, SqliteStorage};
use tokio::task::JoinSet;

use crate::assemble::{self, Certificate};
use crate::config::Config;
use crate::control::ControlSocket;
use crate::data_directory::{self, Lock};
use crate::expiry;
use crate::listeners::Listeners;
use crate::operations::{Commands, Operations, Reloaded, ServerStreams};
use crate::status::Status;

/// A running server. [`shut_down`](Self::shut_down) ends it orderly; dropping it orders the end of every stream
/// with `system-shutdown` too, but waits for none.
pub struct Server {
    c2s: C2s,
    /// `None`: there are no server streams.
    s2s: Option<S2s>,
    operations: Arc<Operations>,
    /// The listeners for clients, the watches over accounts and certificates, the commands' channel.
    parts: JoinSet<()>,
    /// The listeners for servers, who are still let in while streams end; empty if there are none.
    parts_of_servers: JoinSet<()>,
    storage: Arc<SqliteStorage>,
    starttls: Vec<SocketAddr>,
    direct_tls: Vec<SocketAddr>,
    s2s_starttls: Vec<SocketAddr>,
    s2s_direct_tls: Vec<SocketAddr>,
    data_directory: PathBuf,
    shutdown_timeout: Duration,
    _lock: Lock,
}

impl Server {
    /// Opens the data directory, making what is missing in it, and listens. Must be called within a
    /// multi-threaded tokio runtime.
    ///
    /// # Errors
    /// One sentence for the operator: a data directory that is in use or was written by a later version, a
    /// certificate that can't be read, an address where another program listens.
    pub async fn start(config: &Config) -> anyhow::Result<Server> {
        // First of all: opening the database may bring it up to date.
        let lock = data_directory::lock(&config.data_directory)?;
        let storage = Arc::new(data_directory::open_storage(config)?);
        let secret = data_directory::secret(&config.data_directory)?;
        let certificates = assemble::certificates(config)?;
        let hosted = assemble::hosted(config);
        let mut router = assemble::router(config, hosted.clone(), storage.clone())?;
        let servers = config.s2s.enabled.then(|| ServerStreams::new(config, hosted.clone(), &certificates, secret));
        let servers = servers.transpose()?;
        if let Some(servers) = &servers {
            router = router.with_remote(Arc::new(servers.streams.clone()));
        }
        let c2s = assemble::c2s::c2s(config, hosted.clone(), router.clone(), storage.clone(), secret);
        let tls = assemble::c2s::Tls::new(&certificates, &assemble::c2s::client_certificates(config)?)?;

        let admission = Admission::with_limits(assemble::c2s::admission_limits(&config.limits));
        let starttls = Listeners::bind(&config.c2s.starttls, &admission)?;
        let direct_tls = Listeners::bind(&config.c2s.direct_tls, &admission)?;
        let for_servers = servers.as_ref().map(|servers| servers.bind(&config.s2s)).transpose()?;

        // Nothing fails behind this.
        let mut parts = JoinSet::new();
        let mut serve = |listeners: Listeners, transport: Transport| {
            listeners.serve(|listener| {
                let (c2s, transport) = (c2s.clone(), transport.clone());
                parts.spawn(async move { c2s.serve(listener, transport).await });
            })
        };
        let starttls = serve(starttls, Transport::StartTls(tls.starttls.clone()));
        let direct_tls = serve(direct_tls, Transport::DirectTls(tls.direct.clone()));
        let mut parts_of_servers = JoinSet::new();
        let [s2s_starttls, s2s_direct_tls] = match (&servers, for_servers) {
            (Some(servers), Some(listeners)) => servers.serve(listeners, router, &mut parts_of_servers),
            _ => [Vec::new(), Vec::new()],
        };
        let s2s = servers.as_ref().map(|servers| servers.streams.clone());
        let operations =
            Arc::new(Operations::new(config.clone(), c2s.clone(), servers, hosted, tls, admission, certificates));
        parts.spawn(expiry::watch(operations.clone()));
        let watched = c2s.clone();
        parts.spawn(async move { watched.watch_accounts().await });
        Ok(Server {
            c2s,
            s2s,
            operations,
            parts,
            parts_of_servers,
            storage,
            starttls,
            direct_tls,
            s2s_starttls,
            s2s_direct_tls,
            data_directory: config.data_directory.clone(),
            shutdown_timeout: config.shutdown.timeout,
            _lock: lock,
        })
    }

    /// Where it awaits STARTTLS: the real ports, where the system chose them.
    #[must_use]
    pub fn starttls_addresses(&self) -> &[SocketAddr] {
        &self.starttls
    }

    /// Where it awaits direct TLS.
    #[must_use]
    pub fn direct_tls_addresses(&self) -> &[SocketAddr] {
        &self.direct_tls
    }

    /// Where it awaits STARTTLS of other servers.
    #[must_use]
    pub fn s2s_starttls_addresses(&self) -> &[SocketAddr] {
        &self.s2s_starttls
    }

    /// Where it awaits direct TLS of other servers.
    #[must_use]
    pub fn s2s_direct_tls_addresses(&self) -> &[SocketAddr] {
        &self.s2s_direct_tls
    }

    /// The certificates of its domains, in the order of the configuration.
    #[must_use]
    pub fn certificates(&self) -> Arc<[Certificate]> {
        self.operations.certificates()
    }

    /// Its accounts.
    #[must_use]
    pub fn accounts(&self) -> Arc<dyn Accounts> {
        self.storage.clone()
    }

    /// How many connections of clients there are.
    #[must_use]
    pub fn stream_count(&self) -> usize {
        self.c2s.stream_count()
    }

    /// How many connections to and from other servers there are.
    #[must_use]
    pub fn server_stream_count(&self) -> usize {
        self.s2s.as_ref().map_or(0, S2s::stream_count)
    }

    /// How it is: streams, domains, certificates' dates, whether it sends everybody away.
    #[must_use]
    pub fn status(&self) -> Status {
        self.operations.status()
    }

    /// Ends the streams of an account, or of the one resource that a full JID names, with `reset` (RFC 6120
    /// §4.9.3.16) and this text; returns how many there were.
    pub async fn kick(&self, who: &Jid, reason: Option<&str>) -> usize {
        self.operations.kick(who, reason).await
    }

    /// Sends everybody to another host with `see-other-host` (RFC 6120 §4.9.3.19), for as long as it runs: `HOST`
    /// or `HOST:PORT`. Without one they are told `system-shutdown`. Returns how many streams there were.
    ///
    /// # Errors
    /// What is written is no host.
    pub fn drain(&self, to: Option<&str>) -> anyhow::Result<usize> {
        self.operations.drain(to)
    }

    /// Applies another configuration as far as that goes without a restart, see [`Config::with_applicable`]: the
    /// streams of domains that are gone, of clients and of servers, end with `host-gone` (RFC 6120 §4.9.3.5). Certificates are read anew even if
    /// the configuration is the same.
    ///
    /// # Errors
    /// A certificate that can't be used; then nothing was changed.
    pub async fn reload(&self, config: Config) -> anyhow::Result<Reloaded> {
        self.operations.reload(config).await
    }

    /// Takes the operator's commands from now on, over a socket in the data directory. `config_path` is the file
    /// that a reload reads. A server whose data directory can hold no socket goes on without.
    pub(crate) fn take_commands(&mut self, config_path: Option<&Path>) -> Arc<Commands> {
        let config_path = config_path.map(Path::to_owned);
        let commands = Arc::new(Commands { operations: self.operations.clone(), config_path });
        match ControlSocket::bind(&self.data_directory) {
            Ok(socket) => {
                self.parts.spawn(socket.serve(commands.clone()));
            }
            Err(error) => tracing::error!(
                %error,
                directory = %self.data_directory.display(),
                "can't make the socket for commands; status, kick, drain and reload will not find this server"
            ),
        }
        commands
    }

    /// Returns only if a part of the server has panicked, and says which error that was; the log says where.
    /// The server should be shut down then.
    pub async fn failed(&mut self) -> anyhow::Error {
        let ended = tokio::select! {
            ended = self.parts.join_next() => ended,
            Some(ended) = self.parts_of_servers.join_next() => Some(ended),
        };
        match ended {
            Some(Err(error)) => anyhow::Error::new(error).context("a part of the server has failed"),
            Some(Ok(())) | None => anyhow::anyhow!("a part of the server has ended"),
        }
    }

    /// Accepts no clients any more, closes every stream with `system-shutdown` (RFC 6120 §4.9.3.20) and sends what
    /// waits, within the configured time. Returns how many streams had not ended in time.
    ///
    /// Clients go before the streams of other servers, who are told that they have gone. What others send to them is taken
    /// no more by then, so that it waits for them where it is.
    pub async fn shut_down(mut self) -> usize {
        self.parts.shutdown().await;
        let deadline = Instant::now() + self.shutdown_timeout;
        if let Some(s2s) = &self.s2s {
            s2s.take_no_more();
        }
        // Clients that take all the time they can leave some of it to the servers.
        let for_servers = if self.s2s.is_some() { self.shutdown_timeout / 4 } else { Duration::ZERO };
        let mut left = self.c2s.shut_down(self.shutdown_timeout.saturating_sub(for_servers)).await;
        if let Some(s2s) = &self.s2s {
            left += s2s.shut_down(deadline.saturating_duration_since(Instant::now())).await;
        }
        self.parts_of_servers.shutdown().await;
        // It waits for what is queued, and must not hold up who could still end this at once.
        let storage = self.storage.clone();
        if let Err(error) = tokio::task::spawn_blocking(move || storage.close()).await {
            tracing::error!(%error, "can't close the storage");
        }
        left
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.c2s.end_streams();
        if let Some(s2s) = &self.s2s {
            s2s.end_streams();
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("starttls", &self.starttls)
            .field("direct_tls", &self.direct_tls)
            .field("streams", &self.stream_count())
            .finish_non_exhaustive()
    }
}
