//! The authorities that are trusted, and what they have revoked.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, TrustAnchor};
use sha2::{Digest, Sha256, Sha512};
use webpki::{CertRevocationList, OwnedCertRevocationList};

use crate::pem_file;

/// Authorities whose certificates are believed. Cheap to clone.
#[derive(Clone, Default)]
pub struct Roots {
    anchors: Arc<[TrustAnchor<'static>]>,
    /// Of the certificate of each anchor.
    digests: Arc<[CertificateDigests]>,
    revocation_lists: Arc<[CertRevocationList<'static>]>,
}

/// Digests of a certificate in DER, for what names it by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CertificateDigests {
    pub(super) sha256: [u8; 32],
    pub(super) sha512: [u8; 64],
}

impl CertificateDigests {
    pub(super) fn of(certificate: &[u8]) -> CertificateDigests {
        CertificateDigests { sha256: Sha256::digest(certificate).into(), sha512: Sha512::digest(certificate).into() }
    }
}

/// Why authorities can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RootsError {
    /// A PEM file that can't be read, or holds something else.
    #[error("can't read {what} from {}: {source}", path.display())]
    Read {
        /// "certificates" or "revocation lists"
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the reader says.
        source: rustls::pki_types::pem::Error,
    },
    /// The file holds none of what is sought.
    #[error("no {what} in {}", path.display())]
    Empty {
        /// "certificates" or "revocation lists"
        what: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// What is said to be the certificate of an authority is none.
    #[error("certificate {position} can't be that of an authority: {source}")]
    Certificate {
        /// Its place among those given, from 1.
        position: usize,
        /// What is wrong.
        source: webpki::Error,
    },
    /// What is said to be a revocation list is none.
    #[error("revocation list {position} can't be used: {source}")]
    RevocationList {
        /// Its place among those given, from 1.
        position: usize,
        /// What is wrong.
        source: webpki::Error,
    },
}

impl Roots {
    /// Trusts these authorities.
    ///
    /// # Errors
    /// [`RootsError::Certificate`] with the first one that can't be used.
    pub fn new<'a>(certificates: impl IntoIterator<Item = CertificateDer<'a>>) -> Result<Roots, RootsError> {
        let anchor = |(index, certificate): (usize, CertificateDer<'a>)| {
            webpki::anchor_from_trusted_cert(&certificate)
                .map(|anchor| (anchor.to_owned(), CertificateDigests::of(&certificate)))
                .map_err(|source| RootsError::Certificate { position: index + 1, source })
        };
        let anchors: Vec<_> = certificates.into_iter().enumerate().map(anchor).collect::<Result<_, _>>()?;
        let (anchors, digests): (Vec<_>, Vec<_>) = anchors.into_iter().unzip();
        Ok(Roots { anchors: anchors.into(), digests: digests.into(), revocation_lists: Arc::default() })
    }

    /// Trusts the authorities in a PEM file, such as the bundle that an operating system keeps.
    ///
    /// # Errors
    /// See [`RootsError`]; the message names the file, or the certificate by its place in it.
    pub fn from_pem_file(path: &Path) -> Result<Roots, RootsError> {
        Roots::new(read::<CertificateDer<'static>>("certificates", path)?)
    }

    /// Trusts the authorities that the operating system trusts. `SSL_CERT_FILE` and `SSL_CERT_DIR` say where they are, if
    /// not in the usual place. What of them can't be used is left out, and the log tells it; there may be none.
    #[must_use]
    pub fn of_system() -> Roots {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::debug!(%error, "some of the authorities of the system can't be read");
        }
        let certificates = found.certs.into_iter();
        // Each by itself: one that is too old for this time must not take the others with it.
        let usable = certificates.filter_map(|certificate| match Roots::new([certificate]) {
            Ok(one) => Some(one),
            Err(error) => {
                tracing::debug!(%error, "an authority of the system is left out");
                None
            }
        });
        let usable: Vec<_> = usable.collect();
        Roots {
            anchors: usable.iter().flat_map(|one| one.anchors.iter().cloned()).collect(),
            digests: usable.iter().flat_map(|one| one.digests.iter().copied()).collect(),
            revocation_lists: Arc::default(),
        }
    }

    /// Trusts the authorities of `other` too, whose revocation lists are not taken over.
    #[must_use]
    pub fn and(self, other: &Roots) -> Roots {
        Roots {
            anchors: self.anchors.iter().chain(&*other.anchors).cloned().collect(),
            digests: self.digests.iter().chain(&*other.digests).copied().collect(),
            ..self
        }
    }

    /// Whether nobody is trusted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.anchors.is_empty()
    }

    /// Also checks certificates against the revocation lists (CRLs, RFC 5280 §5) in a PEM file, in place
    /// of those that were given before. A certificate whose authority has no list here passes; one
    /// whose authority has only a list that is out of date does not (RFC 6120 §13.7.2).
    ///
    /// # Errors
    /// See [`RootsError`].
    pub fn with_revocation_lists(self, path: &Path) -> Result<Roots, RootsError> {
        self.revoking(read::<CertificateRevocationListDer<'static>>("revocation lists", path)?)
    }

    /// Like [`with_revocation_lists`](Self::with_revocation_lists), with lists in DER.
    ///
    /// # Errors
    /// [`RootsError::RevocationList`] with the first one that can't be used.
    pub fn revoking<'a>(
        self,
        lists: impl IntoIterator<Item = CertificateRevocationListDer<'a>>,
    ) -> Result<Roots, RootsError> {
        let list = |(index, list): (usize, CertificateRevocationListDer<'a>)| {
            OwnedCertRevocationList::from_der(&list)
                .map(CertRevocationList::from)
                .map_err(|source| RootsError::RevocationList { position: index + 1, source })
        };
        let lists: Vec<_> = lists.into_iter().enumerate().map(list).collect::<Result<_, _>>()?;
        Ok(Roots { revocation_lists: lists.into(), ..self })
    }

    /// The same authorities as the TLS library keeps them, for connections that it judges itself, such as HTTPS. Revocation
    /// lists are not among it.
    #[must_use]
    pub fn store(&self) -> RootCertStore {
        RootCertStore { roots: self.anchors.to_vec() }
    }

    pub(super) fn anchors(&self) -> &[TrustAnchor<'static>] {
        &self.anchors
    }

    /// Of the certificate of one of the [`anchors`](Self::anchors).
    pub(super) fn digests(&self, anchor: &TrustAnchor<'_>) -> Option<CertificateDigests> {
        let position = self.anchors.iter().position(|own| own == anchor)?;
        self.digests.get(position).copied()
    }

    pub(super) fn revocation_lists(&self) -> &[CertRevocationList<'static>] {
        &self.revocation_lists
    }
}

/// How many, not whom.
impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Roots")
            .field("authorities", &self.anchors.len())
            .field("revocation_lists", &self.revocation_lists.len())
            .finish()
    }
}

fn read<T: PemObject>(what: &'static str, path: &Path) -> Result<Vec<T>, RootsError> {
    let items: Vec<T> =
        pem_file::read(path).map_err(|source| RootsError::Read { what, path: path.to_owned(), source })?;
    if items.is_empty() {
        return Err(RootsError::Empty { what, path: path.to_owned() });
    }
    Ok(items)
}
