//! Which certificates the DNS announces, and what is said of the others (RFC 6698; RFC 7671; RFC 7673 §4).
#![allow(clippy::unwrap_used, reason = "it is all test code")]

mod support;

use std::time::SystemTime;

use jabiru_net::certificate::dane::{DaneProblem, DaneProof, TlsaRecord, Usage, verify_dane};
use jabiru_net::certificate::{IdentifierKind, Peer, Problem, Reference, Roots, Service};
use jabiru_stanza::DomainPart;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair, PublicKeyData,
    date_time_ymd,
};
use rustls::pki_types::CertificateDer;
use sha2::{Digest, Sha256, Sha512};
use support::{Authority, dns_id, named, with_names};

/// A root, an authority below it, and below that a server.
struct World {
    root: CertifiedIssuer<'static, KeyPair>,
    middle: CertifiedIssuer<'static, KeyPair>,
}

impl World {
    fn new() -> World {
        World::with(Authority::params("the root"), Authority::params("in the middle"))
    }

    fn with(root: CertificateParams, middle: CertificateParams) -> World {
        let root = CertifiedIssuer::self_signed(root, KeyPair::generate().unwrap()).unwrap();
        let middle = CertifiedIssuer::signed_by(middle, KeyPair::generate().unwrap(), &root).unwrap();
        World { root, middle }
    }

    fn server(&self, params: &CertificateParams) -> CertificateDer<'static> {
        params.signed_by(&KeyPair::generate().unwrap(), &self.middle).unwrap().der().clone()
    }

    /// As servers show it, with the root.
    fn chain(&self, params: &CertificateParams) -> Vec<CertificateDer<'static>> {
        vec![self.server(params), self.middle.der().clone(), self.root.der().clone()]
    }

    fn roots(&self) -> Roots {
        Roots::new([self.root.der().clone()]).unwrap()
    }
}

fn good() -> CertificateParams {
    with_names("-", &[dns_id("example.net")])
}

fn references() -> Vec<Reference> {
    ["example.net", "xmpp.hosting.example"]
        .map(|domain| Reference::new(&DomainPart::new(domain).unwrap(), Service::XmppServer).unwrap())
        .into()
}

/// The DER of a certificate's public key.
fn public_key(certificate: &[u8]) -> Vec<u8> {
    use x509_parser::prelude::{FromDer, X509Certificate};
    X509Certificate::from_der(certificate).unwrap().1.public_key().raw.to_vec()
}

/// The record that announces this certificate.
fn record(usage: u8, selector: u8, matching: u8, certificate: &[u8]) -> TlsaRecord {
    let selected = if selector == 0 { certificate.to_vec() } else { public_key(certificate) };
    let association = match matching {
        0 => selected,
        1 => Sha256::digest(selected).to_vec(),
        _ => Sha512::digest(selected).to_vec(),
    };
    TlsaRecord::new(usage, selector, matching, association)
}

