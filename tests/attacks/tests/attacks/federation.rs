//! A scene with other servers: domains of the attacker's that the server knows the way to, and their certificates.

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jabiru_attacks::peer::{self, Listening, SM, STARTTLS, element};
use jabiru_attacks::wire::{auth, trusting};
use jabiru_attacks::{Scene, Wire};
use rcgen::{CertificateParams, CertifiedIssuer, KeyPair, SanType};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ServerConfig};
use socket2::{Domain, Socket, Type};
use tempfile::TempDir;

use crate::certificates::{Shown, authority};

/// The attacker's domain.
pub(crate) const EVIL: &str = "evil.example";
/// A domain of somebody else, who is as much to be protected.
pub(crate) const HONEST: &str = "honest.example";

/// A scene with other servers.
pub(crate) struct Federation {
    pub(crate) scene: Scene,
    pub(crate) authority: CertifiedIssuer<'static, KeyPair>,
    pub(crate) evil: Listening,
    pub(crate) honest: Listening,
    _folder: TempDir,
}

impl Federation {
    /// With these lines in `[s2s]`, and these tables behind it.
    pub(crate) fn new(s2s: &str, tables: &str) -> Federation {
        Federation::hosting("", s2s, &[], tables)
    }

    /// The same where everybody who is asked by DNS is believed (XEP-0220).
    pub(crate) fn by_dialback(tables: &str) -> Federation {
        Federation::new("require = \"dialback\"\n", tables)
    }

    /// The same with other lines before all, and further domains that are all at one place.
    pub(crate) fn hosting(before: &str, s2s: &str, elsewhere: &[(&str, SocketAddr)], tables: &str) -> Federation {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let authority = authority("The authority");
        let path = folder.path().join("authority.crt");
        std::fs::write(&path, authority.pem()).expect("it is written");
        let [evil, honest] =
            [EVIL, HONEST].map(|domain| Listening::new(domain, serving(&of_domain(domain, &authority))));
        let mut routes = String::new();
        let listening = [(EVIL, evil.address()), (HONEST, honest.address())];
        for (domain, address) in listening.iter().chain(elsewhere) {
            writeln!(routes, "\"{domain}\" = \"{address}\"").expect("memory takes it");
        }
        // Nobody else can be found: there is no name server.
        let scene = Scene::new(&format!(
            "{before}\n[c2s]\n[s2s]\nsystem_authorities = false\nposh = false\nca = [{path:?}]\n{s2s}\n\
             [s2s.route]\n{routes}\n{tables}\n"
        ));
        Federation { scene, authority, evil, honest, _folder: folder }
    }

    /// What a server of this domain shows.
    pub(crate) fn shown(&self, domain: &str) -> Shown {
        of_domain(domain, &self.authority)
    }

    /// TLS of one who connects, with such a certificate or without.
    pub(crate) fn connecting(&self, shown: Option<&Shown>) -> ClientConfig {
        let config = trusting(&self.scene.server.certificate());
        match shown {
            Some(shown) => shown.config(config),
            None => config,
        }
    }

    /// A stream in clear, at its features.
    pub(crate) fn clear(&self, from: &str) -> Wire {
        let mut wire = Wire::connect(self.scene.server.s2s_starttls());
        wire.open(&peer::header(from, "localhost", ""));
        wire
    }

