//! A world for server streams: two servers, their certificates and keys, and a wire that cuts where it is told.
//!
//! `capulet.example` opens streams to `montague.example`, which also serves `rooms.montague.example`.
#![allow(dead_code, unreachable_pub, reason = "each test program uses its part of this")]
#![allow(clippy::unwrap_used, reason = "it is all test code")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jabiru_negotiation::{
    CertificateAnswer, DialbackSecret, DomainPair, InitiatingServerError, InitiatingServerEvent,
    InitiatingServerPolicy, InitiatingServerStream, KeyAnswer, KeyToVerify, ReceivingServerEvent,
    ReceivingServerPolicy, ReceivingServerStream, Security, ServerPurpose, TlsInfo, stream_management,
};
use jabiru_stanza::DomainPart;
use jabiru_xml::{Event, Limits, ReadError, Reader};

pub const CAPULET: &str = "capulet.example";
pub const MONTAGUE: &str = "montague.example";
pub const ROOMS: &str = "rooms.montague.example";

pub const TIMEOUT: Duration = Duration::from_secs(60);
pub const DIALBACK_TIMEOUT: Duration = Duration::from_secs(30);

pub fn pair(sender: &str, target: &str) -> DomainPair {
    DomainPair::new(sender.parse().unwrap(), target.parse().unwrap())
}

/// Each server has a secret of its own.
pub fn secret(server: &str) -> Arc<DialbackSecret> {
    Arc::new(DialbackSecret::new(server.as_bytes()))
}

/// What a server that serves these domains allows.
pub fn receiving_policy(domains: &[&str]) -> ReceivingServerPolicy {
    let hosted: Vec<DomainPart> = domains.iter().map(|domain| domain.parse().unwrap()).collect();
    let mut policy = ReceivingServerPolicy::new(Arc::new(hosted), secret(domains[0]));
    policy.stream_features = vec![stream_management::feature()];
    policy
}

pub fn montague() -> ReceivingServerPolicy {
    receiving_policy(&[MONTAGUE, ROOMS])
}

pub fn capulet() -> InitiatingServerPolicy {
    InitiatingServerPolicy::new(secret(CAPULET))
}

/// TLS in which the other side presented a certificate.
pub fn tls() -> TlsInfo {
    TlsInfo { peer_certificates: vec![vec![0x30]], ..TlsInfo::default() }
}

/// TLS in which it presented none.
pub fn tls_without_certificate() -> TlsInfo {
    TlsInfo::default()
}

/// One direction of a connection, as whoever reads it has it.
struct Wire {
    reader: Reader,
    input: Vec<u8>,
}

impl Wire {
    fn new() -> Wire {
        Wire { reader: Reader::new(Limits::AUTHENTICATED), input: Vec::new() }
    }

    fn next(&mut self) -> Option<Result<Event, ReadError>> {
        let mut rest = self.input.as_slice();
        let read = self.reader.read(&mut rest);
        let taken = self.input.len() - rest.len();
        self.input.drain(..taken);
        read.transpose()
    }

    fn restart(&mut self) {
        self.reader = Reader::new(Limits::AUTHENTICATED);
    }
}

/// What the receiving server does about keys.
pub enum Keys {
    /// It asks the authoritative server, which is a machine with this policy.
    Ask(ReceivingServerPolicy),
    /// It knows without asking.
    Answer(KeyAnswer),
    /// It gets no answer.
    Wait,
}

/// A receiving server with everything around it, but for the wire.
pub struct Receiver {
    pub machine: ReceivingServerStream,
    pub now: Instant,
    wire: Wire,
    output: String,
    /// Everything reported, in short.
    pub log: Vec<String>,
    /// TLS comes up with this.
    pub tls: TlsInfo,
    /// What is said of any certificate; `None`: nothing yet.
    pub judgement: Option<CertificateAnswer>,
    pub keys: Keys,
    /// Keys without an answer.
    pub asked: Vec<KeyToVerify>,
    pub starts_tls: bool,
    pub closed: bool,
}

