//! Whether a certificate is the one that the DNS announces: DANE (RFC 6698; RFC 7671; RFC 7673 §4).
//!
//! Announcements are [`TlsaRecord`]s. They mean something only if DNSSEC has validated them and the way to them, for which
//! the caller has to see. [`verify_dane`] compares a chain with them; if none of them is [usable](TlsaRecord::is_usable),
//! the certificate is to be judged as if there were none (RFC 6698 §4.1).

use std::fmt;
use std::time::SystemTime;

use rustls::pki_types::{CertificateDer, Der, TrustAnchor};
use sha2::{Digest, Sha256, Sha512};
use webpki::{Error, VerifiedPath};
use x509_parser::asn1_rs::{Any, FromDer};
use x509_parser::prelude::{SubjectPublicKeyInfo, X509Certificate};

use super::chain::{self, Purpose};
use super::roots::CertificateDigests;
use super::server::{self, MAX_CHAIN_BYTES};
use super::{Certificate, IdentifierKind, Peer, Problem, Reference, Roots};

/// One announcement: a TLSA record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TlsaRecord {
    usage: u8,
    selector: u8,
    matching: u8,
    association: Vec<u8>,
}

/// How a record binds a certificate (RFC 7218; RFC 6698 §2.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Usage {
    /// 0: an authority on the path to a root that is trusted anyway.
    PkixTa,
    /// 1: the server's own certificate, which also has to lead to a root that is trusted anyway.
    PkixEe,
    /// 2: an authority that is trusted because of the record.
    DaneTa,
    /// 3: the server's own certificate, whatever it says.
    DaneEe,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Selector {
    Certificate,
    PublicKey,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Matching {
    Full,
    Sha256,
    Sha512,
}

impl TlsaRecord {
    /// With the fields as the DNS has them (RFC 6698 §2.1).
    #[must_use]
    pub const fn new(usage: u8, selector: u8, matching: u8, association: Vec<u8>) -> TlsaRecord {
        TlsaRecord { usage, selector, matching, association }
    }

    /// How it binds a certificate; `None`, if that is not known here.
    #[must_use]
    pub const fn usage(&self) -> Option<Usage> {
        match self.usage {
            0 => Some(Usage::PkixTa),
            1 => Some(Usage::PkixEe),
            2 => Some(Usage::DaneTa),
            3 => Some(Usage::DaneEe),
            _ => None,
        }
    }

    /// Whether all of it is understood and its data can be what it says (RFC 6698 §4.1).
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.read().is_some()
    }

    fn read(&self) -> Option<Usable<'_>> {
        let usage = self.usage()?;
        let selector = match self.selector {
            0 => Selector::Certificate,
            1 => Selector::PublicKey,
            _ => return None,
        };
        let matching = match self.matching {
            0 if is_whole(&self.association, selector) => Matching::Full,
            1 if self.association.len() == 32 => Matching::Sha256,
            2 if self.association.len() == 64 => Matching::Sha512,
            _ => return None,
        };
        Some(Usable { record: self, usage, selector, matching })
    }
}

/// As zone files have it, `3 1 1 0a1b…`; long data is cut off.
impl fmt::Display for TlsaRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN_BYTES: usize = 64;
        write!(f, "{} {} {} ", self.usage, self.selector, self.matching)?;
        for byte in self.association.iter().take(SHOWN_BYTES) {
            write!(f, "{byte:02x}")?;
        }
        if self.association.len() > SHOWN_BYTES { f.write_str("…") } else { Ok(()) }
    }
}

/// The certificate is the one that was announced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DaneProof {
    /// By which record.
    pub record: TlsaRecord,
    /// What named the domain or its host; `None` where names do not matter ([`Usage::DaneEe`]).
    pub identifier: Option<IdentifierKind>,
    /// When the first certificate on the path expires; `None` where that does not matter ([`Usage::DaneEe`], RFC 7671
    /// §5.1).
    pub not_after: Option<SystemTime>,
}

/// Why a certificate is not the one that was announced.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DaneProblem {
    /// No record can be used, so that they say nothing about the certificate.
    #[error("none of the {records} TLSA records can be used")]
    NothingUsable {
        /// How many there are.
        records: usize,
    },
    /// The records are about other certificates.
    #[error("the certificate matches none of the {usable} usable TLSA records, such as {example}")]
    NoMatch {
        /// How many can be used.
        usable: usize,
        /// One of them.
        example: TlsaRecord,
    },
    /// A record is about this certificate or an authority behind it, but asks for more than a match.
    #[error("the TLSA record {record} matches, but {problem}")]
    Match {
        /// The record.
        record: TlsaRecord,
        /// What is wrong.
        problem: Problem,
    },
    /// There is nothing to compare.
    #[error(transparent)]
    Chain(#[from] Problem),
}

