//! Whether the certificate of a server proves a domain (RFC 6120 §13.7.2.1).

use std::fmt;
use std::time::SystemTime;

use jabiru_stanza::DomainRef;
use rustls::pki_types::CertificateDer;
use webpki::Error;
use x509_parser::time::ASN1Time;

use super::chain::{self, Purpose};
use super::{Certificate, IdentifierKind, Malformed, Reference, Roots, Service};

/// Which end of the stream presented the certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Peer {
    /// The one that connected to us, the TLS client.
    Initiating,
    /// The one that we connected to, the TLS server.
    Receiving,
}

/// How to check; [`new`](Self::new) is what RFC 6120 recommends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerCheck {
    /// Which end presented the certificate.
    pub peer: Peer,
    /// The service sought at the domain.
    pub service: Service,
    /// Whether the common name may do as the last resort, see [`Certificate::identifies`].
    pub common_name: bool,
}

impl ServerCheck {
    /// A check between servers, without the common name.
    #[must_use]
    pub const fn new(peer: Peer) -> ServerCheck {
        ServerCheck { peer, service: Service::XmppServer, common_name: false }
    }
}

/// A domain was proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// What named the domain.
    pub identifier: IdentifierKind,
    /// When the proof ends: the first certificate on the path expires. The stream should then be
    /// closed with `reset` (RFC 6120 §13.7.2.3).
    pub not_after: SystemTime,
}

/// Why a certificate does not prove a domain, in words for an operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Nothing was presented.
    #[error("no certificate was presented")]
    NoCertificate,
    /// The chain is too large to be looked at.
    #[error("the certificate chain has more than {limit} bytes")]
    TooLarge {
        /// The bound.
        limit: usize,
    },
    /// The first certificate can't be read.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// It was valid once.
    #[error("the certificate, or one that it rests on, expired on {}", Date(*.not_after))]
    Expired {
        /// The end of that time.
        not_after: SystemTime,
    },
    /// It will be valid.
    #[error("the certificate, or one that it rests on, is not valid before {}", Date(*.not_before))]
    NotYetValid {
        /// The beginning of that time.
        not_before: SystemTime,
    },
    /// It certifies itself, and is not itself trusted.
    #[error("the certificate is self-signed")]
    SelfSigned,
    /// No way leads to an authority that is trusted.
    #[error("the certificate was issued by an unknown authority ({}), or intermediate certificates are missing", Text(.issuer))]
    UnknownIssuer {
        /// Who issued it, by its own account.
        issuer: String,
    },
    /// A signature on the path is wrong.
    #[error("a signature in the certificate chain is wrong")]
    BadSignature,
    /// A signature on the path is of a kind that is not believed, such as one with SHA-1.
    #[error("a signature in the certificate chain is of a kind that is not accepted")]
    UnacceptableSignature,
    /// An authority has taken it back.
    #[error("the certificate, or one that it rests on, was revoked")]
    Revoked,
    /// The authority's revocation list is out of date, so it may have been revoked.
    #[error("whether the certificate was revoked can't be told: the revocation list ended on {}", Date(*.next_update))]
    RevocationUnknown {
        /// When there should have been a new list.
        next_update: SystemTime,
    },
    /// It is for something else than this end of a stream.
    #[error("the certificate is not for this purpose")]
    WrongPurpose,
    /// It is an authority's, which no server may use (RFC 6120 §13.7.1.1).
    #[error("the certificate is that of an authority, not of a server")]
    Authority,
    /// All is well, but it is for others.
    #[error("the certificate is not for {domain} but for {}", Names(.names, *.more))]
    WrongName {
        /// The domain that was sought.
        domain: String,
        /// Names that it has, [`SHOWN_NAMES`](Self::SHOWN_NAMES) at the most.
        names: Vec<String>,
        /// How many more it has.
        more: usize,
    },
    /// The path breaks another rule of X.509.
    #[error("the certificate chain is not valid: {0}")]
    Invalid(#[source] Error),
}

impl Problem {
    /// How many of the names of a certificate [`Problem::WrongName`] tells.
    pub const SHOWN_NAMES: usize = 8;
}

/// Bytes of a chain that are looked at; TLS has no room for more.
pub(super) const MAX_CHAIN_BYTES: usize = 64 * 1024;

