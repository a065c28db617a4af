//! A server of one domain, with a router and server streams, and an authority that all of them trust.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use jabiru_negotiation::DialbackSecret;
use jabiru_net::certificate::Roots;
use jabiru_net::{Admission, ClientCertificates, ConnectingTls, Identity, Listener, TlsSettings};
use jabiru_router::battery::Recorder;
use jabiru_router::{Features, HostedDomains, InMemory, OnConflict, ResourceId, Router};
use jabiru_s2s::resolve::{Resolver, ResolverSettings, Route};
use jabiru_s2s::{BackOff, Parts, Policy, Require, Rules, S2s, Settings, Transport};
use jabiru_stanza::{ContentNamespace, DomainPart, FullJid, Jid, RawElement, Stanza, StanzaError, ns};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What may be different from test to test.
pub(crate) struct Setup {
    pub(crate) settings: Settings,
    pub(crate) policy: Policy,
    pub(crate) identity: Identity,
    /// What the server answers itself.
    pub(crate) features: Features,
    pub(crate) direct_tls: bool,
    /// What its dialback keys are made from.
    pub(crate) secret: Vec<u8>,
}

/// A running server.
pub(crate) struct Site {
    pub(crate) domain: DomainPart,
    pub(crate) s2s: S2s,
    pub(crate) router: Router,
    pub(crate) hosted: HostedDomains,
    pub(crate) address: SocketAddr,
    direct_tls: bool,
    serving: Vec<tokio::task::JoinHandle<()>>,
}

impl Site {
    pub(crate) fn start(name: &str) -> Site {
        Site::with(name, |_| {})
    }

    /// One whose certificate proves nothing, and that believes others by dialback.
    pub(crate) fn by_dialback(name: &str) -> Site {
        Site::with(name, |setup| {
            setup.identity = self_signed(name);
            setup.policy.rules = dialback_allowed();
        })
    }

    pub(crate) fn with(name: &str, change: impl FnOnce(&mut Setup)) -> Site {
        let settings = Settings {
            closing_timeout: Duration::from_secs(2),
            back_off: BackOff { first: Duration::from_millis(20), longest: Duration::from_millis(50) },
            ..Settings::default()
        };
        let policy = Policy { dane: false, posh: false, ..Policy::new(authority().roots()) };
        let identity = authority().identity(&[name]);
        let features = Features::new();
        let mut setup = Setup { settings, policy, identity, features, direct_tls: false, secret: name.into() };
        change(&mut setup);
        let Setup { settings, policy, identity, features, direct_tls, secret } = setup;
        let domain: DomainPart = name.parse().unwrap();
        let hosted: HostedDomains = [domain.clone()].into_iter().collect();
        let identities = vec![(name.to_owned(), identity)];
        let tls = TlsSettings::new(identities.clone(), direct_tls.then_some("xmpp-server")).unwrap();
        tls.set_client_certificates(ClientCertificates::OfServers);
        let s2s = S2s::new(Parts {
            settings,
            policy,
            hosted: hosted.clone(),
            resolver: Resolver::new(resolving(&[])).unwrap(),
            tls: ConnectingTls::new(&identities, "xmpp-server"),
            dialback_secret: DialbackSecret::new(&secret),
        });
        let router = Router::new(Arc::new(InMemory::new()), hosted.clone(), features);
        let router = router.with_remote(Arc::new(s2s.clone()));
        s2s.connect_router(router.clone());
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), Admission::new(1000, 1000)).unwrap();
        let address = listener.local_address().unwrap();
        let mut site = Site { domain, s2s, router, hosted, address, direct_tls, serving: Vec::new() };
        let transport = if direct_tls { Transport::DirectTls(tls) } else { Transport::StartTls(tls) };
        site.serve(listener, transport);
        site
    }

    pub(crate) fn serve(&mut self, listener: Listener, transport: Transport) {
        let s2s = self.s2s.clone();
        self.serving.push(tokio::spawn(async move { s2s.serve(listener, transport).await }));
    }

    /// Lets nobody in any more, as a server that ends.
    pub(crate) fn stop_listening(&mut self) {
        for serving in self.serving.drain(..) {
            serving.abort();
        }
    }

    /// Says where others are.
    pub(crate) fn knows(&self, others: &[&Site]) {
        let routes: Vec<_> =
            others.iter().map(|other| (other.domain.clone(), other.address, other.direct_tls)).collect();
        self.s2s.set_resolver(Resolver::new(resolving(&routes)).unwrap());
    }

    /// Says that the server of a domain is at this address.
    pub(crate) fn routes(&self, domain: &DomainPart, address: SocketAddr) {
        self.s2s.set_resolver(Resolver::new(resolving(&[(domain.clone(), address, false)])).unwrap());
    }

    /// A resource, which keeps what it is given.
    pub(crate) async fn log_in(&self, jid: &str) -> Resource {
        let full = FullJid::new(jid).unwrap();
        let sink = Arc::new(Recorder::new());
        let registration = self.router.register(&full, sink.clone(), OnConflict::Refuse, 10).await.unwrap();
        Resource { jid: full.into(), id: registration.id, sink, router: self.router.clone() }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.stop_listening();
    }
}

