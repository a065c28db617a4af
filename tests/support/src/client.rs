//! A client for tests: says what it is told to say and shows what it hears.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jabiru_stanza::{RawElement, SaslFailure, StreamError, StreamFeatures, ns};
use jabiru_xml::{Event, Limits, Reader};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use sasl::client::Mechanism;
use sasl::client::mechanisms::{Plain, Scram};
use sasl::common::scram::{Sha1, Sha256};
use sasl::common::{ChannelBinding, Credentials};

use crate::{PATIENCE, Server};

/// A client's stream.
pub struct Client {
    transport: Transport,
    reader: Reader,
    received: Vec<u8>,
    /// Everything that was read since the stream was opened.
    heard: Vec<u8>,
    /// The full JID, once bound.
    pub jid: String,
}

/// How a client protects its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// STARTTLS.
    StartTls,
    /// TLS from the first octet.
    Direct,
}

/// Who logs in, and how.
#[derive(Clone, Copy, Debug)]
pub struct Login<'a> {
    /// The localpart.
    pub user: &'a str,
    /// The password.
    pub password: &'a str,
    /// The SASL mechanism: PLAIN, or SCRAM-SHA-1 or -256, with or without -PLUS (tls-exporter).
    pub mechanism: &'a str,
}

enum Transport {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
    Closed,
}

/// A client's own certificate and key.
type Own = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// A stanza grows on its way by what the server stamps on it, so a client must take more than a server does.
const LIMITS: Limits = Limits { max_element_bytes: 4 << 20, ..Limits::AUTHENTICATED };

impl Client {
    /// Opens a connection without saying anything.
    #[must_use]
    pub fn connect(address: SocketAddr) -> Client {
        let socket = TcpStream::connect(address).expect("the server listens");
        socket.set_nodelay(true).expect("the option can be set");
        socket.set_read_timeout(Some(PATIENCE)).expect("the option can be set");
        socket.set_write_timeout(Some(PATIENCE)).expect("the option can be set");
        Client {
            transport: Transport::Plain(socket),
            reader: Reader::new(LIMITS),
            received: Vec::new(),
            heard: Vec::new(),
            jid: String::new(),
        }
    }

    /// Opens a stream to `localhost` that is protected, up to the stream features.
    #[must_use]
    pub fn secure(server: &Server, security: Security) -> (Client, StreamFeatures) {
        let mut client;
        match security {
            Security::StartTls => {
                client = Client::connect(server.starttls());
                let features = client.open();
                assert_eq!(features.starttls(), Some(true), "STARTTLS is mandatory");
                client.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
                let proceed = client.receive();
                assert!(proceed.is("proceed", ns::TLS), "{proceed:?}");
            }
            Security::Direct => client = Client::connect(server.direct_tls()),
        }
        client.start_tls(&server.certificate());
        let features = client.open();
        (client, features)
    }

    /// Opens a stream to another domain over direct TLS, up to the stream features.
    #[must_use]
    pub fn secure_to(server: &Server, domain: &str) -> (Client, StreamFeatures) {
        let mut client = Client::connect(server.direct_tls());
        client.start_tls_to(domain, &server.certificate_of(domain));
        let features = client.open_to(domain);
        (client, features)
    }

    /// As [`secure`](Self::secure) over direct TLS, showing a certificate of its own: the chain and its key in PEM.
    #[must_use]
    pub fn secure_with(server: &Server, certificate: &str, key: &str) -> (Client, StreamFeatures) {
        let chain = CertificateDer::pem_slice_iter(certificate.as_bytes()).collect::<Result<_, _>>();
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a private key in PEM");
        let mut client = Client::connect(server.direct_tls());
        client.handshake("localhost", &server.certificate(), Some((chain.expect("a chain in PEM"), key)));
        let features = client.open();
        (client, features)
    }

    /// Logs in to another domain over direct TLS, and binds a resource.
    ///
    /// # Errors
    /// The SASL failure, if there was one.
    pub fn log_in_to(
        server: &Server,
        domain: &str,
        login: Login<'_>,
        resource: Option<&str>,
    ) -> Result<Client, SaslFailure> {
        let (mut client, _) = Client::secure_to(server, domain);
        client.authenticate(login)?;
        let features = client.open_to(domain);
        assert!(features.bind(), "{features:?}");
        client.bind(resource);
        Ok(client)
    }

    /// Logs in and binds a resource.
    ///
    /// # Errors
    /// The SASL failure, if there was one.
    pub fn log_in(
        server: &Server,
        security: Security,
        login: Login<'_>,
        resource: Option<&str>,
    ) -> Result<Client, SaslFailure> {
        let (mut client, features) = Client::secure(server, security);
        assert!(features.mechanisms().iter().any(|name| name == login.mechanism), "{features:?}");
        client.authenticate(login)?;
        let features = client.open();
        assert!(features.bind(), "{features:?}");
        client.bind(resource);
        Ok(client)
    }

