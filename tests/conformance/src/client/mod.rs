//! The suite's own client.
//!
//! It can say anything, cut anywhere ([`Client::sends_bytes`]), and it can do in one call what a
//! case takes for granted ([`Client::opens`], [`Client::binds`]). Nothing of it is shared with the
//! servers that it judges. Every wait ends: what is not there by then fails the case.

mod dialogue;
mod expect;
mod negotiate;
mod sasl;
mod stream;
mod tls;
mod wire;

use std::collections::VecDeque;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::{ClientConnection, Connection};

pub use self::dialogue::{Dialogue, Kind};
pub(crate) use self::expect::stanza_error;
pub use self::expect::{SASL_CONDITIONS, STANZA_CONDITIONS, STREAM_CONDITIONS, StreamErrorSeen};
pub use self::negotiate::{Features, HEADER};
pub use self::sasl::{Answer, Login};
pub use self::stream::{Header, Item};
pub use self::tls::{Identity, TlsOptions, Trust};

use self::stream::StreamParser;
use self::wire::{Found, Wire};
use crate::faults::Meddling;
use crate::ns;
use crate::subject::Scope;
use crate::tree::Element;

/// One connection to the server: as a client, or as another server, whoever of the two has connected.
pub struct Client {
    scope: Arc<Scope>,
    /// The content namespace: `jabber:client` or `jabber:server`.
    content: &'static str,
    /// The header that [`opens`](Self::opens) sends.
    initial: String,
    /// How the dialogue calls it.
    name: String,
    wire: Wire,
    parser: StreamParser,
    items: VecDeque<Item>,
    /// What came since the stream was opened, decrypted, as it came.
    heard: Vec<u8>,
    /// Why nothing more will come.
    ended: Option<String>,
    header: Option<Header>,
    /// The role whose account it uses.
    account: Option<String>,
    jid: String,
    /// Instead of the usual one.
    deadline: Option<Duration>,
    meddling: Option<Meddling>,
    pings: usize,
}

/// What came next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// A part of the stream.
    Item(Item),
    /// The end of the connection, in the way that the text tells.
    End(String),
    /// Nothing in time.
    Nothing,
}

impl Client {
    /// Connects to `address` and says nothing.
    ///
    /// # Errors
    /// What the socket says.
    pub(crate) fn connect(scope: Arc<Scope>, address: &str) -> std::io::Result<Client> {
        let wire = Wire::connect(address, scope.limit())?;
        let client = Client::on(scope, wire, ns::CLIENT, HEADER.to_owned());
        client.notes(&format!("connected to {address}"));
        Ok(client)
    }

    /// Connects to `address` as the server of a domain, whose header this is, and says nothing.
    ///
    /// # Errors
    /// What the socket says.
    pub(crate) fn connect_server(scope: Arc<Scope>, address: &str, header: String) -> std::io::Result<Client> {
        let wire = Wire::connect(address, scope.limit())?;
        let client = Client::on(scope, wire, ns::SERVER, header);
        client.notes(&format!("connected to {address}"));
        Ok(client)
    }

    /// A connection that the server has made to another one, which we are; `header` answers its own.
    ///
    /// # Errors
    /// What the socket says.
    pub(crate) fn accepted(scope: Arc<Scope>, socket: TcpStream, header: String) -> std::io::Result<Client> {
        let wire = Wire::new(socket, scope.limit())?;
        let client = Client::on(scope, wire, ns::SERVER, header);
        client.notes("the server has connected to us");
        Ok(client)
    }

    fn on(scope: Arc<Scope>, wire: Wire, content: &'static str, initial: String) -> Client {
        let name = scope.next_connection();
        let meddling = scope.meddling();
        Client {
            scope,
            content,
            initial,
            name,
            wire,
            parser: StreamParser::new(),
            items: VecDeque::new(),
            heard: Vec::new(),
            ended: None,
            header: None,
            account: None,
            jid: String::new(),
            deadline: None,
            meddling,
            pings: 0,
        }
    }

