//! A server of one of the judge's domains.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::incoming::Step;
use super::{Incoming, Offers, ServerSide, Srv, dns};
use crate::client::{Client, Features, Identity, Kind, TlsOptions};
use crate::ns;
use crate::subject::{Scope, ServerCertificate};
use crate::tree::{Element, differences};

/// How often connections are looked at while something is awaited.
const INTERVAL: Duration = Duration::from_millis(2);

/// The host below its domain that it is at.
const HOST: &str = "xmpp";

/// A server of a domain that no other case has, played by the judge. Made by
/// [`Subject::server`](crate::Subject::server).
#[derive(Debug)]
pub struct PeerServer {
    scope: Arc<Scope>,
    side: ServerSide,
    domain: String,
    listener: TcpListener,
    /// What TLS is done with, in either direction.
    options: TlsOptions,
    offers: Offers,
    incoming: Vec<Incoming>,
    /// Does who connects begin with TLS?
    begins_with_tls: bool,
    patience: Option<Duration>,
    pings: usize,
}

impl PeerServer {
    /// One that listens, can be found, and has a certificate that is good for its domain.
    pub(crate) fn new(scope: Arc<Scope>, side: ServerSide, role: &str, domain: String) -> std::io::Result<PeerServer> {
        let listener = TcpListener::bind((side.dns.host(), 0))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        scope.dialogue.add("", Kind::Note, &format!("{role} is {domain}, which listens on port {port}"));
        let identity = side.authority.certify_peer(&ServerCertificate { dns: &[&domain], ..Default::default() });
        let server = PeerServer {
            scope,
            side,
            domain,
            listener,
            options: TlsOptions::with_identity(identity),
            offers: Offers::default(),
            incoming: Vec::new(),
            begins_with_tls: false,
            patience: None,
            pings: 0,
        };
        server.is_found_by(&[server.target(10)]);
        server.is_at(HOST);
        Ok(server)
    }