fn verify(chain: &[CertificateDer<'static>], records: &[TlsaRecord], roots: &Roots) -> Result<DaneProof, DaneProblem> {
    verify_dane(chain, records, &references(), roots, SystemTime::now(), Peer::Receiving)
}

/// Every usage with every selector and matching type, for each certificate of a chain that is good in every way.
#[test]
fn a_record_is_about_the_certificate_that_its_usage_says() {
    let world = World::new();
    let chain = world.chain(&good());
    for usage in 0..4 {
        for selector in 0..2 {
            for matching in 0..3 {
                for (position, certificate) in chain.iter().enumerate() {
                    let row = format!("{usage} {selector} {matching} of certificate {position}");
                    let announced = record(usage, selector, matching, certificate);
                    assert!(announced.is_usable(), "{row}");
                    let result = verify(&chain, std::slice::from_ref(&announced), &world.roots());
                    let is_about = match announced.usage().unwrap() {
                        Usage::PkixEe | Usage::DaneEe => position == 0,
                        Usage::PkixTa | Usage::DaneTa => position > 0,
                    };
                    if !is_about {
                        assert!(matches!(result, Err(DaneProblem::NoMatch { usable: 1, .. })), "{row}: {result:?}");
                        continue;
                    }
                    let proof = result.unwrap_or_else(|problem| panic!("{row}: {problem}"));
                    assert_eq!(proof.record, announced, "{row}");
                    let asks_for_more = usage != 3;
                    assert_eq!(proof.identifier.is_some(), asks_for_more, "{row}");
                    assert_eq!(proof.not_after.is_some(), asks_for_more, "{row}");
                }
            }
        }
    }
}

/// RFC 7671 §5.1: with DANE-EE neither names nor times nor purposes nor issuers matter; RFC 7671 §5.2, §5.3, §5.4: with the
/// others they do.
#[test]
fn what_else_counts_depends_on_the_usage() {
    let changed = |change: fn(&mut CertificateParams)| {
        let mut params = good();
        change(&mut params);
        params
    };
    let faults: [(&str, CertificateParams, &str); 5] = [
        (
            "wrong name",
            with_names("-", &[dns_id("example.org")]),
            "not for example.net or xmpp.hosting.example but for",
        ),
        ("common name only", named("example.net"), "not for example.net or xmpp.hosting.example but for no domain"),
        ("expired", changed(|params| params.not_after = date_time_ymd(2020, 1, 1)), "expired on"),
        ("not yet valid", changed(|params| params.not_before = date_time_ymd(2090, 1, 1)), "not valid before"),
        (
            "wrong purpose",
            changed(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning]),
            "not for this purpose",
        ),
    ];
    let world = World::new();
    for (fault, params, words) in faults {
        let chain = world.chain(&params);
        let proof = verify(&chain, &[record(3, 1, 1, &chain[0])], &world.roots()).unwrap();
        assert_eq!((proof.identifier, proof.not_after), (None, None), "{fault}");
        for (usage, position) in [(0, 1), (0, 2), (1, 0), (2, 1), (2, 2)] {
            let row = format!("{fault}, usage {usage} of certificate {position}");
            let problem = verify(&chain, &[record(usage, 0, 1, &chain[position])], &world.roots()).unwrap_err();
            assert!(matches!(problem, DaneProblem::Match { .. }), "{row}: {problem:?}");
            assert!(problem.to_string().contains(words), "{row}: {problem}");
        }
    }
}

/// RFC 7673 §4.1: a validated target may be named in place of the domain.
#[test]
fn the_host_may_be_named_in_place_of_the_domain() {
    let world = World::new();
    let chain = world.chain(&with_names("-", &[dns_id("xmpp.hosting.example")]));
    let records = [record(2, 0, 1, &chain[1])];
    assert_eq!(verify(&chain, &records, &world.roots()).unwrap().identifier, Some(IdentifierKind::DnsId));
    let only_domain = &references()[..1];
    let problem =
        verify_dane(&chain, &records, only_domain, &world.roots(), SystemTime::now(), Peer::Receiving).unwrap_err();
    assert!(matches!(problem, DaneProblem::Match { problem: Problem::WrongName { .. }, .. }), "{problem}");
}

/// DANE-TA and DANE-EE bring trust of their own; PKIX-TA and PKIX-EE narrow what there is.
#[test]
fn only_two_usages_need_a_trusted_root() {
    let world = World::new();
    let chain = world.chain(&good());
    for roots in [Roots::default(), World::new().roots()] {
        for (usage, position, is_good) in [(0, 2, false), (1, 0, false), (2, 2, true), (2, 1, true), (3, 0, true)] {
            let result = verify(&chain, &[record(usage, 1, 1, &chain[position])], &roots);
            assert_eq!(result.is_ok(), is_good, "usage {usage} of certificate {position}: {result:?}");
        }
    }
    // The path may end at a root that was announced, though the server does not show it.
    let without_root = &chain[..2];
    for selector in 0..2 {
        for matching in 0..3 {
            let announced = record(0, selector, matching, world.root.der());
            assert!(verify(without_root, &[announced], &world.roots()).is_ok(), "0 {selector} {matching}");
        }
    }
    // A root that is trusted, but was not announced.
    let other = record(0, 1, 1, World::new().root.der());
    assert!(matches!(verify(&chain, &[other], &world.roots()), Err(DaneProblem::NoMatch { .. })));
}

