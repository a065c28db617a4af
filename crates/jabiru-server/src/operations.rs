//! What can be done with a server while it runs: ending streams, sending everybody away, reading the
//! configuration anew, telling how it is.

mod servers;

use std::fmt;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use anyhow::{Context, bail};
use jabiru_c2s::C2s;
use jabiru_net::Admission;
use jabiru_router::HostedDomains;
use jabiru_stanza::{DomainPart, Jid, StreamCondition, StreamError};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::assemble::s2s::Replaceable;
use crate::assemble::{self, Certificate, c2s};
use crate::cli;
use crate::config::{self, Config, Differences};
use crate::control::{Answer, Operator, Progress, Request};
use crate::host::HostPort;
use crate::status::{DomainStatus, Draining, Status};

pub(crate) use self::servers::ServerStreams;

/// A running server's parts that commands reach. Shared by all who give some.
pub(crate) struct Operations {
    c2s: C2s,
    /// `None`: there are no server streams.
    servers: Option<ServerStreams>,
    hosted: HostedDomains,
    tls: c2s::Tls,
    admission: Admission,
    started: Instant,
    state: Mutex<State>,
    /// Held while the configuration is read anew: one after the other.
    reloading: tokio::sync::Mutex<()>,
    reloaded: Notify,
}

struct State {
    /// The configuration that holds: what was started with, and of what was read later that which could be
    /// applied.
    config: Config,
    certificates: Arc<[Certificate]>,
    draining: Option<Draining>,
}

impl Operations {
    pub(crate) fn new(
        config: Config,
        c2s: C2s,
        servers: Option<ServerStreams>,
        hosted: HostedDomains,
        tls: c2s::Tls,
        admission: Admission,
        certificates: Vec<Certificate>,
    ) -> Operations {
        Operations {
            c2s,
            servers,
            hosted,
            tls,
            admission,
            started: Instant::now(),
            state: Mutex::new(State { config, certificates: certificates.into(), draining: None }),
            reloading: tokio::sync::Mutex::default(),
            reloaded: Notify::new(),
        }
    }

    /// Ends the streams of an account or of one resource with `reset` (RFC 6120 §4.9.3.16); returns how many there
    /// were.
    pub(crate) async fn kick(&self, who: &Jid, reason: Option<&str>) -> usize {
        let text = reason.unwrap_or("the operator has ended this stream");
        self.c2s.kick(who, StreamError::new(StreamCondition::Reset).with_text(text)).await
    }

    /// Sends everybody away, for as long as the server runs; returns how many streams there were.
    pub(crate) fn drain(&self, to: Option<&str>) -> anyhow::Result<usize> {
        let to = to.map(HostPort::parse).transpose()?.map(|to| to.to_string());
        let mut state = self.state.lock();
        let streams = self.c2s.stream_count();
        self.c2s.drain(to.clone());
        state.draining = Some(Draining { to });
        Ok(streams)
    }

