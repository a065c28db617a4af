//! Whether a certificate is for a domain (RFC 6120 §13.7.2.1; RFC 6125 §6).

use std::fmt;
use std::net::IpAddr;

use idna::AsciiDenyList;
use jabiru_stanza::DomainRef;

use super::Certificate;

/// Which service at a domain is sought; matters for SRV-IDs alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// Streams of clients.
    XmppClient,
    /// Streams of other servers.
    XmppServer,
}

/// The kind of identifier that a domain was found in (RFC 6125 §1.8; RFC 6120 §13.7.1.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IdentifierKind {
    /// The name of the service at the domain.
    SrvId,
    /// The domain as an XMPP address.
    XmppAddr,
    /// A DNS name, maybe with a wildcard.
    DnsId,
    /// The common name of the subject.
    CnId,
}

impl fmt::Display for IdentifierKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            IdentifierKind::SrvId => "SRV-ID",
            IdentifierKind::XmppAddr => "XmppAddr",
            IdentifierKind::DnsId => "DNS-ID",
            IdentifierKind::CnId => "CN-ID",
        })
    }
}

/// The domain sought in certificates and the service there: the reference identifiers (RFC 6125
/// §6.2), all in one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// As A-labels in lower case.
    domain: String,
    service: Service,
}

impl Reference {
    /// This domain, an internationalized one by its A-labels (RFC 6125 §6.4.2).
    ///
    /// `None` for what is no DNS name, such as an IP address: no certificate can be for it.
    #[must_use]
    pub fn new(domain: &DomainRef, service: Service) -> Option<Reference> {
        let domain = a_labels(domain.as_str())?;
        is_dns_name(&domain).then_some(Reference { domain, service })
    }

    /// The domain, as A-labels in lower case.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// `_xmpp-server.example.net`: the service's label before the whole domain. No wildcard: it may
    /// only be the left-most label of an identifier (RFC 6120 §13.7.1.2.1), and here that is the service.
    fn is_srv_id(&self, presented: &str) -> bool {
        let service = match self.service {
            Service::XmppClient => "_xmpp-client",
            Service::XmppServer => "_xmpp-server",
        };
        presented.split_once('.').is_some_and(|(label, domain)| {
            label.eq_ignore_ascii_case(service) && domain.eq_ignore_ascii_case(&self.domain)
        })
    }

    /// The domain itself, without a localpart or resourcepart; perhaps not as A-labels.
    fn is_xmpp_address(&self, presented: &str) -> bool {
        presented.eq_ignore_ascii_case(&self.domain)
            || (!presented.is_ascii() && a_labels(presented).is_some_and(|presented| presented == self.domain))
    }

    /// The domain itself, or its parent behind a wildcard that is the whole left-most label (RFC 6125
    /// §6.4.3). Nobody holds all of a top-level domain, so two labels have to follow the wildcard.
    fn is_dns_id(&self, presented: &str) -> bool {
        match presented.strip_prefix("*.") {
            Some(parent) => {
                parent.contains('.')
                    && self.domain.split_once('.').is_some_and(|(_, behind)| behind.eq_ignore_ascii_case(parent))
            }
            None => presented.eq_ignore_ascii_case(&self.domain),
        }
    }
}

impl Certificate {
    /// Whether this certificate is for the domain and service that are sought, and by which kind of
    /// identifier.
    ///
    /// The common name is looked at only if `common_name` says so, and only in a certificate without
    /// any DNS-ID, SRV-ID, URI-ID or XmppAddr (RFC 6125 §6.4.4): authorities do not check it any
    /// more, so leave it off unless a peer has an old certificate.
    #[must_use]
    pub fn identifies(&self, reference: &Reference, common_name: bool) -> Option<IdentifierKind> {
        self.identifier(reference, common_name).map(|(kind, _)| kind)
    }

    /// The same, with the identifier itself as the certificate has it, such as `*.example.net`.
    #[must_use]
    pub fn identifier(&self, reference: &Reference, common_name: bool) -> Option<(IdentifierKind, &str)> {
        let srv_id = self.srv_ids().find(|presented| reference.is_srv_id(presented));
        if let Some(presented) = srv_id {
            return Some((IdentifierKind::SrvId, presented));
        }
        let dns_id = self.dns_ids().find(|presented| reference.is_dns_id(presented));
        if let Some(presented) = dns_id {
            return Some((IdentifierKind::DnsId, presented));
        }
        let address = self.xmpp_addresses().find(|presented| reference.is_xmpp_address(presented));
        if let Some(presented) = address {
            return Some((IdentifierKind::XmppAddr, presented));
        }
        let may_look = common_name && !self.has_identifiers;
        let name = self.common_names().find(|presented| may_look && reference.is_dns_id(presented));
        name.map(|presented| (IdentifierKind::CnId, presented))
    }
}