impl Receiver {
    pub fn new(policy: ReceivingServerPolicy, security: Security) -> Receiver {
        let now = Instant::now();
        Receiver {
            machine: ReceivingServerStream::new(Arc::new(policy), security, now),
            now,
            wire: Wire::new(),
            output: String::new(),
            log: Vec::new(),
            tls: tls(),
            judgement: Some(CertificateAnswer::Proves),
            keys: Keys::Ask(receiving_policy(&[CAPULET])),
            asked: Vec::new(),
            starts_tls: false,
            closed: false,
        }
    }

    /// Under TLS from the start.
    pub fn direct() -> Receiver {
        Receiver::new(montague(), Security::Tls(tls()))
    }

    /// Takes what came over the wire and gives what is answered to it.
    pub fn receives(&mut self, bytes: &[u8]) -> String {
        self.wire.input.extend_from_slice(bytes);
        while !self.closed && !self.machine.is_waiting() {
            match self.wire.next() {
                Some(Ok(event)) => self.machine.handle_event(event, self.now),
                Some(Err(error)) => self.machine.handle_read_error(&error),
                None => break,
            }
            self.settle();
        }
        self.says()
    }

    /// Says what a string stands for.
    pub fn hears(&mut self, xml: &str) -> String {
        self.receives(xml.as_bytes())
    }

    pub fn says(&mut self) -> String {
        self.settle();
        std::mem::take(&mut self.output)
    }

    /// Acts on all events.
    pub fn settle(&mut self) {
        loop {
            let mut out = Vec::new();
            self.machine.take_output(&mut out);
            self.output.push_str(std::str::from_utf8(&out).unwrap());
            let Some(event) = self.machine.poll_event() else { return };
            match event {
                ReceivingServerEvent::StartTls => {
                    self.wire = Wire::new();
                    self.starts_tls = true;
                    self.machine.handle_tls(self.tls.clone(), self.now);
                }
                ReceivingServerEvent::RestartStream => self.wire.restart(),
                // Told by the answer itself.
                ReceivingServerEvent::KeyJudged { .. } => {}
                ReceivingServerEvent::JudgeCertificate { domain } => {
                    assert!(self.machine.is_waiting());
                    self.log.push(format!("judge {domain}"));
                    if let Some(judgement) = &self.judgement {
                        self.machine.handle_certificate(judgement.clone(), self.now);
                    }
                }
                ReceivingServerEvent::VerifyKey(claim) => {
                    self.log.push(format!("verify {}", claim.pair));
                    match &self.keys {
                        Keys::Ask(authority) => {
                            let answer = ask(authority, &claim);
                            self.machine.handle_key(&claim, answer.relayed(), self.now);
                        }
                        Keys::Answer(answer) => self.machine.handle_key(&claim, answer.clone(), self.now),
                        Keys::Wait => self.asked.push(claim),
                    }
                }
                ReceivingServerEvent::Proven { pair, by } => self.log.push(format!("proven {pair} {by}")),
                ReceivingServerEvent::Refused { pair, why } => {
                    let pair = pair.map(|pair| pair.to_string()).unwrap_or_default();
                    self.log.push(format!("refused {pair}: {why}"));
                }
                ReceivingServerEvent::BidiEnabled => self.log.push("bidi".to_owned()),
                ReceivingServerEvent::Element(element) => self.log.push(format!("element {}", element.name())),
                ReceivingServerEvent::Closed { error, peer_error } => {
                    let shown = |error: Option<jabiru_stanza::StreamError>| {
                        error.map_or("-", |error| error.condition().name()).to_owned()
                    };
                    self.log.push(format!("closed {} {}", shown(error), shown(peer_error)));
                    self.closed = true;
                }
            }
        }
    }

    pub fn last(&self) -> &str {
        self.log.last().map(String::as_str).unwrap_or_default()
    }

    pub fn is_proven(&self, sender: &str, target: &str) -> bool {
        let pair = pair(sender, target);
        self.machine.is_proven(&pair.sender, &pair.target)
    }
}

/// The receiving server asks an authoritative server, over a stream of its own.
pub fn ask(authority: &ReceivingServerPolicy, claim: &KeyToVerify) -> KeyAnswer {
    let purpose = ServerPurpose::Verify(vec![claim.clone()]);
    let mut policy = capulet();
    policy.dialback_secret = secret("nobody");
    let mut asking = Initiator::for_purpose(claim.pair.inverse(), purpose, policy, Security::Tls(tls()));
    let mut authority = Receiver::new(authority.clone(), Security::Tls(tls()));
    converse(&mut asking, &mut authority, whole);
    assert!(authority.machine.proven_pairs().is_empty() && asking.machine.accepted_pairs().is_empty());
    let (request, answer) = asking.verified.pop().expect("every key is answered");
    assert_eq!((request, asking.verified.len()), (claim.clone(), 0));
    answer
}

