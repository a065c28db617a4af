//! A small authoritative nameserver on the loopback interface, with zones that may be signed (RFC 4035 §3).

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hickory_resolver::proto::dnssec::crypto::EcdsaSigningKey;
use hickory_resolver::proto::dnssec::rdata::{DNSKEY, DNSSECRData, DS, NSEC, RRSIG};
use hickory_resolver::proto::dnssec::{Algorithm, DigestType, DnssecSigner, SigningKey};
use hickory_resolver::proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA, CNAME, NS, SOA, SRV, TLSA};
use hickory_resolver::proto::rr::{DNSClass, Name, RData, Record, RecordSet, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

/// An absolute name.
pub(crate) fn name(text: &str) -> Name {
    Name::from_ascii(format!("{}.", text.trim_end_matches('.'))).unwrap()
}

pub(crate) fn a(address: &str) -> RData {
    RData::A(A(address.parse().unwrap()))
}

pub(crate) fn aaaa(address: &str) -> RData {
    RData::AAAA(AAAA(address.parse().unwrap()))
}

pub(crate) fn cname(target: &str) -> RData {
    RData::CNAME(CNAME(name(target)))
}

/// `.` for a service that is declined.
pub(crate) fn srv(priority: u16, weight: u16, port: u16, target: &str) -> RData {
    RData::SRV(SRV::new(priority, weight, port, name(target)))
}

/// A target of which the first label has an octet that no host may have.
pub(crate) fn srv_to_no_host() -> RData {
    RData::SRV(SRV::new(0, 0, 5269, Name::from_labels([&b"no host"[..], &b"test"[..]]).unwrap()))
}

pub(crate) fn tlsa(usage: u8, selector: u8, matching: u8, association: &[u8]) -> RData {
    RData::TLSA(TLSA::new(usage.into(), selector.into(), matching.into(), association.to_vec()))
}

/// A zone.
pub(crate) struct Zone {
    origin: Name,
    signer: Option<DnssecSigner>,
    records: BTreeMap<Name, BTreeMap<RecordType, (u32, Vec<RData>)>>,
}

/// How long the absence of records may be remembered.
pub(crate) const NEGATIVE_TTL: u32 = 60;

impl Zone {
    pub(crate) fn unsigned(origin: &str) -> Zone {
        Zone::new(origin, None)
    }

    pub(crate) fn signed(origin: &str) -> Zone {
        let key = EcdsaSigningKey::generate_pkcs8(Algorithm::ECDSAP256SHA256).unwrap();
        let key = EcdsaSigningKey::from_pkcs8(&key, Algorithm::ECDSAP256SHA256).unwrap();
        let dnskey = DNSKEY::from_key(&key.to_public_key().unwrap());
        // Longer than any machine's clock is wrong.
        let signer = DnssecSigner::new(dnskey, Box::new(key), name(origin), Duration::from_secs(20 * 365 * 86_400));
        Zone::new(origin, Some(signer))
    }

    fn new(origin: &str, signer: Option<DnssecSigner>) -> Zone {
        let mut zone = Zone { origin: name(origin), signer, records: BTreeMap::new() };
        let soa = SOA::new(name("ns.test"), name("admin.test"), 1, 3600, 600, 86_400, NEGATIVE_TTL);
        zone.insert(zone.origin.clone(), 3600, RData::SOA(soa));
        zone.insert(zone.origin.clone(), 3600, RData::NS(NS(name("ns.test"))));
        if let Some(signer) = &zone.signer {
            let key = RData::DNSSEC(DNSSECRData::DNSKEY(signer.dnskey().clone()));
            zone.insert(zone.origin.clone(), 3600, key);
        }
        zone
    }

    pub(crate) fn with(mut self, owner: &str, ttl: u32, data: RData) -> Zone {
        self.insert(name(owner), ttl, data);
        self
    }

    /// Hands a part of this zone to another, whose keys it vouches for if it is signed.
    pub(crate) fn delegating(mut self, child: &Zone) -> Zone {
        self.insert(child.origin.clone(), 3600, RData::NS(NS(name("ns.test"))));
        if let Some(signer) = &child.signer {
            let digest = signer.dnskey().to_digest(&child.origin, DigestType::SHA256).unwrap();
            let ds = DS::new(
                signer.calculate_key_tag().unwrap(),
                Algorithm::ECDSAP256SHA256,
                DigestType::SHA256,
                digest.as_ref().to_vec(),
            );
            self.insert(child.origin.clone(), 3600, RData::DNSSEC(DNSSECRData::DS(ds)));
        }
        self
    }

    /// The line of a trust anchor's file for this zone.
    pub(crate) fn trust_anchor(&self) -> String {
        format!("{} 3600 IN DNSKEY {}\n", self.origin, self.signer.as_ref().unwrap().dnskey())
    }

    fn insert(&mut self, owner: Name, ttl: u32, data: RData) {
        let types = self.records.entry(owner).or_default();
        types.entry(data.record_type()).or_insert_with(|| (ttl, Vec::new())).1.push(data);
    }

    /// The records, and their signature in a signed zone; none, if there are none.
    fn records(&self, owner: &Name, record_type: RecordType) -> Vec<Record> {
        let Some((ttl, data)) = self.records.get(owner).and_then(|types| types.get(&record_type)) else {
            return Vec::new();
        };
        let mut records: Vec<Record> =
            data.iter().map(|data| Record::from_rdata(owner.clone(), *ttl, data.clone())).collect();
        let delegated = record_type == RecordType::NS && *owner != self.origin;
        if !delegated {
            self.sign(&mut records);
        }
        records
    }

    fn sign(&self, records: &mut Vec<Record>) {
        let (Some(signer), Some(first)) = (&self.signer, records.first()) else { return };
        let mut set = RecordSet::with_ttl(first.name.clone(), first.record_type(), first.ttl);
        for record in records.iter() {
            set.insert(record.clone(), 0);
        }
        let signature = RRSIG::from_rrset(&set, DNSClass::IN, rcgen::date_time_ymd(2024, 1, 1), signer).unwrap();
        records.push(Record::from_rdata(first.name.clone(), first.ttl, RData::DNSSEC(DNSSECRData::RRSIG(signature))));
    }

    /// The NSEC record at or before a name, with its signature.
    fn denial(&self, at: &Name) -> Vec<Record> {
        let (owner, types) = self.records.range(..=at.clone()).next_back().unwrap();
        let after = self.records.range(owner.clone()..).nth(1).map_or(&self.origin, |(next, _)| next);
        let nsec = NSEC::new_cover_self(after.clone(), types.keys().copied());
        let data = RData::DNSSEC(DNSSECRData::NSEC(nsec));
        let mut records = vec![Record::from_rdata(owner.clone(), NEGATIVE_TTL, data)];
        self.sign(&mut records);
        records
    }

    /// The deepest name above this one that exists.
    fn encloser(&self, owner: &Name) -> Name {
        let mut encloser = owner.base_name();
        while !self.records.keys().any(|name| encloser.zone_of(name)) {
            encloser = encloser.base_name();
        }
        encloser
    }

    /// As if the name came from the wildcard beside it.
    fn expand(&self, query: &Query, encloser: &Name, response: &mut Message) {
        let owner = query.name().to_lowercase();
        let mut answers = self.records(&encloser.prepend_label("*").unwrap(), query.query_type());
        for answer in &mut answers {
            answer.name = owner.clone();
        }
        if !answers.is_empty() && self.signer.is_some() {
            response.add_authorities(self.denial(&owner.trim_to(usize::from(encloser.num_labels()) + 1)));
        }
        response.add_answers(answers);
    }

    fn answer(&self, query: &Query, response: &mut Message) {
        let owner = query.name().to_lowercase();
        let mut answers = self.records(&owner, query.query_type());
        if answers.is_empty() {
            answers = self.records(&owner, RecordType::CNAME);
        }
        if !answers.is_empty() {
            response.add_answers(answers);
            return;
        }
        let exists = self.records.keys().any(|name| owner.zone_of(name));
        if !exists {
            self.expand(query, &self.encloser(&owner), response);
            if !response.answers.is_empty() {
                return;
            }
        }
        let wildcard = self.encloser(&owner).prepend_label("*").unwrap();
        if !exists && !self.records.contains_key(&wildcard) {
            response.metadata.response_code = ResponseCode::NXDomain;
        }
        response.add_authorities(self.records(&self.origin, RecordType::SOA));
        if self.signer.is_some() {
            let mut denials = self.denial(&owner);
            if !exists {
                denials.extend(self.denial(&wildcard));
            }
            for denial in denials {
                if !response.authorities.contains(&denial) {
                    response.add_authority(denial);
                }
            }
        }
    }
}

/// What a nameserver does wrong for a name.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mischief {
    /// It never answers.
    Silent,
    /// It answers late.
    Late(Duration),
    /// It answers with SERVFAIL.
    Fails,
    /// It answers with another address than was signed.
    Forges,
    /// It leaves out the signatures.
    Strips,
    /// It says that there is nothing, without any proof.
    Denies,
    /// It answers from the wildcard beside the name, though the name exists.
    Expands,
}

