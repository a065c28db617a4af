//! A host in the words of an operator, with or without a port.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use anyhow::{Context, bail};
use jabiru_stanza::DomainPart;

/// A domain name or an IP address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Host {
    /// A domain name, prepared.
    Name(DomainPart),
    /// An address.
    Address(IpAddr),
}

/// `HOST[:PORT]`. `Display` writes it so too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostPort {
    pub(crate) host: Host,
    pub(crate) port: Option<u16>,
}

impl HostPort {
    /// Reads `HOST[:PORT]`: a domain name, an IPv4 address, or an IPv6 address in brackets.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub(crate) fn parse(text: &str) -> anyhow::Result<HostPort> {
        let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((address, rest)) => {
                let address: Ipv6Addr = address.parse().with_context(|| format!("{address:?} is no IPv6 address"))?;
                let port = match rest.strip_prefix(':') {
                    Some(port) => Some(port),
                    None if rest.is_empty() => None,
                    None => bail!("{text:?} is not HOST[:PORT]: {rest:?} follows the address"),
                };
                (Host::Address(address.into()), port)
            }
            None if text.parse::<Ipv6Addr>().is_ok() => bail!("an IPv6 address stands in brackets: [{text}]"),
            None => {
                let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
                (Host::parse(host)?, port)
            }
        };
        let Some(port) = port else { return Ok(HostPort { host, port: None }) };
        match port.parse::<u16>() {
            Ok(number) if number > 0 && port.starts_with(|c: char| c.is_ascii_digit()) => {
                Ok(HostPort { host, port: Some(number) })
            }
            _ => bail!("{port:?} is no port: a number from 1 to 65535"),
        }
    }
}

impl Host {
    /// Reads a domain name, or an IP address, an IPv6 one with or without brackets.
    ///
    /// # Errors
    /// It is neither.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Host> {
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Ok(Host::Address(address));
        }
        let name = DomainPart::new(text).with_context(|| format!("{text:?} is no host"))?;
        Ok(Host::Name(name.into_owned()))
    }
}

/// An IPv6 address is in brackets.
impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Name(name) => f.write_str(name.as_str()),
            Host::Address(IpAddr::V4(address)) => address.fmt(f),
            Host::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.host),
            None => self.host.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_with_and_without_port() {
        for (text, expected) in [
            ("xmpp2.example", Some("xmpp2.example")),
            ("XMPP2.Example:9222", Some("xmpp2.example:9222")),
            ("localhost:1", Some("localhost:1")),
            ("192.0.2.1", Some("192.0.2.1")),
            ("192.0.2.1:65535", Some("192.0.2.1:65535")),
            ("[2001:db8::1]", Some("[2001:db8::1]")),
            ("[2001:DB8:0::1]:5222", Some("[2001:db8::1]:5222")),
            ("", None),
            (":5222", None),
            ("2001:db8::1", None),
            ("[2001:db8::1", None),
            ("[2001:db8::1]5222", None),
            ("[im.example]", None),
            ("im.example:", None),
            ("im.example:0", None),
            ("im.example:65536", None),
            ("im.example:+1", None),
            ("im.example:5222:5222", None),
            ("juliet@im.example", None),
            ("im.example/x", None),
            ("im example", None),
        ] {
            let parsed = HostPort::parse(text).ok().map(|host| host.to_string());
            assert_eq!(parsed.as_deref(), expected, "{text:?}");
        }
    }
}