/// RFC 7671 §5.2.1, §5.2.3: an authority that is whole in the DNS need not be shown.
#[test]
fn an_authority_may_be_in_the_dns_alone() {
    let world = World::new();
    let own_alone = &world.chain(&good())[..1];
    for (selector, matching, is_good) in
        [(0, 0, true), (1, 0, true), (0, 1, false), (1, 1, false), (0, 2, false), (1, 2, false)]
    {
        let announced = record(2, selector, matching, world.middle.der());
        let result = verify(own_alone, &[announced], &Roots::default());
        assert_eq!(result.is_ok(), is_good, "2 {selector} {matching}: {result:?}");
    }
    let impostor = World::new();
    let chain = impostor.chain(&good());
    for selector in 0..2 {
        let announced = record(2, selector, 0, world.middle.der());
        let result = verify(&chain, &[announced], &Roots::default());
        assert!(result.is_err(), "2 {selector} 0: {result:?}");
    }
}

/// What the certificate of an announced authority says of itself counts (RFC 7671 §5.2.1).
#[test]
fn an_announced_authority_has_to_be_one() {
    let root = |change: fn(&mut CertificateParams)| {
        let mut params = Authority::params("the root");
        change(&mut params);
        World::with(params, Authority::params("in the middle"))
    };
    let rows: [(&str, World, &str); 3] = [
        ("expired", root(|params| params.not_after = date_time_ymd(2020, 1, 1)), "expired on"),
        ("not yet valid", root(|params| params.not_before = date_time_ymd(2090, 1, 1)), "not valid before"),
        (
            "without authorities below",
            root(|params| params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0))),
            "is not valid",
        ),
    ];
    for (fault, world, words) in rows {
        let chain = world.chain(&good());
        let problem = verify(&chain, &[record(2, 0, 1, &chain[2])], &Roots::default()).unwrap_err();
        assert!(problem.to_string().contains(words), "{fault}: {problem}");
    }

    // A server's certificate that has signed another one.
    for is_ca in [IsCa::NoCa, IsCa::ExplicitNoCa] {
        let mut middle = named("no authority");
        middle.is_ca = is_ca;
        let world = World::with(Authority::params("the root"), middle);
        let chain = world.chain(&good());
        let problem = verify(&chain, &[record(2, 0, 1, &chain[1])], &world.roots()).unwrap_err();
        assert!(matches!(problem, DaneProblem::Match { .. }), "{problem}");
    }
}

/// RFC 6698 §4.1.
#[test]
fn what_is_not_understood_is_as_if_it_were_not_there() {
    let world = World::new();
    let chain = world.chain(&good());
    let digest = Sha256::digest(&chain[0]).to_vec();
    let unusable = [
        TlsaRecord::new(4, 0, 1, digest.clone()),
        TlsaRecord::new(255, 0, 1, digest.clone()),
        TlsaRecord::new(3, 2, 1, digest.clone()),
        TlsaRecord::new(3, 0, 3, digest.clone()),
        TlsaRecord::new(3, 0, 2, digest.clone()),
        TlsaRecord::new(3, 0, 1, digest[1..].to_vec()),
        TlsaRecord::new(3, 0, 1, Vec::new()),
        TlsaRecord::new(3, 0, 0, b"no certificate".to_vec()),
        TlsaRecord::new(3, 1, 0, b"no key".to_vec()),
        TlsaRecord::new(3, 0, 0, [&chain[0][..], b"more"].concat()),
    ];
    for record in &unusable {
        assert!(!record.is_usable(), "{record}");
    }
    let count = unusable.len();
    assert_eq!(verify(&chain, &unusable, &world.roots()), Err(DaneProblem::NothingUsable { records: count }));
    assert_eq!(verify(&chain, &[], &world.roots()), Err(DaneProblem::NothingUsable { records: 0 }));

    let mut records = unusable.to_vec();
    records.push(record(3, 1, 1, &chain[0]));
    assert!(verify(&chain, &records, &world.roots()).is_ok());
}

/// One record that matches is enough; while a key is being replaced there are two (RFC 7671 §8.1).
#[test]
fn one_of_several_records_is_enough() {
    let (world, other) = (World::new(), World::new());
    let (chain, next) = (world.chain(&good()), other.chain(&good()));
    let records = [record(3, 1, 1, &next[0]), record(3, 1, 1, &chain[0])];
    assert!(verify(&chain, &records, &Roots::default()).is_ok());
    assert!(verify(&next, &records, &Roots::default()).is_ok());
    let third = World::new().chain(&good());
    let problem = verify(&third, &records, &Roots::default()).unwrap_err();
    assert!(matches!(problem, DaneProblem::NoMatch { usable: 2, .. }), "{problem}");
    assert!(
        problem.to_string().starts_with("the certificate matches none of the 2 usable TLSA records, such as 3 1 1 ")
    );

    // A record that asks for too much does not spoil another one.
    let records = [record(1, 1, 1, &chain[0]), record(2, 0, 1, &chain[1])];
    assert_eq!(verify(&chain, &records, &Roots::default()).unwrap().record, records[1]);
}