/// Compares a chain, the server's own certificate first and all in DER, with announcements.
///
/// With usage DANE-EE the match is all: names, times and purposes do not matter (RFC 7671 §5.1). The others need a valid
/// path, which for DANE-TA ends at the announced authority and else at one of the `roots`, and one of the `references` in
/// the certificate: the domain, and the target of its SRV record if that was validated (RFC 7673 §4). Of the digests for the
/// same usage and selector only the strongest count (RFC 7671 §9).
///
/// It is for the caller to see that the peer has the key, as TLS does.
///
/// # Errors
/// [`DaneProblem`]; where several records match but ask for more, the problem of the first.
pub fn verify_dane<C: AsRef<[u8]>>(
    chain: &[C],
    records: &[TlsaRecord],
    references: &[Reference],
    roots: &Roots,
    now: SystemTime,
    peer: Peer,
) -> Result<DaneProof, DaneProblem> {
    let usable = strongest(records);
    let Some(example) = usable.first() else {
        return Err(DaneProblem::NothingUsable { records: records.len() });
    };
    let chain: Vec<CertificateDer<'_>> =
        chain.iter().map(|certificate| CertificateDer::from(certificate.as_ref())).collect();
    let own = chain.first().ok_or(Problem::NoCertificate)?;
    if chain.iter().map(|certificate| certificate.len()).sum::<usize>() > MAX_CHAIN_BYTES {
        return Err(Problem::TooLarge { limit: MAX_CHAIN_BYTES }.into());
    }
    let certificate = Certificate::parse(own).map_err(Problem::from)?;
    let purpose = match peer {
        Peer::Initiating => Purpose::ConnectingServer,
        Peer::Receiving => Purpose::TlsServer,
    };
    let presented = Presented { chain: &chain, certificate: &certificate, references, roots, now, purpose };

    let mut problem = None;
    for usable in &usable {
        let verdict = match usable.usage {
            Usage::DaneEe => presented.is_announced(usable),
            Usage::PkixEe => presented.is_announced_and_valid(usable),
            Usage::DaneTa => presented.is_issued_by_announced(usable),
            Usage::PkixTa => presented.is_issued_by_announced_and_valid(usable),
        };
        match verdict {
            Verdict::Proved(proof) => return Ok(proof),
            Verdict::Other => {}
            Verdict::Match(found) => {
                let record = usable.record.clone();
                problem = problem.or(Some(DaneProblem::Match { record, problem: found }));
            }
        }
    }
    let no_match = || DaneProblem::NoMatch { usable: usable.len(), example: example.record.clone() };
    Err(problem.unwrap_or_else(no_match))
}

/// What one record has to say.
enum Verdict {
    Proved(DaneProof),
    /// It is about another certificate.
    Other,
    Match(Problem),
}

/// The chain of a peer and what is sought in it.
struct Presented<'a> {
    chain: &'a [CertificateDer<'a>],
    certificate: &'a Certificate,
    references: &'a [Reference],
    roots: &'a Roots,
    now: SystemTime,
    purpose: Purpose,
}

