//! What was found: targets, addresses and TLSA records.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use jabiru_net::certificate::dane::TlsaRecord;
use jabiru_net::certificate::{Reference, Service};
use jabiru_stanza::{DomainPart, DomainRef};

/// Where the server of a domain may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// How it was found.
    pub source: Source,
    /// Whether every answer that led here was validated by DNSSEC, also the answer that there are no SRV
    /// records. Addresses and TLSA records have their own.
    pub secure: bool,
    /// The targets in the order in which to try them; at least one.
    pub targets: Vec<ServerTarget>,
}

/// How targets were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// By a route that the configuration has for the domain.
    Route,
    /// By SRV records (RFC 6120 §3.2.1; XEP-0368).
    Srv,
    /// There are no SRV records, so it is the domain itself (RFC 6120 §3.2.2).
    Address,
    /// The domain is an IP address.
    Literal,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Source::Route => "route in the configuration",
            Source::Srv => "SRV records",
            Source::Address => "address records",
            Source::Literal => "IP address",
        })
    }
}

/// One place where the server of a domain may be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServerTarget {
    /// The machine.
    pub host: Host,
    /// The TCP port.
    pub port: u16,
    /// Whether TLS is to be started with the first octet, not by STARTTLS (XEP-0368).
    pub direct_tls: bool,
    /// Lower is tried first; 0 if not from an SRV record.
    pub priority: u16,
    /// The share of this target among those of the same priority; 0 if not from an SRV record.
    pub weight: u16,
    /// Whether the answer that named this target was validated by DNSSEC, or it was named by the configuration. The name
    /// of the host may then stand for the domain where DANE is concerned (RFC 7673 §3.1, §4).
    pub secure: bool,
}

impl ServerTarget {
    /// What a certificate at this target may name so that it is good for `domain`: the domain itself and, if the DNS validly
    /// said that the target stands for it, the host (RFC 7673 §4.1).
    ///
    /// The second is for certificates that TLSA records are about. Others should name the domain, as RFC 6120 §13.7.2.1 has it.
    #[must_use]
    pub fn references(&self, domain: &DomainRef) -> Vec<Reference> {
        let host = match &self.host {
            Host::Name(name) if self.secure => DomainPart::new(name).ok(),
            Host::Name(_) | Host::Address(_) => None,
        };
        let names = [Some(domain), host.as_deref()];
        names.into_iter().flatten().filter_map(|name| Reference::new(name, Service::XmppServer)).collect()
    }
}

impl fmt::Display for ServerTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host {
            Host::Address(IpAddr::V6(address)) => write!(f, "[{address}]:{}", self.port)?,
            Host::Address(IpAddr::V4(_)) | Host::Name(_) => write!(f, "{}:{}", self.host, self.port)?,
        }
        if self.direct_tls { f.write_str(" (direct TLS)") } else { Ok(()) }
    }
}

/// A machine, by name or by address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// A DNS name as A-labels in lower case, without the dot that may end it.
    Name(String),
    /// An address, for which the DNS is not asked.
    Address(IpAddr),
}

/// This can be neither a DNS name nor an IP address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither a DNS name nor an IP address")]
pub struct NotAHost(pub String);

impl Host {
    /// The host that a domain names: itself, as A-labels, or the IP address that it is (RFC 7622 §3.2: an IPv6
    /// address stands in brackets).
    ///
    /// # Errors
    /// [`NotAHost`], for a domain that the DNS can't hold, such as one with a label of more than 63 octets.
    pub fn of_domain(domain: &DomainRef) -> Result<Host, NotAHost> {
        let text = domain.as_str();
        if let Some(inside) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let address: Ipv6Addr = inside.parse().map_err(|_| NotAHost(text.to_owned()))?;
            return Ok(Host::Address(address.into()));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Host::Address(address));
        }
        let name = Reference::new(domain, Service::XmppServer).ok_or_else(|| NotAHost(text.to_owned()))?;
        Ok(Host::Name(name.domain().to_owned()))
    }
}

impl FromStr for Host {
    type Err = NotAHost;

    /// A name, internationalized or not, or an address; an IPv6 address with or without brackets.
    fn from_str(text: &str) -> Result<Host, NotAHost> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Host::Address(address));
        }
        let domain = DomainPart::new(text).map_err(|_| NotAHost(text.to_owned()))?;
        Host::of_domain(&domain)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Name(name) => f.write_str(name),
            Host::Address(address) => address.fmt(f),
        }
    }
}

/// The addresses of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// At least one; the families by turns, IPv6 first (RFC 8305 §4).
    pub list: Vec<IpAddr>,
    /// Whether they were validated by DNSSEC.
    pub secure: bool,
}

/// What the DNS says of the certificate of a service (RFC 6698).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tlsa {
    /// None, if there are none.
    pub records: Vec<TlsaRecord>,
    /// Whether the answer was validated by DNSSEC. If not, the records mean nothing (RFC 6698 §4.1).
    pub secure: bool,
}