/// An initiating server with everything around it, but for the wire.
pub struct Initiator {
    pub machine: InitiatingServerStream,
    pub now: Instant,
    wire: Wire,
    pub tls: TlsInfo,
    /// Everything reported, in short; what is for diagnosis alone is left out.
    pub log: Vec<String>,
    pub verified: Vec<(KeyToVerify, KeyAnswer)>,
    /// Keys that the other side wants verified on a bidirectional stream.
    pub asked: Vec<KeyToVerify>,
    pub error: Option<InitiatingServerError>,
    pub closed: bool,
}

impl Initiator {
    pub fn for_purpose(
        pair: DomainPair,
        purpose: ServerPurpose,
        policy: InitiatingServerPolicy,
        security: Security,
    ) -> Initiator {
        let now = Instant::now();
        Initiator {
            machine: InitiatingServerStream::new(pair, purpose, Arc::new(policy), security, now),
            now,
            wire: Wire::new(),
            tls: tls(),
            log: Vec::new(),
            verified: Vec::new(),
            asked: Vec::new(),
            error: None,
            closed: false,
        }
    }

    pub fn new(policy: InitiatingServerPolicy, security: Security) -> Initiator {
        Initiator::for_purpose(pair(CAPULET, MONTAGUE), ServerPurpose::Stanzas, policy, security)
    }

    pub fn direct() -> Initiator {
        Initiator::new(capulet(), Security::Tls(tls()))
    }

    pub fn says(&mut self) -> String {
        self.settle();
        let mut out = Vec::new();
        self.machine.take_output(&mut out);
        String::from_utf8(out).unwrap()
    }

    pub fn receives(&mut self, bytes: &[u8]) {
        self.wire.input.extend_from_slice(bytes);
        while !self.closed {
            match self.wire.next() {
                Some(Ok(event)) => self.machine.handle_event(event, self.now),
                Some(Err(error)) => self.machine.handle_read_error(&error),
                None => break,
            }
            self.settle();
        }
    }

    /// Takes a string and gives what is answered to it.
    pub fn hears(&mut self, xml: &str) -> String {
        self.receives(xml.as_bytes());
        self.says()
    }

    pub fn settle(&mut self) {
        while let Some(event) = self.machine.poll_event() {
            match event {
                InitiatingServerEvent::StartTls => {
                    self.wire = Wire::new();
                    self.log.push("tls".to_owned());
                    self.machine.handle_tls(self.tls.clone(), self.now);
                }
                InitiatingServerEvent::RestartStream => self.wire.restart(),
                InitiatingServerEvent::Header(_)
                | InitiatingServerEvent::Features(_)
                | InitiatingServerEvent::Trying { .. } => {}
                InitiatingServerEvent::ExternalFailed(failure) => {
                    self.log.push(format!("EXTERNAL failed {}", failure.condition.name()));
                }
                InitiatingServerEvent::Proven { pair, by } => self.log.push(format!("proven {pair} {by}")),
                InitiatingServerEvent::NotAccepted { pair, answer } => {
                    self.log.push(format!("not accepted {pair} {answer}"));
                }
                InitiatingServerEvent::Established { features, bidi } => {
                    let sm = features.feature("sm", jabiru_stanza::ns::SM).is_some();
                    self.log.push(format!("established bidi={bidi} sm={sm}"));
                }
                InitiatingServerEvent::KeyVerified { request, answer } => self.verified.push((request, answer)),
                InitiatingServerEvent::VerifyKey(claim) => self.asked.push(claim),
                InitiatingServerEvent::Refused { pair, why } => self.log.push(format!("refused {pair}: {why}")),
                InitiatingServerEvent::Element(element) => self.log.push(format!("element {}", element.name())),
                InitiatingServerEvent::Closed { error } => {
                    self.log.push("closed".to_owned());
                    self.error = error;
                    self.closed = true;
                }
            }
        }
    }

