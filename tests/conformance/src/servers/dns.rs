//! Answers the subject's questions about the judge's own domains.
//!
//! Every server asks the DNS for the address of another (RFC 6120 §3.2): so this is how each of them is led to the judge,
//! whatever its configuration looks like. Known names are answered from a table, all others do not exist.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

/// How often the thread looks whether it is still wanted.
const PATIENCE: Duration = Duration::from_millis(200);

/// The longest question that is read.
const MAX_QUESTION: usize = 4096;

/// How long answers may be kept: not at all, for a case may change them.
const TTL: u32 = 0;

/// A target of an SRV record (RFC 2782).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Srv {
    /// The lower, the sooner.
    pub priority: u16,
    /// Among those of one priority.
    pub weight: u16,
    /// The port.
    pub port: u16,
    /// The host; empty for ".", by which a domain says that it has no such service.
    pub target: String,
}

/// What is known of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Record {
    Address(Ipv4Addr),
    Srv(Vec<Srv>),
}

type Table = Arc<Mutex<BTreeMap<String, Record>>>;

/// A name server on a UDP port; ended when dropped.
#[derive(Debug)]
pub struct Dns {
    address: SocketAddr,
    host: Ipv4Addr,
    table: Table,
    ended: Arc<AtomicBool>,
}

impl Dns {
    /// Listens on `address`; what it knows is at that address, too, unless it is said otherwise.
    ///
    /// # Errors
    /// If nobody can listen there.
    pub fn start(address: (Ipv4Addr, u16)) -> Result<Dns> {
        let socket = UdpSocket::bind(address).with_context(|| format!("no name server on {address:?}"))?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let dns = Dns {
            address: socket.local_addr()?,
            host: address.0,
            table: Table::default(),
            ended: Arc::new(AtomicBool::new(false)),
        };
        let (table, ended) = (Arc::clone(&dns.table), Arc::clone(&dns.ended));
        thread::Builder::new().name("name server".to_owned()).spawn(move || serve(&socket, &table, &ended))?;
        Ok(dns)
    }

    /// Where to ask.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the servers that it knows listen.
    #[must_use]
    pub fn host(&self) -> Ipv4Addr {
        self.host
    }

    /// From now on, `name` has this address.
    pub fn knows_address(&self, name: &str, address: Ipv4Addr) {
        self.knows(name, Record::Address(address));
    }

    /// From now on, `_SERVICE._tcp.DOMAIN` has these targets.
    pub fn knows_service(&self, service: &str, domain: &str, targets: &[Srv]) {
        self.knows(&format!("_{service}._tcp.{domain}"), Record::Srv(targets.to_vec()));
    }

    /// Forgets all about a domain.
    pub fn forgets(&self, domain: &str) {
        let below = format!(".{domain}");
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.retain(|name, _| name != domain && !name.ends_with(&below));
    }

    fn knows(&self, name: &str, record: Record) {
        self.table.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), record);
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

fn serve(socket: &UdpSocket, table: &Table, ended: &AtomicBool) {
    let mut question = [0; MAX_QUESTION];
    while !ended.load(Ordering::Relaxed) {
        // A time-out, or what an earlier answer came back as.
        let Ok((length, from)) = socket.recv_from(&mut question) else { continue };
        if let Some(answer) = answer(&question[..length], table) {
            // Who is gone asks no more.
            let _ = socket.send_to(&answer, from);
        }
    }
}

/// The answer to one question (RFC 1035 §4); `None` for what is none.
fn answer(question: &[u8], table: &Table) -> Option<Vec<u8>> {
    const A: u16 = 1;
    const SRV: u16 = 33;
    /// Response, authoritative, recursion available.
    const FLAGS: u16 = 0x8480;
    const NO_SUCH_NAME: u16 = 3;

    let is_query = question.get(2)? & 0x80 == 0;
    let (name, end) = name(question, 12)?;
    let kind = u16::from_be_bytes(question.get(end..end + 2)?.try_into().ok()?);
    let whole = question.get(12..end + 4)?;
    if !is_query {
        return None;
    }
    let name = name.to_ascii_lowercase();
    let table = table.lock().unwrap_or_else(PoisonError::into_inner);
    let found = table.get(&name);
    // A name exists, too, if there are names below it (RFC 8020).
    let exists = found.is_some() || table.keys().any(|known| known.ends_with(&format!(".{name}")));
    let data: Vec<(u16, Vec<u8>)> = match found {
        Some(Record::Address(address)) if kind == A => vec![(A, address.octets().to_vec())],
        Some(Record::Srv(targets)) if kind == SRV => targets.iter().map(|target| (SRV, srv(target))).collect(),
        Some(Record::Address(_) | Record::Srv(_)) | None => Vec::new(),
    };
    let recursion_desired = u16::from(question.get(2)? & 1) << 8;
    let code = if exists { 0 } else { NO_SUCH_NAME };
    let mut out = question.get(..2)?.to_vec();
    let authority = u16::from(data.is_empty());
    for number in [FLAGS | recursion_desired | code, 1, u16::try_from(data.len()).ok()?, authority, 0] {
        out.extend(number.to_be_bytes());
    }
    out.extend(whole);
    for (kind, data) in data {
        // The name is that of the question.
        record(&mut out, &[0xc0, 12], kind, TTL, &data);
    }
    if authority == 1 {
        // A start of authority of the root, so that a resolver knows how long to remember it: not at all.
        record(&mut out, &[0], 6, 0, &[[0; 22].as_slice()].concat());
    }
    Some(out)
}