    /// Its domain.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.listener.local_addr().map_or(0, |address| address.port())
    }

    /// A target of this priority: a host below its domain, and the port that it listens on. A subject that does not ask for
    /// addresses is led to a name that every system knows.
    #[must_use]
    pub fn target(&self, priority: u16) -> Srv {
        let own = self.side.asks_for_addresses || self.side.dns.host() != Ipv4Addr::LOCALHOST;
        let target = if own { format!("{HOST}.{}", self.domain) } else { "localhost".to_owned() };
        Srv { priority, weight: 1, port: self.port(), target }
    }

    /// Has `_xmpp-server._tcp` lead to these targets.
    pub fn is_found_by(&self, targets: &[Srv]) {
        self.side.dns.knows_service("xmpp-server", &self.domain, targets);
    }

    /// Has the host `name` below its domain be where it listens; empty for the domain itself.
    pub fn is_at(&self, name: &str) {
        let host = if name.is_empty() { self.domain.clone() } else { format!("{name}.{}", self.domain) };
        let address = self.listener.local_addr().map_or(Ipv4Addr::LOCALHOST, dns::ipv4);
        self.side.dns.knows_address(&host, address);
    }

    /// Is found as a server where streams begin with TLS (`_xmpps-server._tcp`, XEP-0368), and as no other.
    pub fn begins_with_tls(&mut self) {
        self.is_not_found();
        self.side.dns.knows_service("xmpps-server", &self.domain, &[self.target(10)]);
        self.is_at(HOST);
        self.begins_with_tls = true;
    }

    /// Takes all records of its domain out of the DNS.
    pub fn is_not_found(&self) {
        self.side.dns.forgets(&self.domain);
    }

    /// Has no SRV records, but an address, where it listens on the port of server streams (RFC 6120 §3.2.2).
    ///
    /// # Errors
    /// If that port is taken.
    pub fn listens_on_the_registered_port(&mut self) -> std::io::Result<()> {
        /// xmpp-server (RFC 6120 §14.7).
        const PORT: u16 = 5269;
        /// Each case has an address of loopback for itself.
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let octet = u8::try_from(number % 200).unwrap_or(0);
        let own = u8::try_from(std::process::id() % 200).unwrap_or(0);
        self.listener = TcpListener::bind((Ipv4Addr::new(127, 77, own, octet), PORT))?;
        self.listener.set_nonblocking(true)?;
        self.is_not_found();
        self.is_at("");
        Ok(())
    }

    /// Shows this certificate from now on, in either direction.
    pub fn shows(&mut self, identity: Arc<Identity>) -> &mut PeerServer {
        self.options.identity = Some(identity);
        self
    }

    /// Shows a certificate that the authority has signed with these contents.
    pub fn is_certified(&mut self, wanted: &ServerCertificate<'_>) -> &mut PeerServer {
        let identity = self.side.authority.certify_peer(wanted);
        self.shows(identity)
    }

    /// Offers this to who connects.
    pub fn offers(&mut self, offers: Offers) -> &mut PeerServer {
        self.offers = offers;
        self
    }

    /// Waits this long for what comes from now on, instead of what is usual; `None` for that again.
    pub fn waits(&mut self, limit: Option<Duration>) -> &mut PeerServer {
        self.patience = limit;
        self
    }

    /// What TLS is done with.
    #[must_use]
    pub fn tls_options(&self) -> &TlsOptions {
        &self.options
    }

    /// The header that it opens streams with.
    #[must_use]
    pub fn header(&self) -> String {
        self.header_with(&format!("from='{}' to='$domain' version='1.0' xml:lang='en'", self.domain))
    }

    /// A header with other attributes.
    #[must_use]
    pub fn header_with(&self, attributes: &str) -> String {
        format!(
            "<?xml version='1.0'?><stream:stream {attributes} xmlns='{}' xmlns:db='{}' xmlns:stream='{}'>",
            ns::SERVER,
            ns::DIALBACK,
            ns::STREAM
        )
    }

    /// Connects to the subject in clear, and says nothing.
    ///
    /// # Panics
    /// If nobody listens.
    #[must_use]
    #[track_caller]
    pub fn connects(&self) -> Client {
        let address = &self.side.starttls;
        match Client::connect_server(Arc::clone(&self.scope), address, self.header()) {
            Ok(client) => client,
            Err(error) => panic!("can't connect to {address}: {error}"),
        }
    }

    /// Connects with TLS from the first octet (XEP-0368), and says nothing within it; `None` if the subject takes no such
    /// streams.
    ///
    /// # Panics
    /// If that fails.
    #[must_use]
    #[track_caller]
    pub fn connects_with_tls(&self, options: &TlsOptions) -> Option<Client> {
        let address = self.side.direct_tls.as_ref()?;
        let mut client = match Client::connect_server(Arc::clone(&self.scope), address, self.header()) {
            Ok(client) => client,
            Err(error) => panic!("can't connect to {address}: {error}"),
        };
        client.shakes_hands(options);
        Some(client)
    }

    /// A stream to the subject under TLS, with our certificate shown, and the subject's features.
    ///
    /// # Panics
    /// If that fails.
    #[must_use]
    #[track_caller]
    pub fn secure(&self) -> (Client, Features) {
        self.secure_with(&self.options)
    }

    /// The same with TLS as the case wants it.
    ///
    /// # Panics
    /// If that fails.
    #[must_use]
    #[track_caller]
    pub fn secure_with(&self, options: &TlsOptions) -> (Client, Features) {
        let mut client = self.connects();
        let features = client.opens();
        assert!(features.starttls().is_some(), "STARTTLS is not offered to servers: {}", features.0);
        client.sends(format!("<starttls xmlns='{}'/>", ns::TLS));
        client.receives(format!("<proceed xmlns='{}'/>", ns::TLS));
        client.shakes_hands(options);
        let features = client.opens();
        (client, features)
    }

    /// A stream to the subject on which our certificate has proved our domain, and the subject's features.
    ///
    /// # Panics
    /// If that fails.
    #[must_use]
    #[track_caller]
    pub fn authenticated(&self) -> Client {
        let (mut client, features) = self.secure();
        assert!(features.offers("EXTERNAL"), "EXTERNAL is not offered: {}", features.0);
        client.sends_auth("EXTERNAL", Some(self.domain.as_bytes()));
        let answer = client.receives_sasl_answer();
        assert!(answer.is_success(), "EXTERNAL for {} failed: {answer:?}", self.domain);
        client.opens();
        client
    }

    /// Takes the next connection of the subject's, and says nothing.
    ///
    /// # Panics
    /// If none comes.
    #[must_use]
    #[track_caller]
    pub fn accepts(&mut self) -> Client {
        let deadline = self.scope.deadline(self.patience);
        loop {
            if let Some(client) = self.next_connection() {
                return client;
            }
            assert!(Instant::now() < deadline, "the subject was to connect to {}, and does not", self.domain);
            std::thread::sleep(INTERVAL);
        }
    }

    /// The next element that the subject sends to this server and that is not negotiation, on whatever connection; they are
    /// accepted and negotiated as it [offers](Self::offers).
    ///
    /// # Panics
    /// If none comes, or a stanza comes before the stream is negotiated.
    #[track_caller]
    pub fn receives_any(&mut self) -> Element {
        self.receives_with_stream().1
    }

    /// The same, and the place in [`incoming`](Self::incoming) of its connection.
    ///
    /// # Panics
    /// As [`receives_any`](Self::receives_any).
    #[track_caller]
    pub fn receives_with_stream(&mut self) -> (usize, Element) {
        match self.receives_until(|_| false) {
            Some(found) => found,
            None => panic!("something was due from the subject for {}, but nothing came in time", self.domain),
        }
    }

    /// The next element that comes within `limit`, if one does.
    ///
    /// # Panics
    /// If a stanza comes before the stream is negotiated.
    #[track_caller]
    pub fn receives_within(&mut self, limit: Duration) -> Option<Element> {
        let usual = self.patience.replace(limit);
        let found = self.receives_until(|_| false);
        self.patience = usual;
        found.map(|(_, element)| element)
    }

    /// The next element as [`receives_any`](Self::receives_any), which has to be this one; see
    /// [`differences`] for what may be left open.
    ///
    /// # Panics
    /// If something else comes.
    #[track_caller]
    pub fn receives(&mut self, xml: impl AsRef<str>) -> Element {
        let expected = Element::parse_within(&self.scope.expand(xml.as_ref()), ns::SERVER);
        let received = self.receives_any();
        let found = differences(&expected, &received);
        assert!(found.is_empty(), "{}\n  expected: {expected}\n  received: {received}", found.join("\n"));
        received
    }

    /// Serves connections until `enough` holds, and proves that no element for the case came before.
    ///
    /// # Panics
    /// If one came, or it takes too long.
    #[track_caller]
    pub fn serves_until(&mut self, enough: impl Fn(&[Incoming]) -> bool) {
        if let Some((_, element)) = self.receives_until(&enough) {
            panic!("nothing was to come, but this did: {element}");
        }
        assert!(enough(&self.incoming), "the subject did not do in time what was due: {:?}", self.incoming);
    }

    /// The connections that it has accepted and serves.
    #[must_use]
    pub fn incoming(&mut self) -> &mut Vec<Incoming> {
        &mut self.incoming
    }

    /// Proves that the subject has processed all that was sent on `stream`, which has to be proven.
    ///
    /// # Panics
    /// If it does not answer, or something else comes.
    #[track_caller]
    pub fn settles(&mut self, stream: &mut Client) {
        let come = self.collects(stream);
        assert!(come.is_empty(), "nothing was to come, but this did: {come:?}");
    }

    /// The same; what has come to this server until then.
    ///
    /// # Panics
    /// If the subject does not answer.
    #[track_caller]
    pub fn collects(&mut self, stream: &mut Client) -> Vec<Element> {
        self.pings += 1;
        let id = format!("settles-{}", self.pings);
        let from = &self.domain;
        // Any answer will do.
        stream.sends(format!("<iq type='get' id='{id}' from='{from}' to='$domain'><ping xmlns='{}'/></iq>", ns::PING));
        let mut come = Vec::new();
        loop {
            let element = self.receives_any();
            if element.is("iq", ns::SERVER) && element.attribute("id") == Some(&id) {
                return come;
            }
            come.push(element);
        }
    }

    fn next_connection(&self) -> Option<Client> {
        match self.listener.accept() {
            Ok((socket, _)) => {
                let (id, domain) = (self.scope.next_id(), &self.domain);
                let header = self.header_with(&format!("id='{id}' from='{domain}' version='1.0' xml:lang='en'"));
                let blocking = socket.set_nonblocking(false).map(|()| socket);
                blocking.and_then(|socket| Client::accepted(Arc::clone(&self.scope), socket, header)).ok()
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            // A connection that ended before it was taken.
            Err(_) => None,
        }
    }

    /// Serves connections until an element comes, or `enough` holds, or time is over.
    #[track_caller]
    fn receives_until(&mut self, enough: impl Fn(&[Incoming]) -> bool) -> Option<(usize, Element)> {
        let deadline = self.scope.deadline(self.patience);
        loop {
            while let Some(client) = self.next_connection() {
                let mut stream = Incoming::new(client);
                if self.begins_with_tls {
                    stream.takes_hands(&self.options);
                }
                self.incoming.push(stream);
            }
            for (place, stream) in self.incoming.iter_mut().enumerate() {
                loop {
                    match stream.step(self.offers, &self.options) {
                        Step::Element(element) => return Some((place, element)),
                        Step::Progress => {}
                        Step::Idle => break,
                    }
                }
            }
            if enough(&self.incoming) || Instant::now() >= deadline {
                return None;
            }
            std::thread::sleep(INTERVAL);
        }
    }
}

impl Drop for PeerServer {
    fn drop(&mut self) {
        self.is_not_found();
    }
}