/// A domain as A-labels in lower case (RFC 5890 §2.3.2.1), without the dot that may end it. `None`
/// for what can't be one.
pub(crate) fn a_labels(domain: &str) -> Option<String> {
    // No domain is longer, in whichever form (RFC 7622 §3.2); what is would only take time.
    const MAX_BYTES: usize = 1023;
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    if domain.len() > MAX_BYTES {
        return None;
    }
    idna::domain_to_ascii_cow(domain.as_bytes(), AsciiDenyList::URL).ok().map(std::borrow::Cow::into_owned)
}

/// Whether this is a host name of at least one label, in A-labels, and no IP address.
fn is_dns_name(domain: &str) -> bool {
    // RFC 1035 §2.3.4
    let (max_bytes, max_label_bytes) = (253, 63);
    let label_fits = |label: &str| {
        (1..=max_label_bytes).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    domain.len() <= max_bytes && domain.split('.').all(label_fits) && domain.parse::<IpAddr>().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(domain: &str) -> Option<Reference> {
        Reference::new(&jabiru_stanza::DomainPart::new(domain).unwrap(), Service::XmppServer)
    }

    #[test]
    fn what_is_sought_is_a_dns_name_as_a_labels() {
        for (domain, expected) in [
            ("example.net", Some("example.net")),
            ("Example.NET", Some("example.net")),
            ("localhost", Some("localhost")),
            ("bücher.example", Some("xn--bcher-kva.example")),
            ("xn--bcher-kva.example", Some("xn--bcher-kva.example")),
            ("under_score.example", Some("under_score.example")),
            ("192.0.2.1", None),
            ("[2001:db8::1]", None),
            ("*.example.net", None),
            ("two..dots", None),
        ] {
            // What the preparation of addresses refuses already can't be sought.
            let Ok(prepared) = jabiru_stanza::DomainPart::new(domain) else {
                assert_eq!(expected, None, "{domain}");
                continue;
            };
            let reference = Reference::new(&prepared, Service::XmppServer);
            assert_eq!(reference.as_ref().map(Reference::domain), expected, "{domain}");
        }
    }

    /// RFC 6125 §6.4.3, with the whole left-most label as the only place for a wildcard.
    #[test]
    fn dns_ids_match_by_label() {
        for (presented, sought, expected) in [
            ("example.net", "example.net", true),
            ("EXAMPLE.Net", "example.net", true),
            ("example.net.", "example.net", false),
            ("example.net\0.evil.example", "example.net", false),
            ("notexample.net", "example.net", false),
            ("*.example.net", "chat.example.net", true),
            ("*.Example.net", "chat.example.net", true),
            ("*.example.net", "example.net", false),
            ("*.example.net", "a.b.example.net", false),
            ("*.net", "example.net", false),
            ("*", "localhost", false),
            ("*.", "localhost", false),
            ("*example.net", "example.net", false),
            ("c*.example.net", "chat.example.net", false),
            ("*t.example.net", "chat.example.net", false),
            ("chat.*.net", "chat.example.net", false),
            ("*.*.net", "chat.example.net", false),
            ("xn--bcher-kva.example", "bücher.example", true),
            ("*.xn--bcher-kva.example", "chat.bücher.example", true),
            ("xn--*.example.net", "bücher.example.net", false),
            ("*.example.net", "bücher.example.net", true),
        ] {
            assert_eq!(reference(sought).unwrap().is_dns_id(presented), expected, "{presented} for {sought}");
        }
    }

    #[test]
    fn srv_ids_and_addresses_match_whole() {
        let chat = reference("chat.example.net").unwrap();
        for (presented, expected) in [
            ("_xmpp-server.chat.example.net", true),
            ("_XMPP-server.Chat.example.net", true),
            ("_xmpp-client.chat.example.net", false),
            ("_xmpp-server._tcp.chat.example.net", false),
            ("_xmpp-server.*.example.net", false),
            ("*.chat.example.net", false),
            ("_xmpp-server.example.net", false),
            ("chat.example.net", false),
        ] {
            assert_eq!(chat.is_srv_id(presented), expected, "{presented}");
        }
        for (presented, sought, expected) in [
            ("chat.example.net", "chat.example.net", true),
            ("CHAT.example.net", "chat.example.net", true),
            ("juliet@chat.example.net", "chat.example.net", false),
            ("chat.example.net/res", "chat.example.net", false),
            ("*.example.net", "chat.example.net", false),
            ("bücher.example", "bücher.example", true),
            ("BÜCHER.example", "bücher.example", true),
            ("xn--bcher-kva.example", "bücher.example", true),
        ] {
            assert_eq!(reference(sought).unwrap().is_xmpp_address(presented), expected, "{presented} for {sought}");
        }
    }
}
