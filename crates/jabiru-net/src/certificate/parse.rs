//! What a certificate says (RFC 5280 §4; RFC 6120 §13.7.1; RFC 4985 §2).

use std::time::{Duration, SystemTime};

use x509_parser::asn1_rs::{Any, Class, FromDer, Tag};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::X509Certificate;
use x509_parser::time::ASN1Time;

/// A certificate, as far as XMPP reads it. Nothing of it is verified by reading it.
///
/// Only what is needed is kept, not the certificate itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    not_before: SystemTime,
    not_after: SystemTime,
    subject: String,
    issuer: String,
    self_issued: bool,
    has_subject: bool,
    pub(super) srv_ids: Vec<String>,
    pub(super) xmpp_addresses: Vec<String>,
    pub(super) dns_ids: Vec<String>,
    pub(super) common_names: Vec<String>,
    /// There is an identifier of a kind that forbids a look at the common name (RFC 6125 §6.4.4).
    pub(super) has_identifiers: bool,
}

/// These bytes are no X.509 certificate in DER.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a certificate in DER: {0}")]
pub struct Malformed(String);

impl Certificate {
    /// Reads one certificate in DER, in time that grows with its size alone.
    ///
    /// An identifier that is not encoded as its kind demands is left out, but counts as being there
    /// where its absence would allow something.
    ///
    /// # Errors
    /// [`Malformed`], with what is wrong.
    pub fn parse(der: &[u8]) -> Result<Certificate, Malformed> {
        let malformed = |error: &dyn ToString| Malformed(error.to_string());
        let (rest, parsed) = X509Certificate::from_der(der).map_err(|error| malformed(&error))?;
        if !rest.is_empty() {
            return Err(malformed(&"octets behind the certificate"));
        }
        let names = parsed.subject_alternative_name().map_err(|error| malformed(&error))?;
        let validity = parsed.validity();
        let common_name = |name: &x509_parser::x509::AttributeTypeAndValue<'_>| name.as_str().ok().map(str::to_owned);
        let mut certificate = Certificate {
            not_before: time(validity.not_before).ok_or_else(|| malformed(&"notBefore is no time"))?,
            not_after: time(validity.not_after).ok_or_else(|| malformed(&"notAfter is no time"))?,
            subject: parsed.subject().to_string(),
            issuer: parsed.issuer().to_string(),
            self_issued: parsed.issuer() == parsed.subject(),
            has_subject: parsed.subject().iter().next().is_some(),
            srv_ids: Vec::new(),
            xmpp_addresses: Vec::new(),
            dns_ids: Vec::new(),
            common_names: parsed.subject().iter_common_name().filter_map(common_name).collect(),
            has_identifiers: false,
        };
        for name in names.iter().flat_map(|extension| &extension.value.general_names) {
            certificate.take(name);
        }
        Ok(certificate)
    }

    fn take(&mut self, name: &GeneralName<'_>) {
        let (identifiers, identifier) = match name {
            GeneralName::DNSName(name) => (&mut self.dns_ids, Some(*name)),
            GeneralName::OtherName(kind, value) if kind.as_bytes() == ID_ON_DNS_SRV => {
                (&mut self.srv_ids, other_name(value, Tag::Ia5String).filter(|name| name.is_ascii()))
            }
            GeneralName::OtherName(kind, value) if kind.as_bytes() == ID_ON_XMPP_ADDR => {
                (&mut self.xmpp_addresses, other_name(value, Tag::Utf8String))
            }
            // A URI-ID names no XMPP service, but it shows that the certificate does not rely on its common name. What
            // could not be read may have been any of these.
            GeneralName::URI(_) | GeneralName::Invalid(..) => {
                self.has_identifiers = true;
                return;
            }
            _ => return,
        };
        self.has_identifiers = true;
        identifiers.extend(identifier.map(str::to_owned));
    }

    /// From when on it may be used.
    #[must_use]
    pub fn not_before(&self) -> SystemTime {
        self.not_before
    }

    /// Until when it may be used. A server warns of its own certificate before that, and ends the
    /// streams that rest on another's then (RFC 6120 §13.7.2.3).
    #[must_use]
    pub fn not_after(&self) -> SystemTime {
        self.not_after
    }

    /// Whose it is, for human eyes: the text of a distinguished name, which may be empty.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Who issued it, for human eyes: the text of a distinguished name.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Whether it names itself as its issuer, as self-signed certificates do.
    #[must_use]
    pub fn is_self_issued(&self) -> bool {
        self.self_issued
    }

    /// Whether its subject field has anything in it (RFC 6120 §13.7.1.1 demands that).
    #[must_use]
    pub fn has_subject(&self) -> bool {
        self.has_subject
    }

    /// Its SRV-IDs, such as `_xmpp-server.example.net`.
    pub fn srv_ids(&self) -> impl Iterator<Item = &str> {
        self.srv_ids.iter().map(String::as_str)
    }

    /// Its XmppAddr identifiers as they are written: addresses of accounts or domains, not prepared.
    pub fn xmpp_addresses(&self) -> impl Iterator<Item = &str> {
        self.xmpp_addresses.iter().map(String::as_str)
    }

    /// Its DNS-IDs, such as `example.net` and `*.example.net`.
    pub fn dns_ids(&self) -> impl Iterator<Item = &str> {
        self.dns_ids.iter().map(String::as_str)
    }

    /// The common names of its subject (CN-ID).
    pub fn common_names(&self) -> impl Iterator<Item = &str> {
        self.common_names.iter().map(String::as_str)
    }
}

/// `1.3.6.1.5.5.7.8.5`: an XMPP address (RFC 6120 §13.7.1.4), as DER writes it.
pub(super) const ID_ON_XMPP_ADDR: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 8, 5];
/// `1.3.6.1.5.5.7.8.7`: the name of a service at a domain (RFC 4985 §2), as DER writes it.
const ID_ON_DNS_SRV: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 8, 7];

/// The text in an otherName, if it is a string of this type and nothing else.
fn other_name(value: &[u8], string: Tag) -> Option<&str> {
    let (rest, explicit) = Any::from_der(value).ok()?;
    if !rest.is_empty() || explicit.class() != Class::ContextSpecific || explicit.tag() != Tag(0) {
        return None;
    }
    let (rest, text) = Any::from_der(explicit.data).ok()?;
    if !rest.is_empty() || text.class() != Class::Universal || text.tag() != string {
        return None;
    }
    std::str::from_utf8(text.data).ok()
}

fn time(time: ASN1Time) -> Option<SystemTime> {
    let distance = Duration::from_secs(time.timestamp().unsigned_abs());
    if time.timestamp() < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(distance)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(distance)
    }
}
