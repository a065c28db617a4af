//! Questions to the DNS, their answers remembered.

use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::pin::pin;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ProtocolConfig, ResolveHosts, ResolverOpts, ServerOrderingStrategy,
};
use hickory_resolver::net::dnssec::DnssecDnsHandle;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::xfer::{DnsHandle, FirstAnswer, RetryDnsHandle};
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::dnssec::TrustAnchors;
use hickory_resolver::proto::op::{DnsRequestOptions, DnsResponse, Query};
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::proto::serialize::txt::trust_anchor;
use hickory_resolver::{Hosts, NameServerPool, PoolContext, TlsConfig, system_conf};
use jabiru_net::caught;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use super::answer::{self, Answer, Content, Fault, MAX_ALIASES, Step};
use super::{ExpiringCache, NotAHost, Question, ResolveError, ResolverSettings, SettingsError};

/// Asks nameservers, a bounded number of questions at a time.
///
/// It stands on the parts of `hickory-resolver` below its own cache and search lists: that cache does not remember that
/// there is nothing once answers are validated, and does not find SRV records behind an alias.
pub(super) struct Lookup {
    client: Client,
    options: DnsRequestOptions,
    /// The system's `/etc/hosts`, where the system's nameservers are asked.
    hosts: Hosts,
    answers: Mutex<ExpiringCache<(Name, RecordType), Arc<Answer>>>,
    permits: Semaphore,
    lookup_timeout: Duration,
}

type Nameservers = RetryDnsHandle<NameServerPool<TokioRuntimeProvider>>;

enum Client {
    Plain(Nameservers),
    Validating(DnssecDnsHandle<Nameservers>),
}

impl Lookup {
    pub(super) fn new(settings: &ResolverSettings) -> Result<Lookup, SettingsError> {
        let nameservers = nameservers(settings)?;
        let mut pool_options = ResolverOpts::default();
        pool_options.timeout = settings.timeout;
        pool_options.attempts = settings.attempts;
        pool_options.validate = settings.dnssec;
        pool_options.use_hosts_file = ResolveHosts::Never;
        // As the operator wrote them: the second is for when the first fails.
        pool_options.server_ordering_strategy = ServerOrderingStrategy::UserProvidedOrder;
        pool_options.try_tcp_on_error = true;

        let mut options = DnsRequestOptions::default();
        options.use_edns = pool_options.edns0;
        options.edns_payload_len = pool_options.edns_payload_len;
        options.edns_set_dnssec_ok = settings.dnssec;
        options.recursion_desired = true;

        let tls = TlsConfig::new().map_err(|error| SettingsError::System { error: error.to_string() })?;
        let context = Arc::new(PoolContext::new(pool_options, tls));
        let pool = NameServerPool::from_config(nameservers, context, TokioRuntimeProvider::default());
        let client = RetryDnsHandle::new(pool, settings.attempts);
        let client = if settings.dnssec {
            Client::Validating(DnssecDnsHandle::with_trust_anchor(client, Arc::new(trust_anchors(settings)?)))
        } else {
            Client::Plain(client)
        };
        let hosts =
            if settings.nameservers.is_empty() { Hosts::from_system().unwrap_or_default() } else { Hosts::default() };
        Ok(Lookup {
            client,
            options,
            hosts,
            answers: Mutex::new(ExpiringCache::new(settings.cache_entries)),
            permits: Semaphore::new(settings.max_lookups.max(1)),
            lookup_timeout: settings.lookup_timeout,
        })
    }

    /// The records of this type that a name has, in A-labels without the dot that ends it; aliases are followed.
    pub(super) async fn records(&self, name: &str, record_type: RecordType) -> Result<Arc<Answer>, ResolveError> {
        let question = || Question { name: name.to_owned(), record_type: record_type.to_string() };
        // A name that has room for no more labels has no SRV or TLSA records; it takes malice to have such a domain.
        let absolute = Name::from_ascii(format!("{name}.")).map_err(|_| NotAHost(name.to_owned()))?;
        let key = (absolute, record_type);
        if let Some(answer) = self.answers.lock().get(&key, Instant::now()) {
            return Ok(answer);
        }
        let within = self.lookup_timeout;
        let answer = timeout(within, self.ask(&key.0, record_type))
            .await
            .unwrap_or(Err(Fault::Net(NetError::Timeout)))
            .map_err(|fault| self.error(question(), fault))?;
        let expires = Instant::now() + answer.ttl;
        let answer = Arc::new(answer);
        if !answer.ttl.is_zero() {
            self.answers.lock().insert(key, answer.clone(), expires);
        }
        Ok(answer)
    }

