//! A client that writes what it is told, octet by octet, and looks for text in what comes.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use socket2::{Domain, Socket, Type};

trait Transport: Read + Write {}

impl<T: Read + Write> Transport for T {}

pub(crate) struct Client {
    transport: Box<dyn Transport>,
    pub(crate) socket: TcpStream,
    received: Vec<u8>,
}

/// What a broken server makes a test wait before it fails.
const PATIENCE: Duration = Duration::from_secs(10);

impl Client {
    pub(crate) fn connect(server: SocketAddr) -> Client {
        Client::over(TcpStream::connect(server).unwrap())
    }

    /// From another address of this machine, such as 127.0.0.2.
    pub(crate) fn connect_from(address: &str, server: SocketAddr) -> Client {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::new(address.parse::<IpAddr>().unwrap(), 0).into()).unwrap();
        socket.connect(&server.into()).unwrap();
        Client::over(socket.into())
    }

    /// Whose system takes little before the client has read it.
    pub(crate) fn connect_narrow(server: SocketAddr) -> Client {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        socket.connect(&server.into()).unwrap();
        Client::over(socket.into())
    }

    fn over(socket: TcpStream) -> Client {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_nodelay(true).unwrap();
        Client { transport: Box::new(socket.try_clone().unwrap()), socket, received: Vec::new() }
    }

    /// Does the TLS handshake, trusting this certificate, with one of its own if there is one.
    pub(crate) fn start_tls(
        self,
        trusted: CertificateDer<'static>,
        own: Option<(CertificateDer<'static>, PrivateKeyDer<'static>)>,
    ) -> Client {
        let mut roots = RootCertStore::empty();
        roots.add(trusted).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match own {
            Some((certificate, key)) => builder.with_client_auth_cert(vec![certificate], key).unwrap(),
            None => builder.with_no_client_auth(),
        };
        let name = ServerName::try_from("im.example").unwrap();
        let mut session = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut socket = self.socket.try_clone().unwrap();
        while session.is_handshaking() {
            session.complete_io(&mut socket).unwrap();
        }
        Client { transport: Box::new(StreamOwned::new(session, socket)), ..self }
    }

    pub(crate) fn send(&mut self, text: &str) {
        self.transport.write_all(text.as_bytes()).unwrap();
        self.transport.flush().unwrap();
    }

    /// Sends the stream header, and reads the answer with the stream features.
    pub(crate) fn open(&mut self, domain: &str) -> String {
        self.send(&header(domain));
        self.until("</stream:features>")
    }

    /// Up to the bound resource.
    pub(crate) fn log_in(&mut self, jid: &str) {
        let (account, resource) = jid.split_once('/').unwrap();
        let (name, domain) = account.split_once('@').unwrap();
        self.open(domain);
        assert_eq!(self.authenticate(name, "secret"), None);
        self.open(domain);
        self.send(&bind(resource));
        self.until("</iq>");
    }

    /// By PLAIN; gives the SASL failure's condition, if it is one.
    pub(crate) fn authenticate(&mut self, name: &str, password: &str) -> Option<String> {
        let response = STANDARD.encode(format!("\0{name}\0{password}"));
        self.send(&format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{response}</auth>"));
        self.outcome()
    }

    /// The condition of the SASL failure, `None` for success.
    pub(crate) fn outcome(&mut self) -> Option<String> {
        let answer = self.until_any(&["</failure>", "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"]);
        let failure = answer.split_once("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><")?.1;
        Some(failure.split(['/', '>', ' ']).next().unwrap().to_owned())
    }

    /// Reads up to this text, and gives all that came until then.
    pub(crate) fn until(&mut self, end: &str) -> String {
        self.until_any(&[end])
    }

    pub(crate) fn until_any(&mut self, ends: &[&str]) -> String {
        let longest = ends.iter().map(|end| end.len()).max().unwrap_or(0);
        let mut looked_at = 0;
        loop {
            let fresh = &self.received[looked_at..];
            let find = |end: &&str| {
                fresh.windows(end.len()).position(|found| found == end.as_bytes()).map(|at| at + end.len())
            };
            if let Some(at) = ends.iter().filter_map(find).min() {
                let rest = self.received.split_off(looked_at + at);
                return String::from_utf8(std::mem::replace(&mut self.received, rest)).unwrap();
            }
            looked_at = self.received.len().saturating_sub(longest);
            if self.read() == 0 {
                panic!("the stream ended before any of {ends:?} came: {}", String::from_utf8_lossy(&self.received));
            }
        }
    }

    /// Everything up to the end of the connection.
    pub(crate) fn rest(&mut self) -> String {
        while self.read() > 0 {}
        String::from_utf8(std::mem::take(&mut self.received)).unwrap()
    }

    fn read(&mut self) -> usize {
        let mut buffer = [0; 16 * 1024];
        let count = match self.transport.read(&mut buffer) {
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => 0,
            Err(error) => panic!("{error} after {}", String::from_utf8_lossy(&self.received)),
        };
        self.received.extend_from_slice(&buffer[..count]);
        count
    }

    /// Asks something that any server refuses, and reads up to the answer: all that came before it. Whatever had been
    /// sent to this client before has come by then (RFC 6120 §10.1).
    pub(crate) fn sync(&mut self, id: &str) -> String {
        self.send(&format!("<iq type='get' id='{id}'><sync xmlns='urn:test'/></iq>"));
        let before = self.until(&format!(" id='{id}'"));
        self.until("</iq>");
        before
    }
}

pub(crate) fn header(domain: &str) -> String {
    format!(
        "<?xml version='1.0'?><stream:stream to='{domain}' version='1.0' xmlns='jabber:client' \
         xmlns:stream='http://etherx.jabber.org/streams'>"
    )
}

pub(crate) fn bind(resource: &str) -> String {
    format!(
        "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>{resource}</resource></bind></iq>"
    )
}

/// What a stream ends with: the error's condition, and the rest of the error.
pub(crate) fn stream_error(text: &str) -> (&str, &str) {
    let error = text.split_once("<stream:error><").unwrap_or_else(|| panic!("no stream error: {text}")).1;
    let (error, end) = error.split_once("</stream:error>").unwrap();
    assert_eq!(end, "</stream:stream>");
    let (condition, more) = error.split_once(" xmlns='urn:ietf:params:xml:ns:xmpp-streams'").unwrap();
    (condition, more)
}