/// A running nameserver; it ends with the runtime.
#[derive(Clone)]
pub(crate) struct DnsServer {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    zones: Mutex<Vec<Zone>>,
    mischief: Mutex<HashMap<(Name, Option<RecordType>), Mischief>>,
    asked: Mutex<Vec<(String, RecordType)>>,
}

impl DnsServer {
    pub(crate) async fn start(zones: Vec<Zone>) -> DnsServer {
        let state = Arc::new(State { zones: Mutex::new(zones), ..State::default() });
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            // The same port for both; somebody else may have it for TCP.
            if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
                break (udp, tcp);
            }
        };
        let address = udp.local_addr().unwrap();
        tokio::spawn(serve_udp(Arc::new(udp), state.clone()));
        tokio::spawn(serve_tcp(tcp, state.clone()));
        DnsServer { address, state }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn set_zones(&self, zones: Vec<Zone>) {
        *self.state.zones.lock().unwrap() = zones;
    }

    /// From now on, for all types of records of a name or for one.
    pub(crate) fn misbehave(&self, owner: &str, record_type: Option<RecordType>, how: Mischief) {
        self.state.mischief.lock().unwrap().insert((name(owner), record_type), how);
    }

    pub(crate) fn behave(&self) {
        self.state.mischief.lock().unwrap().clear();
    }

    /// What was asked since the last call, by UDP or TCP.
    pub(crate) fn asked(&self) -> Vec<(String, RecordType)> {
        std::mem::take(&mut self.state.asked.lock().unwrap())
    }
}

