//! Server streams of a running server, as commands and another configuration reach them.

use std::net::SocketAddr;

use anyhow::{Context, bail};
use jabiru_net::Admission;
use jabiru_router::{HostedDomains, Router};
use jabiru_s2s::report::{Diagnosis, StreamReport};
use jabiru_s2s::{S2s, Transport};
use jabiru_stanza::DomainPart;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::assemble::Certificate;
use crate::assemble::s2s::{self, Replaceable, Tls};
use crate::config::{self, Config};
use crate::control::{Answer, MAX_CONNECTIONS, Progress};
use crate::listeners::Listeners;

/// Server streams with their parts that can be replaced.
pub(crate) struct ServerStreams {
    pub(crate) streams: S2s,
    tls: Tls,
    admission: Admission,
    hosted: HostedDomains,
    /// Places for tests.
    tests: Semaphore,
}

/// Tests at once. Each takes one of the places for commands as long as it lasts, and others are to go on.
const MAX_TESTS: usize = MAX_CONNECTIONS / 2;

impl ServerStreams {
    /// As configured. Nothing happens before they have a router, and are served.
    ///
    /// # Errors
    /// A file that can't be used.
    pub(crate) fn new(
        config: &Config,
        hosted: HostedDomains,
        certificates: &[Certificate],
        secret: [u8; 32],
    ) -> anyhow::Result<ServerStreams> {
        let tls = Tls::new(certificates)?;
        let streams = s2s::s2s(config, hosted.clone(), &tls, Replaceable::new(&config.s2s)?, secret);
        let admission = Admission::with_limits(s2s::admission_limits(config));
        Ok(ServerStreams { streams, tls, admission, hosted, tests: Semaphore::new(MAX_TESTS) })
    }

    /// Listens for STARTTLS and for direct TLS.
    ///
    /// # Errors
    /// One sentence for the operator on the first address where that can't be.
    pub(crate) fn bind(&self, config: &config::S2s) -> anyhow::Result<[Listeners; 2]> {
        let bind = |addresses| Listeners::bind(addresses, &self.admission);
        Ok([bind(&config.starttls)?, bind(&config.direct_tls)?])
    }

    /// Serves those listeners for this router, whose way to other domains these streams are, and looks after what ends by
    /// time; gives the listeners' addresses.
    pub(crate) fn serve(
        &self,
        [starttls, direct]: [Listeners; 2],
        router: Router,
        parts: &mut JoinSet<()>,
    ) -> [Vec<SocketAddr>; 2] {
        self.streams.connect_router(router);
        let streams = self.streams.clone();
        parts.spawn(async move { streams.keep_order().await });
        let mut serve = |listeners: Listeners, transport: Transport| {
            listeners.serve(|listener| {
                let (streams, transport) = (self.streams.clone(), transport.clone());
                parts.spawn(async move { streams.serve(listener, transport).await });
            })
        };
        let starttls = serve(starttls, Transport::StartTls(self.tls.starttls.clone()));
        [starttls, serve(direct, Transport::DirectTls(self.tls.direct.clone()))]
    }

    /// Takes another configuration, of which everything was read, as far as that goes without a restart.
    ///
    /// # Errors
    /// There is no domain; then nothing was changed.
    pub(super) fn apply(
        &self,
        config: &Config,
        certificates: &[Certificate],
        rules: Replaceable,
    ) -> anyhow::Result<()> {
        self.tls.replace(certificates)?;
        self.admission.set_limits(s2s::admission_limits(config));
        self.streams.set_resolver(rules.resolver);
        self.streams.set_policy(rules.policy);
        Ok(())
    }

    /// All of them as they are.
    pub(super) fn list(&self) -> Vec<StreamReport> {
        self.streams.list()
    }

    /// Walks every step to another domain on behalf of a hosted one, the first one if none is named, and tells each.
    ///
    /// # Errors
    /// There is nothing to be tested, because the one is no domain or the other not hosted here; or others are being tested.
    pub(super) async fn test(&self, domain: &str, from: Option<&str>, progress: Progress) -> anyhow::Result<Diagnosis> {
        let domain = self::domain(domain)?;
        let from = match from {
            Some(from) => self::domain(from)?,
            None => self.hosted.first().context("no domain is hosted here")?,
        };
        if !self.hosted.contains(&from) {
            bail!("{from} is not hosted here");
        }
        if self.hosted.contains(&domain) {
            bail!("{domain} is hosted here, and never sought elsewhere");
        }
        let Ok(_place) = self.tests.try_acquire() else {
            bail!("{MAX_TESTS} tests are under way already; try again when one of them is over");
        };
        let mut test = self.streams.test(from.clone(), domain.clone());
        let mut findings = Vec::new();
        while let Some(finding) = test.next().await {
            findings.push(finding.clone());
            // Whoever does not listen gets all of it at the end.
            let _unheard = progress.send(Answer::S2sFinding(finding)).await;
        }
        let conclusion = test.conclusion().await;
        Ok(Diagnosis { domain: domain.to_string(), from: from.to_string(), findings, conclusion })
    }

    /// Closes the streams to and from another domain; returns how many there were.
    pub(super) fn close(&self, domain: &str) -> anyhow::Result<usize> {
        Ok(self.streams.close(&self::domain(domain)?))
    }
}

fn domain(text: &str) -> anyhow::Result<DomainPart> {
    text.parse().with_context(|| format!("{text:?} is no domain"))
}
