//! An attacker's connection: any bytes in, all bytes out, and no belief in either.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jabiru_test_support::{PATIENCE, Server};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, ConnectionCommon, RootCertStore, ServerConfig, ServerConnection, SideData,
    StreamOwned,
};

use crate::witness::{self, Piece, Tree};

/// A sound stream header.
pub const HEADER: &str = "<?xml version='1.0'?><stream:stream to='localhost' version='1.0' xml:lang='en' \
     xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";

/// One connection, raw.
pub struct Wire {
    transport: Transport,
    /// Everything heard since the stream was opened.
    heard: Vec<u8>,
    /// How much of it [`hear`](Self::hear) has given out.
    given: usize,
}

enum Transport {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
    /// The attacker is the server: the other side has connected to it.
    Serving(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Wire {
    /// Connects and says nothing.
    ///
    /// # Panics
    /// If nobody listens.
    #[must_use]
    pub fn connect(address: SocketAddr) -> Wire {
        Wire::over(TcpStream::connect(address).expect("the server listens"))
    }

    /// Takes a socket that is connected.
    ///
    /// # Panics
    /// If its options can't be set.
    #[must_use]
    pub fn over(socket: TcpStream) -> Wire {
        socket.set_nodelay(true).expect("the option can be set");
        socket.set_read_timeout(Some(PATIENCE)).expect("the option can be set");
        socket.set_write_timeout(Some(PATIENCE)).expect("the option can be set");
        Wire { transport: Transport::Plain(socket), heard: Vec::new(), given: 0 }
    }

    /// Connects with direct TLS, trusting the server's own certificate.
    ///
    /// # Panics
    /// If the handshake fails.
    #[must_use]
    pub fn direct_tls(server: &Server) -> Wire {
        Wire::connect(server.direct_tls()).start_tls(trusting(&server.certificate())).expect("the handshake succeeds")
    }

    /// Does a TLS handshake for `localhost`.
    ///
    /// # Errors
    /// What TLS or the socket says.
    ///
    /// # Panics
    /// If there is TLS already.
    pub fn start_tls(self, config: ClientConfig) -> io::Result<Wire> {
        self.start_tls_with("localhost", config)
    }

    /// Does a TLS handshake for a name of which the certificate must be.
    ///
    /// # Errors
    /// What TLS or the socket says.
    ///
    /// # Panics
    /// If there is TLS already.
    pub fn start_tls_with(self, name: &'static str, config: ClientConfig) -> io::Result<Wire> {
        let Transport::Plain(socket) = self.transport else { panic!("TLS twice") };
        let name = ServerName::try_from(name).expect("a name");
        let session = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
        let mut tls = Box::new(StreamOwned::new(session, socket));
        while tls.conn.is_handshaking() {
            tls.conn.complete_io(&mut tls.sock)?;
        }
        Ok(Wire { transport: Transport::Tls(tls), heard: Vec::new(), given: 0 })
    }

    /// Does a TLS handshake as the server.
    ///
    /// # Errors
    /// What TLS or the socket says.
    ///
    /// # Panics
    /// If there is TLS already.
    pub fn serve_tls(self, config: Arc<ServerConfig>) -> io::Result<Wire> {
        let Transport::Plain(socket) = self.transport else { panic!("TLS twice") };
        let session = ServerConnection::new(config).map_err(io::Error::other)?;
        let mut tls = Box::new(StreamOwned::new(session, socket));
        while tls.conn.is_handshaking() {
            tls.conn.complete_io(&mut tls.sock)?;
        }
        Ok(Wire { transport: Transport::Serving(tls), heard: Vec::new(), given: 0 })
    }

    /// Lets the next stream begin, on the same connection: what was heard is forgotten.
    pub fn begin_anew(&mut self) {
        self.heard.drain(..self.given);
        self.given = 0;
    }

    /// Logs in with PLAIN over direct TLS and binds a resource; nothing heard is left.
    ///
    /// # Panics
    /// If any of that fails.
    #[must_use]
    pub fn bound(server: &Server, user: &str, password: &str, resource: &str) -> Wire {
        Wire::direct_tls(server).bind(user, password, resource)
    }

    /// Does the same over TLS that is there.
    ///
    /// # Panics
    /// If any of that fails.
    #[must_use]
    pub fn bind(mut self, user: &str, password: &str, resource: &str) -> Wire {
        self.authenticated(user, password);
        self.open(HEADER);
        self.send(format!(
            "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
             <resource>{resource}</resource></bind></iq>"
        ));
        let answer = self.hear("</iq>");
        assert!(answer.contains("<jid>") && answer.contains(resource), "{answer}");
        self
    }

    /// Opens a stream and logs in with PLAIN; the next thing due is a new stream header.
    ///
    /// # Panics
    /// If that fails.
    pub fn authenticated(&mut self, user: &str, password: &str) {
        self.open(HEADER);
        let answer = self.plain(format!("\0{user}\0{password}").as_bytes());
        assert_eq!(answer, "success");
        self.heard.clear();
        self.given = 0;
    }

    /// Sends a PLAIN message; returns as [`sasl_answer`](Self::sasl_answer).
    ///
    /// # Panics
    /// As that.
    pub fn plain(&mut self, message: &[u8]) -> String {
        self.send(auth("PLAIN", message));
        self.sasl_answer()
    }

    /// The server's next word in a SASL handshake: `success` or `challenge`, each with its decoded data behind a
    /// space if there is any, or the condition of a failure.
    ///
    /// # Panics
    /// If something else comes.
    pub fn sasl_answer(&mut self) -> String {
        let start = self.hear(">");
        let name = start.trim_start_matches('<').split([' ', '>']).next().unwrap_or_default().to_owned();
        assert!(start.contains("urn:ietf:params:xml:ns:xmpp-sasl"), "{start}");
        if start.ends_with("/>") {
            return name;
        }
        let content = self.hear(&format!("</{name}>"));
        let content = content.trim_end_matches(&format!("</{name}>"));
        if name == "failure" {
            return content.trim_start_matches('<').split(['/', ' ', '>']).next().unwrap_or_default().to_owned();
        }
        let data = STANDARD.decode(content).expect("base64");
        format!("{name} {}", String::from_utf8(data).expect("SCRAM is text"))
    }

    /// Opens a stream (again) up to its features, which are returned with the header.
    ///
    /// # Panics
    /// If no features come.
    pub fn open(&mut self, header: &str) -> String {
        self.heard.clear();
        self.given = 0;
        self.send(header);
        self.hear("</stream:features>")
    }

    /// Sends; false if the server does not take it any more.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        let bytes = bytes.as_ref();
        match &mut self.transport {
            Transport::Plain(socket) => socket.write_all(bytes).is_ok(),
            Transport::Tls(tls) => tls.write_all(bytes).and_then(|()| tls.flush()).is_ok(),
            Transport::Serving(tls) => tls.write_all(bytes).and_then(|()| tls.flush()).is_ok(),
        }
    }

    /// Waits for `end`; returns all that came up to it since the last time.
    ///
    /// # Panics
    /// If it does not come.
    pub fn hear(&mut self, end: &str) -> String {
        loop {
            let new = &self.heard[self.given..];
            if let Some(place) = new.windows(end.len()).position(|window| window == end.as_bytes()) {
                let text = String::from_utf8(new[..place + end.len()].to_vec()).expect("the server speaks UTF-8");
                self.given += place + end.len();
                return text;
            }
            let more = self.fill();
            assert!(more, "the server ended before it said {end:?}: {}", self.text());
        }
    }

    /// As [`hear`](Self::hear), but `None` if the server ends before.
    ///
    /// # Panics
    /// If nothing comes in time.
    pub fn hears(&mut self, end: &str) -> Option<String> {
        loop {
            let new = String::from_utf8_lossy(&self.heard[self.given..]);
            if new.contains(end) {
                return Some(self.hear(end));
            }
            if !self.fill() {
                return None;
            }
        }
    }

    /// Does nothing come for so long?
    ///
    /// # Panics
    /// If the option can't be set.
    pub fn is_silent_for(&mut self, time: Duration) -> bool {
        self.socket().set_read_timeout(Some(time)).expect("the option can be set");
        let before = self.heard.len();
        let mut buffer = [0; 4096];
        let result = match &mut self.transport {
            Transport::Plain(socket) => socket.read(&mut buffer),
            Transport::Tls(tls) => read_tls(&mut tls.conn, &mut tls.sock, &mut buffer),
            Transport::Serving(tls) => read_tls(&mut tls.conn, &mut tls.sock, &mut buffer),
        };
        self.socket().set_read_timeout(Some(PATIENCE)).expect("the option can be set");
        self.heard.extend_from_slice(&buffer[..*result.as_ref().unwrap_or(&0)]);
        let timed_out = |error: io::Error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
        self.heard.len() == before && result.is_err_and(timed_out)
    }

    /// Asks the server for an answer and waits for it: everything sent before has been processed then.
    /// Returns all that came before it.
    ///
    /// # Panics
    /// If it does not come.
    pub fn ping(&mut self) -> String {
        self.send("<iq type='get' id='wire-ping' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>");
        let mut heard = self.hear("wire-ping");
        heard.push_str(&self.hear(">"));
        heard
    }

    /// How the server ended the stream, after all it still had to say: see [`end_of`].
    pub fn ended(&mut self) -> String {
        while self.fill() {}
        end_of(&self.heard)
    }

    /// Everything heard since the stream was opened.
    #[must_use]
    pub fn heard(&self) -> &[u8] {
        &self.heard
    }

    /// The same as text, for people.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.heard).into_owned()
    }