/// RFC 7671 §9: a digest counts only where there is no stronger one for the same usage and selector; what is whole does.
#[test]
fn of_digests_only_the_strongest_count() {
    let (world, other) = (World::new(), World::new());
    let (chain, next) = (world.chain(&good()), other.chain(&good()));
    let (weak, strong) = (record(3, 1, 1, &chain[0]), record(3, 1, 2, &next[0]));
    let both = [weak.clone(), strong.clone()];
    assert!(verify(&next, &both, &Roots::default()).is_ok());
    let problem = verify(&chain, &both, &Roots::default()).unwrap_err();
    assert!(matches!(problem, DaneProblem::NoMatch { usable: 1, .. }), "{problem}");

    let whole = record(3, 1, 0, &chain[0]);
    assert!(verify(&chain, &[weak.clone(), strong.clone(), whole], &Roots::default()).is_ok());
    // A digest of another part, or for another usage, is not the same.
    assert!(verify(&chain, &[weak.clone(), record(3, 0, 2, &next[0])], &Roots::default()).is_ok());
    assert!(verify(&chain, &[weak, record(2, 1, 2, &next[1])], &Roots::default()).is_ok());
}

/// Self-signed, which is what DANE-EE is for.
#[test]
fn a_certificate_without_any_authority() {
    let key = KeyPair::generate().unwrap();
    let spki = key.subject_public_key_info();
    let own = named("-").self_signed(&key).unwrap().der().clone();
    let announced = TlsaRecord::new(3, 1, 1, Sha256::digest(&spki).to_vec());
    let chain = [own];
    assert!(verify(&chain, &[announced], &Roots::default()).is_ok());
    // It is no authority of its own.
    assert!(verify(&chain, &[record(2, 0, 1, &chain[0])], &Roots::default()).is_err());
}

#[test]
fn nothing_to_compare() {
    let records = [TlsaRecord::new(3, 1, 1, vec![0; 32])];
    for (chain, words) in [
        (Vec::new(), "no certificate was presented"),
        (vec![CertificateDer::from(b"no certificate".to_vec())], "not a certificate in DER"),
        (vec![CertificateDer::from(vec![0; 70_000])], "more than 65536 bytes"),
    ] {
        let problem = verify(&chain, &records, &Roots::default()).unwrap_err();
        assert!(problem.to_string().contains(words), "{problem}");
    }
}

/// Whatever a chain holds, it is judged in the end; and no octet of a certificate can be changed where all of it counts.
#[test]
fn changed_octets_prove_nothing() {
    let world = World::new();
    let chain = world.chain(&good());
    let whole = record(3, 0, 1, &chain[0]);
    let authority = record(2, 0, 0, &chain[1]);
    for position in 0..chain[0].len() {
        let mut octets = chain[0].to_vec();
        octets[position] ^= 0x55;
        let changed = [CertificateDer::from(octets), chain[1].clone(), chain[2].clone()];
        for announced in [&whole, &authority] {
            let result = verify(&changed, std::slice::from_ref(announced), &world.roots());
            assert!(result.is_err(), "{position}: {result:?}");
        }
        let cut = [CertificateDer::from(chain[0][..position].to_vec()), chain[1].clone()];
        assert!(verify(&cut, std::slice::from_ref(&authority), &world.roots()).is_err(), "{position}");
    }
    let whole_authority = chain[1].to_vec();
    for position in 0..whole_authority.len() {
        let mut octets = whole_authority.clone();
        octets[position] ^= 0x55;
        let announced = TlsaRecord::new(2, 0, 0, octets);
        // What is changed in its key or its name breaks the path; its signature does not count, for nobody need have issued it.
        let _ = verify(&chain[..1], &[announced], &Roots::default());
        let cut = TlsaRecord::new(2, 0, 0, whole_authority[..position].to_vec());
        assert!(!cut.is_usable(), "{position}");
    }
}
