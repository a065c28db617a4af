//! The resolver: from a domain to the places where its server may be.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::proto::rr::{RData, RecordType};
use jabiru_net::certificate::dane::TlsaRecord;
use jabiru_stanza::DomainRef;
use tokio::time::{Instant, timeout};

use super::answer::{Answer, Content};
use super::lookup::Lookup;
use super::{
    Addresses, Found, Host, ResolveError, ResolverSettings, ServerTarget, SettingsError, Source, SrvLookup, Tlsa,
    order_targets,
};

/// Finds the servers of domains. A clone costs a reference count and shares all that is remembered.
///
/// Lookups need a `tokio` runtime with I/O and time.
#[derive(Clone, Debug)]
pub struct Resolver {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    lookup: Lookup,
    settings: ResolverSettings,
}

/// The port of server streams where no SRV record says another (RFC 6120 §3.2.2, §14.7).
const DEFAULT_PORT: u16 = 5269;
/// More targets than these are not tried; each may cost several attempts to connect.
const MAX_TARGETS: usize = 32;
/// How long the addresses of one family wait for those of the other. RFC 8305 §3 waits 50 ms for IPv6, for the sake of
/// people who watch; a stream between servers is long-lived, and the other family may be the one that works.
const FAMILY_WAIT: Duration = Duration::from_millis(500);

impl Resolver {
    /// With these settings; reads the system's files and the trust anchor's, and asks nobody yet.
    ///
    /// # Errors
    /// [`SettingsError`], if a file that is needed can't be read.
    pub fn new(settings: ResolverSettings) -> Result<Resolver, SettingsError> {
        let lookup = Lookup::new(&settings)?;
        Ok(Resolver { inner: Arc::new(Inner { lookup, settings }) })
    }

    /// Where the server of a domain may be: the route that the configuration has for it, else the targets of its SRV
    /// records for direct TLS and STARTTLS, both asked for at once and mixed (XEP-0368 §2), else the domain itself on
    /// port 5269 (RFC 6120 §3.2.2).
    ///
    /// That both services are declined by `.`, or one of them while the other has no records, is an error, not a reason
    /// to fall back (XEP-0368 §5). The order is drawn anew each time.
    ///
    /// # Errors
    /// [`ResolveError`]: among them that an answer for either service fails validation, for otherwise whoever forges it
    /// could choose between them. Where one service has targets, it does no harm that there was no answer for the other.
    pub async fn find(&self, domain: &DomainRef) -> Result<Found, ResolveError> {
        self.find_telling(domain, &mut |_| {}).await
    }

