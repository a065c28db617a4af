//! A world for the machines: accounts, a clock that stands still, and a wire that cuts where it is told.
#![allow(dead_code, unreachable_pub, reason = "each test program uses its part of this")]
#![allow(clippy::unwrap_used, reason = "it is all test code")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jabiru_negotiation::scram::{ScramCredentials, ScramKeys};
use jabiru_negotiation::{
    AccountStatus, BindError, CertificateValidity, ClientCertificate, ClientStream, CredentialsAnswer, Event,
    InitiatingEvent, InitiatingPolicy, InitiatingStream, Iterations, Login, Mechanism, Policy, ScramHash, Security,
    TlsInfo,
};
use jabiru_stanza::{BareJid, DomainPart, FullJid, ResourcePart};
use jabiru_xml::{Limits, Reader};

pub const DOMAIN: &str = "im.example";
/// Few, for tests are many.
pub const ITERATIONS: u32 = 8;

/// What the listener allows, with few iterations.
pub fn policy() -> Policy {
    let domains: Vec<DomainPart> = vec![DOMAIN.parse().unwrap(), "other.example".parse().unwrap()];
    let mut policy = Policy::new(Arc::new(domains), [7; 32]);
    policy.iterations = Iterations { sha1: ITERATIONS, sha256: ITERATIONS, sha512: ITERATIONS };
    policy
}

pub fn tls() -> TlsInfo {
    TlsInfo { exporter: Some(vec![1; 32]), server_end_point: Some(vec![2; 32]), ..TlsInfo::default() }
}

/// The same, with a certificate of the initiating entity.
pub fn tls_with(addresses: &[&str], validity: CertificateValidity) -> TlsInfo {
    let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
    TlsInfo { client_certificate: Some(ClientCertificate { addresses, validity, not_after: None }), ..tls() }
}

/// What the storage says: `juliet` and two that may not log in have the password `r0m30 & co`; `broken` has no answer,
/// and of `guessed` there was too much guessing.
pub fn look_up(account: &BareJid, hash: ScramHash) -> CredentialsAnswer {
    let status = match account.node().unwrap().as_str() {
        "juliet" => AccountStatus::Active,
        "disabled" => AccountStatus::Disabled,
        "expired" => AccountStatus::CredentialsExpired,
        "broken" => return CredentialsAnswer::Unavailable,
        "guessed" => return CredentialsAnswer::Throttled,
        _ => return CredentialsAnswer::Unknown,
    };
    let salt = b"sixteen octets !".to_vec();
    let keys = ScramKeys::derive(hash, PASSWORD, &salt, ITERATIONS).unwrap();
    CredentialsAnswer::Found { credentials: ScramCredentials { keys, salt, iterations: ITERATIONS }, status }
}

pub const PASSWORD: &str = "r0m30 & co";

/// Binds as a server would: `taken` is in use, and there are three more ways to be refused.
pub fn bind(account: &BareJid, requested: Option<&ResourcePart>) -> Result<FullJid, BindError> {
    match requested.map(|resource| resource.as_str()) {
        None => Ok(account.with_resource_str("generated").unwrap()),
        Some("taken") => Err(BindError::Conflict),
        Some("full") => Err(BindError::ResourceConstraint),
        Some("forbidden") => Err(BindError::NotAllowed),
        Some("trouble") => Err(BindError::Internal),
        Some("away") => Err(BindError::Unavailable),
        Some(resource) => Ok(account.with_resource_str(resource).unwrap()),
    }
}

/// A receiving entity with everything around it, but for the wire.
pub struct Server {
    pub machine: ClientStream,
    pub now: Instant,
    reader: Reader,
    input: Vec<u8>,
    pub output: String,
    /// Everything reported, as `Debug` shows it, but for what was answered here.
    pub log: Vec<String>,
    pub established: Option<FullJid>,
    pub closed: bool,
    /// TLS comes up with this.
    pub tls: TlsInfo,
    /// TLS was asked for and the other side has to follow.
    pub starts_tls: bool,
}

