//! The host that clients are sent to (RFC 6120 §4.9.3.19).

use std::net::{Ipv4Addr, Ipv6Addr};

use anyhow::{Context, bail};
use jabiru_stanza::DomainPart;

/// Checks `HOST[:PORT]`: a domain name, an IPv4 address, or an IPv6 address in brackets.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub(super) fn parse(text: &str) -> anyhow::Result<String> {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, rest)) => {
            let address: Ipv6Addr = address.parse().with_context(|| format!("{address:?} is no IPv6 address"))?;
            let port = match rest.strip_prefix(':') {
                Some(port) => Some(port),
                None if rest.is_empty() => None,
                None => bail!("{text:?} is not HOST[:PORT]: {rest:?} follows the address"),
            };
            (format!("[{address}]"), port)
        }
        None if text.parse::<Ipv6Addr>().is_ok() => bail!("an IPv6 address stands in brackets: [{text}]"),
        None => {
            let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
            (name(host)?, port)
        }
    };
    let Some(port) = port else { return Ok(host) };
    match port.parse::<u16>() {
        Ok(number) if number > 0 && port.starts_with(|c: char| c.is_ascii_digit()) => Ok(format!("{host}:{number}")),
        _ => bail!("{port:?} is no port: a number from 1 to 65535"),
    }
}

fn name(host: &str) -> anyhow::Result<String> {
    if let Ok(address) = host.parse::<Ipv4Addr>() {
        return Ok(address.to_string());
    }
    let part = DomainPart::new(host).with_context(|| format!("{host:?} is no host"))?;
    Ok(part.as_str().to_owned())
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
            assert_eq!(parse(text).ok().as_deref(), expected, "{text:?}");
        }
    }
}