    /// The same, and tells `observer` of each look-up of SRV records, once all of them have ended.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub async fn find_telling(
        &self,
        domain: &DomainRef,
        observer: &mut (dyn FnMut(&SrvLookup) + Send),
    ) -> Result<Found, ResolveError> {
        if let Some(routes) = self.inner.settings.routes.get(domain)
            && !routes.is_empty()
        {
            let target = |route: &super::Route| ServerTarget {
                host: route.host.clone(),
                port: route.port,
                direct_tls: route.direct_tls,
                priority: 0,
                weight: 0,
                secure: true,
            };
            let targets = routes.iter().take(MAX_TARGETS).map(target).collect();
            return Ok(Found { source: Source::Route, secure: true, targets });
        }
        let name = match Host::of_domain(domain)? {
            Host::Name(name) => name,
            host @ Host::Address(_) => {
                let target = alone(host, false);
                return Ok(Found { source: Source::Literal, secure: false, targets: vec![target] });
            }
        };
        self.find_name(name, observer).await
    }

    async fn find_name(
        &self,
        name: String,
        observer: &mut (dyn FnMut(&SrvLookup) + Send),
    ) -> Result<Found, ResolveError> {
        let starttls = self.service(format!("_xmpp-server._tcp.{name}"), false);
        let services = if self.inner.settings.direct_tls {
            let direct_tls = self.service(format!("_xmpps-server._tcp.{name}"), true);
            let (direct_tls, starttls) = tokio::join!(direct_tls, starttls);
            vec![direct_tls, starttls]
        } else {
            vec![starttls.await]
        };
        for service in &services {
            observer(service);
        }

        let (mut secure, mut exists, mut declined) = (true, false, false);
        let (mut failure, mut targets) = (None, Vec::new());
        for service in services {
            if let Some(error @ ResolveError::Bogus { .. }) = service.error() {
                return Err(error.clone());
            }
            secure &= service.is_secure();
            exists |= service.has_records();
            declined |= service.is_declined();
            targets.extend(service.targets());
            failure = failure.or(service.into_error());
        }
        if !targets.is_empty() {
            let mut targets = order_targets(targets, &mut rand::rng());
            targets.truncate(MAX_TARGETS);
            return Ok(Found { source: Source::Srv, secure, targets });
        }
        if let Some(error) = failure {
            // There may be SRV records, so a fallback might reach the wrong server.
            return Err(error);
        }
        if declined {
            return Err(ResolveError::ServiceDeclined { domain: name });
        }
        if exists {
            return Err(ResolveError::NoUsableTarget { domain: name });
        }
        let host = Host::Name(name);
        // Remembered for whoever connects; asked here, so that a domain that is nowhere is told apart from one that is down.
        self.addresses(&host).await?;
        Ok(Found { source: Source::Address, secure, targets: vec![alone(host, secure)] })
    }

    async fn service(&self, name: String, direct_tls: bool) -> SrvLookup {
        let began = Instant::now();
        let answer = self.inner.lookup.records(&name, RecordType::SRV).await;
        SrvLookup::new(name, direct_tls, answer, began.elapsed())
    }

    /// The addresses of a host: A and AAAA asked for at once, the families by turns with IPv6 first (RFC 8305 §4).
    ///
    /// Once one family has addresses the other has half a second left.
    ///
    /// # Errors
    /// [`ResolveError`], if neither family gave an address.
    pub async fn addresses(&self, host: &Host) -> Result<Addresses, ResolveError> {
        let name = match host {
            Host::Address(address) => return Ok(Addresses { list: vec![*address], secure: false }),
            Host::Name(name) => name,
        };
        let lookup = &self.inner.lookup;
        let v6 = lookup.records(name, RecordType::AAAA);
        let v4 = lookup.records(name, RecordType::A);
        tokio::pin!(v6, v4);
        let has_addresses = |answer: &Result<Arc<Answer>, ResolveError>| {
            answer.as_ref().is_ok_and(|answer| answer.records().next().is_some())
        };
        let (v6, v4) = tokio::select! {
            first = &mut v6 => {
                if has_addresses(&first) {
                    (Some(first), timeout(FAMILY_WAIT, v4).await.ok())
                } else {
                    (Some(first), Some(v4.await))
                }
            }
            first = &mut v4 => {
                if has_addresses(&first) {
                    (timeout(FAMILY_WAIT, v6).await.ok(), Some(first))
                } else {
                    (Some(v6.await), Some(first))
                }
            }
        };

        let (mut secure, mut failure, mut no_such_name) = (true, None, false);
        let mut families = [v6, v4].map(|answer| match answer {
            Some(Ok(answer)) => {
                secure &= answer.secure;
                no_such_name |= answer.content == Content::NoSuchName;
                answer.records().filter_map(RData::ip_addr).collect()
            }
            Some(Err(error)) => {
                failure = failure.take().or(Some(error));
                Vec::new()
            }
            None => Vec::new(),
        });
        match failure {
            Some(error @ ResolveError::Bogus { .. }) => return Err(error),
            Some(error) if families.iter().all(Vec::is_empty) => return Err(error),
            Some(_) | None => {}
        }
        let list = by_turns(&mut families);
        match (list.is_empty(), no_such_name) {
            (true, true) => Err(ResolveError::NoSuchDomain { name: name.clone() }),
            (true, false) => Err(ResolveError::NoAddresses { host: host.clone() }),
            (false, _) => Ok(Addresses { list, secure }),
        }
    }

    /// What the DNS says of the certificate of the service at a port of a host (RFC 6698 §3). Nothing, and not secure, for
    /// an address or without DNSSEC.
    ///
    /// # Errors
    /// [`ResolveError`]: whoever relies on DANE does not connect then (RFC 7673 §3.3), for a lost answer is what somebody
    /// who forges certificates would arrange.
    pub async fn tlsa(&self, host: &Host, port: u16) -> Result<Tlsa, ResolveError> {
        let none = Tlsa { records: Vec::new(), secure: false };
        let name = match host {
            Host::Name(name) if self.inner.settings.dnssec => name,
            Host::Name(_) | Host::Address(_) => return Ok(none),
        };
        let answer = self.inner.lookup.records(&format!("_{port}._tcp.{name}"), RecordType::TLSA).await?;
        let records = answer.records().filter_map(|record| match record {
            RData::TLSA(tlsa) => Some(TlsaRecord::new(
                tlsa.cert_usage.into(),
                tlsa.selector.into(),
                tlsa.matching.into(),
                tlsa.cert_data.clone(),
            )),
            _ => None,
        });
        Ok(Tlsa { records: records.collect(), secure: answer.secure })
    }
}

impl Resolver {
    /// The TLSA records by which the certificate at a target is to be judged; none, where DANE does not apply: the target, its
    /// addresses or the records were not validated, or there are no records (RFC 7673 §3.1 to §3.3).
    ///
    /// # Errors
    /// [`ResolveError`]: then nobody may connect to this target who relies on DANE (RFC 7673 §3.2, §3.3).
    pub async fn announced(&self, target: &ServerTarget) -> Result<Vec<TlsaRecord>, ResolveError> {
        if !target.secure || !self.addresses(&target.host).await?.secure {
            return Ok(Vec::new());
        }
        let tlsa = self.tlsa(&target.host, target.port).await?;
        Ok(if tlsa.secure { tlsa.records } else { Vec::new() })
    }
}

impl Answer {
    pub(super) fn records(&self) -> impl Iterator<Item = &RData> {
        match &self.content {
            Content::Records(records) => records.iter(),
            Content::NoRecords | Content::NoSuchName => [].iter(),
        }
    }
}

/// The only target, on the default port.
fn alone(host: Host, secure: bool) -> ServerTarget {
    ServerTarget { host, port: DEFAULT_PORT, direct_tls: false, priority: 0, weight: 0, secure }
}

/// The first of each, the second of each, and so on.
fn by_turns(families: &mut [Vec<IpAddr>; 2]) -> Vec<IpAddr> {
    let [first, second] = families;
    let longest = first.len().max(second.len());
    (0..longest).flat_map(|position| [first.get(position), second.get(position)]).flatten().copied().collect()
}