/// Checks whether a chain, the server's own certificate first and all in DER, proves a domain at
/// `now`: its path to one of the `roots`, its time, its purpose, revocation as far as `roots` have
/// lists, and that it names the domain.
///
/// It is for the caller to see that the peer has the key, as TLS does.
///
/// # Errors
/// The first [`Problem`]; a wrong name is told only of a certificate that is valid otherwise.
pub fn verify_server<C: AsRef<[u8]>>(
    chain: &[C],
    domain: &DomainRef,
    roots: &Roots,
    now: SystemTime,
    check: ServerCheck,
) -> Result<Proof, Problem> {
    let chain: Vec<CertificateDer<'_>> =
        chain.iter().map(|certificate| CertificateDer::from(certificate.as_ref())).collect();
    let own = chain.first().ok_or(Problem::NoCertificate)?;
    if chain.iter().map(|certificate| certificate.len()).sum::<usize>() > MAX_CHAIN_BYTES {
        return Err(Problem::TooLarge { limit: MAX_CHAIN_BYTES });
    }
    let certificate = Certificate::parse(own)?;
    let purpose = match check.peer {
        Peer::Initiating => Purpose::ConnectingServer,
        Peer::Receiving => Purpose::TlsServer,
    };
    let not_after = chain::verify(&chain, roots, now, purpose).map_err(|error| problem(error, &certificate))?;
    let identifier = Reference::new(domain, check.service)
        .and_then(|reference| certificate.identifies(&reference, check.common_name))
        .ok_or_else(|| wrong_name(domain.as_str(), &certificate))?;
    Ok(Proof { identifier, not_after })
}

pub(super) fn problem(error: Error, certificate: &Certificate) -> Problem {
    match error {
        Error::CertExpired { not_after, .. } => Problem::Expired { not_after: chain::system_time(not_after) },
        Error::CertNotValidYet { not_before, .. } => {
            Problem::NotYetValid { not_before: chain::system_time(not_before) }
        }
        Error::UnknownIssuer if certificate.is_self_issued() => Problem::SelfSigned,
        Error::UnknownIssuer => Problem::UnknownIssuer { issuer: certificate.issuer().to_owned() },
        Error::InvalidSignatureForPublicKey => Problem::BadSignature,
        Error::UnsupportedSignatureAlgorithmContext(_) | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
            Problem::UnacceptableSignature
        }
        Error::CertRevoked => Problem::Revoked,
        Error::CrlExpired { next_update, .. } => {
            Problem::RevocationUnknown { next_update: chain::system_time(next_update) }
        }
        error if chain::is_wrong_purpose(&error) => Problem::WrongPurpose,
        Error::CaUsedAsEndEntity => Problem::Authority,
        error => Problem::Invalid(error),
    }
}

pub(super) fn wrong_name(domain: &str, certificate: &Certificate) -> Problem {
    let mut identifiers =
        certificate.dns_ids().chain(certificate.srv_ids()).chain(certificate.xmpp_addresses()).map(str::to_owned);
    let names = identifiers.by_ref().take(Problem::SHOWN_NAMES).collect();
    Problem::WrongName { domain: domain.to_owned(), names, more: identifiers.count() }
}

/// A time for human eyes, such as `Nov 23 02:41:14 2026 +00:00`.
struct Date(SystemTime);

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        match i64::try_from(seconds).ok().and_then(|seconds| ASN1Time::from_timestamp(seconds).ok()) {
            Some(time) => write!(f, "{time}"),
            None => write!(f, "{seconds} seconds after 1970"),
        }
    }
}

/// What a peer wrote: what is not text is escaped, and what is long cut off.
struct Text<'a>(&'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN_CHARACTERS: usize = 200;
        let mut characters = self.0.chars();
        for character in characters.by_ref().take(SHOWN_CHARACTERS) {
            write!(f, "{}", character.escape_debug())?;
        }
        if characters.next().is_some() { f.write_str("…") } else { Ok(()) }
    }
}

/// Names in a sentence.
struct Names<'a>(&'a [String], usize);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Names(names, more) = self;
        if names.is_empty() {
            return f.write_str("no domain");
        }
        for (position, name) in names.iter().enumerate() {
            let separator = if position == 0 { "" } else { ", " };
            write!(f, "{separator}{}", Text(name))?;
        }
        if *more > 0 {
            write!(f, " and {more} more")?;
        }
        Ok(())
    }
}