    pub fn last(&self) -> &str {
        self.log.last().map(String::as_str).unwrap_or_default()
    }

    /// Why it ended.
    pub fn why(&self) -> String {
        assert!(self.closed, "{:?}", self.log);
        self.error.as_ref().map(ToString::to_string).unwrap_or_default()
    }

    pub fn is_proven(&self, sender: &str, target: &str) -> bool {
        let pair = pair(sender, target);
        self.machine.is_proven(&pair.sender, &pair.target)
    }
}

/// Lets both talk until neither has more to say. `cut` divides what one says into what arrives at once.
pub fn converse(initiator: &mut Initiator, receiver: &mut Receiver, cut: impl Fn(&[u8]) -> Vec<Vec<u8>>) {
    // A negotiation has at most some ten turns: more is a quarrel.
    for _ in 0..40 {
        let said = initiator.says();
        let mut answer = String::new();
        for piece in cut(said.as_bytes()) {
            answer.push_str(&receiver.receives(&piece));
        }
        answer.push_str(&receiver.says());
        for piece in cut(answer.as_bytes()) {
            initiator.receives(&piece);
        }
        if said.is_empty() && answer.is_empty() {
            return;
        }
    }
    panic!("no end: {:?} {:?}", initiator.log, receiver.log);
}

/// At once.
pub fn whole(said: &[u8]) -> Vec<Vec<u8>> {
    if said.is_empty() { Vec::new() } else { vec![said.to_vec()] }
}

/// Octet by octet.
pub fn single(said: &[u8]) -> Vec<Vec<u8>> {
    said.iter().map(|octet| vec![*octet]).collect()
}

pub const NS: &str = "xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' \
                      xmlns:db='jabber:server:dialback'";

/// The header that most dialogues begin with.
pub fn header(attributes: &str) -> String {
    format!("<stream:stream {attributes} version='1.0' {NS}>")
}

/// From capulet to montague.
pub fn usual() -> String {
    header("from='capulet.example' to='montague.example'")
}

/// The answer to it, with features.
pub fn answer(features: &str) -> String {
    let header = header("from='montague.example' to='capulet.example' id='s1'");
    format!("{header}<stream:features>{features}</stream:features>")
}

pub const STARTTLS: &str = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
pub const EXTERNAL: &str =
    "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>EXTERNAL</mechanism></mechanisms>";
pub const DIALBACK: &str = "<dialback xmlns='urn:xmpp:features:dialback'><errors/></dialback>";
pub const BIDI_FEATURE: &str = "<bidi xmlns='urn:xmpp:features:bidi'/>";
pub const BIDI: &str = "<bidi xmlns='urn:xmpp:bidi'/>";
pub const SUCCESS: &str = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
pub const MESSAGE: &str = "<message from='juliet@capulet.example' to='romeo@montague.example'/>";

/// `<auth/>` for EXTERNAL with this authorization identity.
pub fn auth(authzid: &str) -> String {
    let initial = if authzid.is_empty() { "=".to_owned() } else { STANDARD.encode(authzid) };
    format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>{initial}</auth>")
}

/// A dialback key shown for a pair.
pub fn key(from: &str, to: &str, key: &str) -> String {
    format!("<db:result from='{from}' to='{to}'>{key}</db:result>")
}

/// The condition of a stream error that is the last thing said but the end.
pub fn stream_error(said: &str) -> &str {
    let error = said.rsplit_once("<stream:error><").map(|(_, error)| error);
    match error.filter(|error| error.ends_with("</stream:error></stream:stream>")) {
        Some(error) => error.split([' ', '/', '>']).next().unwrap_or_default(),
        None => "none",
    }
}

/// The condition of a SASL failure that is the last thing said.
pub fn failure(said: &str) -> &str {
    match said.rsplit_once("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><") {
        Some((_, failure)) => failure.split("/>").next().unwrap_or_default(),
        None => "none",
    }
}

/// The condition of a dialback error that is all that was said.
pub fn dialback_error(said: &str) -> &str {
    let error = said.split_once(" type='error'><error type='").map(|(_, error)| error);
    match error.and_then(|error| error.split_once("'><")) {
        Some((_, error)) => error.split(' ').next().unwrap_or_default(),
        None => "none",
    }
}