    async fn ask(&self, name: &Name, record_type: RecordType) -> Result<Answer, Fault> {
        if let Some(lookup) = self.hosts.lookup_static_host(&Query::query(name.clone(), record_type)) {
            let records: Vec<_> = lookup.answers().iter().map(|record| record.data.clone()).collect();
            if !records.is_empty() {
                // The file was read once, so there is nothing that could expire.
                return Ok(Answer { content: Content::Records(records), secure: false, ttl: Duration::ZERO });
            }
        }
        let _permit = self.permits.acquire().await.expect("the semaphore is never closed");
        let mut name = name.clone();
        let (mut secure, mut ttl) = (true, Duration::MAX);
        for _ in 0..=MAX_ALIASES {
            let query = pin!(self.client.query(Query::query(name.clone(), record_type), self.options));
            // What others wrote is read in there.
            let response = caught(query).await.map_err(|_| Fault::Panicked)?;
            match answer::read(response, &name, record_type, self.client.is_validating())? {
                Step::Answer(mut answer) => {
                    answer.secure &= secure;
                    answer.ttl = answer.ttl.min(ttl);
                    return Ok(answer);
                }
                Step::Alias { name: alias, secure: alias_secure, ttl: alias_ttl } => {
                    name = alias;
                    secure &= alias_secure;
                    ttl = ttl.min(alias_ttl);
                }
            }
        }
        Err(Fault::TooManyAliases)
    }

    fn error(&self, question: Question, fault: Fault) -> ResolveError {
        match fault {
            Fault::Bogus => ResolveError::Bogus { question },
            Fault::TooManyAliases => ResolveError::TooManyAliases { question, limit: MAX_ALIASES },
            Fault::Net(NetError::Timeout) => ResolveError::Timeout { question, within: self.lookup_timeout },
            Fault::Net(NetError::Dns(DnsError::ResponseCode(code))) => {
                ResolveError::Refused { question, code: code.to_str().to_owned() }
            }
            Fault::Panicked => ResolveError::Transport { question, error: "the resolver library panicked".to_owned() },
            Fault::Net(error) => ResolveError::Transport { question, error: error.to_string() },
        }
    }
}

impl Client {
    async fn query(&self, query: Query, options: DnsRequestOptions) -> Result<DnsResponse, NetError> {
        match self {
            Client::Plain(client) => client.lookup(query, options).first_answer().await,
            Client::Validating(client) => client.lookup(query, options).first_answer().await,
        }
    }

    fn is_validating(&self) -> bool {
        matches!(self, Client::Validating(_))
    }
}

impl fmt::Debug for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lookup").field("validating", &self.client.is_validating()).finish_non_exhaustive()
    }
}

fn nameservers(settings: &ResolverSettings) -> Result<Vec<NameServerConfig>, SettingsError> {
    if settings.nameservers.is_empty() {
        let (config, _) =
            system_conf::read_system_conf().map_err(|error| SettingsError::System { error: error.to_string() })?;
        return Ok(config.name_servers().to_vec());
    }
    let nameserver = |address: &SocketAddr| {
        let connections = [ProtocolConfig::Udp, ProtocolConfig::Tcp].map(|protocol| {
            let mut connection = ConnectionConfig::new(protocol);
            connection.port = address.port();
            connection
        });
        NameServerConfig::new(address.ip(), true, connections.into())
    };
    Ok(settings.nameservers.iter().map(nameserver).collect())
}

fn trust_anchors(settings: &ResolverSettings) -> Result<TrustAnchors, SettingsError> {
    let Some(path) = &settings.trust_anchor else {
        return Ok(TrustAnchors::default());
    };
    let anchor_error = |error: String| SettingsError::TrustAnchor { path: path.clone(), error };
    let text = fs::read_to_string(path).map_err(|error| anchor_error(error.to_string()))?;
    let entries = trust_anchor::Parser::new(text.as_str()).parse().map_err(|error| anchor_error(error.to_string()))?;
    if entries.is_empty() {
        return Err(anchor_error("it holds no DNSKEY records".to_owned()));
    }
    TrustAnchors::from_str(&text).map_err(|error| anchor_error(error.to_string()))
}