    /// As [`log_in`](Self::log_in) over STARTTLS with SCRAM, and available at once.
    #[must_use]
    pub fn online(server: &Server, user: &str, password: &str, resource: &str) -> Client {
        let login = Login { user, password, mechanism: "SCRAM-SHA-256-PLUS" };
        let mut client = Client::log_in(server, Security::StartTls, login, Some(resource)).expect("the login holds");
        client.send("<presence/>");
        // The server answers requests in order: once this is answered, the presence has been processed.
        client.ping();
        client
    }

    /// Opens a stream (again), up to its features.
    pub fn open(&mut self) -> StreamFeatures {
        self.open_to("localhost")
    }

    /// Opens a stream to this domain, up to its features.
    pub fn open_to(&mut self, domain: &str) -> StreamFeatures {
        self.send_header(domain);
        match self.event() {
            Event::StreamOpen(root) => assert_eq!(root.attribute("from").as_deref(), Some(domain)),
            other => panic!("a stream header was due: {other:?}"),
        }
        let features = self.receive();
        StreamFeatures::parse(&features).unwrap_or_else(|| panic!("stream features were due: {features:?}"))
    }

    /// Begins a stream to this domain, and awaits nothing.
    pub fn send_header(&mut self, domain: &str) {
        self.heard.clear();
        self.reader = Reader::new(LIMITS);
        self.send(&format!(
            "<?xml version='1.0'?><stream:stream to='{domain}' version='1.0' xml:lang='en' xmlns='jabber:client' \
             xmlns:stream='http://etherx.jabber.org/streams'>",
        ));
    }

    /// Starts TLS, trusting this certificate alone, for `localhost`.
    pub fn start_tls(&mut self, trusted: &CertificateDer<'static>) {
        self.start_tls_to("localhost", trusted);
    }

    /// Starts TLS, trusting this certificate alone, for this domain.
    pub fn start_tls_to(&mut self, domain: &str, trusted: &CertificateDer<'static>) {
        self.handshake(domain, trusted, None);
    }