impl Presented<'_> {
    fn own(&self) -> &CertificateDer<'_> {
        &self.chain[0]
    }

    /// RFC 7671 §5.1.
    fn is_announced(&self, usable: &Usable<'_>) -> Verdict {
        if !usable.matches(self.own()) {
            return Verdict::Other;
        }
        Verdict::Proved(DaneProof { record: usable.record.clone(), identifier: None, not_after: None })
    }

    /// RFC 7671 §5.3.
    fn is_announced_and_valid(&self, usable: &Usable<'_>) -> Verdict {
        if !usable.matches(self.own()) {
            return Verdict::Other;
        }
        let path = chain::verify(self.chain, self.roots, self.now, self.purpose);
        self.valid_for_name(usable, path)
    }

    /// RFC 7671 §5.2.
    fn is_issued_by_announced(&self, usable: &Usable<'_>) -> Verdict {
        if let Some(authority) = self.chain[1..].iter().find(|issuer| usable.matches(issuer)) {
            return match Authority::read(authority) {
                Some(authority) => self.valid_for_name(usable, authority.verify(self)),
                None => Verdict::Match(Problem::Invalid(Error::EndEntityUsedAsCa)),
            };
        }
        if let Some(authority) = usable.authority() {
            return match Authority::read(&authority).map(|authority| authority.verify(self)) {
                // Then it is about another authority.
                None | Some(Err(Error::UnknownIssuer)) => Verdict::Other,
                Some(path) => self.valid_for_name(usable, path),
            };
        }
        // RFC 7671 §5.2.3: the bare key of an authority that is not in the chain, which can only be the issuer of its end.
        let Some(key) = usable.authority_key() else { return Verdict::Other };
        let issuer = self.chain.last().and_then(|last| X509Certificate::from_der(last).ok());
        let Some(subject) = issuer.as_ref().and_then(|(_, last)| content(last.issuer().as_raw())) else {
            return Verdict::Other;
        };
        let anchor = TrustAnchor {
            subject: Der::from(subject),
            subject_public_key_info: Der::from(key),
            name_constraints: None,
        };
        let path = chain::verify_path(self.chain, &[anchor], self.roots, self.now, self.purpose, &|_| Ok(()));
        match path {
            // Then it is that of another authority.
            Err(Error::UnknownIssuer | Error::InvalidSignatureForPublicKey) => Verdict::Other,
            path => self.valid_for_name(usable, path),
        }
    }

    /// RFC 7671 §5.4: of all paths to a trusted root, one that goes through the announced authority.
    fn is_issued_by_announced_and_valid(&self, usable: &Usable<'_>) -> Verdict {
        let accept = |path: &VerifiedPath<'_>| {
            let through = path.intermediate_certificates().any(|issuer| usable.matches(&issuer.der()));
            if through || usable.matches_anchor(path.anchor(), self.roots) { Ok(()) } else { Err(Error::UnknownIssuer) }
        };
        let anchors = self.roots.anchors();
        match chain::verify_path(self.chain, anchors, self.roots, self.now, self.purpose, &accept) {
            Err(_) if !self.chain[1..].iter().any(|issuer| usable.matches(issuer)) => Verdict::Other,
            path => self.valid_for_name(usable, path),
        }
    }

    fn valid_for_name(&self, usable: &Usable<'_>, path: Result<SystemTime, Error>) -> Verdict {
        let not_after = match path {
            Ok(not_after) => not_after,
            Err(error) => return Verdict::Match(server::problem(error, self.certificate)),
        };
        match self.references.iter().find_map(|reference| self.certificate.identifies(reference, false)) {
            Some(identifier) => Verdict::Proved(DaneProof {
                record: usable.record.clone(),
                identifier: Some(identifier),
                not_after: Some(not_after),
            }),
            None => {
                let sought: Vec<_> = self.references.iter().map(Reference::domain).collect();
                Verdict::Match(server::wrong_name(&sought.join(" or "), self.certificate))
            }
        }
    }
}

/// A record that is understood.
#[derive(Clone, Copy, Debug)]
struct Usable<'a> {
    record: &'a TlsaRecord,
    usage: Usage,
    selector: Selector,
    matching: Matching,
}

impl<'a> Usable<'a> {
    /// Whether it is about this certificate, in DER.
    fn matches(&self, certificate: &[u8]) -> bool {
        match self.selector {
            Selector::Certificate => self.matches_selected(certificate),
            Selector::PublicKey => X509Certificate::from_der(certificate)
                .is_ok_and(|(_, certificate)| self.matches_selected(certificate.public_key().raw)),
        }
    }

    fn matches_selected(&self, selected: &[u8]) -> bool {
        match self.matching {
            Matching::Full => selected == self.record.association,
            Matching::Sha256 => Sha256::digest(selected)[..] == self.record.association,
            Matching::Sha512 => Sha512::digest(selected)[..] == self.record.association,
        }
    }

    /// Whether it is about this one of the roots, whose certificate is known by its digests alone.
    fn matches_anchor(&self, anchor: &TrustAnchor<'_>, roots: &Roots) -> bool {
        match self.selector {
            Selector::PublicKey => self.matches_selected(&sequence(&anchor.subject_public_key_info)),
            Selector::Certificate => roots.digests(anchor).is_some_and(|digests| match self.matching {
                Matching::Full => digests == CertificateDigests::of(&self.record.association),
                Matching::Sha256 => digests.sha256[..] == self.record.association,
                Matching::Sha512 => digests.sha512[..] == self.record.association,
            }),
        }
    }

