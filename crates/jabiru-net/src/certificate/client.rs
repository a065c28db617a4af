//! Certificates of clients, as SASL EXTERNAL needs them (RFC 6120 §13.7.1.3 and §13.7.2.2; XEP-0178 §2).

use std::time::SystemTime;

use jabiru_negotiation::{CertificateValidity, ClientCertificate};
use jabiru_stanza::BareJid;
use rustls::pki_types::CertificateDer;
use webpki::Error;

use super::chain::{self, Purpose};
use super::{Certificate, Roots};

/// XmppAddr identifiers of one certificate that are taken; there is seldom more than one.
const MAX_ADDRESSES: usize = 64;

/// Certificates of one chain that may have expired, each after the one before, and still be told from untrusted ones:
/// more than a chain has that anybody issues.
const MAX_EXPIRED: usize = 4;

/// Who a client is by the chain that it presented, its own certificate first. `None` if that is no
/// certificate at all, or there is none.
///
/// It is for the caller to see that the client has the key.
pub(crate) fn client_certificate(
    chain: &[CertificateDer<'_>],
    roots: &Roots,
    now: SystemTime,
) -> Option<ClientCertificate> {
    let certificate = Certificate::parse(chain.first()?).ok()?;
    let (validity, not_after) = match chain::verify(chain, roots, now, Purpose::TlsClient) {
        // §13.7.2 wants the rules of §13.7.1.1 checked. Of servers this one is not: public authorities issue certificates
        // without a subject to them today, and RFC 5280 §4.1.2.6 allows it.
        Ok(_) if !certificate.has_subject() => {
            tracing::debug!("a client's certificate has no subject");
            (CertificateValidity::Untrusted, certificate.not_after())
        }
        Ok(not_after) => (CertificateValidity::Valid, not_after),
        Err(Error::CertExpired { not_after, .. }) if was_valid(chain, roots, chain::system_time(not_after)) => {
            (CertificateValidity::Expired, chain::system_time(not_after))
        }
        Err(error) => {
            tracing::debug!(%error, issuer = ?certificate.issuer(), "a client's certificate is not trusted");
            (CertificateValidity::Untrusted, certificate.not_after())
        }
    };
    // A domain alone is the address of no client.
    let address = |address: &str| BareJid::new(address).ok().filter(|address| address.node().is_some());
    let addresses = certificate.xmpp_addresses().filter_map(address).take(MAX_ADDRESSES).collect();
    Some(ClientCertificate { addresses, validity, not_after: Some(not_after) })
}

/// Whether nothing but its age is wrong with a chain of which something expired at `then`. Several of its
/// certificates may have expired since, so it goes back in time from one end to the one before.
fn was_valid(chain: &[CertificateDer<'_>], roots: &Roots, then: SystemTime) -> bool {
    let mut then = then;
    // Each look may cost many signatures, and nobody has proved anything yet.
    for _ in chain.iter().take(MAX_EXPIRED) {
        match chain::verify(chain, roots, then, Purpose::TlsClient) {
            Ok(_) => return true,
            Err(Error::CertExpired { not_after, .. }) if chain::system_time(not_after) < then => {
                then = chain::system_time(not_after);
            }
            Err(_) => return false,
        }
    }
    false
}
