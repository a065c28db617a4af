//! The path from a certificate to an authority that is trusted (RFC 5280 §6; RFC 6120 §13.7.2).

use std::time::{Duration, SystemTime};

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{
    EndEntityCert, Error, ExpirationPolicy, ExtendedKeyUsageValidator, KeyPurposeId, KeyPurposeIdIter,
    RevocationOptionsBuilder, UnknownStatusPolicy, VerifiedPath,
};

use super::parse::ID_ON_XMPP_ADDR;
use super::{Certificate, Roots};

/// What a certificate has to be good for, unless it does not say (RFC 5280 §4.2.1.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The accepting side of TLS.
    TlsServer,
    /// The side of TLS that connects.
    TlsClient,
    /// A server that connects to another. Public authorities certify servers for the accepting side
    /// alone by now, so that will do: an XMPP server is the same server in both directions.
    ConnectingServer,
}

/// Follows the chain, the certificate itself first, to one of the authorities, at a given time.
///
/// Gives the time at which the first certificate on that path expires. That of the authority is not
/// among them: it is trusted because it is configured (RFC 5280 §6.1.1 d).
///
/// # Errors
/// What is wrong; what concerns the certificate's own time is told first. How much can be tried is
/// bounded by webpki, whatever the chain holds.
pub(super) fn verify(
    chain: &[CertificateDer<'_>],
    roots: &Roots,
    now: SystemTime,
    purpose: Purpose,
) -> Result<SystemTime, Error> {
    verify_path(chain, roots.anchors(), roots, now, purpose, &|_| Ok(()))
}

/// Like [`verify`], to one of these anchors, by a path that `accept` accepts; if it does not, others are tried. Of `roots`
/// only the revocation lists are looked at.
pub(super) fn verify_path(
    chain: &[CertificateDer<'_>],
    anchors: &[TrustAnchor<'_>],
    roots: &Roots,
    now: SystemTime,
    purpose: Purpose,
    accept: &dyn Fn(&VerifiedPath<'_>) -> Result<(), Error>,
) -> Result<SystemTime, Error> {
    let (own, others) = chain.split_first().ok_or(Error::UnknownIssuer)?;
    let certificate = EndEntityCert::try_from(own)?;
    let lists: Vec<_> = roots.revocation_lists().iter().collect();
    let revocation = RevocationOptionsBuilder::new(&lists).ok().map(|options| {
        options.with_status_policy(UnknownStatusPolicy::Allow).with_expiration_policy(ExpirationPolicy::Enforce).build()
    });
    let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
    let path = certificate.verify_for_usage(
        algorithms.all,
        anchors,
        others,
        unix_time(now),
        purpose,
        revocation,
        Some(accept),
    )?;
    path.intermediate_certificates()
        .map(|issuer| not_after(&issuer.der()))
        .try_fold(not_after(own)?, |earliest, not_after| Ok(earliest.min(not_after?)))
}

fn not_after(certificate: &CertificateDer<'_>) -> Result<SystemTime, Error> {
    Certificate::parse(certificate).map(|certificate| certificate.not_after()).map_err(|_| Error::BadDer)
}

/// A time before 1970 is no time at which a certificate could be valid; so is 1970.
pub(super) fn unix_time(time: SystemTime) -> UnixTime {
    UnixTime::since_unix_epoch(time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
}

pub(super) fn system_time(time: UnixTime) -> SystemTime {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(time.as_secs())).unwrap_or(SystemTime::UNIX_EPOCH)
}

impl ExtendedKeyUsageValidator for Purpose {
    fn validate(&self, purposes: KeyPurposeIdIter<'_, '_>) -> Result<(), Error> {
        let good: &[&[u8]] = match self {
            Purpose::TlsServer => &[SERVER_AUTH, ANY_PURPOSE, ID_ON_XMPP_ADDR],
            Purpose::TlsClient => &[CLIENT_AUTH, ANY_PURPOSE, ID_ON_XMPP_ADDR],
            Purpose::ConnectingServer => &[CLIENT_AUTH, SERVER_AUTH, ANY_PURPOSE, ID_ON_XMPP_ADDR],
        };
        let mut says_nothing = true;
        for purpose in purposes {
            says_nothing = false;
            let purpose = purpose?;
            if good.iter().any(|good| KeyPurposeId::new(good) == purpose) {
                return Ok(());
            }
        }
        if says_nothing { Ok(()) } else { Err(WRONG_PURPOSE) }
    }
}

/// webpki's newer error of this meaning can only be made by itself.
#[allow(deprecated, reason = "there is no other that could be made here")]
const WRONG_PURPOSE: Error = Error::RequiredEkuNotFound;

pub(super) fn is_wrong_purpose(error: &Error) -> bool {
    *error == WRONG_PURPOSE
}

/// `id-kp-serverAuth`
const SERVER_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];
/// `id-kp-clientAuth`
const CLIENT_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 2];
/// `anyExtendedKeyUsage`
const ANY_PURPOSE: &[u8] = &[0x55, 0x1d, 0x25, 0];