    /// The certificate of an authority that the record holds whole.
    fn authority(&self) -> Option<CertificateDer<'a>> {
        let is_whole = self.selector == Selector::Certificate && self.matching == Matching::Full;
        is_whole.then(|| CertificateDer::from(self.record.association.as_slice()))
    }

    /// The key of an authority that the record holds whole, as webpki has it.
    fn authority_key(&self) -> Option<&'a [u8]> {
        let is_whole = self.selector == Selector::PublicKey && self.matching == Matching::Full;
        is_whole.then(|| content(&self.record.association)).flatten()
    }
}

/// An authority that is trusted because it was announced; what its certificate says of itself still counts (RFC 7671 §5.2.1).
struct Authority<'a> {
    anchor: TrustAnchor<'a>,
    certificate: Certificate,
    /// How many other authorities may stand between it and the server (RFC 5280 §4.2.1.9).
    max_intermediates: Option<u32>,
}

impl<'a> Authority<'a> {
    /// `None` for what is not the certificate of an authority.
    fn read(der: &'a CertificateDer<'a>) -> Option<Authority<'a>> {
        let (_, parsed) = X509Certificate::from_der(der).ok()?;
        let constraints = parsed.basic_constraints().ok()??.value;
        if !constraints.ca {
            return None;
        }
        Some(Authority {
            anchor: webpki::anchor_from_trusted_cert(der).ok()?,
            certificate: Certificate::parse(der).ok()?,
            max_intermediates: constraints.path_len_constraint,
        })
    }

    /// Follows the chain to this authority. Gives when the first certificate on the path expires, its own included.
    fn verify(&self, presented: &Presented<'_>) -> Result<SystemTime, Error> {
        let (not_before, not_after) = (self.certificate.not_before(), self.certificate.not_after());
        if presented.now < not_before {
            let (time, not_before) = (chain::unix_time(presented.now), chain::unix_time(not_before));
            return Err(Error::CertNotValidYet { time, not_before });
        }
        if presented.now > not_after {
            let (time, not_after) = (chain::unix_time(presented.now), chain::unix_time(not_after));
            return Err(Error::CertExpired { time, not_after });
        }
        let accept = |path: &VerifiedPath<'_>| {
            let intermediates = path.intermediate_certificates().count();
            match self.max_intermediates {
                Some(max) if u32::try_from(intermediates).is_ok_and(|count| count > max) => {
                    Err(Error::PathLenConstraintViolated)
                }
                Some(_) | None => Ok(()),
            }
        };
        let anchors = std::slice::from_ref(&self.anchor);
        let path =
            chain::verify_path(presented.chain, anchors, presented.roots, presented.now, presented.purpose, &accept)?;
        Ok(path.min(not_after))
    }
}

/// The usable records, of their digests only the strongest for each usage and selector (RFC 7671 §9); those that ask for least
/// first.
fn strongest(records: &[TlsaRecord]) -> Vec<Usable<'_>> {
    let all: Vec<Usable<'_>> = records.iter().filter_map(TlsaRecord::read).collect();
    let has_stronger = |weak: &Usable<'_>| {
        weak.matching == Matching::Sha256
            && all.iter().any(|other| {
                other.matching == Matching::Sha512 && (other.usage, other.selector) == (weak.usage, weak.selector)
            })
    };
    let mut strongest: Vec<Usable<'_>> = all.iter().filter(|usable| !has_stronger(usable)).copied().collect();
    strongest.sort_by_key(|usable| std::cmp::Reverse(usable.record.usage));
    strongest
}

/// Whether these octets are one certificate or one public key, in DER.
fn is_whole(octets: &[u8], selector: Selector) -> bool {
    match selector {
        Selector::Certificate => X509Certificate::from_der(octets).is_ok_and(|(rest, _)| rest.is_empty()),
        Selector::PublicKey => SubjectPublicKeyInfo::from_der(octets).is_ok_and(|(rest, _)| rest.is_empty()),
    }
}

/// What is inside the outermost SEQUENCE.
fn content(der: &[u8]) -> Option<&[u8]> {
    Any::from_der(der).ok().filter(|(rest, _)| rest.is_empty()).map(|(_, sequence)| sequence.data)
}

/// A SEQUENCE with this content, in DER.
fn sequence(content: &[u8]) -> Vec<u8> {
    const SEQUENCE: u8 = 0x30;
    let length = content.len().to_be_bytes();
    let significant = &length[length.iter().position(|&byte| byte != 0).unwrap_or(length.len() - 1)..];
    let mut der = vec![SEQUENCE];
    match significant {
        [short @ 0..0x80] => der.push(*short),
        long => {
            der.push(0x80 | u8::try_from(long.len()).expect("a length has 8 octets at the most"));
            der.extend(long);
        }
    }
    der.extend(content);
    der
}