impl State {
    fn mischief(&self, query: &Query) -> Option<Mischief> {
        let owner = query.name().to_lowercase();
        let mischief = self.mischief.lock().unwrap();
        mischief.get(&(owner.clone(), Some(query.query_type()))).or_else(|| mischief.get(&(owner, None))).copied()
    }

    async fn respond(&self, request: &[u8], max_bytes: usize) -> Option<Vec<u8>> {
        let request = Message::from_vec(request).unwrap();
        let query = request.queries[0].clone();
        self.asked.lock().unwrap().push((query.name().to_ascii(), query.query_type()));
        let mischief = self.mischief(&query);
        match mischief {
            Some(Mischief::Silent) => return None,
            Some(Mischief::Late(by)) => tokio::time::sleep(by).await,
            _ => {}
        }
        let mut response = Message::new(request.metadata.id, MessageType::Response, OpCode::Query);
        response.metadata.authoritative = true;
        response.metadata.recursion_desired = request.metadata.recursion_desired;
        response.add_query(query.clone());
        if request.edns.is_some() {
            let mut edns = Edns::new();
            edns.set_max_payload(1232);
            response.set_edns(edns);
        }
        match mischief {
            Some(Mischief::Fails) => response.metadata.response_code = ResponseCode::ServFail,
            Some(Mischief::Denies) => {}
            Some(Mischief::Expands) => {
                let zones = self.zones.lock().unwrap();
                let zone = zones.iter().rfind(|zone| zone.origin.zone_of(query.name())).unwrap();
                zone.expand(&query, &query.name().base_name(), &mut response);
            }
            _ => self.answer(&query, &mut response),
        }
        let is_signature = |record: &Record| record.record_type() == RecordType::RRSIG;
        match mischief {
            Some(Mischief::Forges) => {
                for record in response.answers.iter_mut().filter(|record| !is_signature(record)) {
                    match &mut record.data {
                        RData::A(address) => *address = A([127, 6, 6, 6].into()),
                        RData::AAAA(address) => *address = AAAA([6; 16].into()),
                        RData::SRV(srv) => srv.port = 666,
                        RData::TLSA(tlsa) => tlsa.cert_data = b"forged".to_vec(),
                        other => panic!("{other}"),
                    }
                }
            }
            Some(Mischief::Strips) => {
                response.answers.retain(|record| !is_signature(record));
                response.authorities.clear();
            }
            _ => {}
        }
        let octets = response.to_vec().unwrap();
        if octets.len() > max_bytes {
            return Some(response.truncate().to_vec().unwrap());
        }
        Some(octets)
    }

    fn answer(&self, query: &Query, response: &mut Message) {
        let zones = self.zones.lock().unwrap();
        // What is said of a delegation is said above it (RFC 4035 §3.1.4.1).
        let above = |zone: &&Zone| query.query_type() != RecordType::DS || zone.origin != *query.name();
        let holding = zones.iter().filter(above).filter(|zone| zone.origin.zone_of(query.name()));
        match holding.max_by_key(|zone| zone.origin.num_labels()) {
            Some(zone) => zone.answer(query, response),
            None => response.metadata.response_code = ResponseCode::Refused,
        }
    }
}

async fn serve_udp(socket: Arc<UdpSocket>, state: Arc<State>) {
    let mut buffer = vec![0; 65_535];
    loop {
        let (length, peer) = socket.recv_from(&mut buffer).await.unwrap();
        let (request, state, socket) = (buffer[..length].to_vec(), state.clone(), socket.clone());
        tokio::spawn(async move {
            if let Some(response) = state.respond(&request, 1232).await {
                let _ = socket.send_to(&response, peer).await;
            }
        });
    }
}

async fn serve_tcp(listener: TcpListener, state: Arc<State>) {
    loop {
        let (mut socket, _) = listener.accept().await.unwrap();
        let state = state.clone();
        tokio::spawn(async move {
            while let Ok(length) = socket.read_u16().await {
                let mut request = vec![0; length.into()];
                socket.read_exact(&mut request).await.unwrap();
                if let Some(response) = state.respond(&request, 65_535).await {
                    let length = u16::try_from(response.len()).unwrap();
                    if socket.write_u16(length).await.is_err() || socket.write_all(&response).await.is_err() {
                        return;
                    }
                }
            }
        });
    }
}
