//! Where to connect instead (RFC 6120 §4.9.3.19).

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// A host and perhaps a port, as `see-other-host` names it (RFC 6120 §4.9.3.19): a domain name or an IPv4 address as it
/// is, an IPv6 address in brackets, a port behind a colon.
///
/// ```
/// use jabiru_stanza::OtherHost;
///
/// let other: OtherHost = "[2001:db8::1]:5223".parse()?;
/// assert_eq!((other.host(), other.port()), ("2001:db8::1", Some(5223)));
/// assert_eq!(OtherHost::new("2001:db8::1", None)?.to_string(), "[2001:db8::1]");
/// # Ok::<(), jabiru_stanza::InvalidHost>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OtherHost {
    host: String,
    port: Option<u16>,
}

/// A text that is no host with or without a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a host, or a host and a port; an IPv6 address stands in brackets if a port can follow")]
pub struct InvalidHost;

impl OtherHost {
    /// This host, an IPv6 address without brackets, at this port; without one at the usual one (§3.2).
    ///
    /// # Errors
    /// If the host is neither an IP address nor can be a domain name, or the port is 0.
    pub fn new(host: &str, port: Option<u16>) -> Result<OtherHost, InvalidHost> {
        let valid = host.parse::<IpAddr>().is_ok() || is_name(host);
        if !valid || port == Some(0) {
            return Err(InvalidHost);
        }
        Ok(OtherHost { host: host.to_owned(), port })
    }

    /// The domain name or address, which has no brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, if one is named.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }
}

/// With whitespace around it, as it may stand in an element.
impl FromStr for OtherHost {
    type Err = InvalidHost;

    fn from_str(text: &str) -> Result<OtherHost, InvalidHost> {
        let text = text.trim();
        let (host, rest) = match text.strip_prefix('[') {
            Some(text) => {
                let (host, rest) = text.split_once(']').ok_or(InvalidHost)?;
                host.parse::<Ipv6Addr>().map_err(|_| InvalidHost)?;
                (host, rest)
            }
            None => {
                let (host, rest) = text.split_at(text.find(':').unwrap_or(text.len()));
                (host, rest)
            }
        };
        let port = match rest.strip_prefix(':') {
            // `parse` would take a sign.
            Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(port.parse().map_err(|_| InvalidHost)?)
            }
            None if rest.is_empty() => None,
            _ => return Err(InvalidHost),
        };
        OtherHost::new(host, port)
    }
}

impl fmt::Display for OtherHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]", self.host)?;
        } else {
            f.write_str(&self.host)?;
        }
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

/// Can this be a domain name, in whatever script? It is to be resolved, so that is all there is to ask.
fn is_name(host: &str) -> bool {
    let label = |label: &str| !label.is_empty() && label.chars().all(|char| char == '-' || char.is_alphanumeric());
    let without_root = host.strip_suffix('.').unwrap_or(host);
    host.len() <= 1023 && without_root.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// §4.9.3.19: host, host:port, and IPv6 addresses in brackets.
    #[test]
    fn hosts_and_ports() {
        for (text, expected) in [
            ("im.example", Some(("im.example", None))),
            ("im.example.:5222", Some(("im.example.", Some(5222)))),
            ("m\u{fc}nchen.example:65535", Some(("m\u{fc}nchen.example", Some(65535)))),
            ("192.0.2.1", Some(("192.0.2.1", None))),
            ("192.0.2.1:9222", Some(("192.0.2.1", Some(9222)))),
            ("[2001:41D0:1:A49b::1]:9222", Some(("2001:41D0:1:A49b::1", Some(9222)))),
            ("\n [::1] ", Some(("::1", None))),
            ("2001:db8::1", None),
            ("[2001:db8::1", None),
            ("[2001:db8::1]9222", None),
            ("[im.example]:5222", None),
            ("[192.0.2.1]", None),
            ("im.example:", None),
            ("im.example:0", None),
            ("im.example:+1", None),
            ("im.example:65536", None),
            ("im..example", None),
            ("a b", None),
            ("juliet@im.example", None),
            ("im.example/x", None),
            ("", None),
        ] {
            let parsed = text.parse::<OtherHost>().ok();
            assert_eq!(parsed.as_ref().map(|other| (other.host(), other.port())), expected, "{text:?}");
            if let Some(other) = parsed {
                assert_eq!(other.to_string(), text.trim());
            }
        }
        assert_eq!(OtherHost::new("2001:db8::1", Some(5222)).unwrap().to_string(), "[2001:db8::1]:5222");
        assert_eq!(OtherHost::new("[2001:db8::1]", None), Err(InvalidHost));
    }
}