impl Server {
    pub fn new(policy: Policy, security: Security) -> Server {
        let now = Instant::now();
        Server {
            machine: ClientStream::new(Arc::new(policy), security, now),
            now,
            reader: Reader::new(Limits::UNAUTHENTICATED),
            input: Vec::new(),
            output: String::new(),
            log: Vec::new(),
            established: None,
            closed: false,
            tls: tls(),
            starts_tls: false,
        }
    }

    /// Under TLS from the start.
    pub fn direct() -> Server {
        Server::new(policy(), Security::Tls(tls()))
    }

    /// In plaintext, with TLS required.
    pub fn plaintext() -> Server {
        Server::new(policy(), Security::Plaintext)
    }

    /// Takes what came over the wire and gives what is answered to it.
    pub fn receives(&mut self, bytes: &[u8]) -> String {
        self.input.extend_from_slice(bytes);
        while !self.closed && self.established.is_none() {
            let mut rest = self.input.as_slice();
            let read = self.reader.read(&mut rest);
            let taken = self.input.len() - rest.len();
            self.input.drain(..taken);
            match read {
                Ok(Some(event)) => self.machine.handle_event(event, self.now),
                Ok(None) => break,
                Err(error) => self.machine.handle_read_error(&error),
            }
            self.settle();
        }
        self.settle();
        std::mem::take(&mut self.output)
    }

    /// Says what a string stands for.
    pub fn hears(&mut self, xml: &str) -> String {
        self.receives(xml.as_bytes())
    }

    /// Acts on all events.
    pub fn settle(&mut self) {
        loop {
            let mut out = Vec::new();
            self.machine.take_output(&mut out);
            self.output.push_str(std::str::from_utf8(&out).unwrap());
            let Some(event) = self.machine.poll_event() else { return };
            match event {
                Event::StartTls => {
                    self.input.clear();
                    self.reader = Reader::new(Limits::UNAUTHENTICATED);
                    self.starts_tls = true;
                    self.machine.handle_tls(self.tls.clone(), self.now);
                }
                Event::RestartStream => self.reader = Reader::new(Limits::UNAUTHENTICATED),
                Event::LookUpCredentials { account, hash } => {
                    assert!(self.machine.is_waiting());
                    self.machine.handle_credentials(look_up(&account, hash), self.now);
                }
                Event::CheckPassword(check) => {
                    let shown = format!("{check:?}");
                    assert!(!shown.contains("r0m30"), "{shown}");
                    self.machine.handle_password_check(check.run(), self.now);
                }
                Event::BindResource { account, requested } => {
                    self.machine.handle_bind(bind(&account, requested.as_ref()));
                }
                Event::Established { jid, lang } => {
                    self.log.push(format!("established {jid} {lang:?}"));
                    self.established = Some(jid);
                }
                Event::Authenticated { account, mechanism } => {
                    self.log.push(format!("authenticated {account} {mechanism}"));
                }
                Event::AuthenticationFailed { account, condition, mechanism } => {
                    let account = account.map(|account| account.to_string()).unwrap_or_default();
                    let mechanism = mechanism.map(Mechanism::name).unwrap_or_default();
                    self.log.push(format!("failed {account} {mechanism} {}", condition.name()));
                }
                Event::Closed { error } => {
                    self.log.push(match error {
                        Some(error) => format!("closed {}", error.condition().name()),
                        None => "closed".to_owned(),
                    });
                    self.closed = true;
                }
            }
        }
    }

    /// The last thing reported.
    pub fn last(&self) -> &str {
        self.log.last().map(String::as_str).unwrap_or_default()
    }
}

/// An initiating entity with everything around it, but for the wire.
pub struct Client {
    pub machine: InitiatingStream,
    pub now: Instant,
    reader: Reader,
    input: Vec<u8>,
    pub tls: TlsInfo,
    pub log: Vec<InitiatingEvent>,
}

pub fn login(jid: &str, password: &str, resource: Option<&str>) -> Login {
    Login {
        resource: resource.map(|resource| resource.parse().unwrap()),
        ..Login::with_password(jid.parse().unwrap(), password.to_owned())
    }
}

impl Client {
    pub fn new(login: Login, policy: InitiatingPolicy, security: Security) -> Client {
        let now = Instant::now();
        Client {
            machine: InitiatingStream::new(login, policy, security, now),
            now,
            reader: Reader::new(Limits::AUTHENTICATED),
            input: Vec::new(),
            tls: tls(),
            log: Vec::new(),
        }
    }