    /// The TLS session.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn session(&self) -> &ClientConnection {
        match &self.transport {
            Transport::Tls(tls) => &tls.conn,
            Transport::Plain(_) | Transport::Serving(_) => panic!("no TLS of a client"),
        }
    }

    /// The socket below all.
    #[must_use]
    pub fn socket(&self) -> &TcpStream {
        match &self.transport {
            Transport::Plain(socket) => socket,
            Transport::Tls(tls) => &tls.sock,
            Transport::Serving(tls) => &tls.sock,
        }
    }

    /// The socket, and the TLS session if there is one.
    #[must_use]
    ///
    /// # Panics
    /// If the attacker is the server.
    pub fn into_parts(self) -> (TcpStream, Option<ClientConnection>) {
        match self.transport {
            Transport::Plain(socket) => (socket, None),
            Transport::Serving(_) => panic!("no TLS of a client"),
            Transport::Tls(tls) => {
                let StreamOwned { conn, sock } = *tls;
                (sock, Some(conn))
            }
        }
    }

    /// Reads something; false at the end of the connection, however it came.
    ///
    /// # Panics
    /// If nothing comes in time.
    fn fill(&mut self) -> bool {
        let mut buffer = [0; 4096];
        let result = match &mut self.transport {
            Transport::Plain(socket) => socket.read(&mut buffer),
            Transport::Tls(tls) => read_tls(&mut tls.conn, &mut tls.sock, &mut buffer),
            Transport::Serving(tls) => read_tls(&mut tls.conn, &mut tls.sock, &mut buffer),
        };
        match result {
            Ok(0) => false,
            Ok(count) => {
                self.heard.extend_from_slice(&buffer[..count]);
                true
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("nothing more came after: {}", self.text())
            }
            Err(_) => false,
        }
    }
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wire").field("heard", &self.text()).finish_non_exhaustive()
    }
}

