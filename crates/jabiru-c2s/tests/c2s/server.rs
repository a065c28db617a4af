//! A server in a thread pool of its own.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use jabiru_c2s::{C2s, RateLimits, Settings, Transport, hosted};
use jabiru_negotiation::scram::ScramCredentials;
use jabiru_negotiation::{Iterations, Mechanism, Policy, ScramHash};
use jabiru_net::{Admission, Identity, Listener, TlsSettings};
use jabiru_router::{Features, HostedDomains, InMemory, Router, RoutingBackend};
use jabiru_stanza::{BareJid, DomainPart, Jid};
use jabiru_storage::{Accounts, Credentials, MemoryAccounts, ScramCredential, block_on};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::runtime::Runtime;

use crate::client::Client;

/// What may be different from test to test.
pub(crate) struct Setup {
    pub(crate) policy: Policy,
    pub(crate) settings: Settings,
    pub(crate) backend: Arc<dyn RoutingBackend>,
    pub(crate) admission: Admission,
    pub(crate) transport: Transport,
    pub(crate) accounts: MemoryAccounts,
}

/// Serves `im.example` and `other.example`, with PLAIN and no TLS unless asked otherwise; every account has the
/// password `secret`.
pub(crate) struct Server {
    pub(crate) c2s: C2s,
    pub(crate) accounts: Arc<MemoryAccounts>,
    pub(crate) domains: HostedDomains,
    pub(crate) router: Router,
    pub(crate) address: SocketAddr,
    pub(crate) runtime: Runtime,
}

impl Server {
    pub(crate) fn start() -> Server {
        Server::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Setup)) -> Server {
        let domains: HostedDomains = ["im.example", "other.example"].map(domain).into_iter().collect();
        let policy = Policy {
            require_tls: false,
            starttls_available: false,
            plain_without_tls: true,
            mechanisms: vec![Mechanism::Plain, Mechanism::Anonymous],
            iterations: Iterations { sha1: 1, sha256: 1, sha512: 1 },
            ..Policy::new(hosted(domains.clone()), [7; 32])
        };
        let settings = Settings {
            closing_timeout: Duration::from_secs(1),
            rate: RateLimits::NONE,
            guesses: None,
            account_watch_interval: Duration::from_millis(20),
            ..Settings::default()
        };
        let mut setup = Setup {
            policy,
            settings,
            backend: Arc::new(InMemory::new()),
            admission: Admission::new(1000, 1000),
            transport: Transport::Plain,
            accounts: MemoryAccounts::new(),
        };
        change(&mut setup);
        let Setup { policy, settings, backend, admission, transport, accounts } = setup;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let accounts = Arc::new(accounts);
        let router = Router::new(backend, domains.clone(), Features::new());
        let c2s = C2s::new(policy, settings, router.clone(), accounts.clone());
        let listener = runtime.block_on(async { Listener::bind("127.0.0.1:0".parse().unwrap(), admission).unwrap() });
        let address = listener.local_address().unwrap();
        let serving = c2s.clone();
        runtime.spawn(async move { serving.serve(listener, transport).await });
        Server { c2s, accounts, domains, router, address, runtime }
    }

    /// Follows the accounts.
    pub(crate) fn watching(self) -> Server {
        let watching = self.c2s.clone();
        self.runtime.spawn(async move { watching.watch_accounts().await });
        self
    }

    pub(crate) fn add(&self, addresses: &[&str]) {
        for address in addresses {
            block_on(self.accounts.create(&bare(address), credentials())).unwrap();
        }
    }

    /// A client with a bound resource, by its full JID; its account is made if need be.
    pub(crate) fn log_in(&self, jid: &str) -> Client {
        let account = jid.split('/').next().unwrap();
        // It may be there already.
        let _ = block_on(self.accounts.create(&bare(account), credentials()));
        let mut client = Client::connect(self.address);
        client.log_in(jid);
        client
    }

    /// Waits until there are so many streams.
    pub(crate) fn await_streams(&self, count: usize) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.c2s.stream_count() != count {
            assert!(Instant::now() < deadline, "there are {} streams, not {count}", self.c2s.stream_count());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// How many resources the account has.
    pub(crate) fn resources(&self, account: &str) -> usize {
        let jid = Jid::new(account).unwrap();
        let key = jabiru_router::Account::of(&jid).unwrap();
        self.runtime.block_on(async { self.router.backend().snapshot(key).await.resources().len() })
    }
}

pub(crate) fn domain(name: &str) -> DomainPart {
    name.parse().unwrap()
}

pub(crate) fn bare(address: &str) -> BareJid {
    BareJid::new(address).unwrap()
}

pub(crate) fn credentials() -> Credentials {
    static KEYS: OnceLock<Credentials> = OnceLock::new();
    KEYS.get_or_init(|| {
        let made = ScramCredentials::create(ScramHash::Sha256, "secret", 1).unwrap();
        let (stored, server) = (made.keys.stored_key().to_vec(), made.keys.server_key().to_vec());
        let hash = jabiru_storage::ScramHash::Sha256;
        Credentials::new([ScramCredential::new(hash, 1, made.salt.clone(), stored, server).unwrap()]).unwrap()
    })
    .clone()
}

/// TLS as `im.example`, and the certificate to trust.
pub(crate) fn tls() -> (TlsSettings, CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed(["im.example".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let certificate = made.cert.der().clone();
    let identity = Identity::new(vec![certificate.clone()], key).unwrap();
    (TlsSettings::new(vec![("im.example".to_owned(), identity)], None).unwrap(), certificate)
}