/// A connected resource.
pub(crate) struct Resource {
    pub(crate) jid: Jid,
    id: ResourceId,
    pub(crate) sink: Arc<Recorder>,
    router: Router,
}

impl Resource {
    pub(crate) async fn send(&self, xml: &str) {
        let raw = RawElement::parse(xml, ns::CLIENT).unwrap();
        let mut stanza = Stanza::parse(raw, ContentNamespace::Client).unwrap();
        stanza.set_from(self.jid.clone());
        self.router.route(stanza).await;
    }

    pub(crate) async fn says(&self, to: &str, id: impl std::fmt::Display) {
        self.send(&format!("<message to='{to}' id='{id}' type='chat'><body>hi</body></message>")).await;
    }

    pub(crate) async fn log_out(&self) {
        self.router.unregister(self.jid.try_as_full().unwrap(), self.id).await;
    }

    /// Waits until so many stanzas have come, and gives the ids of all that have.
    pub(crate) async fn ids(&self, count: usize) -> Vec<String> {
        let has = || self.sink.ids().len();
        eventually(|| has() >= count, || format!("{} has only {}", self.jid, has())).await;
        self.sink.ids()
    }
}

impl Resource {
    /// How many errors came, and the texts of the first and the last.
    pub(crate) fn errors(&self) -> String {
        let errors: Vec<_> = self.sink.take().iter().filter_map(|stanza| StanzaError::parse(stanza.raw())).collect();
        format!("{} errors: {:?} … {:?}", errors.len(), errors.first(), errors.last())
    }
}

/// Waits, within reason, for what happens in other tasks.
pub(crate) async fn eventually(reached: impl Fn() -> bool, otherwise: impl Fn() -> String) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !reached() {
        assert!(Instant::now() < deadline, "{}", otherwise());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Compares what came with the numbers from 0, and tells only where they begin to differ.
pub(crate) fn assert_counted(ids: &[String], count: usize) {
    let wrong = ids.iter().enumerate().find(|(number, id)| number.to_string() != **id);
    assert!(wrong.is_none() && ids.len() == count, "{} of {count}, first wrong: {wrong:?}", ids.len());
}

pub(crate) fn dialback_allowed() -> Rules {
    Rules { require: Require::Dialback, require_tls: true }
}

fn resolving(routes: &[(DomainPart, SocketAddr, bool)]) -> ResolverSettings {
    let route = |address: &SocketAddr, direct_tls: bool| {
        vec![Route { host: address.ip().to_string().parse().unwrap(), port: address.port(), direct_tls }]
    };
    let routes: HashMap<_, _> =
        routes.iter().map(|(domain, address, direct)| (domain.clone(), route(address, *direct))).collect();
    // Nobody answers there, and at once.
    ResolverSettings { nameservers: vec!["127.0.0.1:1".parse().unwrap()], routes, ..ResolverSettings::default() }
}

/// The authority of the tests.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

pub(crate) fn authority() -> &'static Authority {
    static AUTHORITY: OnceLock<Authority> = OnceLock::new();
    AUTHORITY.get_or_init(|| {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, "the authority of these tests");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    })
}

impl Authority {
    pub(crate) fn roots(&self) -> Roots {
        Roots::new([self.0.der().clone()]).unwrap()
    }

    pub(crate) fn identity(&self, names: &[&str]) -> Identity {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        self.issue(&CertificateParams::new(names).unwrap())
    }

    pub(crate) fn issue(&self, params: &CertificateParams) -> Identity {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Identity::new(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap()).unwrap()
    }
}

/// A certificate that nobody vouches for.
pub(crate) fn self_signed(name: &str) -> Identity {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let certificate: CertificateDer<'static> = made.cert.der().clone();
    Identity::new(vec![certificate], PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap()).unwrap()
}