    pub fn says(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        self.machine.take_output(&mut out);
        out
    }

    pub fn receives(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        loop {
            let mut rest = self.input.as_slice();
            let read = self.reader.read(&mut rest);
            let taken = self.input.len() - rest.len();
            self.input.drain(..taken);
            match read {
                Ok(Some(event)) => self.machine.handle_event(event, self.now),
                Ok(None) => return,
                Err(error) => self.machine.handle_read_error(&error),
            }
            while let Some(event) = self.machine.poll_event() {
                match event {
                    InitiatingEvent::StartTls => {
                        self.input.clear();
                        self.reader = Reader::new(Limits::AUTHENTICATED);
                        self.machine.handle_tls(self.tls.clone(), self.now);
                    }
                    InitiatingEvent::RestartStream => self.reader = Reader::new(Limits::AUTHENTICATED),
                    event => self.log.push(event),
                }
            }
            if matches!(self.log.last(), Some(InitiatingEvent::Closed { .. } | InitiatingEvent::Established { .. })) {
                return;
            }
        }
    }

    /// How it ended.
    pub fn end(&self) -> &InitiatingEvent {
        self.log.last().expect("nothing happened")
    }
}

/// Lets both talk until neither has more to say. `cut` divides what one says into what arrives at once.
pub fn converse(client: &mut Client, server: &mut Server, cut: impl Fn(&[u8]) -> Vec<Vec<u8>>) {
    // A negotiation has at most some ten turns: more is a quarrel.
    for _ in 0..40 {
        let said = client.says();
        let mut answer = String::new();
        for piece in cut(&said) {
            answer.push_str(&server.receives(&piece));
        }
        for piece in cut(answer.as_bytes()) {
            client.receives(&piece);
        }
        if said.is_empty() && answer.is_empty() {
            return;
        }
    }
    panic!("no end: {:?} {:?}", client.log, server.log);
}

/// At once.
pub fn whole(said: &[u8]) -> Vec<Vec<u8>> {
    if said.is_empty() { Vec::new() } else { vec![said.to_vec()] }
}

/// Octet by octet.
pub fn single(said: &[u8]) -> Vec<Vec<u8>> {
    said.iter().map(|octet| vec![*octet]).collect()
}

pub const TIMEOUT: Duration = Duration::from_secs(60);

/// The header that most dialogues begin with.
pub const HEADER: &str = "<stream:stream to='im.example' version='1.0' xmlns='jabber:client' \
                          xmlns:stream='http://etherx.jabber.org/streams'>";

pub const NS: &str = "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'";
pub const BIND: &str = "xmlns='urn:ietf:params:xml:ns:xmpp-bind'";

pub fn auth(mechanism: &str, message: &str) -> String {
    sasl("auth", &format!(" mechanism='{mechanism}'"), &STANDARD.encode(message))
}

pub fn sasl(name: &str, attributes: &str, content: &str) -> String {
    format!("<{name} xmlns='urn:ietf:params:xml:ns:xmpp-sasl'{attributes}>{content}</{name}>")
}

/// The condition of a `<failure/>` that is all there is, with or without a text for people.
pub fn refusal(answer: &str) -> &str {
    let content = answer.strip_prefix("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><");
    let content = content.and_then(|content| content.strip_suffix("</failure>"));
    let (condition, text) = content.and_then(|content| content.split_once("/>")).unwrap_or(("no failure", answer));
    let text_only = text.is_empty() || text.starts_with("<text xml:lang='en'>") && text.ends_with("</text>");
    assert!(text_only && text.matches("<text").count() < 2, "{answer}");
    condition
}

/// Under TLS and at the offer of mechanisms.
pub fn at_sasl() -> Server {
    let mut server = Server::direct();
    server.hears(HEADER);
    server
}

/// Authenticated, and at the offer to bind.
pub fn at_bind() -> Server {
    let mut server = at_sasl();
    server.hears(&auth("PLAIN", &format!("\0juliet\0{PASSWORD}")));
    assert_eq!(server.last(), "authenticated juliet@im.example PLAIN");
    server.hears(HEADER);
    server
}