    /// A stream under TLS on which the header is due.
    pub(crate) fn secured(&self, from: &str, shown: Option<&Shown>) -> io::Result<Wire> {
        let mut wire = self.clear(from);
        wire.send(STARTTLS);
        wire.hear("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
        wire.start_tls(self.connecting(shown))
    }

    /// A stream under TLS, without a certificate, at its features: dialback is due.
    pub(crate) fn uncertified(&self, from: &str) -> (Wire, String) {
        let mut wire = self.secured(from, None).expect("the handshake succeeds");
        wire.open(&peer::header(from, "localhost", ""));
        let id = stream_id(&wire);
        (wire, id)
    }

    /// A stream of this domain that its certificate has proven.
    pub(crate) fn proven(&self, from: &str) -> Wire {
        self.proven_to(from, "localhost").0
    }

    /// The same to one of several domains, with what was offered.
    pub(crate) fn proven_to(&self, from: &str, to: &str) -> (Wire, String) {
        let mut wire = self.secured(from, Some(&self.shown(from))).expect("the handshake succeeds");
        let features = wire.open(&peer::header(from, to, ""));
        assert!(features.contains("<mechanism>EXTERNAL</mechanism>"), "{features}");
        wire.send(auth("EXTERNAL", from.as_bytes()));
        assert_eq!(wire.sasl_answer(), "success");
        let features = wire.open(&peer::header(from, to, ""));
        (wire, features)
    }

    /// Shows that stanzas of this domain arrive by this stream.
    pub(crate) fn arrives(&mut self, wire: &mut Wire, from: &str) {
        let xml = format!("<message from='romeo@{from}/orchard' to='juliet@localhost' type='chat' id='arrives'/>");
        assert!(wire.send(xml), "the stream is there");
        let message = self.scene.juliet.receive_message();
        assert_eq!(message.attribute("from").as_deref(), Some(&*format!("romeo@{from}/orchard")), "{message:?}");
        assert_eq!(message.attribute("id").as_deref(), Some("arrives"), "{message:?}");
    }

    /// Juliet writes to somebody of another domain.
    pub(crate) fn juliet_writes(&mut self, to: &str, id: &str) {
        self.scene
            .juliet
            .send(&format!("<message to='romeo@{to}' id='{id}' type='chat'><body>{SECRET}</body></message>"));
    }

    /// What Juliet is told about a message that did not arrive: the condition.
    pub(crate) fn juliet_is_told(&mut self, id: &str) -> String {
        let bounced = self.scene.juliet.receive_message();
        assert_eq!(bounced.attribute("type").as_deref(), Some("error"), "{bounced:?}");
        assert_eq!(bounced.attribute("id").as_deref(), Some(id), "{bounced:?}");
        let error = bounced.child("error", "jabber:client").expect("an error");
        let condition = error.children().find(|child| child.name() != "text");
        condition.expect("a condition").name().to_owned()
    }
}

/// What nobody may read who was not proven.
pub(crate) const SECRET: &str = "meet me in the orchard";

/// A certificate for a domain.
pub(crate) fn of_domain(domain: &str, authority: &CertifiedIssuer<'static, KeyPair>) -> Shown {
    Shown::new(names(&[domain]), Some(authority), vec![])
}

/// Names of servers in a certificate.
pub(crate) fn names(list: &[&str]) -> impl FnOnce(&mut CertificateParams) {
    let name = |name: &&str| SanType::DnsName((*name).try_into().expect("ASCII"));
    let list: Vec<SanType> = list.iter().map(name).collect();
    move |params| params.subject_alt_names = list
}

/// TLS of one who is connected to.
pub(crate) fn serving(shown: &Shown) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Always(shown.0.clone())))
}

/// Shows it, whoever asks for what.
#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl ResolvesServerCert for Always {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

/// The id of a stream whose header was heard.
pub(crate) fn stream_id(wire: &Wire) -> String {
    let text = wire.text();
    let header = text.split("<stream:stream ").last().unwrap_or_default();
    let header = format!("<stream:stream {header}");
    peer::attribute(&header, "id").unwrap_or_else(|| panic!("no id: {header}"))
}

/// A dialback key for a pair, shown.
pub(crate) fn shown_key(from: &str, to: &str, key: &str) -> String {
    format!("<db:result from='{from}' to='{to}'>{key}</db:result>")
}

/// A message of a user of `from` to one of `to`.
pub(crate) fn message(from: &str, to: &str) -> String {
    format!("<message from='{from}' to='{to}' type='chat'><body>forged</body></message>")
}

/// Shows that what Juliet writes to another server gets there in time.
pub(crate) fn reaches_honest(federation: &mut Federation, within: Duration) {
    let begin = Instant::now();
    federation.juliet_writes(HONEST, "others");
    let honest = federation.honest.accept_within(within).expect("others reach theirs");
    takes_a_message(federation, honest);
    assert!(begin.elapsed() < within, "{:?}", begin.elapsed());
}

/// Takes a message over this connection, acknowledges it, and closes the stream.
pub(crate) fn takes_a_message(federation: &Federation, connection: Wire) {
    let mut honest = federation.honest.secure(connection, "secured");
    federation.honest.establish(&mut honest, &[], &[SM]);
    honest.hear("<enable ");
    honest.send("<enabled xmlns='urn:xmpp:sm:3'/>");
    element(&mut honest, "message");
    honest.send("<a xmlns='urn:xmpp:sm:3' h='1'/></stream:stream>");
    assert_eq!(honest.ended(), "closed");
}

/// A place that takes connections and says nothing.
pub(crate) struct Silent {
    pub(crate) address: SocketAddr,
    _listener: Socket,
}

impl Silent {
    pub(crate) fn new() -> Silent {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a free port");
        // The system completes the connections; nobody takes them.
        listener.listen(4096).expect("it listens");
        let address = listener.local_addr().expect("it is bound").as_socket().expect("of IP");
        Silent { address, _listener: listener }
    }
}