    fn handshake(&mut self, domain: &str, trusted: &CertificateDer<'static>, own: Option<Own>) {
        let Transport::Plain(socket) = std::mem::replace(&mut self.transport, Transport::Closed) else {
            panic!("TLS twice");
        };
        let mut roots = RootCertStore::empty();
        roots.add(trusted.clone()).expect("a certificate");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots);
        let config = match own {
            Some((chain, key)) => config.with_client_auth_cert(chain, key).expect("a key of the certificate"),
            None => config.with_no_client_auth(),
        };
        let name = ServerName::try_from(domain.to_owned()).expect("a name");
        let session = ClientConnection::new(Arc::new(config), name).expect("a session");
        let mut tls = Box::new(StreamOwned::new(session, socket));
        while tls.conn.is_handshaking() {
            tls.conn.complete_io(&mut tls.sock).expect("the handshake succeeds");
        }
        self.transport = Transport::Tls(tls);
    }

    /// One SASL negotiation.
    ///
    /// # Errors
    /// The failure, if there was one.
    pub fn authenticate(&mut self, login: Login<'_>) -> Result<(), SaslFailure> {
        let binding = match (&self.transport, login.mechanism.ends_with("-PLUS")) {
            (Transport::Tls(tls), true) => {
                let keying = tls.conn.export_keying_material(vec![0; 32], b"EXPORTER-Channel-Binding", Some(&[]));
                ChannelBinding::TlsExporter(keying.expect("TLS 1.3"))
            }
            _ => ChannelBinding::None,
        };
        let credentials = Credentials::default()
            .with_username(login.user)
            .with_password(login.password)
            .with_channel_binding(binding);
        let mut mechanism: Box<dyn Mechanism> = match login.mechanism.trim_end_matches("-PLUS") {
            "SCRAM-SHA-1" => Box::new(Scram::<Sha1>::from_credentials(credentials).expect("credentials")),
            "SCRAM-SHA-256" => Box::new(Scram::<Sha256>::from_credentials(credentials).expect("credentials")),
            "PLAIN" => Box::new(Plain::from_credentials(credentials).expect("credentials")),
            other => panic!("no such mechanism: {other}"),
        };
        let initial = STANDARD.encode(mechanism.initial());
        self.send(&format!("<auth xmlns='{}' mechanism='{}'>{initial}</auth>", ns::SASL, login.mechanism));
        loop {
            let answer = self.receive();
            if let Some(failure) = SaslFailure::parse(&answer) {
                return Err(failure);
            }
            let data = STANDARD.decode(answer.text().as_bytes()).expect("base64");
            if answer.is("success", ns::SASL) {
                mechanism.success(&data).expect("the server proves that it knows the password too");
                return Ok(());
            }
            assert!(answer.is("challenge", ns::SASL), "{answer:?}");
            let response = STANDARD.encode(mechanism.response(&data).expect("the challenge is sound"));
            self.send(&format!("<response xmlns='{}'>{response}</response>", ns::SASL));
        }
    }

    /// Binds a resource, or has one made.
    pub fn bind(&mut self, resource: Option<&str>) {
        let resource = resource.map(|name| format!("<resource>{name}</resource>")).unwrap_or_default();
        self.send(&format!("<iq type='set' id='bind'><bind xmlns='{}'>{resource}</bind></iq>", ns::BIND));
        let answer = self.receive();
        let jid = answer.child("bind", ns::BIND).and_then(|bind| bind.child("jid", ns::BIND));
        self.jid = jid.unwrap_or_else(|| panic!("a JID was due: {answer:?}")).text().into_owned();
    }

    /// Sends as it is.
    pub fn send(&mut self, xml: &str) {
        self.try_send(xml.as_bytes()).unwrap_or_else(|error| panic!("can't send {xml}: {error}"));
    }

    /// Sends any bytes, to a server that may not listen any more.
    ///
    /// # Errors
    /// What the socket says.
    pub fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.transport {
            Transport::Plain(socket) => socket.write_all(bytes),
            Transport::Tls(tls) => tls.write_all(bytes).and_then(|()| tls.flush()),
            Transport::Closed => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Everything that was read since the stream was opened, as it came.
    #[must_use]
    pub fn heard(&self) -> &[u8] {
        &self.heard
    }

    /// Waits until everything sent so far has been processed.
    pub fn ping(&mut self) {
        self.send("<iq type='get' id='ping' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>");
        loop {
            let answer = self.receive();
            if answer.name() == "iq" && answer.attribute("id").as_deref() == Some("ping") {
                return;
            }
            assert_eq!(answer.name(), "presence", "only presence may come in between: {answer:?}");
        }
    }

    /// The next first-level element.
    #[must_use]
    pub fn receive(&mut self) -> RawElement {
        match self.event() {
            Event::Element(element) => element,
            other => panic!("an element was due: {other:?}"),
        }
    }

    /// The next message; presence before it is passed over.
    #[must_use]
    pub fn receive_message(&mut self) -> RawElement {
        loop {
            let element = self.receive();
            if element.name() != "presence" {
                assert_eq!(element.name(), "message", "{element:?}");
                return element;
            }
        }
    }

    /// The stream error that ends the stream, its closing tag and the end of the connection.
    #[must_use]
    pub fn receive_stream_error(&mut self) -> StreamError {
        loop {
            let element = self.receive();
            if let Some(error) = StreamError::parse(&element) {
                assert!(matches!(self.event(), Event::StreamClose), "the stream is closed after the error");
                assert!(self.is_at_end(), "the connection ends after the stream");
                return error;
            }
        }
    }

    /// Has the server ended the connection, with nothing before? One that is only silent has not been ended.
    #[must_use]
    pub fn is_at_end(&mut self) -> bool {
        let ended = match self.fill() {
            Ok(count) => count == 0,
            Err(error) => !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut),
        };
        ended && self.received.is_empty()
    }

    /// Closes the stream and awaits the server's end of it.
    pub fn close(mut self) {
        self.send("</stream:stream>");
        while !matches!(self.event(), Event::StreamClose) {}
    }

    /// The next event of the stream.
    #[must_use]
    pub fn event(&mut self) -> Event {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut rest = self.received.as_slice();
            let event = self.reader.read(&mut rest).unwrap_or_else(|error| {
                panic!("the server sent what can't be read: {error}: {}", String::from_utf8_lossy(&self.received))
            });
            let taken = self.received.len() - rest.len();
            self.received.drain(..taken);
            if let Some(event) = event {
                return event;
            }
            assert!(Instant::now() < deadline, "nothing came");
            match self.fill() {
                Ok(0) => panic!("the connection ended"),
                Ok(_) => {}
                Err(error) => panic!("nothing came: {error}"),
            }
        }
    }

    fn fill(&mut self) -> io::Result<usize> {
        let mut buffer = [0; 4096];
        let count = match &mut self.transport {
            Transport::Plain(socket) => socket.read(&mut buffer)?,
            Transport::Tls(tls) => tls.read(&mut buffer)?,
            Transport::Closed => return Err(io::ErrorKind::NotConnected.into()),
        };
        self.received.extend_from_slice(&buffer[..count]);
        self.heard.extend_from_slice(&buffer[..count]);
        Ok(count)
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("jid", &self.jid).finish_non_exhaustive()
    }
}