    /// Applies another configuration as far as that can be done without a restart: see [`Config::with_applicable`].
    ///
    /// # Errors
    /// A certificate that can't be used; then nothing was changed.
    pub(crate) async fn reload(&self, config: Config) -> anyhow::Result<Reloaded> {
        let _one_at_a_time = self.reloading.lock().await;
        let before = self.state.lock().config.clone();
        let Differences { applicable, restart } = before.differences(&config);
        let [applied, restart] = [applicable, restart].map(|keys| keys.into_iter().map(str::to_owned).collect());
        let next = before.with_applicable(&config);
        let (next, certificates, clients, rules) = tokio::task::spawn_blocking(move || -> anyhow::Result<_> {
            let (certificates, clients) = (assemble::certificates(&next)?, c2s::client_certificates(&next)?);
            let rules = next.s2s.enabled.then(|| Replaceable::new(&next.s2s)).transpose()?;
            Ok((next, certificates, clients, rules))
        })
        .await??;

        // First the certificates, so that a new domain has one. Nothing fails behind this.
        self.tls.replace(&certificates, &clients)?;
        self.admission.set_limits(c2s::admission_limits(&next.limits));
        if let (Some(servers), Some(rules)) = (&self.servers, rules) {
            servers.apply(&next, &certificates, rules)?;
        }
        let names = || next.domains.iter().map(|domain| domain.name.clone());
        let known = self.hosted.all();
        let removed = self.hosted.replace(names());
        let of_servers = self.servers.as_ref().map_or(0, |servers| servers.streams.end_domains(&removed));
        let streams_ended = self.c2s.end_domains(&removed) + of_servers;
        let text = |domain: &DomainPart| domain.to_string();
        let added = names().filter(|domain| !known.contains(domain)).map(|domain| text(&domain)).collect();
        let mut state = self.state.lock();
        let new_certificates = certificates.iter().filter(|new| {
            let of = |old: &&Certificate| old.domain == new.domain;
            let old = state.certificates.iter().find(of);
            old.is_some_and(|old| old.identity.certificate() != new.identity.certificate())
        });
        let new_certificates = new_certificates.map(|certificate| text(&certificate.domain)).collect();
        state.certificates = certificates.into();
        state.config = next;
        drop(state);
        // One waits for it, or will see it when it comes to wait.
        self.reloaded.notify_one();
        let removed = removed.iter().map(text).collect();
        Ok(Reloaded { added, removed, streams_ended, new_certificates, applied, restart })
    }

    /// The server streams.
    ///
    /// # Errors
    /// They are switched off.
    fn servers(&self) -> anyhow::Result<&ServerStreams> {
        self.servers.as_ref().context("this server has no streams to or from other servers: [s2s] enabled is false")
    }

    /// How the server is.
    pub(crate) fn status(&self) -> Status {
        let state = self.state.lock();
        let now = SystemTime::now();
        let domains = state.certificates.iter();
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime_seconds: self.started.elapsed().as_secs(),
            streams: self.c2s.stream_count(),
            server_streams: self.servers.as_ref().map(|servers| servers.streams.stream_count()),
            draining: state.draining.clone(),
            domains: domains.map(|certificate| DomainStatus::new(certificate, &state.config.tls, now)).collect(),
        }
    }

    /// The certificates of the domains, in the order of the configuration.
    pub(crate) fn certificates(&self) -> Arc<[Certificate]> {
        self.state.lock().certificates.clone()
    }

    pub(crate) fn tls_config(&self) -> config::Tls {
        self.state.lock().config.tls.clone()
    }

    /// Returns once the configuration has been read anew.
    pub(crate) async fn reloaded(&self) {
        self.reloaded.notified().await;
    }

    /// Lets the streams of these domains begin anew, because the certificate that clients and other servers have seen
    /// holds no longer (RFC 6120 §4.9.3.16).
    pub(crate) fn restart_streams(&self, domains: &[DomainPart]) {
        const WHY: &str = "the server's certificate expires";
        let of_servers = self.servers.as_ref().map_or(0, |servers| servers.streams.restart_domains(domains, WHY));
        let streams = self.c2s.restart_domains(domains, WHY) + of_servers;
        let domains: Vec<_> = domains.iter().map(|domain| domain.as_str()).collect();
        tracing::info!(domains = domains.join(", "), streams, "streams begin anew before the certificate expires");
    }
}

/// What came of reading the configuration anew. `Display` tells it to a person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    /// Domains that are hosted now and were not before.
    pub added: Vec<String>,
    /// Domains that are hosted no more; their streams were ended with `host-gone` (RFC 6120 §4.9.3.5).
    pub removed: Vec<String>,
    /// How many streams that were.
    pub streams_ended: usize,
    /// Domains that were and are hosted, and now show another certificate.
    pub new_certificates: Vec<String>,
    /// Keys whose new values hold from now on.
    pub applied: Vec<String>,
    /// Keys with another value than the one that the server works with: it has to be restarted for them.
    pub restart: Vec<String>,
}