fn record(out: &mut Vec<u8>, name: &[u8], kind: u16, ttl: u32, data: &[u8]) {
    const INTERNET: u16 = 1;
    out.extend(name);
    out.extend(kind.to_be_bytes());
    out.extend(INTERNET.to_be_bytes());
    out.extend(ttl.to_be_bytes());
    out.extend(u16::try_from(data.len()).unwrap_or(0).to_be_bytes());
    out.extend(data);
}

fn srv(Srv { priority, weight, port, target }: &Srv) -> Vec<u8> {
    let mut out = Vec::new();
    for number in [priority, weight, port] {
        out.extend(number.to_be_bytes());
    }
    for label in target.split('.').filter(|label| !label.is_empty()) {
        out.push(u8::try_from(label.len()).unwrap_or(0));
        out.extend(label.as_bytes());
    }
    out.push(0);
    out
}

/// The name at this place, which is not compressed in a question, and where it ends.
fn name(message: &[u8], mut at: usize) -> Option<(String, usize)> {
    let mut labels = Vec::new();
    loop {
        let length = usize::from(*message.get(at)?);
        at += 1;
        if length == 0 {
            return Some((labels.join("."), at));
        }
        labels.push(String::from_utf8_lossy(message.get(at..at + length)?).into_owned());
        at += length;
    }
}

/// The address of a socket on a host with IPv4, which all of ours are.
pub(crate) fn ipv4(address: SocketAddr) -> Ipv4Addr {
    match address.ip() {
        IpAddr::V4(address) => address,
        IpAddr::V6(_) => Ipv4Addr::LOCALHOST,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(name: &str, kind: u16) -> Vec<u8> {
        let mut out = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.') {
            out.push(u8::try_from(label.len()).unwrap());
            out.extend(label.as_bytes());
        }
        out.push(0);
        out.extend(kind.to_be_bytes());
        out.extend([0, 1]);
        out
    }

    #[test]
    fn questions_are_answered() {
        let dns = Dns::start((Ipv4Addr::LOCALHOST, 0)).unwrap();
        dns.knows_address("xmpp.verona.example", Ipv4Addr::new(127, 0, 0, 7));
        let target = Srv { priority: 1, weight: 2, port: 0x0304, target: "xmpp.verona.example".to_owned() };
        dns.knows_service("xmpp-server", "verona.example", &[target]);
        for (name, kind, code, count, tail) in [
            ("xmpp.VERONA.example", 1, 0, 1, &[0, 4, 127, 0, 0, 7][..]),
            ("xmpp.verona.example", 28, 0, 0, &[]),
            ("_xmpp-server._tcp.verona.example", 33, 0, 1, b"\x04xmpp\x06verona\x07example\x00"),
            ("_tcp.verona.example", 1, 0, 0, &[]),
            ("mantua.example", 1, 3, 0, &[]),
        ] {
            let answer = answer(&question(name, kind), &dns.table).unwrap();
            assert_eq!((answer[3] & 15, answer[7]), (code, count), "{name}");
            assert!(tail.is_empty() || answer.ends_with(tail), "{name}: {answer:?}");
        }
        dns.forgets("verona.example");
        assert_eq!(answer(&question("xmpp.verona.example", 1), &dns.table).unwrap()[3] & 15, 3);
        assert_eq!(answer(b"nonsense", &dns.table), None);
    }

    #[test]
    fn it_listens() {
        let dns = Dns::start((Ipv4Addr::LOCALHOST, 0)).unwrap();
        dns.knows_address("verona.example", Ipv4Addr::LOCALHOST);
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        socket.send_to(&question("verona.example", 1), dns.address()).unwrap();
        let mut buffer = [0; 512];
        let (length, _) = socket.recv_from(&mut buffer).unwrap();
        assert!(buffer[..length].ends_with(&[127, 0, 0, 1]));
    }
}