    /// Sends XML in which `$domain`, `$juliet` and the like stand for addresses (see
    /// [`Subject::expand`](crate::Subject::expand)).
    ///
    /// # Panics
    /// If the server does not take it.
    #[track_caller]
    pub fn sends(&mut self, xml: impl AsRef<str>) -> &mut Client {
        let xml = self.scope.expand(xml.as_ref());
        if let Err(error) = self.tries_to_send(xml.as_bytes()) {
            panic!("can't send {xml}: {error}");
        }
        self
    }

    /// Sends bytes as they are.
    ///
    /// # Panics
    /// If the server does not take them.
    #[track_caller]
    pub fn sends_bytes(&mut self, bytes: impl AsRef<[u8]>) -> &mut Client {
        if let Err(error) = self.tries_to_send(bytes.as_ref()) {
            panic!("can't send: {error}");
        }
        self
    }

    /// Sends XML as [`sends`](Self::sends) does, in pieces of so many bytes, each in a segment (or TLS record) of
    /// its own.
    ///
    /// # Panics
    /// If the server does not take it.
    #[track_caller]
    pub fn sends_in_pieces(&mut self, xml: impl AsRef<str>, bytes: usize) -> &mut Client {
        let xml = self.scope.expand(xml.as_ref());
        for piece in xml.as_bytes().chunks(bytes) {
            self.sends_bytes(piece);
        }
        self
    }