impl fmt::Display for Reloaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Reloaded { added, removed, streams_ended, new_certificates, applied, restart } = self;
        if *self == Reloaded::default() {
            return f.write_str("The configuration was read; nothing has changed.");
        }
        f.write_str("The configuration was read, and holds.")?;
        for (what, list) in [
            ("now hosted", added),
            ("no longer hosted", removed),
            ("new certificate", new_certificates),
            ("changed", applied),
            ("needs a restart", restart),
        ] {
            if list.is_empty() {
                continue;
            }
            write!(f, "\n  {what:<16}  {}", list.join(", "))?;
            if std::ptr::eq(list, removed) {
                let plural = if *streams_ended == 1 { "" } else { "s" };
                write!(f, " ({streams_ended} stream{plural} ended)")?;
            }
        }
        Ok(())
    }
}

/// The operator's commands to a server that was started from a file, or from no file.
pub(crate) struct Commands {
    pub(crate) operations: Arc<Operations>,
    pub(crate) config_path: Option<PathBuf>,
}

impl Commands {
    /// Reads the file anew and applies it; the log tells what came of it, as the answer does.
    ///
    /// # Errors
    /// All that is wrong with the file, or with a certificate; then nothing was changed.
    pub(crate) async fn reload(&self) -> anyhow::Result<Reloaded> {
        let path = self.config_path.clone();
        let result = match tokio::task::spawn_blocking(move || cli::load(path.as_deref().map(Path::new))).await? {
            Ok(config) => self.operations.reload(config).await,
            Err(error) => Err(error.into()),
        };
        match &result {
            Ok(reloaded) => tracing::info!(
                added = reloaded.added.join(", "),
                removed = reloaded.removed.join(", "),
                streams_ended = reloaded.streams_ended,
                new_certificates = reloaded.new_certificates.join(", "),
                applied = reloaded.applied.join(", "),
                needs_a_restart = reloaded.restart.join(", "),
                "configuration read anew"
            ),
            Err(error) => {
                // On one line: it may have several problems.
                let problems = crate::sentence(error).replace('\n', "; ");
                tracing::error!(problems, "the configuration was not read anew, the old one holds");
            }
        }
        result.context("nothing was changed")
    }

    async fn obey(&self, request: Request, progress: Progress) -> anyhow::Result<Answer> {
        let operations = &self.operations;
        Ok(match request {
            Request::Kick { address, reason } => {
                let who = Jid::new(&address).map_err(|error| anyhow::anyhow!("{address:?} is no address: {error}"))?;
                if who.node().is_none() {
                    bail!("{address:?} is a domain, not an account");
                }
                Answer::Kicked { streams: operations.kick(&who, reason.as_deref()).await }
            }
            Request::Drain { to } => Answer::Draining { streams: operations.drain(to.as_deref())? },
            Request::Reload => Answer::Reloaded(self.reload().await?),
            Request::Status => Answer::Status(operations.status()),
            Request::S2sList => Answer::S2sStreams(operations.servers()?.list()),
            Request::S2sTest { domain, from } => {
                Answer::S2sDiagnosis(operations.servers()?.test(&domain, from.as_deref(), progress).await?)
            }
            Request::S2sClose { domain } => Answer::S2sClosed { streams: operations.servers()?.close(&domain)? },
        })
    }
}

impl Operator for Commands {
    fn answer(&self, request: Request, progress: Progress) -> Pin<Box<dyn Future<Output = Answer> + Send + '_>> {
        Box::pin(async {
            self.obey(request, progress).await.unwrap_or_else(|error| Answer::Refused(crate::sentence(&error)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_reload_has_done() {
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let mut reloaded = Reloaded::default();
        assert_eq!(reloaded.to_string(), "The configuration was read; nothing has changed.");
        reloaded.restart = list(&["c2s.starttls", "limits.connections"]);
        reloaded.removed = list(&["old.example"]);
        reloaded.streams_ended = 1;
        let expected = "The configuration was read, and holds.
  no longer hosted  old.example (1 stream ended)
  needs a restart   c2s.starttls, limits.connections";
        assert_eq!(reloaded.to_string(), expected);
    }
}