/// Reads without writing first: a server that takes nothing more may still have said something.
fn read_tls<S: SideData>(
    session: &mut ConnectionCommon<S>,
    socket: &mut TcpStream,
    buffer: &mut [u8],
) -> io::Result<usize> {
    loop {
        match session.reader().read(buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            result => return result,
        }
        session.read_tls(socket)?;
        session.process_new_packets().map_err(io::Error::other)?;
    }
}

/// `<auth/>` with an initial response.
#[must_use]
pub fn auth(mechanism: &str, initial: &[u8]) -> String {
    let initial = if initial.is_empty() { "=".to_owned() } else { STANDARD.encode(initial) };
    format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='{mechanism}'>{initial}</auth>")
}

/// A client's TLS, versions 1.2 and 1.3, that trusts one certificate.
///
/// # Panics
/// If that is none.
#[must_use]
pub fn trusting(certificate: &CertificateDer<'static>) -> ClientConfig {
    trusting_with(certificate, &[&rustls::version::TLS13, &rustls::version::TLS12])
}

/// The same of chosen versions.
///
/// # Panics
/// If it is no certificate.
#[must_use]
pub fn trusting_with(
    certificate: &CertificateDer<'static>,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> ClientConfig {
    trusting_by(rustls::crypto::aws_lc_rs::default_provider(), certificate, versions)
}

/// The same with chosen cryptography.
///
/// # Panics
/// If it is no certificate, or the provider has nothing for these versions.
#[must_use]
pub fn trusting_by(
    provider: CryptoProvider,
    certificate: &CertificateDer<'static>,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).expect("a certificate");
    ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(versions)
        .expect("the provider has cipher suites for them")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// Writes every character as a reference, so that it arrives whatever it is.
#[must_use]
pub fn as_references(text: &str) -> String {
    text.chars().map(|character| format!("&#x{:x};", u32::from(character))).collect()
}

/// How a stream that was heard to its end did end: the condition of the stream error, `closed` without one,
/// `silence` if nothing was said, `cut` if the stream was not closed.
///
/// # Panics
/// If two parsers that are not ours can't read it, or read different things.
#[must_use]
pub fn end_of(heard: &[u8]) -> String {
    if heard.is_empty() {
        return "silence".to_owned();
    }
    if !heard.ends_with(b"</stream:stream>") {
        return "cut".to_owned();
    }
    let stream = read(heard);
    let Some(Piece::Element(last)) = stream.content.last() else { return "closed".to_owned() };
    if last.name != "error" || last.namespace != "http://etherx.jabber.org/streams" {
        return "closed".to_owned();
    }
    match last.content.first() {
        Some(Piece::Element(condition)) if condition.namespace == "urn:ietf:params:xml:ns:xmpp-streams" => {
            condition.name.clone()
        }
        other => panic!("a stream error without condition: {other:?}"),
    }
}

/// Reads a whole document with `xml` and `rxml`, which must agree.
///
/// # Panics
/// If they do not, or can't read it.
#[must_use]
pub fn read(document: &[u8]) -> Tree {
    let text = String::from_utf8_lossy(document);
    let by_rxml = witness::rxml(document).unwrap_or_else(|error| panic!("rxml: {error}: {text}"));
    match witness::xml(document) {
        Err(error) if witness::excused("xml", &error, document) => {}
        by_xml => assert_eq!(by_xml.unwrap_or_else(|error| panic!("xml: {error}: {text}")), by_rxml, "{text}"),
    }
    by_rxml
}