    /// Sends bytes to a server that may listen no more.
    ///
    /// # Errors
    /// What the socket says.
    pub fn tries_to_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.scope.dialogue.add(&self.name, Kind::Sent, &String::from_utf8_lossy(bytes));
        if let Some(meddling) = &mut self.meddling {
            meddling.sent(bytes);
        }
        self.wire.write(bytes)
    }

    /// Closes our half of the connection without a word: no closing tag; close_notify if there is TLS.
    pub fn hangs_up(&mut self) {
        self.scope.dialogue.add(&self.name, Kind::Note, "closed our half of the connection");
        self.wire.end();
    }

    /// The next part of the stream, white space included, or its end.
    ///
    /// # Panics
    /// If what comes can't be read.
    #[track_caller]
    pub fn receives_next(&mut self) -> Next {
        let deadline = self.scope.deadline(self.deadline);
        self.next_until(deadline)
    }

    /// The next part of the stream that comes within `limit`.
    ///
    /// # Panics
    /// If what comes can't be read.
    #[track_caller]
    pub fn receives_next_within(&mut self, limit: Duration) -> Next {
        let deadline = self.scope.deadline(Some(limit));
        self.next_until(deadline)
    }

    /// What has come already: the next part of the stream, without waiting for it.
    ///
    /// # Panics
    /// If what comes can't be read.
    #[track_caller]
    pub(crate) fn receives_now(&mut self) -> Next {
        self.next_until(Instant::now())
    }

    /// The header that [`opens`](Self::opens) sends, or that answers the other side's.
    #[must_use]
    pub fn own_header(&self) -> &str {
        &self.initial
    }

    /// Waits this long for what comes from now on, instead of what is usual; `None` for that again.
    pub fn waits(&mut self, limit: Option<Duration>) -> &mut Client {
        self.deadline = limit;
        self
    }

    /// The full JID, once a resource is bound; the bare one after authentication.
    #[must_use]
    pub fn jid(&self) -> &str {
        &self.jid
    }

    /// The role whose account it uses, such as `romeo`.
    #[must_use]
    pub fn role(&self) -> Option<&str> {
        self.account.as_deref()
    }

    /// The header that the server sent last.
    ///
    /// # Panics
    /// If there was none.
    #[must_use]
    #[track_caller]
    pub fn header(&self) -> &Header {
        self.header.as_ref().expect("the server has sent no stream header")
    }

    /// Everything that came since the stream was opened, as it came.
    #[must_use]
    pub fn heard(&self) -> String {
        String::from_utf8_lossy(&self.heard).into_owned()
    }

    /// Waits until this text has come since the stream was opened, without parsing it; all that has come.
    ///
    /// # Panics
    /// If it does not come.
    #[track_caller]
    pub fn hears(&mut self, text: &str) -> String {
        let deadline = self.scope.deadline(self.deadline);
        while !self.heard().contains(text) {
            assert!(self.ended.is_none(), "{text:?} was due, but the connection has ended");
            assert!(self.fill(deadline), "{text:?} was due, but nothing came in time");
        }
        self.heard()
    }

    /// The socket, for options and half-closing.
    #[must_use]
    pub fn socket(&self) -> &TcpStream {
        self.wire.socket()
    }

    /// The TLS session, if there is one that we have begun.
    #[must_use]
    pub fn tls(&self) -> Option<&ClientConnection> {
        match self.wire.tls()? {
            Connection::Client(session) => Some(session),
            Connection::Server(_) => None,
        }
    }

    /// Writes into the dialogue what can't be seen otherwise.
    pub fn notes(&self, text: &str) {
        self.scope.dialogue.add(&self.name, Kind::Note, text);
    }

    #[track_caller]
    fn next_until(&mut self, deadline: Instant) -> Next {
        loop {
            if let Some(item) = self.items.pop_front() {
                match &item {
                    Item::Header(header) => self.header = Some(header.clone()),
                    Item::Element(element) if self.is_ping_of_the_server(element) => continue,
                    Item::Element(_) | Item::Space | Item::Close => {}
                }
                return Next::Item(item);
            }
            match self.parser.next() {
                Ok(Some(item)) => {
                    self.items.push_back(item);
                    continue;
                }
                Ok(None) => {}
                Err(error) => panic!("the server sent what can't be read: {error}"),
            }
            if let Some(why) = &self.ended {
                return Next::End(why.clone());
            }
            if !self.fill(deadline) {
                return Next::Nothing;
            }
        }
    }

    /// Is it a request by which a server sees, on a stream to another one, whether that is there (XEP-0199)? It is free to
    /// send them whenever it likes; the judge neither expects nor answers them.
    fn is_ping_of_the_server(&self, element: &Element) -> bool {
        let of_domain = |from: &str| !from.contains(['@', '/']);
        self.content == ns::SERVER
            && element.is("iq", ns::SERVER)
            && element.attribute("type") == Some("get")
            && element.attribute("from").is_some_and(of_domain)
            && element.child("ping", ns::PING).is_some()
    }

    /// Reads something, or notes the end; false if nothing came in time.
    #[track_caller]
    fn fill(&mut self, deadline: Instant) -> bool {
        let mut buffer = [0; 8192];
        match self.wire.read(&mut buffer, deadline) {
            Found::Bytes(count) => match &mut self.meddling {
                None => self.hear(&buffer[..count]),
                Some(meddling) => {
                    let text = meddling.receives(&buffer[..count]);
                    self.hear(text.as_bytes());
                }
            },
            Found::TlsEnd => self.notes("the server has ended TLS"),
            Found::End(why) => {
                if let Some(meddling) = &mut self.meddling {
                    let (text, ended) = meddling.ends();
                    self.hear(text.as_bytes());
                    if !ended {
                        return false;
                    }
                }
                self.notes(&format!("the connection has ended: {why}"));
                self.ended = Some(why);
            }
            Found::Nothing => return false,
        }
        true
    }

    #[track_caller]
    fn hear(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.scope.dialogue.add(&self.name, Kind::Received, &String::from_utf8_lossy(bytes));
        self.heard.extend_from_slice(bytes);
        if let Err(error) = self.parser.feed(bytes) {
            panic!("the server sent what can't be read: {error}");
        }
    }

    /// Forgets the stream, so that the next thing due is a header.
    pub(crate) fn expects_new_stream(&mut self) {
        self.parser = StreamParser::new();
        self.items.clear();
        self.heard.clear();
        self.header = None;
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("name", &self.name).field("jid", &self.jid).finish_non_exhaustive()
    }
}
